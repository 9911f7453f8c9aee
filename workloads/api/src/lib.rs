//! Defines the contract between a workload and the bench that measures it.
//!
//! A workload is written once for every executor: `impl<E: Timer> Workload<E> for SleepFanOut` names all it
//! needs. It prepares outside the clock; inside the clock it spawns, works and joins. It knows the right
//! answer and the work that leads to it, so every run is a test.
//!
//! ```
//! use std::sync::Arc;
//! use executor_api::Executor;
//! use workload_api::{About, Work, Workload, gather};
//!
//! pub struct Doubles {
//!     size: u64,
//! }
//!
//! impl<E: Executor> Workload<E> for Doubles {
//!     const ABOUT: About = About {
//!         name: "doubles",
//!         description: "N tasks double a number each; the root gathers the outputs in order.",
//!         group: "Scheduling",
//!         operation: "one task",
//!         size: "tasks",
//!         shows: "the cost of a task that returns at once",
//!         hides: "the cost of a task that waits",
//!         source: file!(),
//!     };
//!     const SIZES: &'static [u64] = &[100, 10_000];
//!     type Answer = Vec<u64>;
//!
//!     fn prepare(size: u64) -> Self {
//!         Doubles { size }
//!     }
//!
//!     async fn run(self: Arc<Self>) -> Vec<u64> {
//!         gather((0..self.size).map(|number| E::spawn(async move { 2 * number }))).await
//!     }
//!
//!     fn expected(&self) -> Vec<u64> {
//!         (0..self.size).map(|number| 2 * number).collect()
//!     }
//!
//!     fn operations(&self) -> u64 {
//!         self.size
//!     }
//!
//!     fn work(&self) -> Work {
//!         Work::tasks(self.size)
//!     }
//! }
//! ```

