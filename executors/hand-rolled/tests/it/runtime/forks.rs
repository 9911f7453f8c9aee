//! A child of a fork, which has no thread of its parent's but one: what it inherits works, or says that it
//! does not.

use std::{
    future::pending,
    sync::{Arc, Mutex, mpsc},
};

use hand_rolled::{Runtime, TaskError, ThreadPool, run, sleep, spawn, spawn_blocking};

use crate::{PATIENCE, alone, in_fork, lock, ms, number, panic_of, two_workers, wait_until};

#[test]
fn an_event_loop_goes_on_in_the_child_with_threads_of_its_own() {
    alone(|| {
        let runtime = Runtime::current_thread();
        run(runtime.spawn_blocking(|| ())).unwrap();
        // Time for the thread to be idle.
        std::thread::sleep(ms(20));
        let work = || {
            runtime.block_on(async {
                sleep(ms(1)).await;
                (spawn_blocking(|| 7).await, spawn(async { 8 }).await)
            })
        };
        in_fork(|| assert_eq!(work(), (Ok(7), Ok(8))));
        // One fork more.
        in_fork(|| {
            assert_eq!(work(), (Ok(7), Ok(8)));
            in_fork(|| assert_eq!(work(), (Ok(7), Ok(8))));
            assert_eq!(work(), (Ok(7), Ok(8)));
        });
        assert_eq!(work(), (Ok(7), Ok(8)), "and in the parent");
    });
}

#[test]
fn a_pool_goes_on_in_the_child_and_its_parents_jobs_do_not() {
    alone(|| {
        let pool = ThreadPool::new(number(1));
        let (calls, called) = mpsc::channel();
        let call_back = || {
            let calls = calls.clone();
            let job = pool.submit(|| 7);
            job.add_done_callback(move |_| calls.send(()).unwrap());
            called.recv_timeout(PATIENCE).unwrap();
            assert_eq!(run(job), Ok(7));
        };
        call_back();
        let ((free, told), (starts, started)) = (mpsc::channel::<()>(), mpsc::channel());
        let running = pool.submit(move || {
            starts.send(()).unwrap();
            told.recv().ok();
        });
        started.recv_timeout(PATIENCE).unwrap();
        let queued = pool.submit(|| 8);
        // Time for the thread of the callbacks to be idle: a lock that it held would stay held in the child.
        std::thread::sleep(ms(20));
        in_fork(|| {
            for _ in 0..3 {
                call_back();
            }
            assert_eq!(queued.result(), Err(TaskError::Cancelled), "it runs once, in the parent");
            pool.shutdown();
        });
        in_fork(|| pool.shutdown());
        free.send(()).unwrap();
        assert_eq!((run(running), run(queued)), (Ok(()), Ok(8)));
        call_back();
    });
}

#[test]
fn a_runtime_without_its_workers_says_so() {
    alone(|| {
        let slot = Arc::new(Mutex::new(Some(two_workers())));
        let suspended = lock(&slot).as_ref().unwrap().spawn(pending::<()>());
        let spawner = lock(&slot).as_ref().unwrap().spawner();
        in_fork(|| assert_eq!(run(spawner.spawn(async {})), Err(TaskError::Cancelled)));
        in_fork(|| {
            let runtime = lock(&slot).take().unwrap();
            let message = panic_of(|| runtime.block_on(async {}));
            assert!(message.contains("make a runtime in the child"), "{message}");
            assert_eq!(run(runtime.spawn(async {})), Err(TaskError::Cancelled));
            assert_eq!(run(runtime.spawn_blocking(|| ())), Err(TaskError::Cancelled));
            suspended.cancel();
            drop(runtime);
            assert_eq!(two_workers().block_on(async { spawn(async { 7 }).await }), Ok(7));
        });
        // One worker is the caller of `block_on`, so that none is missed.
        let alone = Runtime::multi_thread(number(1));
        in_fork(|| assert_eq!(alone.block_on(async { spawn(async { 7 }).await }), Ok(7)));
        let runtime = lock(&slot).take().unwrap();
        assert_eq!(runtime.block_on(async { spawn(async { 7 }).await }), Ok(7));
        assert!(!suspended.done());
        drop(runtime);
        wait_until(|| suspended.cancelled());
    });
}

#[test]
fn a_driven_runtime_without_its_driver_says_so() {
    alone(|| {
        for runtime in [Runtime::current_thread(), Runtime::multi_thread(number(1)), two_workers()] {
            let slot = Mutex::new(Some(runtime.drive_in_background().unwrap()));
            let spawner = lock(&slot).as_ref().unwrap().runtime().spawner();
            let answers = || {
                let (sent, arrives) = mpsc::channel();
                drop(spawner.spawn(async move { sent.send(7) }));
                assert_eq!(arrives.recv_timeout(PATIENCE), Ok(7));
            };
            answers();
            in_fork(|| {
                let driven = lock(&slot).take().unwrap();
                let message = panic_of(|| driven.runtime().block_on(async {}));
                assert!(message.contains("make a runtime in the child"), "{message}");
                assert_eq!(run(driven.runtime().spawn(async {})), Err(TaskError::Cancelled));
                assert_eq!(run(driven.runtime().spawn_blocking(|| ())), Err(TaskError::Cancelled));
            });
            in_fork(|| drop(lock(&slot).take()));
            in_fork(|| assert_eq!(run(spawner.spawn(async {})), Err(TaskError::Cancelled)));
            answers();
            drop(lock(&slot).take());
        }
    });
}
