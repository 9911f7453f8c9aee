//! The handle of a task as its users see it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::{
    panic::Panic,
    task::{
        Canceller, Handle,
        inspect::TaskId,
        outcome::{Outcome, TaskError},
    },
};

/// The handle of a task or a blocking job: awaiting it gives the output.
///
/// Dropping the handle detaches the task, which runs on. Its output is dropped at its end; a panic of that is
/// swallowed.
///
/// # Panics
///
/// Awaiting it again, through `&mut task`, after it gave its output.
pub struct Task<T> {
    /// The right to the output.
    handle: Handle<T>,
}

impl<T> Task<T> {
    /// Makes the task of a handle.
    pub(crate) fn new(handle: Handle<T>) -> Task<T> {
        Task { handle }
    }

    /// Asks the task to end, and returns false only if it is done already.
    ///
    /// The runtime drops the task's future where it is suspended; if it is being polled, at the end of that
    /// poll. Then, not before, the task is done and reads [`TaskError::Cancelled`]. A job that has not
    /// started never will; one that runs cannot be stopped: the task ends, the job runs on and its output is
    /// dropped.
    pub fn cancel(&self) -> bool {
        self.handle.cancel()
    }

    /// Returns true once the task has ended: its future is gone, its output or error is there, or was taken.
    pub fn done(&self) -> bool {
        self.outcome().is_some()
    }

    /// Returns true if the task ended because it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.outcome() == Some(Outcome::Cancelled)
    }

    /// Clones the output, as often as asked, without waiting for it.
    ///
    /// # Errors
    ///
    /// [`NotDone`](TaskError::NotDone) before the end, [`Taken`](TaskError::Taken) once the output was
    /// awaited, and otherwise the error that ended the task.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        match self.handle.outcome() {
            None => Err(TaskError::NotDone),
            Some(Outcome::Finished) => self.handle.look(T::clone).ok_or(TaskError::Taken),
            Some(Outcome::Cancelled) => Err(TaskError::Cancelled),
            Some(Outcome::Panicked) => Err(TaskError::Panicked(self.handle.panic())),
        }
    }

    /// Returns the panic that ended the task, or `None` if it gave an output.
    ///
    /// # Errors
    ///
    /// [`NotDone`](TaskError::NotDone) before the end, [`Cancelled`](TaskError::Cancelled) if that was the
    /// end.
    pub fn exception(&self) -> Result<Option<Panic>, TaskError> {
        match self.handle.outcome() {
            None => Err(TaskError::NotDone),
            Some(Outcome::Finished) => Ok(None),
            Some(Outcome::Cancelled) => Err(TaskError::Cancelled),
            Some(Outcome::Panicked) => Ok(Some(self.handle.panic())),
        }
    }

    /// Queues `callback` once the task has ended, or at once if it has; no callback runs inside this call.
    ///
    /// The callbacks of a task run one after the other in order of registration, each as an entry of the run
    /// queue of its runtime. If one panics, the next still run. A runtime that was dropped drops them.
    pub fn add_done_callback(&self, callback: impl FnOnce(Outcome) + Send + 'static) {
        self.handle.add_callback(Box::new(callback));
    }

    /// Returns the id of the task, as [`current_task`](crate::current_task) does inside it.
    pub fn id(&self) -> TaskId {
        self.handle.id()
    }

    /// Returns how the task ended; `None` before.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.handle.outcome()
    }

    /// Returns a right to cancel the task, which outlives this handle.
    pub(crate) fn canceller(&self) -> Canceller {
        self.handle.canceller()
    }

    /// Makes `waker` the awaiter, which is woken at the end; returns true if the task has ended already.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        self.handle.watch(waker)
    }

    /// Removes the awaiter.
    pub(crate) fn unwatch(&self) {
        self.handle.unwatch();
    }

    /// Takes the output, or the error, of a task that has ended.
    pub(crate) fn take(&mut self) -> Result<T, TaskError> {
        let outcome = self.handle.take();
        outcome.expect("this task was awaited before and has given its output; keep the output instead")
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watch(context.waker()) { Poll::Ready(self.take()) } else { Poll::Pending }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("done", &self.done()).finish_non_exhaustive()
    }
}
