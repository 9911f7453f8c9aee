//! Prepares the first screen: for each number of threads a small table of questions, which shows how the runtimes that can be
//! chosen stand in each kind of work, and the sentences around it. The figures are those of `answers.rs`.
//! `templates/first.js` writes the same squares when a reader hides lanes.

mod reasons;

use results::{
    Capability, Executor, GroupSummary, Memory, Metric, Results, Standing,
    figures::{self, counted, listed, whole},
    lookup,
};

use super::{links::anchor, sizes, standings};
use crate::{
    answers::{AnsweringLane, Answers, Kind, Mark, Pair, Place, package},
    verdict,
};

use reasons::Reason;

/// From this number of runtimes on there are too many pairs to name.
const MANY: usize = 4;

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
    /// The name of the figures: "times as long as the best that can serve".
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
        "{sockets}, files, {more}. Tasks here do almost no work: 100 ns more an operation cost 1 % of a core at 100,000 a second."
    )
}

fn race(results: &Results, threads: usize) -> FirstRace {
    let answers = Answers::of(results, threads);
    let lanes = &answers.lanes;
    let first_yardstick = lanes.iter().position(|lane| !lane.can_serve);
    let head = |(place, lane): (usize, &AnsweringLane)| Head {
        name: lane.name.clone(),
        remark: executor(results, &lane.name).map_or(String::new(), remark),
        lanes: lane.flavours.join(" "),
        class: match (lane.can_serve, first_yardstick == Some(place)) {
            (true, _) => "serves",
            (false, true) => "yardstick first",
            (false, false) => "yardstick",
        },
    };
    let tells = results.executors.iter().any(Executor::can_serve);
    FirstRace {
        number: threads,
        threads: counted(threads, "thread"),
        corner: if tells { "times as long as the best that can serve" } else { "times as long as the best" },
        heads: lanes.iter().enumerate().map(head).collect(),
        questions: questions(results, &answers),
        pairs: if tells { pairs(results, &answers) } else { Vec::new() },
        reasons: if tells { reasons::of(results, &answers) } else { Vec::new() },
        absent: absent(results, &answers),
    }
}

fn executor<'a>(results: &'a Results, name: &str) -> Option<&'a Executor> {
    results.executors.iter().find(|executor| executor.name == name)
}

/// Writes the version of a lane, or what keeps it from being chosen.
fn remark(executor: &Executor) -> String {
    let lacks = |capability| !executor.has.contains(&capability);
    match &executor.standing {
        Some(Standing::Discontinued(_)) => "discontinued",
        Some(Standing::Ours) => "ours",
        Some(Standing::Experiment) => "an experiment",
        Some(Standing::Published) if lacks(Capability::Timer) => "no timer",
        Some(Standing::Published) if lacks(Capability::Sockets) => "no sockets",
        Some(Standing::Published) | None => &executor.version,
    }
    .to_owned()
}

/// Writes a sentence for each two runtimes that can serve.
fn pairs(results: &Results, answers: &Answers) -> Vec<String> {
    let served: Vec<&AnsweringLane> = answers.lanes.iter().filter(|lane| lane.can_serve).collect();
    if served.len() >= MANY {
        return Vec::new();
    }
    let others = |place: usize| served[place + 1..].iter();
    let pairs =
        served.iter().enumerate().flat_map(|(place, one)| others(place).map(move |other| (one, other)));
    let sentence = |(one, other): (&&AnsweringLane, &&AnsweringLane)| {
        let Pair { rows, first, second, level, open } = Pair::of(results, answers.threads, one, other);
        let mut parts = vec![format!("{} leads {first}", one.name), format!("{} {second}", other.name)];
        let more = [(level, "level"), (open, "open")].into_iter().filter(|(many, _)| *many > 0);
        parts.extend(
            more.map(|(many, word)| format!("{many} {} {word}", if many == 1 { "is" } else { "are" })),
        );
        format!(
            "Of {} {}.",
            counted(rows, "row"),
            listed(&parts.iter().map(String::as_str).collect::<Vec<_>>())
        )
    };
    pairs.map(sentence).collect()
}

/// Names the lanes that can serve and have no flavour in a race.
fn absent(results: &Results, answers: &Answers) -> Option<String> {
    let races = |package: &str| answers.lanes.iter().any(|lane| lane.package == package);
    let missing = results.executors.iter().filter(|lane| lane.can_serve() && !races(package(lane)));
    let missing: Vec<&str> = missing.map(|lane| &*lane.name).collect();
    let other = lookup::races(results).into_iter().find(|&other| {
        let racing = lookup::racing(results, other);
        other != answers.threads && missing.iter().all(|lane| racing.contains(lane))
    })?;
    let verb = if missing.len() == 1 { "can serve too, and has" } else { "can serve too, and have" };
    (!missing.is_empty()).then(|| format!("{} {verb} {} only.", listed(&missing), counted(other, "thread")))
}

