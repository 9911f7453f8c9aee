//! `block_on`: its caller polls one future, the root, and is a worker meanwhile.
//!
//! The root is not a task, because it may borrow and need not be `Send`; only the caller can poll it. But on a
//! worker it waits its turn like a task: another task, the stand-in, takes its place in the queue. A wake of
//! the root wakes the stand-in, whose poll, on whichever worker, tells the caller to poll the root. A caller
//! that is no worker polls its root as soon as it is woken.

use std::{
    cell::Cell,
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
        Mutex, MutexGuard,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
        lock, thread_local,
    },
    task::{self, Entry, Flag, Handle, Moving, home::Home},
};

/// A caller of `block_on`.
pub(crate) struct Driver<'a> {
    /// The scheduler it works for.
    scheduler: &'a Arc<Scheduler>,
    /// The place that makes one of the callers of `block_on` a worker.
    slot: &'a DriverSlot,
    /// The waker of the root, but while that is driven.
    waker: Option<RootWaker>,
    /// The caller as a worker, if it has the slot; otherwise it polls its root only.
    worker: Option<Rc<Worker>>,
    /// Makes the runtime ambient, until the driver is dropped.
    context: Option<Guard>,
}

impl<'a> Driver<'a> {
    /// Makes the current thread a driver, and a worker if the slot is free.
    ///
    /// # Panics
    ///
    /// On a thread that runs a runtime already.
    #[track_caller]
    pub(crate) fn new(scheduler: &'a Arc<Scheduler>, slot: &'a DriverSlot) -> Driver<'a> {
        let context = Some(context::enter_loop(scheduler));
        let waker = RootWaker::new();
        let mut driver = Driver { scheduler, slot, waker: None, worker: None, context };
        // Without a place in the line: a root that is ready at once needs none.
        let core = if scheduler.is_event_loop() { slot.take(None) } else { slot.take_if_free() };
        driver.become_worker(core, &waker.turn.driver);
        driver.waker = Some(waker);
        driver
    }

    /// Returns true if this driver has the slot.
    pub(crate) fn is_worker(&self) -> bool {
        self.worker.is_some()
    }

    /// Polls the root each time its turn comes, until it is ready.
    pub(crate) fn drive<F: Future>(&mut self, root: Pin<&mut F>) -> F::Output {
        let waker = self.waker.take().expect("a driver drives one root");
        let output = self.drive_with(&waker, root);
        self.waker = Some(waker);
        output
    }

    /// Does the same, with this waker.
    fn drive_with<F: Future>(&mut self, waker: &RootWaker, mut root: Pin<&mut F>) -> F::Output {
        let turn = &waker.turn;
        let has_queue = self.worker.as_ref().is_some_and(|worker| worker.has_queue());
        let mut polls = !has_queue || self.scheduler.parking.is_closed();
        // The root comes after those that were queued before.
        let mut stand_in = if polls { None } else { Some(StandIn::queue(self.scheduler, turn)) };
        loop {
            if polls {
                let waker = turn.stand_in.get().unwrap_or(&waker.waker);
                if let Poll::Ready(output) = self.poll(root.as_mut(), waker) {
                    return output;
                }
            }
            if self.worker.is_none() {
                let core = self.slot.take(Some(&turn.driver));
                self.become_worker(core, &turn.driver);
            }
            match &self.worker {
                Some(worker) => {
                    // A root that is ready at once never needs it.
                    stand_in.get_or_insert_with(|| StandIn::after_a_poll(self.scheduler, turn));
                    if polls {
                        worker.follow_root();
                    }
                    worker.turn();
                }
                None => {
                    turn.driver.wait(None);
                    self.slot.step_out(&turn.driver);
                }
            }
            // The stand-in of a runtime that has ended is gone.
            polls = turn.take() || self.scheduler.parking.is_closed();
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

    /// Makes the caller a worker with this parker, if it has got the core.
    fn become_worker(&mut self, core: Option<Core>, parker: &Arc<Parker>) {
        let (Some(core), Some(context)) = (core, &self.context) else { return };
        let worker = Rc::new(Worker::new(self.scheduler, parker.clone(), 0, core));
        context.work_as(worker.clone());
        self.worker = Some(worker);
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let core = self.worker.take().map(|worker| worker.leave());
        // The worker ends with it.
        drop(self.context.take());
        if let Some(core) = core {
            self.slot.leave(core);
        }
        if let Some(waker) = self.waker.take() {
            waker.leave();
        }
    }
}

/// The turn of a root, and the waker that brings it.
struct RootWaker {
    /// The turn.
    turn: Arc<Turn>,
    /// Wakes the root as long as there is no stand-in.
    waker: Waker,
}

thread_local! {
    /// The turn of the last root of this thread, for the next.
    static SPARE: Cell<Option<RootWaker>> = const { Cell::new(None) };
}

impl RootWaker {
    /// Returns the waker of a turn that has not come.
    fn new() -> RootWaker {
        // The destructor of another thread-local may block on a future, too.
        let spare = SPARE.try_with(|spare| spare.take()).ok().flatten();
        spare.unwrap_or_else(|| {
            let turn = Arc::new(Turn::new(Parker::new()));
            RootWaker { waker: Waker::from(turn.clone()), turn }
        })
    }

    /// Leaves it to the next root of this thread, if nobody else has it, as mostly after a root that was ready at
    /// once.
    fn leave(self) {
        // Loom does not see what the counts of an `Arc` order.
        if !cfg!(loom) && self.is_unused() {
            SPARE.try_with(|spare| spare.set(Some(self))).ok();
        }
    }

    /// Returns true if nobody else can wake the root any more, and forgets who did.
    fn is_unused(&self) -> bool {
        let Turn { due, driver, stand_in } = &*self.turn;
        let is_unused = stand_in.get().is_none()
            && Arc::strong_count(&self.turn) == 2
            && Arc::strong_count(driver) == 1
            && !driver.has_reactor();
        // The fence puts what others did, before they gave their references up, before what is cleared here.
        fence(Acquire);
        if is_unused && due.load(Relaxed) {
            due.store(false, Relaxed);
            driver.forget_signals();
        }
        is_unused
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
    /// True while no driver has the slot; a hint, so that no caller takes the lock in vain. Changed under the lock.
    is_free: AtomicBool,
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
        let state = SlotState { core: Some(Core::default()), line: Vec::new() };
        DriverSlot { state: Mutex::new(state), is_free: AtomicBool::new(true) }
    }

    /// Takes the core of the last worker, once no driver will come any more.
    pub(crate) fn take_core(&self) -> Core {
        lock(&self.state).core.take().unwrap_or_default()
    }

    /// Takes the run queue of the last worker, which was that of an event loop.
    pub(crate) fn take_entries(&self) -> VecDeque<Entry> {
        lock(&self.state).core.as_mut().map(|core| mem::take(&mut core.entries)).unwrap_or_default()
    }

    /// Takes the slot, if the hint says that it is free. Whoever is refused in vain asks again after the first poll
    /// of its root.
    fn take_if_free(&self) -> Option<Core> {
        if self.is_free.load(Relaxed) { self.take(None) } else { None }
    }

    /// Takes the slot, or, if another driver has it, a place in the line for the given parker.
    fn take(&self, driver: Option<&Arc<Parker>>) -> Option<Core> {
        let mut state = lock(&self.state);
        let core = state.core.take();
        self.is_free.store(false, Relaxed);
        if core.is_none() {
            state.line.extend(driver.cloned());
        }
        core
    }

    /// Leaves the line: the driver is about to poll its root, or to try for the slot again.
    fn step_out(&self, driver: &Arc<Parker>) {
        let mut state = lock(&self.state);
        state.line.retain(|waiting| !Arc::ptr_eq(waiting, driver));
        // This driver may be the one that was woken because the slot is free, and it may have its root to poll first.
        DriverSlot::offer(state);
    }

    /// Leaves the slot and the core to the next driver.
    fn leave(&self, core: Core) {
        let mut state = lock(&self.state);
        state.core = Some(core);
        self.is_free.store(true, Relaxed);
        DriverSlot::offer(state);
    }

    /// Wakes the first driver in the line, if the slot is free.
    fn offer(state: MutexGuard<'_, SlotState>) {
        let next = if state.core.is_some() { state.line.first().cloned() } else { None };
        drop(state);
        if let Some(driver) = next {
            driver.unpark();
        }
    }
}
