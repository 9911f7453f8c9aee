//! Sleepers: measures the memory of a task, with N tasks that are all alive at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use executor_api::Timer;
use workload_api::{About, Workload, gather};

const NAP: Duration = Duration::from_millis(50);

/// N tasks sleep until all of them are alive.
pub struct Sleepers(u64);

impl<E: Timer> Workload<E> for Sleepers {
    const ABOUT: About = About {
        name: "sleepers",
        description: "N tasks sleep, 50 ms at a time, until all of them are alive at once; the root gathers them.",
        group: "Memory",
        operation: "one task",
        size: "tasks",
        shows: "the memory of a task that waits for a timer",
        hides: "time, because it is not raced, and the data of a program's own tasks: here they hold next to nothing",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[];
    const MEMORY_SIZES: &'static [u64] = &[10_000, 20_000, 40_000, 80_000];
    /// The highest number of tasks that were alive at once.
    type Answer = u64;

    fn prepare(tasks: u64) -> Self {
        Sleepers(tasks)
    }
    async fn run(self: Arc<Self>) -> u64 {
        let census = Arc::new(Census { all: self.0, ..Census::default() });
        let tasks = (0..self.0).map(|_| E::spawn(live::<E>(census.clone())));
        gather(tasks).await;
        census.most.load(SeqCst)
    }
    fn expected(&self) -> u64 {
        self.0
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn ideal(&self) -> Duration {
        NAP
    }
}

/// Counts the tasks that were ever alive, those alive now, and the highest number at once.
#[derive(Default)]
struct Census {
    all: u64,
    born: AtomicU64,
    alive: AtomicU64,
    most: AtomicU64,
}

/// Sleeps until all tasks have started.
async fn live<E: Timer>(census: Arc<Census>) {
    census.most.fetch_max(census.alive.fetch_add(1, SeqCst) + 1, SeqCst);
    census.born.fetch_add(1, SeqCst);
    loop {
        E::sleep(NAP).await;
        if census.born.load(SeqCst) == census.all {
            break;
        }
    }
    census.alive.fetch_sub(1, SeqCst);
}
