//! The states of a task, behind a lock:
//!
//! ```text
//!               begin               end
//!    queued -------------> running -------> ended
//!     ^  ^                  |   |
//!     |  |          suspend |   | wake
//!     |  |                  |   v
//!     |  +------------------|- woken
//!     |        suspend      |
//!     | wake                v
//!     +------------------- idle
//! ```
//!
//! A task is queued once, however often it is woken. A wake during its poll is noted, and whoever polls it
//! queues it again afterwards: no second worker ever gets a task that is being polled. Whoever cancels a task that
//! is idle or queued makes it running, too, and ends it in place of a worker.

use std::{
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use crate::{handle::Outcome, lock};

/// The state of a task, its awaiter, and in the end its outcome.
pub(crate) struct Life<T>(Mutex<State<T>>);

struct State<T> {
    stage: Stage<T>,
    /// True once the task was asked to stop.
    cancelled: bool,
    awaiter: Option<Waker>,
}

enum Stage<T> {
    /// Suspended, until it is woken.
    Idle,
    /// In a queue.
    Queued,
    /// In a poll; or claimed by the thread that drops its future.
    Running,
    /// In a poll during which it was woken.
    Woken,
    /// Ended; the outcome is gone once it was taken.
    Ended(Option<Outcome<T>>),
}

/// Says how a task goes on after a poll that was pending.
pub(crate) enum Suspended {
    /// It waits to be woken.
    Idle,
    /// It was woken meanwhile: whoever polled it has to queue it.
    Queued,
    /// It was cancelled meanwhile: whoever polled it has to drop its future.
    Cancelled,
}

impl<T> Life<T> {
    /// Makes the state of a task that is queued.
    pub(crate) fn new() -> Life<T> {
        Life(Mutex::new(State { stage: Stage::Queued, cancelled: false, awaiter: None }))
    }

    /// Notes a wake; returns true if the caller has to queue the task.
    pub(crate) fn wake(&self) -> bool {
        let stage = &mut lock(&self.0).stage;
        match stage {
            Stage::Idle => {
                *stage = Stage::Queued;
                return true;
            }
            Stage::Running => *stage = Stage::Woken,
            Stage::Queued | Stage::Woken | Stage::Ended(_) => {}
        }
        false
    }

    /// Begins a poll of a task that was taken from a queue; returns false if it was cancelled in the queue.
    pub(crate) fn begin(&self) -> bool {
        let stage = &mut lock(&self.0).stage;
        let is_queued = matches!(stage, Stage::Queued);
        if is_queued {
            *stage = Stage::Running;
        }
        is_queued
    }

    /// Ends a poll that was pending.
    pub(crate) fn suspend(&self) -> Suspended {
        let mut state = lock(&self.0);
        match state.stage {
            _ if state.cancelled => Suspended::Cancelled,
            Stage::Woken => {
                state.stage = Stage::Queued;
                Suspended::Queued
            }
            _ => {
                state.stage = Stage::Idle;
                Suspended::Idle
            }
        }
    }

    /// Publishes the outcome of a task whose future is gone; returns the awaiter, which has to be woken.
    #[must_use = "the awaiter has to be woken"]
    pub(crate) fn end(&self, outcome: Outcome<T>) -> Option<Waker> {
        let mut state = lock(&self.0);
        state.stage = Stage::Ended(Some(outcome));
        state.awaiter.take()
    }

    /// Asks the task to stop; returns true if the caller has to drop its future, because nobody polls it.
    pub(crate) fn cancel(&self) -> bool {
        let mut state = lock(&self.0);
        state.cancelled = true;
        let is_mine = matches!(state.stage, Stage::Idle | Stage::Queued);
        if is_mine {
            // A worker that finds it in a queue leaves it alone.
            state.stage = Stage::Running;
        }
        is_mine
    }

    /// Takes the outcome, or has the waker woken when there is one.
    pub(crate) fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Outcome<T>> {
        let mut state = lock(&self.0);
        if let Stage::Ended(outcome) = &mut state.stage {
            return Poll::Ready(outcome.take().expect("an outcome is taken once"));
        }
        let waker = context.waker();
        if !state.awaiter.as_ref().is_some_and(|awaiter| awaiter.will_wake(waker)) {
            let old = state.awaiter.replace(waker.clone());
            drop(state);
            // Not under the lock: it may be the last of another task, and so end that task's future.
            drop(old);
        }
        Poll::Pending
    }

    /// Returns true once there is an outcome.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(lock(&self.0).stage, Stage::Ended(_))
    }
}
