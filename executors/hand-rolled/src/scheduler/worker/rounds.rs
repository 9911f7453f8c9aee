//! The rounds of a worker: the tasks and the timers that it looks for between two polls.
//!
//! A worker works in *rounds*: the tasks that were in its ring when a round began have their turn. Then it takes
//! its share of the tasks in the injector. So what overflows a ring waits for one round.
//!
//! A task from outside is a *guest*: it waits for one turn. Once a round, as many as there are come before the tasks of the
//! ring, each taken out of the injector by itself, so that it is there for whichever worker ends its turn first. Those that come
//! later in that round wait for the next, and the tasks of the ring are thus not kept waiting for ever.
//!
//! If the share does not fit, there is a *crowd*, which takes its turns in shifts: the worker takes the oldest up
//! to half a ring, the other half being for tasks that they wake, and for a few rounds these are by themselves. They may thus come to an end before others begin, and mostly they are queued
//! without a lock, while their memory is in the caches. If most of them are still there in the last round of the
//! shift, those that yield queue up in the injector, behind all others. So more tasks than fit into the rings
//! have the same number of turns in the long run.

use std::time::Duration;

use crate::{
    scheduler::{
        ring::{CAPACITY, Ring},
        timers::Time,
        worker::{Worker, first_deadline},
    },
    task::Entry,
};

/// The most tasks that are in the ring when a shift begins, unless they were there before.
const MOST_OF_A_SHIFT: usize = CAPACITY / 2;
/// The number of rounds in a shift of a crowd.
const ROUNDS_OF_A_SHIFT: u32 = 8;
/// The most turns that a busy worker makes before it reads the clock.
///
/// It reads it once a round, when all tasks that were queued have had their turn. A timer that fired earlier
/// would have its task wait for that round all the same.
const TURNS_BETWEEN_TIMERS: usize = 32;
/// The number of times that a worker fires its own timers before it fires those of others too.
const READS_BETWEEN_OTHERS: u32 = 8;
/// The time between two looks at the clock of a busy worker from which on a poll was long. Another worker may be in one, too,
/// so the timers of all fire then.
const LONG: Duration = Duration::from_millis(1);
/// The number of times that a worker which never parks reads the clock before it gives memory back.
const READS_BETWEEN_TRIMS: u32 = 1024;

impl Worker {
    /// Begins a round; if it is not one of a shift that goes on, with a share of the tasks that wait in the
    /// injector.
    // Out of line, as all that is not done for each task: its registers would be saved for each.
    #[inline(never)]
    pub(super) fn begin_round(&self, ring: &Ring) {
        let has_own = ring.len() > 0;
        let next = match (self.round_of_shift.get(), ring.len()) {
            (0 | ROUNDS_OF_A_SHIFT, _) | (_, 0) => self.take_share(ring),
            (round, len) if round + 1 == ROUNDS_OF_A_SHIFT && len <= MOST_OF_A_SHIFT / 2 => {
                self.take_share(ring)
            }
            (round, _) => round + 1,
        };
        self.round_of_shift.set(next);
        self.round.set(ring.pushed());
        // A round of guests only takes no others: they would come before these, and take the lock one by one.
        self.guests_left.set(if has_own { None } else { Some(0) });
    }

    /// Leaves guests to other workers, or to the next round.
    pub(super) fn take_no_guests(&self) {
        self.guests_left.set(Some(0));
    }

    /// Takes a guest: a task from outside that comes before those of the ring.
    #[inline]
    pub(super) fn take_guest(&self, ring: &Ring) -> Option<Entry> {
        if self.scheduler.injector.len() > 0 && ring.len() > 0 && self.may_take_guests() {
            self.take_one_guest()
        } else {
            None
        }
    }

    /// Returns true unless the round has had its guests, or is one of a crowd.
    #[inline]
    fn may_take_guests(&self) -> bool {
        self.round_of_shift.get() == 0 && self.guests_left.get() != Some(0)
    }

    /// Takes one from the injector, where the others stay for whichever worker comes first.
    #[inline(never)]
    fn take_one_guest(&self) -> Option<Entry> {
        let taken = self.scheduler.injector.take_from_outside(MOST_OF_A_SHIFT);
        let left =
            taken.as_ref().map_or(0, |(_, left)| self.guests_left.get().map_or(*left, |left| left - 1));
        self.guests_left.set(Some(left));
        taken.map(|(entry, _)| entry)
    }

    /// Takes a share of the tasks that wait in the injector, as far as they fit. Returns one if this begins a
    /// shift, or else zero.
    fn take_share(&self, ring: &Ring) -> u32 {
        let (workers, len) = (self.scheduler.rings.len(), ring.len());
        let mut fits = true;
        let fit = |share: usize| {
            fits = share <= CAPACITY - len;
            if fits { share } else { MOST_OF_A_SHIFT.saturating_sub(len) }
        };
        let push = |entry| ring.push(entry).expect("nobody else pushes");
        self.scheduler.injector.take_share(workers, fit, push);
        u32::from(!fits)
    }

