//! Functions that are called later: [`call_soon`], [`call_later`], [`call_at`].

use std::{
    fmt,
    panic::Location,
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{AcqRel, Acquire},
        },
    },
    time::{Duration, Instant},
};

use crate::{
    scheduler::{Scheduler, context, worker::Worker},
    task::{self, Entry, Handle, Moving},
    time::{sleep, sleep_until},
};

/// Queues a function, which is called once, after all that is due now.
///
/// It is no task: [`current_task`](crate::current_task) is `None` in it. If it panics, the others are called
/// all the same. A runtime that is dropped does not call what is left. A blocking job may use it too; on other
/// threads, [`Runtime::spawn`](crate::Runtime::spawn) does the same.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn call_soon(callback: impl FnOnce() + Send + 'static) -> CallHandle {
    call("call_soon", None, std::future::ready(()), callback)
}

/// Has a function called once `delay` has passed, like [`call_at`]; [`Duration::MAX`] is never.
///
/// If `delay` is zero it is called after all that is due now.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn call_later(delay: Duration, callback: impl FnOnce() + Send + 'static) -> CallHandle {
    let deadline = Instant::now().checked_add(delay);
    call("call_later", deadline, deadline.map_or_else(|| sleep(Duration::MAX), sleep_until), callback)
}

/// Has a function called once `deadline` has passed, like [`call_soon`], and never inside this call.
///
/// An event loop calls all functions whose deadlines have passed, after what was due before, in the order of
/// the deadlines; those of the same deadline, in the order of the calls. That holds for deadlines that were
/// past from the beginning, too. With several workers no order is promised, as for tasks: each worker has
/// timers of its own, and the calls that are due run on all of them.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn call_at(deadline: Instant, callback: impl FnOnce() + Send + 'static) -> CallHandle {
    call("call_at", Some(deadline), sleep_until(deadline), callback)
}

/// A function that was queued or will be; see [`call_soon`]. Dropping the handle changes nothing.
pub struct CallHandle {
    /// The function as a task of the runtime's own.
    task: Handle<()>,
    /// The stage of the call.
    stage: Arc<AtomicU8>,
    /// The deadline.
    when: Option<Instant>,
}

/// The function was not called.
const WAITING: u8 = 0;
/// The function was called.
const CALLED: u8 = 1;
/// The function will not be called.
const CANCELLED: u8 = 2;

impl CallHandle {
    /// Sees to it that the function is not called; returns false only if it has been, or is being.
    ///
    /// It is dropped when its turn comes, not inside this call.
    pub fn cancel(&self) -> bool {
        match enter(&self.stage, CANCELLED) {
            Ok(()) => {
                self.task.cancel();
                true
            }
            Err(stage) => stage == CANCELLED,
        }
    }

    /// Returns true if the function was cancelled before it was called.
    pub fn cancelled(&self) -> bool {
        self.stage.load(Acquire) == CANCELLED
    }

    /// Returns the time at which the function is due; `None` for [`call_soon`], and if that is never.
    pub fn when(&self) -> Option<Instant> {
        self.when
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("CallHandle");
        debug.field("when", &self.when).field("cancelled", &self.cancelled()).finish_non_exhaustive()
    }
}

/// Calls a function after `delay`, on the runtime of the current thread.
#[track_caller]
fn call(
    wanted: &str,
    when: Option<Instant>,
    delay: impl Future<Output = ()> + Send + 'static,
    callback: impl FnOnce() + Send + 'static,
) -> CallHandle {
    let stage = Arc::new(AtomicU8::new(WAITING));
    let called = stage.clone();
    let call = move || {
        if enter(&called, CALLED).is_ok() {
            callback();
        }
    };
    let spawned_at = Location::caller();
    let (task, queued) = context::with_current(wanted, |scheduler, worker| {
        if scheduler.is_debugged {
            let call: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async { call() });
            // Not the delay, which is polled here, where no report may be made.
            let watched = scheduler.registry.watch_call(wanted, spawned_at, call);
            let future = async move {
                delay.await;
                watched.await;
            };
            return start(scheduler, worker, when, &mut Moving::new(future));
        }
        let future = async move {
            delay.await;
            call();
        };
        start(scheduler, worker, when, &mut Moving::new(future))
    });
    queued.unwrap_or_else(Entry::end);
    CallHandle { task, stage, when }
}

/// Queues a call, or sets its timer at once if it has one and this is an event loop: the calls that are due
/// have an order, and a call that waited in the queue to set its timer would be late for it.
///
/// Elsewhere it waits: another worker sets the timer if this poll goes on for long.
fn start<F: Future<Output = ()> + Send + 'static>(
    scheduler: &Scheduler,
    worker: Option<&Worker>,
    when: Option<Instant>,
    future: &mut Moving<F>,
) -> (Handle<()>, Result<(), Entry>) {
    match worker {
        Some(worker) if when.is_some() && scheduler.is_event_loop() => {
            let (entry, task) = task::new_call(scheduler, Some(worker), future);
            worker.run_inside(entry);
            (task, Ok(()))
        }
        worker => scheduler.try_call(worker, future),
    }
}

/// Enters a stage of a call that waits, or fails with the stage that it is in.
fn enter(stage: &AtomicU8, next: u8) -> Result<(), u8> {
    stage.compare_exchange(WAITING, next, AcqRel, Acquire).map(|_| ())
}
