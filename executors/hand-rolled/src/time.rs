//! Time: [`sleep`], [`yield_now`]; [`timeout`] in a file of its own.

mod timeout;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

pub use timeout::{TimedOut, Timeout, timeout};

use crate::{
    panic::drop_quietly,
    scheduler::{
        context,
        timers::{Time, Timers},
        wheel::Key,
        worker::Worker,
    },
    task::{self, ThinWaker},
};

/// Sleeps until `duration` has passed since this call, never shorter; [`Duration::MAX`] sleeps for ever.
///
/// It always lets the other tasks run, even if `duration` is zero.
///
/// # Panics
///
/// When polled on a thread that works for no runtime.
pub fn sleep(duration: Duration) -> Sleep {
    // A sleep of zero needs no look at the clock.
    Sleep::new(if duration.is_zero() { Time::PAST } else { Time::now().after(duration) })
}

/// Sleeps until `deadline` has passed, never shorter.
///
/// # Panics
///
/// As [`sleep`].
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline.into())
}

/// Lets all tasks that are due run before the current one goes on.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// A future that ends at a time; see [`sleep`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// The time at which it ends.
    deadline: Time,
    /// The id of the timers that its timer is set in; zero while it is not set.
    timers: u32,
    /// The slot of the timer; while none is set, [`NEW`] or [`SUSPENDED`].
    slot: u32,
}

/// Stands in the place of a slot: the sleep has not suspended its task.
const NEW: u32 = 0;
/// Stands in the place of a slot: the sleep has suspended its task.
const SUSPENDED: u32 = 1;

impl Sleep {
    /// Makes a sleep that has not set its timer.
    fn new(deadline: Time) -> Sleep {
        Sleep { deadline, timers: 0, slot: NEW }
    }

    /// Is ready once the deadline has passed; sets a timer for `context` otherwise.
    pub(crate) fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        if self.timers != 0 {
            let key = Key(self.slot);
            let found = context::with_current("sleep", |scheduler, _| {
                let timers = scheduler.timers_with(self.timers)?;
                let fired = timers.has_fired(self.deadline);
                Some((fired, fired || timers.will_wake(self.deadline, key, waker)))
            });
            match found {
                Some((true, _)) => {
                    (self.timers, self.slot) = (0, SUSPENDED);
                    return Poll::Ready(());
                }
                Some((false, true)) => return Poll::Pending,
                // Another task polls it now; or it was set in another runtime, which may not be running any
                // more.
                _ => self.forget(),
            }
        }
        self.set(waker)
    }

    /// Sets the timer, or is ready if the deadline has passed.
    fn set(&mut self, waker: &Waker) -> Poll<()> {
        if self.deadline == Time::PAST {
            context::with_current("sleep", |_, _| ());
            return Poll::Ready(());
        }
        // A waker's clone and its destructor are code of the user, and run without any lock.
        let thin = ThinWaker::of(waker);
        let inserted = context::with_current("sleep", |scheduler, worker| {
            let timers = worker.map_or(&*scheduler.timers[0], Worker::timers);
            let inserted = timers.insert(self.deadline, thin)?;
            // A thread that is no worker cannot know who keeps time for an earlier one.
            if !worker.is_some_and(|worker| worker.keep_time(waker, inserted.is_first)) {
                scheduler.parking.wake_timekeeper(self.deadline);
            }
            (self.timers, self.slot) = (timers.id(), inserted.key.0);
            Ok::<_, ThinWaker>(())
        });
        match inserted {
            Ok(()) => Poll::Pending,
            Err(unneeded) => {
                drop(unneeded);
                Poll::Ready(())
            }
        }
    }

    /// Has `waker` woken with all whose deadline is past, in the order of the deadlines; returns false if this
    /// is no event loop, or the deadline is just now.
    fn join_overdue(&self, waker: &Waker) -> bool {
        if self.deadline == Time::PAST {
            return false;
        }
        let thin = ThinWaker::of(waker);
        let joined = context::with_current_if_any(|scheduler, worker| match worker {
            Some(worker) if scheduler.is_event_loop() => worker.timers().insert_overdue(self.deadline, thin),
            _ => Err(thin),
        });
        // The waker is dropped here, not where the stack of runtimes is borrowed.
        joined.is_some_and(|joined| joined.is_ok())
    }

    /// Takes the timer back, if it is set.
    fn forget(&mut self) {
        let (id, key) = (self.timers, Key(self.slot));
        if id == 0 {
            return;
        }
        (self.timers, self.slot) = (0, SUSPENDED);
        let here = context::with_current_if_any(|scheduler, _| {
            Some(scheduler.timers_with(id)?.remove(self.deadline, key))
        });
        let removed = match here.flatten() {
            Some(removed) => removed,
            None => Timers::with_id(id).and_then(|timers| timers.remove(self.deadline, key)),
        };
        drop_quietly(removed);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let suspended = self.timers != 0 || self.slot == SUSPENDED;
        let ended = self.poll_deadline(context);
        if ended.is_ready() && !suspended {
            self.slot = SUSPENDED;
            if !self.join_overdue(context.waker()) {
                requeue(context.waker());
            }
            return Poll::Pending;
        }
        ended
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

/// A future that suspends its task once; see [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    /// True once it has suspended its task.
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        requeue(context.waker());
        Poll::Pending
    }
}

/// Queues the current task again once its poll is over, if `waker` is its own; otherwise wakes with `waker`.
pub(crate) fn requeue(waker: &Waker) {
    let is_current = context::with_current_if_any(|_, worker| {
        let worker = worker?;
        task::is_waker_of(waker, worker.running.get()).then(|| worker.yielded.set(true))
    });
    if is_current.flatten().is_none() {
        waker.wake_by_ref();
    }
}
