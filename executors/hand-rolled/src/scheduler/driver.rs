//! `block_on`: its caller polls one future, the root, and is a worker meanwhile.
//!
//! The root is not a task, because it may borrow and need not be `Send`; only the caller can poll it. But it takes its
//! turn like one: a task stands in for it in the queue. Whoever wakes the root wakes that task, and when its turn
//! comes, on whichever worker, it tells the caller.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::{
    handle::Task,
    scheduler::context::{self, Guard},
    scheduler::parking::Parker,
    scheduler::{Core, Scheduler, Worker},
    sync::{
        Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        lock,
    },
};

/// A caller of `block_on`.
pub(crate) struct Driver {
    /// What it works for.
    scheduler: Arc<Scheduler>,
    /// What the caller waits on.
    parker: Arc<Parker>,
    /// The caller as a worker, if it has the seat; otherwise it polls its root only.
    worker: Option<Rc<Worker>>,
    /// What makes the runtime ambient.
    context: Guard,
}

impl Driver {
    /// Makes the current thread a driver, seated if the seat is free.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime already.
    #[track_caller]
    pub(crate) fn new(scheduler: &Arc<Scheduler>) -> Driver {
        let context = context::enter_loop(scheduler);
        let mut driver =
            Driver { scheduler: scheduler.clone(), parker: Parker::new(), worker: None, context };
        driver.sit_down();
        driver
    }

    /// Tells whether it has the seat.
    pub(crate) fn is_seated(&self) -> bool {
        self.worker.is_some()
    }

    /// Polls the root whenever it is due, until it is ready.
    pub(crate) fn drive<F: Future>(&mut self, mut root: Pin<&mut F>) -> F::Output {
        let stand_in = StandIn::new(&self.scheduler, &self.parker);
        let mut context = Context::from_waker(&stand_in.waker);
        loop {
            // Looks before it writes: there is a turn for every poll of every task.
            if stand_in.due.load(Relaxed)
                && stand_in.due.swap(false, Acquire)
                && let Poll::Ready(output) = root.as_mut().poll(&mut context)
            {
                return output;
            }
            if self.worker.is_none() {
                self.sit_down();
            }
            match &self.worker {
                Some(worker) => {
                    worker.turn();
                }
                None => self.parker.wait(None),
            }
        }
    }

    /// Takes the seat if it is free, or else a place in the line.
    fn sit_down(&mut self) {
        if let Some(core) = self.scheduler.seat.take(&self.parker) {
            let worker = Rc::new(Worker::new(&self.scheduler, self.parker.clone(), 0, core));
            self.context.work_as(worker.clone());
            self.worker = Some(worker);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let core = self.worker.take().map(|worker| worker.leave());
        self.scheduler.seat.leave(&self.parker, core);
    }
}

/// What queues in place of a root.
struct StandIn {
    /// Whether the root's turn has come.
    due: Arc<AtomicBool>,
    /// Queues the task.
    waker: Waker,
    /// The task; it goes with the root.
    task: Task<()>,
}

impl StandIn {
    /// Queues the task for the first poll of a root, of which `driver` is to be told.
    fn new(scheduler: &Scheduler, driver: &Arc<Parker>) -> StandIn {
        let due = Arc::new(AtomicBool::new(false));
        let (set_due, driver) = (due.clone(), driver.clone());
        let task = scheduler.spawn(poll_fn(move |_| {
            set_due.store(true, Release);
            driver.unpark();
            Poll::Pending
        }));
        StandIn { due, waker: task.waker(), task }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.cancel();
    }
}

/// The place of the one driver that runs tasks, and the line of those that wait for it.
pub(crate) struct Seat {
    /// Who sits and who waits, under the lock.
    state: Mutex<State>,
}

/// What the lock of the seat protects.
struct State {
    /// What the worker has who sits; none while somebody does.
    core: Option<Core>,
    /// The drivers without a seat; the first is woken when the seat is free.
    line: Vec<Arc<Parker>>,
}

impl Seat {
    /// Makes a seat where nobody ever sat.
    pub(crate) fn new() -> Seat {
        Seat { state: Mutex::new(State { core: Some(Core::default()), line: Vec::new() }) }
    }

    /// Takes what is left of the last worker, when nobody will sit any more.
    pub(crate) fn take_core(&self) -> Core {
        lock(&self.state).core.take().unwrap_or_default()
    }

    /// Takes the seat, or, if it is taken, a place in the line.
    fn take(&self, driver: &Arc<Parker>) -> Option<Core> {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        let core = state.core.take();
        if core.is_none() {
            state.line.push(driver.clone());
        }
        core
    }

    /// Leaves the seat, with what is left there for the next one, or else the line.
    fn leave(&self, driver: &Arc<Parker>, core: Option<Core>) {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        if core.is_some() {
            state.core = core;
        }
        // Also if this driver was not seated: it may have been the one that was woken for a free seat.
        let next = if state.core.is_some() { state.line.first().cloned() } else { None };
        drop(state);
        if let Some(driver) = next {
            driver.unpark();
        }
    }
}
