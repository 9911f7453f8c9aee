//! [`ThreadPool`]: threads for jobs that block, which belong to no runtime.

use std::{collections::VecDeque, fmt, mem, num::NonZeroUsize, sync::Arc};

use crate::{
    blocking::pool::Pool,
    handle::Task,
    scheduler::context,
    scheduler::parking::Parker,
    scheduler::{Core, Scheduler, Worker, Workers},
    sync::{
        Mutex, lock,
        thread::{self, JoinHandle, ThreadId},
    },
};

/// Threads that run jobs in the order in which they came, so many at once and no more.
///
/// A job may be submitted from anywhere. Inside a runtime it belongs to that one as what
/// [`spawn_blocking`](crate::spawn_blocking) takes does: it may spawn, and the runtime carries out its cancellation
/// and runs its callbacks. Outside of any runtime the pool does.
///
/// Dropping the pool shuts it down.
pub struct ThreadPool {
    /// The threads of the jobs.
    jobs: Arc<Pool>,
    /// What would be a runtime's to do, if there ever is something.
    chores: Arc<Scheduler>,
}

impl ThreadPool {
    /// Makes a pool of at most so many threads, which start when they are needed.
    pub fn new(max_workers: NonZeroUsize) -> ThreadPool {
        let chores = Scheduler::new(NonZeroUsize::MIN, Workers::Late);
        ThreadPool { jobs: Arc::new(Pool::new(max_workers)), chores }
    }

    /// Queues a job; await the task for its output.
    ///
    /// A pool that was shut down drops the job, and its task reads [`Cancelled`](crate::TaskError::Cancelled).
    pub fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let home = context::current_if_any().unwrap_or_else(|| self.chores.clone());
        self.jobs.start(&home, job)
    }

    /// Refuses jobs from now on, and waits for all that are queued or running. A second time it only waits.
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
        // The last jobs may have left something to be done.
        self.late_worker().finish(&self.chores);
    }

    /// Tells whether the current thread is one that a shutdown waits for.
    fn is_inside(&self) -> bool {
        self.jobs.is_inside() || self.late_worker().is_here()
    }

    /// The thread of the chores.
    fn late_worker(&self) -> &LateWorker {
        self.chores.late_worker.as_ref().expect("the chores have one")
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if !self.is_inside() {
            return self.shutdown();
        }
        // Here it would wait for itself, so another thread does.
        self.jobs.close();
        let rest = ThreadPool { jobs: self.jobs.clone(), chores: self.chores.clone() };
        thread::spawn(move || drop(rest));
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ThreadPool").finish_non_exhaustive()
    }
}

/// The one worker of a scheduler, on a thread that starts when there is something to do.
#[derive(Default)]
pub(crate) struct LateWorker {
    /// How far it is, under the lock.
    stage: Mutex<Stage>,
}

/// How far a late worker is.
#[derive(Default)]
enum Stage {
    /// There was nothing to do.
    #[default]
    Waiting,
    /// It works.
    Working(JoinHandle<()>),
    /// It has to end, or has.
    Finished(Option<ThreadId>),
}

impl LateWorker {
    /// Sees to it that the thread runs, unless it has ended.
    pub(crate) fn start(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Waiting) {
            let scheduler = scheduler.clone();
            // It enters no runtime: a callback of the pool's own has none to spawn onto.
            let work = move || {
                let worker = Worker::new(&scheduler, Parker::new(), 0, Core::default());
                while worker.turn() {}
                worker.end();
            };
            let thread = thread::Builder::new().name("hand-rolled-chores".into()).spawn(work);
            *stage = Stage::Working(thread.expect("the system starts one more thread"));
        }
    }

    /// Waits until what is queued is done, and ends the scheduler; a second time it does nothing.
    fn finish(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Finished(_)) {
            return;
        }
        let working = mem::replace(&mut *stage, Stage::Finished(None));
        let Stage::Working(thread) = working else {
            drop(stage);
            return Self::end(scheduler);
        };
        *stage = Stage::Finished(Some(thread.thread().id()));
        drop(stage);
        // The queue is first in, first out, so this comes after all that is there.
        let last = scheduler.clone();
        drop(scheduler.spawn(async move { last.close() }));
        thread.join().expect("tasks contain their panics");
        Self::end(scheduler);
    }

    /// Ends a scheduler whose worker is gone, or never was.
    fn end(scheduler: &Arc<Scheduler>) {
        scheduler.close();
        scheduler.shut_down(VecDeque::new());
    }

    /// Tells whether this is the current thread.
    fn is_here(&self) -> bool {
        let current = thread::current().id();
        match &*lock(&self.stage) {
            Stage::Waiting => false,
            Stage::Working(thread) => thread.thread().id() == current,
            Stage::Finished(id) => *id == Some(current),
        }
    }
}
