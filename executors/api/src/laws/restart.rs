//! The laws of [`Restart`].

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

/// How long threads that have ended may take to be gone: the kernel clears up after whoever joined them was told.
const PARTING: Duration = Duration::from_secs(1);

/// A hundred executors one after the other each run a task, which spawns another, and give its output.
pub fn an_executor_starts_and_ends_a_hundred_times<E: Restart>(config: &Config) {
    for round in 0..100u64 {
        let output = E::once(config, async move { E::spawn(async move { round }).await });
        assert_eq!(output, round, "the output of a task on an executor that was started again");
    }
}

/// No thread is there after the end of an executor that was not there before, where the system can be asked.
pub fn no_thread_outlives_its_executor<E: Restart>(config: &Config) {
    let threads = config.threads.get();
    let Some(before) = count_threads() else { return };
    for _ in 0..10 {
        let workers = E::once(config, async move { gather_workers::<E>(threads).await });
        assert_eq!(workers.len(), threads, "so many workers polled tasks");
    }
    let left = || count_threads().unwrap_or(before).saturating_sub(before);
    let start = Instant::now();
    while left() > 0 && start.elapsed() < PARTING {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(left(), 0, "so many threads outlive their executors");
}

/// With its executor ends what was left detached: its futures are gone when `once` returns, their destructors over.
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
        // Perhaps nobody has polled it when the executor ends.
        drop(E::spawn(async move {
            let _guard = new;
            pending::<()>().await;
        }));
    });
    let gone = gone.map(|gone| gone.load(SeqCst));
    assert_eq!(
        gone, [true; 3],
        "the executor has ended, and of a waiting, a yielding and a new task these are gone"
    );
}

/// How many threads this process has.
fn count_threads() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}
