//! Defines the contract between workloads and executors, and the laws that hold an executor to it.
//!
//! A workload is written once, against [`Executor`] and, where it needs them, [`Timer`], [`BlockingPool`],
//! [`Remote`], [`BlockOn`], [`Net`] and [`Restart`]. An executor implements the traits it supports, so a missing capability is a
//! compile error and never an imitation. Everything a task asks of its executor is ambient, as `tokio::spawn`
//! is: tasks carry no handle, and workloads read like everyday code. That is why **one process runs one
//! executor**, except for an executor that can be restarted.
//!
//! The price of a static contract is code size: each workload is compiled once for each executor, or for all flavours of one
//! ([`FlavourOf`]). In return nothing but the executor's own code runs inside the clock.
//!
//! # Layout
//!
//! - this file: the contract
//! - `net`: its part about sockets
//! - [`laws`]: the rules that every executor must keep, one function each; [`conformance!`] makes them tests

use std::{
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

mod net;

pub mod laws;

pub use net::{Listener, Net, READINESS, Stream};

/// Runs tasks on worker threads.
///
/// The methods without `self` are called inside a task of the running executor; elsewhere they panic.
pub trait Executor: Sized + Send + Sync + 'static {
    /// Describes this executor in the report.
    const ABOUT: About;

    /// The handle of a spawned task.
    type Task<T: Send + 'static>: Task<T>;

    /// Returns the environment variables that a process must have before this executor starts in it.
    ///
    /// Global executors read their thread counts there when first used. The parent process sets them, the same for cells
    /// with and without sockets.
    fn environment(_config: &Config) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns the reason why this executor cannot start in this process, if the kernel or a sandbox refuses what it is built
    /// on. Nothing else is used in its place.
    fn refused() -> Option<String> {
        None
    }

    /// Starts `config.threads` workers, no more and no fewer.
    ///
    /// # Panics
    ///
    /// If the variables of [`environment`](Self::environment) contradict `config`, if `config` has more than
    /// one thread for a single-threaded executor, if the executor is [`refused`](Self::refused), or if a global executor has
    /// already started.
    fn start(config: &Config) -> Self;

    /// Runs `main` as a task on a worker and returns its output; the calling thread only waits.
    ///
    /// # Panics
    ///
    /// With the panic of `main`.
    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Starts a task that runs concurrently with the current one, and never inside this call.
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Suspends the task once, so that other tasks of this worker may run before it continues.
    ///
    /// A task that keeps yielding lets all others run eventually, in no promised order.
    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        YieldNow { yielded: false }
    }
}

/// An executor whose tasks run the same code as those of `E`: another flavour of its runtime, which differs in its start alone.
///
/// Workloads are compiled once for all flavours of an executor. Each executor is a flavour of itself.
pub trait FlavourOf<E: Executor>: Executor {
    /// Starts this flavour as [`start`](Executor::start) does, and gives it the type for which workloads are compiled.
    ///
    /// # Panics
    ///
    /// As [`start`](Executor::start).
    fn start_as(config: &Config) -> E;
}

impl<E: Executor> FlavourOf<E> for E {
    fn start_as(config: &Config) -> E {
        E::start(config)
    }
}

/// The handle of a task: awaiting it returns the output, or resumes the panic of the task.
///
/// Dropping the handle detaches the task, which continues to run.
pub trait Task<T>: Future<Output = T> + Send + Unpin + 'static {
    /// Returns true once the task has ended, with its output or with a panic.
    ///
    /// Must not be called after the output was taken.
    fn is_finished(&self) -> bool;

    /// Asks the task, at once, to stop at its suspension point.
    ///
    /// The returned future ends when the task's future has been dropped. It returns the output if the task
    /// had finished, and resumes the task's panic if it had panicked.
    fn cancel(self) -> impl Future<Output = Option<T>> + Send;
}

/// An executor with timers.
pub trait Timer: Executor {
    /// Ends once `duration` has passed since the call, never earlier.
    ///
    /// A sleep of [`Duration::MAX`] never ends.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Ends once `deadline` has passed, and does not suspend the task if that was before the first poll.
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        async move {
            let left = deadline.saturating_duration_since(Instant::now());
            // A task that is behind its schedule must not lose time to a yield as well.
            if !left.is_zero() {
                Self::sleep(left).await;
            }
        }
    }

    /// Returns the output of `future`, or drops `future` after `duration` and returns `None`.
    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send;
}

