//! The state of a task, one word, and every step it can take. Each step is one atomic operation.
//!
//! ```text
//!                                   yield: in a queue as it is, until start
//!                                          +----+
//!                                          v    |
//!          open  +-----------+   start   +-----------+   close   +----------+
//!        ------> | SCHEDULED | --------> |  RUNNING  | --------> |  closed  |
//!                |  queued   |           |  polled   |           |          |
//!                +-----------+           +-----------+           +----------+
//!                  ^       ^               |       |                  |
//!     wake, cancel |       |       suspend |       | wake, cancel     | the last of handle
//!                  |       |               |       v                  v and references goes
//!                +------+  |               |     +-----------+     +------+
//!                | idle | <----------------+     | SCHEDULED |     | free |
//!                +------+  |                     |  RUNNING  |     +------+
//!                          +-------------------- |   woken   |
//!                                  suspend       +-----------+
//! ```
//!
//! A boxed word in capitals is a bit that is set; `OPEN` is set in all but closed and free. A task that is
//! cancelled goes the same ways, but `start` and `suspend` tell its runner to close it, and not to poll it.
//!
//! - `OPEN`: the task has not ended. The runtime has it, even if there is neither handle nor waker.
//! - `SCHEDULED`: the task is in one queue, once; or, with `RUNNING`, it was woken and its runner will queue
//!   it again.
//! - `RUNNING`: one thread polls the task or drops its future; or it yielded, and is in one queue, once.
//! - `CANCELLED`: a caller was told that the task will be cancelled. It never gives an output from then on.
//! - `HANDLE`: there is a handle, to which the output belongs once the task is closed.
//! - `WATCHED`: there may be watchers, so the thread that closes the task looks for them.
//! - `TAKEN`: the output, or the error, was taken through the handle.
//! - `ABANDONED`: one of the threads that end tasks without a worker has claimed it. If it was in a queue, its
//!   entry there is no more than a reference from then on.
//! - `JOB`: it is a blocking job, which its pool ends.
//! - `PROMISE`: it is a promise, which its holder ends, and no end of a runtime.
//! - the rest counts references: wakers, mostly.
//!
//! The *runner* is the thread that polls the task, or has taken it from a queue to do so. It owns the body of
//! the cell. Once the task is closed the handle owns the body; without a handle the body is empty. The cell
//! is *free* when the task is closed and there is neither a handle nor a reference.

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
/// With `PANICKED` the outcome of a closed task: cancelled, panicked, or with neither bit finished.
const NO_VALUE: u64 = 1 << 8;
const PANICKED: u64 = 1 << 9;
const JOB: u64 = 1 << 10;
const PROMISE: u64 = 1 << 11;
/// One reference. There is room for 2^52, more than a program could count to.
const REFERENCE: u64 = 1 << 12;

/// The state of one task.
pub(crate) struct State(AtomicU64);

/// The value of a state at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

/// The kinds of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A future that workers poll.
    Task,
    /// A future of the runtime's own that workers poll, such as one that runs a callback: no task to its
    /// users.
    Call,
    /// A closure that blocks, in the place of a future.
    Job,
    /// Nothing, in the place of a future: the outcome is set by hand.
    Promise,
}

/// The duty of a runner after a poll that was not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspended {
    /// Nothing; the task is no longer the runner's.
    Idle,
    /// Queue it again: it was woken meanwhile.
    Woken,
    /// End it: it was cancelled meanwhile.
    Cancelled,
}

/// The duty of a caller that cancels a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it is closed.
    TooLate,
    /// Nothing: its runner, or the queue it is in, sees to it.
    Noted,
    /// Queue it.
    Queue,
}

impl State {
    /// Makes the state of a cell that holds no task.
    pub(crate) fn vacant() -> State {
        State(AtomicU64::new(0))
    }

