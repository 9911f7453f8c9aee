//! A worker: a thread that runs tasks, and one turn of its loop.
//!
//! A worker takes tasks from, in this order: `next`, the task that the last poll woke last; its own ring; the
//! injector; the rings of other workers. An event loop has one worker, and one first-in-first-out queue in
//! their place.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ptr,
    sync::{Arc, Weak},
};

use super::Scheduler;
use crate::{
    scheduler::{
        counters::Counters,
        parking::{Parker, WakeReason},
        ring::{CAPACITY, Ring},
        timers::{Time, Timers},
    },
    sync::thread,
    task::{
        Entry, Flag,
        slab::{Class, Magazines, Vacant},
    },
};

/// The most turns that a busy worker makes before it reads the clock.
///
/// It reads it once a round, when all tasks that were queued have had their turn. A timer that fired earlier
/// would have its task wait for that round all the same.
const TURNS_BETWEEN_TIMERS: usize = 32;
/// The number of times that a worker fires its own timers before it fires those of others too.
const READS_BETWEEN_OTHERS: u32 = 8;
/// The number of turns that a worker with tasks of its own makes before it takes one of the injector.
const TURNS_BETWEEN_INJECTIONS: u32 = 61;

/// The most tasks in a row that come before those of the ring, because they were woken last.
const MAX_NEXT_IN_A_ROW: u32 = 3;

/// The number of times that a worker yields its processor before it parks, if short jobs are running: some
/// microseconds.
const BRIEF_SPINS: u32 = if cfg!(loom) { 0 } else { 16 };

/// The room that the queue of an event loop keeps while its worker is parked, however long the queue once
/// was.
const QUEUE_KEPT: usize = 4096;

/// A thread that runs tasks.
pub(crate) struct Worker {
    /// The scheduler whose tasks it runs.
    scheduler: Arc<Scheduler>,
    /// The index of its ring and of its timers.
    number: usize,
    /// Lets other threads wake it.
    parker: Arc<Parker>,
    /// The part of it that stays when another thread takes its place.
    core: RefCell<Core>,
    /// The number of turns that it has made; it wraps around.
    turns: Cell<u32>,
    /// The number of turns that it makes before it reads the clock.
    turns_to_timers: Cell<usize>,
    /// The number of times that it has read the clock; it wraps around.
    clock_reads: Cell<u32>,
    /// True from when it was woken for a task until it has found one, or found none.
    searches: Cell<bool>,
    /// The number of jobs that had ended when it last parked.
    jobs_ended: Cell<usize>,
    /// The task that was woken last, by the task before it: it comes next, and no worker steals it.
    next: Cell<Option<Entry>>,
    /// The number of such tasks in a row that came before those of the ring.
    next_in_a_row: Cell<u32>,
    /// The id of the task that it polls; null between polls.
    pub(crate) running: Cell<*const ()>,
    /// Set by a task that yields.
    pub(crate) yielded: Flag,
}

/// The part of a worker that stays when another thread takes its place.
#[derive(Default)]
pub(crate) struct Core {
    /// The run queue of an event loop, which has no ring.
    entries: VecDeque<Entry>,
    /// Its free cells.
    pub(crate) magazines: Magazines,
}

impl Worker {
    /// Makes a worker of the current thread.
    pub(crate) fn new(scheduler: &Arc<Scheduler>, parker: Arc<Parker>, number: usize, core: Core) -> Worker {
        let worker = Worker {
            scheduler: scheduler.clone(),
            number,
            parker,
            core: RefCell::new(core),
            turns: Cell::new(0),
            turns_to_timers: Cell::new(0),
            clock_reads: Cell::new(0),
            searches: Cell::new(false),
            jobs_ended: Cell::new(0),
            next: Cell::new(None),
            next_in_a_row: Cell::new(0),
            running: Cell::new(ptr::null()),
            yielded: Flag::new(false),
        };
        if scheduler.rings.is_empty() {
            // Tasks that were queued before there was a worker come before those that the worker queues.
            worker.collect();
        }
        worker
    }

    /// Lends memory for a task.
    #[inline]
    pub(super) fn lend(&self, class: Class, scheduler: &Weak<Scheduler>) -> Vacant {
        self.scheduler.slab.lend(class, scheduler, Some(&mut self.core.borrow_mut().magazines))
    }

    /// Takes memory back; returns the scheduler, if the memory was all that kept it.
    #[inline]
    #[must_use = "it may be the last of the scheduler"]
    pub(super) fn restore(&self, class: Class, cell: Vacant) -> Option<Arc<Scheduler>> {
        self.scheduler.slab.restore(class, cell, Some(&mut self.core.borrow_mut().magazines))
    }

    /// Returns the counters of this worker.
    #[inline]
    pub(super) fn counters(&self) -> &Counters {
        &self.scheduler.counters[self.number]
    }

