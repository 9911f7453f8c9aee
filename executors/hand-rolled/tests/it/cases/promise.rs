//! Promises, asyncio's Future objects: C026 to C031, A44 to A49, A54, A59.

use std::{
    sync::{Arc, Barrier, mpsc},
    thread,
};

use hand_rolled::{
    Outcome, Promise, ReturnWhen, Runtime, Task, TaskError, gather, promise, run, spawn, wait, wait_for,
    yield_now,
};

use crate::{Drops, LATER, Log, number, panic_of, python::same_as_python, watched, watched_on_each_flavour};

/// Writes what a task says of itself.
fn state<T>(task: &Task<T>) -> String {
    format!("{} {}", task.done(), task.cancelled())
}

#[test]
fn promise_as_python_has_it() {
    watched(|| {
        same_as_python("promise.py", |log| {
            run(async {
                let (promise, mut task) = promise();
                log.add(format!("new {}", state(&task)));
                for name in ["first", "second"] {
                    let log = log.clone();
                    task.add_done_callback(move |_| log.add(name));
                }
                promise.set_result(42).expect("it is the first");
                let [once, twice] = [task.result(), task.result()].map(Result::unwrap);
                log.add(format!("set {} {once} {twice}", state(&task)));
                assert_eq!(promise.set_result(43), Err(43));
                log.add("refused");
                assert!(promise.set_panic("E").is_err());
                log.add("refused");
                log.add(format!("cancel {}", task.cancel()));
                let third = log.clone();
                task.add_done_callback(move |_| third.add("third"));
                log.add(format!("awaited {}", (&mut task).await.unwrap()));
                yield_now().await;

                let (promise, task) = hand_rolled::promise();
                let cancel = task.cancel();
                log.add(format!("cancel {cancel} {} {}", state(&task), task.cancel()));
                assert_eq!(promise.set_result(1), Err(1));
                log.add("refused");
                assert_eq!(task.await, Err(TaskError::Cancelled));
                log.add("cancelled");

                let (promise, task) = hand_rolled::promise::<()>();
                promise.set_panic("E").expect("it is the first");
                let panic = task.exception().unwrap().expect("it has one");
                log.add(format!("exception {} {}", panic.message(), state(&task)));
                let Err(TaskError::Panicked(panic)) = task.await else { panic!("it ended with a panic") };
                log.add(format!("raised {}", panic.message()));
            });
        });
    });
}

#[test]
fn c026_pending_result_is_invalid_state() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, task) = promise::<i32>();
            assert_eq!(task.result(), Err(TaskError::NotDone));
            assert_eq!(task.exception(), Err(TaskError::NotDone));
            assert!(!promise.done() && !promise.cancelled() && !task.done() && !task.cancelled());
        });
    });
}

#[test]
fn c027_c028_an_outcome_is_set_once() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, task) = promise();
            assert_eq!(promise.set_result(42), Ok(()));
            assert_eq!(promise.set_result(43), Err(43));
            let refused = promise.set_panic("late").expect_err("it is done");
            assert_eq!(refused.message(), "late");
            assert!(!promise.cancel() && promise.done() && !promise.cancelled());
            assert_eq!((task.result(), task.result()), (Ok(42), Ok(42)));
            assert_eq!(task.exception(), Ok(None));

            let (promise, task) = hand_rolled::promise::<i32>();
            assert_eq!(promise.set_panic("E"), Ok(()));
            assert_eq!(promise.set_result(1), Err(1));
            assert!(matches!(task.result(), Err(TaskError::Panicked(panic)) if panic.message() == "E"));
            assert!(!task.cancelled());
        });
    });
}

#[test]
fn c029_cancelling_takes_effect_at_once() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for through_the_task in [true, false] {
                let (promise, task) = promise();
                let cancel = || if through_the_task { task.cancel() } else { promise.cancel() };
                assert!(cancel());
                assert!(task.done() && task.cancelled() && promise.done() && promise.cancelled());
                assert!(!cancel());
                assert_eq!(task.result(), Err(TaskError::Cancelled));
                assert_eq!(task.exception(), Err(TaskError::Cancelled));
                assert_eq!(promise.set_result(1), Err(1));
                assert_eq!(task.await, Err(TaskError::Cancelled));
            }
        });
    });
}

#[test]
fn c030_c031_callbacks_run_in_order_and_not_inline() {
    type End = fn(&Promise<()>) -> bool;
    let ends: [(End, Outcome); 3] = [
        (|promise| promise.set_result(()).is_ok(), Outcome::Finished),
        (|promise| promise.set_panic("E").is_ok(), Outcome::Panicked),
        (Promise::cancel, Outcome::Cancelled),
    ];
    watched(move || {
        for (end, expected) in ends {
            let log = Log::default();
            run(async {
                let (promise, task) = promise();
                let add = |name: &'static str| {
                    let log = log.clone();
                    task.add_done_callback(move |outcome| {
                        assert_eq!(outcome, expected);
                        log.add(name);
                    });
                };
                add("one");
                add("two");
                assert!(end(&promise));
                log.add("after-set");
                yield_now().await;
                add("three");
                log.add("after-add");
                yield_now().await;
            });
            assert_eq!(log.text(), "after-set one two after-add three");
        }
    });
}

#[test]
fn a54_callbacks_and_the_awaiter_share_one_line() {
    watched(|| {
        let log = Log::default();
        let waiter_log = log.clone();
        run(async move {
            let (promise, mut task) = promise::<()>();
            let name = |name: &'static str| {
                let log = log.clone();
                move |_| log.add(name)
            };
            task.add_done_callback(name("callback-1"));
            let waiter = async {
                hand_rolled::timeout(LATER, &mut task).await.expect("in time").expect("a result");
                waiter_log.add("waiter");
            };
            promise.set_result(()).expect("it is the first");
            waiter.await;
            yield_now().await;
            assert_eq!(waiter_log.text(), "waiter callback-1", "awaiting what is done does not suspend");
        });
    });
}

