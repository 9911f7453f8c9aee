//! Parking: the place where workers without work wait, and the threads that wake them.
//!
//! A worker is in one of three states:
//!
//! ```text
//!                                                          its thread starts
//!                                                                  |
//!               finds nothing                   wake_one           v
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
//! - *Searching*: it was woken for a task, has just started, or lingers before it parks (`worker/lingering.rs`), and
//!   has found none yet.
//!
//! Once the runtime has ended none parks any more, and each leaves its loop after the turn that it is in.
//!
//! # One keeps time
//!
//! A worker that parks sets an *alarm* to the next deadline, unless another parked worker has one that is no
//! later; the others sleep until they are woken. A worker that gets up takes its alarm with it, and wakes
//! nobody for that: mostly it fires the timer and parks again. Only before it runs code of the user, which may
//! take long, it *hands over*: if a deadline is before all alarms that are left, a parked worker is told. That
//! one stays in the list, sets its alarm anew, and sleeps on.
//!
//! # One waits for sockets
//!
//! A parked worker sleeps, or waits for sockets in place of that, if one is registered and nobody else does
//! (`reactor.rs`). Which one that is has nothing to do with alarms: it too wakes at its own.
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
//! At least one of them sees the other (Dekker). So it is with a new deadline and the look at the deadlines, and with the
//! first socket and the look whether there are sockets.
//!
//! # At most one searches
//!
//! A thread that queues a task wakes no worker while another searches. A searcher that finds a task and sees
//! more wakes the next searcher. A searcher that finds none ends its search, passes a fence and reads the queues
//! again, for the threads that saw the old number of searchers: if there is a task now, it searches on, as it answers for
//! all that came meanwhile. A burst of tasks thus wakes a chain of workers, one after the other, which ends where the
//! tasks do.
//!
//! A searcher ends its search before it calls a waker that is no task's, such as one of a timer: that may take long.

use std::{
    sync::{Arc, OnceLock, PoisonError},
    time::Instant,
};

use crate::{
    scheduler::{
        reactor::{Batch, MOST_EVENTS, Reactor, Seat},
        timers::Time,
    },
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
        lock,
    },
};

/// The place where the workers of a runtime park.
pub(crate) struct Parking {
    /// The parked workers, the one that is woken first at the end, under the lock.
    parked: Mutex<Vec<Parked>>,
    /// The number of parked workers. Changed under the lock.
    number: AtomicUsize,
    /// The number of workers that search.
    searching: AtomicUsize,
    /// The first of the alarms of the parked workers. Changed under the lock.
    alarm: AtomicU64,
    /// Set once the runtime has ended.
    closed: AtomicBool,
}

/// A worker that is parked.
struct Parked {
    /// Wakes it.
    parker: Arc<Parker>,
    /// The time at which it wakes by itself.
    alarm: Time,
}

/// The place of a worker that parks among those that are parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is woken before them.
    First,
    /// It is woken after them.
    Last,
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

impl Default for Parking {
    fn default() -> Parking {
        Parking {
            parked: Mutex::default(),
            number: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            alarm: AtomicU64::new(Time::NEVER.nanoseconds()),
            closed: AtomicBool::new(false),
        }
    }
}

impl Parking {
    /// Parks a worker until there is something to do, but no longer than to the next deadline, and not beyond
    /// `latest`. It may return for no reason.
    ///
    /// `has_work` and `next_deadline` are called once the worker is in the list; so is `wait`, which waits with the parker
    /// of the worker. Before the worker runs code of the user again, it has to call [`hand_over`](Self::hand_over).
    pub(crate) fn park(
        &self,
        worker: &Arc<Parker>,
        turn: Turn,
        latest: Time,
        has_work: impl FnOnce() -> bool,
        next_deadline: impl Fn() -> Time,
        wait: impl Fn(Option<Instant>) -> Signal,
    ) -> WakeReason {
        let mut alarm = self.lie_down(worker, turn, next_deadline());
        // With the ones in `wake_one`, `wake_timekeeper` and `tell_of_seat`; see the head of the file.
        fence(SeqCst);
        if !has_work() && !self.is_closed() {
            loop {
                // A timer may have been set since, by a thread that saw no alarm to be earlier than.
                if next_deadline().nanoseconds() < self.alarm.load(Relaxed) {
                    alarm = self.set_alarm(worker, next_deadline());
                }
                if wait(alarm.min(latest).instant()) != Signal::LookAgain {
                    break;
                }
            }
        }
        self.get_up(worker)
    }

