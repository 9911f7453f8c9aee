//! The changes between two runs, or between two revisions in one run: an answer for each cell, and one for
//! all.
//!
//! The whole passes only if nothing regressed and nothing is undecided.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{CellId, Estimate, Results};

/// The version of the JSON.
pub const SCHEMA: u32 = 1;

/// The answer for one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The new side takes longer.
    Regressed,
    /// The new side takes less.
    Improved,
    /// Too little was measured to decide.
    Undecided,
    /// The difference, if any, is within the margin.
    Same,
}

/// A report of changes, as `--format json` writes it together with outcome, exit code and counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeReport {
    /// The side that is compared with.
    pub old: Side,
    /// The side that is judged.
    pub new: Side,
    /// The margin: smaller differences do not count. 0.05 is 5 %.
    pub margin: f64,
    /// Differences that a reader should know, such as another compiler, kernel or version. A sentence each.
    pub notes: Vec<String>,
    /// Every cell that was measured on either side, changed cells first.
    pub cells: Vec<ComparedCell>,
}

/// One of the two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its name, as the user gave it.
    pub name: String,
    /// The run.
    pub run: String,
    /// Its commit, or "unknown".
    pub commit: String,
}

/// A cell that was measured on either side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: CellId,
    /// The answer.
    pub change: Change,
    /// The new overhead relative to the old one, with its 95 % interval; absent if a side has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Estimate>,
    /// The unit of the overhead: "ns/op", or "×" if it is no time.
    pub unit: String,
    /// The old overhead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<f64>,
    /// The new overhead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<f64>,
    /// The number of blocks on each side.
    pub blocks: [usize; 2],
    /// The reason for the answer, if it was not the ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer for all cells together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing regressed, and nothing is undecided.
    Ok,
    /// A cell regressed.
    Regressed,
    /// The two cannot be compared.
    Invalid,
    /// No cell regressed, but some are undecided.
    Undecided,
}

/// The reasons why two runs cannot be compared, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<String>);

impl ChangeReport {
    /// Makes a report, with changed cells first.
    pub fn new(
        old: Side,
        new: Side,
        margin: f64,
        notes: Vec<String>,
        cells: Vec<ComparedCell>,
    ) -> ChangeReport {
        let mut cells = cells;
        cells.sort_by_key(|cell| cell.change);
        ChangeReport { old, new, margin, notes, cells }
    }

    /// Returns the answer for all cells together.
    pub fn outcome(&self) -> Outcome {
        let any = |change| self.cells.iter().any(|cell| cell.change == change);
        if any(Change::Regressed) {
            Outcome::Regressed
        } else if any(Change::Undecided) || self.cells.is_empty() {
            Outcome::Undecided
        } else {
            Outcome::Ok
        }
    }

    /// Counts the cells with this answer.
    pub fn count(&self, change: Change) -> usize {
        self.cells.iter().filter(|cell| cell.change == change).count()
    }
}

impl Side {
    /// Describes a run that the user called `name`.
    pub fn of(name: &str, results: &Results) -> Side {
        let commit = match results.build.dirty.as_str() {
            "yes" => format!("{} with changes", results.build.commit),
            _ => results.build.commit.clone(),
        };
        Side { name: name.to_owned(), run: results.run.id.clone(), commit }
    }
}

impl Outcome {
    /// Returns the exit code of the command.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Ok => 0,
            Outcome::Regressed => 1,
            Outcome::Invalid => 2,
            Outcome::Undecided => 3,
        }
    }
}

impl Invalid {
    /// Makes an `Invalid` of one reason.
    pub fn because(reason: impl Into<String>) -> Invalid {
        Invalid(vec![reason.into()])
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Invalid {}

/// Counts the cells with each answer, by the answer's name.
pub fn counts(comparison: &ChangeReport) -> BTreeMap<&'static str, usize> {
    ANSWERS.map(|(change, name)| (name, comparison.count(change))).into()
}

/// The answers in the order of the cells, and their names.
pub const ANSWERS: [(Change, &str); 4] = [
    (Change::Regressed, "regressed"),
    (Change::Improved, "improved"),
    (Change::Undecided, "undecided"),
    (Change::Same, "same"),
];
