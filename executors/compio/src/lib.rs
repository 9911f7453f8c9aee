//! Implements the contract for compio: [`Compio`], its runtime on io_uring, on a thread of its own.
//!
//! The lane has io_uring or nothing: compio's other driver, which polls, is not compiled in. A runtime of compio takes tasks
//! from its own thread only, so the lane is not `Remote`.
//!
//! It is no `BlockingPool` either. compio has a pool whose threads can be bounded, and no queue before it: while all of them
//! are busy, the thread of the runtime tries again and again to hand its job over, and polls no task. Jobs that wait for a
//! task never end.

mod net;

use std::{
    cell::OnceCell,
    future::pending,
    io,
    panic::resume_unwind,
    pin::Pin,
    sync::mpsc,
    task::{Context, Poll, ready},
    thread,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use compio::{
    driver::{DriverType, ProactorBuilder},
    runtime::{JoinError, JoinHandle, Runtime, RuntimeBuilder},
};
use compio_send_wrapper::SendWrapper;
use executor_api::{About, BlockOn, Class, Config, Executor, Restart, Standing, Timer};

pub use net::{Listener, Stream};

/// compio's runtime, driven by a thread of its own.
///
/// The thread that calls [`run`](Executor::run) only waits, as in every lane.
#[derive(Debug)]
pub struct Compio {
    roots: Sender<Root>,
    worker: Option<thread::JoinHandle<()>>,
}

/// Spawns the root of a run on the runtime of the current thread.
type Root = Box<dyn FnOnce() + Send>;

impl Executor for Compio {
    const ABOUT: About = About {
        name: "compio",
        description: "Runtime on io_uring, on a thread of its own: one queue of ready tasks, timers in an ordered map.",
        class: Class::CurrentThread,
        standing: Standing::Published,
        limits: "Uses one thread on any machine, and needs io_uring, which many containers refuse. Takes no tasks from other \
                 threads, and may never wake one that awaits a task of it. Its blocking pool has no queue: a job too many \
                 holds up every task, so the lane has no pool. A cancelled task counts as ended before its future is gone. A \
                 read that is given up may lose bytes, an accept a connection. Its futures are bound to their thread, which \
                 the lane checks at each poll of one.",
        package: "compio",
        homepage: "https://github.com/compio-rs/compio",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn refused() -> Option<String> {
        build().err().map(|error| refusal(&error))
    }

    fn start(config: &Config) -> Self {
        assert_eq!(config.threads.get(), 1, "{} runs on one thread only", Self::ABOUT.name);
        let (roots, incoming) = async_channel::unbounded();
        let (said, started) = mpsc::channel();
        let worker = thread::spawn(move || {
            let say = |outcome| said.send(outcome).expect("the caller of start waits");
            match build() {
                Ok(runtime) => {
                    say(Ok(()));
                    drive(&runtime, incoming);
                }
                Err(error) => say(Err(error)),
            }
        });
        let started = started.recv().expect("the worker says how it started");
        started.unwrap_or_else(|error| panic!("{}", refusal(&error)));
        Compio { roots, worker: Some(worker) }
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (said, outcome) = mpsc::channel();
        // compio may forget to wake a thread that begins to await a task at the moment when the task ends. So a second task
        // awaits the root, on the thread of both, and the caller waits for a message.
        let spawn_root = move || {
            let root = compio::runtime::spawn(main);
            let say = async move { said.send(root.await).expect("the caller of run waits") };
            compio::runtime::spawn(say).detach();
        };
        self.roots.try_send(Box::new(spawn_root)).expect("the worker runs until this handle is dropped");
        output_of(outcome.recv().expect("the worker awaits every root"))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task(Some(compio::runtime::spawn(future)))
    }
}

/// Builds a runtime on this thread, as in compio's documentation, with nothing tuned.
///
/// # Errors
///
/// If it has no ring: another driver is there on other systems, and where another crate turns on compio's feature `polling`.
fn build() -> io::Result<Runtime> {
    let mut proactor = ProactorBuilder::new();
    proactor.driver_type(DriverType::IoUring);
    let runtime = RuntimeBuilder::new().with_proactor(proactor).build()?;
    if runtime.driver_type().is_iouring() { Ok(runtime) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Says that there is no ring to be had, and why.
fn refusal(error: &io::Error) -> String {
    format!("io_uring is refused here: {error}")
}

/// Spawns the roots of runs, and drives all tasks until no more roots can come.
fn drive(runtime: &Runtime, incoming: Receiver<Root>) {
    let spawn_roots = async move {
        while let Ok(spawn_root) = incoming.recv().await {
            spawn_root();
        }
    };
    // `block_on` polls its future at each turn of its loop, so it gets the handle of a task, which costs less than a channel.
    runtime.block_on(runtime.spawn(spawn_roots)).expect("tasks keep their panics, so this one has none");
}

impl Drop for Compio {
    fn drop(&mut self) {
        self.roots.close();
        if let Some(worker) = self.worker.take() {
            worker.join().expect("tasks keep their panics, so the worker has none");
        }
    }
}

impl Timer for Compio {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        SendWrapper::new(async move {
            // compio adds the duration to the time of day, and panics where there is no such time.
            match Instant::now().checked_add(duration) {
                Some(deadline) => compio::time::sleep_until(deadline).await,
                None => pending().await,
            }
        })
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        SendWrapper::new(compio::time::sleep_until(deadline))
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        match Instant::now().checked_add(duration) {
            Some(_) => SendWrapper::new(compio::time::timeout(duration, future)).await.ok(),
            None => Some(future.await),
        }
    }
}

impl BlockOn for Compio {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    /// `Runtime::block_on`, as in compio's documentation. Each thread has a runtime of its own, which its first call makes,
    /// because a runtime cannot leave its thread.
    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        thread_local! {
            static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
        }
        let build = || build().unwrap_or_else(|error| panic!("{}", refusal(&error)));
        RUNTIME.with(|runtime| runtime.get_or_init(build).block_on(future))
    }
}

impl Restart for Compio {}

/// Wraps compio's `JoinHandle`, and detaches the task when it is dropped, where compio would cancel it.
#[derive(Debug)]
pub struct Task<T>(Option<JoinHandle<T>>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let handle = self.0.as_mut().expect("only cancel and drop take the handle");
        let outcome = ready!(Pin::new(handle).poll(context));
        Poll::Ready(output_of(outcome))
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_some_and(JoinHandle::is_finished)
    }

    fn cancel(mut self) -> impl Future<Output = Option<T>> + Send {
        // compio's own `cancel` loses the panic of a task, and ends before the future is gone. To drop the handle cancels too:
        // the task goes to the end of the queue, if it is not in it, and its turn drops the future. So the future is gone
        // when a task has run that was spawned after that.
        let gone = (!self.is_finished()).then(|| {
            drop(self.0.take());
            compio::runtime::spawn(async {})
        });
        async {
            match gone {
                None => Some(self.await),
                Some(gone) => {
                    gone.await.expect("the task only ends");
                    None
                }
            }
        }
    }
}

/// Returns the output of a task, or resumes its panic.
fn output_of<T>(outcome: Result<T, JoinError>) -> T {
    outcome.unwrap_or_else(|error| match error {
        JoinError::Panicked(panic) => resume_unwind(panic),
        JoinError::Cancelled => panic!("the executor was dropped before the task ended"),
    })
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.detach();
        }
    }
}
