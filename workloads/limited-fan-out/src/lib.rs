//! Limited fan-out: measures the cost of a semaphore that lets a hundred of many tasks proceed at a time.
use async_lock::Semaphore;
use executor_api::Executor;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use workload_api::{About, Work, Workload, gather};

const PERMITS: u64 = 100;
const YIELDS: u64 = 3;

/// N tasks each take one of a hundred permits, yield three times, and give it back.
pub struct LimitedFanOut {
    tasks: u64,
    permits: Semaphore,
    inside: AtomicU64,
}

impl<E: Executor> Workload<E> for LimitedFanOut {
    const ABOUT: About = About {
        name: "limited-fan-out",
        description: "N tasks pass a semaphore of 100, async-lock's in every lane, and yield three times inside.",
        group: "Scheduling",
        operation: "one task",
        size: "tasks",
        shows: "the cost of limiting the tasks at work: all are spawned, and most wait until another task wakes them",
        hides: "the executors' own semaphores: every lane uses async-lock's, whose cost is part of every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000, 100_000];
    type Answer = [u64; 2]; // tasks that were let in, and those of them beyond the limit

    fn prepare(tasks: u64) -> Self {
        LimitedFanOut { tasks, permits: Semaphore::new(PERMITS as usize), inside: AtomicU64::new(0) }
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        let visits = gather((0..self.tasks).map(|_| E::spawn(self.clone().visit::<E>()))).await;
        // The executor decides how many of the hundred are inside at once; it must not be more.
        [visits.len() as u64, visits.iter().filter(|&&inside| inside > PERMITS).count() as u64]
    }
    fn expected(&self) -> [u64; 2] {
        [self.tasks, 0]
    }
    fn operations(&self) -> u64 {
        self.tasks
    }
    fn work(&self) -> Work {
        Work { polls: Some((YIELDS + 1) * self.tasks + 1), ..Work::tasks(self.tasks) }
    }
}

impl LimitedFanOut {
    /// Returns the number of tasks inside, including this one.
    async fn visit<E: Executor>(self: Arc<Self>) -> u64 {
        let _permit = self.permits.acquire().await;
        let inside = self.inside.fetch_add(1, Relaxed) + 1;
        for _ in 0..YIELDS {
            E::yield_now().await;
        }
        self.inside.fetch_sub(1, Relaxed);
        inside
    }
}
