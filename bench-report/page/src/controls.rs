//! Lists the choices that the script offers: a metric, a number of threads, a reference, and the rows, lanes
//! and workloads to show.

use super::{lanes::Look, metrics};
use results::{Results, figures::counted, lookup};

/// The metric that belongs to no cell: it comes from the memory of a race's tasks.
pub(super) const BYTES_A_TASK: &str = "bytes-a-task";

/// All choices, in the order of the page.
pub(super) struct Controls {
    pub(super) metrics: Vec<Choice>,
    pub(super) threads: Vec<Choice>,
    pub(super) lanes: Vec<LaneChoice>,
    /// The lanes that ratios can refer to; two of them make a pair.
    pub(super) references: Vec<String>,
    /// The kinds of rows, by what they show.
    pub(super) rows: Vec<Choice>,
    pub(super) workloads: Vec<String>,
}

/// A value to choose, and its name.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) name: String,
}

/// A lane to show or hide.
pub(super) struct LaneChoice {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) is_program: bool,
}

impl Controls {
    pub(super) fn of(results: &Results) -> Controls {
        Controls {
            metrics: metrics(results),
            threads: lookup::races(results)
                .into_iter()
                .map(|threads: usize| Choice { value: threads.to_string(), name: counted(threads, "thread") })
                .collect(),
            lanes: results
                .executors
                .iter()
                .map(|executor| LaneChoice {
                    name: executor.name.clone(),
                    look: Look::of(results, &executor.name),
                    is_program: lookup::is_program(results, &executor.name),
                })
                .collect(),
            references: results
                .executors
                .iter()
                .map(|executor| executor.name.clone())
                .filter(|name| !lookup::is_program(results, name))
                .collect(),
            rows: rows(results),
            workloads: workloads(results),
        }
    }
}

/// Lists every metric that the results have, measured or not.
fn metrics(results: &Results) -> Vec<Choice> {
    let mut keys = metrics::of(results.cells.iter());
    keys.extend((!results.memory.is_empty()).then_some(BYTES_A_TASK));
    keys.into_iter().map(|key| Choice { value: key.to_owned(), name: metrics::name(key) }).collect()
}

/// Lists the kinds of rows that can be shown; older files do not say which are settled.
fn rows(results: &Results) -> Vec<Choice> {
    let kinds = [
        ("all", "all"),
        ("differs", "what differs"),
        ("settled", "what is settled"),
        ("open", "what is open"),
    ];
    let known = if results.rows.is_empty() { &kinds[..2] } else { &kinds[..] };
    known
        .iter()
        .map(|(value, name)| Choice { value: (*value).to_owned(), name: (*name).to_owned() })
        .collect()
}

/// Lists the workloads that have a row; those of the memory come last.
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
