//! Step 1, a queue: a task is an `Arc` around a boxed future, and all workers take tasks from one queue.
//!
//! **The idea.** A waker is a pointer to a task that can be put into a queue, and `Arc` is such a pointer: the
//! standard library makes a waker of any `Arc` whose content implements [`Wake`]. So a task is an `Arc` of its
//! future and its state, the executor is a queue of them, and a worker is a loop: take a task, poll it, and
//! forget it if it is pending. Its waker has it queued again.
//!
//! **What it costs.** A spawn is two allocations, the boxed future and the task. To queue a task and to take it
//! lock the one queue of all workers, and each push makes a system call if a worker sleeps.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread,
};

use crate::{
    Handle, Step,
    handle::{Join, Outcome},
    life::{Life, Suspended},
    lock,
};

/// The executor of step 1.
#[derive(Debug)]
pub struct Queue;

impl Step for Queue {
    const NAME: &'static str = "step-1-queue";
    const DESCRIPTION: &'static str = "One queue behind a lock; a task is an Arc with a boxed future, and timers have a sorted map and a thread.";
    const LIMITS: &'static str = "A task is two allocations, which step 2 makes one.";
    const SOURCE: &'static str = file!();

    fn start(threads: NonZeroUsize) {
        start_workers(threads);
    }

    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Arc::new(Task { life: Life::new(), future: Mutex::new(Some(Box::pin(future))) });
        push(task.clone());
        Handle::new(task)
    }
}

/// The tasks that are ready, the longest waiting first.
static READY: Mutex<VecDeque<Entry>> = Mutex::new(VecDeque::new());

/// Notified for each task that is queued.
static QUEUED: Condvar = Condvar::new();

/// A task as a queue holds it: the types of future and output are forgotten.
pub(crate) type Entry = Arc<dyn Runnable>;

/// A task that a worker can run.
pub(crate) trait Runnable: Send + Sync {
    /// Polls the future once.
    fn run(self: Arc<Self>) -> After;
}

/// Tells a worker how to go on after a poll.
pub(crate) enum After {
    Nothing,
    /// Queue the task again: it was woken during the poll.
    Queue(Entry),
    /// Wake who awaits the task: it has ended.
    Wake(Waker),
}

/// Starts threads that run the tasks of the queue.
pub(crate) fn start_workers(threads: NonZeroUsize) {
    (0..threads.get()).for_each(|_| drop(thread::spawn(work)));
}

/// Queues a task.
pub(crate) fn push(entry: Entry) {
    lock(&READY).push_back(entry);
    QUEUED.notify_one();
}

/// Runs the tasks of the queue for ever.
fn work() {
    loop {
        match pop().run() {
            After::Nothing => {}
            After::Queue(entry) => push(entry),
            After::Wake(awaiter) => awaiter.wake(),
        }
    }
}

/// Takes the first task, or sleeps until there is one.
fn pop() -> Entry {
    let mut ready = lock(&READY);
    loop {
        match ready.pop_front() {
            Some(entry) => return entry,
            None => ready = QUEUED.wait(ready).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// A task.
struct Task<T> {
    life: Life<T>,
    /// The future; `None` during a poll, and once the task has ended.
    future: Mutex<Option<Pin<Box<dyn Future<Output = T> + Send>>>>,
}

impl<T: Send + 'static> Runnable for Task<T> {
    fn run(self: Arc<Self>) -> After {
        if !self.life.begin() {
            return After::Nothing;
        }
        let mut future = lock(&self.future).take().expect("only who polls it takes it");
        let waker = Waker::from(self.clone());
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        *lock(&self.future) = Some(future);
        let awaiter = match poll {
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

impl<T> Task<T> {
    /// Drops the future, then publishes the outcome; returns the awaiter.
    fn end(&self, outcome: Outcome<T>) -> Option<Waker> {
        let future = lock(&self.future).take();
        // A destructor that panics is the task's fault, not its worker's.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        self.life.end(dropped.and(outcome))
    }
}

impl<T: Send + 'static> Wake for Task<T> {
    fn wake(self: Arc<Self>) {
        if self.life.wake() {
            push(self);
        }
    }
}

impl<T: Send> Join<T> for Task<T> {
    fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Outcome<T>> {
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

// What step 2 mends: the future has a box of its own only because its type has to be forgotten. But the task
// has a vtable already, in the `Arc<dyn Runnable>` of the queue. A task that is generic over its future holds
// the future itself, and a spawn is one allocation.
