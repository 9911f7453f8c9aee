//! What has changed between two runs, or between two programs in one run: an answer for each cell, and one for all.
//!
//! An answer that nothing regressed is only given if nothing stays open.

mod runs;
mod show;

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    change::Change,
    protocol::CellId,
    results::{Estimate, Results},
};

pub use runs::{Options, compare};

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// What has changed: `--format json` writes this, with outcome, exit code and counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared with.
    pub old: Side,
    /// What is judged.
    pub new: Side,
    /// The margin: a difference below it is none. 0.05 is 5 %.
    pub margin: f64,
    /// What a reader should know: a compiler, a kernel, a version that is not the same. A sentence each.
    pub notes: Vec<String>,
    /// Every cell that was measured on either side, what changed first.
    pub cells: Vec<ComparedCell>,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// What the user called it.
    pub name: String,
    /// The run.
    pub run: String,
    /// Its commit, or "unknown".
    pub commit: String,
}

/// A cell of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedCell {
    /// The cell.
    #[serde(flatten)]
    pub cell: CellId,
    /// What became of it.
    pub change: Change,
    /// The overhead of the new one relative to the old one, with its 95 % interval; absent if one of them has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Estimate>,
    /// The old overhead in ns per operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<f64>,
    /// The new overhead in ns per operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<f64>,
    /// How many blocks each has.
    pub blocks: [usize; 2],
    /// What made the answer, if it was not the ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing regressed, and nothing is open.
    Ok,
    /// A cell regressed.
    Regressed,
    /// The two cannot be compared.
    Invalid,
    /// No cell regressed that was decided, but some are not.
    Undecided,
}

/// Why two runs cannot be compared, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<String>);

/// How a comparison is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for a terminal of 80 columns
    Text,
    /// For a pull request: what changed in a table, the rest folded
    Markdown,
    /// For programs
    Json,
}

impl Comparison {
    /// Orders the cells: what changed first.
    pub fn new(
        old: Side,
        new: Side,
        margin: f64,
        notes: Vec<String>,
        cells: Vec<ComparedCell>,
    ) -> Comparison {
        let mut cells = cells;
        cells.sort_by_key(|cell| cell.change);
        Comparison { old, new, margin, notes, cells }
    }

    /// The answer to the whole.
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

    /// How many cells had an answer.
    pub fn count(&self, change: Change) -> usize {
        self.cells.iter().filter(|cell| cell.change == change).count()
    }

    /// The whole in a text that ends with a line break.
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Text => show::text(self),
            Format::Markdown => show::markdown(self),
            Format::Json => show::json(self),
        }
    }
}

impl Side {
    /// A run that the user called `name`.
    pub fn of(name: &str, results: &Results) -> Side {
        let commit = match results.build.dirty.as_str() {
            "yes" => format!("{} with changes", results.build.commit),
            _ => results.build.commit.clone(),
        };
        Side { name: name.to_owned(), run: results.run.id.clone(), commit }
    }
}

impl Outcome {
    /// The exit code of the program.
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
    /// One reason.
    pub fn because(reason: impl Into<String>) -> Invalid {
        Invalid(vec![reason.into()])
    }

    /// As [`Comparison::show`]; nothing but for programs, which want to read something in any case.
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Text | Format::Markdown => String::new(),
            Format::Json => show::invalid_json(self),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Invalid {}

/// The counts of the answers under their names.
fn counts(comparison: &Comparison) -> BTreeMap<&'static str, usize> {
    ANSWERS.map(|(change, name)| (name, comparison.count(change))).into()
}

/// The answers in the order of the cells, and their names.
const ANSWERS: [(Change, &str); 4] = [
    (Change::Regressed, "regressed"),
    (Change::Improved, "improved"),
    (Change::Undecided, "undecided"),
    (Change::Same, "same"),
];
