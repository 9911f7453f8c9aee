//! A section for each workload: what it is, its charts, and every figure of its cells.

use super::{
    anchor,
    chart::{Bars, Chart, Comparison, Ecdf, Forest, Lane, Lines, Samples},
    known::Known,
    links::{Links, Source},
    metrics, standings,
};
use crate::{
    figures::{counted, listed, metric, whole},
    results::{Cell, Estimate, Growth, Metric, Results, Status, Workload},
    verdict,
};

/// Everything about one workload.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) anchor: String,
    pub(super) about: String,
    pub(super) operation: String,
    /// What the size counts; may be empty.
    pub(super) size: String,
    /// What its figures are, if they are not time on the clock; else empty.
    pub(super) measure: String,
    pub(super) shows: String,
    pub(super) hides: String,
    pub(super) source: Source,
    pub(super) again: String,
    /// How many of the three columns the words take, so that the charts beside and below them fill theirs.
    pub(super) words: usize,
    /// The charts that are seen at once.
    pub(super) charts: Vec<Chart>,
    /// The charts that have to be opened.
    pub(super) folds: Vec<Fold>,
    pub(super) costs: Vec<Costs>,
    /// Why some costs have no panel.
    pub(super) costless: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// All columns, with that of the lanes.
    pub(super) width: usize,
    pub(super) groups: Vec<Group>,
    pub(super) unavailable: Vec<String>,
    /// How the cost grows with the size, a sentence a lane.
    pub(super) growth: Vec<String>,
    /// What is known about its lanes.
    pub(super) known: Vec<Known>,
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
    pub(super) lane: Lane,
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

/// Charts that have to be opened.
pub(super) struct Fold {
    pub(super) summary: String,
    /// How to read them.
    pub(super) note: &'static str,
    /// How many of the three columns this note takes.
    pub(super) words: usize,
    pub(super) charts: Vec<Chart>,
}

/// What one comparison costs besides time.
pub(super) struct Costs {
    pub(super) title: String,
    pub(super) lanes: Vec<Lane>,
    pub(super) panels: Vec<Chart>,
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
    pub(super) lane: Lane,
    pub(super) figures: Vec<Span>,
    pub(super) reason: Option<String>,
}

/// A metric of a cell, or why there is none.
#[derive(PartialEq)]
pub(super) struct Figure {
    pub(super) text: String,
    pub(super) measured: bool,
}

/// One figure, or columns side by side that have none for one reason.
pub(super) struct Span {
    pub(super) columns: usize,
    pub(super) figure: Figure,
}

impl Section {
    pub(super) fn of(results: &Results, workload: &Workload, links: &Links) -> Section {
        let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.workload == workload.name).collect();
        let operation = verdict::operation(results, &workload.name);
        let (columns, unavailable) = columns(&cells, operation, |_| true);
        let (costs, costless) = columns_of_costs(&cells, operation);
        let comparisons = Comparison::all(results, &workload.name);
        let charts = charts(results, &comparisons);
        Section {
            name: workload.name.clone(),
            anchor: anchor(&workload.name),
            about: workload.about.clone(),
            operation: workload.operation.clone(),
            size: workload.size.clone(),
            measure: if workload.measure.is_empty() {
                String::new()
            } else {
                verdict::quantity(results, &workload.name)
            },
            shows: workload.shows.clone(),
            hides: workload.hides.clone(),
            source: links.to(&workload.source),
            again: format!("cargo bench -- --workloads {}", workload.name),
            words: words(charts.len()),
            charts,
            folds: folds(results, &workload.name, &comparisons),
            costs: largest(&comparisons).filter_map(|comparison| Costs::of(comparison, &costs)).collect(),
            costless,
            width: columns.len() + 1,
            groups: groups(results, &workload.name, &columns),
            columns,
            unavailable,
            growth: growth(results, &workload.name),
            known: Known::of(results, &workload.name),
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
        let told = |count: Option<u64>| count.map_or("n/a".to_owned(), whole);
        let seen = vec![
            seen.workers.to_string(),
            seen.threads.to_string(),
            whole(seen.spawned),
            whole(seen.finished),
            whole(seen.cancelled),
            told(seen.at_once),
            told(seen.polls),
            whole(seen.jobs),
            told(seen.jobs_at_once),
            format!("{before}, {after}"),
            seen.cpus.clone(),
        ];
        Some(Proof { lane: Lane::of(results, &cell.executor), seen })
    }
}

