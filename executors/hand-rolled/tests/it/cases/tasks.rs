//! Tasks and what can be asked of them: C026 to C040.

use std::{
    future::{pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use hand_rolled::{Outcome, Runtime, Task, TaskError, run, sleep, spawn, spawn_blocking, yield_now};

use crate::{Drops, Gate, Log, lock, ms, panic_of, until, watched, watched_on_each_flavour};

#[test]
fn c026_pending_result_is_invalid_state() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(pending::<u8>());
        assert_eq!(task.result(), Err(TaskError::NotDone));
        assert_eq!(task.exception(), Err(TaskError::NotDone));
        assert!(!task.done() && !task.cancelled());
    });
}

/// Of the task that panics, as there are no promise objects.
#[test]
fn c028_set_exception() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task: Task<u8> = spawn(async { panic!("E") });
            until(|| task.done()).await;
            for _ in 0..2 {
                assert_eq!(task.exception().unwrap().unwrap().message(), "E");
                assert!(matches!(task.result(), Err(TaskError::Panicked(panic)) if panic.message() == "E"));
            }
            assert!(!task.cancelled() && !task.cancel());
        });
    });
}

#[test]
fn c030_callbacks_in_order_not_inline() {
    watched_on_each_flavour(|runtime| {
        let ends = [Outcome::Finished, Outcome::Panicked, Outcome::Cancelled];
        for end in ends {
            let (log, gate) = (Log::default(), Gate::default());
            let passing = gate.clone();
            let task = runtime.spawn(async move {
                passing.pass().await;
                assert!(end == Outcome::Finished, "on purpose");
            });
            for name in ["cb1", "cb2", "cb3"] {
                let trace = log.clone();
                task.add_done_callback(move |outcome| {
                    assert_eq!(outcome, end);
                    trace.add(name);
                });
            }
            assert_eq!(log.text(), "");
            if end == Outcome::Cancelled {
                task.cancel();
            } else {
                gate.open();
            }
            runtime.block_on(until(|| log.text() == "cb1 cb2 cb3"));
            assert!(task.done());
        }
    });
}

#[test]
fn c030_callbacks_run_in_the_turn_after_the_end() {
    watched(|| {
        let log = Log::default();
        run(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let task = spawn(async move { passing.pass().await });
            for name in ["cb1", "cb2"] {
                let trace = log.clone();
                task.add_done_callback(move |_| trace.add(name));
            }
            yield_now().await;
            gate.open();
            log.add("after-set");
            yield_now().await;
            assert!(task.done());
            log.add("tick");
            yield_now().await;
        });
        assert_eq!(log.text(), "after-set tick cb1 cb2");
    });
}

#[test]
fn c031_callback_on_done_future() {
    watched(|| {
        let log = Log::default();
        run(async {
            let task = spawn(async {});
            yield_now().await;
            assert!(task.done());
            let (callback, other) = (log.clone(), log.clone());
            task.add_done_callback(move |_| callback.add("cb"));
            drop(spawn(async move { other.add("spawned-later") }));
            log.add("after-add");
            yield_now().await;
        });
        assert_eq!(log.text(), "after-add cb spawned-later");
    });
    watched_on_each_flavour(|runtime| {
        let log = Log::default();
        let task = runtime.spawn(async {});
        runtime.block_on(until(|| task.done()));
        for number in 0..100 {
            let trace = log.clone();
            task.add_done_callback(move |_| trace.add(number.to_string()));
        }
        let expected: Vec<_> = (0..100).map(|number: i32| number.to_string()).collect();
        runtime.block_on(until(|| log.text() == expected.join(" ")));
    });
}

/// A handle gives its value once, and then says so.
#[test]
fn c033_await_many_times() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let mut task = spawn(async { 7 });
            assert_eq!((&mut task).await, Ok(7));
            assert_eq!(task.result(), Err(TaskError::Taken));
            assert_eq!(task.exception(), Ok(None));
            assert!(task.done() && !task.cancelled());
        });
        let message = panic_of(|| {
            runtime.block_on(async {
                let mut task: Task<()> = spawn(async { panic!("E") });
                assert!((&mut task).await.is_err());
                assert!(matches!(task.exception(), Ok(Some(_))), "nothing was taken: it can still be read");
                task.await
            })
        });
        assert!(message.contains("awaited before"), "{message}");
    });
}

#[test]
fn c034_task_value() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { String::from("value") });
            until(|| task.done()).await;
            for _ in 0..2 {
                assert_eq!(task.result().as_deref(), Ok("value"));
                assert_eq!(task.exception(), Ok(None));
            }
            assert!(!task.cancelled());
            assert_eq!(task.await.as_deref(), Ok("value"), "result() took nothing");
        });
    });
}

