//! Audits the work of a run: a decorator for executors that keeps a ledger of the tasks that were spawned and how each ended.
//!
//! The answer says that a run computed the right thing; the ledger says that it did so by the right work. A run is
//! audited apart from the clock, with [`Audited<E>`] in the place of `E`, on the same workers. With the same decorator
//! other runs are watched for how late their sleeps end, and then nothing is counted.

use std::{
    cell::Cell,
    collections::HashSet,
    future,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use executor_api::{About, BlockingPool, Config, Executor, Remote, Restart, Timer};
use lane_protocol::{Ledger as Tasks, Work, WorkDone};

use crate::lateness;

/// The executor `E`, audited.
pub struct Audited<E>(E);

/// A run that was audited.
pub(crate) struct AuditedRun {
    /// The complaint about its answer, if that was wrong.
    pub(crate) answer: Result<(), String>,
    /// The thread that first polled its root.
    pub(crate) root: ThreadId,
    /// The work it did.
    pub(crate) audit: Audit,
    /// The work that was done before it: while the workload was prepared, which no clock sees.
    before: Audit,
    /// The thread that waited for it.
    caller: ThreadId,
}

/// The ledger of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    /// The threads that polled.
    pub(crate) threads: HashSet<ThreadId>,
    /// Tasks spawned, the root not counted.
    pub(crate) spawned: u64,
    /// Tasks that ran to their end.
    pub(crate) finished: u64,
    /// Tasks whose future was dropped before its end.
    pub(crate) cancelled: u64,
    /// The most tasks that had been spawned and not ended.
    pub(crate) at_once: u64,
    /// Polls of tasks and root.
    pub(crate) polls: u64,
    /// Polls that began while another was on the stack of the same thread.
    pub(crate) nested_polls: u64,
    /// Jobs given to the blocking pool.
    pub(crate) jobs: u64,
    /// The most jobs that ran at once.
    pub(crate) jobs_at_once: u64,
}

/// Runs `main` on the workers of `executor`, and returns the complaint it makes and the work it did.
pub(crate) fn audit<E: Executor>(
    executor: &E,
    main: impl Future<Output = Result<(), String>> + Send + 'static,
) -> AuditedRun {
    let caller = thread::current().id();
    let (before, root, answer) = executor.run(async move {
        let (before, root) = (LEDGER.audit(), thread::current().id());
        (before, root, polls_counted(main).await)
    });
    let audit = LEDGER.audit();
    LEDGER.clear();
    AuditedRun { answer, root, audit, before, caller }
}

impl AuditedRun {
    /// Checks that the work was over when the run was, that it is what `work` specifies, and that the right threads did it.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub(crate) fn check(&self, config: &Config, work: &Work) -> Result<(), String> {
        let AuditedRun { audit, before, .. } = self;
        if before.spawned + before.jobs > 0 {
            let (tasks, jobs) = (before.spawned, before.jobs);
            return Err(format!(
                "{tasks} tasks and {jobs} jobs had begun before the run: work before the clock"
            ));
        }
        self.check_threads(config)?;
        if audit.nested_polls > 0 {
            return Err("a task was polled inside the poll of another".into());
        }
        let left = audit.spawned - audit.finished - audit.cancelled;
        if left > 0 {
            return Err(format!("{left} of {} tasks were left behind", audit.spawned));
        }
        let Audit { spawned, finished, cancelled, jobs, at_once, polls, .. } = *audit;
        let ledger = Tasks { spawned, finished, cancelled, jobs };
        work.check(&WorkDone { ledger, at_once: Some(at_once), polls: Some(polls) })
    }

    fn check_threads(&self, config: &Config) -> Result<(), String> {
        let (threads, jobs) = (self.audit.threads.len(), self.audit.jobs_at_once);
        if self.audit.threads.contains(&self.caller) {
            return Err("tasks ran on the thread that waits for the run".into());
        }
        if threads > config.threads.get() {
            return Err(format!("{threads} threads polled tasks, there should be {}", config.threads));
        }
        if jobs > config.blocking_threads.get() as u64 {
            let limit = config.blocking_threads;
            return Err(format!("{jobs} blocking jobs ran at once, the pool should have {limit} threads"));
        }
        Ok(())
    }
}

/// Translates work into the words of the protocol.
pub(crate) fn in_words_of_protocol(work: workload_api::Work) -> Work {
    let workload_api::Work { spawned, finished, cancelled, jobs, at_once, polls } = work;
    Work { spawned, finished, cancelled, jobs, at_once, polls }
}

/// Watches sleeps instead of counting work, until the value is dropped.
pub(crate) struct Watching;

impl Watching {
    /// Begins to watch; no run may be on its way.
    pub(crate) fn sleeps() -> Watching {
        WATCHING.store(true, SeqCst);
        Watching
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHING.store(false, SeqCst);
    }
}

impl<E: Executor> Executor for Audited<E> {
    const ABOUT: About = E::ABOUT;

    type Task<T: Send + 'static> = E::Task<T>;

    fn start(config: &Config) -> Self {
        Audited(E::start(config))
    }

    /// Uncounted, as [`once`](Restart::once) is: only a task that has started an executor of its own calls it.
    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.run(main)
    }

    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if WATCHING.load(Relaxed) {
            return E::spawn(future);
        }
        E::spawn(fate_counted(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        E::yield_now()
    }
}

