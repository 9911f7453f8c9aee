//! The rest of a worker: what it does before it runs code of the user that may take long, and before it parks.

use std::{ptr, task::Waker};

use crate::{
    scheduler::{
        Scheduler,
        parking::WakeReason,
        ring::Ring,
        slack::NoSlack,
        timers::Time,
        worker::{Worker, first_deadline},
    },
    sync::thread,
    task,
};

/// The number of times that a worker yields its processor before it parks, if short jobs are running: some
/// microseconds.
const BRIEF_SPINS: u32 = if cfg!(loom) { 0 } else { 16 };

/// The room that the queue of an event loop keeps while its worker is parked, however long the queue once
/// was.
const QUEUE_KEPT: usize = 4096;

impl Worker {
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
        self.renew_successes();
        // A guest may block, too, so none comes before a root that yields.
        self.take_no_guests();
        self.place_stand_in();
        let has_tasks = |ring: &Ring| ring.len() > 0;
        self.leaves_tasks.set(self.has_company() && has_tasks(&self.scheduler.rings[self.number]));
    }

    /// Has a root that has woken itself wait behind what is queued. Where nothing is, its stand-in stays here: another
    /// worker would only have this thread woken, for each yield of the root.
    fn place_stand_in(&self) {
        let (Some(ring), Some(stand_in)) = (self.scheduler.rings.get(self.number), self.next.take()) else {
            return;
        };
        if self.others_wait(ring) {
            self.append(ring, stand_in);
        } else {
            self.next.set(Some(stand_in));
        }
    }

    /// Begins a round of an event loop after the poll of a root, which has its place in the queue by now, if a
    /// round is over: what is due comes before what the tasks of this round queue.
    pub(crate) fn follow_root(&self) {
        if self.scheduler.is_event_loop() && self.turns_to_timers.get() == 0 {
            self.fire_timers(false);
        }
    }

    /// Returns true as long as there are tasks to be left, and a free worker to run them.
    #[cold]
    pub(super) fn may_leave_tasks(&self, ring: &Ring) -> bool {
        let may = ring.len() > 0 && self.scheduler.parking.has_free_workers();
        self.leaves_tasks.set(may);
        if may {
            // Since its root it may have been woken for a task and have run that, which woke another: nobody
            // could steal that one from a worker that parks.
            self.give_up_next();
        }
        may
    }

    /// Prepares this worker to run code of the user, which may take long: it searches no more, and leaves the
    /// time to a parked worker.
    fn prepare_for_user(&self) {
        if self.end_search() {
            self.pass_on();
        }
        self.hand_over();
    }

    /// Prepares this worker to call a waker that is no task's: it may block, too, and what it waits for may be the task that comes
    /// next.
    #[cold]
    pub(super) fn prepare_for_waker(&self) {
        self.prepare_for_user();
        self.give_up_next();
    }

    /// Leaves the task that was woken last to all workers, and offers them what it has: this one is about to do
    /// something else.
    pub(super) fn give_up_next(&self) {
        let Some(ring) = self.scheduler.rings.get(self.number) else { return };
        if let Some(entry) = self.next.take() {
            self.push(ring, entry);
        }
        self.offer(ring);
    }

    /// Tells a parked worker of the next deadline, if this worker may be the only one that knows it.
    #[inline]
    pub(super) fn hand_over(&self) {
        if self.keeps_time.get() {
            self.keeps_time.set(false);
            self.scheduler.parking.hand_over(|| first_deadline(&self.scheduler.timers));
        }
    }

    /// Notes that a poll on this worker has set a timer with this waker, which may be the first to fire. Returns
    /// false if a parked worker has to be told at once.
    #[inline]
    pub(crate) fn keep_time(&self, waker: &Waker, is_first: bool) -> bool {
        // Of an earlier one a parked worker knows, unless this poll has set it: then this worker keeps time.
        if !self.has_company() || !is_first && !self.keeps_time.get() {
            return true;
        }
        // What waits for the timer can go on only after this poll, and then this worker sees to it. A waker of
        // any other kind may be that of a thread that is blocked in this very poll.
        let (root, data) = (self.root.get(), waker.data());
        // Without a root there is none to be woken, and the waker of another library may have no data.
        let polled = data == root && !root.is_null() || task::is_waker_of(waker, self.running.get());
        if polled {
            self.keeps_time.set(true);
        }
        polled
    }

    /// Parks until there may be something to do.
    pub(super) fn park(&self) {
        if self.linger() || self.searches_on() {
            return;
        }
        self.core.borrow_mut().entries.shrink_to(QUEUE_KEPT);
        let scheduler = &self.scheduler;
        if self.leaves_tasks.get() {
            scheduler.parking.wake_one();
        } else if self.finds_events() || self.spin_for_short_jobs() {
            return;
        }
        self.trim();
        self.counters().parks.add(1);
        let next_deadline = || first_deadline(&scheduler.timers);
        if next_deadline() != Time::NEVER {
            self.no_slack.get_or_init(NoSlack::on_this_thread);
        }
        let latest = scheduler.memory_alarm();
        let wait = |alarm| self.wait(alarm);
        let turn = self.turn_to_wake();
        let reason =
            scheduler.parking.park(&self.parker, turn, latest, || self.has_work(), next_deadline, wait);
        self.searches.set(reason == WakeReason::Task);
        self.lingering.note_park(reason == WakeReason::Task && scheduler.injector.len() > 0);
        self.looking.note_park(self.batch.borrow().has_events());
        self.keeps_time.set(self.has_company());
        self.clock_read.set(Time::NEVER);
        // The end of a runtime waits for no thread that it has found parked, and a waker is anybody's code.
        if !scheduler.parking.is_closed() {
            self.deliver();
        }
    }

    /// Ends the search of this worker, if it searches and there is still nothing. Returns true if it searches on.
    pub(super) fn searches_on(&self) -> bool {
        let searches_on =
            self.searches.get() && self.scheduler.parking.searches_on(|| self.scheduler.has_work());
        self.searches.set(searches_on);
        searches_on
    }

    /// Returns true if there is a task for this worker, which is in the list of the parked.
    fn has_work(&self) -> bool {
        // Who searches and takes one of the tasks that it leaves wakes the next worker, in the end this. One that is parked does
        // not: it may be about to get up by itself, and looks only for one task.
        let leaves = self.leaves_tasks.get() && self.scheduler.parking.has_searchers();
        !leaves && self.scheduler.has_work()
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

    /// Gives memory back to the system that tasks, timers and queues have not needed for an interval.
    pub(super) fn trim(&self) {
        let Scheduler { slab, trimming, injector, timers, .. } = &*self.scheduler;
        let is_due = self.scheduler.has_spare() && trimming.is_due(Time::now());
        let rounds = trimming.rounds();
        if self.trims.replace(rounds) != rounds {
            // A free cell that waits for this worker keeps its chunk from everybody.
            slab.restore_all(&mut self.core.borrow_mut().magazines);
        }
        if is_due {
            slab.trim();
            injector.trim();
            timers.iter().for_each(|timers| timers.trim());
        }
    }
}
