//! Where workers without work sleep, and who wakes them.
//!
//! No wake-up may be lost between a worker that finds nothing and goes to sleep, and a thread that queues something and
//! finds nobody asleep. Each of the two writes, passes a fence, and reads what the other wrote:
//!
//! ```text
//!    worker: lies down; fence; looks at all queues; sleeps         thread: queues; fence; looks who lies; wakes one
//! ```
//!
//! At least one of them sees the other (Dekker). Nobody is woken while one who was woken still looks for work: who finds
//! some and leaves more behind wakes the next one, and who finds none lies down and looks again, as above. So a burst of
//! wake-ups is a chain that ends where the work does.
//!
//! The first to lie down is the timekeeper: it sleeps until the next deadline, the others until they are woken.

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

/// The place where the workers of a runtime sleep.
#[derive(Default)]
pub(crate) struct Parking {
    /// Who lies down, the timekeeper first, under the lock.
    lying: Mutex<Vec<Arc<Parker>>>,
    /// How many lie down. Changed under the lock.
    number: AtomicUsize,
    /// How many were woken for work and still look for it.
    searching: AtomicUsize,
    /// When the timekeeper gets up by itself, as far as is known. It looks once it has lain down.
    alarm: AtomicU64,
    /// Whether the runtime has ended.
    closed: AtomicBool,
}

/// Why a worker is up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Up {
    /// Somebody woke it for work: it is now one of those who search, and has to say when it does no longer.
    ToSearch,
    /// It has something else to look at: the time, or what it waits for itself.
    ToLook,
}

impl Parking {
    /// Sleeps until there is something to do, but no longer than to the next deadline. It may come back for no reason.
    ///
    /// `has_work` and `next_deadline` are asked once the worker has lain down.
    pub(crate) fn park(
        &self,
        worker: &Arc<Parker>,
        has_work: impl FnOnce() -> bool,
        next_deadline: impl Fn() -> Time,
    ) -> Up {
        let mut lying = lock(&self.lying);
        lying.push(worker.clone());
        self.number.store(lying.len(), Relaxed);
        let is_timekeeper = lying.len() == 1;
        if is_timekeeper {
            self.alarm.store(Time::NEVER.nanoseconds(), Relaxed);
        }
        drop(lying);
        // With the ones in `wake_one` and `wake_timekeeper`; see the head of the file.
        fence(SeqCst);
        if !has_work() && !self.is_closed() {
            let deadline = if is_timekeeper { next_deadline() } else { Time::NEVER };
            if is_timekeeper {
                self.alarm.store(deadline.nanoseconds(), Relaxed);
            }
            worker.wait(deadline.instant());
        }

        let mut lying = lock(&self.lying);
        let Some(place) = lying.iter().position(|other| Arc::ptr_eq(other, worker)) else {
            return Up::ToSearch;
        };
        lying.remove(place);
        self.number.store(lying.len(), Relaxed);
        let next = if place == 0 { lying.first().cloned() } else { None };
        if place == 0 {
            // Who is first now keeps no time: it has to be woken for any timer, and for those that are there already.
            self.alarm.store(Time::NEVER.nanoseconds(), Relaxed);
        }
        drop(lying);
        // With the one in `wake_timekeeper`; see the head of the file.
        fence(SeqCst);
        if let Some(timekeeper) = next
            && next_deadline() != Time::NEVER
        {
            timekeeper.unpark();
        }
        Up::ToLook
    }

    /// Wakes a sleeping worker for what the caller has just queued where that worker will look, if need be.
    pub(crate) fn wake_one(&self) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.number.load(Relaxed) > 0 && self.searching.load(Relaxed) == 0 {
            self.wake_last();
        }
    }

    /// Tells, without much ado, whether to call [`wake_one`](Self::wake_one) would wake somebody.
    ///
    /// Wrong for a moment, if somebody lies down just now: for a worker, who will ask again.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.number.load(Relaxed) > 0 && self.searching.load(Relaxed) == 0
    }

    /// Notes that one who was woken for work no longer looks for it.
    pub(crate) fn end_search(&self) {
        self.searching.fetch_sub(1, Relaxed);
        // With the one in `wake_one`: whoever queued something and saw the old number is seen by the caller, who looks
        // what it leaves behind.
        fence(SeqCst);
    }

    /// Wakes the timekeeper if a timer that the caller has just set is due before it would get up.
    pub(crate) fn wake_timekeeper(&self, deadline: Time) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.number.load(Relaxed) > 0 && deadline.nanoseconds() < self.alarm.load(Relaxed) {
            let timekeeper = lock(&self.lying).first().cloned();
            if let Some(timekeeper) = timekeeper {
                timekeeper.unpark();
            }
        }
    }

    /// Sends all workers away, now and when they lie down.
    pub(crate) fn close(&self) {
        // Who lies down after this sees it because of the lock.
        self.closed.store(true, Relaxed);
        let lying = lock(&self.lying).clone();
        lying.iter().for_each(|worker| worker.unpark());
    }

    /// Tells whether the runtime has ended.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Wakes the last to lie down: it has the warmest caches, and is the timekeeper only if it is the only one.
    #[cold]
    fn wake_last(&self) {
        let mut lying = lock(&self.lying);
        let worker = lying.pop();
        self.number.store(lying.len(), Relaxed);
        if worker.is_some() {
            self.searching.fetch_add(1, Relaxed);
        }
        drop(lying);
        if let Some(worker) = worker {
            worker.unpark();
        }
    }
}

/// Where one thread waits to be woken.
///
/// A flag beside the thread's own token makes it immune to code of the user that parks and unparks the same thread.
pub(crate) struct Parker {
    /// The only thread that waits here.
    thread: Thread,
    /// Whether it has been woken since it last waited.
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
        // To store would do, but loom takes a store beside an exchange as one that may come before it.
        self.woken.swap(true, Release);
        self.thread.unpark();
    }
}

/// For `lane.rs`, whose caller of `run` waits as a worker does.
#[cfg(not(loom))]
impl std::task::Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}