    /// Queues a task that goes on: behind all that is due, whoever has queued that, but in a shift behind those of
    /// the shift.
    // A part of the loop, as `Worker::next`.
    #[inline(always)]
    pub(super) fn queue_again(&self, entry: Entry) {
        let Some(ring) = self.scheduler.rings.get(self.number) else {
            self.collect();
            return self.queue(entry);
        };
        match self.round_of_shift.get() {
            0 if self.scheduler.injector.len() > 0 && !self.may_take_guests() => {
                self.round_of_shift.set(self.take_share(ring));
                self.push(ring, entry);
            }
            ROUNDS_OF_A_SHIFT => self.scheduler.injector.push_all([entry]),
            _ => self.push(ring, entry),
        }
        // Otherwise the next task is from a ring: once it has been taken, this one is offered.
        if self.has_next() {
            self.offer(ring);
        }
    }

    /// Moves the tasks of the injector to the queue of an event loop, so that all wait in one line.
    #[inline]
    pub(super) fn collect(&self) {
        if self.scheduler.injector.len() > 0 {
            let entries = &mut self.core.borrow_mut().entries;
            self.scheduler.injector.take(|all| all, |entry| entries.push_back(entry));
        }
    }

    /// Moves half of a full ring, and one task more, to the injector.
    #[cold]
    pub(super) fn overflow(&self, ring: &Ring, entry: Entry) {
        let mut entries = Vec::with_capacity(CAPACITY / 2 + 1);
        ring.take::<{ CAPACITY / 2 }>(|len| len / 2, |entry| entries.push(entry));
        entries.push(entry);
        self.scheduler.injector.push_all(entries);
    }

    /// Takes half of the tasks of another worker's ring: one to run, and the rest into the empty ring, where
    /// others can steal them.
    #[inline(never)]
    pub(super) fn steal(&self, ring: &Ring) -> Option<Entry> {
        let mut first = None;
        let mut take = |entry| {
            if first.is_none() {
                first = Some(entry);
            } else {
                ring.push(entry).expect("it was empty, and nobody takes more than fits");
            }
        };
        let rings = &self.scheduler.rings;
        let others = rings[self.number + 1..].iter().chain(&rings[..self.number]);
        for other in others {
            while other.len() > 0 {
                let stolen = other.take::<{ CAPACITY / 2 }>(|len| len.div_ceil(2), &mut take);
                if stolen > 0 {
                    self.counters().steals.add(stolen as u64);
                    return first;
                }
            }
        }
        None
    }

    /// Fires the timers that are due, so that a queue that never empties does not keep them waiting.
    ///
    /// The next round has the tasks that are queued by then, and `one_more`.
    #[inline(never)]
    pub(super) fn fire_timers(&self, one_more: bool) {
        let pushed = self.scheduler.rings.get(self.number).map_or(0, Ring::pushed);
        let clock_reads = self.clock_reads.get().wrapping_add(1);
        self.clock_reads.set(clock_reads);
        // The timers of others too, now and then: their worker may be in a long poll, or gone.
        let others = clock_reads.is_multiple_of(READS_BETWEEN_OTHERS);
        let is_watchful = self.fire_now(others);
        if clock_reads.is_multiple_of(READS_BETWEEN_TRIMS) {
            self.trim();
        }
        self.look_at_sockets(others, one_more);
        let queued = match self.scheduler.rings.get(self.number) {
            Some(ring) => {
                if ring.pushed() != pushed {
                    self.due.set(ring.pushed());
                }
                ring.len()
            }
            None => self.core.borrow().entries.len(),
        };
        let round = if is_watchful { 1 } else { queued + usize::from(one_more) };
        self.turns_to_timers.set(round.saturating_sub(1).min(TURNS_BETWEEN_TIMERS - 1));
    }

    /// Fires the timers of this worker that are due, and those of others too if it is their turn or a poll was long. Returns true
    /// if the clock is to be read after each poll for now.
    ///
    /// A poll of some milliseconds in the midst of a round would have the next one begin before the timers that it has made
    /// late. As it is likely to be followed by another, the worker is on the watch for as long again as it took; but
    /// not on an event loop, where all that is due in a round fires in the order of the deadlines.
    fn fire_now(&self, others: bool) -> bool {
        let all = &*self.scheduler.timers;
        let own = &all[self.number..=self.number];
        if first_deadline(if others { all } else { own }) == Time::NEVER {
            self.clock_read.set(Time::NEVER);
            return false;
        }
        let now = Time::now();
        let since = now.since(self.clock_read.replace(now));
        let was_long = since >= LONG;
        if was_long {
            self.watches_until.set(now.after(since));
        }
        self.fire_due(if others || was_long { all } else { own }, now);
        now < self.watches_until.get() && !self.scheduler.is_event_loop()
    }
}
