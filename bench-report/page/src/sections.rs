//! Prepares a section for each workload: its description, its charts, and every figure of its cells.

use super::{
    added,
    chart::{Bars, Chart, Comparison, Ecdf, Forest, Late, Lines, Samples, late},
    known::KnownEntry,
    lanes::ChartLane,
    links::{Links, Source, anchor},
    metrics, sizes,
};
use results::{
    Cell, Estimate, Growth, Metric, Results, Status, Workload,
    figures::{counted, listed, metric, whole},
    lookup,
};

/// The section of one workload.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) anchor: String,
    pub(super) about: String,
    pub(super) operation: String,
    /// The things that the size counts; may be empty.
    pub(super) size: String,
    /// The quantity of its figures, if that is not time on the clock; otherwise empty.
    pub(super) measure: String,
    pub(super) shows: String,
    pub(super) hides: String,
    pub(super) source: Source,
    pub(super) again: String,
    /// The number of columns, of three, that the words take, so that the charts beside and below them fill
    /// theirs.
    pub(super) words: usize,
    /// The charts that are visible at once.
    pub(super) charts: Vec<Chart>,
    /// The charts that have to be opened.
    pub(super) folds: Vec<Fold>,
    pub(super) costs: Vec<Costs>,
    /// The reasons why some costs have no panel.
    pub(super) costless: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// The number of columns, including that of the lanes.
    pub(super) width: usize,
    pub(super) groups: Vec<Group>,
    pub(super) unavailable: Vec<String>,
    /// The growth of the cost with the size, a sentence for each lane.
    pub(super) growth: Vec<String>,
    /// The numbers of threads at which it has rows, to link back to them.
    pub(super) rows_at: Vec<(usize, String)>,
    /// A sentence for each size that says what it adds to the figure at 0.
    pub(super) added: Vec<String>,
    /// The known issues of its lanes.
    pub(super) known: Vec<KnownEntry>,
    /// Reservations about figures, a sentence for each cell.
    pub(super) flags: Vec<String>,
    /// The observations of each cell; absent if there are none.
    pub(super) observed: Option<Observed>,
}

/// The observations of the cells of a workload.
pub(super) struct Observed {
    /// A sentence with the observations that are the same in all cells; may be empty.
    pub(super) same: String,
    /// The names of the others.
    pub(super) names: Vec<&'static str>,
    pub(super) comparisons: Vec<Proofs>,
}

/// The observations of the cells of one comparison.
pub(super) struct Proofs {
    pub(super) title: String,
    pub(super) rows: Vec<Proof>,
}

/// The observations of a cell in a run that was not timed.
pub(super) struct Proof {
    pub(super) lane: ChartLane,
    /// The observations in the order of their names.
    pub(super) seen: Vec<String>,
}

/// The names of the observations.
const SEEN: [&str; 11] = [
    "workers",
    "threads that polled",
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
    /// Its name beside that of the section: "scatter".
    pub(super) summary: &'static str,
    /// The note on how to read them.
    pub(super) note: &'static str,
    /// The number of columns, of three, that the note takes.
    pub(super) words: usize,
    pub(super) charts: Vec<Chart>,
}

