//! A worker: what it has of its own, and one turn of its loop.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ptr,
    sync::{Arc, Weak},
};

use super::Scheduler;
use crate::{
    scheduler::{
        parking::{Parker, Up},
        ring::{CAPACITY, Ring},
        timers::{Time, Timers},
    },
    sync::thread,
    task::{
        Entry, Flag,
        slab::{Class, Magazines, Vacant},
    },
};

/// How many turns a busy worker makes at most before it looks at the clock: it does so once a round, when all that was
/// queued has had its turn. A timer that fired earlier would have its task wait for that round all the same.
const TURNS_BETWEEN_TIMERS: usize = 32;
/// How many times it looks at its own timers before it looks at those of others too.
const LOOKS_BETWEEN_OTHERS: u32 = 8;
/// How many turns a worker with entries of its own makes before it looks at those of everybody.
const TURNS_BETWEEN_INJECTIONS: u32 = 61;

/// How many tasks in a row may come before those of the ring, because they were woken last.
const SKIPS: u32 = 3;

/// How often a worker looks for work once more before it sleeps, if short jobs are running: some microseconds.
const GLANCES: u32 = if cfg!(loom) { 0 } else { 16 };

/// How much room the queue of an event loop keeps while it sleeps, whatever it once needed.
const QUEUE_KEPT: usize = 4096;

/// What a worker has of its own.
pub(crate) struct Worker {
    /// What it works for.
    scheduler: Arc<Scheduler>,
    /// Which of the rings is its own.
    number: usize,
    /// Where it parks.
    parker: Arc<Parker>,
    /// What stays when another thread takes its place.
    core: RefCell<Core>,
    /// How many turns it has made.
    turns: Cell<u32>,
    /// How many it makes before it looks at the clock.
    turns_to_timers: Cell<usize>,
    /// How often it has looked.
    looks: Cell<u32>,
    /// Whether it was woken for work and has not found any yet.
    searches: Cell<bool>,
    /// How many jobs had ended when it last slept.
    ended: Cell<usize>,
    /// The task that was woken last, by the one before it: next in turn, and nobody steals it.
    next: Cell<Option<Entry>>,
    /// How many of those in a row came before the tasks of the ring.
    skips: Cell<u32>,
    /// The task that it polls.
    pub(crate) running: Cell<*const ()>,
    /// Whether that one has yielded.
    pub(crate) yielded: Flag,
}

