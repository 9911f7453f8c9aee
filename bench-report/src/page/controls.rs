//! What a reader can choose with the script's help: a metric, a number of threads, a reference, what is shown.

use super::{lanes::Look, metrics};
use crate::{figures::counted, results::Results, verdict};

/// The metric that is no cell's but comes from the memory of a race's tasks.
pub(super) const BYTES_A_TASK: &str = "bytes-a-task";

/// Everything that can be chosen, in the order of the page.
pub(super) struct Controls {
    pub(super) metrics: Vec<Choice>,
    pub(super) threads: Vec<Choice>,
    pub(super) lanes: Vec<LaneChoice>,
    /// The lanes that ratios may be to.
    pub(super) references: Vec<String>,
    pub(super) workloads: Vec<String>,
}

/// One of several.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) name: String,
}

/// A lane to be shown, hidden, or referred to.
pub(super) struct LaneChoice {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) is_program: bool,
}

impl Controls {
    pub(super) fn of(results: &Results) -> Controls {
        let lane = |name: &String| LaneChoice {
            name: name.clone(),
            look: Look::of(results, name),
            is_program: verdict::is_program(results, name),
        };
        let threads =
            |threads: usize| Choice { value: threads.to_string(), name: counted(threads, "thread") };
        Controls {
            metrics: metrics(results),
            threads: verdict::threads(results).into_iter().rev().map(threads).collect(),
            lanes: results.executors.iter().map(|executor| lane(&executor.name)).collect(),
            references: results
                .executors
                .iter()
                .map(|executor| executor.name.clone())
                .filter(|name| !verdict::is_program(results, name))
                .collect(),
            workloads: workloads(results),
        }
    }
}

/// Every metric that the results have, measured or not.
fn metrics(results: &Results) -> Vec<Choice> {
    let mut keys = metrics::of(results.cells.iter());
    keys.extend((!results.memory.is_empty()).then_some(BYTES_A_TASK));
    keys.into_iter().map(|key| Choice { value: key.to_owned(), name: metrics::name(key) }).collect()
}

/// The workloads that have a row, those of the memory last.
fn workloads(results: &Results) -> Vec<String> {
    let of_memory = results.memory.iter().map(|memory| &memory.workload);
    let mut names: Vec<String> = Vec::new();
    for name in results.workloads.iter().map(|workload| &workload.name).chain(of_memory) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
