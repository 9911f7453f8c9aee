//! The timers of a worker: a wheel of wakers under a lock, and the clock it turns by.
//!
//! A worker sets timers in its own wheel, so that its lock is nearly always free. Any thread may take a timer
//! back, and a worker without tasks fires those of all workers.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, Weak},
    task::Waker,
    time::{Duration, Instant},
};

use crate::{
    panic::contain,
    scheduler::wheel::{Key, Wheel},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        lock,
    },
    task::ThinWaker,
};

/// A time in nanoseconds since some moment a year before the process. Earlier times read as that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

impl Time {
    /// A time that is past.
    pub(crate) const PAST: Time = Time(0);
    /// A time that never comes.
    pub(crate) const NEVER: Time = Time(u64::MAX);

    /// Returns the present.
    #[cfg(not(loom))]
    pub(crate) fn now() -> Time {
        Time::from(Instant::now())
    }

    /// Returns a present that never passes: a model must go the same way each time.
    #[cfg(loom)]
    pub(crate) fn now() -> Time {
        Time(1 << 32)
    }

    /// Returns the time that is later by `duration`.
    pub(crate) const fn after(self, duration: Duration) -> Time {
        let nanoseconds = duration.as_secs().saturating_mul(1_000_000_000);
        Time(self.0.saturating_add(nanoseconds).saturating_add(duration.subsec_nanos() as u64))
    }

    /// Returns the duration since an earlier time; zero if that is no earlier.
    pub(crate) const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time that [`nanoseconds`](Self::nanoseconds) has made a number of.
    pub(crate) fn at(nanoseconds: u64) -> Time {
        Time(nanoseconds)
    }

    /// Returns the time as a number, in the same order.
    pub(crate) fn nanoseconds(self) -> u64 {
        self.0
    }

    /// Returns the time that is [`nanoseconds`](Self::nanoseconds) as a number.
    pub(crate) const fn from_nanoseconds(nanoseconds: u64) -> Time {
        Time(nanoseconds)
    }

    /// Returns the time as std has it; `None` if it never comes.
    pub(crate) fn instant(self) -> Option<Instant> {
        Time::zero().checked_add(Duration::from_nanos(self.0)).filter(|_| self != Time::NEVER)
    }

    /// Returns the moment that counts as zero.
    fn zero() -> Instant {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        static ZERO: OnceLock<Instant> = OnceLock::new();
        *ZERO.get_or_init(|| {
            let now = Instant::now();
            // Deadlines that are past have an order, too. The clock of some systems begins with them.
            now.checked_sub(YEAR).unwrap_or(now)
        })
    }
}

impl From<Instant> for Time {
    fn from(instant: Instant) -> Time {
        let since = instant.saturating_duration_since(Time::zero());
        Time(0).after(since)
    }
}

/// The timers of a worker. Those of equal deadlines fire in the order in which they were set.
pub(crate) struct Timers {
    /// The id of these timers, which no others of the process have.
    id: u32,
    /// All timers up to this time have fired. Changed under the lock.
    fired_until: AtomicU64,
    /// No timer fires before this time. Changed under the lock.
    next: AtomicU64,
    /// True if [`trim`](Timers::trim) may find something; a hint. Changed under the lock.
    has_spare: AtomicBool,
    /// The wakers by deadline, under the lock.
    wheel: Mutex<Wheel<ThinWaker>>,
}

/// All timers of the process by id, for a sleep that is polled or dropped outside of the runtime it set its
/// timer in.
static ALL: std::sync::Mutex<ById> = std::sync::Mutex::new(ById { timers: BTreeMap::new(), last: 0 });

/// The state that the lock of all timers protects.
struct ById {
    /// The timers.
    timers: BTreeMap<u32, Weak<Timers>>,
    /// The last id given.
    last: u32,
}

/// A timer that was set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inserted {
    /// Names it while it is set.
    pub(crate) key: Key,
    /// True if it is now the first to fire.
    pub(crate) is_first: bool,
}