#[test]
fn a_dropped_promise_cancels_its_task() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, task) = promise::<i32>();
            let waiter = spawn(task);
            yield_now().await;
            drop(promise);
            assert_eq!(waiter.await, Ok(Err(TaskError::Cancelled)));
        });
    });
}

#[test]
fn an_outcome_that_nobody_has_the_task_for_is_dropped() {
    watched(|| {
        let drops = Drops::default();
        let (promise, task) = promise();
        drop(task);
        assert!(!promise.done());
        promise.set_result(drops.guard()).ok().expect("it is the first");
        assert_eq!(drops.count(), 1);
        assert!(promise.done());
        let (promise, task) = hand_rolled::promise();
        promise.set_result(drops.guard()).ok().expect("it is the first");
        drop(promise);
        assert_eq!(drops.count(), 1, "the task has it");
        drop(task);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn another_thread_sets_the_result_and_wakes_a_parked_runtime() {
    watched_on_each_flavour(|runtime| {
        let (promise, task) = runtime.block_on(async { promise() });
        let (asked, ask) = mpsc::channel();
        let setter = thread::spawn(move || {
            ask.recv().expect("the runtime asks");
            promise.set_result("far").expect("it is the first");
        });
        let got = runtime.block_on(async {
            let waiter = spawn(task);
            asked.send(()).expect("the thread listens");
            waiter.await
        });
        assert_eq!(got, Ok(Ok("far")));
        setter.join().expect("it does not panic");
    });
}

#[test]
#[cfg_attr(miri, ignore = "the thread for callbacks outside of any runtime stays as long as the process")]
fn it_needs_no_runtime_and_outlives_one() {
    watched(|| {
        let (promise, task) = promise();
        let (called, call) = mpsc::channel();
        task.add_done_callback(move |outcome| called.send((outcome, thread::current().id())).expect("heard"));
        promise.set_result(1).expect("it is the first");
        let (outcome, thread) = call.recv().expect("it is called");
        assert_eq!(outcome, Outcome::Finished);
        assert_ne!(thread, thread::current().id(), "callbacks never run inline");
        assert_eq!(run(task), Ok(1));

        let (promise, task) = Runtime::multi_thread(number(2)).block_on(async { hand_rolled::promise() });
        assert!(!task.done());
        promise.set_result(2).expect("it is the first");
        assert_eq!(Runtime::current_thread().block_on(task), Ok(2));
    });
}

#[test]
fn it_is_a_task_like_any_for_wait_gather_and_wait_for() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (first, one) = promise();
            let (second, two) = promise();
            second.set_result(2).expect("it is the first");
            let waited = wait(vec![one, two], None, ReturnWhen::FirstCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
            first.set_result(1).expect("it is the first");
            assert_eq!(gather(waited.pending.into_iter().chain(waited.done)).await, Ok(vec![1, 2]));
            let (never, task) = promise::<i32>();
            assert!(wait_for(task, crate::ms(5)).await.is_err());
            assert!(never.cancelled(), "the limit cancels it");
        });
    });
}

#[test]
fn what_is_not_send_stays_on_its_thread() {
    watched(|| {
        let value = std::rc::Rc::new(5);
        let shared = value.clone();
        let got = run(async move {
            let (promise, task) = promise();
            promise.set_result(shared).expect("it is the first");
            task.await
        });
        assert_eq!(got, Ok(value));
    });
}

#[test]
fn of_many_that_set_and_cancel_at_once_one_wins() {
    watched(|| {
        for _ in 0..500 {
            let drops = Drops::default();
            let (promise, task) = promise();
            let (promise, begin) = (Arc::new(promise), Arc::new(Barrier::new(3)));
            let setters: Vec<_> = (0..2)
                .map(|_| {
                    let (promise, begin, drops) = (promise.clone(), begin.clone(), drops.clone());
                    thread::spawn(move || {
                        begin.wait();
                        promise.set_result(drops.guard()).is_ok()
                    })
                })
                .collect();
            begin.wait();
            let cancelled = task.cancel();
            let set = setters.into_iter().map(|setter| setter.join().expect("no panic"));
            let set = set.filter(|set| *set).count();
            assert_eq!(set + usize::from(cancelled), 1, "one outcome");
            assert_eq!(run(task).is_ok(), set == 1);
            assert_eq!(drops.count(), 2);
        }
    });
}

#[test]
fn awaiting_it_twice_is_refused_as_with_every_task() {
    watched(|| {
        let (promise, mut task) = promise();
        promise.set_result(1).expect("it is the first");
        run(async {
            assert_eq!((&mut task).await, Ok(1));
            assert_eq!(task.result(), Err(TaskError::Taken));
        });
        assert!(panic_of(move || run(task)).contains("awaited before"));
    });
}

#[test]
fn a_chain_of_promises_in_callbacks_ends_without_recursion_though_the_runtime_is_gone() {
    const LENGTH: usize = 100_000;
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let first = runtime.block_on(async {
            (0..LENGTH).fold(promise::<()>().0, |next, _| {
                let (promise, task) = promise::<()>();
                let guard = drops.guard();
                task.add_done_callback(move |_| drop((next, guard)));
                promise
            })
        });
        drop(runtime);
        drop(first);
        assert_eq!(drops.count(), LENGTH);
    });
}
