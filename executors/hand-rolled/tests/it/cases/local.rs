//! `spawn_local`: futures and outputs that are not `Send`, and where they are polled and dropped (A34).

use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn},
    rc::Rc,
    sync::mpsc,
    task::Poll,
    thread,
};

use hand_rolled::{
    Outcome, ReturnWhen, Runtime, Task, TaskError, gather, run, sleep, spawn, spawn_blocking, spawn_local,
    timeout, wait, yield_now,
};

use crate::{Drops, Gate, LATER, Log, OnDrop, PATIENCE, ms, panic_of, two_workers, until, watched};

#[test]
fn local_tasks_share_what_is_not_send_and_give_it() {
    watched(|| {
        run(async {
            let shared = Rc::new(Cell::new(0));
            let tasks = (0..10).map(|_| {
                let shared = shared.clone();
                spawn_local(async move {
                    yield_now().await;
                    shared.set(shared.get() + 1);
                    shared
                })
            });
            let outputs = gather(tasks).await.unwrap();
            assert_eq!((shared.get(), outputs.len(), Rc::strong_count(&shared)), (10, 10, 11));
        });
    });
}

#[test]
fn c015_local_tasks_take_their_turns_with_the_others() {
    watched(|| {
        let log = Log::default();
        run(async {
            let step = |name: &'static str| {
                let trace = log.clone();
                async move {
                    for step in 0..2 {
                        trace.add(format!("{name}{step}"));
                        yield_now().await;
                    }
                }
            };
            let tasks = vec![spawn(step("A")), spawn_local(step("B")), spawn(step("C"))];
            wait(tasks, None, ReturnWhen::AllCompleted).await;
        });
        assert_eq!(log.text(), "A0 B0 C0 A1 B1 C1");
    });
}

#[test]
fn a34_a_local_future_cancelled_elsewhere_is_dropped_on_its_own_thread() {
    watched(|| {
        let (send, dropped_on) = mpsc::channel();
        run(async {
            for started in [false, true] {
                let (send, not_send) = (send.clone(), Rc::new(()));
                let guard = OnDrop(move || {
                    let _ = &not_send;
                    send.send(thread::current().id()).unwrap();
                });
                let task: Task<()> = spawn_local(async move {
                    let _guard = guard;
                    pending().await
                });
                if started {
                    yield_now().await;
                }
                let thread = thread::spawn(move || {
                    assert!(task.cancel());
                    task
                });
                assert_eq!(thread.join().unwrap().await, Err(TaskError::Cancelled));
            }
        });
        for _ in 0..2 {
            assert_eq!(dropped_on.recv_timeout(PATIENCE), Ok(thread::current().id()));
        }
    });
}

#[test]
fn a90_a_local_task_that_panics_is_its_own_end() {
    watched(|| {
        run(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let task: Task<Rc<()>> = spawn_local(async move {
                let _guard = guard;
                yield_now().await;
                panic!("E")
            });
            let Err(TaskError::Panicked(panic)) = task.await else { panic!("it did not panic") };
            assert_eq!((panic.message(), drops.count()), ("E", 1));

            let task: Task<()> = spawn_local(async {
                let _guard = OnDrop(|| panic!("on drop"));
                pending().await
            });
            yield_now().await;
            task.cancel();
            assert!(matches!(task.await, Err(TaskError::Panicked(panic)) if panic.message() == "on drop"));
        });
    });
}

#[test]
fn a45_and_a48_a_local_task_is_asked_like_any_other() {
    watched(|| {
        run(async {
            let (log, mut task) = (Log::default(), spawn_local(async { Rc::new(7) }));
            assert_eq!(task.result(), Err(TaskError::NotDone));
            let trace = log.clone();
            task.add_done_callback(move |outcome| {
                assert_eq!(outcome, Outcome::Finished);
                trace.add("cb");
            });
            until(|| log.text() == "cb").await;
            assert!(task.done() && !task.cancelled() && !task.cancel());
            assert_eq!(task.result(), Ok(Rc::new(7)));
            assert_eq!((&mut task).await, Ok(Rc::new(7)));
            assert_eq!(task.result(), Err(TaskError::Taken));
        });
    });
}

#[test]
fn a31_a_detached_local_task_drops_its_output_at_its_end() {
    watched(|| {
        run(async {
            let drops = Drops::default();
            let (early, late) = (drops.guard(), drops.guard());
            drop(spawn_local(async move { early }));
            until(|| drops.count() == 1).await;
            let task = spawn_local(async move { late });
            until(|| task.done()).await;
            assert_eq!(drops.count(), 1);
            drop(task);
            assert_eq!(drops.count(), 2);
        });
    });
}

