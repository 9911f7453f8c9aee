//! Functions that are called later: C010 to C014, C023, C025, A16 to A23, A39 to A41.

use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{
    CallHandle, Runtime, call_at, call_later, call_soon, promise, run, sleep, spawn, spawn_blocking,
    yield_now,
};

use crate::{
    Drops, LATER, Log, lock, ms, number, panic_of, python::same_as_python, until, watched,
    watched_on_each_flavour,
};

/// A callback that notes an event.
fn note(log: &Log, what: impl Into<String>) -> impl FnOnce() + Send + 'static {
    let (log, what) = (log.clone(), what.into());
    move || log.add(what)
}

#[test]
fn calls_as_python_has_them() {
    watched(|| {
        same_as_python("calls.py", |log| {
            run(async {
                for number in 1..=3 {
                    call_soon(note(&log, format!("soon {number}")));
                }
                yield_now().await;

                let inner = log.clone();
                call_soon(move || {
                    inner.add("a");
                    call_soon(note(&inner, "a2"));
                });
                call_soon(note(&log, "b"));
                yield_now().await;
                log.add("main");
                yield_now().await;

                let handle = call_soon(note(&log, "never"));
                let other = call_soon(note(&log, "y"));
                assert!(handle.cancel() && handle.cancel());
                log.add(format!("cancelled {} {}", handle.cancelled(), other.cancelled()));
                yield_now().await;

                let cancelled = Arc::new(OnceLock::<CallHandle>::new());
                let canceller = cancelled.clone();
                call_soon(move || assert!(canceller.get().expect("it is set").cancel()));
                cancelled.set(call_soon(note(&log, "never"))).expect("it is the first");
                call_soon(note(&log, "z"));
                yield_now().await;

                call_later(Duration::ZERO, note(&log, "later"));
                call_soon(note(&log, "sooner"));
                sleep(ms(10)).await;

                call_later(ms(30), note(&log, "30 ms"));
                call_later(ms(10), note(&log, "10 ms"));
                let cancelled = call_later(ms(5), note(&log, "never"));
                cancelled.cancel();
                let deadline = Instant::now() + ms(20);
                let at = call_at(deadline, note(&log, "20 ms"));
                let same = at.when() == Some(deadline);
                log.add(format!("when {same} cancelled {}", cancelled.cancelled()));
                sleep(ms(60)).await;
            });
        });
    });
}

#[test]
fn c012_cancelling_is_idempotent_and_too_late_once_it_was_called() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (called, call) = promise();
            let handle = call_soon(move || called.set_result(()).expect("it is the first"));
            call.await.expect("it is called");
            assert!(!handle.cancel() && !handle.cancelled());
            let cancelled = call_later(LATER, || panic!("it was cancelled"));
            assert!(cancelled.cancel() && cancelled.cancel() && cancelled.cancelled());
        });
    });
}

#[test]
fn what_is_cancelled_is_dropped_and_not_inside_the_call() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let handle = call_later(LATER, move || drop(guard));
            yield_now().await;
            handle.cancel();
            drop(handle);
            until(|| drops.count() == 1).await;
        });
    });
}

#[test]
fn c013_a_call_from_a_blocking_job_wakes_a_parked_loop() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (called, call) = promise();
            let never = call_later(LATER, || ());
            let job = spawn_blocking(move || {
                thread::sleep(ms(5));
                call_soon(move || called.set_result(7).expect("it is the first"));
            });
            assert_eq!(call.await, Ok(7));
            job.await.expect("it does not panic");
            never.cancel();
        });
    });
}

#[test]
fn c014_a_callback_that_panics_is_contained() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (called, call) = promise();
            call_soon(|| panic!("contained"));
            call_later(Duration::ZERO, || panic!("contained"));
            call_later(ms(1), move || called.set_result(()).expect("it is the first"));
            assert_eq!(call.await, Ok(()));
        });
    });
}

#[test]
fn c023_equal_deadlines_are_called_in_order() {
    watched(|| {
        let log = Log::default();
        run(async {
            let deadline = Instant::now() + ms(5);
            for number in 0..10 {
                call_at(deadline, note(&log, number.to_string()));
            }
            sleep(ms(20)).await;
        });
        assert_eq!(log.text(), "0 1 2 3 4 5 6 7 8 9");
    });
}

#[test]
fn c025_a_call_is_not_early_and_never_inline() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let begun = Instant::now();
            let (called, call) = promise();
            call_later(ms(10), move || called.set_result(Instant::now()).expect("it is the first"));
            assert!(call.await.expect("it is called") >= begun + ms(10));
        });
    });
    watched(|| {
        let log = Log::default();
        run(async {
            call_at(Instant::now(), note(&log, "past"));
            call_later(Duration::ZERO, note(&log, "zero"));
            log.add("inline");
            sleep(ms(5)).await;
        });
        assert!(log.text().starts_with("inline "));
    });
}

#[test]
fn a19_spawns_and_calls_share_one_line() {
    watched(|| {
        let log = Log::default();
        run(async {
            let one = log.clone();
            spawn(async move { one.add("task 1") });
            call_soon(note(&log, "call"));
            let two = log.clone();
            spawn(async move { two.add("task 2") });
            yield_now().await;
        });
        assert_eq!(log.text(), "task 1 call task 2");
    });
}

#[test]
fn a40_a_call_for_at_once_comes_after_those_for_soon() {
    watched(|| {
        let log = Log::default();
        run(async {
            let inner = log.clone();
            call_later(ms(1), move || {
                call_later(Duration::ZERO, note(&inner, "c"));
                call_soon(note(&inner, "b"));
            });
            sleep(ms(20)).await;
        });
        assert_eq!(log.text(), "b c");
    });
}

