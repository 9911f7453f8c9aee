//! Step 2, one allocation: future, state and output of a task are in one piece of memory.
//!
//! **The idea.** The task is generic over its future and holds it by value. Three kinds of pointers lead to it,
//! and each forgets what it does not need: the queue has an `Arc<dyn Runnable>`, which knows neither future nor
//! output, the handle an `Arc<dyn Join<T>>`, which knows the output, and the waker an `Arc` as a pointer and a
//! table. To forget a type costs a table in the program, and no memory of the task.
//!
//! **What it costs.** A future that is polled must never move again, and was safe in its box. Here it is pinned
//! because its task is, and that takes a line of unsafe code. The memory of the future stays as long as the
//! handle or a waker does, though the future is gone. And each type of future is a task type of its own: more
//! machine code.
//!
//! **What it keeps.** The queue and the workers of step 1. Steps 3 to 6 keep these tasks; a `Schedule` tells
//! a task where it is queued.

use std::{
    marker::PhantomData,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread,
};

use crate::{
    Handle, Step,
    handle::{Join, Outcome},
    life::{Life, Suspended},
    lock,
    step_1_queue::{After, Entry, Runnable, push, start_workers},
};

/// The executor of step 2.
#[derive(Debug)]
pub struct OneAllocation;

impl Step for OneAllocation {
    const NAME: &'static str = "step-2-one-allocation";
    const DESCRIPTION: &'static str =
        "Step 1 with tasks that hold their future and their output: one allocation each.";
    const LIMITS: &'static str = "All workers share one queue behind a lock, which step 3 parts.";
    const SOURCE: &'static str = file!();

    fn start(threads: NonZeroUsize) {
        start_workers(threads);
    }

    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::<F, Self>::spawn(future)
    }
}

impl Schedule for OneAllocation {
    fn queue(entry: Entry) {
        push(entry);
    }
}

/// The place where the tasks of a step are queued.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Queues a task that was spawned or woken, from any thread.
    fn queue(entry: Entry);
}

/// A task.
pub(crate) struct Task<F: Future, S> {
    life: Life<F::Output>,
    /// The future, pinned; `None` once the task has ended. Only the thread that polls the task or has claimed
    /// it locks this, so nobody ever waits here.
    future: Mutex<Option<F>>,
    schedule: PhantomData<fn() -> S>,
}

impl<F, S: Schedule> Task<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Makes a task and queues it.
    pub(crate) fn spawn(future: F) -> Handle<F::Output> {
        let future = Mutex::new(Some(future));
        let task = Arc::new(Task { life: Life::new(), future, schedule: PhantomData::<fn() -> S> });
        S::queue(task.clone());
        Handle::new(task)
    }

    /// Polls the future where it is.
    #[expect(unsafe_code, reason = "a mutex gives no pinned reference to what it holds")]
    fn poll(self: &Arc<Self>) -> thread::Result<Poll<F::Output>> {
        let waker = Waker::from(self.clone());
        let mut future = lock(&self.future);
        let future = future.as_mut().expect("a task that has ended is not polled");
        // SAFETY: the future does not move from its first poll on until it is dropped. It is in an `Arc`, whose
        // content has its place until it is dropped in it; this type never gives the content of its `Arc` away.
        // `future` is private to this file, which never takes the future out of the `Option`: `end` assigns
        // `None` to it, which drops the future in its place.
        let future = unsafe { Pin::new_unchecked(future) };
        catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(&waker))))
    }

    /// Drops the future, then publishes the outcome; returns the awaiter.
    fn end(&self, outcome: Outcome<F::Output>) -> Option<Waker> {
        // A destructor that panics is the task's fault, not its worker's.
        let dropped = catch_unwind(AssertUnwindSafe(|| *lock(&self.future) = None));
        self.life.end(dropped.and(outcome))
    }
}

impl<F, S: Schedule> Runnable for Task<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn run(self: Arc<Self>) -> After {
        if !self.life.begin() {
            return After::Nothing;
        }
        let awaiter = match self.poll() {
            Ok(Poll::Pending) => match self.life.suspend() {
                Suspended::Idle => return After::Nothing,
                Suspended::Queued => return After::Queue(self),
                Suspended::Cancelled => self.end(Ok(None)),
            },
            Ok(Poll::Ready(output)) => self.end(Ok(Some(output))),
            Err(panic) => self.end(Err(panic)),
        };
        awaiter.map_or(After::Nothing, After::Wake)
    }
}

impl<F, S: Schedule> Wake for Task<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn wake(self: Arc<Self>) {
        if self.life.wake() {
            S::queue(self);
        }
    }
}

impl<F, S: Schedule> Join<F::Output> for Task<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Outcome<F::Output>> {
        self.life.poll_outcome(context)
    }

    fn is_finished(&self) -> bool {
        self.life.is_finished()
    }

    fn cancel(&self) {
        if self.life.cancel()
            && let Some(awaiter) = self.end(Ok(None))
        {
            awaiter.wake();
        }
    }
}

// What step 3 mends: whatever a task costs, its two turns at the queue cost it again, and with two workers they
// cost more than with one, because both want the same lock and the same cache line all the time.
