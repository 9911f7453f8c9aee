//! Looking into a runtime: C037, C038, C089, A55, A59, A63, A65, A66, A166, A169, and the metrics.

#![expect(unsafe_code, reason = "std has no call to close standard error")]

use std::{
    collections::HashMap,
    future::pending,
    os::fd::AsRawFd,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, mpsc},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use hand_rolled::{
    Report, Runtime, Task, TaskGroup, TaskId, TaskState, call_later, call_soon, current_task, promise, sleep,
    spawn, spawn_blocking, spawn_local, spawn_named, yield_now,
};

use crate::{
    Gate, LATER, Log, alone::alone, lock, ms, number, python::same_as_python, two_workers, until, watched,
    watched_on_each_flavour,
};

#[test]
fn inspect_as_python_has_it() {
    fn names(runtime: &Runtime) -> String {
        let mut names: Vec<_> = runtime.tasks().into_iter().filter_map(|task| task.name).collect();
        names.sort();
        std::iter::once("all".into()).chain(names).collect::<Vec<Arc<str>>>().join(" ")
    }
    async fn itself(handles: Arc<Mutex<HashMap<&'static str, TaskId>>>, name: &'static str, log: Log) {
        for _ in 0..3 {
            let is_current = current_task() == Some(lock(&handles)[name]);
            log.add(format!("{name} is current: {is_current}"));
            yield_now().await;
        }
    }
    watched(|| {
        same_as_python("all_tasks.py", |log| {
            let runtime = Runtime::current_thread();
            runtime.block_on(async {
                let gate = Gate::default();
                let [b, a, c] = ["b", "a", "c"].map(|name| {
                    let gate = gate.clone();
                    spawn_named(name, async move { gate.pass().await })
                });
                log.add(names(&runtime));
                b.cancel();
                yield_now().await;
                yield_now().await;
                log.add(names(&runtime));
                gate.open();
                a.await.unwrap();
                c.await.unwrap();
                log.add(names(&runtime));

                let handles = Arc::default();
                let tasks = ["x", "y"].map(|name| {
                    let task = spawn(itself(Arc::clone(&handles), name, log.clone()));
                    lock(&handles).insert(name, task.id());
                    task
                });
                for task in tasks {
                    task.await.unwrap();
                }

                let inner = log.clone();
                call_soon(move || {
                    let current = current_task().map_or("None".to_string(), |task| task.to_string());
                    inner.add(format!("in a callback: {current}"));
                });
                yield_now().await;
            });
        });
    });
}

#[test]
fn c038_a65_each_task_finds_itself_and_others_find_none() {
    watched_on_each_flavour(|runtime| {
        assert_eq!(current_task(), None);
        runtime.block_on(async {
            assert_eq!(current_task(), None, "the future of block_on is no task");
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (told, tell) = promise();
                    let task = spawn(async move {
                        let id = tell.await.expect("it is told");
                        for _ in 0..10 {
                            assert_eq!(current_task(), Some(id));
                            yield_now().await;
                        }
                    });
                    told.set_result(task.id()).expect("it is the first");
                    task
                })
                .collect();
            for task in tasks {
                task.await.expect("each found itself");
            }
            let job = spawn_blocking(current_task);
            assert_eq!(job.await, Ok(None));
            let panicked = spawn(async { panic!("contained") });
            assert!(panicked.await.is_err());
            let (called, call) = promise();
            panicked_callback(called);
            assert_eq!(call.await, Ok(None));
        });
    });
}

/// Has a done-callback tell its current task.
fn panicked_callback(told: hand_rolled::Promise<Option<TaskId>>) {
    let done = spawn(async {});
    done.add_done_callback(move |_| told.set_result(current_task()).expect("it is the first"));
}

