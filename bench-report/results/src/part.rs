//! A part of a race that is cut by comparison, and what a run lacks that is to stand for its machine.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Profile, Results, Status};

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
    /// Returns the reason why these results cannot stand for their machine beside those of others; `None` if they can.
    ///
    /// A run of chosen workloads or lanes is complete: it tells of these, and claims nothing of others.
    pub fn incomplete(&self) -> Option<String> {
        if let Some(part) = &self.run.part {
            return Some(format!("it is {part}"));
        }
        if self.run.profile == Profile::Quick {
            return Some("it is a quick run, which has the smallest sizes and few blocks".to_owned());
        }
        if self.build.profile == "debug" {
            return Some("it is a debug build".to_owned());
        }
        let faulty: Vec<_> =
            self.cells.iter().filter(|cell| cell.status == Status::Failed || cell.spoiled).collect();
        let [first, others @ ..] = &faulty[..] else {
            return self.rows.is_empty().then(|| "it has no comparison".to_owned());
        };
        let id = first.id();
        Some(match others.len() {
            0 => format!("the cell {id} has no figures"),
            others => format!("the cell {id} has no figures, nor have {others} others"),
        })
    }
}
