//! The scheduler as its tasks see it: a trait, so that no file of a task knows a file of the scheduler.
//!
//! There is one implementation, [`TaskHome`](crate::TaskHome), and calls are static. A cell stores no pointer
//! to its home: the chunk that the cell is in does.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{ptr::NonNull, sync::Arc};

use super::{
    header::{Entry, Header},
    inspect::TaskId,
    slab::{self, Class, Vacant},
};
use crate::TaskHome;

/// Lends the memory of tasks, and queues them.
///
/// Most methods take the current thread as a worker: a caller that has it in hand spares the next look into a
/// thread-local.
pub(crate) trait Home: Sized {
    /// A worker of this home.
    type Worker;

    /// Calls `use_it` with the current thread, if it is a worker of this home, and otherwise with `None`.
    ///
    /// `use_it` must run no code of the user.
    fn with_worker<R>(&self, use_it: impl FnOnce(Option<&Self::Worker>) -> R) -> R;

    /// Lends memory for a task.
    fn lend(&self, worker: Option<&Self::Worker>, class: Class) -> Vacant;

    /// Takes memory back; returns this home, if the memory was all that kept it.
    #[must_use = "it may be the last of the home"]
    fn restore(&self, worker: Option<&Self::Worker>, class: Class, cell: Vacant) -> Option<Arc<Self>>;

    /// Queues a task, at the worker if there is one. A home that has ended returns the entry; a worker never
    /// does.
    fn queue(&self, worker: Option<&Self::Worker>, entry: Entry) -> Result<(), Entry>;

    /// Notes that the panic of a task was looked at; or that nobody can any more.
    fn note_panic(&self, task: TaskId, was_seen: bool);

    /// Notes that the poll of the current task is over, though its end is still to be announced.
    fn end_poll(worker: &Self::Worker);
}

/// The workers of the one type of home.
pub(crate) type Worker = <TaskHome as Home>::Worker;

/// Returns the home that a cell belongs to.
///
/// # Safety
///
/// The cell is lent as long as the result is used.
#[inline]
pub(super) unsafe fn home_of<'a>(header: NonNull<Header>) -> &'a TaskHome {
    // SAFETY: all cells come from the slab of a `TaskHome`.
    unsafe { slab::owner(header.cast()) }
}
