//! Lingering: a worker that would park looks a little longer for a task from outside, if that has paid.
//!
//! To wake a worker costs the thread that does it a system call, and the task some microseconds; where a thread and a task
//! answer each other that is most of the time. So a worker that a task from outside has woken does not park at once when it
//! has run out of tasks. It is a habit (`habit.rs`), which pays if the next one comes meanwhile.
//!
//! It counts as one that searches, so that nobody wakes another worker for a task that it finds.

use std::time::Duration;

use crate::{
    scheduler::{
        timers::Time,
        worker::{Worker, first_deadline},
    },
    sync::yield_until,
};

/// The time before a deadline in which no worker lingers: longer than it takes, so that no timer is late for it.
const SOON: Duration = Duration::from_micros(50);

impl Worker {
    /// Looks for tasks for some microseconds, if it pays; returns true if there is one. It searches then.
    pub(super) fn linger(&self) -> bool {
        let scheduler = &self.scheduler;
        let next_deadline = first_deadline(&scheduler.timers);
        let is_due_soon = || next_deadline != Time::NEVER && next_deadline <= Time::now().after(SOON);
        // A worker that lingers does not look at the sockets.
        let has_other_waits = || scheduler.sockets.in_use().is_some() || is_due_soon();
        // The next job has more use for the processor; short ones are looked after as the worker parks.
        let has_jobs = || scheduler.host.jobs().is_some();
        if !self.lingering.begins()
            || has_jobs()
            || has_other_waits()
            || !scheduler.parking.try_begin_search()
        {
            return false;
        }
        self.searches.set(true);
        let has_found = yield_until(|| scheduler.has_work() || self.parker.has_signal());
        // Another worker wakes this one for its tasks if need be, and mostly runs them itself.
        self.lingering.end(has_found && scheduler.injector.len() > 0);
        has_found || self.searches_on()
    }
}
