//! The part of a cell that all tasks have alike, and [`Entry`], by which a task is in a queue.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{cell::Cell, ptr::NonNull};

use super::{outcome::Outcome, slab::Class, state::State, watchers::Watchers};
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

/// The kinds of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A future that workers poll.
    Task,
    /// A future of the runtime's own that workers poll, such as one that runs a callback: no task to its
    /// users.
    Call,
    /// A closure that blocks, in the place of a future.
    Job,
    /// Nothing, in the place of a future: the outcome is set by hand.
    Promise,
}

impl Kind {
    /// Returns true if the task is in no queue of a worker: something else ends it, and has a reference.
    pub(super) fn is_ended_elsewhere(self) -> bool {
        matches!(self, Kind::Job | Kind::Promise)
    }
}

/// An entry of a queue: the right, and the duty, to run a task.
///
/// A task whose entry is dropped does not run, and stays open until the runtime ends.
#[derive(Debug)]
#[must_use = "a task whose entry is lost does not run"]
pub(crate) struct Entry(NonNull<Header>);

// SAFETY: it stands for the future in the cell, which is `Send`, or asks for the right thread itself.
unsafe impl Send for Entry {}

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

impl Entry {
    /// Makes the entry of a task.
    ///
    /// # Safety
    ///
    /// A step of the state says that the caller is to queue the task.
    #[inline]
    pub(super) unsafe fn of(header: NonNull<Header>) -> Entry {
        Entry(header)
    }

    /// Polls the task, or ends it if it is cancelled. Returns the entry if the task is to be queued again.
    ///
    /// For the workers of its runtime. A poll sets `yielded` if it wants the task queued without any wake. If
    /// no entry is returned, the flag tells whether a task has ended.
    #[inline]
    pub(crate) fn run(self, yielded: &Flag) -> Option<Entry> {
        let header = self.0;
        // SAFETY: an entry keeps the memory, and makes this the runner.
        unsafe {
            let Header { state, vtable, .. } = header.as_ref().used();
            if state.start().is_cancelled() {
                yielded.set(vtable.kind == Kind::Task);
                (vtable.end)(header);
                return None;
            }
            #[cfg(planted_slowdown)]
            planted_delay();
            if (vtable.poll)(header, yielded) { Some(self) } else { None }
        }
    }

    /// Ends a task that its runtime refused, because the runtime has ended.
    pub(crate) fn abandon(self) {
        // SAFETY: an entry keeps the memory.
        unsafe { abandon_cell(self.0.cast()) };
    }

    /// Returns a value that no other open task has.
    pub(crate) fn id(&self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    /// Turns the entry into a pointer.
    pub(crate) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// Turns a pointer back into the entry.
    ///
    /// # Safety
    ///
    /// The pointer is from [`into_raw`](Self::into_raw) and becomes an entry once.
    pub(crate) unsafe fn from_raw(pointer: *mut Header) -> Entry {
        Entry(NonNull::new(pointer).expect("an entry is never null"))
    }
}

/// Takes about a twentieth of the time of a yield: `scripts/try-gate` tries whether the gate finds it.
#[cfg(planted_slowdown)]
fn planted_delay() {
    const TURNS: u32 = 12;
    for turn in 0..TURNS {
        std::hint::black_box(turn);
    }
}

/// Ends the task in a cell of a runtime that has ended.
///
/// Does nothing if another thread ends it, if the cell is empty, or if it holds a job, which its pool ends.
///
/// # Safety
///
/// The pointer is to a cell of a slab, no worker of the runtime runs any more, and the slab stays.
pub(crate) unsafe fn abandon_cell(cell: NonNull<State>) {
    // SAFETY: the state of a cell can be looked at, whatever it holds. Only having claimed the task says that
    // there is one: an open task keeps its memory, and the thread that claims it is its runner.
    unsafe {
        if cell.as_ref().abandon_task() {
            let header = cell.cast::<Header>();
            (header.as_ref().vtable.end)(header);
        }
    }
}
