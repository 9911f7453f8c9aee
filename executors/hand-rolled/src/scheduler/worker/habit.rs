//! A habit: something that a worker does before it parks, as long as that pays.

use std::cell::Cell;

/// The most parks between two times that it is done.
const MOST_SKIPPED: u32 = 63;

/// Tells whether a worker does it before it parks.
///
/// It is done again if it has paid. If it was in vain, it is done again only after some parks, and after twice as many the next time.
#[derive(Debug, Default)]
pub(super) struct Habit {
    /// True if it would have paid the last time, or has.
    promises: Cell<bool>,
    /// The number of parks before which it is not done.
    left: Cell<u32>,
    /// The number of them after it was done in vain.
    skipped: Cell<u32>,
}

impl Habit {
    /// Notes whether it would have paid before the park that has just ended.
    pub(super) fn note_park(&self, would_have_paid: bool) {
        self.promises.set(would_have_paid);
    }

    /// Returns true if a worker that parked now would do it.
    #[inline]
    pub(super) fn would_begin(&self) -> bool {
        self.promises.get() && self.left.get() == 0
    }

    /// Returns true if a worker that is about to park does it.
    pub(super) fn begins(&self) -> bool {
        let left = self.left.get();
        let may = self.promises.take();
        if may && left > 0 {
            self.left.set(left - 1);
        }
        may && left == 0
    }

    /// Notes whether it has paid.
    pub(super) fn end(&self, has_paid: bool) {
        self.promises.set(has_paid);
        let skipped = if has_paid { 0 } else { (2 * self.skipped.get() + 1).min(MOST_SKIPPED) };
        self.skipped.set(skipped);
        self.left.set(skipped);
    }
}
