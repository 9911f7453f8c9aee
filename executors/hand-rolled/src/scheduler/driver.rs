//! `block_on`: its caller polls one future, the root, and is a worker meanwhile.
//!
//! The root is not a task, because it may borrow and need not be `Send`; only the caller can poll it. But it
//! waits its turn like a task: another task, the stand-in, takes its place in the queue. A wake of the root
//! wakes the stand-in, whose poll, on whichever worker, tells the caller to poll the root.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::{
    scheduler::{
        Scheduler,
        context::{self, Guard},
        parking::Parker,
        worker::{Core, Worker},
    },
    sync::{
        Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        lock,
    },
    task::Handle,
};

/// A caller of `block_on`.
pub(crate) struct Driver<'a> {
    /// The scheduler it works for.
    scheduler: &'a Arc<Scheduler>,
    /// The place that makes one of the callers of `block_on` a worker.
    slot: &'a DriverSlot,
    /// The parker of the caller.
    parker: Arc<Parker>,
    /// The caller as a worker, if it has the slot; otherwise it polls its root only.
    worker: Option<Rc<Worker>>,
    /// Makes the runtime ambient.
    context: Guard,
}

impl<'a> Driver<'a> {
    /// Makes the current thread a driver, and a worker if the slot is free.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime already.
    #[track_caller]
    pub(crate) fn new(scheduler: &'a Arc<Scheduler>, slot: &'a DriverSlot) -> Driver<'a> {
        let context = context::enter_loop(scheduler);
        let mut driver = Driver { scheduler, slot, parker: Parker::new(), worker: None, context };
        driver.try_become_worker();
        driver
    }

    /// Returns true if this driver has the slot.
    pub(crate) fn is_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Polls the root each time its turn comes, until it is ready.
    pub(crate) fn drive<F: Future>(&mut self, mut root: Pin<&mut F>) -> F::Output {
        let stand_in = StandIn::new(self.scheduler, &self.parker);
        let mut context = Context::from_waker(&stand_in.waker);
        loop {
            // The load spares the swap, which is dearer: this loop makes a turn for each poll of each task.
            if stand_in.due.load(Relaxed)
                && stand_in.due.swap(false, Acquire)
                && let Poll::Ready(output) = root.as_mut().poll(&mut context)
            {
                return output;
            }
            if self.worker.is_none() {
                self.try_become_worker();
            }
            match &self.worker {
                Some(worker) => {
                    worker.turn();
                }
                None => self.parker.wait(None),
            }
        }
    }

    /// Takes the slot if it is free, and otherwise a place in the line for it.
    fn try_become_worker(&mut self) {
        if let Some(core) = self.slot.take(&self.parker) {
            let worker = Rc::new(Worker::new(self.scheduler, self.parker.clone(), 0, core));
            self.context.work_as(worker.clone());
            self.worker = Some(worker);
        }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let core = self.worker.take().map(|worker| worker.leave());
        self.slot.leave(&self.parker, core);
    }
}

/// The task that waits in the queue in place of a root.
struct StandIn {
    /// Set once the turn of the root has come.
    due: Arc<AtomicBool>,
    /// Queues the task.
    waker: Waker,
    /// The task, which is cancelled with the root.
    handle: Handle<()>,
}

impl StandIn {
    /// Queues the task for the first poll of the root that `driver` polls.
    fn new(scheduler: &Scheduler, driver: &Arc<Parker>) -> StandIn {
        let due = Arc::new(AtomicBool::new(false));
        let (set_due, driver) = (due.clone(), driver.clone());
        let handle = scheduler.call(poll_fn(move |_| {
            set_due.store(true, Release);
            driver.unpark();
            Poll::Pending
        }));
        StandIn { due, waker: handle.waker(), handle }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}

/// The place of worker zero, which one caller of `block_on` has at a time, and the line of those that wait
/// for it.
pub(crate) struct DriverSlot {
    /// The holder's core and the line, under the lock.
    state: Mutex<SlotState>,
}

/// The state that the lock of a slot protects.
struct SlotState {
    /// The core of the last worker in the slot; `None` while a driver has it.
    core: Option<Core>,
    /// The drivers without the slot; the first of them is woken when it is free.
    line: Vec<Arc<Parker>>,
}

impl DriverSlot {
    /// Makes a free slot.
    pub(crate) fn new() -> DriverSlot {
        DriverSlot { state: Mutex::new(SlotState { core: Some(Core::default()), line: Vec::new() }) }
    }

    /// Takes the core of the last worker, once no driver will come any more.
    pub(crate) fn take_core(&self) -> Core {
        lock(&self.state).core.take().unwrap_or_default()
    }

    /// Takes the slot, or a place in the line if another driver has it.
    fn take(&self, driver: &Arc<Parker>) -> Option<Core> {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        let core = state.core.take();
        if core.is_none() {
            state.line.push(driver.clone());
        }
        core
    }

    /// Leaves the slot and the core to the next driver; a driver without the slot leaves the line.
    fn leave(&self, driver: &Arc<Parker>, core: Option<Core>) {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        if core.is_some() {
            state.core = core;
        }
        // Also if this driver had no slot: it may be the one that was woken because the slot is free.
        let next = if state.core.is_some() { state.line.first().cloned() } else { None };
        drop(state);
        if let Some(driver) = next {
            driver.unpark();
        }
    }
}
