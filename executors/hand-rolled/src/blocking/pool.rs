//! Jobs that block, and the threads they may block.

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
    task::{self, Handle, JobEntry},
};

/// Threads that run jobs in the order in which they came, started when needed and used again.
pub(crate) struct Pool {
    /// The most threads there may be.
    max_threads: NonZeroUsize,
    /// Jobs and threads, under the lock.
    state: Mutex<State>,
    /// Told when a job comes, and when the pool closes.
    changed: Condvar,
    /// Held by whoever waits for the threads, so that a second one waits as long.
    joining: Mutex<()>,
}

/// What the lock of the pool protects.
#[derive(Default)]
struct State {
    /// The jobs that have not started.
    jobs: VecDeque<JobEntry>,
    /// All threads.
    threads: Vec<JoinHandle<()>>,
    /// How many threads wait for a job; one that was told of a job, but has not taken it yet, still counts.
    idle: usize,
    /// Whether a thread was told of a job and has not looked yet. It tells the next one, if there is more.
    told: bool,
    /// How many jobs have ended.
    ended: usize,
    /// Whether jobs are refused.
    closed: bool,
}

impl Pool {
    /// Makes a pool without threads.
    pub(crate) fn new(max_threads: NonZeroUsize) -> Pool {
        Pool { max_threads, state: Mutex::default(), changed: Condvar::new(), joining: Mutex::new(()) }
    }

    /// Queues a job, and sees to it that a thread comes for it; a closed pool gives it back.
    pub(crate) fn submit(self: &Arc<Self>, job: JobEntry) -> Result<(), JobEntry> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        // Each idle thread takes one of the jobs that wait. Is there one beyond that?
        if state.jobs.len() <= state.idle {
            let tell = !mem::replace(&mut state.told, true);
            // Not under the lock, which whoever is told takes first of all.
            drop(state);
            if tell {
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
        let (job, handle) = task::new_job(home, closure);
        if let Err(refused) = self.submit(job) {
            let mut entered = Entered::default();
            entered.enter(&refused);
            refused.abandon();
        }
        handle
    }

    /// Refuses jobs from now on; those that have not started still will.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Refuses jobs from now on, and gives back those that have not started.
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

    /// How many jobs have ended, if others wait or run.
    pub(crate) fn ended_while_busy(&self) -> Option<usize> {
        let state = lock(&self.state);
        let busy = !state.jobs.is_empty() || state.idle < state.threads.len();
        if busy { Some(state.ended) } else { None }
    }

    /// The most threads there may be.
    pub(crate) fn max_threads(&self) -> usize {
        self.max_threads.get()
    }

    /// Tells whether the current thread is one of the pool's.
    pub(crate) fn is_inside(&self) -> bool {
        let current = thread::current().id();
        lock(&self.state).threads.iter().any(|thread| thread.thread().id() == current)
    }

    /// Runs jobs until the pool is closed and none is left: the life of a thread.
    fn work(&self) {
        let mut entered = Entered::default();
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let tell = !state.jobs.is_empty() && state.idle > 0 && !mem::replace(&mut state.told, true);
                drop(state);
                if tell {
                    self.changed.notify_one();
                }
                entered.enter(&job);
                job.run();
                state = lock(&self.state);
                state.ended = state.ended.wrapping_add(1);
            } else if entered.is_somewhere() {
                // Not under the lock: what it keeps may go with it.
                drop(state);
                entered = Entered::default();
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.told = false;
            }
        }
    }
}

/// The runtime that a thread works for, from one job to the next if both belong to it.
#[derive(Default)]
struct Entered(Option<(Arc<Scheduler>, context::Guard)>);

impl Entered {
    /// Makes the current thread work for the runtime that a job belongs to.
    fn enter(&mut self, job: &JobEntry) {
        let home = job.home();
        if self.0.as_ref().is_some_and(|(here, _)| ptr::eq(Arc::as_ptr(here), home)) {
            return;
        }
        self.0 = None;
        // One of a pool's own is nobody's to spawn onto.
        if home.is_runtime() {
            let home = home.arc();
            let context = context::enter_aside(&home);
            self.0 = Some((home, context));
        }
    }

    /// Tells whether there is one.
    fn is_somewhere(&self) -> bool {
        self.0.is_some()
    }
}
