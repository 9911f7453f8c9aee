//! Prepares the first screen: for each number of threads a small table of questions, which shows how the runtimes that can be
//! chosen stand in each kind of work, and the sentences around it.
//!
//! Flavours of one runtime count as one: in each row it has the figure of its best flavour. Ratios are to the best of the
//! runtimes that can serve; the others are yardsticks. `templates/first.js` writes the same squares when a reader hides lanes.

mod pairs;
mod reasons;
mod runtimes;

use results::{
    Cell, Estimate, GroupSummary, LEVEL, LaneSummary, Memory, Metric, Results, Status, Summary,
    figures::{self, counted, listed, whole},
    lookup,
};

use super::{links::anchor, standings};
use crate::verdict;

use reasons::Reason;
use runtimes::Runtime;

/// The whole first screen.
pub(super) struct First {
    /// `true` if the results say which lanes can serve, and some can.
    pub(super) tells: bool,
    pub(super) silent: String,
    pub(super) races: Vec<FirstRace>,
    /// The runtimes of which two can be set against each other.
    pub(super) lanes: Vec<String>,
    /// The lanes that a reader who needs one that can serve hides, separated by spaces.
    pub(super) yardsticks: String,
}

/// The first screen at one number of threads.
pub(super) struct FirstRace {
    pub(super) number: usize,
    pub(super) threads: String,
    /// The name of the figures: "times the best that can serve".
    pub(super) corner: &'static str,
    pub(super) heads: Vec<Head>,
    pub(super) questions: Vec<Question>,
    pub(super) pairs: Vec<String>,
    pub(super) reasons: Vec<Reason>,
    pub(super) absent: Option<String>,
}

/// A runtime at the head of its column.
pub(super) struct Head {
    pub(super) name: String,
    /// Its version, or what keeps it from being chosen.
    pub(super) remark: String,
    /// The names of its lanes in this race, separated by spaces.
    pub(super) lanes: String,
    /// "serves", "yardstick", or "yardstick first" for the first of these.
    pub(super) class: &'static str,
}

/// A row: a kind of work.
pub(super) struct Question {
    pub(super) name: String,
    /// The kind of work in a few words; may be empty.
    pub(super) about: String,
    /// The number of rows that it is over, or what is counted.
    pub(super) small: String,
    /// The place that it leads to.
    pub(super) anchor: String,
    /// The key by which the script finds its figures: "group:Timers".
    pub(super) key: String,
    /// The noise floor of its mean, a ratio.
    pub(super) floor: String,
    /// "means" for a row of ratios, "values" for one of figures.
    pub(super) class: &'static str,
    pub(super) squares: Vec<FirstSquare>,
}

/// The figure of a runtime in a row.
pub(super) struct FirstSquare {
    pub(super) class: String,
    pub(super) text: String,
    pub(super) title: String,
}

