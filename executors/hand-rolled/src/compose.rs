//! Awaiting tasks in other ways than one by one: [`wait`] and [`wait_for`]; in the folder, [`gather()`],
//! [`as_completed()`], [`shield()`].

pub(crate) mod as_completed;
mod ending;
pub(crate) mod gather;
mod set;
pub(crate) mod shield;

use std::{error::Error, fmt, future::poll_fn, pin::Pin, task::Poll, time::Duration};

use crate::{handle::Task, task::outcome::TaskError, time::sleep};
use ending::Ending;

/// Waits for several tasks, without taking their outputs; no task is cancelled, whatever happens.
///
/// It ends as `until` says, or once the limit has passed. In either case it lets the other tasks run at least
/// once, unless there is nothing to wait for. The tasks that have ended by then are [`done`](Waited::done).
///
/// Each call takes time for each of its tasks, because it is given all of them and gives all back, but memory
/// for those that are done only. So asyncio's loop, which waits for the first of *n* tasks until none is left,
/// takes time for *n*² / 2 of them here as it does there. [`as_completed`](crate::as_completed()) is that loop
/// with time for *n*: it looks at each task once, however many are left, and takes new ones between.
///
/// # Panics
///
/// With a limit, as [`sleep`](crate::sleep()).
pub async fn wait<T>(mut tasks: Vec<Task<T>>, limit: Option<Duration>, until: ReturnWhen) -> Waited<T> {
    if tasks.is_empty() {
        return Waited { done: tasks, pending: Vec::new() };
    }
    let mut expiry = limit.map(sleep);
    let (mut ending, mut suspended, mut over) = (Ending::of(until, tasks.len()), false, false);
    poll_fn(|context| {
        over |= ending.poll(&tasks, context);
        over |= expiry.as_mut().is_some_and(|expiry| Pin::new(expiry).poll(context).is_ready());
        if over && suspended {
            return Poll::Ready(());
        }
        if over {
            context.waker().wake_by_ref();
        }
        suspended = true;
        Poll::Pending
    })
    .await;
    let done = tasks.extract_if(.., |task| task.done()).collect();
    tasks.iter().for_each(Task::unwatch);
    Waited { done, pending: tasks }
}

/// The condition for [`wait`] to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnWhen {
    /// Once a task is done.
    FirstCompleted,
    /// Once a task has panicked, or all are done. An `Err` is an output, and a cancelled task has not
    /// panicked.
    FirstException,
    /// Once all tasks are done.
    AllCompleted,
}

/// The result of [`wait`]: all its tasks, in two parts, both in the order in which they were given.
#[derive(Debug)]
pub struct Waited<T> {
    /// The tasks that are done.
    pub done: Vec<Task<T>>,
    /// The tasks that are not, and run on.
    pub pending: Vec<Task<T>>,
}

/// Returns the output of `task`, or cancels it once `limit` has passed, and waits until it is done.
///
/// Dropped before it is ready, it cancels the task too, unless it was never polled.
///
/// # Errors
///
/// If the task was not done in time, or ended without an output. A task that panics when it is cancelled has
/// panicked.
///
/// # Panics
///
/// As [`sleep`](crate::sleep()).
pub async fn wait_for<T>(task: Task<T>, limit: Duration) -> Result<T, WaitForError> {
    let mut expiry = sleep(limit);
    let mut task = CancelOnDrop(task);
    let mut timed_out = false;
    poll_fn(|context| {
        // The task first: one that is done when its time is up is in time.
        if let Poll::Ready(outcome) = Pin::new(&mut task.0).poll(context) {
            return Poll::Ready(outcome.map_err(|error| match error {
                TaskError::Cancelled if timed_out => WaitForError::TimedOut,
                error => WaitForError::Task(error),
            }));
        }
        if !timed_out && expiry.poll_deadline(context).is_ready() {
            timed_out = task.0.cancel();
            if !timed_out {
                // It ended just now, and its wake may have come before this poll.
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    })
    .await
}

/// The reason why [`wait_for`] gives no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitForError {
    /// The time was up, and the task is cancelled.
    TimedOut,
    /// The task ended without an output.
    Task(TaskError),
}

impl fmt::Display for WaitForError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitForError::TimedOut => write!(formatter, "the time was up, and the task is cancelled"),
            WaitForError::Task(error) => error.fmt(formatter),
        }
    }
}

impl Error for WaitForError {}

/// Cancels its task when dropped.
struct CancelOnDrop<T>(Task<T>);

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        // A task that is done stays as it is.
        self.0.cancel();
    }
}
