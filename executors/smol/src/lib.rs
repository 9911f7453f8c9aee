//! The smol lanes: [`Smol`], its global executor, and [`SmolLocal`], a `LocalExecutor`.
//!
//! Both use smol's process-wide timers and blocking pool. smol has no timeout of its own; its documentation races
//! the future against a timer, and so does the lane. A `LocalExecutor` takes tasks on its own thread only, and the thread of
//! the timers outlives it: it can be spawned on from nowhere else, and does not end with all its threads.

use std::{
    env,
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use executor_api::{About, BlockingPool, Class, Config, Executor, Remote, Timer};
use smol::{
    LocalExecutor,
    channel::{self, Sender},
    future::FutureExt,
};

/// smol's global executor, the one behind `smol::spawn`.
#[derive(Debug)]
pub struct Smol;

impl Executor for Smol {
    const ABOUT: About = About {
        name: "smol",
        description: "Global executor: async-executor's one queue with stealing, timers in async-io's tree.",
        class: Class::MultiThread,
        limits: "All timers are in one ordered map behind a lock. How many threads it has, an environment \
                 variable says.",
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
        Task::new(smol::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        smol::future::yield_now()
    }
}

/// smol's `LocalExecutor`, driven by a thread of its own.
///
/// The thread that calls [`run`](Executor::run) only waits, as it does for every other lane.
#[derive(Debug)]
pub struct SmolLocal {
    roots: Sender<Root>,
    worker: Option<thread::JoinHandle<()>>,
}

/// Spawns the root of a run on the executor of the thread that calls it.
type Root = Box<dyn FnOnce() + Send>;

thread_local! {
    static LOCAL: LocalExecutor<'static> = const { LocalExecutor::new() };
}

impl Executor for SmolLocal {
    const ABOUT: About = About {
        name: "smol-local",
        description: "LocalExecutor on a thread of its own: async-executor's queue, timers in async-io's tree.",
        class: Class::CurrentThread,
        limits: "One thread, however many there are. All timers are in one ordered map behind a lock.",
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
        Task::new(LOCAL.with(|executor| executor.spawn(future)))
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

impl Timer for Smol {
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

impl Timer for SmolLocal {
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

impl BlockingPool for Smol {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        Task::new(smol::unblock(job))
    }
}

impl BlockingPool for SmolLocal {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        Task::new(smol::unblock(job))
    }
}

impl Remote for Smol {
    /// Nothing: the executor is global.
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

/// smol's `Task`, but dropping it detaches, as the contract has it, where smol's would cancel.
#[derive(Debug)]
pub struct Task<T>(Option<smol::Task<T>>);

impl<T> Task<T> {
    fn new(task: smol::Task<T>) -> Task<T> {
        Task(Some(task))
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let task = self.0.as_mut().expect("only cancel and drop take the task");
        Pin::new(task).poll(context)
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(smol::Task::is_finished)
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

async fn sleep(duration: Duration) {
    smol::Timer::after(duration).await;
}

async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    let expired = async {
        sleep(duration).await;
        None
    };
    async { Some(future.await) }.or(expired).await
}

/// The limit of smol's blocking pool, which has no other knob.
fn blocking_threads(config: &Config) -> (&'static str, String) {
    ("BLOCKING_MAX_THREADS", config.blocking_threads.to_string())
}

fn expect_environment(variables: Vec<(&'static str, String)>) {
    for (variable, value) in variables {
        assert!(
            env::var(variable).as_deref() == Ok(&value),
            "{variable} must be {value} in the environment before smol starts"
        );
    }
}
