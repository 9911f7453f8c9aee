//! Tasks that are watched together.
//!
//! Each task gets a waker of its own, which notes the index of the task. So a wake looks only at the tasks
//! that have ended since the last one, not at all of them.

use std::{
    mem,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use super::ReturnWhen;
use crate::{
    handle::Task,
    sync::{Mutex, lock},
    task::outcome::{Outcome, TaskError},
};

/// Tasks that are watched together, from the first poll on.
pub(super) struct TaskSet<T> {
    /// The tasks.
    tasks: Vec<Task<T>>,
    /// The tasks that have ended, once they are watched.
    ends: Option<Arc<Ends>>,
    /// The number of tasks that have not ended, as far as is known.
    pending: usize,
}

impl<T> TaskSet<T> {
    /// Makes a set of tasks that are not watched yet.
    pub(super) fn new(tasks: Vec<Task<T>>) -> TaskSet<T> {
        let pending = tasks.len();
        TaskSet { tasks, ends: None, pending }
    }

    /// Returns the tasks that have ended since the last call, in that order. The next end wakes `context`.
    pub(super) fn newly_ended(&mut self, context: &mut Context<'_>) -> Vec<usize> {
        let ends = self.ends.get_or_insert_with(|| Ends::watch(self.tasks.iter()));
        let ended = ends.newly_ended(context);
        self.pending -= ended.len();
        ended
    }

    /// Returns true once the condition of a [`wait`](crate::wait) has come true.
    pub(super) fn poll_until(&mut self, until: ReturnWhen, context: &mut Context<'_>) -> bool {
        let ended = self.newly_ended(context);
        let panicked = |index: &usize| self.tasks[*index].outcome() == Some(Outcome::Panicked);
        self.pending == 0
            || match until {
                ReturnWhen::FirstCompleted => !ended.is_empty(),
                ReturnWhen::FirstException => ended.iter().any(panicked),
                ReturnWhen::AllCompleted => false,
            }
    }

    /// Takes the output, or the error, of a task that has ended.
    pub(super) fn take(&mut self, index: usize) -> Result<T, TaskError> {
        self.tasks[index].take()
    }

    /// Returns the tasks.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Task<T>> {
        self.tasks.iter()
    }

    /// Returns the tasks.
    pub(super) fn into_tasks(self) -> Vec<Task<T>> {
        self.tasks
    }
}

/// The tasks that have ended, of those that are watched together.
#[derive(Default)]
pub(super) struct Ends {
    /// The indices and the awaiter, under the lock.
    state: Mutex<EndsState>,
}

/// The state that the lock of the ends protects.
#[derive(Default)]
struct EndsState {
    /// The indices of the tasks that have ended and were not looked at, in the order of their ends.
    ended: Vec<usize>,
    /// The waker of the last poll.
    awaiter: Option<Waker>,
}

impl Ends {
    /// Begins to watch tasks. Those that have ended already come first.
    pub(super) fn watch<'a, T: 'a>(tasks: impl Iterator<Item = &'a Task<T>>) -> Arc<Ends> {
        let ends = Arc::new(Ends::default());
        for (index, task) in tasks.enumerate() {
            let end = Arc::new(End { index, ends: ends.clone() });
            if task.watch(&Waker::from(end.clone())) {
                end.wake();
            }
        }
        ends
    }

    /// Returns the tasks that have ended since the last call, in that order. The next end wakes `context`.
    pub(super) fn newly_ended(&self, context: &mut Context<'_>) -> Vec<usize> {
        let waker = context.waker().clone();
        let mut state = lock(&self.state);
        let ended = mem::take(&mut state.ended);
        let replaced = state.awaiter.replace(waker);
        // Not under the lock: a waker's destructor is code of the user.
        drop(state);
        drop(replaced);
        ended
    }
}

/// The waker of one task of a set. It is woken once, by the end of its task.
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
