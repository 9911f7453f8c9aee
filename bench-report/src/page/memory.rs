//! What a task costs in memory: a line of the table for each lane.

use super::lanes::Look;
use crate::{
    figures::{bytes, counted, metric, whole},
    results::{Memory, Results},
};

/// The memory of one lane's tasks.
pub(super) struct Slope {
    pub(super) look: Look,
    pub(super) lane: String,
    pub(super) threads: String,
    pub(super) bytes_a_task: String,
    /// How much of the variance the line explains.
    pub(super) fit: String,
    /// What it was drawn through: `10,000: 1.20 MiB, ...`.
    pub(super) points: String,
}

impl Slope {
    pub(super) fn of(results: &Results, memory: &Memory) -> Slope {
        let point = |&(tasks, peak): &(u64, u64)| format!("{}: {}", whole(tasks), bytes(peak as f64));
        Slope {
            look: Look::of(results, &memory.executor),
            lane: memory.executor.clone(),
            threads: counted(memory.threads, "thread"),
            bytes_a_task: metric(&memory.bytes_a_task),
            fit: memory.r_squared.map_or("n/a".to_owned(), |fit| format!("{fit:.4}")),
            points: memory.points.iter().map(point).collect::<Vec<_>>().join(", "),
        }
    }
}
