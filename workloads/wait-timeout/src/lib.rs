//! Wait with a timeout: measures the cost of cancelling the half of the tasks that are not in time.
use executor_api::Timer;
use std::{sync::Arc, time::Duration};
use workload_api::{About, Drops, Work, Workload, cancel_all, wait};

const LIMIT: Duration = Duration::from_millis(20);

/// N tasks sleep, even ones 5 ms and odd ones an hour; after 20 ms the odd ones are cancelled.
pub struct WaitTimeout(u64);

impl<E: Timer> Workload<E> for WaitTimeout {
    const ABOUT: About = About {
        name: "wait-timeout",
        description: "The root spawns N tasks, half of them too slow, waits for all with a timeout of 20 ms, and cancels \
                      the rest.",
        group: "Timers",
        operation: "one task",
        size: "tasks",
        shows: "the cost of cancelling tasks and their timers, up to the last destructor",
        hides: "the accuracy of the timeout, and the cost of cancelling tasks while they run",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[100, 10_000];
    const FULL_SIZES: &'static [u64] = &[100_000];
    const HAS_DEADLINE: bool = true; // those in time have 15 ms to spare
    type Answer = [u64; 4]; // done, the sum of their outputs, cancelled, dropped

    fn prepare(tasks: u64) -> Self {
        WaitTimeout(tasks)
    }
    async fn run(self: Arc<Self>) -> [u64; 4] {
        let drops = Drops::default();
        let sleep = |index, guard| async move {
            E::sleep(if index % 2 == 0 { Duration::from_millis(5) } else { Duration::from_secs(3600) }).await;
            drop(guard);
            index
        };
        let spawn = |index| E::spawn(sleep(index, drops.guard()));
        let waited = wait::<E, u64>((0..self.0).map(spawn).collect(), LIMIT).await;
        let (done, sum) = (waited.done.len() as u64, waited.done.iter().sum());
        [done, sum, cancel_all(waited.pending).await, drops.count()]
    }
    fn expected(&self) -> [u64; 4] {
        let done = self.0.div_ceil(2);
        [done, done * (done - 1), self.0 - done, self.0]
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        let (finished, slow) = (self.0.div_ceil(2), self.0 / 2);
        Work {
            spawned: Some(self.0),
            finished: Some(finished),
            cancelled: Some(slow),
            jobs: Some(0),
            at_once: Some(slow), // none of them ends before it is cancelled
            polls: Some(finished + 1),
        }
    }
    fn ideal(&self) -> Duration {
        LIMIT
    }
}
