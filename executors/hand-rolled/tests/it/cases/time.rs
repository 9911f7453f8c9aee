//! Time: C021 to C025, and the clauses about timers.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, Sleep, TaskError, run, sleep, sleep_until, spawn, timeout, yield_now};

use crate::{Drops, LATER, Log, lock, ms, watched, watched_on_each_flavour};

/// A sleep has no value here.
#[test]
fn c021_sleep_is_not_early() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let begun = Instant::now();
            sleep(ms(50)).await;
            assert!(begun.elapsed() >= ms(50));
            let slept = spawn(async {
                let begun = Instant::now();
                sleep(ms(50)).await;
                begun.elapsed()
            });
            assert!(slept.await.unwrap() >= ms(50));
        });
    });
}

#[test]
fn c022_sleeps_resume_in_deadline_order() {
    watched(|| {
        let log = Log::default();
        run(async {
            let begun = Instant::now();
            let tasks = [30, 10, 20].map(|after| {
                let trace = log.clone();
                spawn(async move {
                    sleep_until(begun + ms(after)).await;
                    trace.add(after.to_string());
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "10 20 30");
    });
}

/// In the order of their first polls, as that is when a sleep sets its timer.
#[test]
fn c023_equal_deadlines_fifo() {
    watched(|| {
        let log = Log::default();
        run(async {
            let deadline = Instant::now() + ms(10);
            let tasks: Vec<_> = (0..10)
                .map(|number| {
                    let trace = log.clone();
                    spawn(async move {
                        sleep_until(deadline).await;
                        trace.add(number.to_string());
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "0 1 2 3 4 5 6 7 8 9");
    });
}

#[test]
fn c024_sleep_zero_yields_once() {
    watched(|| {
        for zero in [true, false] {
            let log = Log::default();
            let suspend = move || async move { if zero { sleep(ms(0)).await } else { yield_now().await } };
            run(async {
                let trace = log.clone();
                let _other = spawn(async move {
                    for step in 0..3 {
                        trace.add(format!("o{step}"));
                        suspend().await;
                    }
                });
                log.add("m0");
                suspend().await;
                log.add("m1");
                suspend().await;
                log.add("m2");
            });
            assert_eq!(log.text(), "m0 o0 m1 o1 m2");
        }
    });
}

/// A timer is a sleep, and cancelled with the task that sleeps.
#[test]
fn c025_call_later_and_cancel() {
    watched_on_each_flavour(|runtime| {
        let (log, begun) = (Log::default(), Instant::now());
        runtime.block_on(async {
            let [first, second] = [("a", 200), ("b", 100)].map(|(name, after)| {
                let trace = log.clone();
                spawn(async move {
                    sleep(ms(after)).await;
                    trace.add(name);
                })
            });
            assert!(second.cancel());
            assert_eq!(second.await, Err(TaskError::Cancelled));
            assert_eq!(log.text(), "", "inline");
            first.await.unwrap();
        });
        assert_eq!(log.text(), "a");
        assert!(begun.elapsed() >= ms(200));
    });
}

#[test]
fn a38_the_longest_sleep_never_ends() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let endless = spawn(sleep(Duration::MAX));
            sleep(ms(5)).await;
            assert!(!endless.done());
            assert!(timeout(Duration::MAX, yield_now()).await.is_ok());
        });
    });
}

#[test]
fn a41_a_timer_cancelled_by_an_earlier_one_of_its_batch_does_not_fire() {
    watched(|| {
        let log = Log::default();
        run(async {
            let trace = log.clone();
            let later = spawn(async move {
                sleep(ms(10)).await;
                trace.add("later");
            });
            let earlier = spawn(async move {
                sleep(ms(5)).await;
                later.cancel();
                later.await
            });
            yield_now().await;
            // Both are due at once.
            thread::sleep(ms(30));
            assert_eq!(earlier.await, Ok(Err(TaskError::Cancelled)));
        });
        assert_eq!(log.text(), "");
    });
}

#[test]
fn a42_cancelled_sleeps_leave_nothing_behind() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        runtime.block_on(async {
            for _ in 0..1_000 {
                let guard = drops.guard();
                let task = spawn(async move {
                    let _guard = guard;
                    sleep(LATER).await;
                });
                yield_now().await;
                task.cancel();
                assert!(task.await.is_err());
            }
        });
        assert_eq!(drops.count(), 1_000);
    });
}

/// The woken waker drops one sleep and sets another, on the stack of whoever fires the timers.
#[test]
fn a43_a_fired_timer_may_set_and_drop_others() {
    struct Meddling(Mutex<Vec<Pin<Box<Sleep>>>>, std::task::Waker);
    impl std::task::Wake for Meddling {
        fn wake(self: Arc<Self>) {
            let others = std::mem::take(&mut *lock(&self.0));
            drop(others);
            self.1.wake_by_ref();
        }
    }
    watched(|| {
        run(async {
            let mut watched = sleep(ms(5));
            poll_fn(|context| {
                let mut other = Box::pin(sleep(LATER));
                assert!(other.as_mut().poll(context).is_pending());
                let waker = Arc::new(Meddling(Mutex::new(vec![other]), context.waker().clone())).into();
                Pin::new(&mut watched).poll(&mut std::task::Context::from_waker(&waker))
            })
            .await;
        });
    });
}

#[test]
fn a5_timers_that_came_due_between_two_runs_fire_in_the_next() {
    watched(|| {
        let runtime = Runtime::current_thread();
        let task = runtime.spawn(sleep(ms(5)));
        runtime.block_on(yield_now());
        thread::sleep(ms(20));
        assert!(!task.done(), "nobody ran the loop");
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn a75_a_cancelled_task_no_longer_holds_what_it_waited_for() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let held = Arc::new(());
            let holds = held.clone();
            let task = spawn(async move {
                let _holds = holds;
                timeout(LATER, pending::<()>()).await.ok();
            });
            yield_now().await;
            task.cancel();
            poll_fn(|_| Poll::Ready(())).await;
            assert!(task.await.is_err());
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}
