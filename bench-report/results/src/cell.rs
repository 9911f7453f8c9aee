//! A cell of the results: its status, its figures, and how it stands in its comparison.

use std::collections::BTreeMap;

use lane_protocol::{CellId, Lateness, Observed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The outcome.
    pub status: Status,
    /// The reason why it failed or does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The metrics by name; empty unless the cell is ok.
    pub metrics: BTreeMap<String, Metric>,
    /// The overhead relative to the best lane of the same workload, size and threads. The interval is
    /// corrected for the best being picked from the data; that of the best lane itself says how far it may be
    /// behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Estimate>,
    /// 1 for the leader and all lanes that tie with it; after a tie of two comes rank 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// `true` if another lane shares this rank.
    pub tied: bool,
    /// `true` if it shares the first rank only because too little was measured to separate it from the
    /// leader, or to show that the two are level.
    #[serde(default)]
    pub undecided: bool,
    /// `true` if it shares the first rank and may be more than 10 % behind, but its ratio is known to within 10 %.
    #[serde(default)]
    pub near: bool,
    /// The overhead relative to each other measured lane of the comparison, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<String, Estimate>,
    /// The lanes that it is surely behind, by the rule of ranks: of any selection of lanes the fastest leads, and those that
    /// are behind none of them share the lead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
    /// Reservations about the figures, a sentence each: "takes 2.1× the processor time ...".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The scatter of the samples; absent unless the cell is ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// The lateness of sleeps over all blocks; absent where no task sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
    /// The observations of the lane in a run that was not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// The outcome of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured in every block.
    Ok,
    /// Panicked, hung, was killed, gave a wrong answer or did other work; the reason says which.
    Failed,
    /// The lane lacks a capability that the workload needs; the reason names it.
    NotApplicable,
}

/// A figure of a cell, or the reason why it has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// A measured figure.
    Measured {
        /// The unit of the value: "ns/op", or "×" for a ratio.
        unit: String,
        /// The estimate over the blocks, and its interval.
        #[serde(flatten)]
        estimate: Estimate,
        /// The value of each block, in their order. Allocations, instructions and system calls are counted in
        /// one separate process, so for them these are the values of its runs. Empty for the slope of a line.
        blocks: Vec<f64>,
    },
    /// A figure that could not be measured.
    Unavailable {
        /// The reason.
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

/// The scatter of a cell's samples, all blocks together, which an interval over blocks does not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The number of samples.
    pub samples: usize,
    /// The overhead, in its unit: the least, the quantiles at 5, 25, 50, 75 and 95 %, and the most. A
    /// quantile between two samples is interpolated linearly (definition 7 of Hyndman and Fan).
    pub quantiles: [f64; 7],
}

impl Cell {
    /// Returns the unit of the figure that the cell is ranked by: "ns/op", or "×" if it is no time.
    pub fn unit(&self) -> &'static str {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { unit, .. }) if unit == "×" => "×",
            _ => "ns/op",
        }
    }

    /// Returns the figure that the cell is ranked by: ns per operation over the ideal, unless its workload measures a ratio.
    pub fn overhead(&self) -> Option<&Estimate> {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { estimate, .. }) => Some(estimate),
            _ => None,
        }
    }

    /// Returns its name.
    pub fn id(&self) -> CellId {
        let Cell { workload, size, threads, executor, .. } = self;
        CellId { workload: workload.clone(), size: *size, threads: *threads, executor: executor.clone() }
    }

    /// Returns the overhead in each block; empty unless the cell is ok.
    pub fn overhead_of_blocks(&self) -> &[f64] {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { blocks, .. }) => blocks,
            _ => &[],
        }
    }
}
