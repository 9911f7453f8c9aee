//! The lines between the lab and a lane: one line of JSON a message, over standard input and output.
//!
//! `README.md` beside this crate is the protocol for whoever writes a lane, in any language. The types here are what our
//! own two programs make of its lines: a [`Request`] is a line to a lane, a [`Reply`] its answer. The JSON Schema of both
//! is `protocol.schema.json`; a test holds it to these types, and the examples of the README too.

mod cell;
mod complaints;
mod lineup;
mod observed;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use cell::CellId;
pub use complaints::{shorten, too_fast, wrong_answer};
pub use lineup::{
    Capability, Class, LaneEntry, Lineup, Measure, Specification, Standing, Tier, TrackBuild, Work, WorkDone,
    WorkloadEntry,
};
pub use observed::{Lateness, Observed, histogram};

/// The number of the protocol. Programs that speak different ones do not race together.
pub const PROTOCOL: u32 = 2;

/// A line to a lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Asks what the lane is, or what all lanes of the track are. The lane answers and ends.
    Describe(Describe),
    /// Asks the track what a run of a workload is. May be asked again and again.
    Specify(Specify),
    /// Has the lane prepare a cell, to be measured.
    Cell(Cell),
    /// Has the track count what runs of a cell cost besides time. It answers and ends.
    Count(CountRequest),
    /// Asks what is known only after the last sample.
    Rest {
        /// `true` asks our own program to watch further sleeps.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        watch: bool,
    },
    /// Has the lane run its cell this many times, one run after the other: one sample.
    #[serde(untagged)]
    Runs(u64),
}

/// The opening of a conversation about lanes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Describe {
    /// The number of the protocol that the lab speaks.
    pub protocol: u32,
    /// The numbers of workers of the run, for which the track tells the environment of each lane.
    #[serde(default)]
    pub threads: Vec<usize>,
}

/// A run of a workload, whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Specify {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
}

/// A cell as a lane is to prepare it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Cell {
    /// Name of the lane, in its own lineup.
    pub lane: String,
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers that run tasks.
    pub threads: usize,
    /// Threads of the pool for jobs that block.
    pub blocking_threads: usize,
    /// `true` if an earlier process of the run has checked this cell, so that our own program need not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checked: bool,
}

/// Asks for the costs of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CountRequest {
    /// Selects the costs.
    pub what: Count,
    /// The cell.
    pub cell: Cell,
}

/// Selects what is counted apart from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// Allocations, instructions and system calls.
    Costs,
    /// The memory that one run adds to its process.
    Memory,
}

/// A line that a lane says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Answers `describe` for the track.
    Lineup(Box<Lineup>),
    /// Answers `describe` for a lane that is a program of its own.
    Lane(LaneDescription),
    /// Answers `specify`.
    Specification(Specification),
    /// Answers `cell`: the cell is prepared, and warm-up may begin.
    Observed(Ready),
    /// Answers a number of runs.
    Sample(Sample),
    /// Answers `count`.
    Counted(Counts),
    /// Answers `rest`.
    Rest(Rest),
    /// Says at any time that the cell has failed, and why. The lane ends.
    Failed(String),
    /// Says in place of a sample that something other than the lane spoiled its runs, and what. The lane ends.
    Spoiled(String),
    /// Says at any time that the lane cannot do this here, and why. The lane ends.
    NotApplicable(String),
}

/// A lane that is a program of its own, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LaneDescription {
    /// The number of the protocol that it speaks; 1 if it names none.
    #[serde(default = "first_protocol")]
    pub protocol: u32,
    /// The version of what matters most in it: "CPython 3.11.7".
    pub version: String,
    /// The fewest and the most workers it can have.
    pub threads: [usize; 2],
    /// Its workloads, each with the largest size it can bear, or null.
    pub workloads: BTreeMap<String, Option<u64>>,
}

/// A prepared cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ready {
    /// The threads that will run tasks.
    pub threads: usize,
    /// The checked first run; only the track gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The mechanism by which a program waits for sockets; of the track the proof tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

