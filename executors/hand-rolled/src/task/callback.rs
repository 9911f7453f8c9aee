//! Callbacks that run once a task has ended, each as a task of the runtime's own.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::outcome::Outcome;
use crate::{
    nesting::in_depth,
    panic::{contain, drop_quietly},
    sync::{Mutex, lock},
};

/// A function to call at the end of a task.
pub(crate) type Callback = Box<dyn FnOnce(Outcome) + Send>;

/// The callbacks of one task that have not run, in order of registration.
///
/// There is a [`CallbackTurn`] in the run queue for each, but whichever turn comes runs the first callback,
/// and none runs while another does. So callbacks keep their order on several workers, too.
#[derive(Default)]
pub(super) struct Callbacks {
    /// The callbacks and who runs them, under the lock.
    state: Mutex<Waiting>,
}

/// The state that the lock of callbacks protects.
#[derive(Default)]
struct Waiting {
    /// The callbacks that have not run.
    callbacks: VecDeque<Callback>,
    /// True while a worker runs one.
    running: bool,
    /// The number of turns that came meanwhile, and left their callback to that worker.
    left_over: usize,
}

impl Callbacks {
    /// Appends a callback.
    pub(super) fn push(&self, callback: Callback) {
        lock(&self.state).callbacks.push_back(callback);
    }

    /// Spawns the turn of one callback.
    pub(super) fn queue_one(self: &Arc<Self>, outcome: Outcome, spawn: impl FnOnce(CallbackTurn)) {
        spawn(CallbackTurn { callbacks: self.clone(), outcome, is_over: false });
    }

    /// Runs the first callback, and those that other turns leave to this one meanwhile.
    fn run(&self, outcome: Outcome) {
        let mut state = lock(&self.state);
        if state.running {
            state.left_over += 1;
            return;
        }
        state.running = true;
        loop {
            let callback = state.callbacks.pop_front();
            drop(state);
            // Nobody could be told of a panic.
            contain(|| callback.map(|callback| callback(outcome))).ok();
            state = lock(&self.state);
            if state.left_over == 0 {
                state.running = false;
                return;
            }
            state.left_over -= 1;
        }
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        // Those of a job that outlived its runtime. A panic would be that of whoever frees the task.
        let rest = mem::take(&mut lock(&self.state).callbacks);
        rest.into_iter().for_each(drop_quietly);
    }
}

/// A task that runs one callback.
pub(super) struct CallbackTurn {
    /// The callbacks, the first of which is run.
    callbacks: Arc<Callbacks>,
    /// The outcome that the callback is told.
    outcome: Outcome,
    /// Set once the callback was run, or left to another turn.
    is_over: bool,
}

impl Future for CallbackTurn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.is_over = true;
        self.callbacks.run(self.outcome);
        Poll::Ready(())
    }
}

impl Drop for CallbackTurn {
    fn drop(&mut self) {
        if !mem::replace(&mut self.is_over, true) {
            // The runtime has ended.
            let callback = lock(&self.callbacks.state).callbacks.pop_front();
            // It may have the promise of another task with a callback, and so on.
            in_depth(|| drop_quietly(callback));
        }
    }
}
