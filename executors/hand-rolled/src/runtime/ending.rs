//! The end of a runtime, which leaves nothing behind and takes nothing away from those it waits for.
//!
//! First nothing new starts: queues and pool are closed. Then all timers fire, all sockets are of no use any more, and
//! what is queued or suspended is dropped, on the dropping thread, while polls and jobs still run: one of them may be
//! waiting for a timer, for a socket, or for what a future owns. Only then threads are waited for. A poll may go on to spawn, or wake, something
//! it waits for; so while workers do not end, the end looks again.
//!
//! ```text
//!    in use
//!      |  begin: pool and queues refuse what is new, workers end after their poll
//!      v
//!    closed <-------------------------------------------+
//!      |  drop_futures: timers fire; what is queued or  |
//!      |  suspended is dropped, and its tasks are       | a thread still works for it
//!      |  cancelled                                     | after 1 ms, 2 ms, ... 100 ms
//!      v                                                |
//!    wait_for_polls ------------------------------------+
//!      |  no thread works for it, or all were parked when it closed
//!      v
//!    join: the threads of the workers, then those of the jobs that run
//!      |  drop_futures, for what these polls and jobs have left
//!      v
//!    ended: memory goes back, but for cells that a handle or a waker keeps
//! ```
//!
//! Two ways lead around this. In one of its own tasks or jobs a runtime that is dropped would wait for itself, so
//! that another thread does it (`crew.rs`). In a child of a fork its threads are missing, and it is leaked.

#[cfg(not(loom))]
use std::sync::PoisonError;
use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use super::{Runtime, Shared};
use crate::{
    crew,
    scheduler::{Scheduler, context},
    sync::{Condvar, Mutex, lock, thread::JoinHandle, yield_until},
    task::{Entry, JobEntry},
};

impl Drop for Runtime {
    fn drop(&mut self) {
        let workers = mem::take(&mut self.workers);
        if self.shared.close_without_threads(&self.scheduler) {
            // They may have been in the midst of any poll, and nothing may be done with their handles.
            mem::forget((self.scheduler.clone(), workers));
            return;
        }
        let mut end = End::begin(self, workers);
        let is_inside = context::is_inside(&self.scheduler);
        if !is_inside && let Some(_waiting) = self.shared.crew.wait() {
            return end.finish();
        }
        // Here it would wait for itself.
        self.shared.crew.finish_elsewhere(move || end.finish());
        // While another panic unwinds, silence is better than to abort the process.
        assert!(
            !is_inside || std::thread::panicking(),
            "a runtime was dropped inside one of its own tasks or jobs; drop it outside of them"
        );
    }
}

impl Runtime {
    /// Counts the current thread as one that works for this runtime, until the guard is dropped.
    #[cfg(not(loom))]
    pub(super) fn works(&self) -> WorkingGuard {
        self.shared.working.one_more()
    }

    /// Ends all tasks, and waits until no thread that [works](Self::works) for this runtime polls anything. It is of
    /// no use from then on. A thread that works for it only calls `wake`.
    ///
    /// The caller waits for the crew. `wake` wakes the root of a thread that works for the runtime.
    #[cfg(not(loom))]
    pub(super) fn end_tasks(&self, wake: impl FnOnce()) {
        if context::is_inside(&self.scheduler) {
            return wake();
        }
        let mut end = End::begin(self, Vec::new());
        end.drop_futures();
        // Late, because a worker that was parked has been woken at the beginning, and need not be once more.
        wake();
        end.wait_for_polls();
    }
}

/// The end of a runtime. Whoever waits for something that it takes away goes on: nothing new starts, timers
/// fire, what is suspended or queued is dropped, and only then threads are waited for.
pub(super) struct End {
    /// The scheduler, which is closed.
    scheduler: Arc<Scheduler>,
    /// The parts of the runtime that are no scheduling.
    shared: Arc<Shared>,
    /// The threads of the workers.
    workers: Vec<JoinHandle<()>>,
    /// The jobs that have not started.
    queued_jobs: VecDeque<JobEntry>,
}

impl End {
    /// Sees to it that nothing new starts, neither a poll nor a job.
    fn begin(runtime: &Runtime, workers: Vec<JoinHandle<()>>) -> End {
        let queued_jobs = runtime.shared.pool.close_and_empty();
        // Counted before: those that are woken leave. None comes after the start of the runtime.
        let threads = runtime.shared.working.threads();
        if runtime.scheduler.close() >= threads {
            runtime.shared.working.rest();
        }
        End { scheduler: runtime.scheduler.clone(), shared: runtime.shared.clone(), workers, queued_jobs }
    }

