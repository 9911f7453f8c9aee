//! The handle of a task: it asks for the end, watches for it, and takes what comes of it.
//!
//! What is relied upon stands in `cell.rs`.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull, task::Waker};

use super::{Entry, Header, free, job, scheduler, waker::raw_waker};
use crate::{
    panic::{Panic, drop_quietly},
    scheduler::Scheduler,
    sync::lock,
    task::{
        callback::Callback,
        outcome::{Outcome, TaskError},
        state::Asked,
    },
};

/// The one handle of a task that gives a `T`. Dropping it detaches the task.
pub(crate) struct Handle<T> {
    pub(super) header: NonNull<Header>,
    pub(super) output: PhantomData<T>,
}

// SAFETY: what it gives access to is the header, made to be shared, and the output.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: a shared handle gives no more than a shared output.
unsafe impl<T: Send + Sync> Sync for Handle<T> {}
/// Nothing in it is pinned.
impl<T> Unpin for Handle<T> {}

impl<T> Handle<T> {
    /// The header.
    fn header(&self) -> &Header {
        // SAFETY: the handle keeps the memory.
        unsafe { self.header.as_ref() }.used()
    }

    /// The runtime that the task belongs to.
    fn scheduler(&self) -> &Scheduler {
        // SAFETY: the handle keeps the cell.
        unsafe { scheduler(self.header) }
    }

    /// Tells how the task ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.header().outcome()
    }

    /// What wakes the task.
    pub(crate) fn waker(&self) -> Waker {
        self.header().state.retain();
        // SAFETY: with a reference, a header is a waker.
        unsafe { Waker::from_raw(raw_waker(self.header)) }
    }

    /// Asks the task to end; false if it has.
    pub(crate) fn cancel(&self) -> bool {
        let Header { state, vtable, .. } = self.header();
        if vtable.is_job {
            // SAFETY: the handle keeps the memory, and it is a job.
            return unsafe { job::cancel(self.header) };
        }
        let asked = state.cancel();
        if asked == Asked::Queue {
            // A runtime that has ended drops all its tasks; it needs no entry for that.
            drop(self.scheduler().queue(Entry(self.header)));
        }
        asked != Asked::TooLate
    }

    /// The panic that ended the task.
    ///
    /// # Panics
    ///
    /// If none did.
    pub(crate) fn panic(&self) -> Panic {
        assert_eq!(self.outcome(), Some(Outcome::Panicked));
        // SAFETY: so it ended, and the body is the handle's.
        unsafe { (self.header().vtable.panic)(self.header) }
    }

    /// Lets `read` see the output, unless it was taken.
    ///
    /// # Panics
    ///
    /// If the task did not end with one.
    pub(crate) fn look<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        assert_eq!(self.outcome(), Some(Outcome::Finished));
        if self.header().state.load().is_taken() {
            return None;
        }
        // SAFETY: so it ended, the output is there, and taking it would need the handle for itself.
        Some(read(unsafe { (self.header().vtable.look)(self.header).cast().as_ref() }))
    }

    /// Takes the outcome of a task that has ended; `None` if it was taken before.
    ///
    /// # Panics
    ///
    /// If it has not ended.
    pub(crate) fn take(&mut self) -> Option<Result<T, TaskError>> {
        let Header { state, vtable, .. } = self.header();
        let end = state.load().outcome().expect("the task has ended");
        if !state.take() {
            return None;
        }
        Some(match end {
            Outcome::Finished => {
                let mut output = MaybeUninit::<T>::uninit();
                // SAFETY: the output is there, and was not taken; after this it is in `output`.
                unsafe {
                    (vtable.take)(self.header, NonNull::from(&mut output).cast());
                    Ok(output.assume_init())
                }
            }
            Outcome::Cancelled => Err(TaskError::Cancelled),
            Outcome::Panicked => Err(TaskError::Panicked(self.panic())),
        })
    }

    /// Has `waker` woken at the end, instead of whoever awaited it; tells whether the end has come.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let Header { state, watchers, .. } = self.header();
        if state.load().outcome().is_some() {
            return true;
        }
        let mut guard = lock(watchers);
        if guard.will_wake(waker) {
            // Still the same one who waits, and has waited longer than the later callbacks.
            return !state.watch();
        }
        drop(guard);
        // A waker's clone and its destructor are code of the user, so neither under the lock.
        let waker = waker.clone();
        guard = lock(watchers);
        let mut replaced = guard.set_awaiter(waker);
        let ended = !state.watch();
        if ended {
            replaced = guard.take_awaiter();
        }
        drop(guard);
        drop(replaced);
        ended
    }

    /// Wakes nobody at the end.
    pub(crate) fn unwatch(&self) {
        if self.header().state.load().is_watched() {
            let awaiter = lock(&self.header().watchers).take_awaiter();
            drop_quietly(awaiter);
        }
    }

    /// Has a callback queued at the end, or at once if that has come.
    pub(crate) fn add_callback(&self, callback: Callback) {
        let Header { state, watchers, .. } = self.header();
        let mut guard = lock(watchers);
        state.watch();
        let end = self.outcome();
        let callbacks = guard.add_callback(callback, end.is_some());
        drop(guard);
        if let (Some(callbacks), Some(end)) = (callbacks, end) {
            callbacks.queue_one(self.scheduler(), end);
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let Header { state, vtable, .. } = self.header();
        if state.load().outcome().is_none() {
            self.unwatch();
            if state.detach_open() {
                return;
            }
        }
        let now = state.load();
        let end = now.outcome().expect("it was closed");
        if end != Outcome::Finished || !now.is_taken() {
            // SAFETY: what belongs to this end is there, and nobody but the handle may take it.
            unsafe { (vtable.clear)(self.header, end) };
        }
        if state.detach_closed() {
            // SAFETY: that made it garbage.
            unsafe { free(self.header) };
        }
    }
}
