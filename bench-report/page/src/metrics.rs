//! Orders and names the metrics of the page.

use std::iter;

use results::Cell;

/// The metrics of the clock.
const TIMES: [&str; 2] = ["overhead", "wall"];

/// The costs of a run besides time.
pub(super) const COSTS: [&str; 8] = [
    "cpu",
    "voluntary-switches",
    "involuntary-switches",
    "system-calls",
    "instructions",
    "allocations",
    "allocated-bytes",
    "peak-rss",
];

/// The lateness of sleeps.
pub(super) const LATENESS: [&str; 5] =
    ["lateness-p50", "lateness-p90", "lateness-p99", "lateness-p99.9", "lateness-max"];

/// Lists the metrics that any of these cells has, measured or not, in the order of the page; metrics without
/// a place in that order follow by name.
pub(super) fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<&'a str> {
    let order = || TIMES.iter().chain(&COSTS).chain(iter::once(&"threads")).chain(&LATENESS);
    let place = |key: &str| order().position(|known| *known == key).unwrap_or(usize::MAX);
    let mut keys: Vec<&str> = cells.flat_map(|cell| cell.metrics.keys()).map(String::as_str).collect();
    keys.sort_by_key(|key| (place(key), *key));
    keys.dedup();
    keys
}

/// Names a metric.
pub(super) fn name(key: &str) -> String {
    match key {
        "cpu" => "CPU time".to_owned(),
        "wall" => "wall time".to_owned(),
        "peak-rss" => "peak memory".to_owned(),
        "bytes-a-task" => "bytes per task".to_owned(),
        other => other.replace('-', " "),
    }
}
