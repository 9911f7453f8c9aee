//! Wakers by deadline.

use std::{collections::BTreeMap, mem, sync::Mutex, task::Waker, time::Instant};

use crate::{lock, panic::contain};

/// The timers of a runtime. Those of equal deadlines fire in the order in which they were set.
#[derive(Default)]
pub(crate) struct Timers {
    /// The timers, under the lock.
    state: Mutex<State>,
}

/// What the lock of the timers protects.
#[derive(Default)]
struct State {
    /// Whom to wake, first deadline first.
    wakers: BTreeMap<TimerKey, Waker>,
    /// The number of the next timer.
    next_number: u64,
}

/// Names a timer: its deadline, and a number that no other timer of the runtime has.
pub(crate) type TimerKey = (Instant, u64);

impl Timers {
    /// Sets a timer, and tells its name and whether it is now the first to fire.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> (TimerKey, bool) {
        let mut state = lock(&self.state);
        let key = (deadline, state.next_number);
        state.next_number += 1;
        state.wakers.insert(key, waker);
        let first = state.wakers.first_key_value().is_some_and(|(first, _)| *first == key);
        (key, first)
    }

    /// Changes whom a timer wakes, unless it has fired.
    pub(crate) fn replace(&self, key: TimerKey, waker: Waker) {
        let mut state = lock(&self.state);
        let replaced = state.wakers.get_mut(&key).map(|current| mem::replace(current, waker));
        // Not under the lock: a waker's destructor is code of the user.
        drop(state);
        drop(replaced);
    }

    /// Takes a timer back, unless it has fired.
    pub(crate) fn remove(&self, key: TimerKey) {
        let removed = lock(&self.state).wakers.remove(&key);
        drop(removed);
    }

    /// The deadline of the first timer to fire.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        lock(&self.state).wakers.first_key_value().map(|((deadline, _), _)| *deadline)
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
        let forgotten = mem::take(&mut lock(&self.state).wakers);
        drop(forgotten);
    }

    /// Takes the wakers of all timers whose deadline has passed.
    fn take_due(&self) -> Vec<Waker> {
        let mut state = lock(&self.state);
        if state.wakers.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some(timer) = state.wakers.first_entry() {
            let (deadline, _) = *timer.key();
            if deadline > now {
                break;
            }
            due.push(timer.remove());
        }
        due
    }

    /// How many timers are set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.state).wakers.len()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, task::Context, time::Duration};

    use super::*;
    use crate::{Runtime, sleep, timeout};

    #[test]
    fn only_the_first_deadline_says_that_it_is_the_first() {
        let timers = Timers::default();
        let now = Instant::now();
        let firsts =
            [20, 30, 10, 10].map(|second| timers.insert(now + Duration::from_secs(second), noop()).1);
        assert_eq!(firsts, [true, false, true, false]);
    }

    #[test]
    fn a_timer_fires_once_its_deadline_has_passed_and_not_before() {
        let timers = Timers::default();
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
