//! A worker: a thread that runs tasks, and one turn of its loop.
//!
//! A worker takes tasks from, in this order: `next`, the task that the last poll woke last; its own ring; the
//! rings of other workers. An event loop has one worker, and one first-in-first-out queue in their place.
//!
//! A worker works in *rounds*: the tasks that were in its ring when a round began have their turn. Then it takes
//! its share of the oldest tasks in the injector, as far as they fit. A task that yields while there are tasks in
//! the injector queues up behind those. So what comes from elsewhere, or did not fit into a ring, waits for one
//! round, and more tasks than fit into the rings take their turns in one line.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    ptr,
    sync::{Arc, Weak},
    task::Waker,
};

use super::Scheduler;
use crate::{
    scheduler::{
        counters::Counters,
        parking::{Parker, WakeReason},
        ring::{CAPACITY, Ring},
        slack::NoSlack,
        timers::{Time, Timers},
    },
    sync::{
        atomic::{Ordering::SeqCst, fence},
        thread,
    },
    task::{self, Entry, Flag, chunk::Vacant, class::Class, slab::Magazines},
};

/// The most turns that a busy worker makes before it reads the clock.
///
/// It reads it once a round, when all tasks that were queued have had their turn. A timer that fired earlier
/// would have its task wait for that round all the same.
const TURNS_BETWEEN_TIMERS: usize = 32;
/// The number of times that a worker fires its own timers before it fires those of others too.
const READS_BETWEEN_OTHERS: u32 = 8;
/// The number of times that a worker which never parks reads the clock before it gives memory back.
const READS_BETWEEN_TRIMS: u32 = 1024;

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
    /// The number of tasks that had ever been pushed to its ring when its round began.
    round: Cell<usize>,
    /// The number of turns that it makes before it reads the clock.
    turns_to_timers: Cell<usize>,
    /// The number of times that it has read the clock; it wraps around.
    clock_reads: Cell<u32>,
    /// True from when it was woken for a task until it has found one, or found none.
    searches: Cell<bool>,
    /// True if there may be a deadline that no parked worker keeps, because this one has got up or has set a
    /// timer: it hands over before it runs code of the user.
    keeps_time: Cell<bool>,
    /// True while it leaves the tasks that its root has queued to free workers.
    leaves_tasks: Cell<bool>,
    /// The number of intervals after which memory was given back, as it last knew it.
    trims: Cell<u32>,
    /// Set once it has slept to a deadline.
    no_slack: OnceCell<NoSlack>,
    /// The number of jobs that had ended when it last parked.
    jobs_ended: Cell<usize>,
    /// The task that was woken last, by the task before it: it comes next, and no worker steals it.
    next: Cell<Option<Entry>>,
    /// The number of such tasks in a row that came before those of the ring.
    next_in_a_row: Cell<u32>,
    /// The data of the waker of the root that it polls; null between polls.
    root: Cell<*const ()>,
    /// The id of the task that it polls; null between polls.
    pub(crate) running: Cell<*const ()>,
    /// Set by a task that yields.
    pub(crate) yielded: Flag,
}

