//! `wait_for` and `timeout`: C058 to C066.

use std::{
    future::{pending, poll_fn, ready},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{
    Task, TaskError, TimedOut, WaitForError, run, sleep, spawn, spawn_blocking, timeout, wait_for, yield_now,
};

use crate::{Drops, Gate, LATER, OnDrop, ms, until, watched, watched_on_each_flavour};

/// No limit is the longest.
#[test]
fn c058_wait_for_in_time() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for limit in [LATER, Duration::MAX] {
                assert_eq!(wait_for(spawn(async { 7 }), limit).await, Ok(7));
                let fails: Task<()> = spawn(async { panic!("E") });
                let Err(WaitForError::Task(TaskError::Panicked(panic))) = wait_for(fails, limit).await else {
                    panic!("the error of the task did not pass")
                };
                assert_eq!(panic.message(), "E");
            }
        });
    });
}

#[test]
fn c059_wait_for_timeout_cancels() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let task = spawn(async move {
                let _guard = guard;
                sleep(LATER).await;
            });
            let begun = Instant::now();
            assert_eq!(wait_for(task, ms(20)).await, Err(WaitForError::TimedOut));
            assert_eq!(drops.count(), 1, "it was not waited for");
            assert!(begun.elapsed() >= ms(20));
        });
    });
}

#[test]
fn c061_wait_for_no_time_on_done_and_running() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let done = spawn(async { 7 });
            until(|| done.done()).await;
            assert_eq!(wait_for(done, ms(0)).await, Ok(7));

            let drops = Drops::default();
            let guard = drops.guard();
            let running = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            assert_eq!(wait_for(running, ms(0)).await, Err(WaitForError::TimedOut));
            assert_eq!(drops.count(), 1);
        });
    });
    watched(|| {
        run(async {
            let unstarted = spawn(async { panic!("it was polled") });
            assert_eq!(wait_for::<()>(unstarted, ms(0)).await, Err(WaitForError::TimedOut));
        });
    });
}

#[test]
fn c062_cancelled_wait_for_cancels_inner() {
    watched_on_each_flavour(|runtime| {
        for limit in [LATER, Duration::MAX] {
            runtime.block_on(async {
                let drops = Drops::default();
                let guard = drops.guard();
                let inner = spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
                // It cancels the task only if it was polled.
                let polled = Gate::default();
                let begun = polled.clone();
                let outer = spawn(async move {
                    begun.open();
                    wait_for(inner, limit).await
                });
                polled.pass().await;
                outer.cancel();
                assert_eq!(outer.await, Err(TaskError::Cancelled));
                until(|| drops.count() == 1).await;
            });
        }
    });
}

/// A body is any future, and `timeout` gives its output or `TimedOut`.
#[test]
fn c064_timeout_scope() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let body = async move {
                let _guard = guard;
                sleep(LATER).await;
            };
            assert_eq!(timeout(ms(10), body).await, Err(TimedOut));
            assert_eq!(drops.count(), 1);
            assert_eq!(timeout(LATER, async { 7 }).await, Ok(7));
            assert_eq!(timeout(Duration::MAX, sleep(ms(1))).await, Ok(()));
        });
    });
}

#[test]
fn c065_nested_timeouts_outer_shorter() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            assert_eq!(timeout(ms(10), timeout(LATER, pending::<()>())).await, Err(TimedOut));
            // Both have expired when the task is polled again.
            let body = async {
                let blocks = poll_fn(|_| {
                    thread::sleep(ms(10));
                    Poll::<()>::Pending
                });
                timeout(ms(1), blocks).await.ok();
            };
            assert_eq!(timeout(ms(2), body).await, Err(TimedOut));
            // A timeout that is over limits nothing any more.
            assert_eq!(timeout(ms(1), pending::<()>()).await, Err(TimedOut));
            assert_eq!(timeout(LATER, timeout(ms(1), pending::<()>())).await, Ok(Err(TimedOut)));
        });
    });
}

#[test]
fn c066_foreign_error_in_timeout() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            assert_eq!(timeout(LATER, ready(Err::<(), _>("E"))).await, Ok(Err("E")));
            let panics = spawn(timeout(LATER, async { panic!("E") }));
            assert!(matches!(panics.await, Err(TaskError::Panicked(panic)) if panic.message() == "E"));
        });
    });
}

/// A task that ends after its time was up, because it could not be stopped before.
#[test]
fn a108_wait_for_waits_until_the_task_is_really_done() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let task = spawn(async move {
                let _guard = OnDrop(move || {
                    thread::sleep(ms(30));
                    let _guard = &guard;
                });
                pending::<()>().await;
            });
            yield_now().await;
            assert_eq!(wait_for(task, ms(5)).await, Err(WaitForError::TimedOut));
            assert_eq!(drops.count(), 1);

            let task: Task<()> = spawn(async {
                let _guard = OnDrop(|| panic!("E"));
                pending().await
            });
            yield_now().await;
            let Err(WaitForError::Task(TaskError::Panicked(_))) = wait_for(task, ms(5)).await else {
                panic!("the panic of the cancelled task was lost")
            };
        });
    });
}

#[test]
fn a113_what_is_done_when_the_caller_is_polled_is_in_time() {
    watched(|| {
        run(async {
            let quick = spawn(async {
                sleep(ms(5)).await;
                7
            });
            let waiting = spawn(wait_for(quick, ms(10)));
            yield_now().await;
            // Both deadlines pass before anybody is polled.
            thread::sleep(ms(30));
            assert_eq!(waiting.await, Ok(Ok(7)));
        });
    });
}

#[test]
fn a114_a_task_that_somebody_else_cancelled_is_cancelled_not_timed_out() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(pending::<()>());
            yield_now().await;
            task.cancel();
            assert_eq!(wait_for(task, LATER).await, Err(WaitForError::Task(TaskError::Cancelled)));
        });
    });
}

#[test]
fn a111_a_wait_for_that_was_never_polled_detaches() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (gate, drops) = (Gate::default(), Drops::default());
            let (passing, guard) = (gate.clone(), drops.guard());
            let task = spawn(async move {
                passing.pass().await;
                drop(guard);
            });
            drop(wait_for(task, LATER));
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(drops.count(), 0);
            gate.open();
            until(|| drops.count() == 1).await;
        });
    });
}

#[test]
fn a118_a_body_that_does_not_suspend_is_in_time_however_late() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let done = spawn(async { 7 });
            until(|| done.done()).await;
            assert_eq!(timeout(ms(0), done).await, Ok(Ok(7)), "awaiting what is done does not suspend");
            assert_eq!(timeout(ms(0), yield_now()).await, Err(TimedOut));
        });
    });
}

#[test]
fn a151_a_job_that_runs_on_does_not_hold_up_wait_for() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (free, busy) = std::sync::mpsc::channel::<()>();
            let job = spawn_blocking(move || busy.recv().ok());
            assert_eq!(wait_for(job, ms(5)).await, Err(WaitForError::TimedOut));
            free.send(()).ok();
        });
    });
}
