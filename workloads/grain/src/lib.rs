//! Grain: measures the cost of tasks that compute, over how much they compute.
//!
//! The size is the work of a task. Raced beside plain loops over the same work, it gives for each lane the share of the
//! processors' time that is left for the work, and from that the work a task takes to be worth being one.

use std::{hint::black_box, sync::Arc};

use executor_api::Executor;
use workload_api::{About, Work, Workload, gather};

/// The time of one step of a chain, on a processor of 3 GHz that has a core to itself: six operations, each of which waits for
/// the one before it. The baseline says how long it takes for real.
const STEP_NS: u64 = 2;

/// The work of all tasks of a run, in ns. The tasks of a run are so many that a task which does nothing takes about half a
/// microsecond of it, because a run is to take milliseconds.
const RUN_NS: u64 = 5_000_000;
const TASK_NS: u64 = 500;

/// The fewest tasks of a run, so that the last one does not keep everybody waiting for a noticeable time.
const FEWEST: u64 = 100;

/// The number of chains that differ: so that the right answer is known after a few of them.
const CHAINS: u64 = 8;

/// Tasks with N ns of work each.
pub struct Grain {
    tasks: u64,
    steps: u64,
}

impl<E: Executor> Workload<E> for Grain {
    const ABOUT: About = About {
        name: "grain",
        description: "The root spawns tasks that compute N ns each (N/2 steps of xorshift32, from 1 + their index modulo 8), \
                      and adds up the outputs; as many tasks as take 5 ms together, 100 to 10,000.",
        group: "Tasks that compute",
        operation: "one task",
        size: "ns of work a task",
        shows: "how much of the processors' time is left for the work of tasks, and so whether it matters which executor runs \
                them",
        hides: "tasks that wait or spawn others, and work that takes turns at memory or a lock",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[0, 300, 1_000, 3_000, 10_000, 30_000];
    const FULL_SIZES: &'static [u64] = &[100, 100_000];
    /// The number of outputs, and their sum.
    type Answer = (usize, u64);

    fn prepare(work_ns: u64) -> Self {
        let tasks = (RUN_NS / work_ns.saturating_add(TASK_NS)).max(FEWEST);
        Grain { tasks, steps: work_ns / STEP_NS }
    }
    async fn run(self: Arc<Self>) -> (usize, u64) {
        let steps = self.steps;
        let task = |index| E::spawn(async move { chain(seed(index), steps) });
        let ends = gather((0..self.tasks).map(task)).await;
        (ends.len(), ends.into_iter().map(u64::from).sum())
    }
    fn expected(&self) -> (usize, u64) {
        // The tasks of a seed are those whose index leaves its remainder.
        let tasks_of = |first: u64| (self.tasks + CHAINS - 1 - first) / CHAINS;
        let of_seed = |first| u64::from(chain(seed(first), self.steps)) * tasks_of(first);
        (self.tasks as usize, (0..CHAINS).map(of_seed).sum())
    }
    fn operations(&self) -> u64 {
        self.tasks
    }
    fn work(&self) -> Work {
        Work::tasks(self.tasks)
    }
}

/// Returns the number that the chain of a task begins with.
fn seed(index: u64) -> u32 {
    1 + (index % CHAINS) as u32
}

/// Computes so many steps of xorshift32 (Marsaglia 2003), each of which needs the result of the one before.
// It is never inlined, so that it is the same code in every lane.
#[inline(never)]
fn chain(seed: u32, steps: u64) -> u32 {
    let mut number = black_box(seed); // so that no two chains are taken for one
    for _ in 0..steps {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
    }
    number
}
