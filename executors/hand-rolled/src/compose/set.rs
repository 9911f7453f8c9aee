//! Tasks that are watched together.
//!
//! Each task gets a waker of its own, which notes the index of the task. So a wake looks only at the tasks
//! that have ended since the last one, not at all of them.

use std::{
    mem,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use crate::{
    handle::Task,
    panic::QuietWaker,
    sync::{Mutex, lock},
    task::outcome::TaskError,
};

/// Tasks that are watched together, from the first poll on.
pub(super) struct TaskSet<T> {
    /// The tasks.
    tasks: Vec<Task<T>>,
    /// The tasks that have ended, once they are watched.
    ends: Option<Arc<Ends>>,
}

impl<T> TaskSet<T> {
    /// Makes a set of tasks that are not watched yet.
    pub(super) fn new(tasks: Vec<Task<T>>) -> TaskSet<T> {
        TaskSet { tasks, ends: None }
    }

    /// Returns the tasks that have ended since the last call, in that order. The next end wakes `context`.
    pub(super) fn newly_ended(&mut self, context: &mut Context<'_>) -> Vec<usize> {
        let ends = self.ends.get_or_insert_with(|| Ends::watch(self.tasks.iter()));
        ends.newly_ended(context)
    }

    /// Takes the output, or the error, of a task that has ended.
    pub(super) fn take(&mut self, index: usize) -> Result<T, TaskError> {
        self.tasks[index].take()
    }

    /// Returns the tasks.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Task<T>> {
        self.tasks.iter()
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
    awaiter: Option<QuietWaker>,
}

impl Ends {
    /// Begins to watch tasks. Those that have ended already come first.
    pub(super) fn watch<'a, T: 'a>(tasks: impl Iterator<Item = &'a Task<T>>) -> Arc<Ends> {
        let ends = Arc::new(Ends::default());
        tasks.enumerate().for_each(|(index, task)| ends.watch_one(index, task));
        ends
    }

    /// Begins to watch one more task, whose index no watched one has.
    pub(super) fn watch_one<T>(self: &Arc<Self>, index: usize, task: &Task<T>) {
        let end = Arc::new(End { index, ends: self.clone() });
        if task.watch(&Waker::from(end.clone())) {
            end.wake();
        }
    }

    /// Returns the tasks that have ended since the last call, in that order. The next end wakes `context`.
    pub(super) fn newly_ended(&self, context: &mut Context<'_>) -> Vec<usize> {
        let waker = QuietWaker::of(context.waker());
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
