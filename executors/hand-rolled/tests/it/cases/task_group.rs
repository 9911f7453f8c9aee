//! `TaskGroup`: C077 to C080, A138 to A147.

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use hand_rolled::{
    Task, TaskError, TaskGroup, TaskGroupError, promise, run, sleep, spawn, timeout, yield_now,
};

use crate::{
    Drops, Gate, LATER, OnDrop, lock, ms, panic_of, python::same_as_python, until, watched,
    watched_on_each_flavour,
};

/// The messages of the panics of a group, with spaces between.
fn messages(error: &TaskGroupError) -> String {
    error.panics().iter().map(|panic| panic.message()).collect::<Vec<_>>().join(" ")
}

#[test]
fn task_group_as_python_has_it() {
    async fn after(milliseconds: u64, value: i32) -> i32 {
        sleep(ms(milliseconds)).await;
        value
    }
    async fn fails(message: &'static str) {
        panic!("{message}");
    }
    watched(|| {
        same_as_python("task_group.py", |log| {
            run(async {
                let both = TaskGroup::run(async |group| {
                    let one = group.spawn(after(10, 1));
                    yield_now().await;
                    (one, group.spawn(after(20, 2)))
                });
                let (one, two) = both.await.unwrap();
                log.add(format!("all done {} {}", one.result().unwrap(), two.result().unwrap()));

                let mut sibling = None;
                let failed = TaskGroup::run(async |group| {
                    sibling = Some(group.spawn(sleep(LATER)));
                    group.spawn(fails("E"));
                    sleep(LATER).await;
                    log.add("never");
                });
                let error = failed.await.unwrap_err();
                let cancelled = sibling.unwrap().cancelled();
                log.add(format!("failed {} sibling cancelled: {cancelled}", messages(&error)));

                let other = TaskGroup::run(async |group| {
                    let cancelled = group.spawn(sleep(LATER));
                    let other = group.spawn(after(5, 5));
                    yield_now().await;
                    cancelled.cancel();
                    other.await.unwrap()
                });
                let other = other.await.unwrap();
                log.add(format!("a cancelled child is no error: {other}"));

                let mut sleeper = None;
                let failed = TaskGroup::run(async |group| {
                    sleeper = Some(group.spawn(sleep(LATER)));
                    yield_now().await;
                    panic!("body");
                });
                let error: TaskGroupError = failed.await.unwrap_err();
                let cancelled = sleeper.unwrap().cancelled();
                log.add(format!("failed {} sleeper cancelled: {cancelled}", messages(&error)));

                let failed = TaskGroup::run(async |group| {
                    group.spawn(fails("first"));
                    group.spawn(fails("second"));
                });
                log.add(format!("failed {}", messages(&failed.await.unwrap_err())));

                let mut kept = None;
                let done = TaskGroup::run(async |group| {
                    kept = Some(group.clone());
                    let (inner, log) = (group.clone(), log.clone());
                    group.spawn(async move {
                        inner.spawn(after(5, 0));
                        log.add("child spawned");
                    });
                });
                done.await.unwrap();
                log.add("all done");

                let children = Arc::new(Mutex::new(Vec::<Task<()>>::new()));
                let given = children.clone();
                let parent = spawn(TaskGroup::run(async move |group| {
                    lock(&given).extend((0..5).map(|_| group.spawn(sleep(LATER))));
                }));
                yield_now().await;
                yield_now().await;
                parent.cancel();
                assert_eq!(parent.await, Err(TaskError::Cancelled));
                let cancelled = lock(&children).iter().filter(|child| child.cancelled()).count();
                log.add(format!("parent cancelled, children: {cancelled}"));

                let refused = panic_of(|| kept.unwrap().spawn(after(1, 0)));
                assert!(refused.contains("takes no more tasks"), "{refused}");
                log.add("refused");
            });
        });
    });
}

#[test]
fn c077_a138_the_group_waits_for_all() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let ended = Arc::new(AtomicUsize::new(0));
            let count = ended.clone();
            let value = TaskGroup::run(async move |group| {
                for _ in 0..100 {
                    let (count, inner) = (count.clone(), group.clone());
                    // The handle is dropped: the group waits all the same.
                    group.spawn(async move {
                        yield_now().await;
                        let nested = count.clone();
                        inner.spawn(async move {
                            yield_now().await;
                            nested.fetch_add(1, SeqCst);
                        });
                        count.fetch_add(1, SeqCst);
                    });
                }
                "value"
            });
            assert_eq!(value.await, Ok("value"));
            assert_eq!(ended.load(SeqCst), 200);
        });
    });
}

