//! The end of a runtime: everything it owns ends with it.

use std::{
    future::{pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, Task, TaskError, sleep, spawn, spawn_blocking, yield_now};

use crate::{
    Drops, LATER, OnDrop, PATIENCE, lock, number, panic_of, two_workers, until, watched,
    watched_on_each_flavour,
};

#[test]
fn every_future_that_is_left_is_dropped_once_and_its_handle_reads_cancelled() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let spawn_some = || {
            let guards = [(); 3].map(|()| drops.guard());
            let [asleep, waiting, yielding] = guards;
            [
                runtime.spawn(async move {
                    let _guard = asleep;
                    sleep(LATER).await;
                }),
                runtime.spawn(async move {
                    let _guard = waiting;
                    pending::<()>().await;
                }),
                runtime.spawn(async move {
                    let _guard = yielding;
                    loop {
                        yield_now().await;
                    }
                }),
            ]
        };
        let polled = spawn_some();
        runtime.block_on(yield_now());
        let perhaps_not_polled = spawn_some();
        drop(runtime);
        assert_eq!(drops.count(), 6);
        for task in polled.into_iter().chain(perhaps_not_polled) {
            assert!(task.done() && task.cancelled() && !task.cancel());
            assert_eq!(hand_rolled::run(task), Err(TaskError::Cancelled));
        }
    });
}

#[test]
fn outputs_that_are_there_outlive_the_runtime() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(async { 7 });
        runtime.block_on(async {
            while !task.done() {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(hand_rolled::run(task), Ok(7));
    });
}

#[test]
fn futures_are_dropped_on_the_thread_that_drops_the_runtime() {
    watched_on_each_flavour(|runtime| {
        let (send, dropped_on) = mpsc::channel();
        let guard = OnDrop(move || send.send(thread::current().id()).unwrap());
        drop(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        runtime.block_on(yield_now());
        drop(runtime);
        assert_eq!(dropped_on.recv_timeout(PATIENCE), Ok(thread::current().id()));
    });
}

#[test]
fn awaiters_on_other_threads_are_woken() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(pending::<()>());
        let (polled, waits) = mpsc::channel();
        let awaiter = thread::spawn(move || {
            let mut task = task;
            hand_rolled::run(poll_fn(move |context| {
                let outcome = std::pin::Pin::new(&mut task).poll(context);
                polled.send(()).ok();
                outcome
            }))
        });
        waits.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert_eq!(awaiter.join().unwrap(), Err(TaskError::Cancelled));
    });
}

