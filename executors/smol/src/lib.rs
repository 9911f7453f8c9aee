//! Implements the contract for smol: [`Smol`], its global executor, [`SmolLocal`], a `LocalExecutor`, and, with the feature
//! `options`, `SmolStatic`, a `StaticExecutor`, which older versions of async-executor do not have.
//!
//! A `LocalExecutor` takes tasks from its own thread only, so [`SmolLocal`] is not `Remote`. The thread of
//! smol's timers outlives every executor, so no lane is `Restart`.

#[cfg(feature = "options")]
mod fixed;
mod net;

use std::{env, thread, time::Duration};

use executor_api::{About, BlockOn, BlockingPool, Class, Config, Executor, Global, Standing, Timer};
use smol::{
    LocalExecutor,
    channel::{self, Sender},
    future::FutureExt,
};

#[cfg(feature = "options")]
pub use fixed::SmolStatic;
pub use net::{Listener, Stream};

/// smol's global executor, the one behind `smol::spawn`.
#[derive(Debug)]
pub struct Smol;

impl Executor for Smol {
    const ABOUT: About = About {
        name: "smol",
        description: "Global executor: async-executor's one queue with work stealing, and timers in async-io's tree.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "All timers are in one ordered map behind a lock. Has no budget: while a socket is always ready, nothing \
                 but the task that reads it runs on its worker. The number of threads is set by an environment \
                 variable.",
        package: "smol",
        homepage: "https://github.com/smol-rs/smol",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn environment(config: &Config) -> Vec<(&'static str, String)> {
        vec![("SMOL_THREADS", config.threads.to_string()), blocking_threads(config)]
    }

    fn start(config: &Config) -> Self {
        expect_environment(Self::environment(config));
        Smol
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::block_on(smol::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::from(smol::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        smol::future::yield_now()
    }
}

/// The handle of a task of either lane: smol's tasks are those of async-task.
pub type Task<T> = async_task_handle::Task<T, Smol>;

/// smol's `LocalExecutor`, driven by a thread of its own.
///
/// The thread that calls [`run`](Executor::run) only waits, as in every lane.
#[derive(Debug)]
pub struct SmolLocal {
    roots: Sender<Root>,
    worker: Option<thread::JoinHandle<()>>,
}

/// Spawns the root of a run on the executor of the current thread.
type Root = Box<dyn FnOnce() + Send>;

thread_local! {
    static LOCAL: LocalExecutor<'static> = const { LocalExecutor::new() };
}

impl Executor for SmolLocal {
    const ABOUT: About = About {
        name: "smol-local",
        description: "LocalExecutor on a thread of its own: async-executor's queue, and timers in async-io's tree.",
        class: Class::CurrentThread,
        standing: Standing::Published,
        limits: "Uses one thread on any machine. All timers are in one ordered map behind a lock. Has no budget: while a \
                 socket is always ready, nothing but the task that reads it runs.",
        package: "smol",
        homepage: "https://github.com/smol-rs/smol",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn environment(config: &Config) -> Vec<(&'static str, String)> {
        vec![blocking_threads(config)]
    }

    fn start(config: &Config) -> Self {
        assert_eq!(config.threads.get(), 1, "{} runs on one thread only", Self::ABOUT.name);
        expect_environment(Self::environment(config));
        let (roots, incoming) = channel::unbounded::<Root>();
        let worker = thread::spawn(move || {
            LOCAL.with(|executor| {
                smol::block_on(executor.run(async {
                    while let Ok(spawn_root) = incoming.recv().await {
                        spawn_root();
                    }
                }))
            })
        });
        SmolLocal { roots, worker: Some(worker) }
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, spawned) = channel::bounded(1);
        let spawn_root = move || handle.try_send(Self::spawn(main)).expect("the caller of run waits");
        self.roots.try_send(Box::new(spawn_root)).expect("the worker runs until this handle is dropped");
        smol::future::block_on(async { spawned.recv().await.expect("the worker spawns every root").await })
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::from(LOCAL.with(|executor| executor.spawn(future)))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        smol::future::yield_now()
    }
}

impl Drop for SmolLocal {
    fn drop(&mut self) {
        self.roots.close();
        if let Some(worker) = self.worker.take() {
            worker.join().expect("tasks keep their panics, so the worker has none");
        }
    }
}

impl Global for Smol {}

impl BlockOn for Smol {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    /// `smol::block_on`, as in smol's documentation: it needs no executor, and waits for timers while it blocks.
    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        smol::block_on(future)
    }
}

impl BlockOn for SmolLocal {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    /// The documentation of `LocalExecutor` has `block_on(executor.run(future))`, so that its tasks run too. Each
    /// thread has an executor of its own, because a `LocalExecutor` cannot leave its thread.
    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        LOCAL.with(|executor| smol::block_on(executor.run(future)))
    }
}

/// Implements the contracts on which the lanes agree: smol's timers and its blocking pool are the process's.
macro_rules! timers_and_pool {
    ($($lane:ty),+) => {$(
        impl Timer for $lane {
            fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
                sleep(duration)
            }

            async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
            where
                F: Future + Send,
                F::Output: Send,
            {
                timeout(duration, future).await
            }
        }

        impl BlockingPool for $lane {
            fn spawn_blocking<T, J>(job: J) -> Task<T>
            where
                T: Send + 'static,
                J: FnOnce() -> T + Send + 'static,
            {
                Task::from(smol::unblock(job))
            }
        }
    )+};
}

timers_and_pool!(Smol, SmolLocal);
#[cfg(feature = "options")]
timers_and_pool!(SmolStatic);

async fn sleep(duration: Duration) {
    smol::Timer::after(duration).await;
}

async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    // smol has no timeout: its documentation races the future against a timer, like this.
    let expired = async {
        sleep(duration).await;
        None
    };
    async { Some(future.await) }.or(expired).await
}

/// Returns the variable that limits smol's blocking pool, which cannot be configured in any other way.
fn blocking_threads(config: &Config) -> (&'static str, String) {
    ("BLOCKING_MAX_THREADS", config.blocking_threads.to_string())
}

/// Panics unless the environment has all of `variables`.
fn expect_environment(variables: Vec<(&'static str, String)>) {
    for (variable, value) in variables {
        assert!(
            env::var(variable).as_deref() == Ok(&value),
            "{variable} must be {value} in the environment before smol starts"
        );
    }
}
