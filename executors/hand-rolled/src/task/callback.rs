//! Callbacks that run once a task has ended, as entries of the run queue.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    panic::{contain, drop_quietly},
    scheduler::Scheduler,
    sync::{Mutex, lock},
    task::outcome::Outcome,
};

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

    /// Queues the entry that runs one callback.
    pub(crate) fn queue_one(self: &Arc<Self>, scheduler: &Scheduler, outcome: Outcome) {
        drop(scheduler.spawn(Entry { callbacks: self.clone(), outcome, ran: false }));
    }

    /// Runs the first callback, and those that other entries leave to this one meanwhile.
    fn run(&self, outcome: Outcome) {
        let mut state = lock(&self.state);
        if state.running {
            state.left_over += 1;
            return;
        }
        state.running = true;
        loop {
            let callback = state.waiting.pop_front();
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

/// An entry of the run queue: a task that runs one callback.
struct Entry {
    /// Where the callback is that it runs.
    callbacks: Arc<Callbacks>,
    /// What the callback is told.
    outcome: Outcome,
    /// Whether it has.
    ran: bool,
}

impl Future for Entry {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.ran = true;
        self.callbacks.run(self.outcome);
        Poll::Ready(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !mem::replace(&mut self.ran, true) {
            // The runtime has ended.
            let callback = lock(&self.callbacks.state).waiting.pop_front();
            drop_quietly(callback);
        }
    }
}
