//! The counters of this process at one moment, and what a run adds to them.

use std::sync::Arc;

use crate::{allocator, kernel::Kernel};

/// Reads the counters of this process.
pub(crate) type Read = Arc<dyn Fn() -> Reading + Send + Sync>;

/// The counters of this process at one moment, or what a run added to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Allocations and reallocations. A reallocation may be a new place and a copy: it costs what an allocation costs.
    pub(crate) allocations: u64,
    /// Bytes that were asked for.
    pub(crate) allocated_bytes: u64,
    /// Instructions of all threads; absent where the kernel does not count them.
    pub(crate) instructions: Option<u64>,
    /// System calls of all threads; absent where the kernel does not count them.
    pub(crate) system_calls: Option<u64>,
}

impl Reading {
    /// Reads all counters.
    pub(crate) fn take(kernel: &Kernel) -> Reading {
        let (allocations, allocated_bytes) = allocator::counted();
        Reading {
            allocations,
            allocated_bytes,
            instructions: kernel.instructions(),
            system_calls: kernel.system_calls(),
        }
    }

    /// Returns what was added between two readings.
    pub(crate) fn between([before, after]: [Reading; 2]) -> Reading {
        after.minus(before)
    }

    /// Returns the smaller of each counter.
    pub(crate) fn least(self, other: Reading) -> Reading {
        self.pairwise(other, u64::min)
    }

    /// Takes off each counter of another reading.
    pub(crate) fn minus(self, other: Reading) -> Reading {
        self.pairwise(other, u64::saturating_sub)
    }

    fn pairwise(self, other: Reading, combine: fn(u64, u64) -> u64) -> Reading {
        let both = |left: Option<u64>, right: Option<u64>| Some(combine(left?, right?));
        Reading {
            allocations: combine(self.allocations, other.allocations),
            allocated_bytes: combine(self.allocated_bytes, other.allocated_bytes),
            instructions: both(self.instructions, other.instructions),
            system_calls: both(self.system_calls, other.system_calls),
        }
    }
}
