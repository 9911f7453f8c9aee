//! Computes the table from the results, in the form of `figures`: the model that the page's script is
//! compared with.

use results::{Cell, Estimate, LEVEL, LaneSummary, Metric, Results, Status, figures, lookup};
use serde::Deserialize;

/// The choices of a reader.
#[derive(Clone)]
pub(crate) struct Choice<'a> {
    pub(crate) metric: &'a str,
    pub(crate) threads: usize,
    /// "best", "visible", or a lane.
    pub(crate) reference: &'a str,
    /// The hidden lanes.
    pub(crate) hide: Vec<&'a str>,
    /// The hidden workloads.
    pub(crate) without: Vec<&'a str>,
    /// Two lanes set against each other, of which the second is the reference.
    pub(crate) pair: Option<[&'a str; 2]>,
    /// The kind of rows: "all", "differs", "settled" or "open".
    pub(crate) kind: &'a str,
    pub(crate) search: &'a str,
    pub(crate) sort: Sort<'a>,
}

/// An order of rows or lanes.
#[derive(Clone)]
pub(crate) enum Sort<'a> {
    AsInTheResults,
    /// Sorts rows by their ratios in the column of a lane.
    Rows {
        lane: &'a str,
        descending: bool,
    },
    /// Sorts lanes by their values in the row of a workload at a size.
    Lanes {
        row: (&'a str, u64),
        descending: bool,
    },
    /// Sorts lanes by their means.
    LanesByMean {
        descending: bool,
    },
}

/// The visible part of the table of one number of threads.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Table {
    pub(crate) threads: usize,
    pub(crate) lanes: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) means: Vec<String>,
}

/// A row: a workload, its size (0 for the memory of its tasks), and the texts of its squares.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) size: u64,
    pub(crate) squares: Vec<String>,
}

/// A square, and the numbers that it is sorted by.
struct Square {
    text: String,
    value: Option<f64>,
    ratio: Option<f64>,
}

/// The metric that belongs to a workload's tasks, and not to a cell.
const MEMORY: &str = "bytes-a-task";

impl<'a> Choice<'a> {
    /// Returns the choices before a reader changes any.
    pub(crate) fn default_of(results: &Results) -> Choice<'a> {
        Choice {
            metric: "overhead",
            threads: *lookup::threads(results).last().unwrap(),
            reference: "best",
            hide: Vec::new(),
            without: Vec::new(),
            pair: None,
            kind: "all",
            search: "",
            sort: Sort::AsInTheResults,
        }
    }

    fn shows(&self, lane: &str) -> bool {
        self.pair.map_or(!self.hide.contains(&lane), |pair| pair.contains(&lane))
    }

    fn refers_to_a_lane(&self) -> bool {
        !["best", "visible"].contains(&self.reference)
    }
}

impl Table {
    /// Computes the table for a choice.
    pub(crate) fn of(results: &Results, choice: &Choice<'_>) -> Table {
        let choice = &match choice.pair {
            Some([_, reference]) => Choice { reference, ..choice.clone() },
            None => choice.clone(),
        };
        let absent = lookup::absent_lanes(results, choice.threads);
        let mut lanes: Vec<&str> = results.executors.iter().map(|lane| lane.name.as_str()).collect();
        lanes.retain(|lane| !absent.iter().any(|(name, _)| name == lane));
        // Programs come last, and are sorted among themselves.
        let programs_last = |lanes: &mut Vec<&str>| lanes.sort_by_key(|lane| is_program(results, lane));
        programs_last(&mut lanes);
        let mut rows = rows(results, choice);
        match choice.sort {
            Sort::AsInTheResults => {}
            Sort::Rows { lane, descending } => sort(&mut rows, descending, |(workload, size)| {
                square(results, choice, &lanes, workload, *size, lane).ratio
            }),
            Sort::Lanes { row: (workload, size), descending } => {
                let all = lanes.clone();
                sort(&mut lanes, descending, |lane| {
                    square(results, choice, &all, workload, size, lane).value
                });
            }
            Sort::LanesByMean { descending } => {
                sort(&mut lanes, descending, |lane| geomean(results, choice, lane).map(|mean| mean.value));
            }
        }
        programs_last(&mut lanes);
        let all = lanes.clone();
        lanes.retain(|lane| choice.shows(lane));
        let texts = |workload: &str, size| {
            lanes.iter().map(|lane| square(results, choice, &all, workload, size, lane).text).collect()
        };
        let row = |(workload, size): (&str, u64)| Row {
            workload: workload.to_owned(),
            size,
            squares: texts(workload, size),
        };
        Table {
            threads: choice.threads,
            rows: rows.into_iter().map(row).collect(),
            means: lanes.iter().map(|lane| mean(results, choice, lane)).collect(),
            lanes: lanes.iter().map(|lane| (*lane).to_owned()).collect(),
        }
    }
}

