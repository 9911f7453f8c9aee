//! Implements the contract for the executors of futures: [`Futures`], its `ThreadPool`, and [`FuturesLocal`], its `LocalPool`.
//!
//! Tasks are spawned by `spawn_ok` and `spawn_local`, as in the documentation, so that their own tasks and wakers
//! are raced and not those of an adapter.

mod local;

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll, ready},
};

use executor_api::{About, BlockOn, Class, Config, Executor, Remote, Standing};
use futures::{
    FutureExt,
    channel::oneshot::{self, Receiver},
    executor::{ThreadPool, block_on},
    future::{AbortHandle, Abortable, Aborted},
};

pub use local::FuturesLocal;

/// The `ThreadPool` of futures-executor.
#[derive(Debug)]
pub struct Futures;

/// The pool of this process: a task has no other way to find it.
static POOL: OnceLock<ThreadPool> = OnceLock::new();

impl Executor for Futures {
    const ABOUT: About = About {
        name: "futures",
        description: "Threads take turns at one channel behind a lock; a woken task goes to the end of the channel.",
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "No timers, no blocking pool, no work stealing. It has no yield, and a task that wakes itself is \
                 polled again at once, so the lane yields through a second task. An uncaught panic ends its worker \
                 (issue 1468).",
        package: "futures",
        homepage: "https://github.com/rust-lang/futures-rs",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn start(config: &Config) -> Self {
        let pool = ThreadPool::builder().pool_size(config.threads.get()).create();
        POOL.set(pool.expect("futures starts its threads")).expect("one process starts futures once");
        Futures
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        block_on(Self::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(pool(), future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        Yield { yielded: false }
    }
}

impl Remote for Futures {
    type Spawner = ThreadPool;

    fn spawner() -> ThreadPool {
        pool().clone()
    }

    fn spawn_from<F>(spawner: &ThreadPool, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(spawner, future)
    }
}

impl BlockOn for Futures {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    /// `futures::executor::block_on`, which is no part of the pool and needs none.
    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        block_on(future)
    }
}

/// Receives the outcome of a task, and can abort it.
#[derive(Debug)]
pub struct Task<T> {
    receiver: RefCell<Receiver<Outcome<T>>>,
    /// Holds an outcome that `is_finished` has received: the channel can only be asked by receiving from it.
    received: RefCell<Option<Outcome<T>>>,
    abort: AbortHandle,
}

/// The end of a task: its output, a panic, or a cancellation.
type Outcome<T> = Result<Result<T, Box<dyn Any + Send>>, Aborted>;

impl<T> Task<T> {
    fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Outcome<T>> {
        if let Some(outcome) = self.received.get_mut().take() {
            return Poll::Ready(outcome);
        }
        let outcome = ready!(self.receiver.get_mut().poll_unpin(context));
        Poll::Ready(outcome.expect("a task sends its outcome, unless a destructor of its future panics"))
    }
}

// Nothing in it is pinned.
impl<T> Unpin for Task<T> {}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let outcome =
            ready!(self.poll_outcome(context)).expect("only cancel aborts, and it takes the handle");
        Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        let mut received = self.received.borrow_mut();
        if received.is_none() {
            *received = self.receiver.borrow_mut().try_recv().unwrap_or(None);
        }
        received.is_some()
    }

    fn cancel(mut self) -> impl Future<Output = Option<T>> + Send {
        self.abort.abort();
        async move {
            let outcome = std::future::poll_fn(|context| self.poll_outcome(context)).await.ok()?;
            Some(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
        }
    }
}

/// Suspends a task once, and has another task wake it.
struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        // A task that wakes itself inside its poll is polled again at once, before any other: the usual yield
        // would let no other task run.
        let waker = context.waker().clone();
        pool().spawn_ok(async { waker.wake() });
        Poll::Pending
    }
}

fn spawn_on<F>(pool: &ThreadPool, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (future, task) = observed(future);
    pool.spawn_ok(future);
    task
}

/// Makes a future that has no output, and the handle that tells the output of the one in it.
fn observed<F>(future: F) -> (impl Future<Output = ()> + Send + 'static, Task<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // Futures' own parts: a oneshot channel for the outcome, `Abortable` to cancel, and `catch_unwind`
    // because a panic would end its worker. These are four allocations a task, as many as `spawn_with_handle`
    // makes, whose handle tells neither that a task has finished nor that a cancelled future is gone.
    let (sender, receiver) = oneshot::channel();
    let (abort, registration) = AbortHandle::new_pair();
    let future = Abortable::new(AssertUnwindSafe(future).catch_unwind(), registration);
    let future = async {
        // The await drops the future before the awaiter can see its outcome.
        let outcome = future.await;
        sender.send(outcome).ok(); // an error means that the task was detached
    };
    (future, Task { receiver: RefCell::new(receiver), received: RefCell::new(None), abort })
}

fn pool() -> &'static ThreadPool {
    POOL.get().expect("futures was started: call this inside a task")
}