#[test]
fn c078_a_failing_child_cancels_siblings_and_body() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (drops, mut siblings) = (Drops::default(), Vec::new());
            let failed = TaskGroup::run(async |group| {
                for _ in 0..10 {
                    let guard = drops.guard();
                    siblings.push(group.spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    }));
                }
                let _guard = drops.guard();
                group.spawn(async {
                    sleep(ms(5)).await;
                    panic!("E");
                });
                pending::<()>().await;
            });
            let error = failed.await.unwrap_err();
            assert_eq!(messages(&error), "E");
            assert_eq!(error.to_string(), "the task group panicked: E");
            assert_eq!(drops.count(), 11, "the body and all siblings are gone");
            assert!(siblings.iter().all(Task::cancelled));
            yield_now().await;
        });
    });
}

#[test]
fn a139_all_panics_are_in_the_list_and_that_of_the_body_is_last() {
    watched(|| {
        let error = run(TaskGroup::run(async |group| {
            let _last = OnDrop(|| panic!("body"));
            group.spawn(async { panic!("one") });
            group.spawn(async { panic!("two") });
            // Cancelled, but its destructor has its say.
            group.spawn(async {
                let _drop = OnDrop(|| panic!("three"));
                pending::<()>().await;
            });
            pending::<()>().await;
        }));
        let error = error.unwrap_err();
        assert!(messages(&error).starts_with("one two"), "{error}");
        assert!(messages(&error).ends_with("body"), "{error}");
    });
}

#[test]
fn a139_the_panic_of_a_destructor_counts() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let mut task = None;
            let error = TaskGroup::run(async |group| {
                task = Some(group.spawn(async {
                    let _drop = OnDrop(|| panic!("drop"));
                    yield_now().await;
                }));
                pending::<()>().await;
            });
            assert_eq!(messages(&error.await.unwrap_err()), "drop");
            let Err(TaskError::Panicked(panic)) = task.unwrap().await else { panic!("it panicked") };
            assert_eq!(panic.message(), "drop");
        });
    });
}

#[test]
fn a141_a_task_that_never_started_never_runs() {
    watched(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let error = run(TaskGroup::run(async |group| {
            let ran = ran.clone();
            group.spawn(async move { ran.store(true, SeqCst) });
            panic!("body");
        }));
        assert_eq!(messages(&error.unwrap_err()), "body");
        assert!(!ran.load(SeqCst));
    });
}

#[test]
fn c079_a142_a147_a_dropped_group_drops_the_futures_of_its_tasks() {
    watched(|| {
        run(async {
            let (drops, tasks) = (Drops::default(), Arc::new(Mutex::new(Vec::new())));
            let (guards, given) = (drops.clone(), tasks.clone());
            let limited = timeout(
                ms(1),
                TaskGroup::run(async move |group| {
                    for _ in 0..5 {
                        let guard = guards.guard();
                        lock(&given).push(group.spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        }));
                    }
                    pending::<()>().await;
                }),
            );
            assert!(limited.await.is_err());
            assert_eq!((drops.made(), drops.count()), (5, 5), "at once");
            yield_now().await;
            assert!(lock(&tasks).iter().all(Task::cancelled), "and the tasks have ended a turn later");
        });
    });
}

#[test]
fn c079_the_children_of_a_cancelled_parent_are_gone_when_it_is_done() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for _ in 0..50 {
                let (drops, started) = (Drops::default(), Gate::default());
                let (guards, begun) = (drops.clone(), started.clone());
                let parent = spawn(TaskGroup::run(async move |group| {
                    for _ in 0..5 {
                        let guard = guards.guard();
                        group.spawn(async move {
                            let _guard = guard;
                            pending::<()>().await;
                        });
                    }
                    begun.open();
                    pending::<()>().await;
                }));
                started.pass().await;
                parent.cancel();
                assert!(matches!(parent.await, Err(TaskError::Cancelled)));
                // On several workers one may be in its first poll at that moment.
                until(|| drops.count() == 5).await;
            }
        });
    });
}

#[test]
fn a143_a_group_that_is_ending_refuses_tasks_and_drops_them() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (drops, polled) = (Drops::default(), Arc::new(AtomicBool::new(false)));
            let (guard, ran) = (drops.guard(), polled.clone());
            let error = TaskGroup::run(async move |group| {
                let inner = group.clone();
                let late = OnDrop(move || {
                    let (guard, ran) = (&guard, ran.clone());
                    let message = panic_of(|| inner.spawn(async move { ran.store(true, SeqCst) }));
                    assert!(message.contains("one of its tasks panicked"), "{message}");
                    let _ = guard;
                });
                group.spawn(async move {
                    let _late = late;
                    pending::<()>().await;
                });
                yield_now().await;
                panic!("E");
            });
            assert_eq!(messages(&error.await.unwrap_err()), "E");
            assert_eq!(drops.count(), 1);
            assert!(!polled.load(SeqCst));
        });
    });
}

#[test]
fn a143_outside_of_a_runtime_the_group_is_none_the_worse() {
    watched(|| {
        let (sent, group) = std::sync::mpsc::channel();
        let outside = std::thread::spawn(move || {
            let group: TaskGroup = group.recv().expect("it is sent");
            panic_of(|| group.spawn(async {}))
        });
        let done = run(TaskGroup::run(async move |group| {
            sent.send(group.clone()).expect("it is awaited");
            hand_rolled::spawn_blocking(|| outside.join().expect("its panic was caught")).await.unwrap()
        }));
        assert!(done.unwrap().contains("needs a running runtime"));
    });
}