/// The costs of one comparison besides time.
pub(super) struct Costs {
    pub(super) title: String,
    pub(super) lanes: Vec<ChartLane>,
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

/// The figures of one cell, or the reason why it has none.
pub(super) struct Row {
    pub(super) lane: ChartLane,
    pub(super) figures: Vec<Span>,
    pub(super) reason: Option<String>,
}

/// A metric of a cell, or the reason why it has none.
#[derive(PartialEq)]
pub(super) struct Figure {
    pub(super) text: String,
    pub(super) measured: bool,
}

/// One figure, or neighbouring columns that have none for the same reason.
pub(super) struct Span {
    pub(super) columns: usize,
    pub(super) figure: Figure,
}

impl Section {
    pub(super) fn of(results: &Results, workload: &Workload, links: &Links) -> Section {
        let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.workload == workload.name).collect();
        let operation = lookup::operation(results, &workload.name);
        let (columns, unavailable) = columns(&cells, operation, |_| true);
        let (costs, costless) = columns_of_costs(&cells, operation);
        let comparisons = Comparison::all(results, &workload.name);
        let charts = charts(results, &comparisons);
        let races = lookup::races(results).into_iter();
        let rows_at = races.filter(|threads| !lookup::sizes(results, &workload.name, *threads).is_empty());
        Section {
            rows_at: rows_at.map(|threads| (threads, counted(threads, "thread"))).collect(),
            added: added::sentences(results, workload),
            name: workload.name.clone(),
            anchor: anchor(&workload.name),
            about: workload.about.clone(),
            operation: workload.operation.clone(),
            size: workload.size.clone(),
            measure: if workload.measure.is_empty() {
                String::new()
            } else {
                lookup::quantity(results, &workload.name)
            },
            shows: workload.shows.clone(),
            hides: workload.hides.clone(),
            source: links.to(&workload.source),
            again: format!("{} --workloads {}", results.run.bench(), workload.name),
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
            known: KnownEntry::of(results, &workload.name),
            flags: cells.iter().flat_map(|cell| flags(results, cell)).collect(),
            observed: Observed::of(results, &cells),
        }
    }
}

/// Writes the exponents of a workload's cost over its size.
fn growth(results: &Results, workload: &str) -> Vec<String> {
    let of_workload = results.growth.iter().filter(|growth| growth.workload == workload);
    of_workload
        .map(|Growth { threads, executor, exponent: Estimate { value, low, high }, .. }| {
            let threads = counted(*threads, "thread");
            format!("{executor}, {threads}: size to the power of {value:.2} [{low:.2}, {high:.2}]")
        })
        .collect()
}

impl Observed {
    /// Collects the observations of all cells. What is the same in all of them is said once, because it is a third of the table.
    fn of(results: &Results, cells: &[&Cell]) -> Option<Observed> {
        let mut comparisons = proofs(results, cells);
        let rows: Vec<&Proof> = comparisons.iter().flat_map(|comparison| &comparison.rows).collect();
        if rows.is_empty() {
            return None;
        }
        let value = |column: usize| {
            // A program does not tell all of it.
            let is_told = |text: &&String| !["n/a", "n/a, n/a", "unknown"].contains(&text.as_str());
            let mut told = rows.iter().map(|row| &row.seen[column]).filter(is_told);
            let first = told.next().filter(|_| rows.len() > 1)?;
            told.all(|text| text == first).then(|| first.clone())
        };
        let same: Vec<Option<String>> = (0..SEEN.len()).map(value).collect();
        let differs: Vec<bool> = same.iter().map(Option::is_none).collect();
        let of_same =
            SEEN.iter().zip(&same).filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        let of_same: Vec<String> = of_same.collect();
        for row in comparisons.iter_mut().flat_map(|comparison| &mut comparison.rows) {
            let mut differs = differs.iter();
            row.seen.retain(|_| differs.next().is_none_or(|differs| *differs));
        }
        Some(Observed {
            same: if of_same.is_empty() {
                String::new()
            } else {
                format!("The same in all that tell it: {}.", of_same.join(", "))
            },
            names: SEEN
                .iter()
                .zip(&differs)
                .filter(|(_, differs)| **differs)
                .map(|(name, _)| *name)
                .collect(),
            comparisons,
        })
    }
}

fn proofs(results: &Results, cells: &[&Cell]) -> Vec<Proofs> {
    let comparisons = cells.chunk_by(|one, other| (one.size, one.threads) == (other.size, other.threads));
    comparisons
        .map(|lanes| Proofs {
            title: format!(
                "{}, {}",
                sizes::sized(results, &lanes[0].workload, lanes[0].size),
                counted(lanes[0].threads, "thread")
            ),
            rows: lanes.iter().filter_map(|cell| Proof::of(results, cell)).collect(),
        })
        .filter(|proofs| !proofs.rows.is_empty())
        .collect()
}