fn questions(results: &Results, answers: &Answers) -> Vec<Question> {
    let mut questions = Vec::new();
    for kind in &answers.kinds {
        questions.push(of_kind(results, answers, kind));
        questions.extend(tail_of_group(results, &kind.name, answers));
    }
    questions.extend(of_memory(results, answers));
    questions.extend(answers.all.as_ref().map(|all| Question {
        name: "All timed rows".to_owned(),
        about: String::new(),
        small: whole(all.comparisons as u64),
        anchor: standings::id(answers.threads),
        key: "all:".to_owned(),
        floor: short(verdict::floor_of_group(results, None, answers.threads)),
        class: "means all",
        squares: squares(answers, all),
    }));
    questions
}

/// Makes the row of a group of workloads, or of a comparison.
fn of_kind(results: &Results, answers: &Answers, kind: &Kind) -> Question {
    let threads = answers.threads;
    let is_group = |group: &&GroupSummary| group.group == kind.name && group.summary.threads == threads;
    let blank = Question {
        name: kind.name.clone(),
        about: String::new(),
        small: whole(kind.comparisons as u64),
        anchor: String::new(),
        key: String::new(),
        floor: String::new(),
        class: "means",
        squares: squares(answers, kind),
    };
    match results.groups.iter().find(is_group) {
        Some(group) => Question {
            about: group.about.clone(),
            anchor: standings::group_id(threads, &group.group),
            key: format!("group:{}", group.group),
            floor: short(verdict::floor_of_group(results, Some(&group.group), threads)),
            ..blank
        },
        None => {
            let (workload, size) = kind.name.rsplit_once('/').unwrap_or((&kind.name, ""));
            let size = size.parse().unwrap_or(0);
            let floor = results.floor_of_row(workload, size, threads);
            let name = format!("{workload}, {}", sizes::sized(results, workload, size));
            let key = format!("row:{}", kind.name);
            Question { name, anchor: anchor(workload), key, floor: short(floor), ..blank }
        }
    }
}

/// Writes a ratio for the script.
fn short(ratio: f64) -> String {
    format!("{ratio:.4}")
}

fn squares(answers: &Answers, kind: &Kind) -> Vec<FirstSquare> {
    let is_choice =
        |(lane, place): &(&AnsweringLane, &Place)| lane.can_serve && matches!(place, Place::Known(..));
    let alone = answers.lanes.iter().zip(&kind.places).filter(is_choice).count() == 1;
    let square = |((lane, place), flavour): ((&AnsweringLane, &Place), &Option<String>)| {
        let flavour = flavour.as_ref().map_or(String::new(), |flavour| named(lane, flavour));
        match place {
            Place::Missing(reason) => FirstSquare::new("", "–", reason),
            Place::Alone => FirstSquare::new("", "alone", ""),
            // It has nobody to be the best of.
            Place::Known(_, Mark::Best) if alone => FirstSquare::new("", "only one", &flavour),
            Place::Known(_, Mark::Best) => FirstSquare::new("lead", "best", &flavour),
            Place::Known(ratio, mark) => {
                let number = figures::ratio(ratio.value).trim_end_matches('×').to_owned();
                let title = format!("{} {flavour}", figures::ratio_with_interval(ratio));
                let (class, text) = match mark {
                    _ if !lane.can_serve => return FirstSquare::new("", &number, &flavour),
                    Mark::Best | Mark::Level => ("lead".to_owned(), format!("{number} =")),
                    Mark::Open => (format!("{} open", standings::shade(ratio.value)), format!("{number} ~")),
                    Mark::Near => (standings::shade(ratio.value), format!("{number} ≈")),
                    Mark::Ahead | Mark::Behind => (standings::shade(ratio.value), number),
                };
                FirstSquare::new(&class, &text, title.trim_end())
            }
        }
    };
    answers.lanes.iter().zip(&kind.places).zip(&kind.flavours).map(square).collect()
}

/// Names a flavour that is not the first one.
fn named(lane: &AnsweringLane, flavour: &str) -> String {
    if lane.name == flavour { String::new() } else { format!("({flavour})") }
}

impl FirstSquare {
    fn new(class: &str, text: &str, title: &str) -> FirstSquare {
        FirstSquare { class: class.to_owned(), text: text.to_owned(), title: title.to_owned() }
    }
}

