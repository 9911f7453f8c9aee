//! The run queue, first in, first out, and where idle workers park.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Wake,
    thread::{self, Thread},
    time::Instant,
};

use crate::lock;

/// An entry of a queue: something that is due.
pub(crate) trait Runnable: Send + Sync {
    /// Does what is due, once. Contains all panics.
    fn run(self: Arc<Self>);

    /// Gives up what is due, because the runtime has ended. Contains all panics.
    fn abandon(self: Arc<Self>);
}

/// The run queue of a runtime, shared by all its workers.
#[derive(Default)]
pub(crate) struct Queue {
    /// Entries and idle workers under one lock: a worker that goes idle has seen the queue empty.
    state: Mutex<State>,
}

/// What the lock of the queue protects.
#[derive(Default)]
struct State {
    /// What is due, in the order in which it became so.
    entries: VecDeque<Arc<dyn Runnable>>,
    /// The parked workers. The first is the timekeeper: it sleeps until the next deadline, the others until woken.
    idle: Vec<Arc<Parker>>,
    /// Whether the runtime has ended.
    closed: bool,
}

impl Queue {
    /// Appends an entry and wakes an idle worker for it; a closed queue gives the entry back.
    pub(crate) fn push(&self, entry: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(entry);
        }
        state.entries.push_back(entry);
        // The last to go idle: it is the one with the warmest caches, and the timekeeper only if it is the only one.
        let idle = state.idle.pop();
        drop(state);
        if let Some(worker) = idle {
            worker.unpark();
        }
        Ok(())
    }

    /// Takes the first entry, unless the queue is empty or closed.
    pub(crate) fn pop(&self) -> Option<Arc<dyn Runnable>> {
        let mut state = lock(&self.state);
        if state.closed { None } else { state.entries.pop_front() }
    }

    /// Parks a worker that has nothing to do, at most until the next deadline, and tells whether it is to go on.
    ///
    /// It may come back for no reason. The deadline is asked for under the lock, so that one which is set meanwhile
    /// finds the timekeeper parked or is found by it.
    pub(crate) fn park(&self, worker: &Arc<Parker>, next_deadline: impl FnOnce() -> Option<Instant>) -> bool {
        let mut state = lock(&self.state);
        if state.closed || !state.entries.is_empty() {
            return !state.closed;
        }
        state.idle.push(worker.clone());
        let deadline = if state.idle.len() == 1 { next_deadline() } else { None };
        drop(state);

        worker.wait(deadline);

        let mut state = lock(&self.state);
        let place = state.idle.iter().position(|idle| Arc::ptr_eq(idle, worker));
        if let Some(place) = place {
            state.idle.remove(place);
        }
        let next_timekeeper = if place == Some(0) { state.idle.first().cloned() } else { None };
        let open = !state.closed;
        drop(state);
        if let Some(worker) = next_timekeeper {
            worker.unpark();
        }
        open
    }

    /// Wakes the timekeeper, because the next deadline is now another.
    pub(crate) fn unpark_timekeeper(&self) {
        let timekeeper = lock(&self.state).idle.first().cloned();
        if let Some(worker) = timekeeper {
            worker.unpark();
        }
    }

    /// Refuses entries from now on and sends all workers away, even if there are entries left.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let idle = mem::take(&mut state.idle);
        drop(state);
        for worker in idle {
            worker.unpark();
        }
    }

    /// Tells whether entries are refused.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Takes all entries that are left in a closed queue.
    pub(crate) fn drain(&self) -> VecDeque<Arc<dyn Runnable>> {
        mem::take(&mut lock(&self.state).entries)
    }
}

/// Where one thread waits to be woken.
///
/// A flag beside the thread's own token makes it immune to code of the user that parks and unparks the same thread.
pub(crate) struct Parker {
    /// The only thread that waits here.
    thread: Thread,
    /// Whether it has been woken since it last waited.
    woken: AtomicBool,
}

impl Parker {
    /// Makes the parker of the current thread.
    pub(crate) fn new() -> Arc<Parker> {
        Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) })
    }

    /// Waits to be woken, or for the deadline; returns at once if it has been woken since it last waited.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        while !self.woken.swap(false, Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => return,
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Wakes the thread, now or when it next waits.
    pub(crate) fn unpark(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}
