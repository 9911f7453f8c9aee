//! Blocking jobs: in order, on few threads, and cancelled before they start or not at all.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, Task, TaskError, spawn, spawn_blocking, yield_now};

use crate::{Drops, Log, OnDrop, PATIENCE, number, watched};

#[test]
fn jobs_start_in_the_order_in_which_they_came() {
    watched(|| {
        let log = Log::default();
        one_blocking_thread().block_on(async {
            let (open, gate) = mpsc::channel::<()>();
            let first = spawn_blocking(move || gate.recv_timeout(PATIENCE).unwrap());
            let jobs: Vec<_> = (0..10)
                .map(|index| {
                    let log = log.clone();
                    spawn_blocking(move || log.add(index.to_string()))
                })
                .collect();
            open.send(()).unwrap();
            for job in jobs {
                job.await.unwrap();
            }
            first.await.unwrap();
        });
        assert_eq!(log.text(), "0 1 2 3 4 5 6 7 8 9");
    });
}

#[test]
fn a_job_cancelled_in_the_queue_never_runs_and_ends_at_once() {
    watched(|| {
        one_blocking_thread().block_on(async {
            let (open, gate) = mpsc::channel::<()>();
            let first = spawn_blocking(move || gate.recv_timeout(PATIENCE).unwrap());
            let (send, dropped_on) = mpsc::channel();
            let guard = OnDrop(move || send.send(thread::current().id()).unwrap());
            let queued: Task<()> = spawn_blocking(move || {
                let _guard = &guard;
                unreachable!("it was cancelled")
            });
            assert!(queued.cancel() && queued.cancel());
            assert!(dropped_on.try_recv().is_err(), "cancel ran a destructor on the caller's stack");
            assert_eq!(queued.await, Err(TaskError::Cancelled), "while the thread is still busy");
            assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()));
            open.send(()).unwrap();
            first.await.unwrap();
            assert_eq!(spawn_blocking(|| 7).await, Ok(7));
        });
    });
}

#[test]
fn a_job_cancelled_while_it_runs_ends_for_its_awaiter_and_keeps_its_thread() {
    watched(|| {
        one_blocking_thread().block_on(async {
            let (started, start) = mpsc::channel();
            let (open, gate) = mpsc::channel::<()>();
            let drops = Drops::default();
            let output = drops.guard();
            let job = spawn_blocking(move || {
                started.send(()).unwrap();
                gate.recv_timeout(PATIENCE).unwrap();
                output
            });
            start.recv_timeout(PATIENCE).unwrap();
            assert!(job.cancel());
            assert!(matches!(job.await, Err(TaskError::Cancelled)));
            assert_eq!(drops.count(), 0);
            let next = spawn_blocking(|| 7);
            open.send(()).unwrap();
            assert_eq!(next.await, Ok(7));
            assert_eq!(drops.count(), 1, "its output is dropped");
        });
    });
}

#[test]
fn a_thread_that_is_idle_is_used_again() {
    watched(|| {
        let runtime = Runtime::builder().max_blocking_threads(number(8)).build();
        let threads = runtime.block_on(async {
            let mut threads = HashSet::new();
            for _ in 0..50 {
                threads.insert(spawn_blocking(|| thread::current().id()).await.unwrap());
            }
            threads
        });
        // An output may be there before its thread is idle, so that the next job finds it busy.
        assert!(threads.len() < 8, "{} threads for one job at a time", threads.len());
    });
}

#[test]
fn a_job_gets_a_new_thread_if_the_idle_one_was_told_of_another_job() {
    watched(|| {
        for _ in 0..50 {
            let runtime = Runtime::builder().max_blocking_threads(number(2)).build();
            runtime.block_on(async {
                spawn_blocking(|| {}).await.unwrap();
                // Most likely the thread is idle by then, which no public sign tells.
                thread::sleep(Duration::from_millis(1));
                let (send, receive) = mpsc::channel::<()>();
                // The first job needs the second to run at the same time.
                let waits = spawn_blocking(move || receive.recv().unwrap());
                let sends = spawn_blocking(move || send.send(()).unwrap());
                waits.await.unwrap();
                sends.await.unwrap();
            });
        }
    });
}

#[test]
fn jobs_may_spawn_tasks_and_submit_jobs() {
    watched(|| {
        one_blocking_thread().block_on(async {
            let (task, job) = spawn_blocking(|| (spawn(async { 7 }), spawn_blocking(|| 8))).await.unwrap();
            assert_eq!((task.await, job.await), (Ok(7), Ok(8)));
        });
    });
}

#[test]
fn a_panicking_job_keeps_its_message_and_its_thread() {
    watched(|| {
        one_blocking_thread().block_on(async {
            let threads = Arc::new(Mutex::new(HashSet::new()));
            for _ in 0..3 {
                let threads = threads.clone();
                let job: Task<()> = spawn_blocking(move || {
                    crate::lock(&threads).insert(thread::current().id());
                    panic!("on purpose")
                });
                let Err(TaskError::Panicked(panic)) = job.await else { panic!("the job panicked") };
                assert_eq!(panic.message(), "on purpose");
            }
            assert_eq!(crate::lock(&threads).len(), 1);
        });
    });
}

#[test]
fn a_detached_job_still_runs() {
    watched(|| {
        one_blocking_thread().block_on(async {
            let (send, receive) = mpsc::channel();
            drop(spawn_blocking(move || send.send(()).unwrap()));
            receive.recv_timeout(PATIENCE).unwrap();
            yield_now().await;
        });
    });
}

fn one_blocking_thread() -> Runtime {
    Runtime::builder().max_blocking_threads(number(1)).build()
}
