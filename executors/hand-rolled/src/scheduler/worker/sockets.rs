//! The sockets of a worker: it waits for them when it parks, looks at them while it is busy, and delivers what there is.
//!
//! `reactor.rs` says who does so when.

#![cfg_attr(any(not(target_os = "linux"), loom), allow(dead_code, reason = "only sockets use it"))]

use std::{ptr, time::Instant};

use crate::scheduler::{
    parking::Signal,
    reactor::MOST_EVENTS,
    ring::CAPACITY,
    timers::Time,
    worker::{Worker, first_deadline},
};

/// The most operations on sockets that succeed in one poll.
///
/// A socket that is always ready would otherwise keep its task going for ever, and the others waiting.
const MOST_SUCCESSES: u32 = 64;

/// Returns what stands for the id of a task while events are delivered.
pub(super) fn delivery() -> *const () {
    static DELIVERY: u64 = 0;
    ptr::from_ref(&DELIVERY).cast()
}

impl Worker {
    /// Waits until there is something to do: for sockets, if one is registered and nobody else does.
    pub(super) fn wait(&self, alarm: Option<Instant>) -> Signal {
        let Some(reactor) = self.scheduler.sockets.in_use() else { return self.parker.wait(alarm) };
        if reactor.is_the_parents() {
            if reactor.has_ended() {
                return self.parker.wait(alarm);
            }
            // Who waits for a socket here waits for the parent's.
            reactor.end();
            return Signal::GoOn;
        }
        match reactor.sit() {
            Some(seat) => self.parker.wait_in(seat, &mut self.batch.borrow_mut(), alarm),
            None => self.parker.wait(alarm),
        }
    }

    /// Looks at the sockets before it parks until a deadline, if it pays, and delivers the events; returns true if there were
    /// some.
    ///
    /// A park with a deadline reads the clock some times, as the system does, and goes into the list of the parked and out of
    /// it again: longer than a task takes that answers another. On a busy server there are events whenever it has run out of
    /// tasks. Without a deadline a look costs as much as it spares.
    pub(super) fn finds_events(&self) -> bool {
        let Some(reactor) = self.scheduler.sockets.in_use() else { return false };
        let has_deadline =
            || self.scheduler.slab.has_spare() || first_deadline(&self.scheduler.timers) != Time::NEVER;
        if !self.looking.begins() || !has_deadline() || reactor.is_the_parents() {
            return false;
        }
        let Some(seat) = reactor.sit() else { return false };
        let has_found = seat.look_before(&mut self.batch.borrow_mut());
        drop(seat);
        self.looking.end(has_found);
        self.deliver();
        has_found
    }

    /// Delivers the events for which it has waited. The task of the first comes next, so that one event alone wakes no
    /// other worker.
    pub(super) fn deliver(&self) {
        if self.batch.borrow().has_events() {
            self.running.set(delivery());
            self.deliver_batch(!self.scheduler.is_event_loop());
            self.end_poll();
        }
    }

    /// Looks at the sockets, if nobody has for some time: their tasks have their turn with the rest. It may not be
    /// worth reading the clock for that, unless it `must`: a worker that has no task waits for sockets soon.
    pub(super) fn look_at_sockets(&self, must: bool, one_more: bool) {
        let Some(reactor) = self.scheduler.sockets.in_use() else { return };
        if !must && !one_more && !self.has_more() || reactor.is_the_parents() {
            return;
        }
        let Some(seat) = reactor.sit_to_look() else { return };
        // A ring that is full makes room for one.
        let ring = self.scheduler.rings.get(self.number);
        let room = ring.map_or(MOST_EVENTS, |ring| (CAPACITY - ring.len()).clamp(1, MOST_EVENTS));
        seat.look(&mut self.batch.borrow_mut(), room);
        drop(seat);
        if self.batch.borrow().has_events() {
            self.deliver_batch(false);
        }
    }

    /// Returns true if it has a task to run.
    fn has_more(&self) -> bool {
        match self.scheduler.rings.get(self.number) {
            Some(ring) => self.has_next() || self.others_wait(ring),
            None => self.has_queue(),
        }
    }

    /// Delivers the events that it has taken, if there are any.
    fn deliver_batch(&self, first_last: bool) {
        let Some(reactor) = self.scheduler.sockets.get() else { return };
        // Not under the borrow: a waker may be anybody's code.
        let mut batch = self.batch.take();
        batch.deliver(reactor, first_last, || self.prepare_for_waker());
        self.batch.replace(batch);
    }

    /// Leaves the seat to a parked worker: this one leaves.
    pub(super) fn leave_sockets(&self) {
        if self.scheduler.sockets.in_use().is_some() {
            self.scheduler.parking.tell_of_seat();
        }
    }

    /// Returns true unless the task that it polls has had its share of the sockets, and is to yield.
    pub(crate) fn may_use_sockets(&self) -> bool {
        let (poll, successes) = self.successes.get();
        successes < MOST_SUCCESSES || poll != self.counters().polls.get()
    }

    /// Begins to count anew: a root has been polled, which counts as no poll, and the next task is to have its own share.
    pub(super) fn renew_successes(&self) {
        self.successes.set((0, 0));
    }

    /// Counts an operation that has succeeded.
    pub(crate) fn count_success(&self) {
        let (poll, successes) = self.successes.get();
        let now = self.counters().polls.get();
        self.successes.set(if poll == now { (poll, successes + 1) } else { (now, 1) });
    }
}