fn flags(cell: &Cell) -> Vec<String> {
    let name = format!("{}, {}, {}", cell.executor, whole(cell.size), counted(cell.threads, "thread"));
    cell.flags.iter().map(|flag| format!("{name}: {flag}.")).collect()
}

/// Of each number of threads the ratios at each size, and the cost over the sizes.
fn charts(results: &Results, comparisons: &[Comparison<'_>]) -> Vec<Chart> {
    let axis = Forest::axis(comparisons);
    let of_threads = |comparisons: &[Comparison<'_>]| {
        let forests = comparisons.iter().filter_map(|comparison| Forest::of(comparison, &axis));
        let lines = Lines::over_sizes(results, &comparisons.iter().collect::<Vec<_>>());
        forests.chain(lines).collect::<Vec<_>>()
    };
    comparisons.chunk_by(|one, other| one.threads == other.threads).flat_map(of_threads).collect()
}

const WITH_BOXES: &str = "At the largest size. Each dot is a block, the diamond the estimate over the blocks with its 95 % interval. The box above them holds the middle half of all samples, parted at their median; its whiskers end at 5 and 95 % of them.";
const WITHOUT_BOXES: &str = "At the largest size. Each dot is a block, the diamond the estimate over the blocks with its 95 % interval. How the samples scatter is not in these results.";

fn folds(results: &Results, workload: &str, comparisons: &[Comparison<'_>]) -> Vec<Fold> {
    let blocks = if comparisons.iter().any(Comparison::has_spread) { WITH_BOXES } else { WITHOUT_BOXES };
    let folds = [
        Fold::of(
            format!("How blocks and samples of {workload} scatter"),
            blocks,
            largest(comparisons).filter_map(Samples::of).collect(),
        ),
        Fold::of(
            format!("What more threads do to {workload}"),
            "Lanes that ran at one number of threads only are left out. The band is the 95 % interval.",
            over_threads(results, comparisons),
        ),
        Fold::of(
            format!("How late the sleeps of {workload} end"),
            "The share of sleeps that went on no later after they were due than this. The sleeps of all blocks are taken together; the table of figures has the mean of the blocks.",
            comparisons.iter().filter_map(Ecdf::of).collect(),
        ),
    ];
    folds.into_iter().filter(|fold| !fold.charts.is_empty()).collect()
}

impl Fold {
    fn of(summary: String, note: &'static str, charts: Vec<Chart>) -> Fold {
        Fold { summary, note, words: words(charts.len()), charts }
    }
}

/// How many of three columns some words take so that they and the charts fill their rows.
fn words(charts: usize) -> usize {
    3 - charts % 3
}

/// A chart for each size, fewest threads first within it.
fn over_threads(results: &Results, comparisons: &[Comparison<'_>]) -> Vec<Chart> {
    let mut by_size: Vec<&Comparison<'_>> = comparisons.iter().collect();
    by_size.sort_by_key(|comparison| (comparison.size, comparison.threads));
    let sizes = by_size.chunk_by(|one, other| one.size == other.size);
    sizes.filter_map(|comparisons| Lines::over_threads(results, comparisons)).collect()
}

/// Of each number of threads the comparison of the largest size: what the others cost is in the table.
fn largest<'a, 'b>(comparisons: &'b [Comparison<'a>]) -> impl Iterator<Item = &'b Comparison<'a>> {
    comparisons.chunk_by(|one, other| one.threads == other.threads).filter_map(<[_]>::last)
}

impl Costs {
    /// The panels of one comparison; none if nothing was measured in it.
    fn of(comparison: &Comparison<'_>, columns: &[Column]) -> Option<Costs> {
        let panel = |column: &Column| Bars::of(comparison, &column.key, &column.name, &column.per);
        let panels: Vec<Chart> = columns.iter().filter_map(panel).collect();
        let with_metrics = comparison.cells.iter().filter(|cell| !cell.metrics.is_empty());
        let lanes = with_metrics.map(|cell| comparison.lane(&cell.executor)).collect();
        (!panels.is_empty()).then(|| Costs { title: format!("Size {}", comparison.name()), lanes, panels })
    }
}

/// The metrics that have a panel, and a sentence for each reason why others have none.
fn columns_of_costs(cells: &[&Cell], operation: &str) -> (Vec<Column>, Vec<String>) {
    columns(cells, operation, |key| metrics::COSTS.contains(&key))
}

/// The metrics that have a column, and a sentence for each reason why others have none.
fn columns(cells: &[&Cell], operation: &str, wanted: impl Fn(&str) -> bool) -> (Vec<Column>, Vec<String>) {
    let mut columns = Vec::new();
    let mut without: Vec<(String, Vec<String>)> = Vec::new();
    for key in metrics::of(cells.iter().copied()).into_iter().filter(|key| wanted(key)) {
        let found: Vec<&Metric> = cells.iter().filter_map(|cell| cell.metrics.get(key)).collect();
        let Some(reason) = reasons(&found) else {
            let (key, name) = (key.to_owned(), metrics::name(key));
            columns.push(Column { key, name, per: per(&found, operation) });
            continue;
        };
        match without.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(metrics::name(key)),
            None => without.push((reason, vec![metrics::name(key)])),
        }
    }
    let sentence = |(reason, names): &(String, Vec<String>)| format!("{}: n/a, {reason}.", listed(names));
    (columns, without.iter().map(sentence).collect())
}

/// Why a metric is available nowhere, if that is so.
fn reasons(metrics: &[&Metric]) -> Option<String> {
    let mut reasons: Vec<&str> = Vec::new();
    for metric in metrics {
        match metric {
            Metric::Measured { .. } => return None,
            Metric::Unavailable { unavailable } if reasons.contains(&unavailable.as_str()) => {}
            Metric::Unavailable { unavailable } => reasons.push(unavailable),
        }
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
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
                row(cell, Lane::of(results, lane), columns)
            })
            .collect(),
    };
    let of_threads = |threads| {
        let sizes = verdict::sizes(results, workload, threads).into_iter();
        sizes.map(move |size| group(size, threads))
    };
    verdict::threads(results).into_iter().flat_map(of_threads).collect()
}

fn row(cell: Option<&Cell>, lane: Lane, columns: &[Column]) -> Row {
    let reason = match cell.map(|cell| (cell.status, verdict::reason(cell))) {
        None => Some("n/a: not run".to_owned()),
        Some((Status::Ok, _)) => None,
        Some((Status::Failed, reason)) => Some(format!("failed: {reason}")),
        Some((Status::NotApplicable, reason)) => Some(format!("n/a: {reason}")),
    };
    let figure = |column: &Column| Figure::of(cell.and_then(|cell| cell.metrics.get(&column.key)));
    Row { lane, figures: Span::all(columns.iter().map(figure)), reason }
}

impl Figure {
    fn of(found: Option<&Metric>) -> Figure {
        let measured = matches!(found, Some(Metric::Measured { .. }));
        Figure { text: found.map_or("n/a: not in the results".to_owned(), metric), measured }
    }
}

impl Span {
    fn all(figures: impl Iterator<Item = Figure>) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for figure in figures {
            match spans.last_mut() {
                Some(last) if !figure.measured && last.figure == figure => last.columns += 1,
                _ => spans.push(Span { columns: 1, figure }),
            }
        }
        spans
    }
}
