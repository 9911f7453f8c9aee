//! The system's allocator, with a switch that has it count.
//!
//! The track is one program for times and for counts, so what is counted is what is timed. While the switch is off, which it
//! is in every process that is timed, an allocation costs one load of a flag that nobody writes and one branch that is
//! always predicted; METHODOLOGY.md says how to measure that. Instructions and system calls are counted with the switch off too,
//! or a lane that allocates would pay for being counted.
#![expect(unsafe_code, reason = "an allocator implements an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

/// The system's allocator, which counts while it is asked to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Counting by the allocator, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Counting;

impl Counting {
    /// Has the allocator count from now on.
    ///
    /// # Errors
    ///
    /// If the program that this is in has another allocator.
    pub(crate) fn begin() -> Result<Counting, String> {
        COUNTING.store(true, SeqCst);
        let counting = Counting;
        let (before, _) = counted();
        hint::black_box(Box::new(0_u8));
        if counted().0 > before {
            Ok(counting)
        } else {
            Err("this program has another allocator than lane_harness::Allocator".to_owned())
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        COUNTING.store(false, SeqCst);
    }
}

/// Returns the allocations and the bytes that were counted so far.
pub(crate) fn counted() -> (u64, u64) {
    (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed))
}

#[inline]
fn note(bytes: usize) {
    if COUNTING.load(Relaxed) {
        count(bytes);
    }
}

/// Kept out of line, so that the path of a timed process stays one test and a jump not taken.
#[cold]
#[inline(never)]
fn count(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every method hands its arguments unchanged to `System`, which upholds the contract, and returns what that returns.
// `note` touches atomics only: it does not allocate, does not panic and does not unwind.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller upholds the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller got `pointer` from this allocator, hence from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size.saturating_sub(layout.size()));
        // SAFETY: as for `dealloc`; the caller upholds what `realloc` asks of `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program of these tests has the allocator of the standard library.
    #[test]
    fn another_allocator_is_noticed_and_the_switch_stays_off() {
        assert!(Counting::begin().is_err());
        assert!(!COUNTING.load(SeqCst));
        assert_eq!(counted(), (0, 0));
    }
}
