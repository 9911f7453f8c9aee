//! [`ThreadPool`]: threads for jobs that block, which belong to no runtime.

use std::{fmt, mem, num::NonZeroUsize, sync::Arc};

use crate::{
    blocking::pool::Pool,
    handle::Task,
    scheduler::{
        Host, Scheduler, Workers, context,
        parking::Parker,
        worker::{Core, Worker},
    },
    sync::{
        Mutex, lock,
        thread::{self, JoinHandle, ThreadId},
    },
    task::slab::Magazines,
};

/// Runs jobs in the order in which they came, on a limited number of threads.
///
/// A job may be submitted from anywhere. A job that is submitted inside a runtime belongs to that runtime,
/// like one of [`spawn_blocking`](crate::spawn_blocking): it may spawn, and the runtime carries out its
/// cancellation and runs its callbacks. The pool does so for all other jobs.
///
/// Dropping the pool shuts it down.
pub struct ThreadPool {
    /// The threads of the jobs.
    jobs: Arc<Pool>,
    /// Runs the callbacks and carries out the cancellations of jobs that belong to no runtime.
    fallback: Arc<Scheduler>,
    /// The worker of the fallback scheduler.
    worker: Arc<LazyWorker>,
}

impl ThreadPool {
    /// Makes a pool that starts threads when they are needed, `max_workers` at most.
    pub fn new(max_workers: NonZeroUsize) -> ThreadPool {
        let worker = Arc::new(LazyWorker::default());
        let fallback = Scheduler::new(Workers::Lazy, worker.clone());
        ThreadPool { jobs: Arc::new(Pool::new(max_workers)), fallback, worker }
    }

    /// Queues a job; await the task for its output.
    ///
    /// A pool that was shut down drops the job, and its task reads
    /// [`Cancelled`](crate::TaskError::Cancelled).
    pub fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let home = context::current_if_any().unwrap_or_else(|| self.fallback.clone());
        Task::new(self.jobs.start(&home, job))
    }

    /// Refuses jobs from now on, and waits for all that are queued or running. A second call only waits.
    ///
    /// # Panics
    ///
    /// Inside one of its own jobs, which would wait for itself.
    #[track_caller]
    pub fn shutdown(&self) {
        assert!(
            !self.is_inside(),
            "a pool was shut down inside one of its own jobs, which would wait for itself; \
             shut it down outside of them"
        );
        self.jobs.close();
        self.jobs.join();
        // After the jobs: the last of them may have queued callbacks.
        self.worker.finish(&self.fallback);
    }

    /// Returns true on a thread that a shutdown waits for.
    fn is_inside(&self) -> bool {
        self.jobs.is_inside() || self.worker.is_current_thread()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if !self.is_inside() {
            return self.shutdown();
        }
        // Here it would wait for itself, so another thread does.
        self.jobs.close();
        let rest = ThreadPool {
            jobs: self.jobs.clone(),
            fallback: self.fallback.clone(),
            worker: self.worker.clone(),
        };
        thread::spawn(move || drop(rest));
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ThreadPool").finish_non_exhaustive()
    }
}

/// The one worker of a fallback scheduler, on a thread that starts with the first task.
///
/// Most pools never need it.
#[derive(Default)]
pub(crate) struct LazyWorker {
    /// The stage of its life, under the lock.
    stage: Mutex<Stage>,
}

/// The life of a lazy worker.
#[derive(Default)]
enum Stage {
    /// No task has come.
    #[default]
    Waiting,
    /// The thread runs tasks.
    Working(JoinHandle<()>),
    /// The thread, if there was one, was told to end.
    Finished(Option<ThreadId>),
}

impl Host for LazyWorker {
    fn start_worker(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Waiting) {
            let scheduler = scheduler.clone();
            // It enters no runtime: a callback of the pool's own has none to spawn onto.
            let work = move || {
                let worker = Worker::new(&scheduler, Parker::new(), 0, Core::default());
                while worker.turn() {}
                worker.end();
            };
            let thread = thread::Builder::new().name("hand-rolled-callbacks".into()).spawn(work);
            *stage = Stage::Working(thread.expect("the system starts one more thread"));
        }
    }
}

impl LazyWorker {
    /// Waits until all queued tasks have run, and ends the scheduler; a second call does nothing.
    fn finish(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Finished(_)) {
            return;
        }
        let working = mem::replace(&mut *stage, Stage::Finished(None));
        let Stage::Working(thread) = working else {
            drop(stage);
            return end(scheduler);
        };
        *stage = Stage::Finished(Some(thread.thread().id()));
        drop(stage);
        // The queue is first in, first out, so this comes after all that is there.
        let last = scheduler.clone();
        drop(scheduler.call(async move { last.close() }));
        thread.join().expect("tasks contain their panics");
        end(scheduler);
    }

    /// Returns true on the thread of this worker.
    fn is_current_thread(&self) -> bool {
        let current = thread::current().id();
        match &*lock(&self.stage) {
            Stage::Waiting => false,
            Stage::Working(thread) => thread.thread().id() == current,
            Stage::Finished(id) => *id == Some(current),
        }
    }
}

/// Ends a scheduler whose worker is gone, or was never started.
fn end(scheduler: &Arc<Scheduler>) {
    scheduler.close();
    // Destructors may spawn and set timers, in vain.
    let _context = context::enter_aside(scheduler);
    scheduler.abandon_tasks();
    scheduler.clear_timers();
    scheduler.end(Magazines::default());
}