impl Proof {
    fn of(results: &Results, cell: &Cell) -> Option<Proof> {
        let seen = cell.observed.as_ref()?;
        let threads =
            |threads: Option<usize>| threads.map_or("n/a".to_owned(), |threads| threads.to_string());
        let [before, after] = [seen.threads_before, seen.threads_after].map(threads);
        let counted = |count: Option<u64>| count.map_or("n/a".to_owned(), whole);
        let seen = vec![
            seen.workers.to_string(),
            seen.threads.to_string(),
            whole(seen.spawned),
            whole(seen.finished),
            whole(seen.cancelled),
            counted(seen.at_once),
            counted(seen.polls),
            whole(seen.jobs),
            counted(seen.jobs_at_once),
            format!("{before}, {after}"),
            seen.cpus.clone(),
        ];
        Some(Proof { lane: ChartLane::of(results, &cell.executor), seen })
    }
}

fn flags(results: &Results, cell: &Cell) -> Vec<String> {
    let size = sizes::sized(results, &cell.workload, cell.size);
    let name = format!("{}, {size}, {}", cell.executor, counted(cell.threads, "thread"));
    cell.flags.iter().map(|flag| format!("{name}: {flag}.")).collect()
}

/// Draws, for each number of threads, the ratios at each size and the cost over the sizes.
fn charts(results: &Results, comparisons: &[Comparison<'_>]) -> Vec<Chart> {
    let axis = Forest::axis(comparisons);
    let by_threads = comparisons.chunk_by(|one, other| one.threads == other.threads);
    by_threads
        .flat_map(|comparisons| {
            let forests = ends(comparisons).filter_map(|comparison| Forest::of(comparison, &axis));
            let lines = Lines::over_sizes(results, &comparisons.iter().collect::<Vec<_>>());
            let late = largest(comparisons).filter_map(|comparison| late::of(results, comparison));
            forests.chain(lines).chain(late).collect::<Vec<_>>()
        })
        .collect()
}

/// Returns the comparisons of the smallest and of the largest size; the lines over sizes have those between.
fn ends<'a, 'b>(comparisons: &'b [Comparison<'a>]) -> impl Iterator<Item = &'b Comparison<'a>> {
    let last = comparisons.len().saturating_sub(1);
    comparisons
        .iter()
        .enumerate()
        .filter(move |(place, _)| *place == 0 || *place == last)
        .map(|(_, ends)| ends)
}

/// Returns those between the [`ends`], for each number of threads.
fn between<'a, 'b>(comparisons: &'b [Comparison<'a>]) -> impl Iterator<Item = &'b Comparison<'a>> {
    let by_threads = comparisons.chunk_by(|one, other| one.threads == other.threads);
    by_threads.flat_map(|sizes| sizes.get(1..sizes.len() - 1).unwrap_or_default())
}

/// The note on charts of blocks and samples, with boxes.
const WITH_BOXES: &str = "The charts show the largest size. Each dot is a block; the diamond is the estimate over the blocks, with its 95 % interval. The box above them holds the middle half of all samples, with a line at their median; its whiskers end at the 5th and the 95th percentile.";

/// The note on charts of blocks and samples, without boxes.
const WITHOUT_BOXES: &str = "The charts show the largest size. Each dot is a block; the diamond is the estimate over the blocks, with its 95 % interval. These results do not say how the samples scatter.";

