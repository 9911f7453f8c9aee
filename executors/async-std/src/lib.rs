//! Implements the contract for async-std.
//!
//! async-std is discontinued (RUSTSEC-2025-0052: "use smol instead") and is built on the same async-executor,
//! async-io and blocking crates as smol. It is raced because much code still runs on it.

mod net;

use std::{
    cell::RefCell,
    env, mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use async_std::{future, task};
use executor_api::{About, BlockOn, BlockingPool, Class, Config, Executor, Global, Standing, Timer};

pub use net::{Listener, Stream};

/// async-std's global executor, the only one it has.
#[derive(Debug)]
pub struct AsyncStd;

impl Executor for AsyncStd {
    const ABOUT: About = About {
        name: "async-std",
        description: "Global executor on async-executor's one queue, with timers in async-io's tree. Discontinued.",
        class: Class::MultiThread,
        standing: Standing::Discontinued("RUSTSEC-2025-0052"),
        limits: "Unmaintained (RUSTSEC-2025-0052): its authors point to smol. Has no budget: while a socket is always \
                 ready, nothing but the task that reads it runs on its worker. The number of threads is set by an \
                 environment variable.",
        package: "async-std",
        homepage: "https://async.rs",
        source: file!(),
    };

    type Task<T: Send + 'static> = Task<T>;

    fn environment(config: &Config) -> Vec<(&'static str, String)> {
        vec![
            ("ASYNC_STD_THREAD_COUNT", config.threads.to_string()),
            ("BLOCKING_MAX_THREADS", config.blocking_threads.to_string()),
        ]
    }

    fn start(config: &Config) -> Self {
        for (variable, value) in Self::environment(config) {
            assert!(
                env::var(variable).as_deref() == Ok(&value),
                "{variable} must be {value} in the environment before async-std starts"
            );
        }
        AsyncStd
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::block_on(task::spawn(main))
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::new(task::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        task::yield_now()
    }
}

impl Timer for AsyncStd {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        task::sleep(duration)
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        future::timeout(duration, future).await.ok()
    }
}

impl BlockingPool for AsyncStd {
    fn spawn_blocking<T, J>(job: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        Task::new(task::spawn_blocking(job))
    }
}

impl Global for AsyncStd {}

impl BlockOn for AsyncStd {
    type Caller = ();

    fn callers(_config: &Config, number: usize) -> Vec<()> {
        vec![(); number]
    }

    fn block_on<F: Future>(_caller: &(), future: F) -> F::Output {
        task::block_on(future)
    }
}

/// Wraps async-std's `JoinHandle`, which can only be polled to find out if it has finished.
#[derive(Debug)]
pub struct Task<T>(RefCell<State<T>>);

#[derive(Debug)]
enum State<T> {
    /// Holds the handle, and the waker of the last poll, which `is_finished` must not replace by its own.
    Running(task::JoinHandle<T>, Waker),
    /// Holds the output, or the panic, that `is_finished` has received.
    Finished(thread::Result<T>),
    /// Remains after the output was taken.
    Taken,
}

impl<T> Task<T> {
    fn new(handle: task::JoinHandle<T>) -> Task<T> {
        Task(RefCell::new(State::Running(handle, Waker::noop().clone())))
    }
}

// The output is moved out whole, never pinned.
impl<T> Unpin for Task<T> {}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let state = self.0.get_mut();
        if let State::Running(handle, waker) = state {
            let polled = Pin::new(&mut *handle).poll(context);
            if polled.is_pending() {
                waker.clone_from(context.waker());
            } else {
                *state = State::Taken;
            }
            return polled;
        }
        match mem::replace(state, State::Taken) {
            State::Finished(output) => Poll::Ready(output.unwrap_or_else(|panic| resume_unwind(panic))),
            _ => panic!("a task was polled after its output had been taken"),
        }
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Task<T> {
    fn is_finished(&self) -> bool {
        let mut state = self.0.borrow_mut();
        if let State::Running(handle, waker) = &mut *state {
            let mut context = Context::from_waker(waker);
            match catch_unwind(AssertUnwindSafe(|| Pin::new(handle).poll(&mut context))) {
                Ok(Poll::Pending) => return false,
                Ok(Poll::Ready(output)) => *state = State::Finished(Ok(output)),
                Err(panic) => *state = State::Finished(Err(panic)),
            }
        }
        true
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        let mut cancelling = Box::pin(async {
            match self.0.into_inner() {
                State::Running(handle, _) => handle.cancel().await,
                State::Finished(output) => Some(output.unwrap_or_else(|panic| resume_unwind(panic))),
                State::Taken => None,
            }
        });
        // The contract asks the task to stop in the call of `cancel`, async-std at the first poll.
        let asked = cancelling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        async {
            match asked {
                Poll::Ready(output) => output,
                Poll::Pending => cancelling.await,
            }
        }
    }
}