#[test]
fn a65_a_task_still_finds_itself_after_it_has_ended_another() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let ((set, result), (dropped, cancelled)) = (promise(), promise::<()>());
            let awaiters = (spawn(result), spawn(cancelled));
            // They wait.
            while runtime.tasks().iter().any(|task| task.state == TaskState::Ready) {
                yield_now().await;
            }
            let found = spawn(async move {
                let itself = current_task();
                set.set_result(8).unwrap();
                let after_the_result = current_task();
                drop(dropped);
                [itself, after_the_result, current_task()]
            });
            let id = found.id();
            assert_eq!(found.await, Ok([Some(id); 3]));
            assert_eq!(awaiters.0.await, Ok(Ok(8)));
            assert!(awaiters.1.await.unwrap().is_err());
        });
    });
}

#[test]
fn c038_a66_all_tasks_that_have_not_ended_and_no_others() {
    watched_on_each_flavour(|runtime| {
        assert!(runtime.tasks().is_empty());
        runtime.block_on(async {
            assert!(runtime.tasks().is_empty(), "what stands for block_on in the queue is no task");
            let sleeping: Vec<_> = (0..100).map(|_| spawn(sleep(LATER))).collect();
            let ended = spawn(async {});
            let (_promise, promised) = promise::<()>();
            let call = call_soon(|| ());
            until(|| ended.done() && runtime.tasks().iter().all(|task| task.state == TaskState::Suspended))
                .await;
            let mut ids: Vec<_> = runtime.tasks().into_iter().map(|task| task.id).collect();
            ids.sort();
            let mut expected: Vec<_> = sleeping.iter().map(Task::id).collect();
            expected.sort();
            assert_eq!(ids, expected);
            assert_eq!(runtime.metrics().alive_tasks, 100);
            drop((sleeping, promised, call));
            assert_eq!(runtime.tasks().len(), 100, "a handle that is dropped ends no task");
        });
    });
}

#[test]
fn tasks_come_and_go_while_others_look() {
    watched(|| {
        let runtime = Arc::new(two_workers());
        let looks = {
            let runtime = runtime.clone();
            thread::spawn(move || {
                let mut most = 0;
                while runtime.metrics().alive_tasks < 5000 {
                    most = most.max(runtime.tasks().len());
                }
                assert!(runtime.tasks().len() >= 5000);
                most
            })
        };
        runtime.block_on(async {
            for _ in 0..200 {
                for task in (0..100).map(|_| spawn_named("brief", yield_now())).collect::<Vec<_>>() {
                    task.await.expect("it ends");
                }
            }
            (0..5000).for_each(|_| drop(spawn(pending::<()>())));
        });
        assert!(looks.join().expect("it does not panic") <= 5000);
    });
}

#[test]
fn c037_names_and_places_are_told_in_debug_mode_and_of_named_tasks() {
    watched(|| {
        let runtime = Runtime::builder().debug(LATER).build();
        runtime.block_on(async {
            let local = spawn_local(sleep(LATER));
            let named = spawn_named("named", sleep(LATER));
            let unnamed = runtime.spawn(sleep(LATER));
            let info = |id| runtime.tasks().into_iter().find(|task| task.id == id).expect("it is there");
            assert_eq!(info(named.id()).name.as_deref(), Some("named"));
            let place = info(named.id()).spawned_at.expect("it is known");
            assert!(place.file().ends_with("inspect.rs"), "{place}");
            let names = [local, unnamed].map(|task| info(task.id()).name.expect("each has one"));
            assert!(names.iter().all(|name| name.starts_with("Task-")), "{names:?}");
            assert_ne!(names[0], names[1]);
        });
        let runtime = Runtime::current_thread();
        let task = runtime.spawn(sleep(LATER));
        let [info] = &runtime.tasks()[..] else { panic!("there is one") };
        assert_eq!((info.id, info.name.clone(), info.spawned_at), (task.id(), None, None));
    });
}

/// A runtime in debug mode, and what it has reported.
fn debugged(slow_poll: Duration) -> (Runtime, mpsc::Receiver<Report>) {
    let (sender, reports) = mpsc::channel();
    let hook = move |report: &Report| sender.send(report.clone()).expect("they are kept");
    (Runtime::builder().debug(slow_poll).on_report(hook).build(), reports)
}

