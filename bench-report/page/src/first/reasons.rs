//! Finds what is known of the runtimes that can serve and decides most of the rows that they lose.

use results::{Cell, Known, Results, figures::counted};

use crate::answers::{AnsweringLane, Answers, is_behind, tells};

/// The number of reasons that are given.
const GIVEN: usize = 2;

/// A known cause of some runtimes, with the number of rows in which it is known and they are behind.
pub(crate) struct Reason {
    pub(crate) runtimes: String,
    /// The first sentence of what is known.
    pub(crate) says: String,
    pub(crate) issue: String,
    /// The number of rows, in words: "4 rows that it loses".
    pub(crate) rows: String,
    /// The place of the entry.
    pub(crate) anchor: String,
}

/// Returns the entries about the runtimes that can serve which are known in most of the rows that these lose, if in more than one.
pub(super) fn of(results: &Results, answers: &Answers) -> Vec<Reason> {
    let served: Vec<&AnsweringLane> = answers.lanes.iter().filter(|lane| lane.can_serve).collect();
    let lost = lost(results, answers.threads, &served);
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for known in results.known.iter().filter(|known| !known.issue.is_empty()) {
        if seen.contains(&&*known.says) {
            continue;
        }
        seen.push(&known.says);
        let hits = |(lane, workload): &&(&str, &str)| {
            let is_about = |entry: &Known| {
                entry.says == known.says
                    && entry.workload == **workload
                    && entry.executors.iter().any(|of| of == lane)
            };
            results.known.iter().any(is_about)
        };
        let hit: Vec<&str> = lost.iter().filter(hits).map(|(lane, _)| *lane).collect();
        if hit.len() > 1 {
            found.push((hit.len(), reason(results, known, &served, &hit)));
        }
    }
    found.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
    found.into_iter().map(|(_, reason)| reason).take(GIVEN).collect()
}

/// Returns the lane and the workload of each row in which a runtime that can serve is behind another that can.
fn lost<'a>(results: &'a Results, threads: usize, served: &[&AnsweringLane]) -> Vec<(&'a str, &'a str)> {
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let tells = tells(results);
    let mut lost = Vec::new();
    for lanes in results.cells.chunk_by(same).filter(|lanes| lanes[0].threads == threads) {
        let floor = results.floor_of_row(&lanes[0].workload, lanes[0].size, threads);
        let of_row: Vec<&Cell> = served.iter().filter_map(|runtime| runtime.best_of(lanes)).collect();
        let is_lost = |cell: &&&Cell| of_row.iter().any(|other| is_behind(cell, other, tells, floor));
        lost.extend(of_row.iter().filter(is_lost).map(|cell| (&*cell.executor, &*cell.workload)));
    }
    lost
}

fn reason(results: &Results, known: &Known, served: &[&AnsweringLane], hit: &[&str]) -> Reason {
    let is_hit = |runtime: &&&AnsweringLane| runtime.flavours.iter().any(|lane| hit.contains(&&**lane));
    let names: Vec<&str> = served.iter().filter(is_hit).map(|runtime| &*runtime.name).collect();
    let sentence = known.says.split_once(". ").map_or(&*known.says, |(first, _)| first);
    let place = results.known.iter().position(|one| one.says == known.says).unwrap_or(0);
    Reason {
        runtimes: results::figures::listed(&names),
        says: sentence.trim_end_matches('.').to_owned(),
        issue: known.issue.clone(),
        rows: format!(
            "{} that {}",
            counted(hit.len(), "row"),
            if names.len() == 1 { "it loses" } else { "they lose" }
        ),
        anchor: format!("known-{}", place + 1),
    }
}
