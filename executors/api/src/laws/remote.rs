//! Checks the laws of [`Remote`].

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::{Config, Remote};

use super::{PATIENCE, tasks::gather_workers, until};

/// A task that another thread spawns is polled by a worker, and its output reaches its awaiter.
pub fn a_task_from_outside_runs_on_a_worker_and_gives_its_output<E: Remote>(config: &Config) {
    let threads = config.threads.get();
    let executor = E::start(config);
    let spawner = executor.run(async { E::spawner() });
    let tasks: Vec<_> = (0..100u64)
        .map(|index| E::spawn_from(&spawner, async move { (index, thread::current().id()) }))
        .collect();
    executor.run(async move {
        let workers = gather_workers::<E>(threads).await;
        for (index, task) in (0..).zip(tasks) {
            let (output, polled_by) = task.await;
            assert_eq!(output, index);
            assert!(workers.contains(&polled_by), "a task from outside ran on a thread that is no worker");
        }
    });
}

/// `spawn_from` only queues, on an outside thread and on a worker: no task is ever polled inside the call.
pub fn a_task_never_runs_inside_the_call_of_spawn_from<E: Remote>(config: &Config) {
    thread_local! {
        static SPAWNING: Cell<bool> = const { Cell::new(false) };
    }
    fn spawn<E: Remote>(spawner: &E::Spawner) -> Vec<E::Task<bool>> {
        SPAWNING.set(true);
        let tasks = (0..1_000).map(|_| E::spawn_from(spawner, async { SPAWNING.get() })).collect();
        SPAWNING.set(false);
        tasks
    }
    let executor = E::start(config);
    let spawner = executor.run(async { E::spawner() });
    let from_outside = spawn::<E>(&spawner);
    executor.run(async move {
        let from_a_worker = spawn::<E>(&spawner);
        for task in from_outside.into_iter().chain(from_a_worker) {
            assert!(!task.await, "a task ran while its thread was inside the call of spawn_from");
        }
    });
}

/// Ten thousand tasks that two threads spawn at once each run exactly once, awaited or detached.
pub fn tasks_from_two_threads_all_run_once<E: Remote>(config: &Config) {
    const EACH: u64 = 5_000;
    let runs = Arc::new(AtomicUsize::new(0));
    let executor = E::start(config);
    let spawner = executor.run(async { E::spawner() });
    let (stop, stopped) = mpsc::channel::<()>();
    let busy = E::spawn_from(&spawner, async move {
        // Dropping the sender ends this task.
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            E::yield_now().await;
        }
    });
    let spawn = |first: u64| {
        let (runs, spawner) = (runs.clone(), spawner.clone());
        thread::spawn(move || {
            let spawn = |index| {
                let runs = runs.clone();
                E::spawn_from(&spawner, async move {
                    E::yield_now().await;
                    runs.fetch_add(1, SeqCst);
                    index
                })
            };
            // The other half of the handles is dropped here, while their tasks may be running.
            (first..first + EACH)
                .map(|index| (index, spawn(index)))
                .filter(|(index, _)| index % 2 == 0)
                .collect()
        })
    };
    let threads = [0, EACH].map(spawn);
    let tasks: [Vec<(u64, _)>; 2] = threads.map(|thread| thread.join().expect("the thread only spawns"));
    drop(stop);
    let counted = runs.clone();
    let sum = executor.run(async move {
        let mut sum = 0;
        for (_, task) in tasks.into_iter().flatten() {
            sum += task.await;
        }
        busy.await;
        let all = || counted.load(SeqCst) >= 2 * EACH as usize;
        until::<E>("the detached tasks end too", all).await;
        sum
    });
    assert_eq!(sum, EACH * (EACH - 1));
    assert_eq!(runs.load(SeqCst), 2 * EACH as usize, "each task runs once");
}

/// A task from outside wakes an executor whose workers are parked.
pub fn a_task_from_outside_wakes_an_idle_executor<E: Remote>(config: &Config) {
    let executor = E::start(config);
    let spawner = executor.run(async { E::spawner() });
    let (ran, runs) = mpsc::channel();
    for round in 0..20 {
        // Gives the workers time to park.
        thread::sleep(Duration::from_millis(5));
        let ran = ran.clone();
        drop(E::spawn_from(&spawner, async move { ran.send(round).expect("the law waits for it") }));
        let run = runs.recv_timeout(PATIENCE);
        assert_eq!(run, Ok(round), "a task from outside does not run: its executor sleeps");
    }
}
