//! The contract of executors, implemented once for all steps.

use std::{
    marker::PhantomData,
    num::NonZeroUsize,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use executor_api::{About, BlockingPool, Class, Config, Executor, Global, Standing, Timer};

use crate::{handle::Handle, pool, timers};

/// A step: an executor that starts once a process.
pub trait Step: Send + Sync + 'static {
    /// The name of its lane.
    const NAME: &'static str;
    /// One sentence on how it schedules.
    const DESCRIPTION: &'static str;
    /// A sentence on what the next step mends.
    const LIMITS: &'static str;
    /// The file that implements it: `file!()`.
    const SOURCE: &'static str;

    /// Starts the workers.
    fn start(threads: NonZeroUsize);

    /// Starts a task, from any thread.
    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Ends after `deadline`; never, if there is none.
    fn sleep(deadline: Option<Instant>) -> impl Future<Output = ()> + Send + 'static {
        timers::Sleep::until(deadline)
    }
}

/// The lane of a step.
#[derive(Debug)]
pub struct Lane<S>(PhantomData<S>);

impl<S: Step> Executor for Lane<S> {
    const ABOUT: About = About {
        name: S::NAME,
        description: S::DESCRIPTION,
        class: Class::MultiThread,
        standing: Standing::Experiment,
        limits: S::LIMITS,
        package: "steps",
        homepage: "this repository",
        source: S::SOURCE,
    };

    type Task<T: Send + 'static> = Handle<T>;

    fn start(config: &Config) -> Self {
        S::start(config.threads);
        pool::limit(config.blocking_threads);
        Lane(PhantomData)
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        block_on(S::spawn(main))
    }

    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        S::spawn(future)
    }
}

impl<S: Step> Timer for Lane<S> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        // A deadline that no clock can tell is never reached.
        S::sleep(Instant::now().checked_add(duration))
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let (mut future, mut sleep) = (pin!(future), pin!(Self::sleep(duration)));
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}

impl<S: Step> BlockingPool for Lane<S> {
    fn spawn_blocking<T, J>(job: J) -> Handle<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        // The task awaits the job, so that a job has the handle of a task.
        S::spawn(pool::run(job))
    }
}

impl<S: Step> Global for Lane<S> {}

/// Waits for a future, on a thread that is no worker.
fn block_on<F: Future>(future: F) -> F::Output {
    /// Unparks a thread.
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