/// Returns the rows that a choice keeps, in the order of the results.
fn rows<'a>(results: &'a Results, choice: &Choice<'_>) -> Vec<(&'a str, u64)> {
    let asked = |workload: &str, size: u64| {
        let known = results.workloads.iter().find(|known| known.name == workload);
        let group = known.map_or("", |known| &known.group);
        let (size, quantity) = match choice.metric {
            MEMORY => (String::new(), "per task".to_owned()),
            _ => (figures::whole(size), lookup::quantity_in_short(results, workload)),
        };
        let words = format!("{workload} {group} {size} {quantity}").to_lowercase();
        choice.search.to_lowercase().split_whitespace().all(|word| words.contains(word))
            && !choice.without.contains(&workload)
    };
    let mut rows: Vec<(&str, u64)> = match choice.metric {
        MEMORY => {
            let here = results.memory.iter().filter(|memory| memory.threads == choice.threads);
            here.map(|memory| (memory.workload.as_str(), 0)).collect()
        }
        _ => {
            let here = results.cells.iter().filter(|cell| cell.threads == choice.threads);
            here.map(|cell| (cell.workload.as_str(), cell.size)).collect()
        }
    };
    rows.dedup();
    rows.retain(|(workload, size)| asked(workload, *size));
    rows.retain(|(workload, size)| choice.metric == MEMORY || is_of_kind(results, choice, workload, *size));
    rows
}

fn is_of_kind(results: &Results, choice: &Choice<'_>, workload: &str, size: u64) -> bool {
    let is_settled = || results.row(workload, size, choice.threads).map(|row| row.is_settled());
    let mut cells = results.comparison(workload, size, choice.threads);
    match (choice.kind, choice.pair) {
        ("all", _) => true,
        ("settled", _) => is_settled() == Some(true),
        ("open", _) => is_settled() == Some(false),
        ("differs", None) => cells.any(|cell| cell.rank > Some(1)),
        ("differs", Some([one, other])) => {
            let floor = results.floor_of_row(workload, size, choice.threads);
            let one = cells.find(|cell| cell.executor == one);
            let ratio = one.and_then(|cell| cell.ratios.get(other));
            ratio.is_some_and(|ratio| ratio.low > floor || ratio.high < 1.0 / floor)
        }
        (other, _) => panic!("there is no kind {other}"),
    }
}

/// Sorts by a key; items without one stay at the end in either direction.
fn sort<T>(items: &mut [T], descending: bool, key: impl Fn(&T) -> Option<f64>) {
    items.sort_by(|one, other| match (key(one), key(other)) {
        (Some(one), Some(other)) if descending => other.total_cmp(&one),
        (Some(one), Some(other)) => one.total_cmp(&other),
        (one, other) => one.is_none().cmp(&other.is_none()),
    });
}

fn is_program(results: &Results, lane: &str) -> bool {
    results.executors.iter().any(|executor| executor.name == lane && executor.class == "program")
}

fn square(
    results: &Results,
    choice: &Choice<'_>,
    lanes: &[&str],
    workload: &str,
    size: u64,
    lane: &str,
) -> Square {
    let lanes: Vec<&str> = lanes.iter().copied().filter(|lane| !is_program(results, lane)).collect();
    if choice.metric == MEMORY {
        let of = |lane: &str| {
            let here = results.memory.iter().filter(|memory| memory.threads == choice.threads);
            here.filter(|memory| memory.workload == workload)
                .find(|memory| memory.executor == lane)
                .map(|memory| &memory.bytes_a_task)
        };
        return match is_program(results, lane) {
            true => beside(of(lane), "not run"),
            false => of_values(choice, &lanes, lane, "not run", of),
        };
    }
    let cell =
        |lane: &str| results.comparison(workload, size, choice.threads).find(|cell| cell.executor == lane);
    let Some(own) = cell(lane) else { return unmeasured("n/a", "not run") };
    match own.status {
        Status::Failed => unmeasured("failed", lookup::reason(own)),
        Status::NotApplicable => unmeasured("n/a", lookup::reason(own)),
        Status::Ok if is_program(results, lane) && choice.metric == "overhead" => {
            let Estimate { value, .. } = *own.overhead().unwrap();
            let interval = figures::interval_in_unit(own.unit(), own.overhead().unwrap());
            let text = joined(&[&figures::in_unit(own.unit(), value), &interval]);
            Square { text, value: Some(value), ratio: Some(value) }
        }
        Status::Ok if is_program(results, lane) => {
            beside(own.metrics.get(choice.metric), "not in the results")
        }
        Status::Ok if choice.metric == "overhead" => of_overhead(results, choice, own),
        Status::Ok => {
            let of = |lane: &str| cell(lane)?.metrics.get(choice.metric);
            of_values(choice, &lanes, lane, "not in the results", of)
        }
    }
}

