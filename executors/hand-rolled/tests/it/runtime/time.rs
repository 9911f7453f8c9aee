//! Sleeps and timeouts.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, Sleep, TimedOut, sleep, sleep_until, spawn, timeout, yield_now};

use crate::{Drops, LATER, Log, ms, watched, watched_on_each_flavour};

const SOON: Duration = ms(5);

#[test]
fn sleeps_of_no_time_take_turns_with_yields() {
    watched(|| {
        let log = Log::default();
        hand_rolled::run(async {
            let spawn_one = |name: &'static str| {
                let log = log.clone();
                spawn(async move {
                    for round in 0..3 {
                        log.add(format!("{name}{round}"));
                        if name == "s" { sleep(Duration::ZERO).await } else { yield_now().await }
                    }
                })
            };
            for task in ["s", "y"].map(spawn_one) {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "s0 y0 s1 y1 s2 y2");
    });
}

#[test]
fn equal_deadlines_fire_in_the_order_in_which_they_were_set() {
    watched(|| {
        let log = Log::default();
        hand_rolled::run(async {
            let deadline = Instant::now() + SOON;
            let spawn_one = |index: usize| {
                let log = log.clone();
                spawn(async move {
                    sleep_until(deadline).await;
                    log.add(index.to_string());
                })
            };
            let tasks: Vec<_> = (0..10).map(spawn_one).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "0 1 2 3 4 5 6 7 8 9");
    });
}

#[test]
fn tasks_that_always_yield_do_not_keep_timers_from_firing() {
    watched_on_each_flavour(|runtime| {
        for _ in 0..4 {
            drop(runtime.spawn(async {
                loop {
                    yield_now().await;
                }
            }));
        }
        runtime.block_on(sleep(SOON));
    });
}

#[test]
fn a_worker_that_is_busy_does_not_keep_another_from_firing_timers() {
    watched(|| {
        let runtime = crate::two_workers();
        runtime.block_on(async {
            let sleeper = spawn(async {
                let start = Instant::now();
                sleep(SOON).await;
                start.elapsed()
            });
            let (send, receive) = std::sync::mpsc::channel();
            let busy = spawn(async move { receive.recv_timeout(crate::PATIENCE).unwrap() });
            let waits = spawn(async move {
                sleeper.await.unwrap();
                send.send(()).unwrap();
            });
            waits.await.unwrap();
            busy.await.unwrap();
        });
    });
}

#[test]
fn an_earlier_deadline_than_the_one_waited_for_is_not_slept_over() {
    watched_on_each_flavour(|runtime| {
        drop(runtime.spawn(sleep(LATER)));
        let runtime = &runtime;
        thread::scope(|scope| {
            let gate = crate::Gate::default();
            let opener = gate.clone();
            scope.spawn(move || {
                thread::sleep(SOON);
                drop(runtime.spawn(async move {
                    sleep(SOON).await;
                    opener.open();
                }));
            });
            runtime.block_on(gate.pass());
        });
    });
}

#[test]
fn a_sleep_wakes_whoever_polled_it_last() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let mut moved = sleep(SOON);
            assert!(is_pending(&mut moved).await);
            spawn(moved).await.unwrap();
        });
    });
}

#[test]
fn a_sleep_may_move_to_another_runtime() {
    watched_on_each_flavour(|runtime| {
        let mut moved = sleep(SOON);
        assert!(runtime.block_on(is_pending(&mut moved)));
        hand_rolled::run(moved);
    });
}

#[test]
fn a_timeout_of_no_time_polls_once() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
            let drops = Drops::default();
            let guard = drops.guard();
            let suspends = async move {
                let _guard = guard;
                yield_now().await;
            };
            assert_eq!(timeout(Duration::ZERO, suspends).await, Err(TimedOut));
            assert_eq!(drops.count(), 1);
        });
    });
}

#[test]
fn of_nested_timeouts_the_shorter_one_expires() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let [outer, inner] = [(SOON, LATER), (LATER, SOON)]
                .map(|(outer, inner)| timeout(outer, timeout(inner, pending::<()>())));
            assert_eq!(outer.await, Err(TimedOut));
            assert_eq!(inner.await, Ok(Err(TimedOut)));
            assert_eq!(spawn(async { 7 }).await, Ok(7), "the task goes on");
        });
    });
}

#[test]
fn a_task_that_ends_before_the_limit_is_in_time_even_if_the_loop_was_busy() {
    watched(|| {
        let runtime = Runtime::current_thread();
        runtime.block_on(async {
            let task = spawn(async {
                sleep(SOON).await;
                7
            });
            let limited = spawn(timeout(2 * SOON, task));
            yield_now().await;
            thread::sleep(4 * SOON);
            assert_eq!(limited.await.unwrap(), Ok(Ok(7)));
        });
    });
}

/// Polls a sleep once, and tells whether it goes on.
async fn is_pending(sleep: &mut Sleep) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *sleep).poll(context).is_pending())).await
}

/// A task that keeps a worker for itself and yields now and then gives the timers their turn whenever it
/// does.
#[test]
fn a_timer_waits_for_one_round_of_the_queue_however_long_the_polls_are() {
    watched_on_each_flavour(|runtime| {
        let polls_too_late = runtime.block_on(async {
            let slept = Arc::new(AtomicBool::new(false));
            let deadline = Instant::now() + SOON;
            // On two workers both are kept busy.
            let keep_busy = |slept: Arc<AtomicBool>| async move {
                let mut polls_too_late = 0;
                while !slept.load(SeqCst) {
                    polls_too_late += u32::from(Instant::now() >= deadline);
                    let end = Instant::now() + ms(2);
                    while Instant::now() < end {}
                    yield_now().await;
                }
                polls_too_late
            };
            let sleeper = spawn({
                let slept = slept.clone();
                async move {
                    sleep_until(deadline).await;
                    slept.store(true, SeqCst);
                }
            });
            let hogs: Vec<_> = (0..4).map(|_| spawn(keep_busy(slept.clone()))).collect();
            sleeper.await.unwrap();
            let mut polls_too_late = Vec::new();
            for hog in hogs {
                polls_too_late.push(hog.await.unwrap());
            }
            polls_too_late
        });
        assert!(polls_too_late.iter().all(|&polls| polls <= 4), "{polls_too_late:?}");
    });
}
