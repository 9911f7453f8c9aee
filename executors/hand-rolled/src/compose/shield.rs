//! [`shield`]: awaits a task without ending it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{handle::Task, task::outcome::TaskError};

/// Awaits a task; dropped or cancelled meanwhile, it leaves the task running, and its handle as it was.
///
/// A future that awaits a task by value takes its handle along when it is cancelled: [`wait_for`](crate::wait_for) and
/// [`gather`](crate::gather()) cancel the task, others detach it. A shield only borrows the handle, so that
/// its owner can still await or cancel the task. With [`timeout`](crate::timeout) it is a `wait_for` that
/// does not cancel.
///
/// ```
/// use std::time::Duration;
/// use hand_rolled::{run, shield, sleep, spawn, timeout};
///
/// run(async {
///     let mut slow = spawn(async {
///         sleep(Duration::from_millis(30)).await;
///         "done"
///     });
///     assert!(timeout(Duration::from_millis(1), shield(&mut slow)).await.is_err());
///     assert_eq!(slow.await, Ok("done"));
/// });
/// ```
///
/// # Panics
///
/// As awaiting the task does: once its output was taken.
pub fn shield<T>(task: &mut Task<T>) -> Shield<'_, T> {
    Shield { task }
}

/// A future that awaits a task without ending it; see [`shield`].
#[must_use = "futures do nothing unless awaited"]
pub struct Shield<'a, T> {
    /// The task.
    task: &'a mut Task<T>,
}

impl<T> Future for Shield<'_, T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.task).poll(context)
    }
}

impl<T> fmt::Debug for Shield<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Shield").field(&self.task).finish()
    }
}

impl<T> Drop for Shield<'_, T> {
    fn drop(&mut self) {
        // The end of the task need not wake whoever is gone.
        self.task.unwatch();
    }
}
