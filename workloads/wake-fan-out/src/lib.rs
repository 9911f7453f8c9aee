//! Wakes that fan out: measures the cost of waking many tasks that wait for the same thing.
use executor_api::Executor;
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::{Context, Poll, Waker},
};

use atomic_waker::AtomicWaker;
use workload_api::{About, Work, Workload, gather};

/// The wake-ups of a run, whatever its size.
const WAKES: u64 = 20_000;

/// One task wakes N waiting ones, 20,000 / N times.
pub struct WakeFanOut {
    receivers: u64,
    versions: u64,
}

impl<E: Executor> Workload<E> for WakeFanOut {
    const ABOUT: About = About {
        name: "wake-fan-out",
        description: "N tasks wait for the next version of a number; the root publishes one, wakes all N, and waits until \
                      all have seen it: 20,000 / N times.",
        group: "Scheduling",
        operation: "one wake-up",
        size: "tasks that wait",
        shows: "the cost of a wake-up, and of the turn that follows, where one task wakes many: a watch channel, a broadcast, \
                a shutdown",
        hides: "the channel of an executor's own: a list of std's wakers under a lock serves all lanes, and its time is in \
                every figure, as are the start and end of the N tasks",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1_000];
    const FULL_SIZES: &'static [u64] = &[10, 100];
    /// The number of versions that each task saw, and their sum: those that see the right ones are equal.
    type Answer = Vec<(u64, u64)>;

    fn prepare(receivers: u64) -> Self {
        WakeFanOut { receivers, versions: WAKES.div_ceil(receivers) }
    }
    async fn run(self: Arc<Self>) -> Vec<(u64, u64)> {
        let watch = Arc::new(Watch::of(self.receivers));
        let tasks = (0..self.receivers).map(|_| E::spawn(receive(watch.clone(), self.versions)));
        let tasks: Vec<_> = tasks.collect();
        // Before each version, and before the first one too, all have to wait.
        for version in 1..=self.versions {
            watch.all_wait().await;
            watch.publish(version);
        }
        gather(tasks).await
    }
    fn expected(&self) -> Vec<(u64, u64)> {
        vec![(self.versions, (1..=self.versions).sum()); self.receivers as usize]
    }
    fn operations(&self) -> u64 {
        self.receivers * self.versions
    }
    fn work(&self) -> Work {
        // Each task waits for each version, so that each has a poll of its own.
        Work { polls: Some(self.receivers * (self.versions + 1) + 1), ..Work::tasks(self.receivers) }
    }
}

/// A number that one task publishes and others wait for.
struct Watch {
    receivers: u64,
    published: Mutex<Published>,
    /// The tasks that do not wait for the next version yet.
    behind: AtomicU64,
    publisher: AtomicWaker,
}

/// The last version, and those that wait for the next one.
#[derive(Default)]
struct Published {
    version: u64,
    waiting: Vec<Waker>,
}

impl Watch {
    fn of(receivers: u64) -> Watch {
        Watch {
            receivers,
            published: Mutex::default(),
            behind: AtomicU64::new(receivers),
            publisher: AtomicWaker::new(),
        }
    }

    /// Waits until all receivers wait for the next version.
    async fn all_wait(&self) {
        poll_fn(|context| {
            self.publisher.register(context.waker());
            if self.behind.load(Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Publishes a version and wakes all that wait for it.
    fn publish(&self, version: u64) {
        self.behind.store(self.receivers, Release);
        let mut published = self.lock();
        published.version = version;
        let waiting = std::mem::replace(&mut published.waiting, Vec::with_capacity(self.receivers as usize));
        // Whoever is woken needs the lock.
        drop(published);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Returns the version after `seen` once there is one.
    fn poll_next(&self, seen: u64, context: &mut Context<'_>) -> Poll<u64> {
        let mut published = self.lock();
        if published.version > seen {
            return Poll::Ready(published.version);
        }
        published.waiting.push(context.waker().clone());
        drop(published);
        if self.behind.fetch_sub(1, AcqRel) == 1 {
            self.publisher.wake();
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives versions up to the last one, and returns their number and their sum.
async fn receive(watch: Arc<Watch>, last: u64) -> (u64, u64) {
    let (mut seen, mut received, mut sum) = (0, 0, 0);
    while seen < last {
        seen = poll_fn(|context| watch.poll_next(seen, context)).await;
        received += 1;
        sum += seen;
    }
    (received, sum)
}
