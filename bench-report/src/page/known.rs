//! What is known about lanes, in the section of the workload that shows it, and the marks in the table that lead there.

use super::chart::Lane;
use crate::results::{Cell, Known as Found, Results};

/// What is known about some lanes in one workload.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) lanes: Vec<Lane>,
    pub(super) says: String,
    /// The issue as people name it; empty for what is by design.
    pub(super) issue: String,
    /// Where it is, if that is a web address.
    pub(super) link: Option<String>,
}

/// Where the entry for a square is.
pub(crate) struct Link {
    pub(crate) id: String,
    /// What it is about: "tokio#4730".
    pub(crate) issue: String,
}

impl Known {
    /// All about one workload.
    pub(super) fn of(results: &Results, workload: &str) -> Vec<Known> {
        let entry = |(place, found): (usize, &Found)| Known {
            id: id(place),
            lanes: found.executors.iter().map(|lane| Lane::of(results, lane)).collect(),
            says: found.says.clone(),
            issue: found.issue.clone(),
            link: Some(found.link.clone()).filter(|link| link.starts_with("https://")),
        };
        let all = results.known.iter().enumerate();
        all.filter(|(_, found)| found.workload == workload).map(entry).collect()
    }
}

/// The first entry with an issue that is about this cell.
pub(super) fn link(results: &Results, cell: &Cell) -> Option<Link> {
    let is_about = |found: &Found| {
        found.workload == cell.workload && found.executors.contains(&cell.executor) && !found.issue.is_empty()
    };
    let place = results.known.iter().position(is_about)?;
    let issues = results.known.iter().filter(|found| is_about(found)).map(|found| &*found.issue);
    Some(Link { id: id(place), issue: issues.collect::<Vec<_>>().join(", ") })
}

fn id(place: usize) -> String {
    format!("known-{}", place + 1)
}
