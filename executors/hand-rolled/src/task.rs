//! A spawned future and its states.
//!
//! ```text
//!            wake, cancel          popped              Pending
//!    Idle ----------------> Queued -------> Running -----------> Idle
//!     ^                       ^                |  \
//!     |                       |        wake    |   Ready, panic, or cancelled
//!     |                       |                v                 \
//!     |                       +------------- Woken -------------> Done
//!     |                         Pending
//!     +-- here only is the future in its cell; whoever runs the task has taken it out
//! ```
//!
//! Taking the future out is what keeps a poll off the lock, and what makes it one thread's at a time.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    handle::{Completion, Ending, Joinable, Progress, TaskError},
    lock,
    panic::{contain, drop_quietly},
    queue::Runnable,
    scheduler::Scheduler,
};

/// A spawned future with everything that belongs to it. It is its own waker.
pub(crate) struct TaskCell<F: Future> {
    /// Where it queues.
    scheduler: Arc<Scheduler>,
    /// Its slot in the registry; `usize::MAX`, which no slot is, until it has one.
    slot: AtomicUsize,
    /// How far it is, under the lock.
    state: Mutex<State<F>>,
    /// Where its end is announced.
    completion: Completion<F::Output>,
}

/// What the lock of a task protects.
struct State<F> {
    /// What is to happen next.
    phase: Phase,
    /// Whether somebody asked for the end.
    cancel_requested: bool,
    /// The future, while nobody runs it.
    future: Option<Pin<Box<F>>>,
}

/// What is to happen to a task next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits to be woken.
    Idle,
    /// It waits in the run queue, where it is once.
    Queued,
    /// A worker polls it, or drops its future.
    Running,
    /// As `Running`, and it was woken meanwhile: it goes to the tail of the queue when the poll is over.
    Woken,
    /// It has ended.
    Done,
}

impl<F> TaskCell<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// Makes a task that is about to be queued for the first time.
    pub(crate) fn new(scheduler: Arc<Scheduler>, future: F) -> Arc<TaskCell<F>> {
        let state = State { phase: Phase::Queued, cancel_requested: false, future: Some(Box::pin(future)) };
        Arc::new(TaskCell {
            scheduler,
            slot: AtomicUsize::new(usize::MAX),
            state: Mutex::new(state),
            completion: Completion::new(),
        })
    }

    /// Remembers the slot of the registry to leave at the end. Called before the task is first queued.
    pub(crate) fn set_slot(&self, slot: usize) {
        // The lock of the run queue carries the value to whoever runs the task.
        self.slot.store(slot, Ordering::Relaxed);
    }

    /// Puts a future that is not ready back, or drops it if the task was cancelled during the poll.
    fn suspend(self: Arc<Self>, future: Pin<Box<F>>) {
        let mut state = lock(&self.state);
        if state.cancel_requested {
            drop(state);
            return self.end(future, Err(TaskError::Cancelled));
        }
        state.future = Some(future);
        let woken = state.phase == Phase::Woken;
        state.phase = if woken { Phase::Queued } else { Phase::Idle };
        drop(state);
        if woken {
            self.enqueue();
        }
    }

    /// Drops the future, and only then publishes the outcome.
    ///
    /// The panic of a destructor takes the place of an output and of a cancellation, not of an earlier panic.
    fn end(&self, future: Pin<Box<F>>, mut outcome: Result<F::Output, TaskError>) {
        if let Err(panic) = contain(|| drop(future))
            && !matches!(outcome, Err(TaskError::Panicked(_)))
        {
            drop_quietly(outcome);
            outcome = Err(TaskError::Panicked(panic));
        }
        self.scheduler.tasks.remove(self.slot.load(Ordering::Relaxed));

        let mut state = lock(&self.state);
        // Whoever was told that the task will be cancelled is not given an output.
        if state.cancel_requested && outcome.is_ok() {
            drop(state);
            outcome = match contain(|| drop(outcome)) {
                Ok(()) => Err(TaskError::Cancelled),
                Err(panic) => Err(TaskError::Panicked(panic)),
            };
            state = lock(&self.state);
        }
        // Under the lock, so that `cancel` fails only if the end can be seen.
        state.phase = Phase::Done;
        let announcement = self.completion.publish(outcome);
        drop(state);
        announcement.announce(self);
    }

    /// Appends the task to the run queue.
    fn enqueue(self: Arc<Self>) {
        let scheduler = self.scheduler.clone();
        // A runtime that has ended drops all its tasks; it needs no wake for that.
        scheduler.queue.push(self).ok();
    }
}

impl<F> Runnable for TaskCell<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn run(self: Arc<Self>) {
        let mut state = lock(&self.state);
        let Some(mut future) = state.future.take() else { return };
        state.phase = Phase::Running;
        let cancelled = state.cancel_requested;
        drop(state);
        if cancelled {
            return self.end(future, Err(TaskError::Cancelled));
        }
        let waker = Waker::from(self.clone());
        match contain(|| future.as_mut().poll(&mut Context::from_waker(&waker))) {
            Ok(Poll::Pending) => self.suspend(future),
            Ok(Poll::Ready(output)) => self.end(future, Ok(output)),
            Err(panic) => self.end(future, Err(TaskError::Panicked(panic))),
        }
    }

    fn abandon(self: Arc<Self>) {
        let mut state = lock(&self.state);
        let Some(future) = state.future.take() else { return };
        state.phase = Phase::Running;
        drop(state);
        self.end(future, Err(TaskError::Cancelled));
    }
}

impl<F> Wake for TaskCell<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.state);
        let next = match state.phase {
            Phase::Idle => Phase::Queued,
            Phase::Running => Phase::Woken,
            unchanged => unchanged,
        };
        let newly_queued = state.phase == Phase::Idle;
        state.phase = next;
        drop(state);
        if newly_queued {
            self.enqueue();
        }
    }
}

impl<F> Joinable<F::Output> for TaskCell<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn output(&self) -> &Mutex<Option<F::Output>> {
        &self.completion.output
    }
}

impl<F> Ending for TaskCell<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn progress(&self) -> &Progress {
        &self.completion.progress
    }

    fn push(&self, entry: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>> {
        self.scheduler.queue.push(entry)
    }

    fn cancel(self: Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        if state.phase == Phase::Done {
            return false;
        }
        state.cancel_requested = true;
        let idle = state.phase == Phase::Idle;
        if idle {
            state.phase = Phase::Queued;
        }
        drop(state);
        if idle {
            self.enqueue();
        }
        true
    }
}