#[test]
fn c089_a166_a_slow_poll_is_reported_with_its_name() {
    watched(|| {
        let (runtime, reports) = debugged(ms(20));
        runtime.block_on(async {
            let slow = spawn_named("slowtask", async {
                sleep(ms(40)).await;
                thread::sleep(ms(30));
            });
            slow.await.unwrap();
            call_soon(|| thread::sleep(ms(30)));
            yield_now().await;
            thread::sleep(ms(30));
        });
        let names: Vec<_> = reports
            .try_iter()
            .map(|report| {
                let text = report.to_string();
                let Report::SlowPoll { name, took, spawned_at } = report else { panic!("{text}") };
                assert!(took >= ms(20) && spawned_at.file().ends_with("inspect.rs"), "{text}");
                assert!(text.starts_with(&*name) && text.contains("inspect.rs"), "{text}");
                name
            })
            .collect();
        assert_eq!(names, ["slowtask".into(), "call_soon".into(), Arc::<str>::from("block_on")]);
    });
}

#[test]
fn a59_a_panic_is_reported_once_and_only_if_nobody_looked() {
    watched(|| {
        for detached in [true, false] {
            let (runtime, reports) = debugged(LATER);
            runtime.block_on(async {
                let task = spawn_named("unseen", async { panic!("E") });
                if detached {
                    drop(task);
                } else {
                    until(|| task.done()).await;
                    assert!(reports.try_recv().is_err(), "not before the handle is dropped");
                }
                yield_now().await;
            });
            let Ok(Report::UnseenPanic { name, panic, .. }) = reports.try_recv() else {
                panic!("one report")
            };
            assert_eq!((&*name, panic.message()), ("unseen", "E"));
            assert!(reports.try_recv().is_err());
        }
        type Look = fn(Task<()>);
        let looks: [Look; 3] = [
            |task| assert!(matches!(task.exception(), Ok(Some(_)))),
            |task| assert!(task.result().is_err()),
            |task| assert!(Runtime::current_thread().block_on(task).is_err()),
        ];
        for look in looks {
            let (runtime, reports) = debugged(LATER);
            let task = runtime.spawn(async { panic!("E") });
            runtime.block_on(async { until(|| task.done()).await });
            look(task);
            drop(runtime);
            assert!(reports.try_recv().is_err(), "somebody looked");
        }
    });
}

#[test]
fn a21_the_panic_of_a_call_is_reported() {
    watched(|| {
        let (runtime, reports) = debugged(LATER);
        runtime.block_on(async {
            call_soon(|| panic!("E"));
            yield_now().await;
            yield_now().await;
        });
        let Ok(Report::UnseenPanic { name, spawned_at, panic }) = reports.try_recv() else {
            panic!("one report")
        };
        assert_eq!((&*name, panic.message()), ("call_soon", "E"));
        assert!(spawned_at.file().ends_with("inspect.rs"));
        drop(runtime);
        assert!(reports.try_recv().is_err());
    });
}

#[test]
fn a59_values_cancellations_and_panics_of_a_group_are_not_reported() {
    watched(|| {
        let (runtime, reports) = debugged(LATER);
        runtime.block_on(async {
            drop(spawn(async { 5 }));
            spawn(pending::<()>()).cancel();
            let failed = TaskGroup::run(async |group| {
                group.spawn(async { panic!("E") });
                pending::<()>().await;
            });
            assert!(failed.await.is_err());
            yield_now().await;
        });
        drop(runtime);
        assert!(reports.try_recv().is_err());
    });
}

#[test]
fn a169_a_hook_that_panics_is_contained_and_without_one_it_is_standard_error() {
    watched(|| {
        let runtime = Runtime::builder().debug(Duration::ZERO).on_report(|_| panic!("hook")).build();
        assert_eq!(runtime.block_on(async { spawn(async { 1 }).await }), Ok(1));
        let runtime = Runtime::builder().debug(ms(1)).build();
        runtime.block_on(async { thread::sleep(ms(2)) });
    });
}