    /// Adds a worker to the list. Returns its alarm: the next deadline, unless another has one for it.
    fn lie_down(&self, worker: &Arc<Parker>, turn: Turn, deadline: Time) -> Time {
        let mut parked = lock(&self.parked);
        let alarm = if deadline < self.first_alarm() { deadline } else { Time::NEVER };
        let own = match turn {
            Turn::First => parked.len(),
            Turn::Last => 0,
        };
        parked.insert(own, Parked { parker: worker.clone(), alarm });
        self.note(&parked);
        alarm
    }

    /// Sets the alarm of a parked worker to the next deadline, unless another has one for it. Returns it.
    fn set_alarm(&self, worker: &Arc<Parker>, deadline: Time) -> Time {
        let mut parked = lock(&self.parked);
        let is_earlier = deadline < self.first_alarm();
        // It has been woken for a task if it is not there.
        let Some(own) = place_of(&parked, worker) else { return Time::NEVER };
        if is_earlier {
            parked[own].alarm = deadline;
            self.note(&parked);
        }
        parked[own].alarm
    }

    /// Removes a worker from the list, unless another thread has, for a task.
    fn get_up(&self, worker: &Arc<Parker>) -> WakeReason {
        let mut parked = lock(&self.parked);
        let Some(own) = place_of(&parked, worker) else { return WakeReason::Task };
        parked.remove(own);
        self.note(&parked);
        WakeReason::Other
    }

    /// Keeps what is read without the lock up to date with the list.
    fn note(&self, parked: &[Parked]) {
        let first = parked.iter().map(|parked| parked.alarm).min().unwrap_or(Time::NEVER);
        self.alarm.store(first.nanoseconds(), Relaxed);
        self.number.store(parked.len(), Relaxed);
    }

    /// Returns the first of the alarms.
    fn first_alarm(&self) -> Time {
        Time::from_nanoseconds(self.alarm.load(Relaxed))
    }

    /// Tells a parked worker of the next deadline, if no alarm is set to it: the caller is about to run code
    /// of the user.
    pub(crate) fn hand_over(&self, next_deadline: impl Fn() -> Time) {
        // With the one in `wake_timekeeper`: who sets a timer sees that the alarm of the caller is gone, or
        // the caller sees the timer.
        fence(SeqCst);
        self.tell(next_deadline());
    }

    /// Tells a parked worker of a deadline that the caller has just set, if it is before all alarms.
    pub(crate) fn wake_timekeeper(&self, deadline: Time) {
        // With the ones in `park` and `hand_over`; see the head of the file.
        fence(SeqCst);
        self.tell(deadline);
    }

    /// Has a parked worker set its alarm, if the deadline is before all alarms.
    fn tell(&self, deadline: Time) {
        if self.number.load(Relaxed) > 0 && deadline.nanoseconds() < self.alarm.load(Relaxed) {
            self.look_again();
        }
    }