/// Makes the row of the latest percent of what a group waits for, at the workload that says most of it: the last one that is
/// measured by lateness, or else the largest size.
fn tail_of_group(results: &Results, group: &str, answers: &Answers) -> Option<Question> {
    let threads = answers.threads;
    let of_group = results.workloads.iter().filter(|workload| workload.group == group);
    let candidates = of_group.flat_map(|workload| {
        let sizes = lookup::sizes(results, &workload.name, threads).into_iter();
        let measured =
            sizes.filter(|&size| tails(results, &workload.name, size, answers).iter().flatten().count() > 1);
        measured.map(move |size| (!workload.measure.is_empty(), workload, size)).collect::<Vec<_>>()
    });
    let candidates: Vec<_> = candidates.collect();
    let late = candidates.iter().rev().find(|(is_late, ..)| *is_late);
    let (_, workload, size) = late.or_else(|| candidates.iter().max_by_key(|(_, _, size)| *size))?;
    Some(Question {
        name: format!("p99 lateness: {}", workload.name),
        about: String::new(),
        small: sizes::sized(results, &workload.name, *size),
        anchor: anchor(&workload.name),
        key: format!("p99:{}/{size}", workload.name),
        floor: String::new(),
        class: "values",
        squares: values(&tails(results, &workload.name, *size, answers), answers, figures::ns_beside),
    })
}

/// Returns the 99th percentile of the lateness of each runtime in a comparison, and of which flavour it is.
fn tails(results: &Results, workload: &str, size: u64, answers: &Answers) -> Vec<Option<(String, f64)>> {
    let value = |lane: &str| {
        let mut cells = results.comparison(workload, size, answers.threads);
        measured(cells.find(|cell| cell.executor == lane)?.metrics.get("lateness-p99")?)
    };
    answers.lanes.iter().map(|lane| least(lane, value)).collect()
}

/// Returns the flavour with the least value, and the value.
fn least(lane: &AnsweringLane, value: impl Fn(&str) -> Option<f64>) -> Option<(String, f64)> {
    let found = lane.flavours.iter().filter_map(|flavour| Some((flavour.clone(), value(flavour)?)));
    found.min_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn of_memory(results: &Results, answers: &Answers) -> Vec<Question> {
    let mut workloads: Vec<&str> = results.memory.iter().map(|memory| &*memory.workload).collect();
    workloads.dedup();
    let question = |workload: &str| {
        // Memory is measured at one number of threads of each lane, and depends little on it.
        let of_lane = |lane: &str| {
            let of_lane = |memory: &&Memory| memory.workload == workload && memory.executor == lane;
            let found: Vec<&Memory> = results.memory.iter().filter(of_lane).collect();
            let here = found.iter().find(|memory| memory.threads == answers.threads).or(found.first());
            here.and_then(|memory| measured(&memory.bytes_a_task))
        };
        let found: Vec<Option<(String, f64)>> =
            answers.lanes.iter().map(|lane| least(lane, of_lane)).collect();
        found.iter().any(Option::is_some).then(|| Question {
            name: format!("Memory: {workload}"),
            about: String::new(),
            small: "a task".to_owned(),
            anchor: "memory".to_owned(),
            key: format!("memory:{workload}"),
            floor: String::new(),
            class: "values",
            squares: values(&found, answers, figures::bytes_beside),
        })
    };
    workloads.into_iter().filter_map(question).collect()
}

/// Makes squares of figures that no statistics were applied to: the least of those that can serve is bold and gives
/// the row its unit, and no more is said.
fn values(
    found: &[Option<(String, f64)>],
    answers: &Answers,
    write: fn(f64, f64) -> String,
) -> Vec<FirstSquare> {
    let choices = found.iter().zip(&answers.lanes).filter(|(_, lane)| lane.can_serve);
    let least =
        choices.filter_map(|(found, _)| found.as_ref().map(|(_, value)| *value)).min_by(f64::total_cmp);
    let square = |(found, lane): (&Option<(String, f64)>, &AnsweringLane)| match found {
        None => FirstSquare::new("", "–", "not in the results"),
        Some((flavour, value)) => {
            let class = if lane.can_serve && Some(*value) == least { "least" } else { "" };
            FirstSquare::new(class, &write(least.unwrap_or(*value), *value), &named(lane, flavour))
        }
    };
    found.iter().zip(&answers.lanes).map(square).collect()
}

fn measured(metric: &Metric) -> Option<f64> {
    match metric {
        Metric::Measured { estimate, .. } => Some(estimate.value),
        Metric::Unavailable { .. } => None,
    }
}
