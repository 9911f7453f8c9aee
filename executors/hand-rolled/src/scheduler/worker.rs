//! A worker: a thread that runs tasks, and one turn of its loop.
//!
//! A worker takes tasks from, in this order: `next`, the task that the last poll woke last; the injector, now and then; its own
//! ring; the rings of other workers. An event loop has one worker, and one first-in-first-out queue in their place.
//!
//! Its rooms: `worker/rounds.rs`, what it does between two polls now and then; `worker/rest.rs`, how it parks;
//! `worker/lingering.rs`, what it does before; `worker/sockets.rs`, how it looks after sockets; `worker/habit.rs`, whether it
//! does before a park what may be in vain.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    ptr,
    sync::{Arc, Weak},
};

use crate::{
    scheduler::{
        Scheduler,
        counters::Counters,
        parking::Parker,
        reactor::Batch,
        ring::Ring,
        slack::NoSlack,
        timers::{Time, Timers},
        worker::habit::Habit,
    },
    sync::{
        atomic::{Ordering::SeqCst, fence},
        fence_after_exchange,
    },
    task::{Entry, Flag, chunk::Vacant, class::Class, slab::Magazines},
};

mod habit;
mod lingering;
mod rest;
mod rounds;
mod sockets;

/// The most tasks in a row that come before those of the ring, because they were woken last.
const MAX_NEXT_IN_A_ROW: u32 = 3;

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
    /// The number of the round in a shift of a crowd, from one; zero if there is no crowd.
    round_of_shift: Cell<u32>,
    /// The number of guests that may still come before the tasks of its ring in this round; `None` before the first.
    guests_left: Cell<Option<usize>>,
    /// The number of turns that it makes before it reads the clock.
    turns_to_timers: Cell<usize>,
    /// The number of times that it has read the clock; it wraps around.
    clock_reads: Cell<u32>,
    /// The time at which it last read the clock for timers, if it has been busy since; or else never.
    clock_read: Cell<Time>,
    /// The time until which it reads the clock after each poll, because one was long.
    watches_until: Cell<Time>,
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
    /// Looks a little longer for tasks from outside before it parks.
    lingering: Habit,
    /// True if whoever wakes it has the same processor, as far as it knows.
    shares_processor: Cell<bool>,
    /// Looks at the sockets before it parks.
    looking: Habit,
    /// The task that was woken last, by the task before it: it comes next, and no worker steals it.
    next: Cell<Option<Entry>>,
    /// The number of such tasks in a row that came before those of the ring.
    next_in_a_row: Cell<u32>,
    /// The number of tasks that had ever been pushed to its ring when timers or sockets last woke some of them.
    due: Cell<usize>,
    /// The data of the waker of the root that it polls; null between polls.
    root: Cell<*const ()>,
    /// The id of the task that it polls; null between polls.
    pub(crate) running: Cell<*const ()>,
    /// Set by a task that yields.
    pub(crate) yielded: Flag,
    /// The events that it has taken and not delivered.
    batch: RefCell<Batch>,
    /// The number of polls that it had begun when a socket last gave something to one, and how often one did in that poll.
    successes: Cell<(u64, u32)>,
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
            round_of_shift: Cell::new(0),
            guests_left: Cell::new(None),
            turns_to_timers: Cell::new(0),
            clock_reads: Cell::new(0),
            clock_read: Cell::new(Time::NEVER),
            watches_until: Cell::new(Time::PAST),
            searches: Cell::new(false),
            keeps_time: Cell::new(false),
            leaves_tasks: Cell::new(false),
            trims: Cell::new(scheduler.trimming.rounds()),
            no_slack: OnceCell::new(),
            jobs_ended: Cell::new(0),
            lingering: Habit::default(),
            shares_processor: Cell::new(false),
            looking: Habit::default(),
            next: Cell::new(None),
            next_in_a_row: Cell::new(0),
            due: Cell::new(0),
            root: Cell::new(ptr::null()),
            running: Cell::new(ptr::null()),
            yielded: Flag::new(false),
            batch: RefCell::default(),
            successes: Cell::new((0, 0)),
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
        if entry.id() == self.root.get() {
            // A root that wakes itself, as by a yield, whose poll this is: `end_root` finds its place.
            self.next.set(Some(entry));
        } else if self.running.get().is_null() {
            self.append(ring, entry);
        } else if let Some(earlier) = self.next.replace(Some(entry)) {
            self.append(ring, earlier);
        }
    }

    /// Appends a task to the ring of this worker, and offers it to others.
    #[inline]
    pub(super) fn append(&self, ring: &Ring, entry: Entry) {
        self.push(ring, entry);
        self.offer(ring);
    }

    /// Appends a task to the ring of this worker. Before this one polls anything, the caller has the ring offered
    /// to others.
    #[inline]
    fn push(&self, ring: &Ring, entry: Entry) {
        if let Err(entry) = ring.push(entry) {
            self.overflow(ring, entry);
        }
    }

    /// Wakes another worker if there is a task for it, also if it parks just now: the poll that goes on here, or
    /// begins, may be long.
    #[inline]
    fn offer(&self, ring: &Ring) {
        if self.has_company() {
            // With the one in `Parking::park`.
            fence(SeqCst);
            self.share(ring);
        }
    }

    /// Returns true if there are other workers.
    #[inline]
    pub(super) fn has_company(&self) -> bool {
        self.scheduler.rings.len() > 1
    }

    /// Runs the next task, or parks until there may be one. Returns false once the runtime has ended.
    pub(crate) fn turn(&self) -> bool {
        match self.next() {
            Some(entry) => {
                self.hand_over();
                self.run(entry);
            }
            None if self.fire() => {}
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

    /// Gives up the place of this worker. Its tasks are left to the other workers, its core to the next one
    /// in this place.
    pub(crate) fn leave(&self) -> Core {
        self.end_search();
        self.give_up_next();
        // The others can steal from its ring.
        self.pass_on();
        self.leave_sockets();
        self.core.take()
    }

    /// Ends a thread that was a worker.
    pub(crate) fn end(&self) {
        self.scheduler.slab.restore_all(&mut self.leave().magazines);
    }

    /// Runs a task.
    #[inline(always)]
    fn run(&self, entry: Entry) {
        self.running.set(entry.id());
        self.yielded.set(false);
        let again = entry.run(&self.yielded);
        let counters = self.counters();
        counters.polls.add(1);
        if again.is_none() && self.yielded.take() {
            counters.ended.add(1);
        }
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

    /// Polls a task of the runtime's own, which runs no code of the user, inside the poll of another.
    pub(crate) fn run_inside(&self, entry: Entry) {
        let (outer, yielded) = (self.running.replace(entry.id()), self.yielded.take());
        let again = entry.run(&self.yielded);
        self.running.set(outer);
        self.yielded.set(yielded);
        if let Some(again) = again {
            self.queue(again);
        }
    }

    /// Notes that the poll is over. A task that is woken from here on is appended to the queue, and does not
    /// come next.
    #[inline]
    pub(crate) fn end_poll(&self) {
        self.running.set(ptr::null());
    }

    /// Returns the id of the task that it polls; null between polls.
    pub(crate) fn running_task(&self) -> *const () {
        let running = self.running.get();
        if running == sockets::delivery() { ptr::null() } else { running }
    }

    /// Takes the next task, from wherever there is one.
    // Part of the loop, which has two callers: a call would save and restore all registers for each poll.
    #[inline(always)]
    fn next(&self) -> Option<Entry> {
        let Some(ring) = self.scheduler.rings.get(self.number) else {
            self.collect();
            return self.core.borrow_mut().entries.pop_front();
        };
        if self.leaves_tasks.get() && !self.searches.get() && self.may_leave_tasks(ring) {
            return None;
        }
        let entry = if let Some(woken) = self.take_woken_last(ring) {
            woken
        } else if let Some(guest) = self.take_guest(ring) {
            // As after an exchange, which a lock need not be.
            fence(SeqCst);
            guest
        } else if let Some(first) = self.pop(ring) {
            // In place of the one in `offer`, for what was pushed since the last poll.
            fence_after_exchange();
            first
        } else {
            self.begin_to_linger();
            let stolen = self.steal(ring)?;
            // For the rest of what was stolen.
            fence(SeqCst);
            stolen
        };
        if self.end_search() {
            self.pass_on();
        } else {
            self.share(ring);
        }
        Some(entry)
    }

    /// Takes the task that was woken last, unless enough of those have come before the ring's, or a timer or a
    /// socket has woken one of the ring: tasks that talk to each other would take four turns each before it has its own.
    #[inline]
    fn take_woken_last(&self, ring: &Ring) -> Option<Entry> {
        let next = self.next.take();
        let in_a_row = self.next_in_a_row.replace(0);
        match next {
            Some(entry)
                if (in_a_row == MAX_NEXT_IN_A_ROW || !ring.has_taken(self.due.get()))
                    && self.others_wait(ring) =>
            {
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

    /// Returns true if the last poll has woken a task that comes next.
    #[inline]
    fn has_next(&self) -> bool {
        let next = self.next.take();
        let has_next = next.is_some();
        self.next.set(next);
        has_next
    }

    /// Returns true if a task waits in the ring or in the injector.
    pub(super) fn others_wait(&self, ring: &Ring) -> bool {
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

    /// Wakes another worker if the ring or the injector has a task for it.
    #[inline]
    fn share(&self, ring: &Ring) {
        if self.scheduler.parking.should_wake() && self.others_wait(ring) {
            self.scheduler.parking.wake_one();
        }
    }

    /// Returns true if the queue of an event loop has a task.
    pub(crate) fn has_queue(&self) -> bool {
        !self.core.borrow().entries.is_empty()
    }

    /// Wakes another worker if any queue has a task: this one has a task itself, or leaves.
    fn pass_on(&self) {
        if self.scheduler.has_work() {
            self.scheduler.parking.wake_one();
        }
    }

    /// Fires the timers that are due; returns true if there was one.
    fn fire(&self) -> bool {
        let timers = &self.scheduler.timers;
        first_deadline(timers) != Time::NEVER && self.fire_due(timers, Time::now())
    }

    /// Fires those of these timers that are due at a time; returns true if there was one.
    fn fire_due(&self, timers: &[Arc<Timers>], now: Time) -> bool {
        let due = timers.iter().filter(|timers| timers.next() <= now);
        due.fold(false, |any, timers| timers.fire(now, || self.prepare_for_waker()) | any)
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
