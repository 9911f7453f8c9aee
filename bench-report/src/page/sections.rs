//! A section for each workload: what it is, its charts, and every figure of its cells.

use super::{
    anchor,
    chart::{Axis, Forest},
    lanes::Look,
    links::{Links, Source},
    standings,
};
use crate::{
    figures::{counted, listed, metric, whole},
    results::{Cell, Estimate, Growth, Metric, Results, Status, Workload},
    verdict,
};

/// The metrics in the order of the page; any others follow by name.
pub(super) const ORDER: [&str; 16] = [
    "overhead",
    "wall",
    "cpu",
    "voluntary-switches",
    "involuntary-switches",
    "system-calls",
    "instructions",
    "allocations",
    "allocated-bytes",
    "peak-rss",
    "threads",
    "lateness-p50",
    "lateness-p90",
    "lateness-p99",
    "lateness-p99.9",
    "lateness-max",
];

/// Everything about one workload.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) anchor: String,
    pub(super) about: String,
    pub(super) operation: String,
    pub(super) shows: String,
    pub(super) hides: String,
    pub(super) source: Source,
    pub(super) again: String,
    pub(super) charts: Vec<Charts>,
    pub(super) columns: Vec<Column>,
    /// All columns, with that of the lanes.
    pub(super) width: usize,
    pub(super) groups: Vec<Group>,
    pub(super) unavailable: Vec<String>,
    /// How the cost grows with the size, a sentence a lane.
    pub(super) growth: Vec<String>,
    /// What to know before believing a figure, a sentence a cell.
    pub(super) flags: Vec<String>,
    /// What each cell was seen to do.
    pub(super) proofs: Vec<Proofs>,
}

/// What was seen of the cells of one comparison.
pub(super) struct Proofs {
    pub(super) title: String,
    pub(super) rows: Vec<Proof>,
}

/// What a cell was seen to do in a run that was counted and not timed.
pub(super) struct Proof {
    pub(super) lane: String,
    pub(super) look: Look,
    /// In the order of [`SEEN`].
    pub(super) seen: Vec<String>,
}

/// What is told of a counted run.
pub(super) const SEEN: [&str; 11] = [
    "workers",
    "of them polled",
    "tasks",
    "finished",
    "cancelled",
    "at once",
    "polls",
    "jobs",
    "jobs at once",
    "threads before and after",
    "processors",
];

/// The charts of one number of threads, a chart for each size.
pub(super) struct Charts {
    pub(super) threads: String,
    pub(super) forests: Vec<SizedForest>,
}

/// A chart and the size above it.
pub(super) struct SizedForest {
    pub(super) size: String,
    pub(super) forest: Forest,
}

/// A metric at the head of its column.
pub(super) struct Column {
    key: String,
    pub(super) name: String,
    pub(super) per: String,
}

/// The figures of one comparison.
pub(super) struct Group {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// The figures of one cell, or why there are none.
pub(super) struct Row {
    pub(super) lane: String,
    pub(super) look: Look,
    pub(super) figures: Vec<Figure>,
    pub(super) reason: Option<String>,
}

/// A metric of a cell, or why there is none.
pub(super) struct Figure {
    pub(super) text: String,
    pub(super) class: &'static str,
}

impl Section {
    pub(super) fn of(results: &Results, workload: &Workload, links: &Links) -> Section {
        let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.workload == workload.name).collect();
        let (columns, unavailable) = columns(&cells, verdict::operation(results, &workload.name));
        Section {
            name: workload.name.clone(),
            anchor: anchor(&workload.name),
            about: workload.about.clone(),
            operation: workload.operation.clone(),
            shows: workload.shows.clone(),
            hides: workload.hides.clone(),
            source: links.to(&workload.source),
            again: format!("cargo bench -- --workloads {}", workload.name),
            charts: charts(results, &workload.name, &cells),
            width: columns.len() + 1,
            groups: groups(results, &workload.name, &columns),
            columns,
            unavailable,
            growth: growth(results, &workload.name),
            flags: cells.iter().flat_map(|cell| flags(cell)).collect(),
            proofs: proofs(results, &cells),
        }
    }
}

/// The exponents of a workload's cost over its size.
fn growth(results: &Results, workload: &str) -> Vec<String> {
    let of_workload = results.growth.iter().filter(|growth| growth.workload == workload);
    let sentence = |growth: &Growth| {
        let Estimate { value, low, high } = growth.exponent;
        let threads = counted(growth.threads, "thread");
        format!("{}, {threads}: size to the power of {value:.2} [{low:.2}, {high:.2}]", growth.executor)
    };
    of_workload.map(sentence).collect()
}

fn proofs(results: &Results, cells: &[&Cell]) -> Vec<Proofs> {
    let of_comparison = |lanes: &[&Cell]| Proofs {
        title: format!("{}, {}", whole(lanes[0].size), counted(lanes[0].threads, "thread")),
        rows: lanes.iter().filter_map(|cell| Proof::of(results, cell)).collect(),
    };
    let comparisons = cells.chunk_by(|one, other| (one.size, one.threads) == (other.size, other.threads));
    comparisons.map(of_comparison).filter(|proofs| !proofs.rows.is_empty()).collect()
}

impl Proof {
    fn of(results: &Results, cell: &Cell) -> Option<Proof> {
        let seen = cell.observed.as_ref()?;
        let threads =
            |threads: Option<usize>| threads.map_or("n/a".to_owned(), |threads| threads.to_string());
        let [before, after] = [seen.threads_before, seen.threads_after].map(threads);
        let seen = vec![
            seen.workers.to_string(),
            seen.threads.to_string(),
            whole(seen.spawned),
            whole(seen.finished),
            whole(seen.cancelled),
            whole(seen.at_once),
            whole(seen.polls),
            whole(seen.jobs),
            whole(seen.jobs_at_once),
            format!("{before}, {after}"),
            seen.cpus.clone(),
        ];
        Some(Proof { lane: cell.executor.clone(), look: Look::of(results, &cell.executor), seen })
    }
}