    /// Begins the life of a task that is about to be queued; a job, or a promise, begins with a reference, too.
    ///
    /// Releases the rest of the cell to a thread that finds the task in the memory of the runtime.
    pub(crate) fn open(&self, kind: Kind, has_handle: bool) {
        let kind = match kind {
            Kind::Task | Kind::Call => 0,
            Kind::Job => JOB | REFERENCE,
            Kind::Promise => PROMISE | REFERENCE,
        };
        let handle = if has_handle { HANDLE } else { 0 };
        self.0.store(OPEN | SCHEDULED | handle | kind, Release);
    }

    /// Has loom check that every access to the state, in memory that is freed now, comes before.
    #[cfg(loom)]
    pub(crate) fn freed(&mut self) {
        self.0.with_mut(|_| ());
    }

    /// Returns the present value.
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// Makes the caller, which has taken the task from a queue, its runner. A wake from here on counts for
    /// the next poll.
    pub(crate) fn start(&self) -> Snapshot {
        // Relaxed: the caller has the entry from a queue, which passed the state on with it.
        let now = Snapshot(self.0.load(Relaxed));
        if !now.has(RUNNING) {
            // Acquires what the last runner and all wakers wrote: those that found it queued, too.
            return Snapshot(self.0.fetch_xor(SCHEDULED | RUNNING, Acquire));
        }
        // It yielded. A wake since then is served by the poll that comes.
        if now.has(SCHEDULED) { Snapshot(self.0.fetch_and(!SCHEDULED, Acquire)) } else { now }
    }

    /// Makes the caller the runner of a queued job, unless the job was cancelled or has a runner.
    pub(crate) fn claim(&self) -> bool {
        self.update(|now| {
            let free = now.has(SCHEDULED) && !now.has(RUNNING) && !now.has(CANCELLED) && now.has(OPEN);
            free.then_some(now.0 ^ (SCHEDULED | RUNNING))
        })
        .is_ok()
    }

    /// Makes the caller the runner of a queued job, to end it, unless the job has a runner.
    pub(crate) fn claim_cancelled(&self) -> bool {
        self.update(|now| {
            let free = now.has(SCHEDULED) && !now.has(RUNNING) && now.has(OPEN);
            free.then_some((now.0 ^ (SCHEDULED | RUNNING)) | CANCELLED)
        })
        .is_ok()
    }

    /// Gives a task up after a poll that was not ready, unless it was woken or cancelled meanwhile.
    pub(crate) fn suspend(&self) -> Suspended {
        // Releases the writes of the poll to the next runner.
        let before = Snapshot(self.0.fetch_and(!RUNNING, AcqRel)).kept();
        match (before.has(SCHEDULED), before.has(CANCELLED)) {
            (false, _) => Suspended::Idle,
            (true, false) => Suspended::Woken,
            (true, true) => Suspended::Cancelled,
        }
    }

    /// Wakes the task; returns true if the caller is to queue it.
    pub(crate) fn wake(&self) -> bool {
        // Releases the writes before the wake to the poll that comes.
        Snapshot(self.0.fetch_or(SCHEDULED, Release)).kept().is_idle()
    }

    /// Wakes the task, like [`wake`](Self::wake), and drops a reference; the second value is true if the cell
    /// is free then.
    pub(crate) fn wake_and_release(&self) -> (bool, bool) {
        let wake = |now: Snapshot| Some((now.0 | SCHEDULED) - REFERENCE);
        let (before, after) = self.update(wake).expect("it always goes on");
        (before.is_idle(), after.is_free())
    }

    /// Cancels a task that is no job.
    pub(crate) fn cancel(&self) -> Asked {
        let asked = self.update(|now| now.has(OPEN).then_some(now.0 | CANCELLED | SCHEDULED));
        match asked {
            Err(_) => Asked::TooLate,
            Ok((before, _)) if before.is_idle() => Asked::Queue,
            Ok(_) => Asked::Noted,
        }
    }

    /// Cancels a blocking job. Returns `Queue` to the first caller, which then has to carry the cancellation
    /// out.
    pub(crate) fn cancel_job(&self) -> Asked {
        let asked = self.update(|now| now.has(OPEN).then_some(now.0 | CANCELLED));
        match asked {
            Err(_) => Asked::TooLate,
            Ok((before, _)) if before.has(CANCELLED) => Asked::Noted,
            Ok(_) => Asked::Queue,
        }
    }

