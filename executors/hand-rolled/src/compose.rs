//! Awaiting tasks in other ways than one by one: [`wait`], [`wait_for`], [`gather`], [`gather_all`].
//!
//! Each task gets a waker of its own, which notes the index of the task. So a wake looks only at the tasks
//! that have ended since the last one, not at all of them.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::{
    handle::Task,
    sync::{Mutex, lock},
    task::outcome::{Outcome, TaskError},
    time::sleep,
};

/// Waits for several tasks, without taking their outputs; no task is cancelled, whatever happens.
///
/// It ends as `until` says, or once the limit has passed. In either case it lets the other tasks run at least
/// once, unless there is nothing to wait for. The tasks that have ended by then are [`done`](Waited::done).
///
/// # Panics
///
/// With a limit, as [`sleep`](crate::sleep()).
pub async fn wait<T>(tasks: Vec<Task<T>>, limit: Option<Duration>, until: ReturnWhen) -> Waited<T> {
    if tasks.is_empty() {
        return Waited { done: tasks, pending: Vec::new() };
    }
    let mut expiry = limit.map(sleep);
    let (mut group, mut suspended, mut over) = (Group::new(tasks), false, false);
    poll_fn(|context| {
        over |= group.poll_until(until, context);
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
    let (done, pending): (Vec<_>, Vec<_>) = group.into_tasks().into_iter().partition(Task::done);
    pending.iter().for_each(Task::unwatch);
    Waited { done, pending }
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

/// Returns the outputs of all tasks, in the order of the tasks, or the first error as soon as there is one.
///
/// It does nothing until it is awaited. After an error the other tasks run on. Dropped unfinished, it cancels
/// the tasks that are not done; if it was never polled, it detaches them.
///
/// # Panics
///
/// Awaiting it again after it gave its output.
pub fn gather<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Gather<T> {
    Gather { gathering: Gathering::new(tasks) }
}

/// Returns the outputs and errors of all tasks, in the order of the tasks, once all are done.
///
/// It does nothing until it is awaited. Dropped unfinished, it cancels the tasks that are not done; if it was
/// never polled, it detaches them.
///
/// # Panics
///
/// Awaiting it again after it gave its output.
pub fn gather_all<T>(tasks: impl IntoIterator<Item = Task<T>>) -> GatherAll<T> {
    GatherAll { gathering: Gathering::new(tasks) }
}

/// A future that awaits several tasks; see [`gather`].
#[must_use = "futures do nothing unless awaited"]
pub struct Gather<T> {
    /// The tasks, and the outputs that are there.
    gathering: Gathering<T, T>,
}

/// Nothing in it is pinned.
impl<T> Unpin for Gather<T> {}

impl<T> Future for Gather<T> {
    type Output = Result<Vec<T>, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.gathering.poll(context, |outcome| outcome)
    }
}

impl<T> fmt::Debug for Gather<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gather").field("pending", &self.gathering.pending).finish_non_exhaustive()
    }
}

/// A future that awaits several tasks; see [`gather_all`].
#[must_use = "futures do nothing unless awaited"]
pub struct GatherAll<T> {
    /// The tasks, and the outcomes that are there.
    gathering: Gathering<T, Result<T, TaskError>>,
}

/// Nothing in it is pinned.
impl<T> Unpin for GatherAll<T> {}

impl<T> Future for GatherAll<T> {
    type Output = Vec<Result<T, TaskError>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let gathered = self.gathering.poll(context, Ok::<_, Infallible>);
        gathered.map(|Ok(outcomes)| outcomes)
    }
}

impl<T> fmt::Debug for GatherAll<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GatherAll").field("pending", &self.gathering.pending).finish_non_exhaustive()
    }
}

/// Awaits tasks, and makes an item of each output or error, at the index of its task.
struct Gathering<T, I> {
    /// The tasks.
    group: Group<T>,
    /// The items that are there.
    items: Vec<Option<I>>,
    /// The number of items that are not.
    pending: usize,
    /// The stage of its life.
    stage: Stage,
}

/// The life of a gathering.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It was not polled.
    New,
    /// It was polled, and is not ready.
    Polled,
    /// It gave its output.
    Over,
}

impl<T, I> Gathering<T, I> {
    /// Makes a gathering that was not polled.
    fn new(tasks: impl IntoIterator<Item = Task<T>>) -> Gathering<T, I> {
        let tasks: Vec<_> = tasks.into_iter().collect();
        let (items, pending) = (tasks.iter().map(|_| None).collect(), tasks.len());
        Gathering { group: Group::new(tasks), items, pending, stage: Stage::New }
    }