#[test]
fn a144_groups_nest() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let error = TaskGroup::run(async |outer| {
                outer.spawn(async {
                    let inner = TaskGroup::run(async |inner| {
                        inner.spawn(async { panic!("inner") });
                        pending::<()>().await;
                    });
                    inner.await.unwrap();
                });
                pending::<()>().await;
            });
            let error = error.await.unwrap_err();
            assert_eq!(error.panics().len(), 1);
            assert!(messages(&error).contains("inner"), "{error}");

            let (drops, started) = (Drops::default(), Gate::default());
            let error = TaskGroup::run(async |outer| {
                let (guard, begun) = (drops.guard(), started.clone());
                outer.spawn(TaskGroup::run(async move |inner| {
                    inner.spawn(async move {
                        let _guard = guard;
                        begun.open();
                        pending::<()>().await;
                    });
                    pending::<()>().await;
                }));
                started.pass().await;
                panic!("outer");
            });
            assert_eq!(messages(&error.await.unwrap_err()), "outer");
            until(|| drops.count() == 1).await;
        });
    });
}

#[test]
fn a146_after_a_failed_group_the_parent_goes_on() {
    watched_on_each_flavour(|runtime| {
        let parent = runtime.spawn(async {
            let failed = TaskGroup::run(async |group| {
                group.spawn(async { panic!("E") });
                pending::<()>().await;
            });
            assert!(failed.await.is_err());
            sleep(ms(1)).await;
            spawn(async { 3 }).await
        });
        assert_eq!(runtime.block_on(parent), Ok(Ok(3)));
    });
}

#[test]
fn an_err_of_a_task_is_a_value() {
    watched(|| {
        let value = run(TaskGroup::run(async |group| group.spawn(async { Err::<(), _>("E") }).await));
        assert_eq!(value, Ok(Ok(Err("E"))));
    });
}

#[test]
fn tasks_of_a_runtime_that_ends_do_not_keep_their_group() {
    watched(|| {
        let (group_given, group) = std::sync::mpsc::channel::<TaskGroup>();
        let (started, start) = promise();
        let other = std::thread::spawn(move || {
            let group = group.recv().expect("it is sent");
            run(async move {
                group.spawn(pending::<()>());
                started.set_result(()).expect("it is the first");
            });
        });
        let done = run(TaskGroup::run(async move |group| {
            group_given.send(group.clone()).expect("it is awaited");
            start.await
        }));
        assert_eq!(done, Ok(Ok(())));
        other.join().expect("it does not panic");
    });
}

#[test]
fn a_panic_on_one_worker_while_others_start_tasks_leaves_none_behind() {
    watched_on_each_flavour(|runtime| {
        for round in 0..200 {
            let drops = Drops::default();
            let guards = drops.clone();
            let error = runtime.block_on(TaskGroup::run(async move |group| {
                for index in 0..20 {
                    let (guard, inner) = (guards.guard(), group.clone());
                    group.spawn(async move {
                        let _guard = guard;
                        yield_now().await;
                        assert_ne!(index, round % 20, "E");
                        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            inner.spawn(pending::<()>());
                        }));
                        pending::<()>().await;
                    });
                }
                pending::<()>().await;
            }));
            let error = error.unwrap_err();
            let (refused, own): (Vec<_>, Vec<_>) =
                error.panics().iter().partition(|panic| panic.message().contains("takes no more tasks"));
            // With two workers the body may still be starting tasks.
            assert!(own.len() == 1 && refused.len() <= 1, "{error}");
            assert_eq!(drops.count(), drops.made());
        }
    });
}

/// A group in a task of a group, and so on; `reached` counts the tasks.
fn nested(depth: usize, drops: Drops, reached: Arc<AtomicUsize>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let _guard = drops.guard();
        reached.fetch_add(1, SeqCst);
        if depth == 0 {
            return pending().await;
        }
        TaskGroup::run(async move |group| drop(group.spawn(nested(depth - 1, drops, reached))))
            .await
            .unwrap();
    })
}

#[test]
fn groups_nest_to_any_depth_and_end_without_recursion() {
    const DEPTH: usize = 10_000;
    watched_on_each_flavour(|runtime| {
        let (drops, reached) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
        runtime.block_on(async {
            let task = spawn(nested(DEPTH, drops.clone(), reached.clone()));
            until(|| reached.load(SeqCst) == DEPTH + 1).await;
            task.cancel();
            assert_eq!(task.await, Err(TaskError::Cancelled));
            drop(spawn(nested(DEPTH, drops.clone(), reached.clone())));
            until(|| reached.load(SeqCst) == 2 * (DEPTH + 1)).await;
        });
        drop(runtime);
        assert_eq!(drops.count(), 2 * (DEPTH + 1));
    });
}
