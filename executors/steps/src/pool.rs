//! The threads for blocking jobs of all steps, which take turns at one queue behind a lock.

use std::{
    collections::VecDeque,
    future,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, Once, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use crate::lock;

static JOBS: Mutex<VecDeque<Box<dyn FnOnce() + Send>>> = Mutex::new(VecDeque::new());

/// Notified for each job.
static QUEUED: Condvar = Condvar::new();

/// The number of threads.
static LIMIT: OnceLock<NonZeroUsize> = OnceLock::new();

/// Starts the threads, with the first job.
static THREADS: Once = Once::new();

/// The result of a job, and who waits for it.
struct Slot<T>(Mutex<(Option<thread::Result<T>>, Option<Waker>)>);

/// Sets the number of threads.
///
/// # Panics
///
/// If it is set already.
pub(crate) fn limit(threads: NonZeroUsize) {
    LIMIT.set(threads).expect("one process starts one step once");
}

/// Queues a job at once, and returns its result, or resumes its panic.
pub(crate) fn run<T, J>(job: J) -> impl Future<Output = T> + Send + 'static
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    THREADS.call_once(|| {
        let threads = LIMIT.get().expect("the executor was started").get();
        (0..threads).for_each(|_| drop(thread::spawn(work)));
    });
    let slot = Arc::new(Slot(Mutex::new((None, None))));
    let result = slot.clone();
    let job = move || {
        let outcome = catch_unwind(AssertUnwindSafe(job));
        slot.fill(outcome);
    };
    lock(&JOBS).push_back(Box::new(job));
    QUEUED.notify_one();
    async move {
        let outcome = future::poll_fn(|context| result.poll(context)).await;
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn work() {
    let mut jobs = lock(&JOBS);
    loop {
        match jobs.pop_front() {
            Some(job) => {
                drop(jobs);
                job();
                jobs = lock(&JOBS);
            }
            None => jobs = QUEUED.wait(jobs).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl<T> Slot<T> {
    fn fill(&self, outcome: thread::Result<T>) {
        let mut slot = lock(&self.0);
        slot.0 = Some(outcome);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let mut slot = lock(&self.0);
        if let Some(outcome) = slot.0.take() {
            return Poll::Ready(outcome);
        }
        let old = slot.1.replace(context.waker().clone());
        drop(slot);
        drop(old);
        Poll::Pending
    }
}