/// A run that was checked and not timed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// Operations in one run.
    pub operations: u64,
    /// The waiting in one run that no executor can avoid, in ns.
    pub ideal_ns: u64,
    /// The time of this run in ns; rather longer than that of others, because its work was counted.
    pub took_ns: u64,
    /// The work and the workers of the lane as they were seen.
    pub observed: Observed,
}

/// One sample: a number of runs, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sample {
    /// The number of runs.
    pub iterations: u64,
    /// Time on the clock for all of them, and for nothing else.
    pub wall_ns: u64,
    /// Processor time of the process meanwhile; absent where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
    /// The sum over all runs of what the workload measures in place of the clock; absent where it measures the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_ns: Option<u64>,
    /// The sum over all runs of the ratio that the workload measures in place of a time; absent where it measures a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_ratio: Option<f64>,
    /// Switches that the process asked for by waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voluntary_switches: Option<u64>,
    /// Switches that it suffered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub involuntary_switches: Option<u64>,
    /// The answer of the last run. The track leaves it out, because it has checked every answer itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// The work of the last run. The track leaves it out for the same reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// The lateness of each sleep of the last run, in ns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lateness_ns: Vec<u64>,
}

/// The work of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Tasks spawned, the root not counted.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub finished: u64,
    /// Tasks that were cancelled before their end.
    pub cancelled: u64,
    /// Jobs given to the blocking pool.
    pub jobs: u64,
}

/// The costs of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Answers [`Count::Costs`].
    Costs(Costs),
    /// Answers [`Count::Memory`].
    Memory(MemoryUse),
}

/// The costs of some runs, each counted alone: a number for each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Costs {
    /// Operations in one run.
    pub operations: u64,
    /// Allocations and reallocations.
    pub allocations: Vec<u64>,
    /// Bytes that were asked for; of a reallocation, those it added.
    pub allocated_bytes: Vec<u64>,
    /// Instructions of all threads.
    pub instructions: Tally,
    /// System calls of all threads.
    pub system_calls: Tally,
}

/// A count that only some kernels keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tally {
    /// The kernel counted: a number for each run, in a unit.
    Counted {
        /// The unit of a number divided by the operations.
        unit: String,
        /// The number of each run.
        runs: Vec<u64>,
    },
    /// The kernel did not count, for this reason.
    Refused(String),
}

/// The most memory a process had, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MemoryUse {
    /// Before its run, its executor started.
    pub before: u64,
    /// After it.
    pub after: u64,
}

/// Facts that are known only after the last sample. A lane may leave out all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rest {
    /// The most memory the process ever had, in bytes; the lab asks the kernel if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss: Option<u64>,
    /// The number of threads of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_after: Option<usize>,
    /// The lateness of sleeps in further runs that were watched and not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
}

impl Request {
    /// The request as a line, with its line break.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a request is plain data") + "\n"
    }
}

impl From<&CellId> for Specify {
    fn from(cell: &CellId) -> Specify {
        Specify { workload: cell.workload.clone(), size: cell.size, threads: cell.threads }
    }
}

impl Reply {
    /// The reply as a line, with its line break.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a reply is plain data") + "\n"
    }
}

impl LaneDescription {
    /// Refuses a description that makes no sense, and one in another protocol.
    ///
    /// # Errors
    ///
    /// One line that names the fault.
    pub fn check(&self) -> Result<(), String> {
        let [least, most] = self.threads;
        check_protocol(self.protocol)?;
        if least == 0 || most < least {
            return Err(format!("has from {least} to {most} threads, which makes no sense"));
        }
        if self.version.is_empty() {
            return Err("has no version".to_owned());
        }
        Ok(())
    }
}

/// Refuses another protocol than ours.
///
/// # Errors
///
/// One line that names both numbers.
pub fn check_protocol(theirs: u32) -> Result<(), String> {
    if theirs == PROTOCOL {
        return Ok(());
    }
    Err(format!("speaks protocol {theirs}, this lab speaks {PROTOCOL}"))
}

fn first_protocol() -> u32 {
    1
}
