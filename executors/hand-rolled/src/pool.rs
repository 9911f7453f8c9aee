//! [`ThreadPool`]: threads for jobs that block, which belong to no runtime.

use std::{fmt, num::NonZeroUsize, sync::Arc, thread};

use crate::{
    blocking::{Home, Pool},
    context,
    handle::Task,
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
    /// The thread, if there ever is need of one, of what would be a runtime's to do.
    chores: Arc<Pool>,
}

impl ThreadPool {
    /// Makes a pool of at most so many threads, which start when they are needed.
    pub fn new(max_workers: NonZeroUsize) -> ThreadPool {
        ThreadPool { jobs: Arc::new(Pool::new(max_workers)), chores: Arc::new(Pool::new(NonZeroUsize::MIN)) }
    }

    /// Queues a job; await the task for its output.
    ///
    /// A pool that was shut down drops the job, and its task reads [`Cancelled`](crate::TaskError::Cancelled).
    pub fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let home = context::current_if_any().map_or_else(|| Home::Pool(self.chores.clone()), Home::Runtime);
        self.jobs.start(job, home)
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
        self.close();
        self.jobs.join();
        // The last jobs may have left something to be done.
        self.chores.close();
        self.chores.join();
    }

    /// Refuses jobs.
    fn close(&self) {
        self.jobs.close();
    }

    /// Tells whether the current thread is one that a shutdown waits for.
    fn is_inside(&self) -> bool {
        self.jobs.is_inside() || self.chores.is_inside()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if !self.is_inside() {
            return self.shutdown();
        }
        // Here it would wait for itself, so another thread does.
        self.close();
        let rest = ThreadPool { jobs: self.jobs.clone(), chores: self.chores.clone() };
        thread::spawn(move || drop(rest));
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ThreadPool").finish_non_exhaustive()
    }
}