    /// Returns the timers that this worker sets.
    #[inline]
    pub(crate) fn timers(&self) -> &Timers {
        &self.scheduler.timers[self.number]
    }

    /// Appends a task to this worker's queue; or, during a poll, makes it the next task.
    ///
    /// Two tasks that wake each other thus stay on one worker, and wake no other.
    #[inline]
    pub(crate) fn queue(&self, entry: Entry) {
        let Some(ring) = self.scheduler.rings.get(self.number) else {
            self.core.borrow_mut().entries.push_back(entry);
            return;
        };
        if self.running.get().is_null() {
            self.append(ring, entry);
        } else if let Some(earlier) = self.next.replace(Some(entry)) {
            self.append(ring, earlier);
        }
    }

    /// Appends a task to the ring of this worker, for which another worker may be woken.
    #[inline]
    fn append(&self, ring: &Ring, entry: Entry) {
        if let Err(entry) = ring.push(entry) {
            self.overflow(ring, entry);
        }
        self.share(ring);
    }

    /// Runs the next task, or parks until there may be one. Returns false once the runtime has ended.
    pub(crate) fn turn(&self) -> bool {
        self.turns.set(self.turns.get().wrapping_add(1));
        match self.next() {
            Some(entry) => self.run(entry),
            None if fire(&self.scheduler.timers) => {}
            None => self.park(),
        }
        !self.scheduler.parking.is_closed()
    }

    /// Fires the timers that are due, so that a queue that never empties does not keep them waiting.
    ///
    /// The next round has the tasks that are queued by then, and `one_more`.
    fn fire_timers(&self, one_more: bool) {
        let clock_reads = self.clock_reads.get().wrapping_add(1);
        self.clock_reads.set(clock_reads);
        // The timers of others too, now and then: their worker may be in a long poll, or gone.
        let others = clock_reads.is_multiple_of(READS_BETWEEN_OTHERS);
        let own = self.number..=self.number;
        fire(if others { &self.scheduler.timers } else { &self.scheduler.timers[own] });
        let queued = match self.scheduler.rings.get(self.number) {
            Some(ring) => ring.len(),
            None => self.core.borrow().entries.len(),
        };
        let round = queued + usize::from(one_more);
        self.turns_to_timers.set(round.saturating_sub(1).min(TURNS_BETWEEN_TIMERS - 1));
    }

    /// Gives up the place of this worker. Its tasks are left to the other workers, its core to the next one
    /// in this place.
    pub(crate) fn leave(&self) -> Core {
        self.end_search();
        if let (Some(entry), Some(ring)) = (self.next.take(), self.scheduler.rings.get(self.number)) {
            self.append(ring, entry);
        }
        // The others can steal from its ring.
        self.pass_on();
        self.core.take()
    }

    /// Ends a thread that was a worker.
    pub(crate) fn end(&self) {
        self.scheduler.restore_all(self.leave().magazines);
    }

    /// Runs a task.
    #[inline]
    fn run(&self, entry: Entry) {
        self.running.set(entry.id());
        self.yielded.set(false);
        let again = entry.run(&self.yielded);
        let counters = self.counters();
        counters.polls.add(1);
        counters.ended.add(u64::from(again.is_none() && self.yielded.take()));
        // From here on a root may be polled, whose waker is a task's: a yield of the root must not count as
        // this task's.
        self.end_poll();
        match self.turns_to_timers.get() {
            // Before the task queues again: the tasks whose time has come while it ran come before it.
            0 => self.fire_timers(again.is_some()),
            turns => self.turns_to_timers.set(turns - 1),
        }
        if let Some(again) = again {
            self.queue(again);
        }
    }

    /// Notes that the poll is over. A task that is woken from here on is appended to the queue, and does not
    /// come next.
    #[inline]
    pub(super) fn end_poll(&self) {
        self.running.set(ptr::null());
    }

    /// Takes the next task, from wherever there is one.
    #[inline]
    fn next(&self) -> Option<Entry> {
        let Some(ring) = self.scheduler.rings.get(self.number) else {
            self.collect();
            return self.core.borrow_mut().entries.pop_front();
        };
        let mut next = None;
        if self.turns.get().is_multiple_of(TURNS_BETWEEN_INJECTIONS) {
            self.scheduler.injector.take(|_| 1, |entry| next = Some(entry));
        }
        if next.is_none() {
            next = self.take_woken_last(ring);
        }
        let entry = next.or_else(|| pop(ring)).or_else(|| self.search(ring))?;
        if self.end_search() {
            self.pass_on();
        } else {
            self.share(ring);
        }
        Some(entry)
    }