    /// Makes items of the tasks that have ended. Returns the first error, or the list once it is complete.
    fn poll<E>(
        &mut self,
        context: &mut Context<'_>,
        to_item: impl Fn(Result<T, TaskError>) -> Result<I, E>,
    ) -> Poll<Result<Vec<I>, E>> {
        assert!(
            self.stage != Stage::Over,
            "this gather was awaited before and has given its output; keep the output instead"
        );
        self.stage = Stage::Polled;
        for index in self.group.newly_ended(context) {
            match to_item(self.group.tasks[index].take()) {
                Ok(item) => self.items[index] = Some(item),
                Err(error) => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Err(error));
                }
            }
            self.pending -= 1;
        }
        if self.pending > 0 {
            return Poll::Pending;
        }
        self.stage = Stage::Over;
        Poll::Ready(Ok(mem::take(&mut self.items).into_iter().flatten().collect()))
    }
}

impl<T, I> Drop for Gathering<T, I> {
    fn drop(&mut self) {
        if self.stage == Stage::Polled {
            for task in &self.group.tasks {
                // A task that is done stays as it is.
                task.cancel();
            }
        }
    }
}

/// Tasks that are watched together.
struct Group<T> {
    /// The tasks.
    tasks: Vec<Task<T>>,
    /// The tasks that have ended, once they are watched.
    ends: Option<Arc<Ends>>,
    /// The number of tasks that have not ended, as far as is known.
    pending: usize,
}

impl<T> Group<T> {
    /// Makes a group of tasks that are not watched yet.
    fn new(tasks: Vec<Task<T>>) -> Group<T> {
        let pending = tasks.len();
        Group { tasks, ends: None, pending }
    }

    /// Returns the tasks that have ended since the last call, in that order. The next end wakes `context`.
    fn newly_ended(&mut self, context: &mut Context<'_>) -> Vec<usize> {
        let ends = match &self.ends {
            Some(ends) => ends.clone(),
            None => self.watch(),
        };
        let waker = context.waker().clone();
        let mut state = lock(&ends.state);
        let ended = mem::take(&mut state.ended);
        let replaced = state.awaiter.replace(waker);
        // Not under the lock: a waker's destructor is code of the user.
        drop(state);
        drop(replaced);
        self.pending -= ended.len();
        ended
    }

    /// Returns true once the condition of a [`wait`] has come true.
    fn poll_until(&mut self, until: ReturnWhen, context: &mut Context<'_>) -> bool {
        let ended = self.newly_ended(context);
        let panicked = |index: &usize| self.tasks[*index].outcome() == Some(Outcome::Panicked);
        self.pending == 0
            || match until {
                ReturnWhen::FirstCompleted => !ended.is_empty(),
                ReturnWhen::FirstException => ended.iter().any(panicked),
                ReturnWhen::AllCompleted => false,
            }
    }

    /// Begins to watch all tasks.
    fn watch(&mut self) -> Arc<Ends> {
        let ends = Arc::new(Ends::default());
        for (index, task) in self.tasks.iter().enumerate() {
            let end = Arc::new(End { index, ends: ends.clone() });
            if task.watch(&Waker::from(end.clone())) {
                end.wake();
            }
        }
        self.ends = Some(ends.clone());
        ends
    }

    /// Returns the tasks.
    fn into_tasks(self) -> Vec<Task<T>> {
        self.tasks
    }
}

/// The tasks of a group that have ended.
#[derive(Default)]
struct Ends {
    /// The indices and the awaiter, under the lock.
    state: Mutex<EndsState>,
}

/// The state that the lock of the ends protects.
#[derive(Default)]
struct EndsState {
    /// The indices of the tasks that have ended and were not looked at, in the order of their ends.
    ended: Vec<usize>,
    /// The waker of the group's last poll.
    awaiter: Option<Waker>,
}

/// The waker of one task of a group. It is woken once, by the end of its task.
struct End {
    /// The index of the task.
    index: usize,
    /// The list to note the end in.
    ends: Arc<Ends>,
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.ends.state);
        state.ended.push(self.index);
        let awaiter = state.awaiter.take();
        drop(state);
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }
}

/// Cancels its task when dropped.
struct CancelOnDrop<T>(Task<T>);

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        // A task that is done stays as it is.
        self.0.cancel();
    }
}