#[test]
fn tasks_that_are_being_woken_do_not_keep_the_runtime_from_ending() {
    watched_on_each_flavour(|runtime| {
        let (send, wakers) = mpsc::channel::<Waker>();
        let task = runtime.spawn(poll_fn(move |context| {
            send.send(context.waker().clone()).ok();
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        runtime.block_on(yield_now());
        let waker = wakers.recv_timeout(PATIENCE).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let waking = thread::spawn(move || {
            while !stopped.load(SeqCst) {
                waker.wake_by_ref();
            }
        });
        drop(runtime);
        stop.store(true, SeqCst);
        waking.join().unwrap();
        assert!(task.cancelled());
    });
}

#[test]
fn destructors_that_run_at_the_end_may_spawn_wake_cancel_and_panic() {
    watched_on_each_flavour(|runtime| {
        let (send, spawned) = mpsc::channel();
        let drops = Drops::default();
        let never_polled = drops.guard();
        let other = Arc::new(Mutex::new(Some(runtime.spawn(pending::<()>()))));
        let guard = OnDrop({
            let mut never_polled = Some(never_polled);
            move || {
                let guard = never_polled.take();
                let task = spawn(async move {
                    let _guard = guard;
                    unreachable!("the runtime has ended");
                });
                send.send((task, spawn_blocking(|| unreachable!("the runtime has ended")))).unwrap();
                if let Some(task) = lock(&other).take() {
                    task.cancel();
                }
                panic!("from a destructor");
            }
        });
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        runtime.block_on(yield_now());
        drop(runtime);
        let (late_task, late_job): (Task<()>, Task<()>) = spawned.recv_timeout(PATIENCE).unwrap();
        assert!(late_task.cancelled() && late_job.cancelled());
        assert_eq!(drops.count(), 1);
        assert!(matches!(hand_rolled::run(task), Err(TaskError::Panicked(_))));
    });
}

#[test]
fn tasks_that_hold_each_others_handles_are_freed() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let handles = [(); 2].map(|()| Arc::new(Mutex::new(None::<Task<()>>)));
        for index in [0, 1] {
            let (other, guard) = (handles[1 - index].clone(), drops.guard());
            let task = runtime.spawn(async move {
                let _guard = guard;
                yield_now().await;
                let other = lock(&other).take();
                if let Some(other) = other {
                    other.await.ok();
                }
                pending::<()>().await;
            });
            *lock(&handles[index]) = Some(task);
        }
        runtime.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a_runtime_waits_for_running_jobs_and_starts_none_of_the_queued() {
    watched(|| {
        let runtime = Runtime::builder().max_blocking_threads(number(1)).build();
        let (started, start) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let running = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            // Ends when the future that holds the sender is dropped.
            assert!(wait.recv_timeout(PATIENCE).is_err());
            thread::sleep(Duration::from_millis(20));
            7
        });
        let drops = Drops::default();
        let guard = drops.guard();
        let queued = runtime.spawn_blocking(move || {
            let _guard = guard;
            unreachable!("the runtime has ended")
        });
        drop(runtime.spawn(async move {
            let _go_on = go_on;
            pending::<()>().await;
        }));
        start.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert!(running.done(), "the runtime did not wait for the job");
        assert_eq!(hand_rolled::run(running), Ok(7));
        let queued: Result<(), _> = hand_rolled::run(queued);
        assert_eq!(queued, Err(TaskError::Cancelled));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_runtime_dropped_in_its_own_task_panics_there_and_ends_elsewhere() {
    watched(|| {
        let runtime = Arc::new(two_workers());
        let (send, receive) = mpsc::channel::<Arc<Runtime>>();
        let suspended = runtime.spawn(pending::<()>());
        let task = runtime.spawn(async move {
            drop(receive.recv_timeout(PATIENCE).unwrap());
        });
        send.send(runtime).unwrap();
        let outcome = hand_rolled::run(task);
        let Err(TaskError::Panicked(panic)) = outcome else { panic!("it should have panicked: {outcome:?}") };
        assert!(panic.message().contains("inside one of its own tasks"), "{panic:?}");
        assert_eq!(hand_rolled::run(suspended), Err(TaskError::Cancelled));
    });
}

#[test]
fn a_runtime_dropped_in_its_own_job_panics_there_and_ends_elsewhere() {
    watched_on_each_flavour(|runtime| {
        let runtime = Arc::new(runtime);
        let (send, receive) = mpsc::channel::<Arc<Runtime>>();
        let suspended = runtime.spawn(pending::<()>());
        let job = runtime.spawn_blocking(move || panic_of(|| drop(receive.recv_timeout(PATIENCE).unwrap())));
        send.send(runtime).unwrap();
        assert!(hand_rolled::run(job).unwrap().contains("inside one of its own tasks or jobs"));
        assert_eq!(hand_rolled::run(suspended), Err(TaskError::Cancelled));
    });
}

#[test]
fn a_runtime_may_be_made_and_dropped_inside_a_task_of_another() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let inner = two_workers();
            let task = inner.spawn(pending::<()>());
            drop(inner);
            assert!(task.cancelled());
            spawn(yield_now()).await.unwrap();
        });
    });
}

#[test]
fn run_drops_what_is_left_before_it_returns() {
    watched(|| {
        let drops = Drops::default();
        hand_rolled::run(async {
            let guard = drops.guard();
            drop(spawn(async move {
                let _guard = guard;
                sleep(LATER).await;
            }));
            yield_now().await;
        });
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn tasks_that_come_from_outside_while_a_runtime_ends_are_dropped_once() {
    fn check(runtime: fn() -> Runtime) {
        const EACH: usize = 200;
        for _ in 0..20 {
            let runtime = runtime();
            let spawner = runtime.spawner();
            let drops = Drops::default();
            let (begun, begin) = mpsc::channel();
            let spawning = [(); 2].map(|()| {
                let (spawner, drops, begun) = (spawner.clone(), drops.clone(), begun.clone());
                thread::spawn(move || {
                    let spawn = |index| {
                        let guard = drops.guard();
                        let task = spawner.spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        });
                        if index == EACH / 4 {
                            begun.send(()).unwrap();
                        }
                        task
                    };
                    (0..EACH).map(spawn).collect::<Vec<_>>()
                })
            });
            runtime.block_on(until(|| begin.try_recv().is_ok()));
            drop(runtime);
            let tasks = spawning.map(|thread| thread.join().unwrap());
            assert_eq!((drops.made(), drops.count()), (2 * EACH, 2 * EACH));
            // Nothing is left but what keeps the memory of the tasks: their handles.
            drop(spawner);
            hand_rolled::run(async {
                for task in tasks.into_iter().flatten() {
                    assert!(task.done());
                    assert_eq!(task.await, Err(TaskError::Cancelled));
                }
            });
        }
    }
    watched(|| check(two_workers));
    watched(|| check(Runtime::current_thread));
}
