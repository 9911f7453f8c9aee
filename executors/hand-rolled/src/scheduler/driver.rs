//! `block_on`: its caller polls one future, the root, and is a worker meanwhile.
//!
//! The root is not a task, because it may borrow and need not be `Send`; only the caller can poll it. But on a
//! worker it waits its turn like a task: another task, the stand-in, takes its place in the queue. A wake of
//! the root wakes the stand-in, whose poll, on whichever worker, tells the caller to poll the root. A caller
//! that is no worker polls its root as soon as it is woken.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    pin::Pin,
    rc::Rc,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Wake, Waker},
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
    task::{self, Entry, Flag, Handle, Moving, home::Home},
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
        let turn = Arc::new(Turn::new(self.parker.clone()));
        let waker = Waker::from(turn.clone());
        let mut stand_in = None;
        if self.worker.as_ref().is_some_and(|worker| worker.has_queue()) {
            // Those that were queued before come first.
            stand_in = Some(StandIn::queue(self.scheduler, &turn));
        } else {
            turn.come();
        }
        loop {
            // The stand-in of a runtime that has ended is gone.
            let polls = turn.take() || self.scheduler.parking.is_closed();
            if polls {
                let waker = turn.stand_in.get().unwrap_or(&waker);
                if let Poll::Ready(output) = self.poll(root.as_mut(), waker) {
                    return output;
                }
            }
            if self.worker.is_none() {
                self.try_become_worker();
            }
            match &self.worker {
                Some(worker) => {
                    // A root that is ready at once never needs it.
                    stand_in.get_or_insert_with(|| StandIn::after_a_poll(self.scheduler, &turn));
                    if polls {
                        worker.follow_root();
                    }
                    worker.turn();
                }
                None => {
                    self.parker.wait(None);
                    self.slot.step_out(&self.parker);
                }
            }
        }
    }

    /// Polls the root.
    fn poll<F: Future>(&self, root: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        let Some(worker) = &self.worker else { return root.poll(&mut Context::from_waker(waker)) };
        worker.begin_root(waker);
        let polled = root.poll(&mut Context::from_waker(waker));
        worker.end_root();
        polled
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

/// The turn of a root. As a waker it wakes the stand-in, or the caller, as long as there is no stand-in.
struct Turn {
    /// True once it has come.
    due: AtomicBool,
    /// Wakes the caller.
    driver: Arc<Parker>,
    /// The waker of the stand-in, once that has been polled.
    stand_in: OnceLock<Waker>,
}

impl Turn {
    /// Makes a turn that has not come.
    fn new(driver: Arc<Parker>) -> Turn {
        Turn { due: AtomicBool::new(false), driver, stand_in: OnceLock::new() }
    }

    /// Notes that the turn has come.
    fn come(&self) {
        self.due.store(true, Release);
    }

    /// Returns true if the turn has come since it was last taken.
    fn take(&self) -> bool {
        // The load spares the swap, which is dearer: the driver asks for each poll of each task.
        self.due.load(Relaxed) && self.due.swap(false, Acquire)
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.stand_in.get() {
            Some(stand_in) => stand_in.wake_by_ref(),
            None => {
                self.come();
                self.driver.unpark();
            }
        }
    }
}

/// The task that waits in the queue in place of a root. Dropping it cancels the task.
struct StandIn(Handle<()>);

impl StandIn {
    /// Queues the task for the first poll of a root.
    fn queue(scheduler: &Scheduler, turn: &Arc<Turn>) -> StandIn {
        StandIn(scheduler.call(StandIn::future(turn, true)))
    }

    /// Makes the task for later wakes of a root that has been polled. If the root was woken in its poll, as by a
    /// yield, the task is queued.
    fn after_a_poll(scheduler: &Scheduler, turn: &Arc<Turn>) -> StandIn {
        if turn.take() {
            return StandIn::queue(scheduler, turn);
        }
        let mut future = Moving::new(StandIn::future(turn, false));
        let (entry, handle) =
            context::with_worker_of(scheduler, |worker| task::new_call(scheduler, worker, &mut future));
        // Its first poll is here: a queued task would wake a worker.
        if let Some(woken) = entry.run(&Flag::new(false)) {
            context::with_worker_of(scheduler, |worker| scheduler.queue(worker, woken))
                .expect("it has not ended");
        }
        StandIn(handle)
    }

    /// Returns the future of the task. Its first poll publishes its waker, and counts as a wake if
    /// `first_counts`.
    fn future(turn: &Arc<Turn>, first_counts: bool) -> impl Future<Output = ()> + Send + 'static {
        let turn = turn.clone();
        poll_fn(move |context| {
            let is_first = turn.stand_in.get().is_none();
            turn.stand_in.get_or_init(|| context.waker().clone());
            if first_counts || !is_first {
                turn.come();
                turn.driver.unpark();
            }
            Poll::Pending
        })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.cancel();
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
    /// The drivers that wait for nothing but the slot or their root; the first of them is woken when it is
    /// free.
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

    /// Takes the run queue of the last worker, which was that of an event loop.
    pub(crate) fn take_entries(&self) -> VecDeque<Entry> {
        lock(&self.state).core.as_mut().map(|core| mem::take(&mut core.entries)).unwrap_or_default()
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

    /// Leaves the line: the driver is about to poll its root, or to try for the slot again.
    fn step_out(&self, driver: &Arc<Parker>) {
        self.leave(driver, None);
    }

    /// Leaves the slot and the core to the next driver; a driver without the slot leaves the line.
    fn leave(&self, driver: &Arc<Parker>, core: Option<Core>) {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        if core.is_some() {
            state.core = core;
        }
        // Also if this driver had no slot: it may be the one that was woken because the slot is free, and it
        // may have its root to poll first.
        let next = if state.core.is_some() { state.line.first().cloned() } else { None };
        drop(state);
        if let Some(driver) = next {
            driver.unpark();
        }
    }
}
