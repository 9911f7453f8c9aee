//! The one word that says how far a task is, and every step it can take. Each step is one atomic operation.
//!
//! ```text
//!              wake, cancel                 start
//!    idle ---------------------> SCHEDULED -------> RUNNING ------> closed: not OPEN, and how it ended
//!     ^                            ^   |              |   \   close
//!     |        suspend             |   |  claim       |    \ yield: RUNNING stays, and the task is queued
//!     +----------------------------|---|--------------+
//!                                  +---|--- suspend, if SCHEDULED was set meanwhile
//! ```
//!
//! - `OPEN`: it has not ended. The runtime owns it, whoever else has lost it.
//! - `SCHEDULED`: it is in one queue, once; or, with `RUNNING`, it was woken and its runner will queue it again.
//! - `RUNNING`: one thread polls it or drops its future; or it yielded, and is in one queue, once.
//! - `CANCELLED`: somebody was told that it will be cancelled. It never gives an output from then on.
//! - `HANDLE`: there is a handle, to which the output belongs once it is closed.
//! - `WATCHED`: somebody may wait for the end, so whoever closes it looks at its watchers.
//! - `TAKEN`: its outcome was given to whoever awaited it.
//! - `ABANDONED`: one of those who end the tasks of a runtime that is gone has it.
//! - `JOB`: it is a blocking job, which its pool ends.
//! - the rest counts references: wakers, mostly.
//!
//! Who is `RUNNING`, or in a queue and popped, owns what is in the cell. Once it is closed the handle does, and without
//! a handle nobody. The cell is garbage when it is neither open nor has a handle nor a reference.

use crate::{
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    task::outcome::Outcome,
};

const OPEN: u64 = 1;
const SCHEDULED: u64 = 1 << 1;
const RUNNING: u64 = 1 << 2;
const CANCELLED: u64 = 1 << 3;
const HANDLE: u64 = 1 << 4;
const WATCHED: u64 = 1 << 5;
const TAKEN: u64 = 1 << 6;
const ABANDONED: u64 = 1 << 7;
/// How it ended; neither bit is an output.
const NO_VALUE: u64 = 1 << 8;
const PANICKED: u64 = 1 << 9;
const JOB: u64 = 1 << 10;
/// One reference. There is room for 2^53, more than a program could count to.
const REFERENCE: u64 = 1 << 11;

/// The state of one task.
pub(crate) struct State(AtomicU64);

/// What a state was at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

/// What the runner of a task is to do after a poll that was not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspended {
    /// Nothing; the task is no longer the runner's.
    Idle,
    /// Queue it again: it was woken meanwhile.
    Woken,
    /// End it: it was cancelled meanwhile.
    Cancelled,
}

/// What whoever asked for the end of a task is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it is closed.
    TooLate,
    /// Nothing: whoever has it will see to it.
    Noted,
    /// Queue it.
    Queue,
}

impl State {
    /// The state of a cell that holds no task.
    pub(crate) fn vacant() -> State {
        State(AtomicU64::new(0))
    }

    /// Begins the life of a task that is about to be queued, with a handle; of a job with a reference, too.
    ///
    /// Whoever then finds the task in the memory of the runtime finds all of it.
    pub(crate) fn open(&self, is_job: bool) {
        let job = if is_job { JOB | REFERENCE } else { 0 };
        self.0.store(OPEN | SCHEDULED | HANDLE | job, Release);
    }

    /// Has loom see to it that whoever looks at it, in memory that is freed now, did so before.
    #[cfg(loom)]
    pub(crate) fn freed(&mut self) {
        self.0.with_mut(|_| ());
    }

    /// Looks.
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// Takes a popped task on, so that wakes from here on count for the next poll.
    pub(crate) fn start(&self) -> Snapshot {
        // What queued the task passed on what it knew.
        let now = Snapshot(self.0.load(Relaxed));
        if !now.has(RUNNING) {
            // Acquires what the last runner and all wakers wrote: those that found it queued, too.
            return Snapshot(self.0.fetch_xor(SCHEDULED | RUNNING, Acquire));
        }
        // It yielded. A wake since then is served by the poll that comes.
        if now.has(SCHEDULED) { Snapshot(self.0.fetch_and(!SCHEDULED, Acquire)) } else { now }
    }

