//! The handle of a task, and how the end of a task reaches it.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::{
    lock,
    panic::{Panic, contain, drop_quietly},
};

/// A task or a blocking job that was started: awaiting it gives the output.
///
/// Dropping the handle detaches the task, which runs on; its output is dropped at its end, and if that panics nobody
/// is told.
///
/// # Panics
///
/// Awaiting it again, through `&mut task`, after it gave its output.
pub struct Task<T> {
    /// What runs, seen as something that ends.
    joinable: Arc<dyn Joinable<T>>,
}

impl<T> Task<T> {
    /// Makes the one handle of something that ends.
    pub(crate) fn new(joinable: Arc<dyn Joinable<T>>) -> Task<T> {
        Task { joinable }
    }

    /// Asks the task to end, and returns false only if it is done already.
    ///
    /// The runtime drops the task's future where it is suspended; if it is being polled, at the end of that poll.
    /// Then, not before, the task is done and reads [`TaskError::Cancelled`]. A job that has not started never will;
    /// one that runs cannot be stopped: the task ends, the job runs on and its output is dropped.
    pub fn cancel(&self) -> bool {
        self.joinable.clone().cancel()
    }

    /// Tells whether the task has ended: its future is gone, its output or error is there, or was.
    pub fn done(&self) -> bool {
        lock(&self.joinable.completion().state).done
    }

    /// Tells whether the task ended because it was cancelled.
    pub fn cancelled(&self) -> bool {
        lock(&self.joinable.completion().state).cancelled
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.joinable.completion().poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.joinable.completion().detach();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("done", &self.done()).finish_non_exhaustive()
    }
}

/// Why a task has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskError {
    /// It was cancelled, or its runtime was dropped.
    Cancelled,
    /// It panicked, or the destructor of its future did.
    Panicked(Panic),
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Cancelled => write!(formatter, "the task was cancelled"),
            TaskError::Panicked(panic) => write!(formatter, "the task panicked: {}", panic.message()),
        }
    }
}

impl Error for TaskError {}

/// What a handle needs of the task or the job behind it.
pub(crate) trait Joinable<T>: Send + Sync {
    /// Where the end is announced.
    fn completion(&self) -> &Completion<T>;

    /// Asks for the end, and returns false only if it has come. Runs no code of the user.
    fn cancel(self: Arc<Self>) -> bool;
}

/// The meeting point of something that ends and its handle.
pub(crate) struct Completion<T> {
    /// How far it is, under the lock.
    state: Mutex<State<T>>,
}

/// What the lock of a completion protects.
struct State<T> {
    /// Whether the end has come.
    done: bool,
    /// Whether the end was a cancellation.
    cancelled: bool,
    /// Whether the handle is gone, so that nobody will take the outcome.
    detached: bool,
    /// The outcome, from the end until it is taken.
    outcome: Option<Result<T, TaskError>>,
    /// Whom to wake at the end: whoever polled the handle last.
    awaiter: Option<Waker>,
}

impl<T> Completion<T> {
    /// Makes the completion of something that has not ended and has a handle.
    pub(crate) fn new() -> Completion<T> {
        let state = State { done: false, cancelled: false, detached: false, outcome: None, awaiter: None };
        Completion { state: Mutex::new(state) }
    }

    /// Publishes the end. The caller announces it once it holds no lock.
    #[must_use = "without the announcement the awaiter sleeps on"]
    pub(crate) fn publish(&self, outcome: Result<T, TaskError>) -> Announcement<T> {
        let mut state = lock(&self.state);
        state.done = true;
        state.cancelled = matches!(outcome, Err(TaskError::Cancelled));
        let unwanted = if state.detached {
            Some(outcome)
        } else {
            state.outcome = Some(outcome);
            None
        };
        Announcement { unwanted, awaiter: state.awaiter.take() }
    }

    /// Takes the outcome, or asks for `context` to be woken when it is there.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        let waker = context.waker().clone();
        let mut state = lock(&self.state);
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        let taken = state.done;
        let replaced = if taken { None } else { state.awaiter.replace(waker) };
        // Not under the lock: a waker's destructor is code of the user.
        drop(state);
        drop(replaced);
        assert!(!taken, "this task was awaited before and has given its output; keep the output instead");
        Poll::Pending
    }

    /// Drops the outcome, now or when it comes: the handle is gone.
    fn detach(&self) {
        let mut state = lock(&self.state);
        state.detached = true;
        let unwanted = (state.outcome.take(), state.awaiter.take());
        drop(state);
        // A panic is contained here as at the end of the task: which of the two comes last is a race.
        drop_quietly(unwanted);
    }
}

/// What is left to do when an end has been published, without any lock.
pub(crate) struct Announcement<T> {
    /// An outcome that nobody will take.
    unwanted: Option<Result<T, TaskError>>,
    /// Whoever awaits the end.
    awaiter: Option<Waker>,
}

impl<T> Announcement<T> {
    /// Wakes whoever awaits the end.
    pub(crate) fn announce(self) {
        drop_quietly(self.unwanted);
        if let Some(awaiter) = self.awaiter {
            contain(|| awaiter.wake()).ok();
        }
    }
}
