//! The handle of a task: awaits it, cancels it, and asks it whether it has ended.

use std::{
    fmt, future,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

/// The end of a task: its output, `None` if it was cancelled, or its panic.
pub(crate) type Outcome<T> = thread::Result<Option<T>>;

/// A task as its handle sees it: the type of its future is forgotten, that of its output is not.
pub(crate) trait Join<T>: Send + Sync {
    /// Takes the outcome, or has the task wake the waker when there is one.
    fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Outcome<T>>;

    /// Returns true once there is an outcome.
    fn is_finished(&self) -> bool;

    /// Stops the task at its suspension point: now, or at the end of the poll that it is in.
    fn cancel(&self);
}

/// The handle of a task; dropping it detaches the task.
pub struct Handle<T>(Arc<dyn Join<T>>);

impl<T> Handle<T> {
    pub(crate) fn new(task: Arc<dyn Join<T>>) -> Handle<T> {
        Handle(task)
    }
}

impl<T> Future for Handle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll_outcome(context).map(|outcome| {
            let output = outcome.unwrap_or_else(|panic| resume_unwind(panic));
            output.expect("only cancel stops a task, and it takes the handle")
        })
    }
}

impl<T: Send + 'static> executor_api::Task<T> for Handle<T> {
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    fn cancel(self) -> impl Future<Output = Option<T>> + Send {
        self.0.cancel();
        async move {
            let outcome = future::poll_fn(|context| self.0.poll_outcome(context)).await;
            outcome.unwrap_or_else(|panic| resume_unwind(panic))
        }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").finish_non_exhaustive()
    }
}