fn flags(cell: &Cell) -> Vec<String> {
    let name = format!("{}, {}, {}", cell.executor, whole(cell.size), counted(cell.threads, "thread"));
    cell.flags.iter().map(|flag| format!("{name}: {flag}.")).collect()
}

/// The charts share an axis, so that they can be compared at sight.
fn charts(results: &Results, workload: &str, cells: &[&Cell]) -> Vec<Charts> {
    let axis = Axis::of(cells.iter().filter_map(|cell| cell.ratio));
    let forest = |size, threads| {
        let cells: Vec<&Cell> = results.comparison(workload, size, threads).collect();
        let title = format!("{workload}, {}, {}: ratio to the best", whole(size), counted(threads, "thread"));
        let id = format!("{}-{size}-{threads}", anchor(workload));
        Forest::of(results, &cells, &standings::racing(results, threads), &axis, id, title)
    };
    let charts = verdict::threads(results).into_iter().map(|threads| Charts {
        threads: counted(threads, "thread"),
        forests: verdict::sizes(results, workload, threads)
            .into_iter()
            .map(|size| SizedForest { size: whole(size), forest: forest(size, threads) })
            .collect(),
    });
    charts.filter(|charts| !charts.forests.is_empty()).collect()
}

/// The metrics that have a column, and a sentence for each reason why others have none.
fn columns(cells: &[&Cell], operation: &str) -> (Vec<Column>, Vec<String>) {
    let mut keys: Vec<&String> = cells.iter().flat_map(|cell| cell.metrics.keys()).collect();
    keys.sort_by_key(|key| (ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()), *key));
    keys.dedup();
    let mut columns = Vec::new();
    let mut without: Vec<(&str, Vec<String>)> = Vec::new();
    for key in keys {
        let metrics: Vec<&Metric> = cells.iter().filter_map(|cell| cell.metrics.get(key)).collect();
        let Some(reason) = common_reason(&metrics) else {
            columns.push(Column { key: key.clone(), name: metric_name(key), per: per(&metrics, operation) });
            continue;
        };
        match without.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(metric_name(key)),
            None => without.push((reason, vec![metric_name(key)])),
        }
    }
    let sentence = |(reason, names): &(&str, Vec<String>)| format!("{}: n/a, {reason}.", listed(names));
    (columns, without.iter().map(sentence).collect())
}

/// Why a metric is available nowhere, if that is so and the reason is everywhere the same.
fn common_reason<'a>(metrics: &[&'a Metric]) -> Option<&'a str> {
    let reason = |metric: &'a Metric| match metric {
        Metric::Unavailable { unavailable } => Some(unavailable.as_str()),
        Metric::Measured { .. } => None,
    };
    let first = reason(metrics.first()?)?;
    metrics.iter().all(|metric| reason(metric) == Some(first)).then_some(first)
}

pub(super) fn metric_name(key: &str) -> String {
    match key {
        "cpu" => "CPU time".to_owned(),
        "wall" => "wall time".to_owned(),
        "peak-rss" => "peak memory".to_owned(),
        other => other.replace('-', " "),
    }
}

/// What a metric is counted for: an operation, or a whole run.
fn per(metrics: &[&Metric], operation: &str) -> String {
    let unit = metrics.iter().find_map(|metric| match metric {
        Metric::Measured { unit, .. } => Some(unit),
        Metric::Unavailable { .. } => None,
    });
    match unit {
        Some(unit) if unit.ends_with("/op") => format!("per {operation}"),
        Some(unit) if unit == "ns" => "per run".to_owned(),
        Some(_) => "of the process".to_owned(),
        None => String::new(),
    }
}

fn groups(results: &Results, workload: &str, columns: &[Column]) -> Vec<Group> {
    let group = |size, threads| Group {
        title: format!("{}, {}", whole(size), counted(threads, "thread")),
        rows: standings::racing(results, threads)
            .into_iter()
            .map(|lane| {
                let cell = results.comparison(workload, size, threads).find(|cell| cell.executor == lane);
                row(cell, lane, Look::of(results, lane), columns)
            })
            .collect(),
    };
    let of_threads = |threads| {
        let sizes = verdict::sizes(results, workload, threads).into_iter();
        sizes.map(move |size| group(size, threads))
    };
    verdict::threads(results).into_iter().flat_map(of_threads).collect()
}

fn row(cell: Option<&Cell>, lane: &str, look: Look, columns: &[Column]) -> Row {
    let reason = match cell.map(|cell| (cell.status, verdict::reason(cell))) {
        None => Some("n/a: not run".to_owned()),
        Some((Status::Ok, _)) => None,
        Some((Status::Failed, reason)) => Some(format!("failed: {reason}")),
        Some((Status::NotApplicable, reason)) => Some(format!("n/a: {reason}")),
    };
    let figure = |column: &Column| Figure::of(cell.and_then(|cell| cell.metrics.get(&column.key)));
    Row { lane: lane.to_owned(), look, figures: columns.iter().map(figure).collect(), reason }
}

impl Figure {
    fn of(found: Option<&Metric>) -> Figure {
        let class = if matches!(found, Some(Metric::Measured { .. })) { "figure" } else { "none" };
        Figure { text: found.map_or("n/a: not in the results".to_owned(), metric), class }
    }
}