/// The part of a worker that stays when another thread takes its place.
#[derive(Default)]
pub(crate) struct Core {
    /// The run queue of an event loop, which has no ring.
    pub(super) entries: VecDeque<Entry>,
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
            round: Cell::new(0),
            turns_to_timers: Cell::new(0),
            clock_reads: Cell::new(0),
            searches: Cell::new(false),
            keeps_time: Cell::new(false),
            leaves_tasks: Cell::new(false),
            trims: Cell::new(scheduler.trimming.rounds()),
            no_slack: OnceCell::new(),
            jobs_ended: Cell::new(0),
            next: Cell::new(None),
            next_in_a_row: Cell::new(0),
            root: Cell::new(ptr::null()),
            running: Cell::new(ptr::null()),
            yielded: Flag::new(false),
        };
        if scheduler.rings.is_empty() {
            // Tasks that were queued before there was a worker come before those that the worker queues.
            worker.collect();
        }
        worker
    }

    /// Makes a worker of the current thread that has been counted as one that searches.
    pub(crate) fn searching(scheduler: &Arc<Scheduler>, parker: Arc<Parker>, number: usize) -> Worker {
        let worker = Worker::new(scheduler, parker, number, Core::default());
        worker.searches.set(true);
        worker
    }

    /// Lends memory for a task.
    #[inline]
    pub(super) fn lend(&self, class: Class, scheduler: &Weak<Scheduler>) -> Vacant {
        self.scheduler.slab.lend(class, scheduler, Some(&mut self.core.borrow_mut().magazines))
    }

    /// Takes memory back.
    #[inline]
    pub(super) fn restore(&self, class: Class, cell: Vacant) {
        self.scheduler.slab.restore(class, cell, Some(&mut self.core.borrow_mut().magazines));
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
        if self.has_company() {
            // With the one in `Parking::park`: this poll may go on for long, and has to see who parks meanwhile.
            fence(SeqCst);
            self.share(ring);
        }
    }

    /// Returns true if there are other workers.
    #[inline]
    fn has_company(&self) -> bool {
        self.scheduler.rings.len() > 1
    }

    /// Runs the next task, or parks until there may be one. Returns false once the runtime has ended.
    pub(crate) fn turn(&self) -> bool {
        match self.next() {
            Some(entry) => {
                self.hand_over();
                self.run(entry);
            }
            None if fire(&self.scheduler.timers) => {}
            None => self.park(),
        }
        !self.scheduler.parking.is_closed()
    }

    /// Runs tasks until none is queued, and does not park.
    pub(crate) fn run_queued(&self) {
        while let Some(entry) = self.next() {
            self.run(entry);
        }
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
        if clock_reads.is_multiple_of(READS_BETWEEN_TRIMS) {
            self.trim();
        }
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
        self.give_up_next();
        // The others can steal from its ring.
        self.pass_on();
        self.core.take()
    }

    /// Ends a thread that was a worker.
    pub(crate) fn end(&self) {
        self.scheduler.slab.restore_all(&mut self.leave().magazines);
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
            self.queue_again(again);
        }
    }

    /// Queues a task that goes on, behind all that is due, whoever has queued that.
    #[inline]
    fn queue_again(&self, entry: Entry) {
        if self.scheduler.injector.len() == 0 {
            self.queue(entry);
        } else if self.scheduler.rings.is_empty() {
            self.collect();
            self.queue(entry);
        } else {
            self.scheduler.injector.push_all([entry]);
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
        if self.leaves_tasks.get() && !self.searches.get() && self.may_leave_tasks(ring) {
            return None;
        }
        let entry = self.take_woken_last(ring).or_else(|| self.pop(ring)).or_else(|| self.steal(ring))?;
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
            Some(entry) if in_a_row == MAX_NEXT_IN_A_ROW && self.others_wait(ring) => {
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

    /// Returns true if a task waits in the ring or in the injector.
    fn others_wait(&self, ring: &Ring) -> bool {
        ring.len() > 0 || self.scheduler.injector.len() > 0
    }

    /// Takes the first task of this worker's own ring.
    #[inline]
    fn pop(&self, ring: &Ring) -> Option<Entry> {
        if ring.has_taken(self.round.get()) {
            self.begin_round(ring);
        }
        let mut first = None;
        // One at a time: a task that is taken cannot be stolen, and would wait if the one before it blocks.
        while ring.len() > 0 && ring.take::<1>(|_| 1, |entry| first = Some(entry)) == 0 {}
        first
    }

    /// Begins a round, with a share of the tasks that wait in the injector.
    fn begin_round(&self, ring: &Ring) {
        let (workers, room) = (self.scheduler.rings.len(), CAPACITY - ring.len());
        let share = |len: usize| len.div_ceil(workers).min(room);
        self.scheduler.injector.take(share, |entry| ring.push(entry).expect("nobody else pushes"));
        self.round.set(ring.pushed());
    }

    /// Moves the tasks of the injector to the queue of an event loop, so that all wait in one line.
    #[inline]
    fn collect(&self) {
        if self.scheduler.injector.len() > 0 {
            let entries = &mut self.core.borrow_mut().entries;
            self.scheduler.injector.take(|all| all, |entry| entries.push_back(entry));
        }
    }

    /// Takes half of the tasks of another worker's ring: one to run, and the rest into the empty ring, where
    /// others can steal them.
    fn steal(&self, ring: &Ring) -> Option<Entry> {
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

    /// Moves half of a full ring, and one task more, to the injector.
    #[cold]
    fn overflow(&self, ring: &Ring, entry: Entry) {
        let mut entries = Vec::with_capacity(CAPACITY / 2 + 1);
        ring.take::<{ CAPACITY / 2 }>(|len| len / 2, |entry| entries.push(entry));
        entries.push(entry);
        self.scheduler.injector.push_all(entries);
    }

    /// Wakes another worker if the ring or the injector has a task for it.
    #[inline]
    fn share(&self, ring: &Ring) {
        if self.scheduler.parking.should_wake() && self.others_wait(ring) {
            self.scheduler.parking.wake_one();
        }
    }

    /// Prepares this worker to run code of the user, which may take long: it searches no more, and leaves the
    /// time to a parked worker.
    fn prepare_for_user(&self) {
        if self.end_search() {
            self.pass_on();
        }
        self.hand_over();
    }

    /// Tells a parked worker of the next deadline, if this worker may be the only one that knows it.
    #[inline]
    fn hand_over(&self) {
        if self.keeps_time.get() {
            self.keeps_time.set(false);
            self.scheduler.parking.hand_over(|| first_deadline(&self.scheduler.timers));
        }
    }

    /// Notes that a poll on this worker has set a timer with this waker, which is the first to fire. Returns
    /// false if a parked worker has to be told at once.
    #[inline]
    pub(crate) fn keep_time(&self, waker: &Waker) -> bool {
        if !self.has_company() {
            return true;
        }
        // What waits for the timer can go on only after this poll, and then this worker sees to it. A waker of
        // any other kind may be that of a thread that is blocked in this very poll.
        let polled = waker.data() == self.root.get() || task::is_waker_of(waker, self.running.get());
        if polled {
            self.keeps_time.set(true);
        }
        polled
    }

    /// Leaves the task that was woken last to all workers: this one is about to do something else.
    fn give_up_next(&self) {
        if let (Some(entry), Some(ring)) = (self.next.take(), self.scheduler.rings.get(self.number)) {
            self.append(ring, entry);
        }
    }

    /// Returns true if the queue of an event loop has a task.
    pub(crate) fn has_queue(&self) -> bool {
        !self.core.borrow().entries.is_empty()
    }

    /// Begins the poll of a root with this waker.
    pub(crate) fn begin_root(&self, waker: &Waker) {
        self.prepare_for_user();
        self.give_up_next();
        self.root.set(waker.data());
    }

    /// Ends the poll of a root, and leaves the tasks that it has queued to free workers: one of them may block,
    /// and this thread alone can poll the root.
    pub(crate) fn end_root(&self) {
        self.root.set(ptr::null());
        let has_tasks = |ring: &Ring| ring.len() > 0;
        self.leaves_tasks.set(self.has_company() && has_tasks(&self.scheduler.rings[self.number]));
    }

    /// Returns true as long as there are tasks to be left, and a free worker to run them.
    #[cold]
    fn may_leave_tasks(&self, ring: &Ring) -> bool {
        let may = ring.len() > 0 && self.scheduler.parking.has_free_workers();
        self.leaves_tasks.set(may);
        if may {
            // It may have run tasks since it began to leave them, and nobody else finds this one.
            self.give_up_next();
        }
        may
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
        if self.leaves_tasks.get() {
            scheduler.parking.wake_one();
        } else if self.spin_for_short_jobs() {
            return;
        }
        self.trim();
        self.counters().parks.add(1);
        let next_deadline = || first_deadline(&scheduler.timers);
        if next_deadline() != Time::NEVER {
            self.no_slack.get_or_init(NoSlack::on_this_thread);
        }
        let latest = scheduler.memory_alarm();
        let reason = scheduler.parking.park(&self.parker, latest, || self.has_work(), next_deadline);
        self.searches.set(reason == WakeReason::Task);
        self.keeps_time.set(self.has_company());
    }

    /// Returns true if there is a task for this worker, which is in the list of the parked.
    fn has_work(&self) -> bool {
        // Whoever takes one of the tasks that it leaves, and sees more, wakes the next worker, in the end this.
        let leaves = self.leaves_tasks.get() && self.scheduler.parking.has_other_free_workers();
        !leaves && self.scheduler.has_work()
    }

    /// Gives memory back to the system that tasks have not needed for an interval.
    fn trim(&self) {
        let Scheduler { slab, trimming, .. } = &*self.scheduler;
        let is_due = slab.has_spare() && trimming.is_due(Time::now());
        let rounds = trimming.rounds();
        if self.trims.replace(rounds) != rounds {
            // A free cell that waits for this worker keeps its chunk from everybody.
            slab.restore_all(&mut self.core.borrow_mut().magazines);
        }
        if is_due {
            slab.trim();
        }
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

/// Runs the queued tasks of a scheduler that has no worker, on this thread.
pub(crate) fn run_queued(scheduler: &Arc<Scheduler>) {
    let worker = Worker::new(scheduler, Parker::new(), 0, Core::default());
    worker.run_queued();
    worker.end();
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
