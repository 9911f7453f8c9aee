//! A task in memory: one allocation, a cell, reached through pointers of one word.
//!
//! ```text
//!    Header { state, vtable, watchers }  Body: the future, and once that is gone its output or its panic
//! ```
//!
//! There are six kinds of pointers to a cell, each of which says what its holder may do:
//!
//! - [`Entry`] is a task in a queue. It exists once while the state is `SCHEDULED`, or `RUNNING` after a
//!   yield. If the state is `ABANDONED` it is a reference.
//! - [`Handle`] is the user's. It exists once, as long as the state says `HANDLE`.
//! - `Reference` keeps the memory, and may wake. The state counts references.
//! - a `Waker` is a reference in the shape that std has for it.
//! - [`JobEntry`] is a blocking job in its queue: a reference that may try to run it.
//! - [`Setter`] is the other half of a promise: a reference that may try to set the outcome.
//!
//! # What is relied upon
//!
//! 1. The memory is that of the task from `cell::open` until its state is free, in the words of `state.rs`.
//!    The thread that makes it free gives it back, and no thread looks at it again. An entry keeps it,
//!    because a queued task is open; an entry that a runtime has refused does not, because the end of the
//!    runtime may close the task. Whether the runtime is still there does not matter (`chunk.rs`).
//! 2. The body belongs to the owner of the cell, in the words of `state.rs`: to the runner while the task is
//!    open, then to the handle. It holds the future until the runner drops that; then, if the task is closed
//!    with an output that is not taken, or with a panic, it holds this.
//! 3. A runner that gives the task up, or closes it, does not touch the cell again, unless it has a
//!    reference.
//! 4. Between wake and queue the memory must not go: it is the entry's already, and whoever abandons the
//!    task meanwhile counts a reference for the entry.
//! 5. `T` of a handle, and `F` of a vtable, are those of the cell: only this file makes handles, only
//!    `cell::open` sets vtables.

#![expect(unsafe_code, reason = "a task that is not `Send` is the caller's to answer for")]

// From below to above: a file uses those before it. The one exception is the trait in `home`, which has to name
// an entry and an id.
pub(crate) mod outcome;
pub(crate) mod state;

pub(crate) mod chunk;
pub(crate) mod class;
mod depot;
pub(crate) mod slab;

mod callback;
mod watchers;

mod header;
pub(crate) mod home;
mod reference;

mod entry;

mod waker;

pub(crate) mod inspect;
mod moving;

mod cell;

mod job;
mod promise;

mod handle;

pub(crate) use entry::{Entry, abandon_cell};
pub(crate) use handle::{Canceller, Handle};
pub(crate) use header::{Flag, Header};
pub(crate) use job::JobEntry;
pub(crate) use moving::Moving;
pub(crate) use promise::Setter;
pub(crate) use waker::{ThinWaker, is_waker_of};

use crate::TaskHome;
use cell::{Vtables, open};
use home::Worker;
pub(crate) use job::Job;
use promise::Unset;

/// Makes a task that is about to be queued. `worker` is the current thread, if it is a worker of this home.
#[inline]
pub(crate) fn new<F>(
    home: &TaskHome,
    worker: Option<&Worker>,
    future: &mut Moving<F>,
) -> (Entry, Handle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: the types are `Send`.
    unsafe { new_unchecked(home, worker, future) }
}

/// Makes a task, like [`new`], of a future or an output that is not `Send`.
///
/// # Safety
///
/// The future, when polled or dropped, and the output, when dropped, bear that it is on any thread. An output
/// is given by a poll only on the thread that the handle is on.
#[inline]
pub(crate) unsafe fn new_unchecked<F>(
    home: &TaskHome,
    worker: Option<&Worker>,
    future: &mut Moving<F>,
) -> (Entry, Handle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let header = open(home, worker, future, &Vtables::<F>::TASK, true);
    // SAFETY: the task is queued once, as the entry; the output is of this type.
    unsafe { (Entry::of(header), Handle::of(header)) }
}

/// Makes a task of the runtime's own, like [`new`].
pub(crate) fn new_call<F>(
    home: &TaskHome,
    worker: Option<&Worker>,
    future: &mut Moving<F>,
) -> (Entry, Handle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let header = open(home, worker, future, &Vtables::<F>::CALL, true);
    // SAFETY: the task is queued once, as the entry; the output is of this type.
    unsafe { (Entry::of(header), Handle::of(header)) }
}

/// Makes a blocking job that is about to be queued. `home` runs its callbacks and carries out its
/// cancellation.
pub(crate) fn new_job<T, J>(
    home: &TaskHome,
    worker: Option<&Worker>,
    job: &mut Moving<Job<J>>,
) -> (JobEntry, Handle<T>)
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    let header = open(home, worker, job, &Vtables::<Job<J>>::JOB, true);
    // SAFETY: the state of a job begins with a reference and a handle; the output is of this type.
    unsafe { (JobEntry::of(header), Handle::of(header)) }
}

/// Makes a task that ends when its outcome is set. `home` runs its callbacks.
pub(crate) fn new_promise<T>(home: &TaskHome, worker: Option<&Worker>) -> (Setter<T>, Handle<T>) {
    let mut unset = Moving::new(Unset::<T>::new());
    let header = open(home, worker, &mut unset, &Vtables::<Unset<T>>::PROMISE, true);
    // SAFETY: the state of a promise begins with a reference and a handle; the output is of this type.
    unsafe { (Setter::of(header), Handle::of(header)) }
}
