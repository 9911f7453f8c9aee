//! The wakers of tasks: std's, whose pointer is that of the cell, and [`ThinWaker`], which is no more than
//! that pointer.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    task::{RawWaker, RawWakerVTable, Waker},
};

use super::{
    entry::Entry,
    header::Header,
    home::{queue_at_home, with_worker},
    reference::{Reference, free},
};

/// Tells the wakers of tasks from all others. It is a static, so that it has one address.
static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

/// Makes the raw waker of a task; it has, or borrows, a reference.
pub(super) fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// Gives the pointer in a waker its type again.
///
/// # Safety
///
/// It is that of a waker of a task.
unsafe fn header_of(waker: *const ()) -> NonNull<Header> {
    // SAFETY: as the caller says, it was a `NonNull`.
    unsafe { NonNull::new_unchecked(waker.cast_mut().cast()) }
}

/// Clones a waker; see [`RawWakerVTable::new`].
unsafe fn clone_waker(waker: *const ()) -> RawWaker {
    // SAFETY: a waker has a reference, or borrows the runner's right.
    unsafe {
        let header = header_of(waker);
        header.as_ref().used().state.retain();
        raw_waker(header)
    }
}

/// Wakes and drops the waker; see [`RawWakerVTable::new`].
unsafe fn wake(waker: *const ()) {
    // SAFETY: the reference is this function's. It goes with the wake only on a worker of the task's runtime,
    // which cannot end before the entry is in a queue; else after the entry is.
    unsafe {
        let header = header_of(waker);
        let state = &header.as_ref().used().state;
        let freed = with_worker(header, |worker| {
            // On a worker one step of the state does for both the wake and the reference.
            let worker = worker?;
            let (is_idle, is_free) = state.wake_and_release();
            if is_idle {
                worker.queue(Entry::of(header));
            }
            Some(is_free)
        });
        match freed {
            Some(true) => free(header),
            Some(false) => {}
            None => {
                wake_by_ref(waker);
                drop_waker(waker);
            }
        }
    }
}

/// Wakes; see [`RawWakerVTable::new`].
unsafe fn wake_by_ref(waker: *const ()) {
    // SAFETY: a waker has a reference, or borrows the runner's right.
    unsafe {
        let header = header_of(waker);
        if header.as_ref().used().state.wake() {
            queue_at_home(header).unwrap_or_else(Entry::put_back);
        }
    }
}

/// Drops a waker; see [`RawWakerVTable::new`].
unsafe fn drop_waker(waker: *const ()) {
    // SAFETY: the reference is this function's.
    drop(unsafe { Reference::of(header_of(waker)) });
}

/// Returns true if a waker wakes the task with this id.
pub(crate) fn is_waker_of(waker: &Waker, id: *const ()) -> bool {
    waker.data() == id && ptr::eq(waker.vtable(), &WAKER)
}

/// Is a waker in one word: the pointer of a task's waker, or a pointer to any other waker in a box.
pub(crate) struct ThinWaker(NonNull<()>);

// SAFETY: it is a waker.
unsafe impl Send for ThinWaker {}

/// Tells a box from a task, both of which are aligned to more than this.
const BOXED: usize = 1;

impl ThinWaker {
    /// Clones a waker.
    pub(crate) fn of(waker: &Waker) -> ThinWaker {
        if !ptr::eq(waker.vtable(), &WAKER) {
            let boxed = NonNull::from(Box::leak(Box::new(waker.clone())));
            return ThinWaker(boxed.cast::<()>().map_addr(|address| address | BOXED));
        }
        let waker = ManuallyDrop::new(waker.clone());
        // SAFETY: it is the pointer to a header.
        ThinWaker(unsafe { header_of(waker.data()) }.cast())
    }

    /// Returns true if both wake the same task.
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        match self.boxed() {
            // SAFETY: the box is this one's.
            Some(boxed) => unsafe { boxed.as_ref() }.will_wake(waker),
            None => is_waker_of(waker, self.0.as_ptr()),
        }
    }

    /// Returns true unless it is a task's: to wake is anybody's code then.
    pub(crate) fn is_foreign(&self) -> bool {
        self.boxed().is_some()
    }

    /// Wakes.
    pub(crate) fn wake(self) {
        // SAFETY: it is forgotten.
        unsafe { ManuallyDrop::new(self).waker() }.wake();
    }

    /// Turns this back into the waker.
    ///
    /// # Safety
    ///
    /// Nothing is done with this one any more.
    unsafe fn waker(&self) -> Waker {
        match self.boxed() {
            // SAFETY: what `of` made of a waker becomes one again, once.
            Some(boxed) => unsafe { *Box::from_raw(boxed.as_ptr()) },
            // SAFETY: as above.
            None => unsafe { Waker::from_raw(raw_waker(self.0.cast())) },
        }
    }

    /// Returns the box, if this is no task's waker.
    fn boxed(&self) -> Option<NonNull<Waker>> {
        let address = self.0.addr().get();
        if address & BOXED == 0 {
            return None;
        }
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !BOXED).cast())
    }
}

impl Drop for ThinWaker {
    fn drop(&mut self) {
        // SAFETY: this is its end.
        drop(unsafe { self.waker() });
    }
}
