//! References: they keep the memory of a task, and the last of them frees it.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::ptr::{self, NonNull};

use super::{
    chunk::Vacant,
    header::Header,
    home::{Home, with_home},
};

/// Keeps the memory of a task. The state counts it.
#[derive(Debug)]
pub(super) struct Reference(NonNull<Header>);

// SAFETY: it gives access to nothing but the header, whose parts are made to be shared.
unsafe impl Send for Reference {}
// SAFETY: as above.
unsafe impl Sync for Reference {}

impl Reference {
    /// Makes a reference.
    ///
    /// # Safety
    ///
    /// The state has counted it.
    pub(super) unsafe fn of(header: NonNull<Header>) -> Reference {
        Reference(header)
    }

    /// Returns the cell that this reference keeps.
    pub(super) fn cell(&self) -> NonNull<Header> {
        self.0
    }

    /// Returns the header.
    pub(super) fn header(&self) -> &Header {
        // SAFETY: a reference keeps the memory.
        unsafe { self.0.as_ref() }.used()
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        if self.header().state.release() {
            // SAFETY: that made it free.
            unsafe { free(self.0) };
        }
    }
}

/// Gives the memory of a cell back.
///
/// # Safety
///
/// The state is free, and a step of the caller made it so.
pub(super) unsafe fn free(header: NonNull<Header>) {
    // SAFETY: nobody else knows the cell any more. Its state stays, and its body is empty. Until it is given
    // back it is lent.
    unsafe {
        let class = header.as_ref().vtable.class;
        #[cfg(loom)]
        header.as_ref().life.with_mut(|_| ());
        ptr::drop_in_place(&raw mut (*header.as_ptr()).watchers);
        with_home(header, |home, worker| {
            let cell = Vacant::of(header.cast());
            match home {
                Some(home) => home.restore(worker, class, cell),
                // The cell keeps nothing but its chunk, which may go with it.
                None => drop(cell),
            }
        });
    }
}
