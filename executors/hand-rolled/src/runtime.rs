//! The runtime as its users see it: two flavours, and an end that leaves nothing behind.

#[cfg(not(loom))]
pub(crate) mod driven;
mod ending;

use std::{
    fmt, io,
    num::NonZeroUsize,
    panic::Location,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    blocking::pool::Pool,
    crew::Crew,
    fork,
    handle::Task,
    local::{self, Locals},
    scheduler::{
        Host, Jobs, Scheduler, Workers, context,
        debug::{Debug, Hook, Report},
        driver::{Driver, DriverSlot},
        parking::Parker,
        worker::Worker,
    },
    sync::thread::JoinHandle,
    task::{self, Entry, Job, Moving},
};

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
    /// The generation of the process that the workers are in.
    generation: usize,
}

/// The parts of a runtime that are no scheduling. A thread that works for the runtime finds them as the host
/// of its scheduler.
pub(crate) struct Shared {
    /// The workers that are threads of their own, and the threads for blocking jobs; the one that drives it in the background, too.
    crew: Arc<Crew>,
    /// The threads for blocking jobs.
    pool: Arc<Pool>,
    /// The place of the worker that is the caller of `block_on`.
    slot: DriverSlot,
    /// The thread of the local tasks; `None` on a multi-thread runtime, which has none.
    locals: Option<Locals>,
    /// The workers that are threads of their own, and have not ended.
    working: Arc<ending::Working>,
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
        Builder {
            flavour: Flavour::CurrentThread,
            max_blocking_threads: default_blocking_threads(),
            slow_poll: None,
            hook: None,
        }
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
    /// the runtime has workers, which stay in the parent.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !self.lacks_its_workers(),
            "block_on was called in a child of a fork, where the workers of this runtime are missing; \
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
            let (watched, _label) =
                self.scheduler.registry.watch(Some("block_on"), Location::caller(), future);
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
        self.close_without_workers();
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
        self.close_without_workers();
        Task::new(self.shared.pool.start(&self.scheduler, job))
    }

    /// Returns true in a child of a fork, if this runtime has workers, which are in the parent.
    fn lacks_its_workers(&self) -> bool {
        !self.workers.is_empty() && fork::is_child_of(self.generation)
    }

    /// Refuses tasks and jobs from now on, if nobody would run them.
    fn close_without_workers(&self) {
        if self.lacks_its_workers() {
            self.shared.pool.close();
            self.scheduler.close();
        }
    }

    /// Starts a worker that is a thread of its own.
    fn start_worker(&self, number: usize) -> io::Result<JoinHandle<()>> {
        // It searches from now on, and so counts as free before it runs.
        self.scheduler.parking.begin_search();
        let (scheduler, working) = (self.scheduler.clone(), self.shared.working.one_more());
        let work = move || {
            let (scheduler, _working) = (scheduler, working);
            let context = context::enter_loop(&scheduler);
            let worker = Rc::new(Worker::searching(&scheduler, Parker::new(), number));
            context.work_as(worker.clone());
            while worker.turn() {}
            worker.end();
        };
        let worker = self.shared.crew.start("hand-rolled-worker", work);
        if worker.is_err() {
            self.scheduler.parking.end_search();
        }
        worker
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
        Arc::new(Shared { crew, pool, slot: DriverSlot::new(), locals, working: Arc::default() })
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

/// Makes a [`Runtime`]: an event loop, unless [`workers`](Self::workers) says otherwise.
#[derive(Clone)]
pub struct Builder {
    /// The flavour of the runtime.
    flavour: Flavour,
    /// The most blocking jobs that run at once.
    max_blocking_threads: NonZeroUsize,
    /// The least time that makes a poll slow, in debug mode.
    slow_poll: Option<Duration>,
    /// The receiver of what debug mode finds.
    hook: Option<Hook>,
}

impl Builder {
    /// Makes it a multi-thread runtime with this number of workers, one of which is the caller of `block_on`.
    pub fn workers(mut self, workers: NonZeroUsize) -> Builder {
        self.flavour = Flavour::MultiThread(workers);
        self
    }

    /// Limits the number of blocking jobs that run at once; the default is four more than processors, 32 at
    /// most.
    pub fn max_blocking_threads(mut self, threads: NonZeroUsize) -> Builder {
        self.max_blocking_threads = threads;
        self
    }

    /// Turns the debug mode on, which is for development: it costs each task some memory and time.
    ///
    /// It reports each poll and each callback of [`call_soon`](crate::call_soon) and its like that takes
    /// `slow_poll` or longer, because it blocks or computes, while the other tasks of its thread wait; and
    /// each panic of a task that nobody has looked at when its handle is dropped, and of such a callback; and each task that is unfinished
    /// when the runtime ends. The reports, with the name
    /// of the task and the place where it was spawned, go to standard error, or to
    /// [`on_report`](Self::on_report). All tasks have names, and [`Runtime::tasks`] shows them.
    pub fn debug(mut self, slow_poll: Duration) -> Builder {
        self.slow_poll = Some(slow_poll);
        self
    }

    /// Passes the reports of the [debug mode](Self::debug) to `hook`, on whichever thread they arise.
    ///
    /// If it panics, that is swallowed.
    pub fn on_report(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Builder {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Starts the runtime.
    ///
    /// # Panics
    ///
    /// If the system refuses a worker; [`try_build`](Self::try_build) returns the error instead.
    #[track_caller]
    pub fn build(self) -> Runtime {
        self.try_build().unwrap_or_else(|error| {
            panic!(
                "the system refuses a thread for a worker: {error}; \
                 ask for fewer workers, or use Builder::try_build"
            )
        })
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// If the system refuses a worker. Those that have started end before the error is returned.
    pub fn try_build(self) -> io::Result<Runtime> {
        let (workers, threads, locals) = match self.flavour {
            Flavour::CurrentThread => (Workers::Loop, 0, Some(Locals::default())),
            Flavour::MultiThread(workers) => (Workers::Many(workers), workers.get() - 1, None),
        };
        let shared = Shared::new(self.max_blocking_threads, locals);
        let debug = self.slow_poll.map(|slow_poll| Debug { slow_poll, hook: self.hook });
        let scheduler = Scheduler::with_debug(workers, shared.clone(), debug);
        // Before its workers, which end with it if one of them does not start.
        let (flavour, generation) = (self.flavour, fork::generation());
        let mut runtime = Runtime { scheduler, shared, flavour, workers: Vec::new(), generation };
        // The caller of `block_on` is number zero.
        for number in 1..=threads {
            let worker = runtime.start_worker(number)?;
            runtime.workers.push(worker);
        }
        Ok(runtime)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Builder");
        debug.field("flavour", &self.flavour).field("max_blocking_threads", &self.max_blocking_threads);
        debug.field("slow_poll", &self.slow_poll).finish_non_exhaustive()
    }
}

/// Returns as many blocking jobs as Python's default pool runs at once.
fn default_blocking_threads() -> NonZeroUsize {
    // Zero until the first call. To ask the system takes it several files, and half as long as the start of a
    // runtime.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    let mut processors = PROCESSORS.load(Relaxed);
    if processors == 0 {
        processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        PROCESSORS.store(processors, Relaxed);
    }
    NonZeroUsize::MIN.saturating_add((processors + 3).min(31))
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
    let mut future = Moving::new(future);
    // Without a counted reference to the scheduler: all workers would count in one place.
    let spawned = context::with_current("spawn", |scheduler, worker| {
        (!scheduler.is_debugged).then(|| scheduler.try_spawn(worker, &mut future))
    });
    let Some((handle, queued)) = spawned else {
        return labelled(&context::current("spawn"), None, Location::caller(), future.take());
    };
    queued.unwrap_or_else(Entry::end);
    Task::new(handle)
}

/// Starts a task like [`spawn`], with a name for [`Runtime::tasks`] and the reports of the
/// [debug mode](Builder::debug). Names need not be unique.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn_named<F>(name: &str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    labelled(&context::current("spawn_named"), Some(name), Location::caller(), future)
}

/// Starts a task that is in the registry of its runtime.
#[cold]
pub(crate) fn labelled<F>(
    scheduler: &Scheduler,
    name: Option<&str>,
    spawned_at: &'static Location<'static>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (watched, label) = scheduler.registry.watch(name, spawned_at, future);
    let task = Task::new(scheduler.spawn(watched));
    label.set_task(task.id());
    task
}

/// Starts a task that stays on this thread, so that its future and its output need not be `Send`.
///
/// Its future is polled and dropped on this thread only, also if it is cancelled from another. If the runtime
/// is dropped on another thread, the task ends there, and the future goes when this thread ends or next uses
/// local tasks.
///
/// # Panics
///
/// On a thread that runs no event loop, in particular that of a multi-thread runtime or of a blocking job.
/// Once there are local tasks, `block_on` panics on any other thread.
#[track_caller]
pub fn spawn_local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let scheduler = context::current("spawn_local");
    let Some(locals) = scheduler.host::<Shared>().and_then(|shared| shared.locals.as_ref()) else {
        panic!(
            "spawn_local was called on a multi-thread runtime, whose tasks move between threads; \
             use spawn, or Runtime::current_thread"
        )
    };
    assert!(
        context::polls() || scheduler.is_closed(),
        "spawn_local was called in a blocking job, which is not on the thread of the event loop; \
         call it inside a task"
    );
    if scheduler.is_debugged {
        let (watched, label) = scheduler.registry.watch(None, Location::caller(), future);
        let task = Task::new(locals.spawn(&scheduler, watched));
        label.set_task(task.id());
        return task;
    }
    Task::new(locals.spawn(&scheduler, future))
}

/// Runs a job on a thread of the current runtime where it may block, as [`Runtime::spawn_blocking`] does.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let mut job = Moving::new(Job::new(job));
    let (pool, job, handle) = context::with_current("spawn_blocking", |scheduler, worker| {
        let (job, handle) = task::new_job(scheduler, worker, &mut job);
        (scheduler.host().map(|shared: &Shared| shared.pool.clone()), job, handle)
    });
    match pool {
        Some(pool) => pool.queue(job),
        // Destructors at the end of a `ThreadPool`, which takes no jobs by then.
        None => job.abandon(),
    }
    Task::new(handle)
}
