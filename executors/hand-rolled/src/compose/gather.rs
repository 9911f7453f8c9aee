//! [`gather`] and [`gather_all`]: the outputs of several tasks, in the order of the tasks.

use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use super::set::TaskSet;
use crate::{handle::Task, task::outcome::TaskError};

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
    tasks: TaskSet<T>,
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
        Gathering { tasks: TaskSet::new(tasks), items, pending, stage: Stage::New }
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
        for index in self.tasks.newly_ended(context) {
            match to_item(self.tasks.take(index)) {
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
            for task in self.tasks.iter() {
                // A task that is done stays as it is.
                task.cancel();
            }
        }
    }
}
