//! Lingering: a worker that would park looks a little longer for a task from outside, if that has paid.
//!
//! To wake a worker costs the thread that does it a system call, and the task some microseconds; where a thread and a task
//! answer each other that is most of the time. So a worker that a task from outside has woken does not park at once when it
//! has run out of tasks. It is a habit (`habit.rs`), which pays if the next one comes meanwhile.
//!
//! It spins first: where whoever wakes it runs on another processor the next task is there before a call of the system would
//! be through. If a yield has run another thread, that is mostly the one that wakes it, and both would go on to take turns on
//! one processor, beside one that is idle: to wake a thread does not always move it. So then it lingers no more
//! for some parks, and is woken after all others, which last ran elsewhere.
//!
//! It counts as one that searches, so that nobody wakes another worker for a task that it finds; and that from before it looks
//! for something to steal, because a thread that spins may have the next task queued by then.

use std::time::Duration;

use crate::{
    scheduler::{
        parking::Turn,
        timers::Time,
        worker::{Worker, first_deadline},
    },
    sync::{Yielded, spin_until, yield_until},
};

/// The time before a deadline in which no worker lingers: longer than it takes, so that no timer is late for it.
const SOON: Duration = Duration::from_micros(50);

impl Worker {
    /// Begins to search, if this worker will linger unless it can steal a task: who queues one from here on wakes no other.
    pub(super) fn begin_to_linger(&self) {
        let may = self.lingering.would_begin() && self.has_company() && !self.leaves_tasks.get();
        if may && !self.searches.get() {
            self.searches.set(self.scheduler.parking.try_begin_search());
        }
    }

    /// Looks for tasks for some microseconds, if it pays; returns true if there is one. It searches then.
    pub(super) fn linger(&self) -> bool {
        let scheduler = &self.scheduler;
        let next_deadline = first_deadline(&scheduler.timers);
        let is_due_soon = || next_deadline != Time::NEVER && next_deadline <= Time::now().after(SOON);
        // A worker that lingers does not look at the sockets.
        let has_other_waits = || scheduler.sockets.in_use().is_some() || is_due_soon();
        // The next job has more use for the processor; short ones are looked after as the worker parks.
        let has_jobs = || scheduler.host.jobs().is_some();
        if self.leaves_tasks.get()
            || !self.lingering.begins()
            || has_jobs()
            || has_other_waits()
            || !self.searches.get() && !scheduler.parking.try_begin_search()
        {
            return false;
        }
        self.searches.set(true);
        let has_ended = || scheduler.has_work() || self.parker.has_signal();
        let Yielded { is_over: has_found, has_switched } = if spin_until(has_ended) {
            Yielded { is_over: true, has_switched: false }
        } else {
            yield_until(has_ended)
        };
        self.shares_processor.set(has_switched);
        // Another worker wakes this one for its tasks if need be, and mostly runs them itself.
        self.lingering.end(has_found && !has_switched && scheduler.injector.len() > 0);
        has_found || self.searches_on()
    }

    /// Returns the turn in which this worker is to be woken once it is parked.
    pub(super) fn turn_to_wake(&self) -> Turn {
        if self.shares_processor.get() { Turn::Last } else { Turn::First }
    }
}
