//! Implements the contract for tokio: [`Tokio`], its multi-thread runtime, and [`TokioCurrentThread`].
//!
//! Both are built as in tokio's documentation, with the timer enabled and nothing tuned. The driver of sockets is enabled
//! only where tasks use sockets: with it, workers park in epoll instead of on a condition variable. Lanes with an option
//! switched on are in `options`, those with another kind of runtime in `local` and `per_core`. What older versions of
//! tokio do not have is there with the feature `options` only, so that the other lanes can be built with any version.

#[cfg(feature = "options")]
mod local;
mod net;
mod options;
mod per_core;

use std::{
    any::Any,
    marker::PhantomData,
    panic,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use executor_api::{
    About, BlockOn, BlockingPool, Class, Config, Executor, FlavourOf, Remote, Restart, Standing, Timer,
};
use futures_lite::future;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
    task::{JoinError, JoinHandle},
};

#[cfg(feature = "options")]
pub use local::TokioLocalRuntime;
pub use net::{Listener, Stream};
#[cfg(tokio_unstable)]
pub use options::{TokioAltTimer, TokioEagerDriver, TokioNoLifo, TokioShardedBlocking};
pub use per_core::TokioPerCore;

/// Tokio's multi-thread runtime.
pub type Tokio = Lane<MultiThread>;

/// Tokio's current-thread runtime, driven by a thread of its own.
///
/// The thread that calls [`run`](Executor::run) only waits, as in every lane.
pub type TokioCurrentThread = Lane<CurrentThread>;

/// A runtime of tokio, of either flavour.
#[derive(Debug)]
pub struct Lane<F> {
    handle: Handle,
    /// Ends the runtime when it is dropped.
    _owner: Box<dyn Any + Send + Sync>,
    flavour: PhantomData<F>,
}

/// Distinguishes the flavours of tokio.
pub trait Flavour: Sized + Send + Sync + 'static {
    /// Describes the lane in the report.
    const ABOUT: About;

    /// Starts the runtime and returns its owner and a handle to it.
    fn start(config: &Config) -> (Self, Handle);

    /// Starts a task from within another.
    fn spawn<M>(future: M) -> JoinHandle<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        tokio::spawn(future)
    }
}

/// Distinguishes the flavours whose runtime is a [`Runtime`].
pub trait Built: Flavour {
    /// Builds the runtime.
    fn build(config: &Config) -> Runtime;
}

/// Owns a multi-thread runtime.
pub type MultiThread = options::WithOption<options::AsItComes>;

/// Owns the thread that drives a current-thread runtime.
#[derive(Debug)]
pub struct CurrentThread {
    worker: Option<thread::JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Flavour for CurrentThread {
    const ABOUT: About = About {
        name: "tokio-current-thread",
        description: "Current-thread runtime: one run queue and one timer wheel, on a thread of its own.",
        class: Class::CurrentThread,
        standing: Standing::Published,
        limits: "A sleep ends up to a millisecond late, because timers count whole milliseconds. Uses one \
                 thread on any machine.",
        package: "tokio",
        homepage: "https://tokio.rs",
        source: file!(),
    };

    fn start(config: &Config) -> (Self, Handle) {
        let runtime = Self::build(config);
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        // Dropping the sender ends the runtime: no message is ever sent.
        let worker = thread::spawn(move || drop(runtime.block_on(stopped)));
        (CurrentThread { worker: Some(worker), stop: Some(stop) }, handle)
    }
}

impl Built for CurrentThread {
    fn build(config: &Config) -> Runtime {
        assert_eq!(config.threads.get(), 1, "{} runs on one thread only", Self::ABOUT.name);
        build(&mut Builder::new_current_thread(), config)
    }
}

impl Drop for CurrentThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(worker) = self.worker.take() {
            worker.join().expect("tasks keep their panics, so the worker has none");
        }
    }
}

/// Builds the runtime with what the flavours have in common.
fn build(builder: &mut Builder, config: &Config) -> Runtime {
    configure(builder, config).build().expect("tokio starts its workers and its drivers")
}

/// Configures what the flavours have in common.
fn configure<'a>(builder: &'a mut Builder, config: &Config) -> &'a mut Builder {
    if config.sockets {
        builder.enable_io();
    }
    builder.max_blocking_threads(config.blocking_threads.get()).enable_time()
}

impl<F: Flavour> Executor for Lane<F> {
    const ABOUT: About = F::ABOUT;

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let (owner, handle) = F::start(config);
        Lane { handle, _owner: Box::new(owner), flavour: PhantomData }
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        // The root is spawned, because tokio's own `block_on` polls its future on the calling thread, which
        // is no worker (tokio issue 5446).
        future::block_on(Task(self.handle.spawn(main)))
    }

    fn spawn<M>(future: M) -> Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Task(F::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        tokio::task::yield_now()
    }
}

impl FlavourOf<Tokio> for TokioCurrentThread {
    fn start_as(config: &Config) -> Tokio {
        Self::start(config).with_type()
    }
}

impl<F: Flavour> Lane<F> {
    /// Gives the runtime the type of another flavour, which spawns as this one does.
    fn with_type<G: Flavour>(self) -> Lane<G> {
        Lane { handle: self.handle, _owner: self._owner, flavour: PhantomData }
    }
}

impl<F: Flavour> Timer for Lane<F> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn timeout<M>(duration: Duration, future: M) -> Option<M::Output>
    where
        M: Future + Send,
        M::Output: Send,
    {
        tokio::time::timeout(duration, future).await.ok()
    }
}

impl<F: Flavour> BlockingPool for Lane<F> {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        Task(tokio::task::spawn_blocking(job))
    }
}

impl<F: Flavour> Remote for Lane<F> {
    type Spawner = Handle;

    fn spawner() -> Handle {
        Handle::current()
    }

    fn spawn_from<M>(handle: &Handle, future: M) -> Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        Task(handle.spawn(future))
    }
}

impl<F: Built> BlockOn for Lane<F> {
    type Caller = Arc<Runtime>;

    /// `Runtime::block_on`, as in `#[tokio::main]`. Threads may share either flavour, but only one of them drives
    /// a current-thread runtime, and the others wait for it: tokio's documentation has a runtime for each thread.
    fn callers(config: &Config, number: usize) -> Vec<Arc<Runtime>> {
        match F::ABOUT.class {
            Class::MultiThread => {
                let shared = Arc::new(F::build(config));
                vec![shared; number]
            }
            Class::CurrentThread => (0..number).map(|_| Arc::new(F::build(config))).collect(),
        }
    }

    fn block_on<M: Future>(runtime: &Arc<Runtime>, future: M) -> M::Output {
        runtime.block_on(future)
    }
}

impl<F: Flavour> Restart for Lane<F> {}

/// Wraps tokio's `JoinHandle` and resumes a panic of the task in its awaiter.
#[derive(Debug)]
pub struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let output = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(output.unwrap_or_else(|error| resume(error)))
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        self.0.abort();
        async {
            match self.0.await {
                Ok(output) => Some(output),
                Err(error) if error.is_cancelled() => None,
                Err(error) => resume(error),
            }
        }
    }
}

/// Resumes the panic that ended a task.
fn resume(error: JoinError) -> ! {
    panic::resume_unwind(error.into_panic())
}
