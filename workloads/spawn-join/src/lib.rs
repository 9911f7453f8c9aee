//! Spawn and join: measures the cost of a task that has nothing to do.

use std::sync::Arc;

use executor_api::Executor;
use workload_api::{About, Work, Workload, gather};

/// N tasks each return their index at once.
pub struct SpawnJoin(u64);

impl<E: Executor> Workload<E> for SpawnJoin {
    const ABOUT: About = About {
        name: "spawn-join",
        description: "The root spawns N tasks that return their index at once, and gathers the outputs.",
        group: "Scheduling",
        operation: "one task",
        size: "tasks",
        shows: "the cost of making a task, queueing it, polling it once and handing over its output",
        hides: "the cost of tasks that wait, of large futures, and of tasks that spawn tasks",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000, 100_000];
    const OVERSUBSCRIBED: bool = true;
    /// The number of outputs, and the sum of the indices.
    type Answer = (usize, u64);

    fn prepare(tasks: u64) -> Self {
        SpawnJoin(tasks)
    }
    async fn run(self: Arc<Self>) -> (usize, u64) {
        // A law of the contract forbids executors to run a task inside the call of `spawn`.
        let indices = gather((0..self.0).map(|index| E::spawn(async move { index }))).await;
        (indices.len(), indices.iter().sum())
    }
    fn expected(&self) -> (usize, u64) {
        (self.0 as usize, (0..self.0).sum())
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work::tasks(self.0)
    }
}