    /// Tells a parked worker that nobody waits for sockets any more, or that there are some now.
    pub(crate) fn tell_of_seat(&self) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.number.load(Relaxed) > 0 {
            self.look_again();
        }
    }

    /// Has a parked worker look again what it is to wait for.
    fn look_again(&self) {
        let parked = lock(&self.parked);
        // The one with the first alarm, which it need not keep then.
        let told = parked.iter().min_by_key(|parked| parked.alarm).map(|parked| parked.parker.clone());
        drop(parked);
        if let Some(told) = told {
            told.signal(LOOK_AGAIN);
        }
    }

    /// Wakes a parked worker for the task that the caller has just queued, unless another worker searches.
    pub(crate) fn wake_one(&self) {
        // With the one in `park`; see the head of the file.
        fence(SeqCst);
        if self.should_wake() {
            self.wake_last();
        }
    }

    /// Returns true if [`wake_one`](Self::wake_one) would wake a worker. It passes no fence, and so costs two
    /// loads, but misses a worker that parks just now.
    #[inline]
    pub(crate) fn should_wake(&self) -> bool {
        self.number.load(Relaxed) > 0 && self.searching.load(Relaxed) == 0
    }

    /// Returns true if a worker is parked, or searches.
    pub(crate) fn has_free_workers(&self) -> bool {
        self.number.load(Relaxed) > 0 || self.searching.load(Relaxed) > 0
    }

    /// Returns true if a worker searches. If the caller is parked, that one wakes it for what it leaves.
    pub(crate) fn has_searchers(&self) -> bool {
        self.searching.load(Relaxed) > 0
    }

    /// Counts a worker that is about to search, though nobody woke it.
    pub(crate) fn begin_search(&self) {
        self.searching.fetch_add(1, Relaxed);
    }

    /// Counts a worker that goes on to search before it parks, unless another searches. Returns true if it does.
    pub(crate) fn try_begin_search(&self) -> bool {
        self.searching.compare_exchange(0, 1, Relaxed, Relaxed).is_ok()
    }

    /// Ends the search of a worker that [`WakeReason::Task`] woke, or that has begun one.
    pub(crate) fn end_search(&self) {
        self.searching.fetch_sub(1, Relaxed);
        // With the one in `wake_one`: the caller sees the task of a thread that saw the old number, when it
        // looks for what is left.
        fence(SeqCst);
    }

    /// Ends the search of a worker that has found nothing, unless there is a task by now. Returns true if it searches on.
    pub(crate) fn searches_on(&self, has_work: impl FnOnce() -> bool) -> bool {
        self.end_search();
        let has_work = has_work();
        if has_work {
            // Who queued it may have seen the search, and more may have come since: whoever finds one has to look for more.
            self.begin_search();
        }
        has_work
    }

    /// Ends the runtime: wakes all workers, and lets none sleep from now on. Returns the number of those that were
    /// parked, which run no code of the user any more.
    pub(crate) fn close(&self) -> usize {
        // A worker that parks after this sees it because of the lock.
        self.closed.store(true, Relaxed);
        let parked = lock(&self.parked);
        let parkers: Vec<_> = parked.iter().map(|parked| parked.parker.clone()).collect();
        drop(parked);
        parkers.iter().for_each(|parker| parker.unpark());
        parkers.len()
    }

    /// Forgets the workers that are parked or search: in a child of a fork, where there are none.
    pub(crate) fn forget_workers(&self) {
        let mut parked = lock(&self.parked);
        parked.clear();
        self.number.store(0, Relaxed);
        self.searching.store(0, Relaxed);
        self.alarm.store(Time::NEVER.nanoseconds(), Relaxed);
    }

    /// Returns true once the runtime has ended.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Wakes the worker whose turn it is: mostly the last that parked, which has the warmest caches.
    #[cold]
    fn wake_last(&self) {
        let mut parked = lock(&self.parked);
        let worker = parked.pop();
        self.note(&parked);
        if worker.is_some() {
            self.searching.fetch_add(1, Relaxed);
        }
        drop(parked);
        if let Some(worker) = worker {
            worker.parker.unpark();
        }
    }
}

/// Returns the place of a worker in the list.
fn place_of(parked: &[Parked], worker: &Arc<Parker>) -> Option<usize> {
    parked.iter().position(|parked| Arc::ptr_eq(&parked.parker, worker))
}

/// Lets one thread wait until another wakes it.
///
/// It does without the token that std has for each thread, which is left to the user.
#[derive(Default)]
pub(crate) struct Parker {
    /// The signals since the thread last waited, and whether it sleeps.
    signals: AtomicU32,
    /// Held by the thread from when it notes that it sleeps until it does.
    sleep: Mutex<()>,
    /// Notified of a signal to a thread that sleeps.
    signalled: Condvar,
    /// The reactor of the runtime that the thread works for, once the thread has waited there.
    reactor: OnceLock<Arc<Reactor>>,
}

/// The thread is to go on.
const WOKEN: u32 = 1;
/// The thread is to look again what it waits for.
const LOOK_AGAIN: u32 = 1 << 1;
/// The thread sleeps, so whoever signals has to notify it.
const SLEEPING: u32 = 1 << 2;
/// The thread waits for sockets, so whoever signals has to wake it there.
const POLLING: u32 = 1 << 3;

/// The reason why a thread waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It was woken, or its deadline has come.
    GoOn,
    /// It is to look again at its alarm, and whether it is the one that waits for sockets.
    LookAgain,
}

