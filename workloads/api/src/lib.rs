//! The contract between a workload and whoever measures it.
//!
//! A workload is a program written once for every executor: `impl<E: Timer> Workload<E> for SleepFanOut` says all
//! it needs. It prepares outside the clock; inside it, it spawns, works and joins; and it knows the right answer and the
//! work that leads to it, so every run of it is a test.
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
//!         description: "N tasks double a number each; the root gathers them in order.",
//!         group: "Scheduling",
//!         operation: "one task",
//!         size: "tasks",
//!         shows: "the cost of a task that returns at once",
//!         hides: "everything that happens when a task waits",
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

/// A program that is run on every executor that has what it needs.
pub trait Workload<E: Executor>: Send + Sync + Sized + 'static {
    /// What the report says about this workload.
    const ABOUT: About;

    /// The sizes of a default run, smallest first. None for a workload that does not race. A quick run has one: the
    /// smallest of these and of a full run's.
    const SIZES: &'static [u64];

    /// The sizes that a full run adds, smallest first.
    const FULL_SIZES: &'static [u64] = &[];

    /// The sizes at which the memory of a run is measured, four or more if any: for a workload whose tasks, as many as
    /// its size, all live at once.
    const MEMORY_SIZES: &'static [u64] = &[];

    /// What of a run is measured, and ranked by.
    const MEASURE: Measure = Measure::Clock;

    /// What a run computes. A lane in another language says it as JSON.
    type Answer: PartialEq + Debug + Serialize + Send + 'static;

    /// Makes everything a run needs; outside the clock.
    fn prepare(size: u64) -> Self;

    /// As [`prepare`](Self::prepare), for a workload whose work depends on the number of workers.
    fn prepare_for(size: u64, _workers: NonZeroUsize) -> Self {
        Self::prepare(size)
    }

    /// Does the work, inside the clock. It is the root task of the run, and it awaits or cancels all it spawned.
    fn run(self: Arc<Self>) -> impl Future<Output = Self::Answer> + Send + 'static;

    /// The right answer.
    fn expected(&self) -> Self::Answer;

    /// How many operations a run has: what "per operation" divides by. Never zero.
    fn operations(&self) -> u64;

    /// The waiting in a run that no executor can avoid: the sleep, the timeout.
    fn ideal(&self) -> Duration {
        Duration::ZERO
    }

    /// What the runs since the last call have found that they lost, all their operations together; of
    /// [`Measure::Told`] only.
    fn told(&self) -> Duration {
        Duration::ZERO
    }

    /// What a run does, whichever executor it is on: the run that is counted is held to it.
    fn work(&self) -> Work {
        Work::default()
    }
}

/// What of a run is measured: all of it is divided by the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The time on the clock beyond the [ideal](Workload::ideal).
    Clock,
    /// The time of one [part] of the run, and what that is: "time to the last destructor".
    Part(&'static str),
    /// What the run [tells](Workload::told), and what that is: "lateness of a tick". For operations that overlap.
    Told(&'static str),
    /// The processor time of one [part] of the run, which only waits. Such lanes take their samples together, not in turn.
    Processor,
}

/// An end of the part of a run that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// It begins here.
    Begin,
    /// It ends here.
    End,
}

/// Who looks at the clock at the boundaries of parts.
static OBSERVER: OnceLock<fn(Boundary)> = OnceLock::new();

/// Has `observer` called at both boundaries of each [part], by the task that runs it; who comes first, stays.
pub fn observe_parts(observer: fn(Boundary)) {
    OBSERVER.set(observer).ok();
}

/// Does the part of a run that is measured, where that is not the whole; one in each run, in the root.
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

/// What one run of a workload does, by its own specification; `None` leaves a part open.
///
/// Tasks are those that the run spawns; its root is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Tasks spawned.
    pub spawned: Option<u64>,
    /// Tasks that run to their end.
    pub finished: Option<u64>,
    /// Tasks whose future is dropped before its end.
    pub cancelled: Option<u64>,
    /// Jobs given to the blocking pool.
    pub jobs: Option<u64>,
    /// Tasks that have been spawned and not ended, at some moment: so many or more, however fast the executor is.
    pub at_once: Option<u64>,
    /// Polls of tasks and root: so many or more, however the tasks are scheduled.
    pub polls: Option<u64>,
}

impl Work {
    /// Spawns so many tasks, all of which run to their end, and gives no job to the blocking pool.
    pub const fn tasks(count: u64) -> Work {
        Work {
            spawned: Some(count),
            finished: Some(count),
            cancelled: Some(0),
            jobs: Some(0),
            at_once: None,
            // Nothing ends without a poll, the root neither.
            polls: Some(count + 1),
        }
    }

    /// Gives so many jobs to the blocking pool, and spawns no task.
    pub const fn jobs(count: u64) -> Work {
        Work { jobs: Some(count), ..Work::tasks(0) }
    }
}

/// What the report says about a workload.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Kebab-case, unique in the lineup.
    pub name: &'static str,
    /// What a run does, in a sentence.
    pub description: &'static str,
    /// The group that it shares a verdict with: "Timers". One that nobody else names is a group of its own.
    pub group: &'static str,
    /// What one operation is: "one task".
    pub operation: &'static str,
    /// What its size counts: "tasks".
    pub size: &'static str,
    /// What a difference between executors says, as the end of "It shows ...".
    pub shows: &'static str,
    /// What it does not say, as the end of "It does not show ...".
    pub hides: &'static str,
    /// The file of the workload: `file!()`.
    pub source: &'static str,
}

/// Spawns all of `tasks`, as far as the iterator does, then awaits their outputs in order.
///
/// One waker at a time is registered, with the task that is awaited: nothing but the executor is measured.
pub async fn gather<T>(tasks: impl IntoIterator<Item = impl Task<T>>) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await);
    }
    outputs
}

/// Waits until all of `tasks` have finished or `limit` has passed, and tells them apart.
///
/// What asyncio calls `wait(tasks, timeout=limit)`. Awaits the tasks in order, so that it takes time in proportion to
/// their number, and keeps each output as it comes: a handle cannot be awaited twice.
pub async fn wait<E: Timer, T: Send + 'static>(
    tasks: Vec<E::Task<T>>,
    limit: Duration,
) -> Waited<T, E::Task<T>> {
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

/// What [`wait`] found when it ended.
#[derive(Debug)]
pub struct Waited<T, K> {
    /// The outputs of the tasks that had finished.
    pub done: Vec<T>,
    /// The tasks that had not.
    pub pending: Vec<K>,
}

/// Cancels all of `tasks`, then waits until the future of each is gone; counts those that had not finished.
pub async fn cancel_all<T>(tasks: Vec<impl Task<T>>) -> u64 {
    let cancelling: Vec<_> = tasks.into_iter().map(Task::cancel).collect();
    let mut cancelled = 0;
    for task in cancelling {
        cancelled += u64::from(task.await.is_none());
    }
    cancelled
}

/// Counts how many of its guards have been dropped.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicU64>);

impl Drops {
    /// Makes a guard, for a future to own.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }

    /// How many guards are gone.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Is counted when it is dropped; made by [`Drops::guard`].
#[derive(Debug)]
pub struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Release);
    }
}