#[test]
fn a40_overdue_calls_as_python_has_them() {
    watched(|| {
        same_as_python("overdue_calls.py", |log| {
            run(async {
                let ago = |milliseconds| {
                    Instant::now().checked_sub(ms(milliseconds)).expect("the clock is older than that")
                };
                let now = Instant::now();
                for milliseconds in [1, 3, 2, 3, 1, 5] {
                    let deadline = now.checked_sub(ms(milliseconds)).expect("the clock is older than that");
                    call_at(deadline, note(&log, format!("past {milliseconds}")));
                }
                call_later(Duration::ZERO, note(&log, "zero"));
                call_soon(note(&log, "soon"));
                yield_now().await;
                log.add("--");
                yield_now().await;
                log.add("--");

                let inner = log.clone();
                call_soon(move || {
                    inner.add("first");
                    call_soon(note(&inner, "third"));
                });
                call_later(Duration::ZERO, note(&log, "second"));
                sleep(ms(5)).await;
                log.add("--");

                let inner = log.clone();
                let outer = move || {
                    call_at(ago(1000), note(&inner, "late"));
                    call_at(ago(2000), note(&inner, "later"));
                    call_soon(note(&inner, "soon"));
                };
                call_at(ago(3000), outer);
                call_at(ago(2000), note(&log, "beside"));
                sleep(ms(5)).await;
                log.add("--");

                let cancelled = Arc::new(OnceLock::<CallHandle>::new());
                let canceller = cancelled.clone();
                call_at(ago(2000), move || assert!(canceller.get().expect("it is set").cancel()));
                cancelled.set(call_at(ago(1000), note(&log, "never"))).expect("it is the first");
                call_at(ago(1000), note(&log, "after"));
                sleep(ms(5)).await;
                log.add("--");

                for seconds in [1, 3, 2] {
                    let log = log.clone();
                    spawn(async move {
                        call_at(ago(1000 * seconds), note(&log, format!("from a task {seconds}")));
                    });
                }
                sleep(ms(5)).await;
            });
        });
    });
}

#[test]
fn a40_a_thousand_overdue_calls_run_in_the_order_of_their_deadlines() {
    watched(|| {
        let (log, now) = (Log::default(), Instant::now());
        run(async {
            for number in 0..1000u64 {
                // All residues, each once, in a scattered order; seven deadlines of each.
                let late = number * 389 % 1000 / 7;
                let deadline = now.checked_sub(Duration::from_nanos(late * 1000)).expect("it is recent");
                call_at(deadline, note(&log, format!("{:03} {number:03}", 999 - late)));
            }
            sleep(ms(5)).await;
        });
        let events = lock(&log.0);
        assert_eq!(events.len(), 1000);
        assert!(events.is_sorted(), "by deadline, and those of one deadline in the order of the calls");
    });
}

#[test]
fn overdue_calls_all_run_on_several_workers() {
    for workers in [1, 2, 4] {
        watched(move || {
            Runtime::multi_thread(number(workers)).block_on(async {
                let (sender, calls) = mpsc::channel();
                let now = Instant::now();
                for call in 0..1000 {
                    let sender = sender.clone();
                    let deadline = now.checked_sub(Duration::from_micros(call)).expect("it is recent");
                    call_at(deadline, move || sender.send(call).expect("it is heard"));
                }
                let mut called = Vec::new();
                while called.len() < 1000 {
                    called.extend(calls.try_iter());
                    yield_now().await;
                }
                called.sort_unstable();
                assert!(called.iter().copied().eq(0..1000));
            });
        });
    }
}

#[test]
fn a_call_that_is_cancelled_from_its_own_callback_was_called() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (called, call) = promise();
            let handle = Arc::new(OnceLock::<CallHandle>::new());
            let own = handle.clone();
            let set = call_later(ms(20), move || {
                let own = own.get().expect("it is set");
                called.set_result((own.cancel(), own.cancelled())).expect("it is the first");
            });
            handle.set(set).expect("it is the first");
            assert_eq!(call.await, Ok((false, false)));
        });
    });
}

#[test]
fn the_longest_delay_is_never_and_has_no_time() {
    watched(|| {
        run(async {
            let never = call_later(Duration::MAX, || panic!("it never comes"));
            let soon = call_soon(|| ());
            assert_eq!((never.when(), soon.when()), (None, None));
            sleep(ms(5)).await;
            assert!(never.cancel());
        });
    });
}

#[test]
fn a13_a_runtime_that_ends_calls_nothing_more() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let handles = runtime.block_on(async {
            let guard = drops.guard();
            let later = call_later(LATER, move || {
                drop(guard);
                panic!("it is not called");
            });
            Arc::new(Mutex::new(vec![later]))
        });
        drop(runtime);
        assert_eq!(drops.count(), 1);
        assert!(lock(&handles).iter().all(|handle| handle.cancel()), "and cancelling it is harmless");
    });
}

#[test]
fn outside_of_a_runtime_the_message_says_so() {
    watched(|| {
        let message = panic_of(|| call_soon(|| ()));
        assert!(message.starts_with("call_soon needs a running runtime"), "{message}");
        let message = panic_of(|| call_later(ms(1), || ()));
        assert!(message.starts_with("call_later needs a running runtime"), "{message}");
        let message = panic_of(|| call_at(Instant::now(), || ()));
        assert!(message.starts_with("call_at needs a running runtime"), "{message}");
    });
}

#[test]
fn a_runtime_calls_from_any_thread_through_spawn() {
    watched(|| {
        let runtime = Arc::new(Runtime::current_thread());
        let (called, call) = mpsc::channel();
        let other = runtime.clone();
        thread::spawn(move || drop(other.spawn(async move { called.send(()).expect("it is heard") })));
        runtime.block_on(async { until(|| call.try_recv().is_ok()).await });
    });
}
