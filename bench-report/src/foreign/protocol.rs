//! The lines of JSON that are exchanged with a program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The first line that a program reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// What is it?
    Describe {},
    /// It is to run this.
    Cell(Cell),
}

/// What a program is to run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cell {
    pub(crate) workload: String,
    pub(crate) size: u64,
    pub(crate) threads: usize,
    pub(crate) blocking_threads: usize,
}

/// A line that a program says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// What it is.
    Lane(Lane),
    /// It has prepared its cell.
    Observed(Observed),
    /// It has run.
    Sample(Sample),
    /// It could not.
    Failed(String),
    /// It cannot, here.
    NotApplicable(String),
}

/// What a program says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Of what matters most in it: "CPython 3.11.7".
    pub version: String,
    /// The fewest and the most workers it can have.
    pub threads: [usize; 2],
    /// Its workloads, each with the largest size it can bear.
    pub workloads: BTreeMap<String, Option<u64>>,
}

/// What a program has started.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observed {
    /// The threads that will run tasks.
    pub(crate) threads: usize,
}

/// What some runs took.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Sample {
    pub(crate) iterations: u64,
    pub(crate) wall_ns: u64,
    pub(crate) cpu_ns: Option<u64>,
    pub(crate) told_ns: Option<u64>,
    /// What the last run computed.
    pub(crate) answer: Value,
    /// What the last run did.
    pub(crate) ledger: Ledger,
    /// How late sleeps ended.
    #[serde(default)]
    pub(crate) lateness_ns: Vec<u64>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    pub(crate) spawned: u64,
    pub(crate) finished: u64,
    pub(crate) cancelled: u64,
    pub(crate) jobs: u64,
}

impl Lane {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        let [least, most] = self.threads;
        if least == 0 || most < least {
            return Err(format!("has from {least} to {most} threads, which makes no sense"));
        }
        if self.version.is_empty() {
            return Err("has no version".to_owned());
        }
        Ok(())
    }
}