/// Makes the square of the figure that lanes are ranked by, with the ratios of the results.
fn of_overhead(results: &Results, choice: &Choice<'_>, own: &Cell) -> Square {
    let comparison =
        || results.comparison(&own.workload, own.size, own.threads).filter(|cell| cell.rank.is_some());
    let fastest = |cells: &mut dyn Iterator<Item = &Cell>| {
        let value = |cell: &Cell| cell.overhead().unwrap().value;
        cells.min_by(|one, other| value(one).total_cmp(&value(other))).map(|cell| cell.executor.clone())
    };
    let best = fastest(&mut comparison().filter(|cell| cell.rank == Some(1))).unwrap();
    let visible = fastest(&mut comparison().filter(|cell| choice.shows(&cell.executor)));
    let leader = if choice.reference == "visible" { visible.unwrap_or(best.clone()) } else { best.clone() };
    let reference = if choice.refers_to_a_lane() { choice.reference.to_owned() } else { leader.clone() };
    let ratio = match own.executor == reference {
        _ if !choice.refers_to_a_lane() && reference == best => own.ratio,
        true => Some(Estimate { value: 1.0, low: 1.0, high: 1.0 }),
        false => own.ratios.get(&reference).copied(),
    };
    let floor = results.floor_of_row(&own.workload, own.size, own.threads);
    let mark = match (own.rank.unwrap(), ratio) {
        _ if own.executor == reference && choice.refers_to_a_lane() => "",
        _ if own.executor == reference => "best",
        (_, None) => "",
        (_, Some(ratio)) if choice.refers_to_a_lane() || reference != best => standing(&ratio, floor),
        (1, _) if own.undecided => "open",
        (1, _) if own.near => "near",
        (1, _) => "level",
        _ => "",
    };
    let detail = match ratio {
        None => format!("no ratio to {reference}"),
        Some(Estimate { value, low, high })
            if mark == "open" && !choice.refers_to_a_lane() && reference == best =>
        {
            let low = if low <= LEVEL { "level".to_owned() } else { figures::ratio(low) };
            format!("{}, between {low} and {}", figures::ratio(value), figures::ratio(high))
        }
        Some(ratio) if ratio.low == ratio.high => figures::ratio(ratio.value),
        Some(ratio) => figures::ratio_with_interval(&ratio),
    };
    let value = own.overhead().unwrap().value;
    Square {
        text: joined(&[mark, &figures::in_unit(own.unit(), value), &detail]),
        value: Some(value),
        ratio: ratio.map(|ratio| ratio.value),
    }
}

/// Names what is known of a lane by its ratio to a chosen reference alone: nothing if it is ahead or behind.
fn standing(ratio: &Estimate, floor: f64) -> &'static str {
    let Estimate { value, low, high } = *ratio;
    match () {
        () if low > floor || high < 1.0 / floor => "",
        () if high <= LEVEL && low >= 1.0 / LEVEL => "level",
        () if high <= value * LEVEL && low >= value / LEVEL => "near",
        () => "open",
    }
}

/// Makes the square of a program: its own figure, by which rows are sorted for want of a ratio.
fn beside(metric: Option<&Metric>, without: &str) -> Square {
    match metric {
        Some(metric @ Metric::Measured { estimate, .. }) => {
            let written = figures::metric(metric);
            let (figure, rest) = written.split_once(" [").unwrap();
            let (interval, unit) = rest.split_once(']').unwrap();
            let value = Some(estimate.value);
            Square {
                text: joined(&[&format!("{figure}{unit}"), &format!("[{interval}]")]),
                value,
                ratio: value,
            }
        }
        Some(Metric::Unavailable { unavailable }) => unmeasured("n/a", unavailable),
        None => unmeasured("n/a", without),
    }
}

