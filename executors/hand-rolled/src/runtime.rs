//! The runtime as its users see it: two flavours, and an end that leaves nothing behind.
//!
//! `runtime/builder.rs` starts one, `runtime/spawn.rs` has what tasks call without a handle to it, and
//! `runtime/ending.rs` is its destructor.

mod builder;
#[cfg(not(loom))]
pub(crate) mod driven;
mod ending;
mod spawn;

use std::{fmt, num::NonZeroUsize, panic::Location, pin::pin, sync::Arc};

use crate::{
    blocking::pool::Pool,
    crew::Crew,
    fork,
    handle::Task,
    local::{self, Locals},
    scheduler::{
        Host, Jobs, Scheduler,
        driver::{Driver, DriverSlot},
    },
    sync::thread::JoinHandle,
};

pub use builder::Builder;
pub(crate) use spawn::labelled;
pub use spawn::{spawn, spawn_blocking, spawn_local, spawn_named};

/// Runs tasks: an event loop, or several.
///
/// Dropping it drops, on the dropping thread, all futures that are left; their tasks then read
/// [`Cancelled`](crate::TaskError::Cancelled). It waits for the polls and the blocking jobs that are running;
/// those that are queued never start. Of jobs in a [`ThreadPool`](crate::ThreadPool) it waits for none.
/// Whoever still waits for one of its timers goes on at once.
///
/// Every task that is due has its turn within one round of the tasks that were due before, from whichever
/// thread it came. A task that blocks its thread, which it should not, delays itself and, on a multi-thread
/// runtime with a free worker, at most one other: the one that it has woken or spawned last, which no other
/// worker takes as long as the poll lasts.
pub struct Runtime {
    /// Shares the tasks among the workers.
    scheduler: Arc<Scheduler>,
    /// The parts of this runtime that are no scheduling.
    shared: Arc<Shared>,
    /// The flavour of this runtime.
    flavour: Flavour,
    /// The workers that are threads of their own.
    workers: Vec<JoinHandle<()>>,
}

/// The parts of a runtime that are no scheduling. A thread that works for the runtime finds them as the host
/// of its scheduler.
pub(crate) struct Shared {
    /// The workers that are threads of their own, the threads for blocking jobs, and the thread that drives the
    /// runtime in the background.
    crew: Arc<Crew>,
    /// The threads for blocking jobs.
    pool: Arc<Pool>,
    /// The place of the worker that is the caller of `block_on`.
    slot: DriverSlot,
    /// The thread of the local tasks; `None` on a multi-thread runtime, which has none.
    locals: Option<Locals>,
    /// The workers that are threads of their own, and have not ended.
    working: Arc<ending::Working>,
    /// The generation of the process that it was made in, and so of its threads.
    generation: usize,
}

/// The threads that poll the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// The caller of `block_on` alone; one at a time.
    CurrentThread,
    /// As many workers as this, one of which is the caller of `block_on`.
    MultiThread(NonZeroUsize),
}

impl Runtime {
    /// Makes an event loop: tasks run on whichever thread calls [`block_on`](Self::block_on), while it does.
    pub fn current_thread() -> Runtime {
        Runtime::builder().build()
    }

    /// Starts a runtime with this number of workers, one of which is the caller of
    /// [`block_on`](Self::block_on).
    ///
    /// The others are threads that run tasks at all times.
    ///
    /// # Panics
    ///
    /// As [`Builder::build`].
    #[track_caller]
    pub fn multi_thread(workers: NonZeroUsize) -> Runtime {
        Runtime::builder().workers(workers).build()
    }