impl Timers {
    /// Makes the timers of this number of workers, with consecutive ids. None is set.
    pub(crate) fn new(workers: usize) -> Box<[Arc<Timers>]> {
        let mut all = ALL.lock().expect("nothing panics there");
        let now = Time::now().0;
        let mut next_id = || {
            all.last = all.last.checked_add(1).expect("there are fewer than four billion workers");
            all.last
        };
        let timers: Box<[_]> = (0..workers)
            .map(|_| {
                Arc::new(Timers {
                    id: next_id(),
                    fired_until: AtomicU64::new(0),
                    next: AtomicU64::new(u64::MAX),
                    has_spare: AtomicBool::new(false),
                    wheel: Mutex::new(Wheel::new(now)),
                })
            })
            .collect();
        all.timers.extend(timers.iter().map(|timers| (timers.id, Arc::downgrade(timers))));
        timers
    }

    /// Returns the timers with this id, if they are still there.
    pub(crate) fn with_id(id: u32) -> Option<Arc<Timers>> {
        ALL.lock().expect("nothing panics there").timers.get(&id)?.upgrade()
    }

    /// Returns the id of these timers, which no others of the process have; never zero.
    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Sets a timer. Returns the waker if timers of this deadline have fired already.
    pub(crate) fn insert(&self, deadline: Time, waker: ThinWaker) -> Result<Inserted, ThinWaker> {
        let mut wheel = lock(&self.wheel);
        if self.has_fired(deadline) {
            return Err(waker);
        }
        let is_first = deadline < self.next();
        if is_first {
            self.next.store(deadline.0, Relaxed);
        }
        Ok(Inserted { key: wheel.insert(deadline.0, waker), is_first })
    }

    /// Sets a timer whose deadline is past, to fire with the next. It cannot be taken back. Returns the waker
    /// if nothing will fire any more.
    pub(crate) fn insert_overdue(&self, deadline: Time, waker: ThinWaker) -> Result<(), ThinWaker> {
        let mut wheel = lock(&self.wheel);
        if self.has_fired(Time::NEVER) {
            return Err(waker);
        }
        wheel.insert(deadline.0, waker);
        self.next.store(self.next().min(deadline).0, Relaxed);
        Ok(())
    }

    /// Returns true if the timers of this deadline have fired.
    ///
    /// It takes no lock and does not read the timer, whose memory is cold by then.
    #[inline]
    pub(crate) fn has_fired(&self, deadline: Time) -> bool {
        // Relaxed: nothing else is read because of it; under the lock, or after the wake, the value is up to
        // date.
        deadline.0 <= self.fired_until.load(Relaxed)
    }

    /// Returns true if a timer that was set would wake the same as `waker`, or has fired.
    pub(crate) fn will_wake(&self, deadline: Time, key: Key, waker: &Waker) -> bool {
        let mut wheel = lock(&self.wheel);
        self.has_fired(deadline) || wheel.get(key).will_wake(waker)
    }

    /// Takes a timer back that was set; returns `None` if it has fired.
    pub(crate) fn remove(&self, deadline: Time, key: Key) -> Option<ThinWaker> {
        let mut wheel = lock(&self.wheel);
        if self.has_fired(deadline) {
            return None;
        }
        let removed = wheel.remove(key);
        self.note_spare(&wheel);
        Some(removed)
    }

    /// Returns the time to fire the timers again: the first deadline, or earlier if the first timer was taken
    /// back.
    #[inline]
    pub(crate) fn next(&self) -> Time {
        Time(self.next.load(Relaxed))
    }

    /// Fires the timers whose deadline has passed, in the order of the deadlines; returns true if there was
    /// one. Calls `prepare` before each waker that is no task's.
    pub(crate) fn fire(&self, now: Time, prepare: impl Fn()) -> bool {
        let mut due = Vec::new();
        let mut wheel = lock(&self.wheel);
        wheel.expire(now.0, &mut due);
        self.next.store(wheel.earliest().unwrap_or(u64::MAX), Relaxed);
        self.fired_until.fetch_max(now.0, Relaxed);
        self.note_spare(&wheel);
        drop(wheel);
        let any = !due.is_empty();
        for waker in due {
            if waker.is_foreign() {
                prepare();
            }
            contain(|| waker.wake()).ok();
        }
        any
    }

