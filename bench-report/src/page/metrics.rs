//! The metrics: their order on the page, and what they are called there.

use std::iter;

use crate::results::Cell;

/// What the clock says.
const TIMES: [&str; 2] = ["overhead", "wall"];

/// What a run costs besides time.
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

/// How late sleeps end.
pub(super) const LATENESS: [&str; 5] =
    ["lateness-p50", "lateness-p90", "lateness-p99", "lateness-p99.9", "lateness-max"];

/// The metrics that any of these cells has, measured or not, in the order of the page; those without a place in it
/// follow by name.
pub(super) fn of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<&'a str> {
    let order = || TIMES.iter().chain(&COSTS).chain(iter::once(&"threads")).chain(&LATENESS);
    let place = |key: &str| order().position(|known| *known == key).unwrap_or(usize::MAX);
    let mut keys: Vec<&str> = cells.flat_map(|cell| cell.metrics.keys()).map(String::as_str).collect();
    keys.sort_by_key(|key| (place(key), *key));
    keys.dedup();
    keys
}

/// What a metric is called.
pub(super) fn name(key: &str) -> String {
    match key {
        "cpu" => "CPU time".to_owned(),
        "wall" => "wall time".to_owned(),
        "peak-rss" => "peak memory".to_owned(),
        other => other.replace('-', " "),
    }
}