    /// Takes the task that was woken last, unless enough of those have come before the ring's.
    #[inline]
    fn take_woken_last(&self, ring: &Ring) -> Option<Entry> {
        let next = self.next.take();
        let in_a_row = self.next_in_a_row.replace(0);
        match next {
            Some(entry) if in_a_row == MAX_NEXT_IN_A_ROW && ring.len() > 0 => {
                self.append(ring, entry);
                None
            }
            next => {
                let in_a_row = (in_a_row + 1).min(MAX_NEXT_IN_A_ROW);
                self.next_in_a_row.set(if next.is_some() { in_a_row } else { 0 });
                next
            }
        }
    }

    /// Moves the tasks of the injector to the queue of an event loop, so that all wait in one line.
    #[inline]
    fn collect(&self) {
        if self.scheduler.injector.len() > 0 {
            let entries = &mut self.core.borrow_mut().entries;
            self.scheduler.injector.take(|all| all, |entry| entries.push_back(entry));
        }
    }

    /// Takes tasks of the injector, or else of another worker's ring: one to run, and the rest into the empty
    /// ring, where others can steal them.
    fn search(&self, ring: &Ring) -> Option<Entry> {
        let mut first = None;
        let mut take = |entry| {
            if first.is_none() {
                first = Some(entry);
            } else {
                ring.push(entry).expect("it was empty, and nobody takes more than fits");
            }
        };
        let rings = &self.scheduler.rings;
        let fair = |len: usize| (len / rings.len()).clamp(1, CAPACITY / 2);
        if self.scheduler.injector.take(fair, &mut take) > 0 {
            return first;
        }
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

    /// Moves half of a full ring, and one task more, to the injector.
    #[cold]
    fn overflow(&self, ring: &Ring, entry: Entry) {
        let mut entries = Vec::with_capacity(CAPACITY / 2 + 1);
        ring.take::<{ CAPACITY / 2 }>(|len| len / 2, |entry| entries.push(entry));
        entries.push(entry);
        // A runtime that has ended finds the tasks in the slab.
        self.scheduler.injector.push(entries).ok();
    }

    /// Wakes another worker if the ring has a task for it.
    #[inline]
    fn share(&self, ring: &Ring) {
        if self.scheduler.parking.should_wake() && ring.len() > 0 {
            self.scheduler.parking.wake_one();
        }
    }

    /// Wakes another worker if any queue has a task: this one has a task itself, or leaves.
    fn pass_on(&self) {
        if self.scheduler.has_work() {
            self.scheduler.parking.wake_one();
        }
    }

    /// Parks until there may be something to do.
    fn park(&self) {
        self.end_search();
        self.core.borrow_mut().entries.shrink_to(QUEUE_KEPT);
        let scheduler = &self.scheduler;
        if self.spin_for_short_jobs() {
            return;
        }
        self.counters().parks.add(1);
        let next_deadline = || first_deadline(&scheduler.timers);
        let reason = scheduler.parking.park(&self.parker, || scheduler.has_work(), next_deadline);
        self.searches.set(reason == WakeReason::Task);
    }

    /// Yields the processor a few times, if jobs are running that are shorter than a sleep; returns true if a
    /// task has come.
    ///
    /// A worker that parks has to be woken at the end of such a job, by the thread that could run the next
    /// job meanwhile, and that takes longer than the job. Short jobs are told from long ones by their number:
    /// more of them have ended since the last sleep than there are threads for them.
    fn spin_for_short_jobs(&self) -> bool {
        let Some(jobs) = self.scheduler.host.jobs() else { return false };
        let since = jobs.ended.wrapping_sub(self.jobs_ended.replace(jobs.ended));
        since > jobs.max_threads
            && (0..BRIEF_SPINS).any(|_| {
                thread::yield_now();
                self.scheduler.has_work()
            })
    }

    /// Ends the search of this worker; returns true if it was searching.
    fn end_search(&self) -> bool {
        let searched = self.searches.take();
        if searched {
            self.scheduler.parking.end_search();
        }
        searched
    }
}

/// Returns the earliest deadline of these timers, or an earlier time if its timer was taken back.
fn first_deadline(timers: &[Arc<Timers>]) -> Time {
    timers.iter().map(|timers| timers.next()).min().unwrap_or(Time::NEVER)
}

/// Fires the timers that are due; returns true if there was one.
fn fire(timers: &[Arc<Timers>]) -> bool {
    if first_deadline(timers) == Time::NEVER {
        return false;
    }
    let now = Time::now();
    let due = timers.iter().filter(|timers| timers.next() <= now);
    due.fold(false, |any, timers| timers.fire(now) | any)
}

/// Takes the first task of a worker's own ring.
#[inline]
fn pop(ring: &Ring) -> Option<Entry> {
    let mut first = None;
    // One at a time: a task that is taken cannot be stolen, and would wait if the one before it blocks.
    while ring.len() > 0 && ring.take::<1>(|_| 1, |entry| first = Some(entry)) == 0 {}
    first
}
