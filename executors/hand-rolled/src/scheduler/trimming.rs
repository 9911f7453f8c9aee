//! The times at which memory that tasks have needed once goes back to the system.
//!
//! To give memory back and to get it again costs more than the tasks in it, so what was needed within the last
//! interval stays. A worker looks when it parks, and now and then while it is busy; one that parks while there
//! is something to give back wakes up for it, should nothing else happen.

use std::time::Duration;

use super::timers::Time;
use crate::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// The time for which memory is kept that no task needs.
const INTERVAL: Duration = Duration::from_secs(1);
/// The time after which a worker wakes up for it, when there is nothing else to do.
const ALARM: Duration = Duration::from_secs(10);

/// Counts the intervals after which memory goes back.
#[derive(Default)]
pub(crate) struct Trimming {
    /// The time at which the last interval ended.
    last: AtomicU64,
    /// The number of intervals; it wraps around.
    rounds: AtomicU32,
}

impl Trimming {
    /// Returns true if an interval has passed, to one caller of all.
    pub(super) fn is_due(&self, now: Time) -> bool {
        let last = self.last.load(Relaxed);
        let is_due = now >= Time::at(last).after(INTERVAL)
            && self.last.compare_exchange(last, now.nanoseconds(), AcqRel, Relaxed).is_ok();
        if is_due {
            self.rounds.fetch_add(1, Relaxed);
        }
        is_due
    }

    /// Returns the number of intervals that have passed. A worker that parks gives up its free cells if there
    /// was one since it last did.
    #[inline]
    pub(super) fn rounds(&self) -> u32 {
        self.rounds.load(Relaxed)
    }

    /// Returns the time at which a worker is to look, though it has nothing else to do.
    pub(super) fn alarm(&self) -> Time {
        // In a model time stands still, and nobody may wait for it.
        if cfg!(loom) { Time::NEVER } else { Time::at(self.last.load(Relaxed)).after(ALARM) }
    }
}