#[test]
fn c035_task_failure() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let sibling = spawn(async move {
                passing.pass().await;
                7
            });
            let value = spawn(async { Err::<(), _>("E") });
            until(|| value.done()).await;
            assert_eq!(value.result(), Ok(Err("E")), "an Err is a value");
            assert_eq!(value.exception(), Ok(None));
            assert_eq!(value.await, Ok(Err("E")));
            let panics: Task<()> = spawn(async { panic!("E") });
            assert!(matches!(panics.await, Err(TaskError::Panicked(_))));
            assert!(!sibling.done());
            gate.open();
            assert_eq!(sibling.await, Ok(7));
        });
    });
}

#[test]
fn c036_task_panic_is_captured() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let (guard, number) = (drops.guard(), 1234);
            let task = spawn(async move {
                let _guard = guard;
                yield_now().await;
                panic!("msg {number}");
            });
            let task: Task<()> = task;
            let Err(TaskError::Panicked(panic)) = task.await else { panic!("it did not panic") };
            assert_eq!(panic.message(), "msg 1234");
            assert_eq!(drops.count(), 1);
            assert_eq!(TaskError::Panicked(panic).to_string(), "the task panicked: msg 1234");
            assert_eq!(spawn(async { 7 }).await, Ok(7));
        });
    });
}

#[test]
fn c039_dropped_handle_detaches() {
    watched_on_each_flavour(|runtime| {
        let gate = Gate::default();
        let opening = gate.clone();
        drop(runtime.spawn(async move {
            sleep(ms(10)).await;
            opening.open();
        }));
        runtime.block_on(gate.pass());
    });
}

#[test]
fn c040_spawn_in_spawn() {
    watched_on_each_flavour(|runtime| {
        let outer = runtime.spawn(async { spawn(async { "hello" }).await });
        assert_eq!(runtime.block_on(outer), Ok(Ok("hello")));
    });
}

#[test]
fn a48_a_callback_runs_once_also_for_jobs_and_detached_tasks() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let calls = Arc::new(AtomicUsize::new(0));
            let callback = || {
                let calls = calls.clone();
                move |outcome| {
                    assert_eq!(outcome, Outcome::Finished);
                    calls.fetch_add(1, SeqCst);
                }
            };
            let (detached, job) = (spawn(yield_now()), spawn_blocking(|| 7));
            detached.add_done_callback(callback());
            drop(detached);
            job.add_done_callback(callback());
            assert_eq!(job.await, Ok(7));
            until(|| calls.load(SeqCst) == 2).await;
        });
    });
}

#[test]
fn a53_a_callback_added_by_a_callback_runs_after_the_others() {
    watched(|| {
        let log = Log::default();
        run(async {
            let task = Arc::new(Mutex::new(spawn(async {})));
            let (trace, added, handle) = (log.clone(), log.clone(), task.clone());
            lock(&task).add_done_callback(move |_| {
                trace.add("cb1");
                lock(&handle).add_done_callback(move |_| added.add("added"));
            });
            let trace = log.clone();
            lock(&task).add_done_callback(move |_| trace.add("cb2"));
            until(|| log.text().contains("added")).await;
        });
        assert_eq!(log.text(), "cb1 cb2 added");
    });
}

#[test]
fn a48_callbacks_of_a_dropped_runtime_are_dropped_unrun() {
    watched_on_each_flavour(|runtime| {
        let (drops, task) = (Drops::default(), runtime.spawn(pending::<()>()));
        let guard = drops.guard();
        task.add_done_callback(move |_| {
            let _guard = &guard;
            panic!("it ran");
        });
        drop(runtime);
        assert!(task.cancelled());
        assert_eq!(drops.count(), 1);
        let guard = drops.guard();
        task.add_done_callback(move |_| drop(guard));
        assert_eq!(drops.count(), 2, "there is nobody left to run it");
    });
}

#[test]
fn a96_result_clones_outside_of_the_runtime() {
    /// Uses the runtime while it is cloned.
    struct Nosy(Arc<Runtime>);
    impl Clone for Nosy {
        fn clone(&self) -> Nosy {
            assert_eq!(self.0.block_on(self.0.spawn(async { 7 })), Ok(7));
            Nosy(self.0.clone())
        }
    }
    watched_on_each_flavour(|runtime| {
        let runtime = Arc::new(runtime);
        let task = runtime.spawn({
            let runtime = runtime.clone();
            poll_fn(move |_| Poll::Ready(Nosy(runtime.clone())))
        });
        runtime.block_on(until(|| task.done()));
        assert!(task.result().is_ok());
        drop(task);
    });
}