    /// Takes a queued task on, unless somebody cancelled it or was first.
    pub(crate) fn claim(&self) -> bool {
        self.update(|now| {
            let free = now.has(SCHEDULED) && !now.has(RUNNING) && !now.has(CANCELLED) && now.has(OPEN);
            free.then_some(now.0 ^ (SCHEDULED | RUNNING))
        })
        .is_ok()
    }

    /// Takes a queued task on to end it, unless somebody was first.
    pub(crate) fn claim_cancelled(&self) -> bool {
        self.update(|now| {
            let free = now.has(SCHEDULED) && !now.has(RUNNING) && now.has(OPEN);
            free.then_some((now.0 ^ (SCHEDULED | RUNNING)) | CANCELLED)
        })
        .is_ok()
    }

    /// Gives a task up after a poll that was not ready, unless there is more to do.
    pub(crate) fn suspend(&self) -> Suspended {
        // Releases what the poll wrote to whoever takes the task on next.
        let before = Snapshot(self.0.fetch_and(!RUNNING, AcqRel)).kept();
        match (before.has(SCHEDULED), before.has(CANCELLED)) {
            (false, _) => Suspended::Idle,
            (true, false) => Suspended::Woken,
            (true, true) => Suspended::Cancelled,
        }
    }

    /// Notes a wake, and tells whether the task is now to be queued.
    pub(crate) fn wake(&self) -> bool {
        // Releases what the waker wrote before to the poll that comes.
        Snapshot(self.0.fetch_or(SCHEDULED, Release)).kept().is_idle()
    }

    /// As [`wake`](Self::wake), and drops a reference; the second value tells whether that leaves garbage.
    pub(crate) fn wake_and_release(&self) -> (bool, bool) {
        let wake = |now: Snapshot| Some((now.0 | SCHEDULED) - REFERENCE);
        let (before, after) = self.update(wake).expect("it always goes on");
        (before.is_idle(), after.is_free())
    }

    /// Asks for the end.
    pub(crate) fn cancel(&self) -> Asked {
        let asked = self.update(|now| now.has(OPEN).then_some(now.0 | CANCELLED | SCHEDULED));
        match asked {
            Err(_) => Asked::TooLate,
            Ok((before, _)) if before.is_idle() => Asked::Queue,
            Ok(_) => Asked::Noted,
        }
    }

    /// Asks for the end of something that only its queue or its runner can come to; true if it is the first to ask.
    pub(crate) fn cancel_job(&self) -> Asked {
        let asked = self.update(|now| now.has(OPEN).then_some(now.0 | CANCELLED));
        match asked {
            Err(_) => Asked::TooLate,
            Ok((before, _)) if before.has(CANCELLED) => Asked::Noted,
            Ok(_) => Asked::Queue,
        }
    }

    /// Claims the task of a runtime that is gone, unless there is none, or only a job, or somebody was first.
    ///
    /// In one step: whoever finds it by its memory alone may find the next one there.
    pub(crate) fn abandon_task(&self) -> bool {
        let free = |now: Snapshot| now.has(OPEN) && !now.has(JOB) && !now.has(ABANDONED);
        self.update(|now| free(now).then_some(now.0 | ABANDONED)).is_ok()
    }

    /// Claims the end of a job that will not go on, unless it is closed or somebody was first.
    pub(crate) fn abandon(&self) -> bool {
        // Only who is first counts. Whoever goes on takes steps that acquire.
        let before = Snapshot(self.0.fetch_or(ABANDONED, Relaxed));
        before.has(OPEN) && !before.has(ABANDONED)
    }

    /// Closes a task that is as `expected`. If it is watched, the caller gets a reference, to tell the watchers.
    ///
    /// Fails, and gives what the task is, if it has changed: then whether it may give an output may have, too.
    pub(crate) fn close(&self, expected: Snapshot, outcome: Outcome) -> Result<Snapshot, Snapshot> {
        let end = match outcome {
            Outcome::Finished => 0,
            Outcome::Cancelled => NO_VALUE,
            Outcome::Panicked => PANICKED,
        };
        let reference = if expected.has(WATCHED) { REFERENCE } else { 0 };
        let closed = (expected.0 & !(OPEN | SCHEDULED | RUNNING) | end) + reference;
        // Releases the outcome to the handle, and acquires the last accesses of those who dropped a reference.
        let exchange = self.0.compare_exchange(expected.0, closed, AcqRel, Relaxed);
        exchange.map(|_| Snapshot(closed)).map_err(Snapshot)
    }

