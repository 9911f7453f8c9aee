//! Implements the contract for the `TaskPool` of bevy_tasks.
//!
//! Bevy has three pools, for computing, for long computing and for files. They are of one type, which is raced here. It has
//! neither timers nor a pool for jobs that block, and its `block_on` is that of futures-lite.

use std::sync::OnceLock;

use bevy_tasks::{TaskPool, TaskPoolBuilder};
use executor_api::{About, Class, Config, Executor, Global, Standing};
use futures_lite::future;

/// The `TaskPool` of bevy_tasks.
#[derive(Debug)]
pub struct BevyTasks;

/// The pool of this process: a task finds it as it finds those of Bevy.
static POOL: OnceLock<TaskPool> = OnceLock::new();

/// The handle of a task, on async-task.
pub type Task<T> = async_task_handle::Task<T, BevyTasks>;

impl Executor for BevyTasks {
    const ABOUT: About = About {
        name: "bevy-tasks",
        description: "The task pool of the game engine Bevy: async-executor's one queue with work stealing, and a queue of \
                      its own for each thread, which is left to what must not move.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "No timers, no sockets, no pool for jobs that block. Made for the systems of a frame, which borrow what they \
                 work on: its scopes are not raced.",
        package: "bevy_tasks",
        homepage: "https://bevy.org",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let pool = TaskPoolBuilder::new().num_threads(config.threads.get()).build();
        POOL.set(pool).expect("one process starts bevy_tasks once");
        BevyTasks
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        future::block_on(Self::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let pool = POOL.get().expect("bevy_tasks was started: call this inside a task");
        Task::from(pool.spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        future::yield_now()
    }
}

impl Global for BevyTasks {}
