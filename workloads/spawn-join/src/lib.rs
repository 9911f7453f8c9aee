//! Spawn and join: what a task costs that has nothing to do.

use std::sync::Arc;

use executor_api::Executor;
use workload_api::{About, Work, Workload, gather};

/// N tasks each return their index at once.
pub struct SpawnJoin(u64);

impl<E: Executor> Workload<E> for SpawnJoin {
    const ABOUT: About = About {
        name: "spawn-join",
        description: "N tasks return their index at once; the root, which has spawned all of them, gathers them.",
        group: "Scheduling",
        operation: "one task",
        size: "tasks",
        shows: "what it costs to make a task, to queue it, to poll it once and to hand its output over",
        hides: "tasks that wait, tasks with large futures, and tasks that other tasks spawn",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[100_000];
    /// How many tasks came back, and the sum of their indices.
    type Answer = (usize, u64);

    fn prepare(tasks: u64) -> Self {
        SpawnJoin(tasks)
    }
    async fn run(self: Arc<Self>) -> (usize, u64) {
        // That no task runs inside the call of `spawn` is a law of the contract.
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
