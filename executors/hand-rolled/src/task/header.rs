//! The part of a cell that all tasks have alike.

use std::{cell::Cell, ptr::NonNull};

use super::{
    class::Class,
    outcome::Outcome,
    state::{Kind, State},
    watchers::Watchers,
};
use crate::{panic::Panic, sync::Mutex};

#[cfg(loom)]
use crate::sync::UnsafeCell;

/// Begins each cell. The state is first: the slab knows it there.
#[repr(C)]
pub(crate) struct Header {
    /// The steps that the task has taken.
    pub(super) state: State,
    /// The functions that depend on the type of the future.
    pub(super) vtable: &'static VTable,
    /// The awaiter and the callbacks to be told of the end.
    pub(super) watchers: Mutex<Watchers>,
    /// Read by each use and written by the end of the cell, for loom to see.
    #[cfg(loom)]
    pub(super) life: UnsafeCell<()>,
}

/// A flag that a poll can set.
pub(crate) type Flag = Cell<bool>;

/// The functions that depend on the type of the future in a cell.
pub(super) struct VTable {
    /// The size of the cell.
    pub(super) class: Class,
    /// The kind of the task.
    pub(super) kind: Kind,
    /// Polls the future; for its runner. Returns true if the task is to be queued again. A yield sets the
    /// flag, and so does the end of a task; the end of anything else clears it.
    pub(super) poll: unsafe fn(NonNull<Header>, &Flag) -> bool,
    /// Drops the future and closes the task as cancelled; for its runner.
    pub(super) end: unsafe fn(NonNull<Header>),
    /// Moves the output to the second pointer; for the handle of a task closed with one.
    pub(super) take: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Returns the place of the output; as `take`, or with the body shared among readers.
    pub(super) look: unsafe fn(NonNull<Header>) -> NonNull<()>,
    /// Clones the panic; for the handle of a task closed with one.
    pub(super) panic: unsafe fn(NonNull<Header>) -> Panic,
    /// Drops what is left in the body of a task that is closed with this outcome; for its handle.
    pub(super) clear: unsafe fn(NonNull<Header>, Outcome),
}

impl Header {
    /// Has loom see to it that the cell is not given back at the same time.
    #[inline]
    pub(super) fn used(&self) -> &Header {
        #[cfg(loom)]
        self.life.with(|_| ());
        self
    }

    /// Returns how the task ended; `None` while it is open.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.state.load().outcome()
    }
}
