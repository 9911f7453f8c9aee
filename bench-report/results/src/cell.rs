//! A cell of the results: its status, its figures, and how it stands in its comparison.

use std::collections::BTreeMap;

use lane_protocol::{CellId, Lateness, Observed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The reason of a cell that has failed because no block of it was measured.
pub const NEVER_MEASURED: &str = "was never measured";

/// The reason of a cell that has failed because blocks are the unit, and one says nothing of their scatter.
pub const MEASURED_TOO_LITTLE: &str = "was measured in fewer than two blocks";

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
    /// `true` if it does not apply because something other than the lane spoiled its runs, however often they were repeated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spoiled: bool,
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
    /// The lane lacks a capability that the workload needs, or this machine cannot run it; the reason says which.
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

impl Estimate {
    /// Returns the difference to another estimate.
    ///
    /// Its interval is made of the two intervals (MOVER, after Zou and Donner): each end is as far from the difference as the two
    /// ends that lead there are from their estimates, in squares. That takes the two for independent: what shakes both alike, as a
    /// block does, makes it wider than it need be.
    pub fn minus(&self, other: &Estimate) -> Estimate {
        let value = self.value - other.value;
        Estimate {
            value,
            low: value - (self.value - self.low).hypot(other.high - other.value),
            high: value + (self.high - self.value).hypot(other.value - other.low),
        }
    }

    /// Returns it in another unit, of which it has `factor` times as many.
    pub fn times(&self, factor: f64) -> Estimate {
        Estimate { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_as_uncertain_as_both_together() {
        let [lane, best] = [[100.0, 97.0, 104.0], [60.0, 57.0, 64.0]].map(|[value, low, high]| Estimate {
            value,
            low,
            high,
        });
        assert_eq!(lane.minus(&best), Estimate { value: 40.0, low: 35.0, high: 45.0 });
        assert_eq!(best.minus(&lane), Estimate { value: -40.0, low: -45.0, high: -35.0 });
        let sure = Estimate { value: 60.0, low: 60.0, high: 60.0 };
        assert_eq!(lane.minus(&sure), Estimate { value: 40.0, low: 37.0, high: 44.0 });
    }
}
