//! A promise as a task: nothing in the place of a future, and an outcome that is set by hand.
//!
//! Its state begins like that of a job, as queued and with a reference, but it is in no queue. Whoever sets the outcome, or cancels, first claims the task,
//! and so is its runner for a moment. A cancellation that comes in that moment is noted, and carried out by
//! the thread that was about to set the outcome. The moment is short: of the user's code only the destructor
//! of an output that nobody would take runs in it.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{
    marker::PhantomData,
    pin::Pin,
    ptr::NonNull,
    sync::Mutex,
    task::{Context, Poll},
};

use super::{cell::settle, header::Header, outcome::Outcome, reference::Reference, state::Asked};
use crate::panic::Panic;

/// Sets the outcome of a promise. Dropped before that, it cancels the task.
pub(crate) struct Setter<T> {
    /// Keeps the memory of the task.
    task: Reference,
    /// It sends a `T`, from whichever thread it is used on.
    sends: PhantomData<Mutex<T>>,
}

/// Stands in the place of a future, which nobody polls.
pub(super) struct Unset<T>(PhantomData<fn() -> T>);

impl<T> Setter<T> {
    /// Makes the setter of a promise.
    ///
    /// # Safety
    ///
    /// The state has counted a reference, and the task is one of an `Unset<T>`.
    pub(super) unsafe fn of(header: NonNull<Header>) -> Setter<T> {
        // SAFETY: as the caller says.
        Setter { task: unsafe { Reference::of(header) }, sends: PhantomData }
    }

    /// Ends the task with an output or a panic, or gives that back if the task has ended.
    pub(crate) fn set(&self, result: Result<T, Panic>) -> Result<(), Result<T, Panic>> {
        if !self.task.header().state.claim() {
            return Err(result);
        }
        // SAFETY: having claimed it makes this the runner, and the reference keeps the memory.
        unsafe { settle::<Unset<T>>(self.task.cell(), result) }
    }

    /// Cancels the task; returns false if it has ended.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: the reference keeps the memory, and it is a promise.
        unsafe { cancel(self.task.cell()) }
    }

    /// Returns how the task ended; `None` while it is open.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.task.header().outcome()
    }
}

impl<T> Drop for Setter<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T> Unset<T> {
    /// Makes the future of a promise.
    pub(super) fn new() -> Unset<T> {
        Unset(PhantomData)
    }
}

impl<T> Future for Unset<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        unreachable!("a promise is in no queue")
    }
}

/// Ends a promise as cancelled; returns false if it has ended.
///
/// # Safety
///
/// The cell is a promise's, and lent until this returns.
pub(super) unsafe fn cancel(header: NonNull<Header>) -> bool {
    // SAFETY: as the caller says.
    let Header { state, vtable, .. } = unsafe { header.as_ref() };
    let asked = state.cancel_job();
    if asked == Asked::Queue && state.claim_cancelled() {
        // SAFETY: having claimed it makes this the runner.
        unsafe { (vtable.end)(header) };
    }
    asked != Asked::TooLate
}
