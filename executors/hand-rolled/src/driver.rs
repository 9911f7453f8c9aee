//! `block_on`: its caller polls one future, the root, and is a worker meanwhile.
//!
//! The root is not a task, because it may borrow and need not be `Send`; only the caller can poll it. But it takes its
//! turn like one: a wake puts it into the run queue, and the worker that comes upon it there tells the caller.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    lock,
    queue::{Parker, Runnable},
    scheduler::{Scheduler, Worker},
};

/// A caller of `block_on`.
pub(crate) struct Driver<'a> {
    /// What it works for.
    scheduler: &'a Arc<Scheduler>,
    /// The caller as a worker.
    worker: Worker,
    /// Whether it has the seat, and so runs tasks; otherwise it polls its root only.
    seated: bool,
}

impl Driver<'_> {
    /// Makes the current thread a driver, seated if the seat is free.
    pub(crate) fn new(scheduler: &Arc<Scheduler>) -> Driver<'_> {
        let worker = Worker::new();
        let seated = scheduler.seat.take(&worker.parker);
        Driver { scheduler, worker, seated }
    }

    /// Tells whether it has the seat.
    pub(crate) fn is_seated(&self) -> bool {
        self.seated
    }

    /// Polls the root whenever it is due, until it is ready.
    pub(crate) fn drive<F: Future>(&mut self, mut root: Pin<&mut F>) -> F::Output {
        let state = Arc::new(Root {
            scheduler: self.scheduler.clone(),
            driver: self.worker.parker.clone(),
            queued: AtomicBool::new(false),
            due: AtomicBool::new(false),
        });
        let waker = Waker::from(state.clone());
        waker.wake_by_ref();
        loop {
            if state.begin_poll()
                && let Poll::Ready(output) = root.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return output;
            }
            self.seated = self.seated || self.scheduler.seat.take(&self.worker.parker);
            if self.seated {
                self.scheduler.turn(&mut self.worker);
            } else {
                self.worker.parker.wait(None);
            }
        }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        self.scheduler.seat.leave(&self.worker.parker, self.seated);
    }
}

/// The state of a root, and its waker.
struct Root {
    /// Where it queues.
    scheduler: Arc<Scheduler>,
    /// The thread that polls it.
    driver: Arc<Parker>,
    /// Whether it was woken since its last poll began.
    queued: AtomicBool,
    /// Whether its turn has come.
    due: AtomicBool,
}

impl Root {
    /// Tells whether the root is to be polled now; wakes from here on count for the next poll.
    fn begin_poll(&self) -> bool {
        let due = self.due.swap(false, Ordering::Acquire);
        if due {
            // A swap, not a store: it sees what was written before each wake that it takes back.
            self.queued.swap(false, Ordering::AcqRel);
        }
        due
    }
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let scheduler = self.scheduler.clone();
            // A runtime that has ended has no driver either.
            scheduler.queue.push(self).ok();
        }
    }
}

impl Runnable for Root {
    fn run(self: Arc<Self>) {
        self.due.store(true, Ordering::Release);
        self.driver.unpark();
    }

    fn abandon(self: Arc<Self>) {}
}

/// The place of the one driver that runs tasks, and the line of those that wait for it.
#[derive(Default)]
pub(crate) struct Seat {
    /// Who sits and who waits, under the lock.
    state: Mutex<State>,
}

/// What the lock of the seat protects.
#[derive(Default)]
struct State {
    /// Whether somebody sits.
    taken: bool,
    /// The drivers without a seat; the first is woken when the seat is free.
    line: Vec<Arc<Parker>>,
}

impl Seat {
    /// Takes the seat, or, if it is taken, a place in the line.
    fn take(&self, driver: &Arc<Parker>) -> bool {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        if state.taken {
            state.line.push(driver.clone());
            return false;
        }
        state.taken = true;
        true
    }

    /// Leaves the seat or the line.
    fn leave(&self, driver: &Arc<Parker>, seated: bool) {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        if seated {
            state.taken = false;
        }
        // Also if this driver was not seated: it may have been the one that was woken for a free seat.
        let next = if state.taken { None } else { state.line.first().cloned() };
        drop(state);
        if let Some(driver) = next {
            driver.unpark();
        }
    }
}
