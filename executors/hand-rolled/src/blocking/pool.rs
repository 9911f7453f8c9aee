//! The pool: a queue of jobs that block, and the threads that run them.

use std::{
    collections::VecDeque,
    mem,
    num::NonZeroUsize,
    ptr,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{
    crew::{self, Crew},
    fork,
    scheduler::{Scheduler, context, worker::run_queued},
    sync::{Condvar, Mutex, MutexGuard, lock, thread::JoinHandle},
    task::{self, Handle, Job, JobEntry, Moving},
};

/// The number of jobs for which an idle pool keeps room, however many once waited.
const QUEUE_KEPT: usize = 16_384;

/// Runs jobs in the order in which they came, on threads that are started when needed and used again.
///
/// If the system refuses a thread, a job waits for those that there are. If there are none, it is refused.
pub(crate) struct Pool {
    /// The most threads there may be.
    max_threads: NonZeroUsize,
    /// The crew that the threads belong to.
    crew: Arc<Crew>,
    /// The generation of the process that the threads are in. It changes while there is one thread only.
    generation: AtomicUsize,
    /// Jobs and threads, under the lock.
    state: Mutex<Queue>,
    /// Notified when there is work for one more thread, and when the pool closes.
    changed: Condvar,
}

/// The state that the lock of the pool protects.
#[derive(Default)]
struct Queue {
    /// The jobs that have not started.
    jobs: VecDeque<JobEntry>,
    /// A scheduler whose queued tasks the next free thread runs, because it has no worker.
    without_worker: Option<Arc<Scheduler>>,
    /// All threads.
    threads: Vec<JoinHandle<()>>,
    /// The number of threads that wait for a job; a thread that was notified, but has not taken the lock yet,
    /// still counts.
    idle: usize,
    /// True from when a thread is notified of a job until it has the lock. It then notifies the next, if
    /// there are more.
    notified: bool,
    /// The number of jobs that have ended; it wraps around.
    ended: usize,
    /// Set once jobs are refused.
    closed: bool,
}

impl Pool {
    /// Makes a pool without threads, which will belong to `crew`.
    pub(crate) fn new(max_threads: NonZeroUsize, crew: Arc<Crew>) -> Pool {
        let generation = AtomicUsize::new(fork::generation());
        Pool { max_threads, crew, generation, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Queues a job, and notifies or starts a thread for it. Returns it if the pool is closed, or has no
    /// thread and gets none.
    fn submit(self: &Arc<Self>, job: JobEntry) -> Result<(), JobEntry> {
        let mut state = self.lock();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        // Each idle thread takes one of the jobs that wait; only a job beyond those needs another thread.
        if state.jobs.len() <= state.idle {
            let notify = !mem::replace(&mut state.notified, true);
            // Not under the lock, which the notified thread takes first of all.
            drop(state);
            if notify {
                self.changed.notify_one();
            }
        } else if state.threads.len() < self.max_threads.get() {
            let pool = self.clone();
            match self.crew.start("hand-rolled-blocking", move || pool.work()) {
                Ok(thread) => state.threads.push(thread),
                // Under the same lock, so that nobody has taken it.
                Err(_) if state.threads.is_empty() => return state.jobs.pop_back().map_or(Ok(()), Err),
                // One of the other threads will come to it.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Queues a closure as a job that belongs to `home`. A pool that refuses it drops it, and its task reads
    /// cancelled.
    pub(crate) fn start<T: Send + 'static>(
        self: &Arc<Self>,
        home: &Scheduler,
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> Handle<T> {
        let mut job = Moving::new(Job::new(closure));
        let (job, handle) = context::with_worker_of(home, |worker| task::new_job(home, worker, &mut job));
        self.queue(job);
        handle
    }

    /// Queues a job. A pool that refuses it ends it.
    pub(crate) fn queue(self: &Arc<Self>, job: JobEntry) {
        if let Err(refused) = self.submit(job) {
            abandon(refused);
        }
    }

    /// Has the next free thread run the queued tasks of a scheduler that has no worker.
    pub(crate) fn run_queued(&self, scheduler: &Arc<Scheduler>) {
        // Nothing ends here, also in a child of a fork: the caller holds a lock.
        lock(&self.state).without_worker = Some(scheduler.clone());
        self.changed.notify_one();
    }

    /// Refuses jobs from now on; those that have not started still will.
    pub(crate) fn close(&self) {
        self.close_locked(&mut self.lock());
    }

    /// Refuses jobs from now on, and returns those that have not started.
    pub(crate) fn close_and_empty(&self) -> VecDeque<JobEntry> {
        let mut state = self.lock();
        self.close_locked(&mut state);
        mem::take(&mut state.jobs)
    }

    /// Refuses jobs from now on.
    fn close_locked(&self, state: &mut Queue) {
        state.closed = true;
        // To notify nobody is a system call, too.
        if state.idle > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits for the jobs of a closed pool, and for its threads; not for the current one, if that is a thread
    /// of the pool.
    pub(crate) fn join(&self) {
        let threads = mem::take(&mut self.lock().threads);
        crew::join(threads);
    }

    /// Forgets the scheduler of [`run_queued`](Self::run_queued), which keeps this pool.
    pub(crate) fn forget_queued(&self) {
        let forgotten = lock(&self.state).without_worker.take();
        drop(forgotten);
    }

    /// Returns the number of jobs that have ended, if others wait or run.
    pub(crate) fn ended_while_busy(&self) -> Option<usize> {
        let state = lock(&self.state);
        let busy = !state.jobs.is_empty() || state.idle < state.threads.len();
        if busy { Some(state.ended) } else { None }
    }

    /// Returns the number of threads, and that of jobs that wait for one.
    pub(crate) fn count(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.threads.len(), state.jobs.len())
    }

    /// Returns the most threads there may be.
    pub(crate) fn max_threads(&self) -> usize {
        self.max_threads.get()
    }

    /// Locks the state. In a child of a fork it first forgets the threads, which are not there; the jobs that
    /// wait are the parent's, and end here as cancelled.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        if fork::is_child_of(self.generation.load(Relaxed)) {
            let mut state = lock(&self.state);
            self.generation.store(fork::generation(), Relaxed);
            // Nothing may be done with the handle of a thread that is not there, not even drop it.
            mem::take(&mut state.threads).into_iter().for_each(mem::forget);
            (state.idle, state.notified) = (0, false);
            let parents_jobs = mem::take(&mut state.jobs);
            drop(state);
            parents_jobs.into_iter().for_each(abandon);
        }
        lock(&self.state)
    }

    /// Runs jobs until the pool is closed and none is left. A thread of the pool does nothing else.
    fn work(&self) {
        let mut entered = JobContext::default();
        let mut state = self.lock();
        loop {
            if let Some(scheduler) = state.without_worker.take() {
                drop(state);
                entered = JobContext::default();
                run_queued(&scheduler);
                drop(scheduler);
                state = self.lock();
            } else if let Some(job) = state.jobs.pop_front() {
                let notify =
                    !state.jobs.is_empty() && state.idle > 0 && !mem::replace(&mut state.notified, true);
                drop(state);
                if notify {
                    self.changed.notify_one();
                }
                entered.enter(&job);
                if entered.has_ended() {
                    job.abandon();
                } else {
                    job.run();
                }
                state = self.lock();
                state.ended = state.ended.wrapping_add(1);
            } else if entered.is_entered() {
                // Not under the lock: the runtime may end with it, and so may futures.
                drop(state);
                entered = JobContext::default();
                state = self.lock();
            } else if state.closed {
                return;
            } else {
                state.jobs.shrink_to(QUEUE_KEPT);
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.notified = false;
            }
        }
    }
}

/// Ends a job that will not run, as cancelled, on this thread.
pub(super) fn abandon(job: JobEntry) {
    let mut entered = JobContext::default();
    entered.enter(&job);
    job.abandon();
}

/// The runtime that a thread has entered: it stays from one job to the next, if both belong to it.
#[derive(Default)]
struct JobContext(Option<(Arc<Scheduler>, context::Guard)>);

impl JobContext {
    /// Enters the runtime that a job belongs to.
    fn enter(&mut self, job: &JobEntry) {
        if self.0.as_ref().is_some_and(|(here, _)| ptr::eq(Arc::as_ptr(here), job.home_address())) {
            return;
        }
        self.0 = None;
        // The fallback scheduler of a pool is not there to spawn onto.
        if let Some(home) = job.home().filter(|home| home.is_runtime()) {
            let context = context::enter_aside(&home);
            self.0 = Some((home, context));
        }
    }

    /// Returns true if the runtime ends, which is about to end its jobs that have not started.
    fn has_ended(&self) -> bool {
        self.0.as_ref().is_some_and(|(home, _)| home.parking.is_closed())
    }

    /// Returns true if there is a runtime.
    fn is_entered(&self) -> bool {
        self.0.is_some()
    }
}
