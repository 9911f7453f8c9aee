//! The scheduler as its tasks see it: a trait, so that no file of a task knows a file of the scheduler.
//!
//! There is one implementation, [`TaskHome`](crate::TaskHome), and calls are static. A cell stores no pointer
//! to its home: the chunk that the cell is in does. It does not keep the home, which may be gone: a task
//! outlives its runtime as long as there is a handle or a waker.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{ptr::NonNull, sync::Arc};

use super::{
    chunk::{self, Vacant},
    class::Class,
    entry::Entry,
    header::Header,
    inspect::TaskId,
};
use crate::TaskHome;

/// Lends the memory of tasks, and queues them.
///
/// Most methods take the current thread as a worker: a caller that has it in hand spares the next look into a
/// thread-local.
pub(crate) trait Home: Sized {
    /// A worker of this home.
    type Worker;

    /// Calls `use_it` with the current thread, if it is a worker of the home at this address, and otherwise
    /// with `None`.
    ///
    /// `use_it` must run no code of the user.
    fn with_worker<R>(home: *const Self, use_it: impl FnOnce(Option<&Self::Worker>) -> R) -> R;

    /// Calls `use_it` with the home at this address, if it is still there, and with the current thread, if it
    /// is a worker of it. `upgrade` returns the home; a thread that works for it does without.
    ///
    /// `use_it` must run no code of the user.
    fn with_home<R>(
        home: *const Self,
        upgrade: impl FnOnce() -> Option<Arc<Self>>,
        use_it: impl FnOnce(Option<&Self>, Option<&Self::Worker>) -> R,
    ) -> R;

    /// Lends memory for a task.
    fn lend(&self, worker: Option<&Self::Worker>, class: Class) -> Vacant;

    /// Takes memory back.
    fn restore(&self, worker: Option<&Self::Worker>, class: Class, cell: Vacant);

    /// Queues a task, at the worker if there is one. A home that has ended returns the entry; a worker never
    /// does.
    fn queue(&self, worker: Option<&Self::Worker>, entry: Entry) -> Result<(), Entry>;

    /// Notes that the panic of a task was looked at; or that nobody can any more.
    fn note_panic(task: TaskId, was_seen: bool);

    /// Notes the id of the task that the worker polls, null if none, and returns the one before.
    fn replace_running(worker: &Self::Worker, id: *const ()) -> *const ();
}

/// The workers of the one type of home.
pub(crate) type Worker = <TaskHome as Home>::Worker;

/// Calls `use_it` with the current thread, if it is a worker of the home of a cell, and otherwise with `None`.
///
/// `use_it` must run no code of the user.
///
/// # Safety
///
/// The cell is lent.
#[inline]
pub(super) unsafe fn with_worker<R>(header: NonNull<Header>, use_it: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: as the caller says.
    TaskHome::with_worker(unsafe { chunk::owner_address(header.cast()) }.cast(), use_it)
}

/// Calls `use_it` with the home of a cell, if it is still there, and with the current thread, if it is a worker
/// of it.
///
/// `use_it` must run no code of the user.
///
/// # Safety
///
/// The cell is lent until `use_it` is called.
#[inline]
pub(super) unsafe fn with_home<R>(
    header: NonNull<Header>,
    use_it: impl FnOnce(Option<&TaskHome>, Option<&Worker>) -> R,
) -> R {
    // SAFETY: as the caller says.
    let address = unsafe { chunk::owner_address(header.cast()) };
    // SAFETY: as the caller says. All cells come from the slab of a `TaskHome`.
    TaskHome::with_home(address.cast(), || unsafe { chunk::owner(header.cast()) }, use_it)
}

/// Queues a task at its home. A home that has ended returns the entry.
///
/// # Safety
///
/// The cell is lent, and a step of the state says that the caller is to queue the task.
#[inline]
pub(super) unsafe fn queue_at_home(header: NonNull<Header>) -> Result<(), Entry> {
    // SAFETY: as the caller says.
    unsafe {
        with_home(header, |home, worker| match home {
            Some(home) => home.queue(worker, Entry::of(header)),
            None => Err(Entry::of(header)),
        })
    }
}