#[test]
fn a169_a_hook_that_spawns_is_called_once_for_each_task_that_is_left() {
    for workers in [None, Some(number(2))] {
        watched(move || {
            let (tell, told) = mpsc::channel();
            let builder = Runtime::builder().debug(LATER).on_report(move |report| {
                tell.send(report.to_string()).unwrap();
                // As a log does that is written by a task. The runtime takes none any more.
                drop(spawn(async {}));
            });
            let runtime = workers.map_or(builder.clone(), |workers| builder.workers(workers)).build();
            drop(runtime.spawn(pending::<()>()));
            drop(runtime.spawn(pending::<()>()));
            runtime.block_on(yield_now());
            drop(runtime);
            assert_eq!(told.try_iter().count(), 2);
        });
    }
}

#[test]
fn a169_reports_to_a_standard_error_that_is_closed_harm_nobody() {
    unsafe extern "C" {
        fn dup2(from: i32, to: i32) -> i32;
    }
    alone(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        // SAFETY: nobody relies on standard error.
        assert_eq!(unsafe { dup2(writer.as_raw_fd(), 2) }, 2);
        drop((reader, writer));
        for workers in [None, Some(1), Some(2)] {
            let builder = Runtime::builder().debug(Duration::ZERO);
            let runtime = workers.map_or(builder.clone(), |workers| builder.workers(number(workers))).build();
            let awaited = runtime.block_on(async {
                let panicked = spawn(async { panic!("nobody looks") });
                until(|| panicked.done()).await;
                drop(panicked);
                // Its handle is gone when it panics.
                drop(spawn(async { panic!("nobody can") }));
                drop(spawn(pending::<()>()));
                yield_now().await;
                spawn(async { 8 }).await
            });
            assert_eq!(awaited, Ok(8));
        }
    });
}

#[test]
fn a_hook_may_use_runtimes_whatever_it_is_told_of() {
    for workers in [None, Some(2)] {
        watched(move || {
            let (called, calls) = mpsc::channel();
            let builder = Runtime::builder().debug(Duration::ZERO).on_report(move |report| {
                drop(Runtime::current_thread());
                called.send(report.to_string()).unwrap();
            });
            let runtime = workers.map_or(builder.clone(), |workers| builder.workers(number(workers))).build();
            runtime.block_on(async {
                let (promise, called) = promise();
                call_later(ms(1), move || promise.set_result(()).unwrap());
                called.await.unwrap();
                // What is told of its poll comes after that.
                yield_now().await;
            });
            drop(runtime);
            let calls: Vec<_> = calls.iter().filter(|report| report.starts_with("call_later")).collect();
            assert_eq!(calls.len(), 2, "the call, and its destructor: {calls:?}");
        });
    }
}

#[test]
fn in_debug_mode_the_panic_of_a_root_keeps_its_payload_and_not_the_hook() {
    watched(|| {
        let (hook, dropped) = mpsc::channel::<()>();
        let runtime = Runtime::builder().debug(LATER).on_report(move |_| _ = &hook).build();
        let root = || runtime.block_on(async { panic_any(8) });
        let payload = catch_unwind(AssertUnwindSafe(root)).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&8));
        drop(runtime);
        assert!(dropped.recv().is_err(), "nothing keeps the hook");
    });
}

#[test]
fn in_debug_mode_everything_else_is_the_same() {
    watched(|| {
        for workers in [None, Some(number(2))] {
            let builder = Runtime::builder().debug(LATER);
            let runtime = workers.map_or(builder.clone(), |workers| builder.workers(workers)).build();
            let drops = crate::Drops::default();
            let guard = drops.guard();
            runtime.block_on(async {
                assert_eq!(spawn(async { 1 }).await, Ok(1));
                let task = spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
                yield_now().await;
                task.cancel();
                assert!(task.await.is_err());
                assert_eq!(drops.count(), 1);
                let panicking = spawn(async {
                    let _drop = crate::OnDrop(|| panic!("drop"));
                    pending::<()>().await;
                });
                yield_now().await;
                panicking.cancel();
                let error = panicking.await.unwrap_err();
                assert!(["the task panicked: drop", "the task was cancelled"].contains(&&*error.to_string()));
            });
        }
    });
}

