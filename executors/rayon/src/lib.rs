//! The rayon lane: futures on a pool made for closures.
//!
//! async-task cuts a future into one job a poll; rayon's pool runs the jobs. Jobs are pushed first in, first out,
//! because with rayon's usual order a task that yields would be the next one to run. Blocking jobs have a second
//! pool, the way rayon keeps two kinds of work apart. Rayon has no timer, so it sits out whatever sleeps.

use std::{
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use async_task::{Builder, Runnable};
use executor_api::{About, BlockingPool, Class, Config, Executor, Remote};
use futures_lite::future;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Two rayon pools, one for tasks and one for blocking jobs.
#[derive(Debug)]
pub struct Rayon {
    pools: &'static Pools,
}

#[derive(Debug)]
struct Pools {
    tasks: ThreadPool,
    blocking: ThreadPool,
}

/// Global, as rayon's own default pool is: a job has nowhere else to find it.
static POOLS: OnceLock<Pools> = OnceLock::new();

impl Executor for Rayon {
    const ABOUT: About = About {
        name: "rayon",
        description: "Work-stealing pool for closures; each poll of a task is a job. A second pool blocks. No timer.",
        class: Class::MultiThread,
        limits: "No executor of futures: it has neither wakers nor timers, so that a poll is a job of its \
                 pool, by our adapter.",
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

impl Remote for Rayon {
    /// Nothing: the pool is global, and takes jobs from any thread.
    type Spawner = ();

    fn spawner() {}

    fn spawn_from<F>(_spawner: &(), future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Self::spawn(future)
    }
}

/// async-task's `Task`, but dropping it detaches, as the contract has it.
#[derive(Debug)]
pub struct Task<T>(Option<async_task::Task<T>>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let task = self.0.as_mut().expect("only cancel and drop take the task");
        Pin::new(task).poll(context)
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(async_task::Task::is_finished)
    }

    fn cancel(mut self) -> impl Future<Output = Option<T>> + Send {
        let task = self.0.take().expect("only cancel and drop take the task");
        // async-task asks the task to stop at the first poll of `cancel`, the contract when it is called.
        let mut cancelling = Box::pin(task.cancel());
        let asked = cancelling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        async {
            match asked {
                Poll::Ready(output) => output,
                Poll::Pending => cancelling.await,
            }
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

fn spawn_on<F>(pool: &'static ThreadPool, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let schedule = move |runnable: Runnable| {
        pool.spawn_fifo(|| {
            runnable.run();
        });
    };
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| future, schedule);
    runnable.schedule();
    Task(Some(task))
}

fn pools_of_this_process() -> &'static Pools {
    POOLS.get().expect("rayon was started: call this inside a task")
}
