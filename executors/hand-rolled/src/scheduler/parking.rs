//! Parking: the place where workers without work wait, and the threads that wake them.
//!
//! A worker is in one of three states:
//!
//! ```text
//!               finds nothing                   wake_one
//!    running -----------------> parked ----------------------> searching
//!      ^  ^                     |    ^                          |    |
//!      |  +--- other reasons ---+    +----- finds nothing ------+    |
//!      |                                                             |
//!      +------------- finds a task, wakes one for others ------------+
//! ```
//!
//! - *Running*: it runs tasks, or looks for the first time after it ran one.
//! - *Parked*: it sleeps, or is about to. It is in the list of the parked until it is woken, or wakes by
//!   itself.
//! - *Searching*: it was woken for a task and has found none yet.
//!
//! The worker that has been parked longest is the *timekeeper*. It sleeps until the next deadline, and sets the
//! alarm to it; the others sleep until they are woken. When it goes on, its successor in the list is woken to
//! set an alarm, if there is a deadline.
//!
//! # No task is slept over
//!
//! A worker that finds nothing and parks, and a thread that queues a task and finds no worker parked, must
//! not miss each other. Each of the two writes, passes a fence, and reads what the other wrote:
//!
//! ```text
//!    worker:  enters the list    fence    reads all queues    sleeps if they are empty
//!    thread:  queues a task      fence    reads the list      wakes one if there is one
//! ```
//!
//! At least one of them sees the other (Dekker).
//!
//! # At most one searches
//!
//! A thread that queues a task wakes no worker while another searches. A searcher that finds a task and sees
//! more wakes the next searcher. A searcher that finds none parks, and reads the queues again after the
//! fence, as above; so does a thread that ends a search, for the threads that saw the old number of
//! searchers. A burst of tasks thus wakes a chain of workers, one after the other, which ends where the tasks
//! do.

use std::{sync::Arc, time::Instant};

use crate::{
    scheduler::timers::Time,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
            fence,
        },
        lock,
        thread::{self, Thread},
    },
};

/// The place where the workers of a runtime park.
#[derive(Default)]
pub(crate) struct Parking {
    /// The parked workers, the timekeeper first, under the lock.
    parked: Mutex<Vec<Arc<Parker>>>,
    /// The number of parked workers. Changed under the lock.
    number: AtomicUsize,
    /// The number of workers that search.
    searching: AtomicUsize,
    /// The time at which the timekeeper wakes by itself; never, until it has read the deadlines.
    alarm: AtomicU64,
    /// Set once the runtime has ended.
    closed: AtomicBool,
}

/// The reason why a parked worker goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeReason {
    /// A task was queued: the worker searches now, and has to call [`Parking::end_search`].
    Task,
    /// Another thing has happened: a deadline has come, a root is due, or a task was there before the worker
    /// slept.
    Other,
}

impl Parking {
    /// Parks a worker until there is something to do, but no longer than to the next deadline, and not beyond
    /// `latest`. It may return for no reason.
    ///
    /// `has_work` and `next_deadline` are called once the worker is in the list.
    pub(crate) fn park(
        &self,
        worker: &Arc<Parker>,
        latest: Time,
        has_work: impl FnOnce() -> bool,
        next_deadline: impl Fn() -> Time,
    ) -> WakeReason {
        let mut parked = lock(&self.parked);
        parked.push(worker.clone());
        self.number.store(parked.len(), Relaxed);
        let is_timekeeper = parked.len() == 1;
        if is_timekeeper {
            self.alarm.store(Time::NEVER.nanoseconds(), Relaxed);
        }
        drop(parked);
        // With the ones in `wake_one` and `wake_timekeeper`; see the head of the file.
        fence(SeqCst);
        if !has_work() && !self.is_closed() {
            let deadline = if is_timekeeper { next_deadline() } else { Time::NEVER };
            if is_timekeeper {
                self.alarm.store(deadline.nanoseconds(), Relaxed);
            }
            worker.wait(deadline.min(latest).instant());
        }

        let mut parked = lock(&self.parked);
        let Some(place) = parked.iter().position(|other| Arc::ptr_eq(other, worker)) else {
            return WakeReason::Task;
        };
        parked.remove(place);
        self.number.store(parked.len(), Relaxed);
        let next = if place == 0 { parked.first().cloned() } else { None };
        if place == 0 {
            // The next timekeeper has set no alarm: it has to be woken for any timer, and for those that are
            // set already.
            self.alarm.store(Time::NEVER.nanoseconds(), Relaxed);
        }
        drop(parked);
        // With the one in `wake_timekeeper`; see the head of the file.
        fence(SeqCst);
        if let Some(timekeeper) = next
            && next_deadline() != Time::NEVER
        {
            timekeeper.unpark();
        }
        WakeReason::Other
    }

