//! [`Metrics`], and the counters of a worker that they are made of.
//!
//! Only the worker writes them: an increment costs a load and a store.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counts of a runtime; see [`Runtime::metrics`](crate::Runtime::metrics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// The number of workers, the caller of `block_on` included.
    pub workers: usize,
    /// The number of tasks that have not ended.
    pub alive_tasks: u64,
    /// The number of times that a worker has run a task or a callback.
    pub polls: u64,
    /// The number of tasks that workers have taken from each other.
    pub steals: u64,
    /// The number of times that a worker has parked.
    pub parks: u64,
    /// The number of timers that are set.
    pub timers: usize,
    /// The number of threads for blocking jobs.
    pub blocking_threads: usize,
    /// The number of blocking jobs that wait for a thread.
    pub blocking_queue: usize,
}

/// Counts the steps of one worker. The next worker in the same place goes on counting.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    /// The number of times that it has run a task.
    pub(crate) polls: Counter,
    /// The number of tasks that it has taken from the rings of others.
    pub(crate) steals: Counter,
    /// The number of times that it has parked.
    pub(crate) parks: Counter,
    /// The number of tasks that were started on it.
    pub(crate) spawned: Counter,
    /// The number of tasks that have ended on it.
    pub(crate) ended: Counter,
}

/// A number that one thread writes, and any reads.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to the number; for the thread that writes it.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        // No read-modify-write: nobody else writes.
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// Adds to the number, from any thread; for a counter that no thread has for itself.
    pub(crate) fn add_shared(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// Returns the number now, or a moment ago.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
