//! Jobs that block, and the threads they may block.

use std::{
    collections::VecDeque,
    mem,
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{
    context,
    handle::{Completion, Ending, Joinable, Progress, Task, TaskError},
    lock,
    panic::{contain, drop_quietly},
    queue::Runnable,
    scheduler::Scheduler,
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
    jobs: VecDeque<Arc<dyn Runnable>>,
    /// All threads.
    threads: Vec<JoinHandle<()>>,
    /// How many threads wait for a job; one that was told of a job, but has not taken it yet, still counts.
    idle: usize,
    /// Whether jobs are refused.
    closed: bool,
}

impl Pool {
    /// Makes a pool without threads.
    pub(crate) fn new(max_threads: NonZeroUsize) -> Pool {
        Pool { max_threads, state: Mutex::default(), changed: Condvar::new(), joining: Mutex::new(()) }
    }

    /// Queues a job, and sees to it that a thread comes for it; a closed pool gives it back.
    pub(crate) fn submit(self: &Arc<Self>, job: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        // Each idle thread takes one of the jobs that wait. Is there one beyond that?
        if state.jobs.len() <= state.idle {
            self.changed.notify_one();
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
        closure: impl FnOnce() -> T + Send + 'static,
        home: Home,
    ) -> Task<T> {
        let job = Job::new(home, closure);
        if let Err(refused) = self.submit(job.clone()) {
            refused.abandon();
        }
        Task::new(job)
    }

    /// Refuses jobs from now on; those that have not started still will.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Refuses jobs from now on, and gives back those that have not started.
    pub(crate) fn close_and_empty(&self) -> VecDeque<Arc<dyn Runnable>> {
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

    /// Tells whether the current thread is one of the pool's.
    pub(crate) fn is_inside(&self) -> bool {
        let current = thread::current().id();
        lock(&self.state).threads.iter().any(|thread| thread.thread().id() == current)
    }

    /// Runs jobs until the pool is closed and none is left: the life of a thread.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job.run();
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

/// Whose queue takes what a job leaves to be done: its callbacks, and the end of a cancelled one.
pub(crate) enum Home {
    /// The runtime in which it was submitted, and in whose name it runs.
    Runtime(Arc<Scheduler>),
    /// A pool, if it was submitted outside of any runtime.
    Pool(Arc<Pool>),
}

impl Home {
    /// Appends an entry to the queue; one that has ended gives it back.
    fn push(&self, entry: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>> {
        match self {
            Home::Runtime(scheduler) => scheduler.queue.push(entry),
            Home::Pool(pool) => pool.submit(entry),
        }
    }

    /// Makes the current thread work for the runtime, if there is one, until the guard is dropped.
    fn enter(&self) -> Option<context::Guard> {
        match self {
            Home::Runtime(scheduler) => Some(context::enter_aside(scheduler)),
            Home::Pool(_) => None,
        }
    }
}

/// A closure that blocks, with everything that belongs to it.
///
/// It is an entry of two queues: of the pool's, to be run, and once it is cancelled of the run queue too, so that the
/// runtime drops the closure rather than whoever called `cancel`. Whichever queue comes to it first, does it.
pub(crate) struct Job<J, T> {
    /// Where its cancellation queues.
    home: Home,
    /// How far it is, under the lock.
    stage: Mutex<Stage<J>>,
    /// Where its end is announced.
    completion: Completion<T>,
}

/// How far a job is.
enum Stage<J> {
    /// It has not started.
    Queued(J),
    /// A thread runs it.
    Running,
    /// It was cancelled, and the runtime is to say so; if it had not started, here is what to drop before.
    Cancelled(Option<J>),
    /// A cancellation is being carried out.
    Ending,
    /// It has ended, though a cancelled one may still keep its thread busy.
    Done,
}

impl<J, T> Job<J, T>
where
    J: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Makes a job that is about to be queued.
    pub(crate) fn new(home: Home, closure: J) -> Arc<Job<J, T>> {
        let stage = Mutex::new(Stage::Queued(closure));
        Arc::new(Job { home, stage, completion: Completion::new() })
    }

    /// Runs the closure on this thread, and publishes the outcome unless the job was cancelled meanwhile.
    fn call(&self, closure: J) {
        let context = self.home.enter();
        let outcome = contain(closure).map_err(TaskError::Panicked);
        let mut stage = lock(&self.stage);
        if !matches!(*stage, Stage::Running) {
            drop(stage);
            return drop_quietly((outcome, context));
        }
        *stage = Stage::Done;
        let announcement = self.completion.publish(outcome);
        drop(stage);
        announcement.announce(self);
    }

    /// Drops the closure of a job that did not start, and publishes that it was cancelled.
    fn end(&self, closure: Option<J>) {
        // The destructor may spawn, whichever thread it comes to run on.
        let _context = self.home.enter();
        let outcome = match contain(|| drop(closure)) {
            Ok(()) => Err(TaskError::Cancelled),
            Err(panic) => Err(TaskError::Panicked(panic)),
        };
        let mut stage = lock(&self.stage);
        // Under the lock, so that `cancel` fails only if the end can be seen.
        *stage = Stage::Done;
        let announcement = self.completion.publish(outcome);
        drop(stage);
        announcement.announce(self);
    }
}

impl<J, T> Runnable for Job<J, T>
where
    J: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(self: Arc<Self>) {
        let mut stage = lock(&self.stage);
        match mem::replace(&mut *stage, Stage::Ending) {
            Stage::Queued(closure) => {
                *stage = Stage::Running;
                drop(stage);
                self.call(closure);
            }
            Stage::Cancelled(closure) => {
                drop(stage);
                self.end(closure);
            }
            unchanged => *stage = unchanged,
        }
    }

    fn abandon(self: Arc<Self>) {
        let mut stage = lock(&self.stage);
        match mem::replace(&mut *stage, Stage::Ending) {
            Stage::Queued(closure) => {
                drop(stage);
                self.end(Some(closure));
            }
            Stage::Cancelled(closure) => {
                drop(stage);
                self.end(closure);
            }
            unchanged => *stage = unchanged,
        }
    }
}

impl<J, T> Joinable<T> for Job<J, T>
where
    J: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn output(&self) -> &Mutex<Option<T>> {
        &self.completion.output
    }
}

impl<J, T> Ending for Job<J, T>
where
    J: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn progress(&self) -> &Progress {
        &self.completion.progress
    }

    fn push(&self, entry: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>> {
        self.home.push(entry)
    }

    fn cancel(self: Arc<Self>) -> bool {
        let mut stage = lock(&self.stage);
        let newly_cancelled = match mem::replace(&mut *stage, Stage::Ending) {
            Stage::Queued(closure) => Stage::Cancelled(Some(closure)),
            Stage::Running => Stage::Cancelled(None),
            unchanged => {
                let done = matches!(unchanged, Stage::Done);
                *stage = unchanged;
                return !done;
            }
        };
        *stage = newly_cancelled;
        drop(stage);
        if let Err(job) = self.home.push(self.clone()) {
            // What it belongs to is ending, and nobody would come to it.
            job.abandon();
        }
        true
    }
}
