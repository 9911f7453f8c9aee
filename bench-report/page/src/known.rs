//! Prepares the known issues of lanes: entries in the section of the workload that shows them, and marks in
//! the table that lead there.

use super::lanes::ChartLane;
use results::{Cell, Known, Results};

/// An entry about some lanes in one workload.
pub(super) struct KnownEntry {
    pub(super) id: String,
    pub(super) lanes: Vec<ChartLane>,
    pub(super) says: String,
    /// The issue as people name it; empty for a trait by design.
    pub(super) issue: String,
    /// Its address, if that is a web address.
    pub(super) link: Option<String>,
}

/// A mark in a square that leads to an entry.
pub(crate) struct Mark {
    pub(crate) id: String,
    /// The issues that it is about: "tokio#4730".
    pub(crate) issue: String,
}

impl KnownEntry {
    /// Returns all entries about one workload.
    pub(super) fn of(results: &Results, workload: &str) -> Vec<KnownEntry> {
        results
            .known
            .iter()
            .enumerate()
            .filter(|(_, known)| known.workload == workload)
            .map(|(place, known)| KnownEntry {
                id: id(place),
                lanes: known.executors.iter().map(|lane| ChartLane::of(results, lane)).collect(),
                says: known.says.clone(),
                issue: known.issue.clone(),
                link: Some(known.link.clone()).filter(|link| link.starts_with("https://")),
            })
            .collect()
    }
}

/// Marks a cell with the first entry with an issue that is about it.
pub(super) fn mark(results: &Results, cell: &Cell) -> Option<Mark> {
    let is_about = |known: &Known| {
        known.workload == cell.workload && known.executors.contains(&cell.executor) && !known.issue.is_empty()
    };
    let place = results.known.iter().position(is_about)?;
    let issues = results.known.iter().filter(|known| is_about(known)).map(|known| &*known.issue);
    Some(Mark { id: id(place), issue: issues.collect::<Vec<_>>().join(", ") })
}

fn id(place: usize) -> String {
    format!("known-{}", place + 1)
}
