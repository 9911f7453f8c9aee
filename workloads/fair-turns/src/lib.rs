//! Fair turns: measures how evenly an executor divides its turns among tasks that only yield.
use executor_api::Executor;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

use workload_api::{About, Measure, Work, Workload, gather};

/// The turns of a task, if all have the same number.
const TURNS_OF_EACH: u64 = 100;

/// N tasks yield until they have had 100 N turns together.
pub struct FairTurns {
    tasks: u64,
    /// The sum of the spreads of all runs.
    spreads: Mutex<f64>,
}

impl<E: Executor> Workload<E> for FairTurns {
    const ABOUT: About = About {
        name: "fair-turns",
        description: "N tasks yield until they have had 100 N turns together, counted from when all have started. The figure is the \
                      most turns that a task has had by the fewest; 1 is a fair division.",
        group: "Fairness",
        operation: "one run",
        size: "tasks",
        shows: "how evenly turns are divided among tasks that are always ready: how long the unluckiest has to wait for its turn",
        hides: "the time of a turn (see yield-now), and tasks that wait for something; workers that each serve their own tasks \
                in order divide unevenly if one of them has fewer, or more of a processor",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1_000];
    const FULL_SIZES: &'static [u64] = &[100];
    const MEASURE: Measure = Measure::Ratio("spread of turns");
    /// The number of tasks that have had a turn, and of turns that were given out.
    type Answer = (u64, u64);

    fn prepare(tasks: u64) -> Self {
        FairTurns { tasks, spreads: Mutex::new(0.0) }
    }
    async fn run(self: Arc<Self>) -> (u64, u64) {
        let counts = Arc::new(Counts {
            absent: AtomicU64::new(self.tasks),
            left: AtomicU64::new(TURNS_OF_EACH * self.tasks),
        });
        let tasks = (0..self.tasks).map(|_| E::spawn(take_turns::<E>(counts.clone())));
        let turns = gather(tasks).await;
        // Each task counts its last turn, in which it finds that none is left.
        let [most, fewest] =
            [turns.iter().max(), turns.iter().min()].map(|turns| turns.map_or(1, |turns| turns + 1));
        *self.spreads.lock().unwrap_or_else(PoisonError::into_inner) += most as f64 / fewest as f64;
        (turns.len() as u64, turns.iter().sum())
    }
    fn expected(&self) -> (u64, u64) {
        (self.tasks, TURNS_OF_EACH * self.tasks)
    }
    fn operations(&self) -> u64 {
        1
    }
    fn told_ratio(&self) -> f64 {
        std::mem::take(&mut self.spreads.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn work(&self) -> Work {
        // A poll takes one turn at most, and each task has one more, in which none is left.
        Work { polls: Some((TURNS_OF_EACH + 1) * self.tasks + 1), ..Work::tasks(self.tasks) }
    }
}

/// The counts that the tasks of a run share.
struct Counts {
    /// The tasks that have not started.
    absent: AtomicU64,
    /// The turns that are left.
    left: AtomicU64,
}

/// Takes turns until none is left, and returns the number that it has had.
async fn take_turns<E: Executor>(counts: Arc<Counts>) -> u64 {
    counts.absent.fetch_sub(1, AcqRel);
    // While tasks are spawned, those that are there already have all the turns.
    while counts.absent.load(Acquire) > 0 {
        E::yield_now().await;
    }
    let mut turns = 0;
    while counts.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        turns += 1;
        E::yield_now().await;
    }
    turns
}
