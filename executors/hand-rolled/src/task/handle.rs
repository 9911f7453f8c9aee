//! The handle of a task: it cancels the task, watches for its end, and takes the output.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull, task::Waker};

#[cfg(all(test, loom))]
use super::waker::raw_waker;

use super::{
    callback::Callback,
    cell::spawn_at_home,
    entry::Entry,
    header::Header,
    home::{Home, queue_at_home},
    inspect::TaskId,
    job,
    outcome::{Outcome, TaskError},
    promise,
    reference::{Reference, free},
    state::{Asked, Kind},
};
use crate::{
    TaskHome,
    panic::{Panic, drop_quietly},
    sync::lock,
};

/// The one handle of a task that gives a `T`. Dropping it detaches the task.
pub(crate) struct Handle<T> {
    header: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: what it gives access to is the header, made to be shared, and the output.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: a shared handle gives no more than a shared output.
unsafe impl<T: Send + Sync> Sync for Handle<T> {}
/// Nothing in it is pinned.
impl<T> Unpin for Handle<T> {}

impl<T> Handle<T> {
    /// Makes the handle of a task.
    ///
    /// # Safety
    ///
    /// The state says that there is a handle, and this is the only one. The output of the future is a `T`.
    #[inline]
    pub(super) unsafe fn of(header: NonNull<Header>) -> Handle<T> {
        Handle { header, output: PhantomData }
    }

    /// Returns the header.
    fn header(&self) -> &Header {
        // SAFETY: the handle keeps the memory.
        unsafe { self.header.as_ref() }.used()
    }

    /// Returns how the task ended; `None` while it is open.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.header().outcome()
    }

    /// Returns the id of the task.
    pub(crate) fn id(&self) -> TaskId {
        TaskId::of(self.header)
    }

    /// Returns a waker of the task.
    #[cfg(all(test, loom))]
    pub(crate) fn waker(&self) -> Waker {
        self.header().state.retain();
        // SAFETY: with a reference, a header is a waker.
        unsafe { Waker::from_raw(raw_waker(self.header)) }
    }

    /// Cancels the task; returns false if it has ended.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: the handle keeps the memory.
        unsafe { cancel(self.header) }
    }

    /// Returns a right to cancel the task, which outlives this handle.
    pub(crate) fn canceller(&self) -> Canceller {
        self.header().state.retain();
        // SAFETY: it was counted just now.
        Canceller(unsafe { Reference::of(self.header) })
    }

    /// Returns the panic that ended the task.
    ///
    /// # Panics
    ///
    /// If none did.
    pub(crate) fn panic(&self) -> Panic {
        assert_eq!(self.outcome(), Some(Outcome::Panicked));
        TaskHome::note_panic(self.id(), true);
        // SAFETY: so it ended, and the body is the handle's.
        unsafe { (self.header().vtable.panic)(self.header) }
    }

    /// Lets `read` see the output; returns `None` if that was taken.
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

    /// Takes the output, or the error, of a task that has ended; returns `None` if it was taken before.
    ///
    /// # Panics
    ///
    /// If it has not ended.
    pub(crate) fn take(&mut self) -> Option<Result<T, TaskError>> {
        let Header { state, vtable, .. } = self.header();
        let outcome = state.load().outcome().expect("the task has ended");
        if !state.take() {
            return None;
        }
        Some(match outcome {
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

    /// Makes `waker` the awaiter, which is woken at the end; returns true if the task has ended already.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        let Header { state, watchers, .. } = self.header();
        if state.load().outcome().is_some() {
            return true;
        }
        let mut guard = lock(watchers);
        if guard.will_wake(waker) {
            // The same awaiter keeps its place before the callbacks that were registered since.
            return !state.watch();
        }
        drop(guard);
        // A waker's clone and its destructor are code of the user, so neither under the lock.
        let waker = waker.clone();
        guard = lock(watchers);
        let replaced = guard.set_awaiter(waker);
        let ended = !state.watch();
        let unneeded = if ended { guard.take_awaiter() } else { None };
        drop(guard);
        replaced.into_iter().chain(unneeded).for_each(drop_quietly);
        ended
    }

    /// Removes the awaiter.
    pub(crate) fn unwatch(&self) {
        if self.header().state.load().is_watched() {
            let awaiter = lock(&self.header().watchers).take_awaiter();
            drop_quietly(awaiter);
        }
    }

    /// Queues a callback at the end, or at once if the task has ended.
    pub(crate) fn add_callback(&self, callback: Callback) {
        let Header { state, watchers, .. } = self.header();
        let mut guard = lock(watchers);
        state.watch();
        // After `watch`, and under the lock: an end that comes later finds the callback.
        let outcome = self.outcome();
        let callbacks = guard.add_callback(callback, outcome.is_some());
        drop(guard);
        if let (Some(callbacks), Some(outcome)) = (callbacks, outcome) {
            // SAFETY: the handle keeps the cell.
            callbacks.queue_one(outcome, |callback| unsafe { spawn_at_home(self.header, callback) });
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
        let outcome = now.outcome().expect("it was closed");
        if outcome == Outcome::Panicked {
            TaskHome::note_panic(self.id(), false);
        }
        if outcome != Outcome::Finished || !now.is_taken() {
            // SAFETY: what belongs to this outcome is there, and nobody but the handle may take it.
            unsafe { (vtable.clear)(self.header, outcome) };
        }
        if state.detach_closed() {
            // SAFETY: that made it free.
            unsafe { free(self.header) };
        }
    }
}

/// Cancels a task, and has no right to its output.
pub(crate) struct Canceller(Reference);

impl Canceller {
    /// Cancels the task; returns false if it has ended.
    pub(crate) fn cancel(&self) -> bool {
        // SAFETY: the reference keeps the memory.
        unsafe { cancel(self.0.cell()) }
    }
}

/// Cancels a task; returns false if it has ended.
///
/// # Safety
///
/// The cell is lent until this returns.
unsafe fn cancel(header: NonNull<Header>) -> bool {
    // SAFETY: as the caller says.
    let Header { state, vtable, .. } = unsafe { header.as_ref() }.used();
    match vtable.kind {
        Kind::Task | Kind::Call => {}
        // SAFETY: it is lent, and a job.
        Kind::Job => return unsafe { job::cancel(header) },
        // SAFETY: it is lent, and a promise.
        Kind::Promise => return unsafe { promise::cancel(header) },
    }
    let asked = state.cancel();
    if asked == Asked::Queue {
        // SAFETY: it is lent, and the state says to queue it.
        unsafe { queue_at_home(header) }.unwrap_or_else(Entry::put_back);
    }
    asked != Asked::TooLate
}
