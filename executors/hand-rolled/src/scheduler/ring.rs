//! The run queue of a worker: a ring of entries that its owner fills, and that its owner and thieves empty.
//!
//! ```text
//!       head                    tail
//!    ----+------------------------+----
//!        | entries, oldest first  |          both only ever grow, and wrap around
//!    ----+------------------------+----
//! ```
//!
//! Only the owner writes slots and moves the tail. A taker, be it the owner or a thief, reads the slots of
//! entries first and then moves the head past them; if the head has moved meanwhile, it drops what it read
//! (as Go's scheduler, `runqgrab`). The owner overwrites a slot only when it has seen the head past it, so
//! what was read before a successful move was still the entry. A head that came back to where it was would
//! break this; it would have to wrap around 2^64.
//!
//! A pointer thus leaves the ring exactly once: with the one move of the head that passes it.

#![expect(unsafe_code, reason = "what leaves the ring becomes an entry again")]

use std::ptr;

use crate::{
    sync::atomic::{
        AtomicPtr, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    task::{Entry, Header},
};

/// The number of slots; a power of two, so that wrapping around does not disturb them.
pub(crate) const CAPACITY: usize = if cfg!(loom) { 4 } else { 256 };

/// The run queue of a worker.
pub(crate) struct Ring {
    /// The number of entries that were ever taken.
    head: Padded<AtomicUsize>,
    /// The number of entries that were ever pushed.
    tail: Padded<AtomicUsize>,
    /// The entries, each in the place of its number.
    slots: [AtomicPtr<Header>; CAPACITY],
}

/// Gives a value a pair of cache lines to itself, which is what processors fetch.
#[repr(align(128))]
struct Padded<T>(T);

impl Ring {
    /// Makes an empty ring, as if `start` entries had been pushed and taken.
    pub(crate) fn new(start: usize) -> Ring {
        let [head, tail] = [start; 2].map(|start| Padded(AtomicUsize::new(start)));
        Ring { head, tail, slots: [(); CAPACITY].map(|()| AtomicPtr::new(ptr::null_mut())) }
    }

    /// Returns the number of entries now, or a moment ago.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let len = self.tail.0.load(Relaxed).wrapping_sub(self.head.0.load(Relaxed));
        // A tail that is older than the head is before it: all that was pushed by then has been taken.
        if len > CAPACITY { 0 } else { len }
    }

    /// Returns the number of entries that were ever pushed, for the owner.
    pub(crate) fn pushed(&self) -> usize {
        self.tail.0.load(Relaxed)
    }

    /// Returns true if as many entries as `pushed`, or more, were taken: an old value of
    /// [`pushed`](Self::pushed).
    #[inline]
    pub(crate) fn has_taken(&self, pushed: usize) -> bool {
        // The difference is negative, which is large, while there are fewer.
        self.head.0.load(Relaxed).wrapping_sub(pushed) <= usize::MAX / 2
    }

    /// Pushes an entry, for the owner. A full ring returns it.
    #[inline]
    pub(crate) fn push(&self, entry: Entry) -> Result<(), Entry> {
        let tail = self.tail.0.load(Relaxed);
        // Acquires the reads of the takers of the slot's last entry.
        if tail.wrapping_sub(self.head.0.load(Acquire)) == CAPACITY {
            return Err(entry);
        }
        self.slots[tail % CAPACITY].store(entry.into_raw(), Relaxed);
        // Releases the slot, and the task.
        self.tail.0.store(tail.wrapping_add(1), Release);
        Ok(())
    }

    /// Takes entries, oldest first: `share` returns the number of them, given the number of all; `MAX` is the
    /// most.
    ///
    /// Returns the number taken, which may be zero although there are entries, if another taker was quicker.
    #[inline]
    pub(crate) fn take<const MAX: usize>(
        &self,
        share: impl Fn(usize) -> usize,
        mut taken: impl FnMut(Entry),
    ) -> usize {
        let head = self.head.0.load(Relaxed);
        let tail = self.tail.0.load(Acquire);
        let len = tail.wrapping_sub(head);
        // One of the two may be old. More than fits, and it is so old that it does not matter which; less,
        // and the exchange below says whether it is the head.
        if len == 0 || len > CAPACITY {
            return 0;
        }
        let number = share(len).min(len).min(MAX);
        let mut pointers = [ptr::null_mut(); MAX];
        for (place, pointer) in pointers[..number].iter_mut().enumerate() {
            *pointer = self.slots[head.wrapping_add(place) % CAPACITY].load(Relaxed);
        }
        // Releases the slots to the owner.
        if self.head.0.compare_exchange(head, head.wrapping_add(number), Release, Relaxed).is_err() {
            return 0;
        }
        for pointer in &pointers[..number] {
            // SAFETY: the head has moved past it, once.
            taken(unsafe { Entry::from_raw(*pointer) });
        }
        number
    }
}