    /// Returns a builder, which makes an event loop unless told otherwise.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs a future on this thread, and tasks along with it, until the future is ready.
    ///
    /// On a multi-thread runtime that has a caller of `block_on` already, a second one polls its own future
    /// only.
    ///
    /// # Panics
    ///
    /// With the panic of the future. On a thread that runs a runtime already. On a current-thread runtime
    /// that another thread runs already, or that has local tasks on another thread. In a child of a fork, if
    /// threads work for the runtime, which stay in the parent.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !self.shared.lacks_its_threads(),
            "block_on was called in a child of a fork, where the threads of this runtime are missing; \
             make a runtime in the child"
        );
        let mut driver = Driver::new(&self.scheduler, &self.shared.slot);
        assert!(
            driver.is_worker() || self.flavour != Flavour::CurrentThread,
            "another thread is in block_on of this current-thread runtime; \
             spawn onto it, or use Runtime::multi_thread"
        );
        assert!(
            self.shared.locals.as_ref().is_none_or(Locals::may_be_polled_here),
            "block_on was called on another thread than the one that the local tasks of this runtime stay on; \
             call it there, or end those tasks first"
        );
        local::sweep();
        if self.scheduler.is_debugged {
            let watched = self.scheduler.registry.watch_root(Location::caller(), Box::pin(future));
            return driver.drive(pin!(watched));
        }
        driver.drive(pin!(future))
    }

    /// Starts a task, from any thread; on a current-thread runtime it runs in the next `block_on`.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.close_without_threads(&self.scheduler);
        if self.scheduler.is_debugged {
            return labelled(&self.scheduler, None, Location::caller(), future);
        }
        Task::new(self.scheduler.spawn(future))
    }

    /// Runs a job on a thread where it may block, from any thread.
    ///
    /// If the runtime has no such thread, and the system refuses one, the job does not run and its task reads
    /// [`Cancelled`](crate::TaskError::Cancelled). Otherwise it waits for those that there are.
    pub fn spawn_blocking<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.shared.close_without_threads(&self.scheduler);
        Task::new(self.shared.pool.start(&self.scheduler, job))
    }

    /// Returns the scheduler.
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Runtime").field("flavour", &self.flavour).finish_non_exhaustive()
    }
}

impl Shared {
    /// Makes the parts of a runtime that has started nothing.
    pub(crate) fn new(max_blocking_threads: NonZeroUsize, locals: Option<Locals>) -> Arc<Shared> {
        let crew = Arc::<Crew>::default();
        let pool = Arc::new(Pool::new(max_blocking_threads, crew.clone()));
        let generation = fork::generation();
        Arc::new(Shared { crew, pool, slot: DriverSlot::new(), locals, working: Arc::default(), generation })
    }

    /// Returns true in a child of a fork, if threads work for the runtime, which are in the parent.
    fn lacks_its_threads(&self) -> bool {
        fork::is_child_of(self.generation) && self.working.threads() > 0
    }

    /// Refuses tasks and jobs from now on, if the threads that would run them are missing. Returns true if so.
    pub(crate) fn close_without_threads(&self, scheduler: &Scheduler) -> bool {
        let are_missing = self.lacks_its_threads();
        if are_missing {
            self.pool.close();
            scheduler.close();
        }
        are_missing
    }

    /// Returns the number of threads for blocking jobs, and that of jobs that wait for one.
    pub(crate) fn count_jobs(&self) -> (usize, usize) {
        self.pool.count()
    }

    /// Ends a scheduler as the runtime of this does. `wait` waits for its workers.
    #[cfg(all(test, loom))]
    pub(crate) fn end(self: Arc<Self>, scheduler: &Arc<Scheduler>, wait: impl FnOnce()) {
        let mut end = ending::End::of_model(scheduler.clone(), self);
        end.drop_futures();
        wait();
        end.finish();
    }
}

impl Host for Shared {
    fn jobs(&self) -> Option<Jobs> {
        let ended = self.pool.ended_while_busy()?;
        Some(Jobs { ended, max_threads: self.pool.max_threads() })
    }
}

/// Runs a future on an event loop of its own, which ends with it.
///
/// # Panics
///
/// As [`Runtime::block_on`].
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    Runtime::current_thread().block_on(future)
}