    /// Begins the end of a scheduler of a model.
    #[cfg(all(test, loom))]
    pub(super) fn of_model(scheduler: Arc<Scheduler>, shared: Arc<Shared>) -> End {
        let queued_jobs = shared.pool.close_and_empty();
        scheduler.close();
        End { scheduler, shared, workers: Vec::new(), queued_jobs }
    }

    /// Drops all that is left, on this thread, and waits for the polls and jobs that run.
    pub(super) fn finish(&mut self) {
        self.drop_futures();
        self.join_workers();
        self.shared.pool.join();
        // Those that were polled until now.
        self.drop_futures();
        self.scheduler.end(&mut self.shared.slot.take_core().magazines);
    }

    /// Fires the timers, ends the waits for sockets, and drops the queued jobs and the futures that nobody polls: what runs may be waiting
    /// for one of them.
    pub(super) fn drop_futures(&mut self) {
        // Destructors may spawn and set timers, in vain, as in a runtime that runs.
        let _context = context::enter_aside(&self.scheduler);
        self.scheduler.end_all_waits();
        self.shared.slot.take_entries().into_iter().for_each(Entry::end);
        mem::take(&mut self.queued_jobs).into_iter().for_each(JobEntry::abandon);
        self.scheduler.abandon_tasks();
    }

    /// Waits for the workers, and for their threads.
    fn join_workers(&mut self) {
        self.wait_for_polls();
        crew::join(self.workers.drain(..));
    }

    /// Waits until no thread works for the runtime.
    fn wait_for_polls(&mut self) {
        let mut patience = FIRST_PATIENCE;
        // A poll that goes on may spawn and wake tasks that it waits for.
        while !self.shared.working.wait_for_none(patience) {
            self.drop_futures();
            patience = (patience * 2).min(LAST_PATIENCE);
        }
    }
}

/// The time that the end of a runtime first waits for polls, before it looks for more to drop.
const FIRST_PATIENCE: Duration = Duration::from_millis(1);
/// The most time that it waits between two looks.
const LAST_PATIENCE: Duration = Duration::from_millis(100);

/// Counts the threads that work for a runtime.
#[derive(Default)]
pub(super) struct Working {
    /// The count, under the lock.
    state: Mutex<Count>,
    /// Notified when the last has ended its work.
    none: Condvar,
}

/// The state that the lock of the count protects.
#[derive(Default)]
struct Count {
    /// The number of threads.
    threads: usize,
    /// The number of threads that wait for there to be none.
    waiting: usize,
    /// Set once it is known that none of them polls anything any more.
    rests: bool,
}

impl Working {
    /// Counts one more, until the guard is dropped.
    pub(super) fn one_more(self: &Arc<Self>) -> WorkingGuard {
        lock(&self.state).threads += 1;
        WorkingGuard(self.clone())
    }

    /// Returns the number of threads.
    pub(super) fn threads(&self) -> usize {
        lock(&self.state).threads
    }

    /// Notes that none of the threads polls anything any more: nobody need wait before joining them.
    fn rest(&self) {
        lock(&self.state).rests = true;
    }

    /// Waits until no thread works, or the time is up; returns true in the first case, or if all rest.
    #[cfg(not(loom))]
    fn wait_for_none(&self, patience: Duration) -> bool {
        let is_over = |state: &Count| state.threads == 0 || state.rests;
        // Mostly a thread is between two polls, and through before this one would be asleep.
        if yield_until(|| is_over(&lock(&self.state))).is_over {
            return true;
        }
        let mut state = lock(&self.state);
        state.waiting += 1;
        let waited = self.none.wait_timeout_while(state, patience, |state| state.threads > 0);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.waiting -= 1;
        state.threads == 0
    }

    /// Models start no thread by a runtime.
    #[cfg(loom)]
    fn wait_for_none(&self, _: Duration) -> bool {
        true
    }
}

/// Counts one of the threads that work for a runtime.
pub(super) struct WorkingGuard(Arc<Working>);

impl Drop for WorkingGuard {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.threads -= 1;
        // To notify nobody is a system call, too.
        if state.threads == 0 && state.waiting > 0 {
            self.0.none.notify_all();
        }
    }
}
