//! Counts the work of a run: a decorator for executors that keeps a ledger of what was spawned and what became of it.
//!
//! The answer says that a run computed the right thing; the ledger says that it did so by the right work. A run is
//! counted apart from the clock, with [`Counted<E>`] in the place of `E`, on the same workers. With the same decorator
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
use workload_api::Work;

use crate::{figures, lateness};

/// The executor `E`, counted.
pub struct Counted<E>(E);

/// A run that was counted.
pub(crate) struct CountedRun<T> {
    /// What it computed.
    pub(crate) output: T,
    /// The thread that first polled its root.
    pub(crate) root: ThreadId,
    /// What it did.
    pub(crate) counts: Counts,
}

/// What the ledger says of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
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
    /// Those of them that began while another was on the stack of the same thread.
    pub(crate) nested_polls: u64,
    /// Jobs given to the blocking pool.
    pub(crate) jobs: u64,
    /// The most jobs that ran at once.
    pub(crate) jobs_at_once: u64,
}

/// Runs `main` on the workers of `executor`, counts the work, and checks that it is all over when `main` is, and that
/// it is what `work` specifies.
///
/// What was counted before, while the workload was prepared, is work that no clock would see.
///
/// # Errors
///
/// If the work is not as it should be, or if threads did it that should not have.
pub(crate) fn count<E: Executor, F>(
    executor: &E,
    config: &Config,
    work: &Work,
    main: impl FnOnce() -> F + Send + 'static,
) -> Result<CountedRun<F::Output>, String>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let caller = thread::current().id();
    let (before, root, output) = executor.run(async move {
        let (before, root) = (LEDGER.counts(), thread::current().id());
        (before, root, polls_counted(async { main().await }).await)
    });
    let counts = LEDGER.counts();
    LEDGER.clear();
    if before.spawned + before.jobs > 0 {
        let (tasks, jobs) = (before.spawned, before.jobs);
        return Err(format!("{tasks} tasks and {jobs} jobs had begun before the run: work before the clock"));
    }
    check_threads(&counts, caller, config)?;
    if counts.nested_polls > 0 {
        return Err("a task was polled inside the poll of another".into());
    }
    let left = counts.spawned - counts.finished - counts.cancelled;
    if left > 0 {
        return Err(format!("{left} of {} tasks were left behind", counts.spawned));
    }
    check_work(&counts, work)?;
    Ok(CountedRun { output, root, counts })
}

fn check_threads(counts: &Counts, caller: ThreadId, config: &Config) -> Result<(), String> {
    let (threads, jobs) = (counts.threads.len(), counts.jobs_at_once);
    if counts.threads.contains(&caller) {
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

/// Compares what was done with what the workload says that it does.
///
/// # Errors
///
/// The first difference.
pub(crate) fn check_work(counts: &Counts, work: &Work) -> Result<(), String> {
    let exact = [
        ("spawned", counts.spawned, work.spawned, "tasks"),
        ("finished", counts.finished, work.finished, "tasks"),
        ("cancelled", counts.cancelled, work.cancelled, "tasks"),
        ("ran", counts.jobs, work.jobs, "blocking jobs"),
    ];
    for (verb, done, specified, noun) in exact {
        if let Some(specified) = specified.filter(|&specified| specified != done) {
            let [done, specified] = [done, specified].map(figures::whole);
            return Err(format!("{verb} {done} {noun}, its specification says {specified}"));
        }
    }
    let at_least = [
        ("had", counts.at_once, work.at_once, "tasks in flight at once"),
        ("polled", counts.polls, work.polls, "times"),
    ];
    for (verb, done, specified, noun) in at_least {
        if let Some(specified) = specified.filter(|&specified| done < specified) {
            let [done, specified] = [done, specified].map(figures::whole);
            return Err(format!("{verb} {done} {noun}, its specification says {specified} or more"));
        }
    }
    Ok(())
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

impl<E: Executor> Executor for Counted<E> {
    const ABOUT: About = E::ABOUT;

    type Task<T: Send + 'static> = E::Task<T>;

    fn start(config: &Config) -> Self {
        Counted(E::start(config))
    }

    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.run(polls_counted(main))
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

impl<E: Timer> Timer for Counted<E> {
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

impl<E: Remote> Remote for Counted<E> {
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

impl<E: Restart> Restart for Counted<E> {
    /// Uncounted: the ledger is that of the executor that runs the workload, not of one that a task starts.
    fn once<F>(config: &Config, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        E::once(config, main)
    }
}

impl<E: BlockingPool> BlockingPool for Counted<E> {
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

/// Whether runs are watched for their sleeps, and not counted.
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
    /// Whether this thread is in the ledger: a lock at every poll would have all workers wait for each other.
    static KNOWN: Cell<bool> = const { Cell::new(false) };
    /// How many polls are on the stack of this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Ledger {
    fn counts(&self) -> Counts {
        Counts {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Four tasks, one of them cancelled, and three jobs.
    fn counts() -> Counts {
        Counts { spawned: 4, finished: 3, cancelled: 1, jobs: 3, at_once: 2, polls: 9, ..Counts::default() }
    }

    #[test]
    fn work_as_specified_is_right_and_what_is_not_specified_is_open() {
        let specified = Work {
            spawned: Some(4),
            finished: Some(3),
            cancelled: Some(1),
            jobs: Some(3),
            at_once: Some(2),
            polls: Some(8),
        };
        assert_eq!(check_work(&counts(), &specified), Ok(()));
        assert_eq!(check_work(&counts(), &Work::default()), Ok(()));
    }

    #[test]
    fn each_difference_from_the_specification_is_named() {
        let open = Work::default();
        for (work, complaint) in [
            (Work { spawned: Some(10_000), ..open }, "spawned 4 tasks, its specification says 10,000"),
            (Work { finished: Some(4), ..open }, "finished 3 tasks, its specification says 4"),
            (Work { cancelled: Some(0), ..open }, "cancelled 1 tasks, its specification says 0"),
            (Work { jobs: Some(2), ..open }, "ran 3 blocking jobs, its specification says 2"),
            (
                Work { at_once: Some(3), ..open },
                "had 2 tasks in flight at once, its specification says 3 or more",
            ),
            (Work { polls: Some(10), ..open }, "polled 9 times, its specification says 10 or more"),
        ] {
            assert_eq!(check_work(&counts(), &work), Err(complaint.to_owned()));
        }
    }
}