    /// Makes the caller the runner of a task or a job of a runtime that has ended, to end it; returns false if
    /// there is none, if it has a runner, or if it is a promise.
    ///
    /// It is one step, because a caller that found the cell in the slab may find the next task in it at any
    /// time. A queued task counts a reference more from then on, which its entry has to release. A queued job
    /// has one anyway.
    pub(crate) fn abandon_task(&self) -> bool {
        self.update(|now| match now {
            now if !now.has(OPEN) || now.has(PROMISE) => None,
            now if now.has(ABANDONED) || now.has(RUNNING) => None,
            now if now.has(JOB) => Some(now.0 ^ (SCHEDULED | RUNNING) | CANCELLED | ABANDONED),
            now if now.has(SCHEDULED) => Some((now.0 | ABANDONED | RUNNING) + REFERENCE),
            now => Some(now.0 | ABANDONED | RUNNING),
        })
        .is_ok()
    }

    /// Gives the entry of a task up, which no queue takes; returns false if the task was abandoned, so that
    /// the entry is a reference.
    pub(crate) fn unqueue(&self) -> bool {
        self.update(|now| (!now.has(ABANDONED)).then_some(now.0 & !SCHEDULED)).is_ok()
    }

    /// Claims the end of a job that will not go on; returns false if it is closed or another thread has
    /// claimed it.
    pub(crate) fn abandon(&self) -> bool {
        // Relaxed: this only settles which thread is first, and that thread goes on with steps that acquire.
        let before = Snapshot(self.0.fetch_or(ABANDONED, Relaxed));
        before.has(OPEN) && !before.has(ABANDONED)
    }

    /// Closes a task whose state is `expected`. If it is watched, the caller gets a reference, to tell the
    /// watchers.
    ///
    /// Fails with the present state if that has changed: the task may have been cancelled, and give no output
    /// then.
    pub(crate) fn close(&self, expected: Snapshot, outcome: Outcome) -> Result<Snapshot, Snapshot> {
        let end = match outcome {
            Outcome::Finished => 0,
            Outcome::Cancelled => NO_VALUE,
            Outcome::Panicked => PANICKED,
        };
        let reference = if expected.has(WATCHED) { REFERENCE } else { 0 };
        let closed = (expected.0 & !(OPEN | SCHEDULED | RUNNING) | end) + reference;
        // Releases the output to the handle, and acquires the last accesses of dropped references.
        let exchange = self.0.compare_exchange(expected.0, closed, AcqRel, Relaxed);
        exchange.map(|_| Snapshot(closed)).map_err(Snapshot)
    }

    /// Closes a job that another thread goes on running, as cancelled; returns false if it was closed.
    ///
    /// The caller gets a reference.
    pub(crate) fn close_running(&self) -> bool {
        self.update(|now| now.has(OPEN).then_some((now.0 & !OPEN | NO_VALUE) + REFERENCE)).is_ok()
    }

    /// Closes a job like [`close_running`](Self::close_running), and returns false as well if it does not
    /// run, or another thread has claimed its end.
    pub(crate) fn close_if_running(&self) -> bool {
        let runs = |now: Snapshot| now.has(OPEN) && now.has(RUNNING) && !now.has(ABANDONED);
        self.update(|now| runs(now).then_some((now.0 & !OPEN | NO_VALUE | ABANDONED) + REFERENCE)).is_ok()
    }

    /// Notes that there are watchers; returns false if the task is closed.
    ///
    /// For the holder of the lock of the watchers. The lock orders this before the thread that closes the
    /// task looks at them.
    pub(crate) fn watch(&self) -> bool {
        Snapshot(self.0.fetch_or(WATCHED, Relaxed)).kept().has(OPEN)
    }

    /// Notes that the output, or the error, was taken; returns false if it was taken before.
    ///
    /// For the handle of a closed task only.
    pub(crate) fn take(&self) -> bool {
        let now = self.load();
        if now.has_only_the_handle() {
            // No other thread can see it, so a store does.
            self.0.store(now.0 | TAKEN, Relaxed);
            return !now.has(TAKEN);
        }
        !Snapshot(self.0.fetch_or(TAKEN, Relaxed)).has(TAKEN)
    }

