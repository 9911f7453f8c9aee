//! [`Builder`]: the choices for a runtime, and the start of its workers.

use std::{
    fmt, io,
    num::NonZeroUsize,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Flavour, Runtime, Shared};
use crate::{
    local::Locals,
    scheduler::{
        Scheduler, Workers, context,
        debug::{Debug, Hook, Report},
        parking::Parker,
        worker::Worker,
    },
    sync::thread::JoinHandle,
};

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
    /// Makes the builder of an event loop.
    pub(super) fn new() -> Builder {
        Builder {
            flavour: Flavour::CurrentThread,
            max_blocking_threads: default_blocking_threads(),
            slow_poll: None,
            hook: None,
        }
    }

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
    /// `slow_poll` or longer, because it blocks or computes, while the other tasks of its thread wait; each panic
    /// of such a callback, and of a task that nobody has looked at when its handle is dropped; and each task that
    /// is unfinished when the runtime ends. The reports, with the name of the task and the place where it was
    /// spawned, go to standard error, or to [`on_report`](Self::on_report). All tasks have names, and
    /// [`Runtime::tasks`] shows them.
    pub fn debug(mut self, slow_poll: Duration) -> Builder {
        self.slow_poll = Some(slow_poll);
        self
    }

    /// Passes the reports of the [debug mode](Self::debug) to `hook`, on whichever thread they arise.
    ///
    /// If it panics, that is swallowed. What is found inside it, as of a task that it spawns when the runtime ends, goes to
    /// standard error.
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
        let mut runtime = Runtime { scheduler, shared, flavour: self.flavour, workers: Vec::new() };
        // The caller of `block_on` is number zero.
        for number in 1..=threads {
            let worker = runtime.start_worker(number)?;
            runtime.workers.push(worker);
        }
        Ok(runtime)
    }
}

impl Runtime {
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
