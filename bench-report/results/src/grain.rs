//! Figures of tasks that compute: from how much work on it pays to make a task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cell::{Estimate, Metric};

/// The lanes over the work of a task, at one number of threads: made of all sizes of a workload that raced beside a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grain {
    /// Name of the workload; its sizes are the nominal work of a task, in ns.
    pub workload: String,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane that does the same work without tasks.
    pub baseline: String,
    /// The time that the work of a task took the baseline, in ns of one core, for each size.
    pub work: Vec<WorkOfTask>,
    /// The lanes, in the order of the lineup.
    pub lanes: Vec<GrainOfLane>,
    /// The size from which on all lanes are level; absent if they are not even at the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_from: Option<u64>,
}

/// The work of a task at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkOfTask {
    /// The size of the workload.
    pub size: u64,
    /// The time, in ns of one core.
    pub ns: Estimate,
}

/// A lane over the work of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrainOfLane {
    /// Name of the lane.
    pub executor: String,
    /// Its efficiency at each size at which it was measured.
    pub points: Vec<GrainPoint>,
    /// The time that a task takes which does nothing, in ns of one core.
    pub overhead: Metric,
    /// METG(50 %): the granularity from which on half of the cores' time is work, in ns of one core.
    pub metg_50: Metric,
    /// METG(90 %): the granularity from which on nine tenths of it are.
    pub metg_90: Metric,
    /// The size from which on it is level with the best lane; absent if it is not even at the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_from: Option<u64>,
}

/// A lane at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrainPoint {
    /// The size of the workload.
    pub size: u64,
    /// Wall time times cores by tasks, in ns: work and overhead of a task.
    pub granularity: Estimate,
    /// The granularity of the baseline by that of the lane: the share of the cores' time that is work, 1 if all.
    pub efficiency: Estimate,
}

impl Grain {
    /// Returns the work of a task at a size, in ns of one core.
    pub fn work_at(&self, size: u64) -> Option<Estimate> {
        self.work.iter().find(|work| work.size == size).map(|work| work.ns)
    }

    /// Returns the lanes that are not level with the best even at the largest size.
    pub fn never_level(&self) -> Vec<&str> {
        let lanes = self.lanes.iter().filter(|lane| lane.level_from.is_none());
        lanes.map(|lane| &*lane.executor).collect()
    }
}