/// An executor with threads for work that blocks.
pub trait BlockingPool: Executor {
    /// Runs `job` on one of `config.blocking_threads` threads, where it may block without delaying tasks.
    fn spawn_blocking<T, J>(job: J) -> Self::Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static;
}

/// An executor that takes tasks from threads other than its workers.
pub trait Remote: Executor {
    /// Gives such a thread access to the executor.
    type Spawner: Clone + Send + Sync + 'static;

    /// Returns the spawner of the executor that runs this task; called inside one, as the methods of
    /// [`Executor`] are.
    fn spawner() -> Self::Spawner;

    /// Starts a task as [`spawn`](Executor::spawn) does, but from any thread, until the executor is dropped.
    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
}

/// A global executor whose [`spawn`](Executor::spawn) works on any thread, which makes it [`Remote`].
pub trait Global: Executor {}

impl<E: Global> Remote for E {
    type Spawner = ();

    fn spawner() {}

    fn spawn_from<F>(_spawner: &(), future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Self::spawn(future)
    }
}

/// An executor with a `block_on` that polls a future on the thread that calls it, as `main` does in most programs.
///
/// It is not [`run`](Executor::run), whose future is a task on a worker, and it needs no [`start`](Executor::start).
pub trait BlockOn: Executor {
    /// Lets one thread call [`block_on`](Self::block_on).
    type Caller: Send + 'static;

    /// Makes this number of callers, for threads that call `block_on` at the same time.
    ///
    /// They share one executor with the workers of `config` if it is made for several threads, and otherwise have
    /// one each.
    fn callers(config: &Config, number: usize) -> Vec<Self::Caller>;

    /// Runs a future on this thread until it is ready. It may borrow, and need not be [`Send`].
    ///
    /// # Panics
    ///
    /// With the panic of `future`. On a worker of any executor.
    fn block_on<F: Future>(caller: &Self::Caller, future: F) -> F::Output;
}

/// An executor that a process can start again and again, because it ends when it is dropped.
pub trait Restart: Executor {
    /// Starts an executor, runs `main` as a task on it, and ends it: its threads and the futures of the
    /// remaining tasks are gone when this returns.
    ///
    /// Must not be called on a worker of any executor.
    fn once<F>(config: &Config, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let executor = Self::start(config);
        executor.run(main)
    }
}

/// Sets the numbers of threads that an executor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The number of workers, the threads that poll tasks.
    pub threads: NonZeroUsize,
    /// The highest number of blocking jobs that run at once.
    pub blocking_threads: NonZeroUsize,
    /// `true` if tasks use sockets. Elsewhere a runtime leaves its driver of sockets off: with it workers park in another
    /// place, and other figures would move.
    pub sockets: bool,
}

impl Config {
    /// Returns a configuration of `threads` workers and three blocking threads, as in the post, without sockets.
    pub const fn new(threads: NonZeroUsize) -> Config {
        Config { threads, blocking_threads: NonZeroUsize::new(3).unwrap(), sockets: false }
    }

    /// Returns the same configuration with sockets.
    pub const fn with_sockets(self) -> Config {
        Config { sockets: true, ..self }
    }
}

/// Describes an executor in the report.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The lane's name: kebab-case, unique in the lineup.
    pub name: &'static str,
    /// One sentence on how it schedules.
    pub description: &'static str,
    /// The numbers of workers that it supports.
    pub class: Class,
    /// The party that answers for it, if any does.
    pub standing: Standing,
    /// A sentence or two on its known limits, for readers who consider using it.
    pub limits: &'static str,
    /// The package whose version is reported, as `Cargo.lock` spells it.
    pub package: &'static str,
    /// The address of its home page.
    pub homepage: &'static str,
    /// The file that implements the contract: `file!()`.
    pub source: &'static str,
}

/// Tells executors with one worker from executors with several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Has one worker, and so races at one thread only.
    CurrentThread,
    /// Has any number of workers.
    MultiThread,
}

/// Tells executors that a program may be built on from those that are raced for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Is published, and maintained by its authors.
    Published,
    /// Is published, and its authors have given it up; with the advisory that says so: "RUSTSEC-2025-0052".
    Discontinued(&'static str),
    /// Is a part of this project, raced to see what is possible.
    Ours,
    /// Is a sketch or a trial, which nobody means to be used.
    Experiment,
}

/// Wakes itself once: the yield of an executor without one of its own.
struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