impl First {
    pub(super) fn of(results: &Results) -> First {
        let served: Vec<&str> =
            results.executors.iter().filter(|lane| lane.can_serve()).map(|lane| &*lane.name).collect();
        let ranked = results.executors.iter().filter(|lane| !lookup::is_program(results, &lane.name));
        First {
            tells: !served.is_empty(),
            silent: silent(results),
            races: lookup::races(results).into_iter().map(|threads| race(results, threads)).collect(),
            lanes: ranked.map(|lane| lane.name.clone()).collect(),
            yardsticks: results
                .executors
                .iter()
                .map(|lane| &*lane.name)
                .filter(|lane| !served.contains(lane))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

/// Returns the line on what the page does not say.
fn silent(results: &Results) -> String {
    let mut seen = results.cells.iter().filter_map(|cell| cell.observed.as_ref());
    let sockets =
        if seen.any(|seen| seen.driver.is_some()) { "networks (sockets are loopback)" } else { "sockets" };
    let more = match lookup::processors(results) {
        Some(processors) => format!("more than {}", counted(processors, "processor")),
        None => "other machines".to_owned(),
    };
    format!(
        "{sockets}, files, {more}. Tasks do almost no work, so other programs differ less: 100 ns an operation are 1 % of a core at \
         100,000 a second."
    )
}

fn race(results: &Results, threads: usize) -> FirstRace {
    let runtimes = runtimes::of(results, threads);
    let tells = runtimes.iter().any(|runtime| runtime.serves);
    let first_yardstick = runtimes.iter().position(|runtime| !runtime.serves);
    let head = |(place, runtime): (usize, &Runtime<'_>)| Head {
        name: runtime.name.to_owned(),
        remark: runtime.remark(results),
        lanes: runtime.lanes.join(" "),
        class: match (runtime.serves || !tells, first_yardstick == Some(place)) {
            (true, _) => "serves",
            (false, true) => "yardstick first",
            (false, false) => "yardstick",
        },
    };
    FirstRace {
        number: threads,
        threads: counted(threads, "thread"),
        corner: if tells { "times the best that can serve" } else { "times the best" },
        heads: runtimes.iter().enumerate().map(head).collect(),
        questions: questions(results, threads, &runtimes),
        pairs: pairs::sentences(results, threads, &runtimes),
        reasons: reasons::of(results, threads, &runtimes),
        absent: absent(results, threads, &runtimes),
    }
}

/// Names the lanes that can serve and have no flavour in a race.
fn absent(results: &Results, threads: usize, runtimes: &[Runtime<'_>]) -> Option<String> {
    let races = |package: &str| runtimes.iter().any(|runtime| runtime.package == package);
    let missing = results.executors.iter().filter(|lane| lane.can_serve() && !races(runtimes::package(lane)));
    let missing: Vec<&str> = missing.map(|lane| &*lane.name).collect();
    let other = lookup::races(results).into_iter().find(|&other| {
        let racing = lookup::racing(results, other);
        other != threads && missing.iter().all(|lane| racing.contains(lane))
    })?;
    let verb = if missing.len() == 1 { "can serve too, and has" } else { "can serve too, and have" };
    (!missing.is_empty()).then(|| format!("{} {verb} {} only.", listed(&missing), counted(other, "thread")))
}

fn questions(results: &Results, threads: usize, runtimes: &[Runtime<'_>]) -> Vec<Question> {
    let mut questions = Vec::new();
    for group in results.groups.iter().filter(|group| group.summary.threads == threads) {
        questions.push(of_group(results, group, runtimes));
        questions.extend(tail_of_group(results, &group.group, threads, runtimes));
    }
    questions.extend(of_memory(results, threads, runtimes));
    let summary = results.summaries.iter().find(|summary| summary.threads == threads);
    questions.extend(summary.filter(|summary| summary.comparisons > 0).map(|summary| Question {
        name: if verdict::leaves_out(results, summary) { "All measured in time" } else { "All" }.to_owned(),
        about: String::new(),
        small: whole(summary.comparisons as u64),
        anchor: standings::id(threads),
        key: "all:".to_owned(),
        floor: short(verdict::floor_of_group(results, None, threads)),
        class: "means all",
        squares: means(results, summary, verdict::floor_of_group(results, None, threads), runtimes, &|_| {
            true
        }),
    }));
    questions
}

fn of_group(results: &Results, group: &GroupSummary, runtimes: &[Runtime<'_>]) -> Question {
    let GroupSummary { group, about, summary } = group;
    let floor = verdict::floor_of_group(results, Some(group), summary.threads);
    let is_in = |cell: &Cell| {
        results.workloads.iter().any(|workload| workload.name == cell.workload && workload.group == *group)
    };
    Question {
        name: group.clone(),
        about: about.clone(),
        small: whole(summary.comparisons as u64),
        anchor: standings::group_id(summary.threads, group),
        key: format!("group:{group}"),
        floor: short(floor),
        class: "means",
        squares: means(results, summary, floor, runtimes, &is_in),
    }
}

/// Writes a ratio for the script.
fn short(ratio: f64) -> String {
    format!("{ratio:.4}")
}

/// Makes the squares of the means of a summary.
fn means(
    results: &Results,
    summary: &Summary,
    floor: f64,
    runtimes: &[Runtime<'_>],
    is_in: &dyn Fn(&Cell) -> bool,
) -> Vec<FirstSquare> {
    let lane_of =
        |name: &&str| summary.lanes.iter().find(|lane| lane.executor == **name && lane.geomean.is_some());
    let mean = |lane: &LaneSummary| lane.geomean.map_or(f64::INFINITY, |mean| mean.value);
    let best_of = |lanes: &mut dyn Iterator<Item = &'_ LaneSummary>| -> Option<LaneSummary> {
        lanes.min_by(|one, other| mean(one).total_cmp(&mean(other))).cloned()
    };
    let flavours: Vec<Option<LaneSummary>> =
        runtimes.iter().map(|runtime| best_of(&mut runtime.lanes.iter().filter_map(lane_of))).collect();
    let choices = runtimes::choices(runtimes);
    let among: Vec<&LaneSummary> = flavours
        .iter()
        .zip(&choices)
        .filter(|(_, choice)| **choice)
        .filter_map(|(lane, _)| lane.as_ref())
        .collect();
    let best = best_of(&mut among.iter().copied());
    let square = |((runtime, lane), is_choice): ((&Runtime<'_>, &Option<LaneSummary>), &bool)| {
        let (Some(lane), Some(best)) = (lane, &best) else {
            let text = if best.is_none() && lane.is_some() { "" } else { "–" };
            return FirstSquare {
                class: String::new(),
                text: text.to_owned(),
                title: gap(results, summary.threads, runtime, is_in),
            };
        };
        if lane.executor == best.executor {
            let text = if among.len() == 1 { "only one" } else { "best" };
            return FirstSquare {
                class: "lead".to_owned(),
                text: text.to_owned(),
                title: runtime.flavour(&lane.executor),
            };
        }
        let Some(ratio) = lane.ratios.get(&best.executor) else { return FirstSquare::unknown() };
        let title = format!("{} {}", figures::ratio_with_interval(ratio), runtime.flavour(&lane.executor));
        let place = match is_choice {
            false => return FirstSquare::of(ratio.value, Place::Beside, String::new()),
            true if is_behind(lane, &best.executor, ratio, floor) => Place::Behind,
            true if ratio.high <= floor.max(LEVEL) => Place::Level,
            true => Place::Open,
        };
        FirstSquare::of(ratio.value, place, title)
    };
    runtimes.iter().zip(&flavours).zip(&choices).map(square).collect()
}

/// Tells whether a mean is behind another; files from before that was said have the interval of the two alone.
fn is_behind(lane: &LaneSummary, other: &str, ratio: &Estimate, floor: f64) -> bool {
    match lane.place {
        Some(results::Place::Behind) if lane.behind.is_empty() => ratio.low > floor,
        _ => lane.behind.iter().any(|behind| behind == other),
    }
}

/// What is known of a runtime beside the best that can serve.
enum Place {
    Level,
    Open,
    Behind,
    /// It is a yardstick.
    Beside,
}

impl FirstSquare {
    fn of(ratio: f64, place: Place, title: String) -> FirstSquare {
        let number = figures::ratio(ratio).trim_end_matches('×').to_owned();
        let (class, text) = match place {
            Place::Level => ("lead".to_owned(), format!("{number} =")),
            Place::Open => (format!("{} open", standings::shade(ratio.max(1.0))), format!("{number} ~")),
            Place::Behind => (standings::shade(ratio), number),
            Place::Beside => (String::new(), number),
        };
        FirstSquare { class, text, title: title.trim_end().to_owned() }
    }

    fn unknown() -> FirstSquare {
        FirstSquare { class: String::new(), text: "–".to_owned(), title: "not in the results".to_owned() }
    }
}

/// Returns the reason why a runtime has no mean.
fn gap(results: &Results, threads: usize, runtime: &Runtime<'_>, is_in: &dyn Fn(&Cell) -> bool) -> String {
    let cells = || results.cells.iter().filter(|cell| cell.threads == threads && is_in(cell));
    let own = || cells().filter(|cell| runtime.lanes.contains(&&*cell.executor));
    let (all, ran) = (own().count(), own().filter(|cell| cell.status == Status::Ok).count());
    match own().find(|cell| cell.status != Status::Ok) {
        Some(cell) if ran == 0 => lookup::reason(cell).to_owned(),
        _ => format!("ran {ran} of {all}"),
    }
}

/// Makes the row of the latest percent of what a group waits for, at the workload that says most of it: the last one that is
/// measured by lateness, or else the largest size.
fn tail_of_group(
    results: &Results,
    group: &str,
    threads: usize,
    runtimes: &[Runtime<'_>],
) -> Option<Question> {
    let of_group = results.workloads.iter().filter(|workload| workload.group == group);
    let candidates = of_group.flat_map(|workload| {
        let sizes = lookup::sizes(results, &workload.name, threads).into_iter();
        let measured = sizes.filter(|&size| {
            tails(results, &workload.name, size, threads, runtimes).iter().flatten().count() > 1
        });
        measured.map(move |size| (!workload.measure.is_empty(), workload, size)).collect::<Vec<_>>()
    });
    let candidates: Vec<_> = candidates.collect();
    let late = candidates.iter().rev().find(|(is_late, ..)| *is_late);
    let (_, workload, size) = late.or_else(|| candidates.iter().max_by_key(|(_, _, size)| *size))?;
    Some(Question {
        name: format!("p99 lateness: {}", workload.name),
        about: String::new(),
        small: whole(*size),
        anchor: anchor(&workload.name),
        key: format!("p99:{}/{size}", workload.name),
        floor: String::new(),
        class: "values",
        squares: values(tails(results, &workload.name, *size, threads, runtimes), runtimes, &figures::ns),
    })
}

/// Returns the 99th percentile of the lateness of each runtime in a comparison, of its best flavour.
fn tails<'a>(
    results: &Results,
    workload: &str,
    size: u64,
    threads: usize,
    runtimes: &[Runtime<'a>],
) -> Vec<Option<(&'a str, f64)>> {
    let value = |lane: &str| {
        let cell = results.comparison(workload, size, threads).find(|cell| cell.executor == lane)?;
        measured(cell.metrics.get("lateness-p99")?)
    };
    runtimes.iter().map(|runtime| runtime.least(value)).collect()
}

fn of_memory(results: &Results, threads: usize, runtimes: &[Runtime<'_>]) -> Vec<Question> {
    let mut workloads: Vec<&str> = results.memory.iter().map(|memory| &*memory.workload).collect();
    workloads.dedup();
    let question = |workload: &str| {
        // Memory is measured at one number of threads of each lane, and depends little on it.
        let of_lane = |lane: &str| {
            let of_lane = |memory: &&Memory| memory.workload == workload && memory.executor == lane;
            let found: Vec<&Memory> = results.memory.iter().filter(of_lane).collect();
            let here = found.iter().find(|memory| memory.threads == threads).or(found.first());
            here.and_then(|memory| measured(&memory.bytes_a_task))
        };
        let found: Vec<Option<(&str, f64)>> = runtimes.iter().map(|runtime| runtime.least(of_lane)).collect();
        found.iter().any(Option::is_some).then(|| Question {
            name: format!("Memory: {workload}"),
            about: String::new(),
            small: "a task".to_owned(),
            anchor: "memory".to_owned(),
            key: format!("memory:{workload}"),
            floor: String::new(),
            class: "values",
            squares: values(found, runtimes, &figures::bytes),
        })
    };
    workloads.into_iter().filter_map(question).collect()
}

/// Makes squares of figures that no statistics were applied to: the least of those that can serve is bold, and no more is said.
fn values(
    found: Vec<Option<(&str, f64)>>,
    runtimes: &[Runtime<'_>],
    write: &dyn Fn(f64) -> String,
) -> Vec<FirstSquare> {
    let among = found.iter().zip(runtimes::choices(runtimes)).filter(|(_, choice)| *choice);
    let least = among.filter_map(|(found, _)| found.map(|(_, value)| value)).min_by(f64::total_cmp);
    let square = |(found, runtime): (Option<(&str, f64)>, &Runtime<'_>)| match found {
        None => FirstSquare::unknown(),
        Some((lane, value)) => FirstSquare {
            class: if Some(value) == least { "least" } else { "" }.to_owned(),
            text: write(value),
            title: runtime.flavour(lane),
        },
    };
    found.into_iter().zip(runtimes).map(square).collect()
}

fn measured(metric: &Metric) -> Option<f64> {
    match metric {
        Metric::Measured { estimate, .. } => Some(estimate.value),
        Metric::Unavailable { .. } => None,
    }
}