#[test]
fn a161_what_is_left_of_local_tasks_goes_with_the_runtime() {
    watched(|| {
        let (drops, runtime) = (Drops::default(), Runtime::current_thread());
        let guard = drops.guard();
        let [task] = runtime.block_on(async {
            let task: Task<Rc<()>> = spawn_local(async move {
                let guard = guard;
                // A destructor that uses the store the future is dropped from.
                let _guard = OnDrop(move || {
                    let _ = &guard;
                    assert!(spawn_local(sleep(LATER)).cancelled());
                });
                pending().await
            });
            yield_now().await;
            [task]
        });
        assert_eq!(drops.count(), 0, "tasks stay between two runs");
        runtime.block_on(yield_now());
        drop(runtime);
        assert_eq!(drops.count(), 1);
        assert!(task.cancelled());
    });
}

/// A future that must not leave its thread is left to that thread when the runtime is dropped on another.
#[test]
fn a34_a_runtime_dropped_on_another_thread_leaves_local_futures_to_theirs() {
    watched(|| {
        let (send, dropped_on) = mpsc::channel();
        let spawning = move || {
            let (runtime, send, not_send) = (Runtime::current_thread(), send.clone(), Rc::new(()));
            let guard = OnDrop(move || {
                let _ = &not_send;
                send.send(thread::current().id()).unwrap();
            });
            let [task] = runtime.block_on(async {
                let task: Task<()> = spawn_local(async move {
                    let _guard = guard;
                    pending().await
                });
                yield_now().await;
                [task]
            });
            (runtime, task)
        };
        let (runtime, task) = spawning();
        let message = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let message = panic_of(|| runtime.block_on(async {}));
                    drop(runtime);
                    message
                })
                .join()
                .unwrap()
        });
        assert!(message.contains("local tasks"), "{message}");
        assert!(task.cancelled() && dropped_on.try_recv().is_err());
        run(async {});
        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()), "its thread came by");

        let (thread_id, runtime, task) = thread::spawn(move || {
            let (runtime, task) = spawning();
            (thread::current().id(), runtime, task)
        })
        .join()
        .unwrap();
        assert_eq!(dropped_on.recv_timeout(PATIENCE), Ok(thread_id), "its thread ended");
        drop(runtime);
        assert!(task.cancelled());
    });
}

#[test]
fn a_local_task_moves_on_with_the_runtime_when_all_are_done() {
    watched(|| {
        let runtime = Runtime::current_thread();
        runtime.block_on(async { spawn_local(async {}).await.unwrap() });
        thread::spawn(move || runtime.block_on(async { spawn_local(async { 7 }).await }))
            .join()
            .unwrap()
            .unwrap();
    });
}

#[test]
fn d4_spawn_local_in_the_wrong_place_says_what_to_do() {
    watched(|| {
        let message = panic_of(|| two_workers().block_on(async { drop(spawn_local(async {})) }));
        assert!(message.contains("use spawn, or Runtime::current_thread"), "{message}");
        let job = async { spawn_blocking(|| panic_of(|| spawn_local(async {}))).await.unwrap() };
        let message = run(job);
        assert!(message.contains("inside a task"), "{message}");
    });
}

#[test]
fn local_tasks_may_be_spawned_awaited_and_timed_by_local_tasks() {
    watched(|| {
        run(async {
            let (shared, gate) = (Rc::new(RefCell::new(Vec::new())), Gate::default());
            let (outer, passing) = (shared.clone(), gate.clone());
            let task = spawn_local(async move {
                let inner = outer.clone();
                let task = spawn_local(async move {
                    passing.pass().await;
                    inner.borrow_mut().push("inner");
                });
                assert!(timeout(ms(1), poll_fn(|_| Poll::<()>::Pending)).await.is_err());
                gate.open();
                task.await.unwrap();
                outer.borrow_mut().push("outer");
            });
            task.await.unwrap();
            assert_eq!(*shared.borrow(), ["inner", "outer"]);
        });
    });
}

#[test]
fn a76_a_local_task_that_is_cancelled_in_the_poll_that_gives_its_value_gives_none() {
    watched(|| {
        Runtime::current_thread().block_on(async {
            let (own, drops) = (Rc::new(RefCell::new(None)), Drops::default());
            let task = spawn_local({
                let (own, value) = (own.clone(), drops.guard());
                async move {
                    assert!(own.borrow().as_ref().is_some_and(Task::cancel));
                    value
                }
            });
            *own.borrow_mut() = Some(task);
            yield_now().await;
            assert!(own.borrow().as_ref().is_some_and(Task::cancelled));
            assert_eq!(
                drops.count(),
                1,
                "the value goes before the end can be seen, whoever keeps the handle"
            );
        });
    });
}

#[test]
fn the_destructor_of_an_orphan_may_spawn_local_tasks() {
    watched(|| {
        let (send, spawned) = mpsc::channel();
        let runtime = Runtime::current_thread();
        runtime.block_on(async {
            let guard = OnDrop(move || {
                drop(spawn_local(pending::<()>()));
                send.send(()).unwrap();
            });
            drop(spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            yield_now().await;
        });
        thread::spawn(move || drop(runtime)).join().unwrap();
        run(async { spawn_local(async {}).await.unwrap() });
        assert_eq!(spawned.try_recv(), Ok(()));
    });
}