    /// Wakes a parked worker for the task that the caller has just queued, unless another worker searches.
    pub(crate) fn wake_one(&self) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.number.load(Relaxed) > 0 && self.searching.load(Relaxed) == 0 {
            self.wake_last();
        }
    }

    /// Returns true if [`wake_one`](Self::wake_one) would wake a worker. It passes no fence, and so costs two
    /// loads.
    ///
    /// It misses a worker that parks just now: for a worker, which calls this again after its next task.
    #[inline]
    pub(crate) fn should_wake(&self) -> bool {
        self.number.load(Relaxed) > 0 && self.searching.load(Relaxed) == 0
    }

    /// Ends the search of a worker that [`WakeReason::Task`] woke.
    pub(crate) fn end_search(&self) {
        self.searching.fetch_sub(1, Relaxed);
        // With the one in `wake_one`: the caller sees the task of a thread that saw the old number, when it
        // looks for what is left.
        fence(SeqCst);
    }

    /// Wakes the timekeeper if a timer that the caller has just set is due before its alarm.
    pub(crate) fn wake_timekeeper(&self, deadline: Time) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.number.load(Relaxed) > 0 && deadline.nanoseconds() < self.alarm.load(Relaxed) {
            let timekeeper = lock(&self.parked).first().cloned();
            if let Some(timekeeper) = timekeeper {
                timekeeper.unpark();
            }
        }
    }

    /// Ends the runtime: wakes all workers, and lets none sleep from now on.
    pub(crate) fn close(&self) {
        // A worker that parks after this sees it because of the lock.
        self.closed.store(true, Relaxed);
        let parked = lock(&self.parked).clone();
        parked.iter().for_each(|worker| worker.unpark());
    }

    /// Returns true once the runtime has ended.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Wakes the last worker that parked: it has the warmest caches, and is the timekeeper only if it is
    /// alone.
    #[cold]
    fn wake_last(&self) {
        let mut parked = lock(&self.parked);
        let worker = parked.pop();
        self.number.store(parked.len(), Relaxed);
        if worker.is_some() {
            self.searching.fetch_add(1, Relaxed);
        }
        drop(parked);
        if let Some(worker) = worker {
            worker.unpark();
        }
    }
}

/// Lets one thread wait until another wakes it.
///
/// It has a flag beside the thread's own token, because code of the user may park and unpark the same thread.
pub(crate) struct Parker {
    /// The only thread that waits here.
    thread: Thread,
    /// Set when it is woken, and reset when it goes on.
    woken: AtomicBool,
}

impl Parker {
    /// Makes the parker of the current thread.
    pub(crate) fn new() -> Arc<Parker> {
        Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) })
    }

    /// Waits to be woken, or for the deadline; returns at once if it has been woken since it last waited.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        while !self.woken.swap(false, Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => return,
                #[cfg(not(loom))]
                Some(left) => thread::park_timeout(left),
                #[cfg(loom)]
                Some(_) => unreachable!("loom knows no time"),
            }
        }
    }

    /// Wakes the thread, now or when it next waits.
    pub(crate) fn unpark(&self) {
        // A store would do, but loom takes a store beside an exchange as one that may come before it.
        self.woken.swap(true, Release);
        self.thread.unpark();
    }
}

/// Wakes the caller of a lane's `run`, which waits as a worker does.
#[cfg(not(loom))]
impl std::task::Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}