use std::{
    fmt::Debug,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use executor_api::{Executor, Task, Timer};
use serde::Serialize;

/// A piece of work that runs on every executor with the capabilities that it needs.
pub trait Workload<E: Executor>: Send + Sync + Sized + 'static {
    /// Describes this workload in the report.
    const ABOUT: About;

    /// The sizes of a default run, smallest first; empty for a workload that does not race.
    ///
    /// A quick run has one size: the smallest of these and of [`FULL_SIZES`](Self::FULL_SIZES).
    const SIZES: &'static [u64];

    /// The sizes that a full run adds, smallest first.
    const FULL_SIZES: &'static [u64] = &[];

    /// The sizes at which the memory of a run is measured: none, or at least four.
    ///
    /// Only for a workload with as many tasks as its size, all of them alive at once.
    const MEMORY_SIZES: &'static [u64] = &[];

    /// Selects the figure of a run that is measured and ranked.
    const MEASURE: Measure = Measure::Clock;

    /// `true` if a run has a deadline, so that its answer is wrong if the machine stands still meanwhile.
    ///
    /// A heat in which such a run went wrong is run again, a few times at most.
    const HAS_DEADLINE: bool = false;

    /// `true` if its tasks use sockets: its executor starts [with them](executor_api::Config::sockets), and only then.
    const SOCKETS: bool = false;

    /// `true` if one run takes a tenth of a second or so: a quick run leaves it out, unless it is asked for.
    const LONG: bool = false;

    /// `true` if a full run races it with two and four times as many workers as there are processors, too.
    const OVERSUBSCRIBED: bool = false;

    /// `true` if a thread outside the executor needs a processor of its own, so that it races with fewer workers than there are
    /// processors.
    const LOADED_FROM_OUTSIDE: bool = false;

    /// The result of a run. A lane in another language writes it as JSON.
    type Answer: PartialEq + Debug + Serialize + Send + 'static;

    /// Makes everything a run needs, outside the clock.
    fn prepare(size: u64) -> Self;

    /// Does the same as [`prepare`](Self::prepare), for work that depends on the number of workers.
    fn prepare_for(size: u64, _workers: NonZeroUsize) -> Self {
        Self::prepare(size)
    }

    /// Makes what only a task can make and runs then share, connections for example, outside the clock.
    ///
    /// It is called before the first run of each sample, and spawns no task.
    fn get_ready(self: Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        async {}
    }

    /// Does the work, inside the clock, as the root task of the run.
    ///
    /// Awaits or cancels every task that it spawned.
    fn run(self: Arc<Self>) -> impl Future<Output = Self::Answer> + Send + 'static;

    /// Returns the right answer.
    fn expected(&self) -> Self::Answer;

    /// Returns the number of operations in a run, the divisor of "per operation". Never zero.
    fn operations(&self) -> u64;

    /// Returns the time of a run that no executor can avoid: the sleep, the timeout.
    fn ideal(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the time that all operations since the last call have lost. For [`Measure::Told`] only.
    fn told(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the sum of the ratios of all runs since the last call, each above zero. For [`Measure::Ratio`] only.
    fn told_ratio(&self) -> f64 {
        0.0
    }

    /// Returns the reason if a run since the last call was disturbed from outside the executor, so that its figure is not
    /// to be used; its answer may be right.
    fn spoiled(&self) -> Option<String> {
        None
    }

    /// Specifies the work of a run, the same on every executor. A counted run is checked against it.
    fn work(&self) -> Work {
        Work::default()
    }
}

/// Selects the figure of a run that is divided by the operations, and ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Measures the time on the clock beyond the [ideal](Workload::ideal).
    Clock,
    /// Measures the time of one [part] of the run. The text names it: "time to the last destructor".
    Part(&'static str),
    /// Takes the time that the run itself [reports](Workload::told), because its operations overlap.
    /// The text names it: "lateness of a tick".
    Told(&'static str),
    /// Takes the ratio that the run itself [reports](Workload::told_ratio), which is no time. Less is better.
    /// The text names it: "spread of turns".
    Ratio(&'static str),
    /// Measures the processor time of the whole run. The text names it: "processor time of a tick".
    ProcessorOf(&'static str),
    /// Measures the processor time of one [part] of the run, which only waits.
    ///
    /// Such lanes take their samples together, not in turn.
    Processor,
}

/// Marks an end of the measured part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The part begins.
    Begin,
    /// The part ends.
    End,
}

/// Reads the clock at the boundaries of parts.
static OBSERVER: OnceLock<fn(Boundary)> = OnceLock::new();

/// Has `observer` called at both boundaries of each [part], by the task that runs it.
///
/// The first observer wins; later calls have no effect.
pub fn observe_parts(observer: fn(Boundary)) {
    OBSERVER.set(observer).ok();
}

/// Gathers how late operations are.
static GATHERER: OnceLock<fn(Duration)> = OnceLock::new();

/// Has `gatherer` called with the lateness of each operation that a run [tells](tell_lateness).
///
/// The first gatherer wins; later calls have no effect.
pub fn gather_lateness(gatherer: fn(Duration)) {
    GATHERER.set(gatherer).ok();
}

/// Tells how late one operation of this run was, for the percentiles that are published.
///
/// A run that has them at hand tells them after its work. The lateness of sleeps is found out without it.
pub fn tell_lateness(lateness: Duration) {
    if let Some(gatherer) = GATHERER.get() {
        gatherer(lateness);
    }
}

/// Runs the measured part of a run, for a workload that does not measure the whole.
///
/// A run has one part, in its root.
pub async fn part<T>(part: impl Future<Output = T>) -> T {
    let observe = |boundary| {
        if let Some(observer) = OBSERVER.get() {
            observer(boundary);
        }
    };
    observe(Boundary::Begin);
    let output = part.await;
    observe(Boundary::End);
    output
}

/// Specifies the work of one run of a workload; `None` leaves a number open.
///
/// The root of the run does not count as a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The tasks that are spawned.
    pub spawned: Option<u64>,
    /// The tasks that run to their end.
    pub finished: Option<u64>,
    /// The tasks whose future is dropped before its end.
    pub cancelled: Option<u64>,
    /// The jobs given to the blocking pool.
    pub jobs: Option<u64>,
    /// The tasks that are alive at once at some moment: at least this many, even on the fastest executor.
    pub at_once: Option<u64>,
    /// The polls of all tasks and the root: at least this many, in any schedule.
    pub polls: Option<u64>,
}

impl Work {
    /// Specifies `count` tasks that all run to their end, and no blocking jobs.
    pub const fn tasks(count: u64) -> Work {
        Work {
            spawned: Some(count),
            finished: Some(count),
            cancelled: Some(0),
            jobs: Some(0),
            at_once: None,
            // Each task needs a poll to end, and so does the root.
            polls: Some(count + 1),
        }
    }

    /// Specifies `count` blocking jobs, and no tasks.
    pub const fn jobs(count: u64) -> Work {
        Work { jobs: Some(count), ..Work::tasks(0) }
    }
}

/// Describes a workload in the report.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The workload's name: kebab-case, unique in the lineup.
    pub name: &'static str,
    /// One sentence on the work of a run.
    pub description: &'static str,
    /// The group of workloads that share a verdict: "Timers". A name of its own makes a group of one.
    pub group: &'static str,
    /// Names one operation: "one task".
    pub operation: &'static str,
    /// Names the things that the size counts: "tasks".
    pub size: &'static str,
    /// Completes "A difference between executors shows ...".
    pub shows: &'static str,
    /// Completes "A difference between executors does not show ...".
    pub hides: &'static str,
    /// The file of the workload: `file!()`.
    pub source: &'static str,
}

/// Takes all of `tasks` from the iterator, which may spawn them, then awaits their outputs in order.
pub async fn gather<T>(tasks: impl IntoIterator<Item = impl Task<T>>) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().collect();
    // Awaiting in order registers one waker at a time, without a combinator: only the executor is measured.
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await);
    }
    outputs
}