/// Makes the square of any other figure, with quotients.
fn of_values<'a>(
    choice: &Choice<'_>,
    lanes: &[&str],
    lane: &str,
    without: &str,
    of: impl Fn(&str) -> Option<&'a Metric>,
) -> Square {
    let measured = |lane: &str| match of(lane) {
        Some(Metric::Measured { estimate, .. }) => Some(estimate.value),
        _ => None,
    };
    let (Some(metric), Some(value)) = (of(lane), measured(lane)) else {
        return match of(lane) {
            Some(Metric::Unavailable { unavailable }) => unmeasured("n/a", unavailable),
            _ => unmeasured("n/a", without),
        };
    };
    let eligible = lanes.iter().filter(|lane| choice.reference != "visible" || choice.shows(lane));
    let least = eligible.filter_map(|lane| measured(lane)).min_by(f64::total_cmp);
    let reference = if choice.refers_to_a_lane() { measured(choice.reference) } else { least };
    let ratio = reference.filter(|reference| *reference > 0.0).map(|reference| value / reference);
    let is_least = !choice.refers_to_a_lane() && Some(value) == least;
    let written = figures::metric(metric);
    let (figure, interval) = written.split_once(" [").unwrap();
    // A unit that the page has no form for stands behind the interval.
    let (interval, unit) = interval.split_once(']').unwrap();
    let mark = match ratio {
        _ if is_least => "least".to_owned(),
        ratio => ratio.map_or(String::new(), figures::ratio),
    };
    Square {
        text: joined(&[&mark, &format!("{figure}{unit}"), &format!("[{interval}]")]),
        value: Some(value),
        ratio,
    }
}

fn mean(results: &Results, choice: &Choice<'_>, lane: &str) -> String {
    if is_program(results, lane) {
        return "beside".to_owned();
    }
    if choice.metric != "overhead" {
        return unmeasured("n/a", "only of overhead").text;
    }
    let summary = results.summaries.iter().find(|summary| summary.threads == choice.threads);
    let (comparisons, lanes) = summary.map_or((0, &[][..]), |summary| (summary.comparisons, &summary.lanes));
    let found = lanes.iter().find(|known| known.executor == lane);
    let Some((own, best)) = found.and_then(|found| Some((found, found.geomean?))) else {
        return unmeasured("n/a", &format!("ran {} of {comparisons}", found.map_or(0, |found| found.cells)))
            .text;
    };
    let least = |lanes: &mut dyn Iterator<Item = &LaneSummary>| {
        let with_mean = lanes.filter_map(|lane| Some((lane.geomean?.value, lane.executor.clone())));
        with_mean.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, lane)| lane)
    };
    let of_all = summary.and_then(|summary| summary.reference.clone());
    let reference = match choice.reference {
        "best" => of_all.clone(),
        "visible" => least(&mut lanes.iter().filter(|lane| choice.shows(&lane.executor))).or(of_all.clone()),
        lane => Some(lane.to_owned()),
    };
    let ratio = match reference.as_deref() {
        Some(reference) if reference == lane => Some(Estimate { value: 1.0, low: 1.0, high: 1.0 }),
        reference if reference == of_all.as_deref() => Some(best),
        reference => own.ratios.get(reference.unwrap_or_default()).copied(),
    };
    match ratio {
        Some(ratio) => figures::ratio_with_interval(&ratio),
        None => unmeasured("n/a", &format!("no ratio to {}", reference.unwrap_or_default())).text,
    }
}

fn geomean(results: &Results, choice: &Choice<'_>, lane: &str) -> Option<Estimate> {
    if choice.metric != "overhead" {
        return None;
    }
    let summary = results.summaries.iter().find(|summary| summary.threads == choice.threads)?;
    summary.lanes.iter().find(|known| known.executor == lane)?.geomean
}

/// Makes a square without a figure. A long reason is cut; all of it stands below the table.
fn unmeasured(figure: &str, reason: &str) -> Square {
    let beginning: String = reason.chars().take(32).collect();
    let cut = if beginning == reason { beginning } else { format!("{}…", beginning.trim_end()) };
    Square { text: joined(&[figure, &cut]), value: None, ratio: None }
}

fn joined(parts: &[&str]) -> String {
    super::tab::shown(&parts.join(" "))
}