    /// Fires all timers, whatever their deadlines, and from now on each at once when it is set.
    ///
    /// A runtime that ends does so: whoever waits for one of its timers, be it a job, would wait for ever.
    pub(crate) fn fire_all(&self) {
        let mut wheel = lock(&self.wheel);
        let all = wheel.clear();
        self.fired_until.store(u64::MAX, Relaxed);
        self.next.store(u64::MAX, Relaxed);
        drop(wheel);
        for waker in all {
            contain(|| waker.wake()).ok();
        }
    }

    /// Notes that there may be something to trim.
    #[inline]
    fn note_spare(&self, wheel: &Wheel<ThinWaker>) {
        if wheel.has_spare() {
            self.has_spare.store(true, Relaxed);
        }
    }

    /// Returns true if [`trim`](Self::trim) may find something.
    #[inline]
    pub(crate) fn has_spare(&self) -> bool {
        self.has_spare.load(Relaxed)
    }

    /// Gives memory back to the system that no timer has needed since the last call.
    pub(crate) fn trim(&self) {
        if self.has_spare() {
            let mut wheel = lock(&self.wheel);
            self.has_spare.store(wheel.trim(), Relaxed);
        }
    }

    /// Returns the number of timers that are set.
    pub(crate) fn len(&self) -> usize {
        lock(&self.wheel).len()
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        ALL.lock().expect("nothing panics there").timers.remove(&self.id);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{future::pending, pin::pin, task::Context, time::Duration};

    use super::*;
    use crate::{Runtime, sleep, timeout};

    #[test]
    fn only_the_first_deadline_says_that_it_is_the_first() {
        let [timers] = &*Timers::new(1) else { panic!("one was asked for") };
        let now = Instant::now();
        let firsts = [20, 30, 10, 10].map(|second| {
            let inserted = timers.insert((now + Duration::from_secs(second)).into(), noop());
            inserted.ok().expect("its time is to come").is_first
        });
        assert_eq!(firsts, [true, false, true, false]);
    }

    #[test]
    fn a_timer_fires_once_its_deadline_has_passed_and_not_before() {
        let [timers] = &*Timers::new(1) else { panic!("one was asked for") };
        let [soon, late] = [Duration::ZERO, Duration::from_secs(1000)].map(|ahead| Time::now().after(ahead));
        assert!(timers.insert(late, noop()).is_ok());
        assert!(timers.insert(soon, noop()).is_ok());
        assert!(!timers.has_fired(soon));
        assert!(timers.fire(Time::now(), || ()));
        assert!(timers.has_fired(soon) && !timers.has_fired(late));
        assert!(!timers.fire(Time::now(), || ()));
        assert!(timers.insert(soon, noop()).is_err(), "its time is over");
        assert_eq!(timers.len(), 1);
    }

    #[test]
    fn a_sleep_sets_one_timer_and_takes_it_back_when_dropped() {
        let runtime = Runtime::current_thread();
        let timers = &runtime.scheduler().timers[0];
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
        let timers = &runtime.scheduler().timers[0];
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
    fn the_longest_sleep_ends_with_the_runtime_only() {
        let [timers] = &*Timers::new(1) else { panic!("one was asked for") };
        let inserted = timers.insert(Time::NEVER, noop()).ok().expect("it never fires");
        assert!(!inserted.is_first);
        assert_eq!(timers.next(), Time::NEVER);
        assert!(!timers.fire(Time::now().after(Duration::from_secs(1 << 33)), || ()));
        assert_eq!(timers.len(), 1);
        timers.fire_all();
        assert!(timers.has_fired(Time::NEVER));
    }

    fn noop() -> ThinWaker {
        ThinWaker::of(Waker::noop())
    }
}
