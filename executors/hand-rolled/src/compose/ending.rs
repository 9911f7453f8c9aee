//! The condition of a [`wait`](crate::wait), which is called again and again with nearly the same tasks: a call
//! allocates nothing for each of them.
//!
//! All tasks have one waker, which counts their ends and wakes the awaiter when there are enough. Only the wait
//! for a panic has to know which task has ended.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
};

use super::{ReturnWhen, set::Ends};
use crate::{
    handle::Task,
    panic::QuietWaker,
    sync::{Mutex, lock},
    task::outcome::Outcome,
};

/// The condition of a wait.
pub(super) enum Ending {
    /// This number of tasks is done.
    Enough(usize, Option<Arc<Count>>),
    /// A task has panicked, or none of this number is left.
    Panic(usize, Option<Arc<Ends>>),
}

impl Ending {
    /// Makes the condition for this number of tasks, which are not watched yet.
    pub(super) fn of(until: ReturnWhen, tasks: usize) -> Ending {
        match until {
            ReturnWhen::FirstCompleted => Ending::Enough(1, None),
            ReturnWhen::AllCompleted => Ending::Enough(tasks, None),
            ReturnWhen::FirstException => Ending::Panic(tasks, None),
        }
    }

    /// Returns true once the condition has come true; until then the end that makes it so wakes `context`.
    pub(super) fn poll<T>(&mut self, tasks: &[Task<T>], context: &mut Context<'_>) -> bool {
        match self {
            // Nobody is watched in vain where enough are done already.
            Ending::Enough(1, None) if tasks.iter().any(Task::done) => true,
            Ending::Enough(number, count) => {
                count.get_or_insert_with(|| Count::watch(tasks, *number)).poll(context)
            }
            Ending::Panic(left, ends) => {
                let ended = ends.get_or_insert_with(|| Ends::watch(tasks.iter())).newly_ended(context);
                *left -= ended.len();
                let panicked = |index: &usize| tasks[*index].outcome() == Some(Outcome::Panicked);
                *left == 0 || ended.iter().any(panicked)
            }
        }
    }
}

/// Counts the ends of tasks. It is the waker of each of them, and woken once by each.
pub(super) struct Count {
    /// The ends that are missing, and the awaiter, under the lock.
    state: Mutex<Missing>,
}

/// The state that the lock of a count protects.
struct Missing {
    /// The number of ends after which the awaiter is woken.
    number: usize,
    /// The waker of the last poll.
    awaiter: Option<QuietWaker>,
}

impl Count {
    /// Begins to watch tasks, until this number of them has ended.
    fn watch<T>(tasks: &[Task<T>], number: usize) -> Arc<Count> {
        let count = Arc::new(Count { state: Mutex::new(Missing { number, awaiter: None }) });
        let waker = Waker::from(count.clone());
        for task in tasks {
            if task.watch(&waker) {
                waker.wake_by_ref();
            }
        }
        count
    }

    /// Returns true if enough tasks have ended; otherwise `context` is woken once they have.
    fn poll(&self, context: &mut Context<'_>) -> bool {
        // A waker's clone and its destructor are code of the user, so neither under the lock.
        let waker = QuietWaker::of(context.waker());
        let mut state = lock(&self.state);
        if state.number == 0 {
            return true;
        }
        let replaced = state.awaiter.replace(waker);
        drop(state);
        drop(replaced);
        false
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        state.number = state.number.saturating_sub(1);
        let awaiter = if state.number == 0 { state.awaiter.take() } else { None };
        drop(state);
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }
}