impl<E: Timer> Timer for Audited<E> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        // A sleep counts from its call. One that ends later than any clock can say has nothing to be late for.
        let due = Instant::now().checked_add(duration);
        let sleep = E::sleep(duration);
        async move {
            sleep.await;
            if let Some(due) = due {
                lateness::woken(due, Instant::now());
            }
        }
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        let sleep = E::sleep_until(deadline);
        async move {
            sleep.await;
            lateness::woken(deadline, Instant::now());
        }
    }

    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        E::timeout(duration, future)
    }
}

impl<E: Remote> Remote for Audited<E> {
    type Spawner = E::Spawner;

    fn spawner() -> Self::Spawner {
        E::spawner()
    }

    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if WATCHING.load(Relaxed) {
            return E::spawn_from(spawner, future);
        }
        E::spawn_from(spawner, fate_counted(future))
    }
}

impl<E: Restart> Restart for Audited<E> {
    /// Uncounted: the ledger is that of the executor that runs the workload, not of one that a task starts.
    fn once<F>(config: &Config, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        E::once(config, main)
    }
}

impl<E: BlockingPool> BlockingPool for Audited<E> {
    fn spawn_blocking<T, J>(job: J) -> Self::Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        if WATCHING.load(Relaxed) {
            return E::spawn_blocking(job);
        }
        LEDGER.jobs.fetch_add(1, SeqCst);
        E::spawn_blocking(move || {
            let running = LEDGER.jobs_running.fetch_add(1, SeqCst) + 1;
            LEDGER.jobs_at_once.fetch_max(running, SeqCst);
            let result = job();
            LEDGER.jobs_running.fetch_sub(1, SeqCst);
            result
        })
    }
}

/// True while runs are watched for their sleeps, and not audited.
static WATCHING: AtomicBool = AtomicBool::new(false);

/// Ambient, as everything a task asks of its executor is: one process runs one executor, and counts one run.
static LEDGER: Ledger = Ledger {
    spawned: AtomicU64::new(0),
    finished: AtomicU64::new(0),
    cancelled: AtomicU64::new(0),
    alive: AtomicU64::new(0),
    at_once: AtomicU64::new(0),
    polls: AtomicU64::new(0),
    nested_polls: AtomicU64::new(0),
    jobs: AtomicU64::new(0),
    jobs_running: AtomicU64::new(0),
    jobs_at_once: AtomicU64::new(0),
    threads: Mutex::new(None),
};

struct Ledger {
    spawned: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
    alive: AtomicU64,
    at_once: AtomicU64,
    polls: AtomicU64,
    nested_polls: AtomicU64,
    jobs: AtomicU64,
    jobs_running: AtomicU64,
    jobs_at_once: AtomicU64,
    /// The threads that polled; none before the first poll, because a set cannot be made in a constant.
    threads: Mutex<Option<HashSet<ThreadId>>>,
}

thread_local! {
    /// True once this thread is in the ledger: a lock at every poll would have all workers wait for each other.
    static KNOWN: Cell<bool> = const { Cell::new(false) };
    /// The number of polls on the stack of this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Ledger {
    fn audit(&self) -> Audit {
        Audit {
            threads: self.lock_threads().clone().unwrap_or_default(),
            spawned: self.spawned.load(SeqCst),
            finished: self.finished.load(SeqCst),
            cancelled: self.cancelled.load(SeqCst),
            at_once: self.at_once.load(SeqCst),
            polls: self.polls.load(SeqCst),
            nested_polls: self.nested_polls.load(SeqCst),
            jobs: self.jobs.load(SeqCst),
            jobs_at_once: self.jobs_at_once.load(SeqCst),
        }
    }

    /// Leaves the threads: who is in the ledger does not enter it again.
    fn clear(&self) {
        let tasks = [&self.spawned, &self.finished, &self.cancelled, &self.alive, &self.at_once];
        let jobs = [&self.jobs, &self.jobs_running, &self.jobs_at_once];
        for counter in tasks.into_iter().chain(jobs).chain([&self.polls, &self.nested_polls]) {
            counter.store(0, SeqCst);
        }
    }

    fn lock_threads(&self) -> MutexGuard<'_, Option<HashSet<ThreadId>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll in the ledger, while it is on the stack.
struct Poll;

impl Poll {
    fn begin() -> Poll {
        LEDGER.polls.fetch_add(1, Relaxed);
        if !KNOWN.replace(true) {
            LEDGER.lock_threads().get_or_insert_default().insert(thread::current().id());
        }
        if DEPTH.replace(DEPTH.get() + 1) > 0 {
            LEDGER.nested_polls.fetch_add(1, Relaxed);
        }
        Poll
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Writes into the ledger what becomes of a task: it finishes, or its future is dropped before.
struct Fate {
    finished: bool,
}

impl Fate {
    fn of_a_new_task() -> Fate {
        LEDGER.spawned.fetch_add(1, SeqCst);
        let alive = LEDGER.alive.fetch_add(1, SeqCst) + 1;
        LEDGER.at_once.fetch_max(alive, SeqCst);
        Fate { finished: false }
    }

    fn finished(mut self) {
        self.finished = true;
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        LEDGER.alive.fetch_sub(1, SeqCst);
        let counter = if self.finished { &LEDGER.finished } else { &LEDGER.cancelled };
        counter.fetch_add(1, SeqCst);
    }
}

/// Writes into the ledger that a task has been spawned, now, and later what becomes of it.
fn fate_counted<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let fate = Fate::of_a_new_task();
    async move {
        let output = polls_counted(future).await;
        fate.finished();
        output
    }
}

async fn polls_counted<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    future::poll_fn(|context| {
        let _poll = Poll::begin();
        future.as_mut().poll(context)
    })
    .await
}
