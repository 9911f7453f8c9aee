//! Looks things up in results; computes nothing anew.

use std::cmp::Reverse;

use crate::{Cell, Results, Status};

/// The class of a lane that is a program of its own.
const PROGRAM: &str = "program";

/// The measure of a workload that counts processor time, which is given per operation.
const PROCESSOR: &str = "processor time";

/// Returns the numbers of threads of a run, smallest first.
pub fn threads(results: &Results) -> Vec<usize> {
    let mut threads: Vec<usize> = results.cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

/// Returns the numbers of threads of a run as a reader wants them: the most first, and those that are more than there are
/// processors last.
pub fn races(results: &Results) -> Vec<usize> {
    let mut threads = threads(results);
    threads.sort_by_key(|&threads| (is_oversubscribed(results, threads), Reverse(threads)));
    threads
}

/// Tells whether there are more threads than the machine has processors, as far as it says.
pub fn is_oversubscribed(results: &Results, threads: usize) -> bool {
    processors(results).is_some_and(|processors| threads > processors)
}

/// Returns the number of processors that the machine says it has.
pub fn processors(results: &Results) -> Option<usize> {
    let digits: String = results.machine.cores.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Returns the sizes of a workload at a number of threads, smallest first.
pub fn sizes(results: &Results, workload: &str, threads: usize) -> Vec<u64> {
    let same = |cell: &&Cell| cell.workload == workload && cell.threads == threads;
    let mut sizes: Vec<u64> = results.cells.iter().filter(same).map(|cell| cell.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Returns the lanes that apply to no comparison at a number of threads, each with its reason.
pub fn absent_lanes(results: &Results, threads: usize) -> Vec<(&str, &str)> {
    let lanes = results.executors.iter();
    lanes.filter_map(|lane| Some((lane.name.as_str(), absence(results, &lane.name, threads)?))).collect()
}

/// Returns the one reason why a lane applies to no comparison; `None` if it applies to any.
fn absence<'a>(results: &'a Results, lane: &str, threads: usize) -> Option<&'a str> {
    let mut cells = results.cells.iter().filter(|cell| cell.threads == threads && cell.executor == lane);
    let first = cells.next().filter(|cell| cell.status == Status::NotApplicable)?;
    let same = |cell: &Cell| cell.status == Status::NotApplicable && cell.reason == first.reason;
    cells.all(same).then(|| reason(first))
}

/// Returns `true` if a lane is a program, which is shown beside the others and compared with no other lane.
pub fn is_program(results: &Results, lane: &str) -> bool {
    results.executors.iter().any(|executor| executor.name == lane && executor.class == PROGRAM)
}

/// Names the figures of a workload for an axis or a heading: "time per task over the ideal", "lateness of a
/// tick".
pub fn quantity(results: &Results, workload: &str) -> String {
    let operation = operation(results, workload);
    match measure(results, workload) {
        "" => format!("time per {operation} over the ideal"),
        PROCESSOR => format!("{PROCESSOR} per {operation}"),
        other => other.to_owned(),
    }
}

/// Names the figures of a workload where time is taken for granted: "per task", "lateness of a tick".
pub fn quantity_in_short(results: &Results, workload: &str) -> String {
    match measure(results, workload) {
        "" => format!("per {}", operation(results, workload)),
        _ => quantity(results, workload),
    }
}

/// Returns the quantity that the overhead of a workload measures, if it is not time on the clock; otherwise
/// an empty text.
pub fn measure<'a>(results: &'a Results, workload: &str) -> &'a str {
    results.workloads.iter().find(|known| known.name == workload).map_or("", |known| &known.measure)
}

/// Returns a workload's noun for its operation, without the article: "task".
pub fn operation<'a>(results: &'a Results, workload: &str) -> &'a str {
    let found = results.workloads.iter().find(|known| known.name == workload);
    found.map_or("operation", |known| known.operation.strip_prefix("one ").unwrap_or(&known.operation))
}

/// Returns the reason why a cell was not measured, in the words of the results.
pub fn reason(cell: &Cell) -> &str {
    cell.reason.as_deref().unwrap_or("no reason was given")
}

/// Returns the lanes that have a column: all but those that apply to no comparison at this number of threads.
/// Programs come last.
pub fn racing(results: &Results, threads: usize) -> Vec<&str> {
    let absent = absent_lanes(results, threads);
    let races = |lane: &&str| !absent.iter().any(|(name, _)| name == lane);
    let lanes = results.executors.iter().map(|executor| executor.name.as_str()).filter(races);
    let (programs, mut lanes): (Vec<&str>, Vec<&str>) = lanes.partition(|lane| is_program(results, lane));
    lanes.extend(programs);
    lanes
}
