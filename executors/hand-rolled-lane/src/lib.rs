//! The lanes of the race: [`HandRolled`], the multi-thread runtime, and [`HandRolledCurrentThread`], the
//! event loop.
//!
//! The contract has the thread that calls `run` only wait, so a lane calls `block_on` on a thread of its own,
//! which is one of the workers, until the lane is dropped.

#[cfg(target_os = "linux")]
mod net;
mod waiting;

use std::{
    marker::PhantomData,
    panic,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use executor_api::{
    About, BlockOn, BlockingPool, Class, Config, Executor, FlavourOf, Remote, Restart, Standing, Timer,
};

#[cfg(target_os = "linux")]
pub use net::{LaneListener, LaneTcp, LaneUnix};

use hand_rolled::{Driven, Panic, Runtime, Spawner, Task, TaskError};

/// The lane of the multi-thread runtime.
pub type HandRolled = Lane<MultiThread>;

/// The lane of the event loop, which a thread of its own drives.
pub type HandRolledCurrentThread = Lane<CurrentThread>;

/// A runtime of either flavour, as the contract has it.
#[derive(Debug)]
pub struct Lane<F> {
    /// The runtime and the thread that calls its `block_on`.
    driven: Driven,
    /// The flavour of the runtime.
    flavour: PhantomData<F>,
}

/// A flavour of the runtime.
pub trait Flavour: Send + Sync + 'static {
    /// Describes the lane in the report.
    const ABOUT: About;
}

/// The flavour of [`HandRolled`].
#[derive(Debug)]
pub struct MultiThread;

/// The flavour of [`HandRolledCurrentThread`].
#[derive(Debug)]
pub struct CurrentThread;

impl Flavour for MultiThread {
    const ABOUT: About = About {
        name: "hand-rolled",
        description: "Multi-thread runtime of our own: work stealing, a run queue and a timer wheel for each worker.",
        class: Class::MultiThread,
        standing: Standing::Ours,
        limits: "Tasks, timers, blocking jobs and sockets, these on Linux, are all it has: no files, no signals. Young, \
                 and used by this project alone.",
        package: "hand-rolled",
        homepage: "this repository",
        source: file!(),
    };
}

impl Flavour for CurrentThread {
    const ABOUT: About = About {
        name: "hand-rolled-current-thread",
        description: "Event loop of our own: one run queue and one timer wheel, on a thread of its own.",
        class: Class::CurrentThread,
        standing: Standing::Ours,
        limits: "One thread, however many there are. Sockets on Linux only, no files, no signals.",
        package: "hand-rolled",
        homepage: "this repository",
        source: file!(),
    };
}

impl<F: Flavour> Executor for Lane<F> {
    const ABOUT: About = F::ABOUT;

    type Task<T: Send + 'static> = LaneTask<T>;

    fn start(config: &Config) -> Self {
        match build::<F>(config).drive_in_background() {
            Ok(driven) => Lane { driven, flavour: PhantomData },
            Err(error) => panic!("the system refuses a thread for block_on: {error}"),
        }
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        waiting::wait(LaneTask(self.driven.runtime().spawn(main)))
    }

    fn spawn<M>(future: M) -> LaneTask<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        LaneTask(hand_rolled::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        hand_rolled::yield_now()
    }
}

impl FlavourOf<HandRolled> for HandRolledCurrentThread {
    fn start_as(config: &Config) -> HandRolled {
        Lane { driven: Self::start(config).driven, flavour: PhantomData }
    }
}

impl<F: Flavour> Timer for Lane<F> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        hand_rolled::sleep(duration)
    }

    async fn timeout<M>(duration: Duration, future: M) -> Option<M::Output>
    where
        M: Future + Send,
        M::Output: Send,
    {
        hand_rolled::timeout(duration, future).await.ok()
    }
}

impl<F: Flavour> BlockingPool for Lane<F> {
    fn spawn_blocking<T, J>(job: J) -> LaneTask<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        LaneTask(hand_rolled::spawn_blocking(job))
    }
}

impl<F: Flavour> Remote for Lane<F> {
    type Spawner = Spawner;

    fn spawner() -> Spawner {
        hand_rolled::spawner()
    }

    fn spawn_from<M>(spawner: &Spawner, future: M) -> LaneTask<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        LaneTask(spawner.spawn(future))
    }
}

impl<F: Flavour> BlockOn for Lane<F> {
    type Caller = Arc<Runtime>;

    /// An event loop runs on one thread at a time, so each thread has its own. Several workers share a runtime, of
    /// which each caller is a worker if no other is.
    fn callers(config: &Config, number: usize) -> Vec<Arc<Runtime>> {
        match F::ABOUT.class {
            Class::MultiThread => {
                let shared = Arc::new(build::<F>(config));
                vec![shared; number]
            }
            Class::CurrentThread => (0..number).map(|_| Arc::new(build::<F>(config))).collect(),
        }
    }

    fn block_on<M: Future>(runtime: &Arc<Runtime>, future: M) -> M::Output {
        runtime.block_on(future)
    }
}

impl<F: Flavour> Restart for Lane<F> {}

/// Makes a runtime, which nobody drives yet.
fn build<F: Flavour>(config: &Config) -> Runtime {
    let builder = Runtime::builder().max_blocking_threads(config.blocking_threads);
    match F::ABOUT.class {
        Class::MultiThread => builder.workers(config.threads).build(),
        Class::CurrentThread => {
            assert_eq!(config.threads.get(), 1, "{} runs on one thread only", F::ABOUT.name);
            builder.build()
        }
    }
}

/// A [`Task`] as the contract has it: it gives no `Result`, and resumes a panic in its awaiter.
#[derive(Debug)]
pub struct LaneTask<T>(Task<T>);

impl<T> Future for LaneTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|outcome| match outcome {
            Ok(output) => output,
            Err(TaskError::Panicked(panic)) => resume(&panic),
            Err(_) => panic!("the executor was dropped before the task ended"),
        })
    }
}

impl<T: Send + 'static> executor_api::Task<T> for LaneTask<T> {
    fn is_finished(&self) -> bool {
        self.0.done()
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        self.0.cancel();
        async {
            match self.0.await {
                Ok(output) => Some(output),
                Err(TaskError::Panicked(panic)) => resume(&panic),
                Err(_) => None,
            }
        }
    }
}

/// Resumes the panic that ended a task. Only its message is left of it.
fn resume(panic: &Panic) -> ! {
    panic::resume_unwind(Box::new(panic.message().to_owned()))
}
