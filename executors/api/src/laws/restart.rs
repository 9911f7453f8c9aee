//! Checks the laws of [`Restart`].

use std::{
    fs,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{Config, Restart};

use super::{
    tasks::{SlowDrop, gather_workers},
    until,
};

/// The time that ended threads may take to disappear: the kernel cleans up after a join has returned.
const PARTING: Duration = Duration::from_secs(1);

/// A hundred executors in succession each run a task, which spawns another, and return its output.
pub fn an_executor_starts_and_ends_a_hundred_times<E: Restart>(config: &Config) {
    for round in 0..100u64 {
        let output = E::once(config, async move { E::spawn(async move { round }).await });
        assert_eq!(output, round, "the output of a task on a restarted executor");
    }
}

/// An executor ends with all the threads that it has started, on systems that can count them.
pub fn no_thread_outlives_its_executor<E: Restart>(config: &Config) {
    let threads = config.threads.get();
    let Some(before) = count_threads() else { return };
    for _ in 0..10 {
        let workers = E::once(config, async move { gather_workers::<E>(threads).await });
        assert_eq!(workers.len(), threads, "every worker polls tasks");
    }
    let left = || count_threads().unwrap_or(before).saturating_sub(before);
    let start = Instant::now();
    while left() > 0 && start.elapsed() < PARTING {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(left(), 0, "threads outlive their executors");
}

/// The futures of detached tasks are gone when `once` returns, and their destructors have ended.
pub fn the_end_of_an_executor_drops_what_is_left<E: Restart>(config: &Config) {
    let gone = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
    let [waiting, yielding, new] = gone.clone().map(SlowDrop);
    E::once(config, async move {
        let waits = Arc::new(AtomicBool::new(false));
        let started = waits.clone();
        drop(E::spawn(async move {
            let _guard = waiting;
            started.store(true, SeqCst);
            pending::<()>().await;
        }));
        drop(E::spawn(async move {
            let _guard = yielding;
            loop {
                E::yield_now().await;
            }
        }));
        until::<E>("a task starts", || waits.load(SeqCst)).await;
        // This task may never have been polled when the executor ends.
        drop(E::spawn(async move {
            let _guard = new;
            pending::<()>().await;
        }));
    });
    let gone = gone.map(|gone| gone.load(SeqCst));
    assert_eq!(gone, [true; 3], "the executor has ended: gone are a waiting, a yielding and a new task");
}

/// Returns the number of threads of this process, or `None` where the system does not tell.
fn count_threads() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}
