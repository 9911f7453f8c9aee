//! The runtime that the current thread works for, which makes `spawn` and `sleep` ambient, and its worker.

use std::{cell::RefCell, marker::PhantomData, mem::ManuallyDrop, ptr, rc::Rc, sync::Arc};

use crate::{
    scheduler::{Scheduler, debug, worker::Worker},
    sync::thread_local,
    task::inspect::TaskId,
};

thread_local! {
    /// The runtimes that this thread has entered.
    ///
    /// It has no destructor, so it is there as long as the thread: the destructor of another thread-local may
    /// use a runtime. The guards leave it empty, and an empty one owns no memory.
    static ENTERED: ManuallyDrop<RefCell<Stack>> =
        const { ManuallyDrop::new(RefCell::new(Stack { last: None, others: Vec::new() })) };
}

/// The runtimes that a thread has entered.
struct Stack {
    /// The innermost.
    last: Option<Entered>,
    /// The others, outermost first.
    others: Vec<Entered>,
}

impl Stack {
    /// Adds the innermost.
    fn push(&mut self, entered: Entered) {
        self.others.extend(self.last.replace(entered));
    }

    /// Removes the innermost.
    fn pop(&mut self) -> Option<Entered> {
        let left = self.last.take();
        self.last = self.others.pop();
        if self.others.is_empty() {
            self.others = Vec::new();
        }
        left
    }

    /// Returns all of them.
    fn iter(&self) -> impl Iterator<Item = &Entered> {
        self.others.iter().chain(&self.last)
    }
}

/// A runtime that a thread has entered.
struct Entered {
    /// The scheduler of the runtime.
    scheduler: Arc<Scheduler>,
    /// The worker that the thread is, if it is one.
    worker: Option<Rc<Worker>>,
    /// True if the thread polls tasks, and so must not block; false for a thread that runs blocking jobs.
    polls: bool,
}

/// Leaves the runtime when dropped.
pub(crate) struct Guard {
    /// Not `Send`: the thread that entered is the one that leaves.
    _same_thread: PhantomData<*const ()>,
}

/// Marks this thread as one that polls the tasks of a runtime.
///
/// # Panics
///
/// If it polls tasks already, of this runtime or another.
#[track_caller]
pub(crate) fn enter_loop(scheduler: &Arc<Scheduler>) -> Guard {
    assert!(
        !polls(),
        "block_on was called on a thread that is running a runtime already, whose tasks would all stand still; \
         await the future instead, or call block_on inside spawn_blocking"
    );
    enter(scheduler, true)
}

/// Marks this thread as one that works for a runtime, but may block.
pub(crate) fn enter_aside(scheduler: &Arc<Scheduler>) -> Guard {
    enter(scheduler, false)
}

impl Guard {
    /// Makes this thread a worker of the runtime that it has just entered.
    pub(crate) fn work_as(&self, worker: Rc<Worker>) {
        let set = |stack: &ManuallyDrop<RefCell<Stack>>| {
            stack.borrow_mut().last.as_mut().expect("it was entered").worker = Some(worker);
        };
        ENTERED.with(set);
    }
}

/// Calls `use_it` with the runtime this thread works for, and with the worker that the thread is.
///
/// `use_it` must run no code of the user.
///
/// # Panics
///
/// If there is none; the message names what the caller wanted.
#[track_caller]
#[inline]
pub(crate) fn with_current<R>(wanted: &str, use_it: impl FnOnce(&Arc<Scheduler>, Option<&Worker>) -> R) -> R {
    // Not in a closure, so that the panic is where the caller is.
    match with_current_if_any(use_it) {
        Some(result) => result,
        None => fail(wanted),
    }
}

/// Panics for want of a runtime.
#[cold]
#[track_caller]
fn fail(wanted: &str) -> ! {
    panic!(
        "{wanted} needs a running runtime; use it inside hand_rolled::run, Runtime::block_on or a task, \
         or call the method of a Runtime"
    )
}

/// Calls `use_it`, like [`with_current`], if there is a runtime.
#[inline]
pub(crate) fn with_current_if_any<R>(
    use_it: impl FnOnce(&Arc<Scheduler>, Option<&Worker>) -> R,
) -> Option<R> {
    with_last(|last| use_it(&last.scheduler, last.worker.as_deref()))
}

