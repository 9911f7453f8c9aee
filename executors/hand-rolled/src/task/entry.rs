//! [`Entry`], by which a task is in a queue, and the end of tasks that no worker comes to.
//!
//! When a runtime ends, tasks are suspended, queued or polled. Whoever holds an entry ends its task; the rest
//! is found in the slab, and claimed in one step of the state ([`State::abandon_task`]), which no thread polls
//! from then on. A queued task that is claimed there keeps its memory until its entry has been taken, too.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::ptr::NonNull;

use super::{
    header::{Flag, Header},
    reference::Reference,
    state::{Kind, Snapshot, State},
};

/// An entry of a queue: the right, and the duty, to run a task.
///
/// A task whose entry is dropped does not run, and stays open until the runtime ends.
#[derive(Debug)]
#[must_use = "a task whose entry is lost does not run"]
pub(crate) struct Entry(NonNull<Header>);

// SAFETY: it stands for the future in the cell, which is `Send`, or asks for the right thread itself.
unsafe impl Send for Entry {}

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
            let started = state.start();
            if started.is_over() {
                yielded.set(vtable.kind == Kind::Task && !started.is_abandoned());
                self.end_started(started);
                return None;
            }
            #[cfg(planted_slowdown)]
            planted_delay();
            if (vtable.poll)(header, yielded) { Some(self) } else { None }
        }
    }

    /// Ends the task, which its runtime refused or left behind.
    pub(crate) fn end(self) {
        // SAFETY: an entry keeps the memory, and makes this the runner.
        unsafe {
            let started = self.0.as_ref().used().state.start();
            self.end_started(started);
        }
    }

    /// Gives the entry up without a look at the future, because the runtime has ended: its end drops the
    /// future.
    pub(crate) fn put_back(self) {
        // SAFETY: an entry keeps the memory, and becomes a reference if the task is abandoned.
        unsafe {
            if !self.0.as_ref().used().state.unqueue() {
                drop(Reference::of(self.0));
            }
        }
    }

    /// Ends the task, of which `start` has made the caller the runner; but if it was abandoned, another thread
    /// ends it, and the entry was no more than a reference.
    ///
    /// # Safety
    ///
    /// `start` was called for this entry, and returned `started`.
    #[cold]
    unsafe fn end_started(&self, started: Snapshot) {
        // SAFETY: the entry keeps the memory, as a task that is open or as a reference.
        unsafe {
            if started.is_abandoned() {
                drop(Reference::of(self.0));
            } else {
                (self.0.as_ref().vtable.end)(self.0);
            }
        }
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
/// Does nothing if another thread polls or ends it, if the cell is empty, or if it holds a promise, which
/// its holder ends.
///
/// # Safety
///
/// The pointer is to a cell of a slab, and the slab stays.
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
