//! Sleep fan-out: measures the cost of many tasks that sleep at once.

use std::{sync::Arc, time::Duration};

use executor_api::Timer;
use workload_api::{About, Work, Workload, gather};

const NAP: Duration = Duration::from_millis(10);

/// N tasks each sleep 10 ms and return their index.
pub struct SleepFanOut(u64);

impl<E: Timer> Workload<E> for SleepFanOut {
    const ABOUT: About = About {
        name: "sleep-fan-out",
        description: "N tasks each sleep 10 ms and return their index; the root gathers the outputs.",
        group: "Timers",
        operation: "one task",
        size: "tasks",
        shows: "the cost of holding many timers at once and of waking all their tasks in the same instant",
        hides: "the cost of cancelling a timer, and how late a single timer is",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[100, 10_000, 100_000];
    const FULL_SIZES: &'static [u64] = &[1_000_000];
    /// The number of outputs, and the sum of the indices.
    type Answer = (usize, u64);

    fn prepare(tasks: u64) -> Self {
        SleepFanOut(tasks)
    }
    async fn run(self: Arc<Self>) -> (usize, u64) {
        let nap = |index| async move {
            E::sleep(NAP).await;
            index
        };
        let indices = gather((0..self.0).map(|index| E::spawn(nap(index)))).await;
        (indices.len(), indices.iter().sum())
    }
    fn expected(&self) -> (usize, u64) {
        (self.0 as usize, (0..self.0).sum())
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        // `at_once` is left open: the first task may be awake before a slow root has spawned the last.
        Work::tasks(self.0)
    }
    fn ideal(&self) -> Duration {
        NAP
    }
}
