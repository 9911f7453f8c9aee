//! Implements the contract for rayon, a pool made for closures.
//!
//! async-task turns each poll of a future into one job, and rayon's pool runs the jobs. Blocking jobs have a
//! pool of their own, the way to keep two kinds of work apart in rayon. Rayon has no timer, so the lane skips
//! workloads that sleep; and no `block_on`: what waits in this lane is that of another crate, and is not raced.

use std::sync::OnceLock;

use async_task::{Builder, Runnable};
use executor_api::{About, BlockingPool, Class, Config, Executor, Global, Standing};
use futures_lite::future;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Runs tasks on one rayon pool and blocking jobs on another.
#[derive(Debug)]
pub struct Rayon {
    pools: &'static Pools,
}

#[derive(Debug)]
struct Pools {
    tasks: ThreadPool,
    blocking: ThreadPool,
}

/// The handle of a task, on async-task.
pub type Task<T> = async_task_handle::Task<T, Rayon>;

/// The pools of this process: a job has no other way to find them. Rayon's default pool is global too.
static POOLS: OnceLock<Pools> = OnceLock::new();

impl Executor for Rayon {
    const ABOUT: About = About {
        name: "rayon",
        description: "Work-stealing pool for closures; each poll of a task is a job. A second pool runs blocking jobs. \
                      No timer.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "Rayon is no executor of futures: it has neither wakers nor timers. Our adapter makes each poll a job \
                 of its pool.",
        package: "rayon",
        homepage: "https://github.com/rayon-rs/rayon",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let pool = |threads| {
            ThreadPoolBuilder::new().num_threads(threads).build().expect("rayon starts its threads")
        };
        let pools =
            Pools { tasks: pool(config.threads.get()), blocking: pool(config.blocking_threads.get()) };
        POOLS.set(pools).expect("one process starts rayon once");
        Rayon { pools: pools_of_this_process() }
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        future::block_on(spawn_on(&self.pools.tasks, main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(&pools_of_this_process().tasks, future)
    }
}

impl BlockingPool for Rayon {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        spawn_on(&pools_of_this_process().blocking, async { job() })
    }
}

impl Global for Rayon {}

fn spawn_on<F>(pool: &'static ThreadPool, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let schedule = move |runnable: Runnable| {
        // In rayon's usual order, last in first out, a task that yields would be the next one to run.
        pool.spawn_fifo(|| {
            runnable.run();
        });
    };
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| future, schedule);
    runnable.schedule();
    Task::from(task)
}

fn pools_of_this_process() -> &'static Pools {
    POOLS.get().expect("rayon was started: call this inside a task")
}
