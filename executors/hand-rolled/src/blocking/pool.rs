//! The pool: a queue of jobs that block, and the threads that run them.

use std::{
    collections::VecDeque,
    mem,
    num::NonZeroUsize,
    ptr,
    sync::{Arc, PoisonError},
};

use crate::{
    scheduler::{Scheduler, context},
    sync::{
        Condvar, Mutex, lock,
        thread::{self, JoinHandle},
    },
    task::{self, Handle, JobEntry, home::Home},
};

/// Runs jobs in the order in which they came, on threads that are started when needed and used again.
pub(crate) struct Pool {
    /// The most threads there may be.
    max_threads: NonZeroUsize,
    /// Jobs and threads, under the lock.
    state: Mutex<Queue>,
    /// Notified when a job comes, and when the pool closes.
    changed: Condvar,
    /// Held by a caller that waits for the threads, so that a second caller waits as long.
    joining: Mutex<()>,
}

/// The state that the lock of the pool protects.
#[derive(Default)]
struct Queue {
    /// The jobs that have not started.
    jobs: VecDeque<JobEntry>,
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
    /// Makes a pool without threads.
    pub(crate) fn new(max_threads: NonZeroUsize) -> Pool {
        Pool { max_threads, state: Mutex::default(), changed: Condvar::new(), joining: Mutex::new(()) }
    }

    /// Queues a job, and notifies or starts a thread for it. A closed pool returns it.
    fn submit(self: &Arc<Self>, job: JobEntry) -> Result<(), JobEntry> {
        let mut state = lock(&self.state);
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
            let thread =
                thread::Builder::new().name("hand-rolled-blocking".into()).spawn(move || pool.work());
            state.threads.push(thread.expect("the system starts one more thread"));
        }
        Ok(())
    }

    /// Queues a closure as a job that belongs to `home`. A closed pool drops it, and its task reads cancelled.
    pub(crate) fn start<T: Send + 'static>(
        self: &Arc<Self>,
        home: &Scheduler,
        closure: impl FnOnce() -> T + Send + 'static,
    ) -> Handle<T> {
        let (job, handle) = home.with_worker(|worker| task::new_job(home, worker, closure));
        self.queue(job);
        handle
    }

    /// Queues a job. A closed pool ends it.
    pub(crate) fn queue(self: &Arc<Self>, job: JobEntry) {
        if let Err(refused) = self.submit(job) {
            let mut entered = JobContext::default();
            entered.enter(&refused);
            refused.abandon();
        }
    }

    /// Refuses jobs from now on; those that have not started still will.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Refuses jobs from now on, and returns those that have not started.
    pub(crate) fn close_and_empty(&self) -> VecDeque<JobEntry> {
        let mut state = lock(&self.state);
        state.closed = true;
        self.changed.notify_all();
        mem::take(&mut state.jobs)
    }

    /// Waits for the jobs of a closed pool, and for its threads.
    pub(crate) fn join(&self) {
        let _joining = lock(&self.joining);
        let threads = mem::take(&mut lock(&self.state).threads);
        for thread in threads {
            thread.join().expect("jobs contain their panics");
        }
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

    /// Returns true on a thread of this pool.
    pub(crate) fn is_inside(&self) -> bool {
        let current = thread::current().id();
        lock(&self.state).threads.iter().any(|thread| thread.thread().id() == current)
    }

    /// Runs jobs until the pool is closed and none is left. A thread of the pool does nothing else.
    fn work(&self) {
        let mut entered = JobContext::default();
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let notify =
                    !state.jobs.is_empty() && state.idle > 0 && !mem::replace(&mut state.notified, true);
                drop(state);
                if notify {
                    self.changed.notify_one();
                }
                entered.enter(&job);
                job.run();
                state = lock(&self.state);
                state.ended = state.ended.wrapping_add(1);
            } else if entered.is_entered() {
                // Not under the lock: the runtime may end with it, and so may futures.
                drop(state);
                entered = JobContext::default();
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.notified = false;
            }
        }
    }
}

/// The runtime that a thread has entered: it stays from one job to the next, if both belong to it.
#[derive(Default)]
struct JobContext(Option<(Arc<Scheduler>, context::Guard)>);

impl JobContext {
    /// Enters the runtime that a job belongs to.
    fn enter(&mut self, job: &JobEntry) {
        let home = job.home();
        if self.0.as_ref().is_some_and(|(here, _)| ptr::eq(Arc::as_ptr(here), home)) {
            return;
        }
        self.0 = None;
        // The fallback scheduler of a pool is not there to spawn onto.
        if home.is_runtime() {
            let home = home.arc();
            let context = context::enter_aside(&home);
            self.0 = Some((home, context));
        }
    }

    /// Returns true if there is a runtime.
    fn is_entered(&self) -> bool {
        self.0.is_some()
    }
}