/// What stays of a worker when another thread takes its place.
#[derive(Default)]
pub(crate) struct Core {
    /// What is due, in an event loop, which has no ring.
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
            looks: Cell::new(0),
            searches: Cell::new(false),
            ended: Cell::new(0),
            next: Cell::new(None),
            skips: Cell::new(0),
            running: Cell::new(ptr::null()),
            yielded: Flag::new(false),
        };
        if scheduler.rings.is_empty() {
            // What was queued before there was a worker comes before what the worker queues.
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

    /// Where this worker sets timers.
    #[inline]
    pub(crate) fn timers(&self) -> &Timers {
        &self.scheduler.timers[self.number]
    }

    /// Appends a task to this worker's queue; or, if it was woken by one that is being polled, makes it the next.
    ///
    /// Two tasks that talk to each other so stay together, and wake no other worker.
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

    /// Appends a task to the ring of this worker.
    #[inline]
    fn append(&self, ring: &Ring, entry: Entry) {
        if let Err(entry) = ring.push(entry) {
            self.overflow(ring, entry);
        }
        self.share(ring);
    }

    /// Runs the next task, or else waits for one; false says that the runtime has ended.
    pub(crate) fn turn(&self) -> bool {
        self.turns.set(self.turns.get().wrapping_add(1));
        match self.next() {
            Some(entry) => self.run(entry),
            None if fire(&self.scheduler.timers) => {}
            None => self.sleep(),
        }
        !self.scheduler.parking.is_closed()
    }

    /// Fires what is due, because a queue that never empties must not keep the timers from it. The next round has all that
    /// is queued by then, and `one_more`.
    fn look_at_timers(&self, one_more: bool) {
        let looks = self.looks.get().wrapping_add(1);
        self.looks.set(looks);
        // Those of others too, now and then: a worker may be busy with one task, or gone.
        let others = looks.is_multiple_of(LOOKS_BETWEEN_OTHERS);
        let own = self.number..=self.number;
        fire(if others { &self.scheduler.timers } else { &self.scheduler.timers[own] });
        let queued = match self.scheduler.rings.get(self.number) {
            Some(ring) => ring.len(),
            None => self.core.borrow().entries.len(),
        };
        let round = queued + usize::from(one_more);
        self.turns_to_timers.set(round.saturating_sub(1).min(TURNS_BETWEEN_TIMERS - 1));
    }

    /// Gives up the place of this worker: what it has is left to the others, or to whoever comes after.
    pub(crate) fn leave(&self) -> Core {
        self.end_search();
        if let (Some(entry), Some(ring)) = (self.next.take(), self.scheduler.rings.get(self.number)) {
            self.append(ring, entry);
        }
        // What is in its ring others can steal.
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
        // From here on a root may be polled, whose waker is a task's.
        self.end_poll();
        match self.turns_to_timers.get() {
            // Before the task queues again: those whose time has come while it ran come before it.
            0 => self.look_at_timers(again.is_some()),
            turns => self.turns_to_timers.set(turns - 1),
        }
        if let Some(again) = again {
            self.queue(again);
        }
    }

    /// Notes that the poll is over, though the task is not done with: what it wakes from here on it does not wait for.
    #[inline]
    pub(crate) fn end_poll(&self) {
        self.running.set(ptr::null());
    }

    /// Takes the next task: of this worker's own, of everybody's, of another worker's.
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
            next = self.take_next(ring);
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
    fn take_next(&self, ring: &Ring) -> Option<Entry> {
        let next = self.next.take();
        let skips = self.skips.replace(0);
        match next {
            Some(entry) if skips == SKIPS && ring.len() > 0 => {
                self.append(ring, entry);
                None
            }
            next => {
                self.skips.set(if next.is_some() { (skips + 1).min(SKIPS) } else { 0 });
                next
            }
        }
    }

    /// Moves everybody's tasks to this worker's own, so that all wait in one line.
    #[inline]
    fn collect(&self) {
        if self.scheduler.injector.len() > 0 {
            let entries = &mut self.core.borrow_mut().entries;
            self.scheduler.injector.take(|all| all, |entry| entries.push_back(entry));
        }
    }

    /// Takes tasks of everybody's, or else of another worker's: one to run, and the rest into the empty ring, where others
    /// can steal it.
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
                if other.take::<{ CAPACITY / 2 }>(|len| len.div_ceil(2), &mut take) > 0 {
                    return first;
                }
            }
        }
        None
    }

    /// Moves half of a full ring to where everybody looks, and one entry more.
    #[cold]
    fn overflow(&self, ring: &Ring, entry: Entry) {
        let mut entries = Vec::with_capacity(CAPACITY / 2 + 1);
        ring.take::<{ CAPACITY / 2 }>(|len| len / 2, |entry| entries.push(entry));
        entries.push(entry);
        // If the runtime has ended it finds the tasks.
        self.scheduler.injector.push(entries).ok();
    }

    /// Wakes another worker if there is something for it.
    #[inline]
    fn share(&self, ring: &Ring) {
        if self.scheduler.parking.has_sleepers() && ring.len() > 0 {
            self.scheduler.parking.wake_one();
        }
    }

    /// Wakes the next worker if there is more to do: by now the caller has something itself.
    fn pass_on(&self) {
        if self.scheduler.has_work() {
            self.scheduler.parking.wake_one();
        }
    }

    /// Sleeps until there may be something to do.
    fn sleep(&self) {
        self.end_search();
        self.core.borrow_mut().entries.shrink_to(QUEUE_KEPT);
        let scheduler = &self.scheduler;
        if self.glance() {
            return;
        }
        let next_deadline = || first_deadline(&scheduler.timers);
        let up = scheduler.parking.park(&self.parker, || scheduler.has_work(), next_deadline);
        self.searches.set(up == Up::ToSearch);
    }

    /// Looks for work a few times more, if jobs are running that are shorter than a sleep; tells whether there is some now.
    ///
    /// To be woken for such a job takes longer than the job, of the thread that could do the next one. That more jobs
    /// have ended since the last sleep than there are threads for them tells them from long ones.
    fn glance(&self) -> bool {
        let Some(jobs) = self.scheduler.host.jobs() else { return false };
        let since = jobs.ended.wrapping_sub(self.ended.replace(jobs.ended));
        since > jobs.max_threads
            && (0..GLANCES).any(|_| {
                thread::yield_now();
                self.scheduler.has_work()
            })
    }

    /// Notes that this worker no longer looks for work, and tells whether it was woken for that.
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

/// Fires those of these timers that are due, and tells whether there was one.
fn fire(timers: &[Arc<Timers>]) -> bool {
    if first_deadline(timers) == Time::NEVER {
        return false;
    }
    let now = Time::now();
    let due = timers.iter().filter(|timers| timers.next() <= now);
    due.fold(false, |any, timers| timers.fire(now) | any)
}

/// Takes the first task of a worker's own.
#[inline]
fn pop(ring: &Ring) -> Option<Entry> {
    let mut first = None;
    // One at a time: what is taken cannot be stolen, and would wait if the one before it blocks.
    while ring.len() > 0 && ring.take::<1>(|_| 1, |entry| first = Some(entry)) == 0 {}
    first
}