    /// Closes a task that another thread runs and goes on running, as one that was cancelled; true if it was open.
    ///
    /// The caller gets a reference.
    pub(crate) fn close_running(&self) -> bool {
        self.update(|now| now.has(OPEN).then_some((now.0 & !OPEN | NO_VALUE) + REFERENCE)).is_ok()
    }

    /// Notes that there is somebody to tell of the end; false if it has come.
    ///
    /// For the holder of the lock of the watchers, which orders this before the look at them.
    pub(crate) fn watch(&self) -> bool {
        Snapshot(self.0.fetch_or(WATCHED, Relaxed)).kept().has(OPEN)
    }

    /// Notes that the outcome was taken; false if it was before.
    ///
    /// For the handle of a closed task only.
    pub(crate) fn take(&self) -> bool {
        let now = self.load();
        if now.has_only_the_handle() {
            // Nobody else can see it.
            self.0.store(now.0 | TAKEN, Relaxed);
            return !now.has(TAKEN);
        }
        !Snapshot(self.0.fetch_or(TAKEN, Relaxed)).has(TAKEN)
    }

    /// Gives the handle of an open task up; false if it is closed.
    pub(crate) fn detach_open(&self) -> bool {
        self.update(|now| now.has(OPEN).then_some(now.0 & !HANDLE)).is_ok()
    }

    /// Gives the handle of a closed task up, and tells whether that leaves garbage.
    pub(crate) fn detach_closed(&self) -> bool {
        if self.load().has_only_the_handle() {
            // Nobody else can see it. The memory is to read as that of no task.
            self.0.store(0, Relaxed);
            return true;
        }
        let before = self.0.fetch_and(!HANDLE, AcqRel);
        Snapshot(before & !HANDLE).is_free()
    }

    /// Adds a reference, of which the caller has one, or something as good.
    pub(crate) fn retain(&self) {
        Snapshot(self.0.fetch_add(REFERENCE, Relaxed)).kept();
    }

    /// Drops a reference, and tells whether that leaves garbage.
    pub(crate) fn release(&self) -> bool {
        let before = Snapshot(self.0.fetch_sub(REFERENCE, AcqRel)).kept();
        Snapshot(before.0 - REFERENCE).is_free()
    }

    /// Changes the state until it is as `next` says, or fails when `next` has nothing to say.
    fn update(&self, next: impl Fn(Snapshot) -> Option<u64>) -> Result<(Snapshot, Snapshot), Snapshot> {
        // To fail acquires nothing: nobody then looks at more than the state.
        let mut now = Snapshot(self.0.load(Relaxed));
        loop {
            let Some(after) = next(now) else { return Err(now) };
            match self.0.compare_exchange_weak(now.0, after, AcqRel, Relaxed) {
                Ok(_) => return Ok((now.kept(), Snapshot(after))),
                Err(changed) => now = Snapshot(changed),
            }
        }
    }
}

impl Snapshot {
    /// How the task ended; `None` while it is open.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        match () {
            () if self.has(OPEN) => None,
            () if self.has(PANICKED) => Some(Outcome::Panicked),
            () if self.has(NO_VALUE) => Some(Outcome::Cancelled),
            () => Some(Outcome::Finished),
        }
    }

    /// Tells whether somebody was told that the task will be cancelled.
    pub(crate) fn is_cancelled(self) -> bool {
        self.has(CANCELLED)
    }

    /// Tells whether there is a handle.
    pub(crate) fn has_handle(self) -> bool {
        self.has(HANDLE)
    }

    /// Tells whether somebody may wait for the end.
    pub(crate) fn is_watched(self) -> bool {
        self.has(WATCHED)
    }

    /// Tells whether the outcome was taken.
    pub(crate) fn is_taken(self) -> bool {
        self.has(TAKEN)
    }

    /// Tells whether the cell can be used again.
    pub(crate) fn is_free(self) -> bool {
        self.0 < REFERENCE && !self.has(OPEN) && !self.has(HANDLE)
    }

    /// This, of a cell that somebody keeps. To use another would be to use it after it was given back.
    fn kept(self) -> Snapshot {
        debug_assert!(!self.is_free(), "the cell is garbage");
        self
    }

    /// Tells whether the task waits to be woken.
    fn is_idle(self) -> bool {
        self.has(OPEN) && !self.has(SCHEDULED) && !self.has(RUNNING)
    }

    /// Tells whether the task is closed and nobody but the handle knows it.
    fn has_only_the_handle(self) -> bool {
        self.0 < REFERENCE && !self.has(OPEN)
    }

    fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }
}
