//! Waiting: for a time, for the others, and no longer than.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{context, scheduler::Scheduler, wheel::Key};

/// Ends once `duration` has passed since this call, never earlier; [`Duration::MAX`] never ends.
///
/// It always lets the other tasks run, even if `duration` is zero.
///
/// # Panics
///
/// When polled on a thread that works for no runtime.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(Instant::now().checked_add(duration))
}

/// Ends once `deadline` has passed, never earlier.
///
/// # Panics
///
/// As [`sleep`].
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(Some(deadline))
}

/// Lets everything that is due run before the current task goes on.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// Gives the output of `future`, or [`TimedOut`] once `limit` has passed; `future` is then gone.
///
/// A future that is ready in its first poll is in time whatever the limit.
///
/// # Errors
///
/// If `future` was not ready in time.
///
/// # Panics
///
/// As [`sleep`].
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, TimedOut> {
    let mut expiry = sleep(limit);
    let mut future = pin!(future);
    // The future first: what is ready when its time is up is in time.
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => expiry.poll_deadline(context).map(|()| Err(TimedOut)),
    })
    .await
}

/// A future that ends at a time; see [`sleep`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// When it ends; `None` is later than a clock can say.
    deadline: Option<Instant>,
    /// The timer that is set for it.
    timer: Option<Timer>,
    /// Whether it has suspended its task once.
    suspended: bool,
}

impl Sleep {
    /// Makes a sleep that has not set its timer.
    fn new(deadline: Option<Instant>) -> Sleep {
        Sleep { deadline, timer: None, suspended: false }
    }

    /// Tells whether the deadline has passed, and if not has `context` woken when it has.
    pub(crate) fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let scheduler = context::current("sleep");
        // The longest sleep needs no timer.
        let Some(deadline) = self.deadline else { return Poll::Pending };
        match &self.timer {
            Some(timer) if Arc::ptr_eq(&timer.scheduler, &scheduler) => {
                if scheduler.timers.has_fired(deadline) {
                    return Poll::Ready(());
                }
                scheduler.timers.replace(timer.key, context.waker());
            }
            // Not set, or set in another runtime, which may not be running any more.
            _ => {
                if Instant::now() >= deadline {
                    return Poll::Ready(());
                }
                self.timer = Timer::set(scheduler, deadline, context);
                if self.timer.is_none() {
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ended = self.poll_deadline(context);
        if ended.is_ready() && !self.suspended {
            self.suspended = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.suspended = true;
        ended
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// A timer that is set, until this is dropped.
struct Timer {
    /// Where it is set.
    scheduler: Arc<Scheduler>,
    /// Its name there.
    key: Key,
    /// When it fires.
    deadline: Instant,
}

impl Timer {
    /// Sets a timer that wakes `context` at `deadline`; none if that is over.
    fn set(scheduler: Arc<Scheduler>, deadline: Instant, context: &mut Context<'_>) -> Option<Timer> {
        let inserted = scheduler.timers.insert(deadline, context.waker().clone())?;
        if inserted.is_first {
            scheduler.queue.unpark_timekeeper();
        }
        Some(Timer { scheduler, key: inserted.key, deadline })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if !self.scheduler.timers.has_fired(self.deadline) {
            self.scheduler.timers.remove(self.key);
        }
    }
}

/// A future that suspends its task once; see [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    /// Whether it has.
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What [`timeout`] gives when the time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the time is up")
    }
}

impl Error for TimedOut {}