/// Waits until all of `tasks` have finished or `limit` has passed, and separates finished from pending tasks.
///
/// Corresponds to asyncio's `wait(tasks, timeout=limit)`.
pub async fn wait<E: Timer, T: Send + 'static>(
    tasks: Vec<E::Task<T>>,
    limit: Duration,
) -> Waited<T, E::Task<T>> {
    // Awaiting in order takes time in proportion to the number of tasks. Each output is kept as it comes,
    // because a handle cannot be awaited twice.
    let mut done = Vec::with_capacity(tasks.len());
    let mut tasks = tasks.into_iter();
    let mut current = tasks.next();
    E::timeout(limit, async {
        while let Some(task) = &mut current {
            done.push(task.await);
            current = tasks.next();
        }
    })
    .await;

    let mut pending = Vec::new();
    for task in current.into_iter().chain(tasks) {
        if task.is_finished() {
            done.push(task.await);
        } else {
            pending.push(task);
        }
    }
    Waited { done, pending }
}

/// The result of [`wait`].
#[derive(Debug)]
pub struct Waited<T, K> {
    /// The outputs of the finished tasks.
    pub done: Vec<T>,
    /// The tasks that have not finished.
    pub pending: Vec<K>,
}

/// Cancels all of `tasks`, waits until their futures are gone, and returns the number that had not finished.
pub async fn cancel_all<T>(tasks: Vec<impl Task<T>>) -> u64 {
    let cancelling: Vec<_> = tasks.into_iter().map(Task::cancel).collect();
    let mut cancelled = 0;
    for task in cancelling {
        cancelled += u64::from(task.await.is_none());
    }
    cancelled
}

/// Counts the guards that have been dropped.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicU64>);

impl Drops {
    /// Returns a guard, for a future to own.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }

    /// Returns the number of guards that have been dropped.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Adds one to its [`Drops`] when it is dropped.
#[derive(Debug)]
pub struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Release);
    }
}