    /// Gives the handle of an open task up; returns false if the task is closed.
    pub(crate) fn detach_open(&self) -> bool {
        self.update(|now| now.has(OPEN).then_some(now.0 & !HANDLE)).is_ok()
    }

    /// Gives the handle of a closed task up; returns true if the cell is free then.
    pub(crate) fn detach_closed(&self) -> bool {
        if self.load().has_only_the_handle() {
            // No other thread can see it, so a store does. The memory is to read as that of no task.
            self.0.store(0, Relaxed);
            return true;
        }
        let before = self.0.fetch_and(!HANDLE, AcqRel);
        Snapshot(before & !HANDLE).is_free()
    }

    /// Adds a reference. The caller has one, or another right that keeps the memory.
    pub(crate) fn retain(&self) {
        Snapshot(self.0.fetch_add(REFERENCE, Relaxed)).kept();
    }

    /// Adds a reference, if there is a task that has not ended; for a caller that has only found the cell.
    pub(crate) fn retain_open(&self) -> bool {
        self.update(|now| now.has(OPEN).then_some(now.0 + REFERENCE)).is_ok()
    }

    /// Drops a reference; returns true if the cell is free then.
    pub(crate) fn release(&self) -> bool {
        let before = Snapshot(self.0.fetch_sub(REFERENCE, AcqRel)).kept();
        Snapshot(before.0 - REFERENCE).is_free()
    }

    /// Changes the state to what `next` returns, or fails if that is `None`. Returns the states before and
    /// after.
    fn update(&self, next: impl Fn(Snapshot) -> Option<u64>) -> Result<(Snapshot, Snapshot), Snapshot> {
        // A failure acquires nothing: the callers then look at nothing but the state.
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
    /// Returns how the task ended; `None` while it is open.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        match () {
            () if self.has(OPEN) => None,
            () if self.has(PANICKED) => Some(Outcome::Panicked),
            () if self.has(NO_VALUE) => Some(Outcome::Cancelled),
            () => Some(Outcome::Finished),
        }
    }

    /// Returns true if the task is not to be polled: it was cancelled or abandoned.
    pub(crate) fn is_over(self) -> bool {
        self.0 & (CANCELLED | ABANDONED) != 0
    }

    /// Returns true if a thread that ends tasks without a worker has claimed it.
    pub(crate) fn is_abandoned(self) -> bool {
        self.has(ABANDONED)
    }

    /// Returns true if a caller was told that the task will be cancelled.
    pub(crate) fn is_cancelled(self) -> bool {
        self.has(CANCELLED)
    }

    /// Returns true if there is a handle.
    pub(crate) fn has_handle(self) -> bool {
        self.has(HANDLE)
    }

    /// Returns true if there may be watchers.
    pub(crate) fn is_watched(self) -> bool {
        self.has(WATCHED)
    }

    /// Returns true if the output, or the error, was taken.
    pub(crate) fn is_taken(self) -> bool {
        self.has(TAKEN)
    }

    /// Returns true if the cell can be used again.
    pub(crate) fn is_free(self) -> bool {
        self.0 < REFERENCE && !self.has(OPEN) && !self.has(HANDLE)
    }

    /// Returns itself. Checks, in debug builds, that the cell was not free: to use that would be a use after
    /// free.
    fn kept(self) -> Snapshot {
        debug_assert!(!self.is_free(), "the cell is free");
        self
    }

    /// Returns true if the task waits to be woken.
    pub(crate) fn is_idle(self) -> bool {
        self.0 & (OPEN | SCHEDULED | RUNNING | ABANDONED) == OPEN
    }

    /// Returns true if the task is closed and there is no reference.
    fn has_only_the_handle(self) -> bool {
        self.0 < REFERENCE && !self.has(OPEN)
    }

    /// Returns true if the bit is set.
    fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }
}
