//! A blocking job as a task: its closure in the place of a future, a pool's queue in the place of a run queue.
//!
//! The entry in the pool's queue is a reference, because a job may be cancelled, and end, while it is there. It ends
//! through `finish`, once the closure has been called or dropped; or, if it is cancelled while a thread runs it, by
//! being closed over the head of that thread, which then finds out and drops what the closure gave. What is relied upon
//! stands in `cell.rs`.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{
    marker::PhantomData,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

use super::{Flag, Handle, Header, Reference, Vtables, open, scheduler};
use crate::{scheduler::Scheduler, task::state::Asked};

/// An entry of the queue of a pool: a reference that may try to run a blocking job.
#[derive(Debug)]
#[must_use = "a job whose entry is lost does not run"]
pub(crate) struct JobEntry(Reference);

/// A closure in the place of a future: its poll calls it.
struct Job<J>(Option<J>);

/// Makes a blocking job that is about to be queued. What its end leaves to be done is `home`'s to do.
pub(crate) fn job<T, J>(home: &Scheduler, closure: J) -> (JobEntry, Handle<T>)
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    let header = open(home, Job(Some(closure)), &Vtables::<Job<J>>::JOB);
    (JobEntry(Reference(header)), Handle { header, output: PhantomData })
}

impl JobEntry {
    /// Calls the closure, unless the job was cancelled; then it ends it.
    pub(crate) fn run(self) {
        let header = self.0.0;
        // SAFETY: this is a reference.
        let Header { state, vtable, .. } = unsafe { header.as_ref() }.used();
        if state.claim() {
            // SAFETY: having claimed it makes this the runner, and the reference keeps the memory.
            unsafe { (vtable.poll)(header, &Flag::new(false)) };
        } else {
            self.0.end_job();
        }
    }

    /// Ends a job that will not start.
    pub(crate) fn abandon(self) {
        self.0.end_job();
    }

    /// The runtime that the job belongs to.
    pub(crate) fn home(&self) -> &Scheduler {
        // SAFETY: the reference keeps the cell.
        unsafe { scheduler(self.0.0) }
    }
}

impl<T, J: FnOnce() -> T> Future for Job<J> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let closure = self.0.take().expect("a job is polled once");
        Poll::Ready(closure())
    }
}

/// The closure is moved out before it is called.
impl<J> Unpin for Job<J> {}

impl Reference {
    /// Ends a job that was cancelled or will not start, unless somebody else does. If it runs, the task ends and the
    /// closure goes on.
    fn end_job(&self) {
        let Header { state, vtable, .. } = self.header();
        if !state.abandon() {
            return;
        }
        if state.claim_cancelled() {
            // SAFETY: having claimed it makes this the runner.
            unsafe { (vtable.end)(self.0) };
        } else if state.close_running() {
            // With the reference that closing it gave.
            Reference(self.0).announce();
        }
    }
}

/// Asks a job to end; false if it has. What that takes is its home's to do.
///
/// # Safety
///
/// The cell is a job's, and lent.
pub(super) unsafe fn cancel(header: NonNull<Header>) -> bool {
    // SAFETY: as the caller says.
    let (state, home) = unsafe { (&header.as_ref().state, scheduler(header)) };
    let asked = state.cancel_job();
    if asked == Asked::Queue {
        state.retain();
        drop(home.spawn(EndJob(Reference(header))));
    }
    asked != Asked::TooLate
}

/// What carries out the cancellation of a job, as a task of the job's home.
struct EndJob(Reference);

impl Future for EndJob {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.end_job();
        Poll::Ready(())
    }
}

impl Drop for EndJob {
    fn drop(&mut self) {
        // If its home has ended, nobody polls it.
        self.0.end_job();
    }
}
