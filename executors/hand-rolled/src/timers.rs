//! The timers of a runtime: a wheel of wakers under a lock, and the clock it turns by.

use std::{
    mem,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use crate::{
    lock,
    panic::contain,
    wheel::{Key, Wheel},
};

/// The timers of a runtime. Those of equal deadlines fire in the order in which they were set.
pub(crate) struct Timers {
    /// The time that the wheel calls zero.
    start: Instant,
    /// All timers up to this time of the wheel have fired. Changed under the lock.
    fired_until: AtomicU64,
    /// Whom to wake when, under the lock.
    wheel: Mutex<Wheel<Waker>>,
}

/// A timer that was set.
pub(crate) struct Inserted {
    /// Its name.
    pub(crate) key: Key,
    /// Whether it is now the first to fire.
    pub(crate) is_first: bool,
}

impl Timers {
    /// Makes timers of which none is set.
    pub(crate) fn new() -> Timers {
        Timers { start: Instant::now(), fired_until: AtomicU64::new(0), wheel: Mutex::new(Wheel::new()) }
    }

    /// Sets a timer; none if timers of this deadline have fired already.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> Option<Inserted> {
        let deadline = self.since_start(deadline);
        let mut wheel = lock(&self.wheel);
        if deadline <= self.fired_until.load(Ordering::Relaxed) {
            return None;
        }
        let is_first = wheel.earliest().is_none_or(|earliest| deadline < earliest);
        Some(Inserted { key: wheel.insert(deadline, waker), is_first })
    }

    /// Tells whether a timer of this deadline that was set has fired.
    ///
    /// Without the lock, and without a look at the timer: where it was is cold by then.
    pub(crate) fn has_fired(&self, deadline: Instant) -> bool {
        self.since_start(deadline) <= self.fired_until.load(Ordering::Acquire)
    }

    /// Changes whom a timer wakes, unless it has fired.
    pub(crate) fn replace(&self, key: Key, waker: &Waker) {
        let mut wheel = lock(&self.wheel);
        let Some(current) = wheel.get(key) else { return };
        if !current.will_wake(waker) {
            let replaced = mem::replace(current, waker.clone());
            // Not under the lock: a waker's destructor is code of the user.
            drop(wheel);
            drop(replaced);
        }
    }

    /// Takes a timer back, unless it has fired.
    pub(crate) fn remove(&self, key: Key) {
        let removed = lock(&self.wheel).remove(key);
        drop(removed);
    }

    /// When to look at the timers again: the first deadline, or earlier if the first timer was taken back.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let earliest = lock(&self.wheel).earliest()?;
        // What is later than a clock can say never comes.
        self.start.checked_add(Duration::from_nanos(earliest))
    }

    /// Wakes whoever's deadline has passed, in the order of the deadlines, and tells whether there was one.
    pub(crate) fn fire(&self) -> bool {
        let due = self.take_due();
        let any = !due.is_empty();
        for waker in due {
            contain(|| waker.wake()).ok();
        }
        any
    }

    /// Forgets all timers; they never fire.
    pub(crate) fn clear(&self) {
        let forgotten = lock(&self.wheel).clear();
        drop(forgotten);
    }

    /// Takes the wakers of all timers whose deadline has passed.
    fn take_due(&self) -> Vec<Waker> {
        let mut due = Vec::new();
        let mut wheel = lock(&self.wheel);
        if wheel.earliest().is_some() {
            let now = self.since_start(Instant::now());
            wheel.expire(now, &mut due);
            self.fired_until.store(now, Ordering::Release);
        }
        due
    }

    /// The time of the wheel. What was before the start is the start, which is past too.
    fn since_start(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.start).as_nanos().try_into().unwrap_or(u64::MAX)
    }

    /// How many timers are set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.wheel).len()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, task::Context, time::Duration};

    use super::*;
    use crate::{Runtime, sleep, timeout};

    #[test]
    fn only_the_first_deadline_says_that_it_is_the_first() {
        let timers = Timers::new();
        let now = Instant::now();
        let firsts = [20, 30, 10, 10].map(|second| {
            let inserted = timers.insert(now + Duration::from_secs(second), noop());
            inserted.expect("its time is to come").is_first
        });
        assert_eq!(firsts, [true, false, true, false]);
    }

    #[test]
    fn a_timer_fires_once_its_deadline_has_passed_and_not_before() {
        let timers = Timers::new();
        let [soon, late] = [Duration::ZERO, Duration::from_secs(1000)].map(|ahead| Instant::now() + ahead);
        assert!(timers.insert(late, noop()).is_some());
        assert!(timers.insert(soon, noop()).is_some());
        assert!(!timers.has_fired(soon));
        assert!(timers.fire());
        assert!(timers.has_fired(soon) && !timers.has_fired(late));
        assert!(!timers.fire());
        assert!(timers.insert(soon, noop()).is_none(), "its time is over");
        assert_eq!(timers.len(), 1);
    }

    #[test]
    fn a_sleep_sets_one_timer_and_takes_it_back_when_dropped() {
        let runtime = Runtime::current_thread();
        let timers = &runtime.scheduler().timers;
        runtime.block_on(async {
            let mut sleep = Box::pin(sleep(Duration::from_secs(1000)));
            for _ in 0..3 {
                assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                assert_eq!(timers.len(), 1);
            }
            drop(sleep);
            assert_eq!(timers.len(), 0);
        });
    }

    #[test]
    fn timeouts_in_time_and_cancelled_sleeps_leave_no_timer_behind() {
        let runtime = Runtime::current_thread();
        let timers = &runtime.scheduler().timers;
        runtime.block_on(async {
            for _ in 0..1000 {
                let in_time = timeout(Duration::from_secs(1000), crate::yield_now()).await;
                assert_eq!(in_time, Ok(()));
                let task = crate::spawn(sleep(Duration::from_secs(1000)));
                crate::yield_now().await;
                assert_eq!(timers.len(), 1);
                task.cancel();
                assert!(task.await.is_err());
            }
            assert_eq!(timers.len(), 0);
            assert!(timeout(Duration::ZERO, pin!(pending::<()>())).await.is_err());
            assert_eq!(timers.len(), 0);
        });
    }

    #[test]
    fn the_longest_sleep_needs_no_timer() {
        let runtime = Runtime::current_thread();
        runtime.block_on(async {
            let mut sleep = pin!(sleep(Duration::MAX));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(runtime.scheduler().timers.len(), 0);
        });
    }

    fn noop() -> Waker {
        Waker::noop().clone()
    }
}
