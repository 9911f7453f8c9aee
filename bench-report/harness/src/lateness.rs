//! Gathers how late sleeps end while tasks run, and what runs tell of the lateness of their own operations: a histogram a
//! thread, added up when they are taken.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use lane_protocol::{Lateness, histogram};

use crate::platform::nanoseconds;

/// The number of sleeps that carry every published quantile: ten of them lie beyond p99.9.
pub(crate) const ENOUGH: u64 = 10_000;

/// Significant digits of the lateness of one block.
const DIGITS: u8 = 3;

/// The histogram of each thread on which sleeps have ended. Workers have one each, so that none waits for another.
static OF_THREADS: Mutex<Vec<Arc<Mutex<Histogram<u64>>>>> = Mutex::new(Vec::new());

/// The time by which the earliest sleep was too early, in ns.
static EARLIEST: AtomicU64 = AtomicU64::new(0);

/// The latenesses that runs have told since they were last kept or forgotten, in ns.
static TOLD: Mutex<Vec<u64>> = Mutex::new(Vec::new());

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Histogram<u64>>>>> = const { RefCell::new(None) };
}

/// Notes a sleep that was to end at `due` and whose task went on at `now`.
pub(crate) fn woken(due: Instant, now: Instant) {
    if now < due {
        EARLIEST.fetch_max(nanoseconds(due - now), Relaxed);
        return;
    }
    record([nanoseconds(now - due)]);
}

/// Begins to gather what runs tell.
pub(crate) fn gather_told() {
    workload_api::gather_lateness(|lateness| lock(&TOLD).push(nanoseconds(lateness)));
}

/// Forgets what runs have told.
pub(crate) fn forget_told() {
    lock(&TOLD).clear();
}

/// Counts what runs have told as gathered.
pub(crate) fn keep_told() {
    record(lock(&TOLD).drain(..));
}

fn record(lateness_ns: impl IntoIterator<Item = u64>) {
    OF_THIS_THREAD.with_borrow_mut(|mine| {
        let mine = mine.get_or_insert_with(|| {
            let histogram = Arc::new(Mutex::new(histogram(DIGITS)));
            lock(&OF_THREADS).push(histogram.clone());
            histogram
        });
        let mut mine = lock(mine);
        lateness_ns.into_iter().for_each(|lateness| mine.saturating_record(lateness));
    });
}

/// Counts the sleeps gathered since they were last taken; those that ended early are left out.
pub(crate) fn gathered() -> u64 {
    lock(&OF_THREADS).iter().map(|histogram| lock(histogram).len()).sum()
}

/// Takes the sleeps gathered since the last time; `None` if no sleep has ended.
///
/// # Errors
///
/// If a sleep ended early.
pub(crate) fn take() -> Result<Option<Lateness>, String> {
    let early = EARLIEST.swap(0, Relaxed);
    if early > 0 {
        return Err(format!("a sleep ended {:?} early", Duration::from_nanos(early)));
    }
    let mut all = histogram(DIGITS);
    for histogram in lock(&OF_THREADS).iter() {
        let mut histogram = lock(histogram);
        all.add(&*histogram).expect("all have the same range");
        histogram.reset();
    }
    Ok(Lateness::of(&all))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one test that gathers: what is gathered is ambient.
    #[test]
    fn what_tasks_report_and_runs_tell_is_gathered_and_an_early_sleep_is_an_error() {
        let due = Instant::now();
        let late = |lateness| woken(due, due + Duration::from_micros(lateness));
        std::thread::scope(|threads| {
            for lateness in [0, 10, 20] {
                threads.spawn(move || late(lateness));
            }
        });
        assert_eq!(gathered(), 3);
        let gathered = take().expect("none was early").expect("three were reported");
        assert_eq!(gathered.samples, 3);
        assert_eq!((self::gathered(), take()), (0, Ok(None)), "taken is taken");
        woken(due + Duration::from_micros(1_200), due);
        assert_eq!(take(), Err("a sleep ended 1.2ms early".to_owned()));

        // What a run tells counts once it is kept.
        gather_told();
        let tell = |micros| workload_api::tell_lateness(Duration::from_micros(micros));
        tell(1);
        forget_told();
        tell(2);
        tell(3);
        assert_eq!(take(), Ok(None));
        keep_told();
        keep_told();
        assert_eq!(take().expect("none was early").map(|told| told.samples), Some(2));
    }
}
