//! The runtime as its users see it: two flavours, and an end that leaves nothing behind.

use std::{
    fmt, mem,
    num::NonZeroUsize,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{
    handle::Task,
    local::{self, Locals},
    scheduler::context,
    scheduler::driver::Driver,
    scheduler::parking::Parker,
    scheduler::{Core, Scheduler, Worker, Workers},
    sync::thread::{self, JoinHandle},
    task::cell::Entry,
};

/// Runs tasks: an event loop, or several.
///
/// Dropping it drops, on the dropping thread, all futures that are left; their tasks then read
/// [`Cancelled`](crate::TaskError::Cancelled). It waits for the blocking jobs that are running; those that are queued
/// never start.
pub struct Runtime {
    /// What all threads of this runtime share.
    scheduler: Arc<Scheduler>,
    /// Which of the two flavours this is.
    flavour: Flavour,
    /// The workers that are threads of their own.
    workers: Vec<JoinHandle<()>>,
}

/// Who polls the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// The caller of `block_on` alone; one at a time.
    CurrentThread,
    /// So many workers, one of which is the caller of `block_on`.
    MultiThread(NonZeroUsize),
}

impl Runtime {
    /// Makes an event loop: tasks run on whichever thread calls [`block_on`](Self::block_on), while it does.
    pub fn current_thread() -> Runtime {
        Runtime::builder().build()
    }

    /// Starts a runtime of so many workers, one of which is the caller of [`block_on`](Self::block_on).
    ///
    /// The others are threads that run tasks at all times.
    pub fn multi_thread(workers: NonZeroUsize) -> Runtime {
        Runtime::builder().workers(workers).build()
    }

    /// Says how a runtime is to be, before it starts.
    pub fn builder() -> Builder {
        Builder { flavour: Flavour::CurrentThread, max_blocking_threads: default_blocking_threads() }
    }

    /// Runs a future on this thread, and tasks along with it, until the future is ready.
    ///
    /// On a multi-thread runtime that has a caller of `block_on` already, a second one polls its own future only.
    ///
    /// # Panics
    ///
    /// With the panic of the future. On a thread that runs a runtime already. On a current-thread runtime that
    /// another thread runs already, or that has local tasks on another thread.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut driver = Driver::new(&self.scheduler);
        assert!(
            driver.is_seated() || self.flavour != Flavour::CurrentThread,
            "another thread is in block_on of this current-thread runtime; \
             spawn onto it, or use Runtime::multi_thread"
        );
        assert!(
            self.scheduler.locals.as_ref().is_none_or(Locals::may_be_polled_here),
            "block_on was called on another thread than the one that the local tasks of this runtime stay on; \
             call it there, or end those tasks first"
        );
        local::sweep();
        driver.drive(pin!(future))
    }

    /// Starts a task, from any thread; on a current-thread runtime it runs in the next `block_on`.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.scheduler.spawn(future)
    }

    /// Runs a job on a thread where it may block, from any thread.
    pub fn spawn_blocking<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.scheduler.spawn_blocking(job)
    }

    /// What the threads of this runtime share.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // First of all nothing new starts, neither a poll nor a job.
        let queued_jobs = self.scheduler.pool.close_and_empty();
        self.scheduler.close();
        let (scheduler, workers) = (self.scheduler.clone(), mem::take(&mut self.workers));
        let finish = move || {
            for worker in workers {
                worker.join().expect("tasks contain their panics");
            }
            scheduler.shut_down(queued_jobs);
        };
        if !context::is_inside(&self.scheduler) {
            return finish();
        }
        // Here it would wait for itself, so another thread goes on with it.
        thread::spawn(finish);
        // While another panic unwinds, silence is better than to abort the process.
        assert!(
            std::thread::panicking(),
            "a runtime was dropped inside one of its own tasks or jobs; drop it outside of them"
        );
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Runtime").field("flavour", &self.flavour).finish_non_exhaustive()
    }
}

/// How a runtime is to be: an event loop, unless [`workers`](Self::workers) says otherwise.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Who polls the tasks.
    flavour: Flavour,
    /// The most blocking jobs that run at once.
    max_blocking_threads: NonZeroUsize,
}

impl Builder {
    /// Makes it a multi-thread runtime of so many workers, one of which is the caller of `block_on`.
    pub fn workers(mut self, workers: NonZeroUsize) -> Builder {
        self.flavour = Flavour::MultiThread(workers);
        self
    }

    /// Sets how many blocking jobs run at once, at most; without it, four more than processors, but no more than 32.
    pub fn max_blocking_threads(mut self, threads: NonZeroUsize) -> Builder {
        self.max_blocking_threads = threads;
        self
    }

    /// Starts the runtime.
    pub fn build(self) -> Runtime {
        let (workers, threads) = match self.flavour {
            Flavour::CurrentThread => (Workers::Loop, 0),
            Flavour::MultiThread(workers) => (Workers::Many(workers), workers.get() - 1),
        };
        let scheduler = Scheduler::new(self.max_blocking_threads, workers);
        // The caller of `block_on` is number zero.
        let workers = (1..=threads).map(|number| start_worker(&scheduler, number)).collect();
        Runtime { scheduler, flavour: self.flavour, workers }
    }
}

/// As many blocking jobs at once as Python's default pool runs.
fn default_blocking_threads() -> NonZeroUsize {
    // Zero until somebody has asked. The answer takes the system several files, and half as long as the start of a runtime.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    let mut processors = PROCESSORS.load(Relaxed);
    if processors == 0 {
        processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        PROCESSORS.store(processors, Relaxed);
    }
    NonZeroUsize::MIN.saturating_add((processors + 3).min(31))
}

/// Starts a worker that is a thread of its own.
fn start_worker(scheduler: &Arc<Scheduler>, number: usize) -> JoinHandle<()> {
    let scheduler = scheduler.clone();
    let work = move || {
        let context = context::enter_loop(&scheduler);
        let worker = Rc::new(Worker::new(&scheduler, Parker::new(), number, Core::default()));
        context.work_as(worker.clone());
        while worker.turn() {}
        worker.end();
    };
    thread::Builder::new()
        .name("hand-rolled-worker".into())
        .spawn(work)
        .expect("the system starts the workers")
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

/// Starts a task on the runtime of the current one.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // Without a reference to the runtime of its own: all workers would count in one place.
    let (task, queued) = context::with_current("spawn", |scheduler, _| scheduler.try_spawn(future));
    queued.unwrap_or_else(Entry::abandon);
    task
}

/// Runs a job on a thread of the current runtime where it may block.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    context::current("spawn_blocking").spawn_blocking(job)
}
