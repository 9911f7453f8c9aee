//! What a cell's process is told, and the lines in which it answers.
//!
//! The order is one line of JSON on the standard input; the end of the input means that nobody waits any more. Each
//! line of the standard output is one [`Answer`] as JSON.
//!
//! The lanes of a comparison take their samples in turn, or together if they only wait. So a process that is to measure
//! says [`Answer::Ready`] when it is warm, takes a sample for each line [`GO`] that it reads, and after the last one waits
//! for one line more: what it still has to do would disturb the others.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::results::{Lateness, Observed};

/// One workload at one size and number of threads on one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
}

/// What a cell's process is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The cell.
    pub cell: CellId,
    /// How long to measure; only the check if absent.
    pub sampling: Option<Sampling>,
    /// A folder of its own for what the measuring leaves behind.
    pub scratch: PathBuf,
    /// What to count instead of measuring; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

/// What a process counts, apart from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// Allocations, instructions and system calls.
    Costs,
    /// What a run adds to the memory of its process.
    Memory,
}

/// How long a process measures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Before the first sample.
    pub warm_up: Duration,
    /// All samples together, at least one run each.
    pub measurement: Duration,
    /// How many samples at least, because Criterion asks for ten or more; but one of a run as long as the measurement.
    pub samples: usize,
    /// How many samples at most, however short they are.
    pub most_samples: usize,
}

/// The line that lets a process take its next sample, or go on to its end.
pub const GO: &str = "go\n";

/// One line of what a cell's process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The check came out right; the first line.
    Checked(Checked),
    /// Warm, and waiting for the first of so many turns, each of which is a sample.
    Ready(usize),
    /// One sample.
    Sample(Sample),
    /// What was counted.
    Counted(Counts),
    /// All is said; the last line.
    Done(Done),
    /// The cell cannot be measured; the last line.
    Failed(String),
}

/// What a process knows after the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// Operations in one run.
    pub operations: u64,
    /// The waiting in one run that no executor can avoid, in ns.
    pub ideal_ns: u64,
    /// What the lane was seen to do.
    pub observed: Observed,
}

/// What a number of runs took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// How many runs.
    pub iterations: u64,
    /// Time on the clock for all of them.
    pub wall_ns: u64,
    /// Processor time of the process meanwhile; absent where the system does not say.
    pub cpu_ns: Option<u64>,
    /// What the runs lost beyond the ideal, as they tell; absent where the clock says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_ns: Option<u64>,
    /// Switches that the process asked for by waiting.
    pub voluntary_switches: Option<u64>,
    /// Switches that it suffered.
    pub involuntary_switches: Option<u64>,
}

/// What a process knows at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    /// The most memory it ever had, in bytes; absent where the system does not say.
    pub peak_rss: Option<u64>,
    /// How many threads it had after the last sample; absent where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_after: Option<usize>,
    /// How late sleeps ended in a few runs after the last sample; absent where no task sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
}

/// What a process counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// By [`Count::Costs`].
    Costs(Costs),
    /// By [`Count::Memory`].
    Memory(MemoryUse),
}

/// What some runs cost, each counted alone: a number for each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// What only some kernels count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tally {
    /// It was counted: a number for each run, in a unit.
    Counted {
        /// What a number divided by the operations counts.
        unit: String,
        /// The number of each run.
        runs: Vec<u64>,
    },
    /// It was not, and why.
    Refused(String),
}

/// The most memory a process had, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MemoryUse {
    /// Before its run, its executor started.
    pub before: u64,
    /// After it.
    pub after: u64,
}

impl fmt::Display for CellId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CellId { workload, size, threads, executor } = self;
        write!(formatter, "{workload}/{size}/t{threads}/{executor}")
    }
}

impl FromStr for CellId {
    type Err = String;

    fn from_str(text: &str) -> Result<CellId, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let parse = || {
            let [workload, size, threads, executor] = parts[..] else { return None };
            Some(CellId {
                workload: workload.to_owned(),
                size: size.parse().ok()?,
                threads: threads.strip_prefix('t')?.parse().ok()?,
                executor: executor.to_owned(),
            })
        };
        parse().ok_or_else(|| format!("a cell is WORKLOAD/SIZE/tTHREADS/EXECUTOR, not `{text}`"))
    }
}
