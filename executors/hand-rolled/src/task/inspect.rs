//! Looks at tasks from outside, without a right to them.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{fmt, ptr::NonNull};

use super::{
    header::Header,
    reference::Reference,
    state::{Kind, State},
};

/// Names a task, while it or its handle is there; after that another task may have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(usize);

/// The state of a task that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It is queued, or is being polled.
    Ready,
    /// It waits to be woken.
    Suspended,
}

impl TaskId {
    /// Returns the id of the task in a cell.
    pub(super) fn of(header: NonNull<Header>) -> TaskId {
        TaskId(header.addr().get())
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TaskId({:#x})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}

/// Returns the id of the task that the current thread polls, unless it is one of the runtime's own.
///
/// # Safety
///
/// `running` is the id of an entry that is being run on this thread, or null.
pub(crate) unsafe fn running(running: *const ()) -> Option<TaskId> {
    let header = NonNull::new(running.cast_mut().cast::<Header>())?;
    // SAFETY: as the caller says, and a task that is being run keeps its memory.
    (unsafe { header.as_ref() }.vtable.kind == Kind::Task).then(|| TaskId::of(header))
}

/// A task that had not ended when it was seen. It keeps the memory of that task.
pub(crate) struct Seen(Reference);

impl Seen {
    /// Sees the task in a cell, if there is one that has not ended.
    ///
    /// # Safety
    ///
    /// The pointer is to a cell of a slab, whose memory does not go before this returns.
    pub(crate) unsafe fn in_cell(cell: NonNull<State>) -> Option<Seen> {
        // SAFETY: the state of a cell can be looked at, whatever it holds; and having counted a reference
        // says that there is a task.
        unsafe { cell.as_ref().retain_open().then(|| Seen(Reference::of(cell.cast()))) }
    }

    /// Returns the id and the state of the task, unless it has ended since or is none of its users'.
    pub(crate) fn look(&self) -> Option<(TaskId, TaskState)> {
        let Header { state, vtable, .. } = self.0.header();
        let now = state.load();
        if vtable.kind != Kind::Task || now.outcome().is_some() {
            return None;
        }
        let state = if now.is_idle() { TaskState::Suspended } else { TaskState::Ready };
        Some((TaskId::of(self.0.cell()), state))
    }
}
