//! The timers of a runtime: a wheel of wakers under a lock, and the clock it turns by.

use std::{
    mem,
    sync::Mutex,
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
    /// Whom to wake when, under the lock.
    wheel: Mutex<Wheel<Waker>>,
}

impl Timers {
    /// Makes timers of which none is set.
    pub(crate) fn new() -> Timers {
        Timers { start: Instant::now(), wheel: Mutex::new(Wheel::new()) }
    }

    /// Sets a timer, and tells its name and whether it is now the first to fire.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> (Key, bool) {
        let deadline = self.since_start(deadline);
        let mut wheel = lock(&self.wheel);
        let first = wheel.earliest().is_none_or(|earliest| deadline < earliest);
        (wheel.insert(deadline, waker), first)
    }

    /// Changes whom a timer wakes; false says that it has fired.
    pub(crate) fn replace(&self, key: Key, waker: &Waker) -> bool {
        let mut wheel = lock(&self.wheel);
        let Some(current) = wheel.get(key) else { return false };
        if !current.will_wake(waker) {
            let replaced = mem::replace(current, waker.clone());
            // Not under the lock: a waker's destructor is code of the user.
            drop(wheel);
            drop(replaced);
        }
        true
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
        let firsts =
            [20, 30, 10, 10].map(|second| timers.insert(now + Duration::from_secs(second), noop()).1);
        assert_eq!(firsts, [true, false, true, false]);
    }

    #[test]
    fn a_timer_fires_once_its_deadline_has_passed_and_not_before() {
        let timers = Timers::new();
        timers.insert(Instant::now() + Duration::from_secs(1000), noop());
        assert!(!timers.fire());
        timers.insert(Instant::now(), noop());
        assert!(timers.fire());
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
