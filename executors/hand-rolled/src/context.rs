//! Which runtime the current thread works for: what makes `spawn` and `sleep` ambient.

use std::{cell::RefCell, marker::PhantomData, sync::Arc};

use crate::scheduler::Scheduler;

thread_local! {
    /// What this thread is in the middle of, innermost last.
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// A runtime that a thread works for.
struct Entered {
    /// The runtime.
    scheduler: Arc<Scheduler>,
    /// Whether the thread polls tasks, and so must not block; one that runs a blocking job does not.
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
    let nested = ENTERED.with_borrow(|entered| entered.iter().any(|entered| entered.polls));
    assert!(
        !nested,
        "block_on was called on a thread that is running a runtime already, whose tasks would all stand still; \
         await the future instead, or call block_on inside spawn_blocking"
    );
    enter(scheduler, true)
}

/// Marks this thread as one that works for a runtime, but may block.
pub(crate) fn enter_aside(scheduler: &Arc<Scheduler>) -> Guard {
    enter(scheduler, false)
}

/// The runtime this thread works for.
///
/// # Panics
///
/// If there is none; the message names what the caller wanted.
#[track_caller]
pub(crate) fn current(wanted: &str) -> Arc<Scheduler> {
    current_if_any().unwrap_or_else(|| {
        panic!(
            "{wanted} needs a running runtime; use it inside hand_rolled::run, Runtime::block_on or a task, \
             or call the method of a Runtime"
        )
    })
}

/// The runtime this thread works for, if any.
pub(crate) fn current_if_any() -> Option<Arc<Scheduler>> {
    let current = ENTERED.try_with(|entered| entered.borrow().last().map(|last| last.scheduler.clone()));
    current.ok().flatten()
}

/// Tells whether this thread polls tasks, and so must not wait.
pub(crate) fn polls() -> bool {
    let polls = |entered: &RefCell<Vec<Entered>>| entered.borrow().iter().any(|entered| entered.polls);
    ENTERED.try_with(polls).unwrap_or(false)
}

/// Tells whether this thread works for `scheduler`, however deep.
pub(crate) fn is_inside(scheduler: &Arc<Scheduler>) -> bool {
    let inside = |entered: &RefCell<Vec<Entered>>| {
        entered.borrow().iter().any(|entered| Arc::ptr_eq(&entered.scheduler, scheduler))
    };
    // A thread that has lost its thread-locals is past its last task.
    ENTERED.try_with(inside).unwrap_or(false)
}

/// Enters until the guard is dropped.
fn enter(scheduler: &Arc<Scheduler>, polls: bool) -> Guard {
    let entered = Entered { scheduler: scheduler.clone(), polls };
    // Without thread-locals there is nothing to enter; what asks for the runtime then says so.
    ENTERED.try_with(|stack| stack.borrow_mut().push(entered)).ok();
    Guard { _same_thread: PhantomData }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The last reference to a runtime may be the one on the stack, so it is dropped after the borrow.
        drop(ENTERED.try_with(|stack| stack.borrow_mut().pop()));
    }
}