#[test]
fn metrics_count_what_a_runtime_does() {
    watched_on_each_flavour(|runtime| {
        let before = runtime.metrics();
        assert_eq!((before.alive_tasks, before.timers, before.blocking_threads), (0, 0, 0));
        let from_outside = runtime.spawn(sleep(LATER));
        runtime.block_on(async {
            let sleeping: Vec<_> = (0..10).map(|_| spawn(sleep(LATER))).collect();
            until(|| runtime.metrics().timers == 11).await;
            let metrics = runtime.metrics();
            assert_eq!(metrics.alive_tasks, 11);
            assert!(metrics.polls >= 11 && metrics.workers <= 2, "{metrics:?}");

            for task in &sleeping {
                task.cancel();
            }
            from_outside.cancel();
            until(|| runtime.metrics().alive_tasks == 0).await;
            assert_eq!(runtime.metrics().timers, 0);

            for ends in [spawn(async {}), spawn(async { panic!("contained") }), spawn(yield_now())] {
                until(|| ends.done()).await;
            }
            until(|| runtime.metrics().alive_tasks == 0).await;
            sleep(ms(1)).await;
            assert!(runtime.metrics().parks > 0);
        });
    });
}

#[test]
fn metrics_count_blocking_jobs() {
    watched(|| {
        let runtime = Runtime::builder().max_blocking_threads(number(1)).build();
        let (open, gate) = mpsc::channel::<()>();
        let started = Arc::new(OnceLock::new());
        let start = started.clone();
        let job = runtime.spawn_blocking(move || {
            start.set(()).expect("it starts once");
            gate.recv().ok();
        });
        let waiting = runtime.spawn_blocking(|| ());
        while started.get().is_none() {
            thread::yield_now();
        }
        let metrics = runtime.metrics();
        assert_eq!((metrics.blocking_threads, metrics.blocking_queue), (1, 1));
        drop(open);
        runtime.block_on(async { (job.await, waiting.await) }).0.expect("it ends");
        assert_eq!(runtime.metrics().blocking_queue, 0);
    });
}

/// Panics in its poll, and as it is dropped.
struct Twice;

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("in a poll")
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        panic!("in a destructor")
    }
}

#[test]
fn a_task_that_panics_twice_is_reported_once_and_the_next_one_under_its_own_name() {
    watched(|| {
        let (runtime, reports) = debugged(LATER);
        runtime.block_on(async {
            for name in ["one", "two", "three"] {
                let task = spawn_named(name, Twice);
                until(|| task.done()).await;
            }
        });
        let names: Vec<_> = reports
            .try_iter()
            .map(|report| {
                let Report::UnseenPanic { name, panic, .. } = report else { panic!("{report}") };
                format!("{name}: {}", panic.message())
            })
            .collect();
        assert_eq!(names, ["one: in a poll", "two: in a poll", "three: in a poll"]);
    });
}

#[test]
fn many_panics_that_nobody_looks_at_take_their_time_once_each() {
    const TASKS: usize = 100_000;
    watched_on_each_flavour(|runtime| {
        drop(runtime);
        let (runtime, reports) = debugged(LATER);
        runtime.block_on(async {
            // No message of the hook for each.
            let task = || spawn(async { std::panic::resume_unwind(Box::new("silent")) });
            let tasks: Vec<Task<()>> = (0..TASKS).map(|_| task()).collect();
            until(|| tasks.iter().all(Task::done)).await;
            tasks.into_iter().rev().for_each(drop);
        });
        assert_eq!(reports.try_iter().count(), TASKS);
    });
}
