//! A part of a race that is cut by comparison, and what a run lacks that is to stand for its machine.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cell, MEASURED_TOO_LITTLE, NEVER_MEASURED, Profile, Results, Status, figures::counted};

/// A part of a race that was cut: every so many of its comparisons, each with all its lanes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its number, from 1.
    pub number: usize,
    /// The number of parts.
    pub of: usize,
    /// A hash of the seed and of all cells of the race: parts with the same one are of one race.
    pub race: String,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "part {} of {}", self.number, self.of)
    }
}

impl Results {
    /// Returns the reason why these results do not have all that their run set out to measure; `None` if they have.
    ///
    /// A run of chosen workloads or lanes is complete, and so is one in which a lane has failed by itself.
    pub fn incomplete(&self) -> Option<String> {
        let is_unmeasured = |cell: &&Cell| {
            let reason = cell.reason.as_deref();
            reason == Some(NEVER_MEASURED) || reason == Some(MEASURED_TOO_LITTLE)
        };
        let unmeasured = self.cells.iter().filter(is_unmeasured).count();
        let same = |one: &Cell, other: &Cell| {
            (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
        };
        let measured =
            self.cells.chunk_by(same).filter(|lanes| lanes.iter().any(|cell| cell.rank.is_some())).count();
        let short = self.rows.iter().filter(|row| row.blocks < self.run.blocks).count();
        if let Some(part) = &self.run.part {
            Some(format!("it is {part}"))
        } else if !self.run.finished.starts_with(|first: char| first.is_ascii_digit()) {
            Some("it has not ended".to_owned())
        } else if measured == 0 {
            Some("nothing was measured".to_owned())
        } else if self.rows.is_empty() {
            Some("it does not say which rows are settled".to_owned())
        } else if self.rows.len() < measured {
            Some(format!("it lacks {}", counted(measured - self.rows.len(), "row")))
        } else if unmeasured > 0 {
            Some(format!("{} not measured", are(unmeasured, "cell")))
        } else if short > 0 {
            Some(format!("{} short of {}", are(short, "row"), counted(self.run.blocks, "block")))
        } else {
            None
        }
    }

    /// Returns the reason why these results cannot stand for their machine in a collection; `None` if they can.
    pub fn unfit(&self) -> Option<String> {
        let is_faulty = |cell: &&Cell| cell.status == Status::Failed || cell.spoiled;
        if self.run.profile == Profile::Quick {
            Some("it is a quick run, which has the smallest sizes and few blocks".to_owned())
        } else if self.build.profile == "debug" {
            Some("it is a debug build".to_owned())
        } else if let Some(faulty) = self.cells.iter().find(is_faulty) {
            Some(format!("the cell {} has no figures", faulty.id()))
        } else {
            self.incomplete()
        }
    }
}

fn are(many: usize, noun: &str) -> String {
    format!("{} {}", counted(many, noun), if many == 1 { "is" } else { "are" })
}
