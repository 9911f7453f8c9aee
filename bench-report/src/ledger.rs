//! Counts the work of a run: a decorator for executors that keeps a ledger of what was spawned and what became of it.
//!
//! The answer says that a run computed the right thing; the ledger says that it did so by the right work. A run is
//! counted apart from the clock, with [`Counted<E>`] in the place of `E`, on the same workers.

use std::{
    collections::HashSet,
    future,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use executor_api::{About, BlockingPool, Config, Executor, Timer};

use crate::results::Observed;

/// The executor `E`, counted.
pub struct Counted<E>(E);

/// Runs `main` on the workers of `executor`, counts the work, and checks that it is all over when `main` is.
///
/// # Errors
///
/// If tasks are left, if threads polled that should not have, or if more jobs ran at once than the pool has threads.
pub(crate) fn count<E: Executor, F>(
    executor: &E,
    config: &Config,
    main: impl FnOnce() -> F,
) -> Result<(F::Output, Observed), String>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let caller = thread::current().id();
    LEDGER.clear();
    let output = executor.run(polls_counted(main()));
    let observed = LEDGER.observed();
    let left = observed.spawned - observed.finished - observed.cancelled;
    if left > 0 {
        return Err(format!("{left} of {} tasks were left behind", observed.spawned));
    }
    if LEDGER.threads().contains(&caller) {
        return Err("tasks ran on the thread that waits for the run".into());
    }
    if observed.threads > config.threads.get() {
        return Err(format!("{} threads polled tasks, there should be {}", observed.threads, config.threads));
    }
    if observed.jobs_at_once > config.blocking_threads.get() as u64 {
        let (jobs, limit) = (observed.jobs_at_once, config.blocking_threads);
        return Err(format!("{jobs} blocking jobs ran at once, the pool should have {limit} threads"));
    }
    Ok((output, observed))
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
        let fate = Fate::of_a_new_task();
        E::spawn(async move {
            let output = polls_counted(future).await;
            fate.finished();
            output
        })
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        E::yield_now()
    }
}

impl<E: Timer> Timer for Counted<E> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        E::sleep(duration)
    }

    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        E::timeout(duration, future)
    }
}

impl<E: BlockingPool> BlockingPool for Counted<E> {
    fn spawn_blocking<T, J>(job: J) -> Self::Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
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

/// Ambient, as everything a task asks of its executor is: one process runs one executor.
static LEDGER: Ledger = Ledger {
    spawned: AtomicU64::new(0),
    finished: AtomicU64::new(0),
    cancelled: AtomicU64::new(0),
    polls: AtomicU64::new(0),
    jobs: AtomicU64::new(0),
    jobs_running: AtomicU64::new(0),
    jobs_at_once: AtomicU64::new(0),
    threads: Mutex::new(None),
};

struct Ledger {
    spawned: AtomicU64,
    finished: AtomicU64,
    cancelled: AtomicU64,
    polls: AtomicU64,
    jobs: AtomicU64,
    jobs_running: AtomicU64,
    jobs_at_once: AtomicU64,
    /// The threads that polled; none before the first poll, because a set cannot be made in a constant.
    threads: Mutex<Option<HashSet<ThreadId>>>,
}

impl Ledger {
    fn clear(&self) {
        let counters = [&self.spawned, &self.finished, &self.cancelled, &self.polls, &self.jobs];
        for counter in counters.into_iter().chain([&self.jobs_running, &self.jobs_at_once]) {
            counter.store(0, SeqCst);
        }
        *self.lock_threads() = None;
    }

    fn observed(&self) -> Observed {
        Observed {
            threads: self.threads().len(),
            spawned: self.spawned.load(SeqCst),
            finished: self.finished.load(SeqCst),
            cancelled: self.cancelled.load(SeqCst),
            polls: self.polls.load(SeqCst),
            jobs: self.jobs.load(SeqCst),
            jobs_at_once: self.jobs_at_once.load(SeqCst),
        }
    }

    fn poll(&self) {
        self.polls.fetch_add(1, SeqCst);
        self.lock_threads().get_or_insert_default().insert(thread::current().id());
    }

    fn threads(&self) -> HashSet<ThreadId> {
        self.lock_threads().clone().unwrap_or_default()
    }

    fn lock_threads(&self) -> MutexGuard<'_, Option<HashSet<ThreadId>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes into the ledger what becomes of a task: it finishes, or its future is dropped before.
struct Fate {
    finished: bool,
}

impl Fate {
    fn of_a_new_task() -> Fate {
        LEDGER.spawned.fetch_add(1, SeqCst);
        Fate { finished: false }
    }

    fn finished(mut self) {
        self.finished = true;
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        let counter = if self.finished { &LEDGER.finished } else { &LEDGER.cancelled };
        counter.fetch_add(1, SeqCst);
    }
}

async fn polls_counted<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    future::poll_fn(|context| {
        LEDGER.poll();
        future.as_mut().poll(context)
    })
    .await
}
