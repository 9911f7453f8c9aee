//! Figures over many cells: means over comparisons, the noise floor, growth over sizes, memory per task.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cell::{Estimate, Metric};

/// The ratio up to which two lanes are level: a smaller difference is no reason to choose one of them.
pub const LEVEL: f64 = 1.1;

/// The lanes over all comparisons at one number of threads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Workers of the executors.
    pub threads: usize,
    /// The number of comparisons at this number of threads.
    pub comparisons: usize,
    /// The lane that the means are relative to: the best of the lanes that were measured in every comparison.
    /// Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The lanes that were measured in any of them, in the order of the lineup.
    pub lanes: Vec<LaneSummary>,
}

/// The lanes over the comparisons of one group of workloads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupSummary {
    /// The group, as its workloads name it.
    pub group: String,
    /// The kind of work in it, in a few words: "many sleeps, timeouts"; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The lanes over its comparisons, as over all.
    #[serde(flatten)]
    pub summary: Summary,
}

/// The place of a lane in a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The lane is the reference: it has the best mean.
    Best,
    /// The lane is shown to be level with the best: its 95 % interval ends within 10 % of it, or within the
    /// noise floor.
    Level,
    /// The lane is shown neither to be level nor to be behind.
    Undecided,
    /// The lane is shown to be behind by more than the noise floor, with the confidence that ranks need.
    Behind,
}

/// A lane over all comparisons.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LaneSummary {
    /// Name of the lane.
    pub executor: String,
    /// The geometric mean of its ratios to the reference; absent unless the lane was measured in every
    /// comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geomean: Option<Estimate>,
    /// Its place by that mean; absent unless the lane was measured in every comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The geometric means of its ratios to each other lane that was measured in every comparison, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<String, Estimate>,
    /// The lanes that it is surely behind in the mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
    /// The number of comparisons in which it was measured.
    pub cells: usize,
}

/// A row of the standings: one comparison, and how much of it is settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// The number of blocks.
    pub blocks: usize,
    /// The noise floor, a ratio: identical lanes differ by so much more than their intervals say; 1 where intervals say it
    /// all. In older files it is the ratio that identical lanes stay within in 95 % of all cases.
    pub floor: f64,
    /// The lanes that are neither shown to be behind nor level nor near, without flavours of the leader's
    /// own runtime. The row is settled if there are none.
    pub open: Vec<String>,
}

impl Row {
    /// Returns `true` if no lane is open.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }
}

/// The differences of lanes that raced against themselves under another name, where there should be none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noise {
    /// The ratio that 95 % of the pairs stay within. It is that of the clock; if no pair was measured by the clock, it is the
    /// highest of the other measures'.
    pub floor: f64,
    /// The same of each other measure, by the name that the workloads give it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub floors: BTreeMap<String, f64>,
    /// The number of pairs that were called different, although they are not.
    pub different: usize,
    /// Every pair.
    pub pairs: Vec<NoisePair>,
}

impl Noise {
    /// Returns the noise floor of a measure; that of the clock if no lane raced against itself with this
    /// measure.
    pub fn floor_of(&self, measure: &str) -> f64 {
        self.floors.get(measure).copied().unwrap_or(self.floor)
    }
}

/// A lane and its twin in one comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoisePair {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// The twin's overhead divided by the lane's.
    pub ratio: Estimate,
    /// `true` if the rule of a race, without the noise floor, calls the two different.
    pub different: bool,
}

/// The growth of a run's cost as a power of its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// Name of the workload.
    pub workload: String,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// The sizes, ascending.
    pub sizes: Vec<u64>,
    /// The power: 1 if a run of twice the size costs twice as much.
    pub exponent: Estimate,
}

/// The memory that a task takes: the slope of peak resident memory over the number of tasks that are alive at
/// once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Name of the workload that keeps its tasks alive.
    pub workload: String,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// The bytes per task, or the reason why there is no such figure.
    pub bytes_a_task: Metric,
    /// The share of the variance that the line explains, 1 if all; absent without a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// The number of tasks and the peak of resident memory in bytes, a pair for each process.
    pub points: Vec<(u64, u64)>,
}
