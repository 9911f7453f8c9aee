//! [`timeout`]: a future with a limit, and what happens if one is inside another.
//!
//! If the time of both is up when the task is polled, the outer one is to time out, and the inner one *stands
//! back*: it is pending once more, though its time is up. But it may outlive the outer one, in a set of futures
//! that polls only what was woken, or under a `block_on` that the outer one knows nothing of. So it wakes
//! itself, and stands back only once; and the outer one, whose timer may not have fired, asks the clock.

#![expect(unsafe_code, reason = "the future that is limited is pinned in the timeout")]

use std::{
    cell::Cell,
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{Sleep, sleep};
use crate::scheduler::timers::Time;

/// Returns the output of `future`, or [`TimedOut`] once `limit` has passed since the first poll; `future` is
/// dropped then.
///
/// A future that is ready in its first poll is in time whatever the limit. If one timeout is inside another,
/// and the time of both is up when the task is polled, the outer one times out, whatever the inner one's
/// future would go on to do.
///
/// # Errors
///
/// If `future` was not ready in time.
///
/// # Panics
///
/// As [`sleep`].
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { future: Some(future), limit, expiry: None, stood_back: false }
}

/// A future with a limit; see [`timeout`].
#[must_use = "futures do nothing unless awaited"]
pub struct Timeout<F> {
    /// The future, until it is ready or its time is up. Pinned with the timeout.
    future: Option<F>,
    /// The time it has from its first poll on.
    limit: Duration,
    /// Ends when its time is up; set in the first poll.
    expiry: Option<Sleep>,
    /// True once its time was up, but that of a timeout around it, too.
    stood_back: bool,
}

thread_local! {
    /// The timeouts that this thread is polling.
    static POLLED: Cell<Polled> = const { Cell::new(Polled { deadline: Time::NEVER, stood_back: false }) };
}

/// The timeouts that a thread is polling.
#[derive(Clone, Copy)]
struct Polled {
    /// The first of their deadlines.
    deadline: Time,
    /// True if one of them has stood back.
    stood_back: bool,
}

/// The poll of a future that a timeout limits. Dropping it ends the poll.
struct Scope {
    /// The first deadline of the timeouts around it.
    outer: Time,
}

impl Scope {
    /// Begins the poll of a future with this deadline.
    fn enter(deadline: Time) -> Scope {
        let Polled { deadline: outer, stood_back } = POLLED.get();
        POLLED.set(Polled { deadline: outer.min(deadline), stood_back });
        Scope { outer }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // Beyond the outermost there is nobody to stand back for.
        let stood_back = POLLED.get().stood_back && self.outer != Time::NEVER;
        POLLED.set(Polled { deadline: self.outer, stood_back });
    }
}

/// Notes that a timeout stands back for one around it.
fn stand_back() {
    POLLED.set(Polled { stood_back: true, ..POLLED.get() });
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future is pinned with the timeout: it is not moved from here on, and dropped in its
        // place. Nothing else in it is pinned, and it has no destructor of its own.
        let (mut future, limit, expiry, stood_back) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), this.limit, &mut this.expiry, &mut this.stood_back)
        };
        if *stood_back && future.is_some() {
            // Without another look at the future, which may be a timeout that has stood back, and would end first.
            future.set(None);
            return Poll::Ready(Err(TimedOut));
        }
        let expiry = expiry.get_or_insert_with(|| sleep(limit));
        let limited = future.as_mut().as_pin_mut().expect("a timeout that was ready is not polled again");
        let scope = Scope::enter(expiry.deadline);
        // The future first: one that is ready when its time is up is in time.
        if let Poll::Ready(output) = limited.poll(context) {
            future.set(None);
            return Poll::Ready(Ok(output));
        }
        let (outer, asks_clock) = (scope.outer, POLLED.get().stood_back);
        drop(scope);
        let is_up =
            (asks_clock && expiry.deadline <= Time::now()) || expiry.poll_deadline(context).is_ready();
        if !is_up {
            return Poll::Pending;
        }
        if outer != Time::NEVER && outer <= Time::now() {
            *stood_back = true;
            stand_back();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        future.set(None);
        Poll::Ready(Err(TimedOut))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Timeout").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The error of [`timeout`] when the time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the time is up")
    }
}

impl Error for TimedOut {}