fn folds(results: &Results, workload: &str, comparisons: &[Comparison<'_>]) -> Vec<Fold> {
    let blocks = if comparisons.iter().any(Comparison::has_spread) { WITH_BOXES } else { WITHOUT_BOXES };
    let late = Late::of(results, workload);
    let axis = Forest::axis(comparisons);
    let folds = [
        Fold::of(
            "other sizes",
            "Above are the smallest and the largest size; these are between them, on the same axis.",
            between(comparisons).filter_map(|comparison| Forest::of(comparison, &axis)).collect(),
        ),
        Fold::of("scatter", blocks, largest(comparisons).filter_map(Samples::of).collect()),
        Fold::of(
            "threads",
            "Lanes that ran at only one number of threads are left out. The band is the 95 % interval.",
            over_threads(results, comparisons),
        ),
        Fold::of(
            "lateness",
            late.note,
            comparisons.iter().filter_map(|comparison| Ecdf::of(late, comparison)).collect(),
        ),
    ];
    folds.into_iter().filter(|fold| !fold.charts.is_empty()).collect()
}

impl Fold {
    fn of(summary: &'static str, note: &'static str, charts: Vec<Chart>) -> Fold {
        Fold { summary, note, words: words(charts.len()), charts }
    }
}

/// Returns the number of columns, of three, for some words so that they and the charts fill their rows.
fn words(charts: usize) -> usize {
    3 - charts % 3
}

/// Draws a chart for each size, with the fewest threads first.
fn over_threads(results: &Results, comparisons: &[Comparison<'_>]) -> Vec<Chart> {
    let mut by_size: Vec<&Comparison<'_>> = comparisons.iter().collect();
    by_size.sort_by_key(|comparison| (comparison.size, comparison.threads));
    let sizes = by_size.chunk_by(|one, other| one.size == other.size);
    sizes.filter_map(|comparisons| Lines::over_threads(results, comparisons)).collect()
}

/// Returns, for each number of threads, the comparison of the largest size; the table has the costs of the
/// others.
fn largest<'a, 'b>(comparisons: &'b [Comparison<'a>]) -> impl Iterator<Item = &'b Comparison<'a>> {
    comparisons.chunk_by(|one, other| one.threads == other.threads).filter_map(<[_]>::last)
}

impl Costs {
    /// Draws the panels of one comparison; `None` if nothing was measured in it.
    fn of(comparison: &Comparison<'_>, columns: &[Column]) -> Option<Costs> {
        let panel = |column: &Column| Bars::of(comparison, &column.key, &column.name, &column.per);
        let panels: Vec<Chart> = columns.iter().filter_map(panel).collect();
        let with_metrics = comparison.cells.iter().filter(|cell| !cell.metrics.is_empty());
        let lanes = with_metrics.map(|cell| comparison.lane(&cell.executor)).collect();
        (!panels.is_empty()).then(|| Costs { title: format!("Size {}", comparison.name()), lanes, panels })
    }
}

/// Returns the metrics that have a panel, and a sentence for each reason why others have none.
fn columns_of_costs(cells: &[&Cell], operation: &str) -> (Vec<Column>, Vec<String>) {
    columns(cells, operation, |key| metrics::COSTS.contains(&key))
}

/// Returns the metrics that have a column, and a sentence for each reason why others have none.
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

/// Returns the reasons why a metric is available in no cell; `None` if it is available somewhere.
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

/// Names the unit of work that a metric is counted for: an operation, or a whole run.
fn per(metrics: &[&Metric], operation: &str) -> String {
    let unit = metrics.iter().find_map(|metric| match metric {
        Metric::Measured { unit, .. } => Some(unit),
        Metric::Unavailable { .. } => None,
    });
    match unit {
        Some(unit) if unit.ends_with("/op") => format!("per {operation}"),
        Some(unit) if ["ns", "×"].contains(&&**unit) => "per run".to_owned(),
        Some(_) => "of the process".to_owned(),
        None => String::new(),
    }
}

fn groups(results: &Results, workload: &str, columns: &[Column]) -> Vec<Group> {
    let mut groups = Vec::new();
    for threads in lookup::threads(results) {
        for size in lookup::sizes(results, workload, threads) {
            groups.push(group(results, workload, size, threads, columns));
        }
    }
    groups
}

fn group(results: &Results, workload: &str, size: u64, threads: usize, columns: &[Column]) -> Group {
    Group {
        title: format!("{}, {}", sizes::sized(results, workload, size), counted(threads, "thread")),
        rows: lookup::racing(results, threads)
            .into_iter()
            .map(|lane| {
                let cell = results.comparison(workload, size, threads).find(|cell| cell.executor == lane);
                row(cell, ChartLane::of(results, lane), columns)
            })
            .collect(),
    }
}

fn row(cell: Option<&Cell>, lane: ChartLane, columns: &[Column]) -> Row {
    let reason = match cell.map(|cell| (cell.status, lookup::reason(cell))) {
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
