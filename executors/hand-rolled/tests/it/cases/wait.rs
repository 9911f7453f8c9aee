//! `wait`: C051 to C057.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use hand_rolled::{ReturnWhen, Task, TaskError, run, sleep, spawn, wait, yield_now};

use crate::{Drops, Gate, LATER, Log, ms, until, watched, watched_on_each_flavour};

#[test]
fn c051_wait_all() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let value = spawn(async { 7 });
            let fails = spawn(async {
                sleep(ms(5)).await;
                panic!("E")
            });
            let waited = wait(vec![value, fails], None, ReturnWhen::AllCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (2, 0));
            assert_eq!(waited.done[0].result(), Ok(7));
            assert!(matches!(waited.done[1].exception(), Ok(Some(_))));
            for (task, ok) in waited.done.into_iter().zip([true, false]) {
                assert_eq!(task.await.is_ok(), ok, "the outputs are not taken");
            }
        });
    });
}

#[test]
fn c052_wait_timeout_does_not_cancel() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let quick = spawn(async { 1 });
            let slow = spawn(async move {
                passing.pass().await;
                2
            });
            let waited = wait(vec![quick, slow], Some(ms(50)), ReturnWhen::AllCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
            assert_eq!(waited.done[0].result(), Ok(1));
            assert!(!waited.pending[0].done());
            gate.open();
            let waited = wait(waited.pending, None, ReturnWhen::AllCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 0));
            assert_eq!(waited.done[0].result(), Ok(2));
        });
    });
}

/// Not an error here: there is nothing to wait for, so it does not.
#[test]
fn c053_wait_empty_returns_at_once() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for until in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
                let waited = wait(Vec::<Task<()>>::new(), Some(LATER), until).await;
                assert!(waited.done.is_empty() && waited.pending.is_empty());
            }
        });
    });
}

#[test]
fn c054_wait_first_completed() {
    watched_on_each_flavour(|runtime| {
        let begun = Instant::now();
        runtime.block_on(async {
            let tasks = vec![spawn(sleep(LATER)), spawn(sleep(ms(10)))];
            let waited = wait(tasks, None, ReturnWhen::FirstCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
            assert_eq!(waited.done[0].result(), Ok(()));
        });
        assert!(begun.elapsed() < ms(2000));
    });
}

#[test]
fn c055_wait_first_exception() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (endless, gate) = (spawn(pending::<()>()), Gate::default());
            let fails = spawn(async {
                sleep(ms(10)).await;
                panic!("E")
            });
            let waited = wait(vec![endless, fails], None, ReturnWhen::FirstException).await;
            assert!(matches!(waited.done[0].exception(), Ok(Some(_))));
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));

            // A value ends nothing, be it an Err, and a cancellation is no exception.
            let passing = gate.clone();
            let last = spawn(async move {
                passing.pass().await;
                Ok(())
            });
            let (value, cancelled) = (spawn(async { Err("E") }), spawn(pending()));
            cancelled.cancel();
            let tasks = vec![value, cancelled, last];
            let waiting = spawn(wait(tasks, None, ReturnWhen::FirstException));
            sleep(ms(10)).await;
            assert!(!waiting.done());
            gate.open();
            let waited = waiting.await.unwrap();
            assert_eq!((waited.done.len(), waited.pending.len()), (3, 0));
        });
    });
}

/// C056, duplicates, cannot be written: a task has one handle.
#[test]
fn c057_cancelled_wait_leaves_children() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (gate, finished) = (Gate::default(), Arc::new(AtomicBool::new(false)));
            let (passing, finish) = (gate.clone(), finished.clone());
            let child = spawn(async move {
                passing.pass().await;
                finish.store(true, SeqCst);
            });
            let waiting = spawn(wait(vec![child], None, ReturnWhen::AllCompleted));
            yield_now().await;
            waiting.cancel();
            assert!(matches!(waiting.await, Err(TaskError::Cancelled)));
            gate.open();
            until(|| finished.load(SeqCst)).await;
        });
    });
}

#[test]
fn a102_everything_done_when_the_waiter_resumes_is_done() {
    watched(|| {
        run(async {
            let tasks: Vec<_> = (0..5).map(|number| spawn(async move { number })).collect();
            let waited = wait(tasks, None, ReturnWhen::FirstCompleted).await;
            let done: Vec<_> = waited.done.iter().map(|task| task.result().unwrap()).collect();
            assert_eq!(done, [0, 1, 2, 3, 4]);
        });
    });
}

#[test]
fn a104_a_wait_for_what_is_done_suspends_once() {
    watched(|| {
        let log = Log::default();
        run(async {
            let done = spawn(async {});
            yield_now().await;
            assert!(done.done());
            let trace = log.clone();
            let _other = spawn(async move {
                for step in 0..3 {
                    trace.add(format!("o{step}"));
                    yield_now().await;
                }
            });
            wait(vec![done], None, ReturnWhen::AllCompleted).await;
            log.add("waited");
        });
        assert_eq!(log.text(), "o0 waited");
    });
}

#[test]
fn a105_no_time_at_all_still_lets_what_is_ready_run() {
    watched(|| {
        run(async {
            let (ready, endless) = (spawn(async {}), spawn(pending()));
            let waited = wait(vec![endless, ready], Some(ms(0)), ReturnWhen::AllCompleted).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
        });
    });
}

#[test]
fn a106_what_was_waited_for_no_longer_wakes_the_waiter() {
    watched(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        run(async {
            let (gate, counter) = (Gate::default(), polls.clone());
            let passing = gate.clone();
            let slow = spawn(async move { passing.pass().await });
            let waiter = spawn(async move {
                let waited = wait(vec![slow], Some(ms(1)), ReturnWhen::AllCompleted).await;
                std::future::poll_fn(|_| {
                    counter.fetch_add(1, SeqCst);
                    std::task::Poll::<()>::Pending
                })
                .await;
                drop(waited);
            });
            until(|| polls.load(SeqCst) == 1).await;
            gate.open();
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 1, "woken by a task it does not wait for");
            drop(waiter);
        });
    });
}

/// Twice the tasks take about twice the time: a hundred thousand would never end if each wake looked at all.
#[test]
fn a98_wait_takes_time_in_proportion_to_the_tasks() {
    watched(|| {
        let drops = Drops::default();
        run(async {
            let tasks: Vec<_> = (0..100_000)
                .map(|number| {
                    let guard = drops.guard();
                    spawn(async move {
                        // So that not all of them end in the same turn of the waiter.
                        for _ in 0..number % 10 {
                            yield_now().await;
                        }
                        drop(guard);
                    })
                })
                .collect();
            let waited = wait(tasks, None, ReturnWhen::FirstException).await;
            assert_eq!((waited.done.len(), waited.pending.len()), (100_000, 0));
        });
        assert_eq!(drops.count(), 100_000);
    });
}
