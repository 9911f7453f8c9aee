//! The published format: what `results.json` holds.
//!
//! Its JSON Schema stands in `bench-report/results.schema.json`, made from these types; a test holds the two together.
//! An unknown fact is the string "unknown", an absent metric an object that says why. Never an empty text, never a zero.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context, Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protocol::CellId;

/// The version of the format that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// One run: its circumstances, every cell, and the summary.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Version of the format: 1.
    pub schema: u32,
    /// The run itself.
    pub run: Run,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub build: Build,
    /// The lanes, in the order of the lineup.
    pub executors: Vec<Executor>,
    /// The workloads, in the order of the lineup.
    pub workloads: Vec<Workload>,
    /// Every cell, ordered by workload, size, threads, and lane as in the lineup.
    pub cells: Vec<Cell>,
    /// One for each number of threads, smallest first.
    pub summaries: Vec<Summary>,
}

/// How a run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its name, made from the time it started.
    pub id: String,
    /// When it started, in UTC (RFC 3339).
    pub started: String,
    /// When its last block ended, in UTC (RFC 3339).
    pub finished: String,
    /// The arguments it was started with.
    pub command: String,
    /// What the order of the cells was drawn from.
    pub seed: u64,
    /// How many processes each cell had.
    pub blocks: usize,
    /// How thorough it was.
    pub profile: Profile,
}

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Smallest sizes, few blocks: does it run?
    Quick,
    /// What `cargo bench` does.
    Default,
    /// All sizes, many blocks.
    Full,
}

/// The machine of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Processors that this run could use.
    pub cores: String,
    /// Main memory.
    pub memory: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the operating system or distribution.
    pub os: String,
    /// Instruction set.
    pub architecture: String,
    /// What decides the processor's frequency.
    pub governor: String,
    /// Whether a hypervisor is underneath: "yes" or "no".
    pub virtualised: String,
    /// Load average over one minute when the run started.
    pub load: String,
}

/// The program of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// Version of the compiler.
    pub rustc: String,
    /// Cargo's profile: "release" for `cargo bench` too.
    pub profile: String,
    /// `RUSTFLAGS`.
    pub flags: String,
    /// The allocator of every lane.
    pub allocator: String,
    /// The commit of the working tree.
    pub commit: String,
    /// Whether the working tree differed from its commit: "yes" or "no".
    pub dirty: String,
    /// The version of every package in the program.
    pub packages: BTreeMap<String, String>,
}

/// A lane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Executor {
    /// Its name in the cells.
    pub name: String,
    /// How it schedules, in a sentence.
    pub about: String,
    /// "multi-thread" or "current-thread".
    pub class: String,
    /// The version of its package.
    pub version: String,
    /// Where it is published.
    pub homepage: String,
    /// The file of this repository that implements the contract for it.
    pub source: String,
}

/// A workload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its name in the cells.
    pub name: String,
    /// What a run does, in a sentence.
    pub about: String,
    /// What one operation is.
    pub operation: String,
    /// What a difference between lanes says.
    pub shows: String,
    /// What it does not say.
    pub hides: String,
    /// The file of this repository that holds it.
    pub source: String,
}

/// One workload at one size and number of threads on one lane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// What came of it.
    pub status: Status,
    /// Why it failed or does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By name; empty unless the cell is ok.
    pub metrics: BTreeMap<String, Metric>,
    /// Overhead relative to the best lane of the same workload, size and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Estimate>,
    /// 1 for the leader and for whoever ties with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Whether another lane shares this rank.
    pub tied: bool,
    /// What the lane was seen to do in a run that was not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// What came of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured in every block.
    Ok,
    /// Panicked, hung, was killed, answered wrong or did other work; see the reason.
    Failed,
    /// The lane lacks what the workload needs; see the reason.
    NotApplicable,
}

/// A figure of a cell, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// Measured.
    Measured {
        /// What the value counts: "ns/op".
        unit: String,
        /// The estimate over the blocks, and its interval.
        #[serde(flatten)]
        estimate: Estimate,
        /// The value of each block, in their order.
        blocks: Vec<f64>,
    },
    /// Not to be had.
    Unavailable {
        /// Why.
        unavailable: String,
    },
}

/// A point estimate with its 95 % interval over blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// What a lane was seen to do in a run that was counted and not timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// Threads that polled tasks.
    pub threads: usize,
    /// Tasks spawned, the root not counted.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub finished: u64,
    /// Tasks whose future was dropped before its end.
    pub cancelled: u64,
    /// Polls of tasks and root.
    pub polls: u64,
    /// Jobs given to the blocking pool.
    pub jobs: u64,
    /// The most jobs that ran at once.
    pub jobs_at_once: u64,
}

/// The lanes over all comparisons at one number of threads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Workers of the executors.
    pub threads: usize,
    /// Comparisons at this number of threads in which some lane was measured.
    pub comparisons: usize,
    /// The lanes that were measured in any of them, in the order of the lineup.
    pub lanes: Vec<LaneSummary>,
}

/// One lane over all comparisons.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LaneSummary {
    /// Name of the lane.
    pub executor: String,
    /// Geometric mean of its ratios to the best; only for a lane that was measured in every comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geomean: Option<Estimate>,
    /// Comparisons in which it was measured.
    pub cells: usize,
}

impl Results {
    /// Reads a `results.json`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no results file, or is of another version of the format.
    pub fn read(path: &Path) -> Result<Results> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let no_results = || format!("{} is no results file", path.display());
        // The version first: another one need not have anything else in common with this.
        let Version { schema } = serde_json::from_str(&text).with_context(no_results)?;
        ensure!(
            schema == SCHEMA,
            "{} has schema {schema}, this program reads schema {SCHEMA}",
            path.display()
        );
        serde_json::from_str(&text).with_context(no_results)
    }

    /// The cells of one comparison, in the order of the lineup.
    pub fn comparison<'a>(
        &'a self,
        workload: &'a str,
        size: u64,
        threads: usize,
    ) -> impl Iterator<Item = &'a Cell> {
        let same =
            move |cell: &&Cell| (&*cell.workload, cell.size, cell.threads) == (workload, size, threads);
        self.cells.iter().filter(same)
    }
}

impl Cell {
    /// The figure the cell is ranked by: ns per operation over the ideal.
    pub fn overhead(&self) -> Option<&Estimate> {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { estimate, .. }) => Some(estimate),
            _ => None,
        }
    }

    /// Its name.
    pub fn id(&self) -> CellId {
        let Cell { workload, size, threads, executor, .. } = self;
        CellId { workload: workload.clone(), size: *size, threads: *threads, executor: executor.clone() }
    }

    /// The overhead in each block; empty unless the cell is ok.
    pub fn overhead_of_blocks(&self) -> &[f64] {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { blocks, .. }) => blocks,
            _ => &[],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Profile::Quick => "quick",
            Profile::Default => "default",
            Profile::Full => "full",
        })
    }
}