/// Returns the runtime this thread works for.
///
/// # Panics
///
/// If there is none; the message names what the caller wanted.
#[track_caller]
pub(crate) fn current(wanted: &str) -> Arc<Scheduler> {
    with_current(wanted, |scheduler, _| scheduler.clone())
}

/// Returns the worker that this thread is, if it is one.
///
/// # Panics
///
/// If it works for no runtime; the message names what the caller wanted.
#[cfg(all(target_os = "linux", not(loom)))]
#[track_caller]
#[inline]
pub(crate) fn current_worker(wanted: &str) -> Option<Rc<Worker>> {
    match with_last(|last| last.worker.clone()) {
        Some(worker) => worker,
        None => fail(wanted),
    }
}

/// Returns the runtime this thread works for, if there is one.
pub(crate) fn current_if_any() -> Option<Arc<Scheduler>> {
    with_last(|last| last.scheduler.clone())
}

/// Calls `use_it` with the current thread, if it is a worker of `scheduler`, and otherwise with `None`.
///
/// `use_it` must run no code of the user.
#[inline]
pub(crate) fn with_worker_of<R>(scheduler: *const Scheduler, use_it: impl FnOnce(Option<&Worker>) -> R) -> R {
    let mut use_it = Some(use_it);
    let used = with_last(|last| {
        let worker = last.worker.as_deref()?;
        if !ptr::eq(Arc::as_ptr(&last.scheduler), scheduler) {
            return None;
        }
        use_it.take().map(|use_it| use_it(Some(worker)))
    });
    // A thread that is no worker may wait for locks and start threads here, so the stack is not borrowed.
    used.flatten().unwrap_or_else(|| use_it.take().expect("it was not called")(None))
}

/// Calls `use_it` with the scheduler at this address, and with the worker of it that this thread is. A thread
/// that does not work for the scheduler has `upgrade` return it, if it is still there.
///
/// `use_it` must run no code of the user.
#[inline]
pub(crate) fn with_scheduler<R>(
    scheduler: *const Scheduler,
    upgrade: impl FnOnce() -> Option<Arc<Scheduler>>,
    use_it: impl FnOnce(Option<&Scheduler>, Option<&Worker>) -> R,
) -> R {
    let mut use_it = Some(use_it);
    let used = with_last(|last| {
        if !ptr::eq(Arc::as_ptr(&last.scheduler), scheduler) {
            return None;
        }
        let worker = last.worker.as_deref();
        use_it.take().map(|use_it| use_it(Some(&last.scheduler), worker))
    });
    used.flatten().unwrap_or_else(|| {
        // To drop it may be its end, so that is not under the borrow.
        let scheduler = upgrade();
        use_it.take().expect("it was not called")(scheduler.as_deref(), None)
    })
}

/// Returns the task that is being polled on this thread, if it is one of the innermost runtime's users.
pub(crate) fn current_task() -> Option<TaskId> {
    with_last(|last| debug::running(last.worker.as_ref()?.running_task())).flatten()
}

/// Returns true on a thread that polls tasks, and so must not wait.
pub(crate) fn polls() -> bool {
    ENTERED.with(|stack| stack.borrow().iter().any(|entered| entered.polls))
}

/// Returns true if this thread has entered `scheduler`, innermost or not.
pub(crate) fn is_inside(scheduler: &Arc<Scheduler>) -> bool {
    ENTERED.with(|stack| stack.borrow().iter().any(|entered| Arc::ptr_eq(&entered.scheduler, scheduler)))
}

/// Calls `use_it` with the innermost runtime, if there is one.
#[inline]
fn with_last<R>(use_it: impl FnOnce(&Entered) -> R) -> Option<R> {
    ENTERED.with(|stack| stack.borrow().last.as_ref().map(use_it))
}

/// Enters a runtime until the guard is dropped.
fn enter(scheduler: &Arc<Scheduler>, polls: bool) -> Guard {
    let entered = Entered { scheduler: scheduler.clone(), worker: None, polls };
    ENTERED.with(|stack| stack.borrow_mut().push(entered));
    Guard { _same_thread: PhantomData }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The last reference to a runtime may be the one on the stack, so it is dropped after the borrow.
        let left = ENTERED.with(|stack| stack.borrow_mut().pop());
        drop(left);
    }
}