impl Parker {
    /// Makes a parker, for one thread to wait with.
    pub(crate) fn new() -> Arc<Parker> {
        Arc::default()
    }

    /// Waits for a signal, or for the deadline; returns at once if there was one since it last waited.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Signal {
        self.wait_by(deadline, || {
            self.sleep(deadline);
            false
        })
    }

    /// Waits like [`wait`](Self::wait), and for events of sockets.
    pub(crate) fn wait_in(&self, seat: Seat<'_>, batch: &mut Batch, deadline: Option<Instant>) -> Signal {
        self.reactor.get_or_init(|| seat.reactor().clone());
        self.wait_by(deadline, || self.poll(&seat, batch, deadline))
    }

    /// Returns true if there was a signal since the thread last waited.
    pub(crate) fn has_signal(&self) -> bool {
        self.signals.load(Relaxed) != 0
    }

    /// Calls `wait` until there is a signal, the deadline has come, or it returns true.
    fn wait_by(&self, deadline: Option<Instant>, mut wait: impl FnMut() -> bool) -> Signal {
        loop {
            match self.signals.swap(0, Acquire) {
                0 if deadline.is_some_and(has_passed) => return Signal::GoOn,
                0 if wait() => return Signal::GoOn,
                0 => {}
                LOOK_AGAIN => return Signal::LookAgain,
                _ => return Signal::GoOn,
            }
        }
    }

    /// Sleeps until there is a signal or the deadline has come, or for no reason.
    fn sleep(&self, deadline: Option<Instant>) {
        let sleep = lock(&self.sleep);
        // Acquire, for loom's sake: it has the exchange as one with the signal's.
        if self.signals.compare_exchange(0, SLEEPING, Acquire, Relaxed).is_ok() {
            wait_until(&self.signalled, sleep, deadline);
            self.signals.fetch_and(!SLEEPING, Relaxed);
        }
    }

    /// Waits for events of sockets until there are some, there is a signal or the deadline has come, or for no
    /// reason. Returns true if there are events.
    fn poll(&self, seat: &Seat<'_>, batch: &mut Batch, deadline: Option<Instant>) -> bool {
        // Releases the reactor. Acquire as in `sleep`.
        if self.signals.compare_exchange(0, POLLING, AcqRel, Relaxed).is_err() {
            return false;
        }
        let has_events = seat.wait(batch, MOST_EVENTS, deadline);
        if has_events {
            // The thread goes on, which is all that a signal could tell it.
            self.signals.swap(0, Acquire);
        } else {
            self.signals.fetch_and(!POLLING, Relaxed);
        }
        has_events
    }

    /// Returns true if the thread has waited for sockets.
    pub(crate) fn has_reactor(&self) -> bool {
        self.reactor.get().is_some()
    }

    /// Forgets the signals since the thread last waited. Nobody else has the parker.
    pub(crate) fn forget_signals(&self) {
        self.signals.store(0, Relaxed);
    }

    /// Wakes the thread, now or when it next waits.
    pub(crate) fn unpark(&self) {
        self.signal(WOKEN);
    }

    /// Gives the thread a signal.
    fn signal(&self, signal: u32) {
        match self.signals.fetch_or(signal, Release) {
            SLEEPING => {
                // It holds the lock until it sleeps.
                drop(lock(&self.sleep));
                self.signalled.notify_one();
            }
            POLLING => {
                // Acquires the reactor.
                fence(Acquire);
                self.reactor.get().expect("it waits there").wake();
            }
            _ => {}
        }
    }
}

/// Returns true if the time has come.
fn has_passed(deadline: Instant) -> bool {
    deadline <= Instant::now()
}

/// Sleeps until it is notified, or the deadline has come.
fn wait_until(signalled: &Condvar, sleep: MutexGuard<'_, ()>, deadline: Option<Instant>) {
    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        None => drop(signalled.wait(sleep).unwrap_or_else(PoisonError::into_inner)),
        #[cfg(not(loom))]
        Some(left) => drop(signalled.wait_timeout(sleep, left).unwrap_or_else(PoisonError::into_inner)),
        #[cfg(loom)]
        Some(_) => unreachable!("loom knows no time"),
    }
}

/// Wakes the caller of a lane's `run`, which waits as a worker does.
#[cfg(not(loom))]
impl std::task::Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}
