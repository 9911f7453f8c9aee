//! [`Moving`]: a future on its way into a cell.
//!
//! A large future that goes by value through a few functions is copied in each, and in a debug build each copy
//! is on the stack at once. So it goes by reference, and is moved once.

#![expect(unsafe_code, reason = "a value is moved out of its place")]

use std::mem::ManuallyDrop;

/// A value that is moved to another place, or else dropped.
pub(crate) struct Moving<T> {
    /// The value, until it is moved.
    value: ManuallyDrop<T>,
    /// True once it is moved.
    is_moved: bool,
}

impl<T> Moving<T> {
    /// Makes a value that can be moved.
    #[inline]
    pub(crate) fn new(value: T) -> Moving<T> {
        Moving { value: ManuallyDrop::new(value), is_moved: false }
    }

    /// Moves the value to a place.
    ///
    /// # Panics
    ///
    /// If it was moved before.
    ///
    /// # Safety
    ///
    /// The place has room for a `T`, and holds nothing.
    #[inline]
    pub(super) unsafe fn move_to(&mut self, place: *mut T) {
        assert!(!self.is_moved, "a future goes into one cell");
        self.is_moved = true;
        // SAFETY: the value is there, and from now on it is the one in the place that counts.
        unsafe { place.copy_from_nonoverlapping(&raw const *self.value, 1) };
    }

    /// Takes the value out.
    ///
    /// # Panics
    ///
    /// If it was moved before.
    pub(crate) fn take(&mut self) -> T {
        assert!(!self.is_moved, "a future is moved once");
        self.is_moved = true;
        // SAFETY: the value is there, and is not used again.
        unsafe { ManuallyDrop::take(&mut self.value) }
    }
}

impl<T> Drop for Moving<T> {
    fn drop(&mut self) {
        if !self.is_moved {
            // SAFETY: it is there, and this is its end.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
