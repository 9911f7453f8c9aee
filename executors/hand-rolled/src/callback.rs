//! Callbacks that run once a task has ended, as entries of the run queue.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

use crate::{
    handle::TaskError,
    lock,
    panic::{contain, drop_quietly},
    queue::Runnable,
};

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gave its output, though that may be an `Err`.
    Finished,
    /// It was cancelled, or its runtime was dropped.
    Cancelled,
    /// It panicked, or the destructor of its future did.
    Panicked,
}

impl Outcome {
    /// Tells which of the three an end was.
    pub(crate) fn of<T>(end: &Result<T, TaskError>) -> Outcome {
        match end {
            Ok(_) => Outcome::Finished,
            Err(TaskError::Panicked(_)) => Outcome::Panicked,
            Err(_) => Outcome::Cancelled,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Outcome::Finished => "finished",
            Outcome::Cancelled => "cancelled",
            Outcome::Panicked => "panicked",
        })
    }
}

/// What runs at the end of a task.
pub(crate) type Callback = Box<dyn FnOnce(Outcome) + Send>;

/// The callbacks of one task that have not run, in order of registration.
///
/// Each has its own entry in the run queue, but whichever entry comes up runs the first callback, and none runs
/// while another does: so they keep their order on several workers, too.
#[derive(Default)]
pub(crate) struct Callbacks {
    /// What waits, under the lock.
    state: Mutex<State>,
}

/// What the lock of the callbacks protects.
#[derive(Default)]
struct State {
    /// The callbacks that have not run.
    waiting: VecDeque<Callback>,
    /// Whether a worker runs one.
    running: bool,
    /// How many entries came up meanwhile, and left their callback to that worker.
    left_over: usize,
}

impl Callbacks {
    /// Appends a callback.
    pub(crate) fn push(&self, callback: Callback) {
        lock(&self.state).waiting.push_back(callback);
    }

    /// Makes the entry of the run queue that runs one callback.
    pub(crate) fn entry(self: &Arc<Self>, outcome: Outcome) -> Arc<dyn Runnable> {
        Arc::new(Entry { callbacks: self.clone(), outcome })
    }
}

/// An entry of the run queue.
struct Entry {
    /// Where the callback is that it runs.
    callbacks: Arc<Callbacks>,
    /// What the callback is told.
    outcome: Outcome,
}

impl Runnable for Entry {
    fn run(self: Arc<Self>) {
        let mut state = lock(&self.callbacks.state);
        if state.running {
            state.left_over += 1;
            return;
        }
        state.running = true;
        loop {
            let callback = state.waiting.pop_front();
            drop(state);
            // Nobody could be told of a panic.
            contain(|| callback.map(|callback| callback(self.outcome))).ok();
            state = lock(&self.callbacks.state);
            if state.left_over == 0 {
                state.running = false;
                return;
            }
            state.left_over -= 1;
        }
    }

    fn abandon(self: Arc<Self>) {
        let callback = lock(&self.callbacks.state).waiting.pop_front();
        drop_quietly(callback);
    }
}
