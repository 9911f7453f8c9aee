//! The contract between programs and executors, and the laws that hold an executor to it.
//!
//! A program is written once, against [`Executor`] and, where it needs them, [`Timer`], [`BlockingPool`], [`Remote`] and
//! [`Restart`]; an executor implements what it has. What it lacks is then a compile error, never an imitation.
//! Everything a task asks of its executor is ambient, as `tokio::spawn` is: tasks carry no handle, programs read like
//! the ones people write, and so **one process runs one executor**, unless it is one that can be started again.
//!
//! The price of a static contract is code size: each program is compiled once for each executor. In return nothing
//! but the executor's own code runs inside the clock.
//!
//! # Layout
//!
//! - this file: the contract
//! - [`laws`]: what every executor must keep, one function a law; [`conformance!`] makes tests of them

use std::{
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

pub mod laws;

/// Runs tasks on worker threads.
///
/// The methods without `self` are called inside a task of the running executor; elsewhere they panic.
pub trait Executor: Sized + Send + Sync + 'static {
    /// What the report says about this executor.
    const ABOUT: About;

    /// The handle of a spawned task.
    type Task<T: Send + 'static>: Task<T>;

    /// Variables that must stand in the environment of a process before this executor starts in it.
    ///
    /// Global executors read their thread counts there when first used. Whoever starts the process sets them.
    fn environment(_config: &Config) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Starts `config.threads` workers, no more and no fewer.
    ///
    /// # Panics
    ///
    /// If the variables of [`environment`](Self::environment) do not say the same as `config`, if `config` asks a
    /// single-threaded executor for more than one thread, or if a global executor has already started.
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

    /// Suspends the task once, so that other tasks of this worker may run before it goes on.
    ///
    /// Whoever keeps yielding lets all others run in the end. Which of them run first, no executor promises.
    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        YieldNow { yielded: false }
    }
}

/// The handle of a task: awaiting it gives the output, or resumes the panic of the task.
///
/// Dropping the handle detaches the task, which runs on.
pub trait Task<T>: Future<Output = T> + Send + Unpin + 'static {
    /// Tells whether the output is there, or a panic in its place.
    ///
    /// Not to be asked again once the output was taken.
    fn is_finished(&self) -> bool;

    /// Asks the task, at once, to stop at its suspension point.
    ///
    /// What it returns ends when the task's future has been dropped, and gives the output if the task had finished.
    /// Resumes the task's panic if it had panicked.
    fn cancel(self) -> impl Future<Output = Option<T>> + Send;
}

/// An executor with timers.
pub trait Timer: Executor {
    /// Ends once `duration` has passed since the call, never earlier.
    ///
    /// [`Duration::MAX`] never ends.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Ends once `deadline` has come; at once, without suspending the task, if that was before the first poll: who is behind
    /// his schedule does not wait.
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        async move {
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                Self::sleep(left).await;
            }
        }
    }

    /// Gives the output of `future`, or `None` after `duration`; `future` is then gone.
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

/// An executor that takes tasks from threads that are not its own.
pub trait Remote: Executor {
    /// What such a thread needs.
    type Spawner: Clone + Send + Sync + 'static;

    /// The spawner of the executor that runs this task; called inside one, as the methods of [`Executor`] are.
    fn spawner() -> Self::Spawner;

    /// Starts a task as [`spawn`](Executor::spawn) does, never inside this call, but on any thread, until the executor is
    /// dropped.
    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
}

/// An executor that a process can start again and again, because it ends when it is dropped.
pub trait Restart: Executor {
    /// Starts an executor, runs `main` as a task on it, and ends it: its threads are gone when this returns, and so are the
    /// futures of tasks that were left.
    ///
    /// Not to be called by a worker's thread of any executor.
    fn once<F>(config: &Config, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let executor = Self::start(config);
        executor.run(main)
    }
}

/// How many threads an executor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Workers that poll tasks.
    pub threads: NonZeroUsize,
    /// The most blocking jobs that run at once.
    pub blocking_threads: NonZeroUsize,
}

impl Config {
    /// Makes a configuration of `threads` workers and as many blocking threads as the post's pool: three.
    pub const fn new(threads: NonZeroUsize) -> Config {
        Config { threads, blocking_threads: NonZeroUsize::new(3).unwrap() }
    }
}

/// What the report says about an executor.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The lane's name: kebab-case, unique in the lineup.
    pub name: &'static str,
    /// One sentence on how it schedules.
    pub description: &'static str,
    /// How many workers it can have.
    pub class: Class,
    /// What it is known to lack, in a sentence or two that a reader should have seen before he chooses it.
    pub limits: &'static str,
    /// The package whose version is reported, as `Cargo.lock` spells it.
    pub package: &'static str,
    /// Where it is published.
    pub homepage: &'static str,
    /// The file that implements the contract: `file!()`.
    pub source: &'static str,
}

/// How many workers an executor can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One: it races at one thread only.
    CurrentThread,
    /// Any number.
    MultiThread,
}

/// Wakes itself once: the yield of an executor that has none of its own.
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
