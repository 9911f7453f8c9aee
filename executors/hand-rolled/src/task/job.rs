//! A blocking job as a task: its closure in the place of a future, a pool's queue in the place of a run
//! queue.
//!
//! The entry in the pool's queue is a reference, because a job may be cancelled, and end, while it is there.
//! It ends through `finish`, once the closure has been called or dropped. A job that is cancelled while a
//! thread runs it is closed at once; that thread finds it closed, and drops the output. The end of a runtime
//! ends those of its jobs that wait, in whatever pool.
//!
//! The unsafe code relies on what `task.rs` says.

#![expect(unsafe_code, reason = "see the parent module")]

use std::{
    pin::Pin,
    ptr::NonNull,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    cell::{announce, spawn_at_home},
    chunk,
    header::{Flag, Header},
    reference::Reference,
    state::Asked,
};
use crate::{TaskHome, panic::contain, sync::lock};

/// An entry of the queue of a pool: a reference that may try to run a blocking job.
#[derive(Debug)]
#[must_use = "a job whose entry is lost does not run"]
pub(crate) struct JobEntry(Reference);

/// A closure in the place of a future: its poll calls it.
pub(crate) struct Job<J>(Option<J>);

impl JobEntry {
    /// Makes the entry of a job.
    ///
    /// # Safety
    ///
    /// The state has counted it as a reference.
    pub(super) unsafe fn of(header: NonNull<Header>) -> JobEntry {
        // SAFETY: as the caller says.
        JobEntry(unsafe { Reference::of(header) })
    }

    /// Calls the closure, or ends the job if it was cancelled.
    pub(crate) fn run(self) {
        let cell = self.0.cell();
        let Header { state, vtable, .. } = self.0.header();
        if state.claim() {
            // SAFETY: having claimed it makes this the runner, and the reference keeps the memory.
            unsafe { (vtable.poll)(cell, &Flag::new(false)) };
        } else {
            end_job(&self.0);
        }
    }

    /// Ends a job that will not start.
    pub(crate) fn abandon(self) {
        end_job(&self.0);
    }

    /// Returns the address of the scheduler that the job belongs to.
    pub(crate) fn home_address(&self) -> *const TaskHome {
        // SAFETY: the reference keeps the cell.
        unsafe { chunk::owner_address(self.0.cell().cast()) }.cast()
    }

    /// Returns the scheduler that the job belongs to, if it is still there.
    pub(crate) fn home(&self) -> Option<Arc<TaskHome>> {
        // SAFETY: the reference keeps the cell, and all cells come from the slab of a `TaskHome`.
        unsafe { chunk::owner(self.0.cell().cast()) }
    }
}

impl<J> Job<J> {
    /// Makes a job that has not run.
    pub(crate) fn new(closure: J) -> Job<J> {
        Job(Some(closure))
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

/// Ends a job that was cancelled or will not start, unless another thread does so. If the job runs, its task
/// ends and the closure goes on.
fn end_job(job: &Reference) {
    let Header { state, vtable, .. } = job.header();
    if !state.abandon() {
        return;
    }
    if state.claim_cancelled() {
        // SAFETY: having claimed it makes this the runner.
        unsafe { (vtable.end)(job.cell()) };
    } else if state.close_running() {
        // SAFETY: closing it counted one more reference, for this.
        announce(unsafe { Reference::of(job.cell()) });
    }
}

/// Ends a job of a home that has ended, on the stack of a caller of `cancel`, which no code of the user may
/// have: the thread that runs it drops the callbacks.
///
/// The end of the home ends the jobs that have not started, so this has to do with one that runs only.
fn end_job_inside(job: &Reference) {
    let Header { state, watchers, .. } = job.header();
    if !state.close_if_running() {
        return;
    }
    // SAFETY: closing it counted one more reference, for this.
    let _task = unsafe { Reference::of(job.cell()) };
    let awaiter = lock(watchers).take_awaiter();
    if let Some(awaiter) = awaiter {
        contain(|| awaiter.wake()).ok();
    }
}

/// Cancels a job; returns false if it has ended. Its home carries the cancellation out.
///
/// # Safety
///
/// The cell is a job's, and lent.
pub(super) unsafe fn cancel(header: NonNull<Header>) -> bool {
    // SAFETY: as the caller says.
    let state = unsafe { &header.as_ref().state };
    let asked = state.cancel_job();
    if asked == Asked::Queue {
        state.retain();
        // SAFETY: as the caller says, and the reference was counted just now.
        unsafe { spawn_at_home(header, EndJob(Reference::of(header))) };
    }
    asked != Asked::TooLate
}

/// Carries out the cancellation of a job, as a task of the job's home.
struct EndJob(Reference);

impl Future for EndJob {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        end_job(&self.0);
        Poll::Ready(())
    }
}

impl Drop for EndJob {
    fn drop(&mut self) {
        // If it was not polled, its home has ended.
        end_job_inside(&self.0);
    }
}
