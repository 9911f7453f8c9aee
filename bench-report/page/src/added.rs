//! Says what a size adds to the figure without it: the cost of a neighbour is the difference to no neighbour.

use results::{
    Cell, Results, Workload,
    figures::{counted, in_unit, listed},
    lookup,
};

use crate::sizes;

/// Writes the sentences of a workload: for each comparison of a size what each lane has more than at size 0, there or in
/// a workload of the same group that measures the same. None if there is no size 0.
pub(super) fn sentences(results: &Results, workload: &Workload) -> Vec<String> {
    let Some(without) = without(results, workload) else { return Vec::new() };
    let threads = lookup::races(results).into_iter();
    threads
        .flat_map(|threads| {
            let sizes = lookup::sizes(results, &workload.name, threads).into_iter().filter(|size| *size > 0);
            sizes.filter_map(move |size| sentence(results, workload, without, (size, threads)))
        })
        .collect()
}

/// Returns the workload that has the figures at size 0.
fn without<'a>(results: &'a Results, workload: &'a Workload) -> Option<&'a Workload> {
    // Only where a figure is a lateness is the rest of it a cost that the size does not make.
    if !workload.measure.starts_with("lateness") {
        return None;
    }
    let alike = |other: &&Workload| (&other.group, &other.measure) == (&workload.group, &workload.measure);
    let has_0 =
        |other: &&Workload| results.cells.iter().any(|cell| cell.workload == other.name && cell.size == 0);
    results.workloads.iter().filter(alike).find(has_0)
}

fn sentence(
    results: &Results,
    workload: &Workload,
    without: &Workload,
    (size, threads): (u64, usize),
) -> Option<String> {
    let difference = |cell: &Cell| {
        let before =
            results.comparison(&without.name, 0, threads).find(|other| other.executor == cell.executor)?;
        let added = cell.overhead()?.value - before.overhead()?.value;
        Some(format!("{} {}", cell.executor, in_unit(cell.unit(), added)))
    };
    let lanes: Vec<String> =
        results.comparison(&workload.name, size, threads).filter_map(difference).collect();
    let place = if without.name == workload.name { String::new() } else { format!(" of {}", without.name) };
    (!lanes.is_empty()).then(|| {
        format!(
            "{}, {}: {} more than at {}{place}. These are plain differences, without an interval.",
            sizes::sized(results, &workload.name, size),
            counted(threads, "thread"),
            listed(&lanes),
            sizes::sized(results, &without.name, 0)
        )
    })
}
