//! Wakes: none is lost, none polls inline, and an event loop serves them in their order.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
};

use hand_rolled::{Runtime, sleep, spawn, yield_now};

use crate::{LATER, Log, PATIENCE, lock, number, two_workers, watched, watched_on_each_flavour};

#[test]
fn wakes_from_another_thread_reach_a_parked_loop() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(ping_pong());
        runtime.block_on(async { spawn(ping_pong()).await.unwrap() });
    });
}

#[test]
fn wakes_from_another_thread_reach_a_loop_parked_until_a_deadline() {
    watched_on_each_flavour(|runtime| {
        drop(runtime.spawn(sleep(LATER)));
        runtime.block_on(ping_pong());
        runtime.block_on(async { spawn(ping_pong()).await.unwrap() });
    });
}

#[test]
fn wakes_at_the_very_moment_at_which_the_loop_parks_are_not_lost() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (to_waker, from_task) = mpsc::channel::<Waker>();
            let thread = thread::spawn(move || {
                let mut delays = (0..200).cycle();
                loop {
                    match from_task.try_recv() {
                        Ok(waker) => {
                            (0..delays.next().unwrap()).for_each(|_| std::hint::spin_loop());
                            waker.wake();
                        }
                        // It must not sleep, or it would always be later than the park.
                        Err(mpsc::TryRecvError::Empty) => thread::yield_now(),
                        Err(mpsc::TryRecvError::Disconnected) => return,
                    }
                }
            });
            woken_by(to_waker, 20_000).await;
            thread.join().unwrap();
        });
    });
}

#[test]
fn a_spawn_from_another_thread_reaches_a_parked_loop() {
    watched_on_each_flavour(|runtime| {
        let (send, receive) = mpsc::channel();
        let runtime = &runtime;
        thread::scope(|scope| {
            scope.spawn(move || {
                for round in 0..100 {
                    let send = send.clone();
                    drop(runtime.spawn(async move { send.send(round).unwrap() }));
                }
            });
            runtime.block_on(poll_until(|| receive.try_recv() == Ok(99)));
        });
    });
}

#[test]
fn tasks_are_first_polled_in_the_order_in_which_they_were_spawned_and_the_root_after_earlier_ones() {
    watched(|| {
        let (runtime, log) = (Runtime::current_thread(), Log::default());
        let spawn_one = |name| {
            let log = log.clone();
            runtime.spawn(async move { log.add(name) })
        };
        let early = spawn_one("a");
        runtime.block_on(async {
            log.add("root");
            let late = [spawn_one("b"), spawn_one("c")];
            for task in late.into_iter().chain([early]) {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "a root b c");
    });
}

#[test]
fn tasks_that_yield_take_turns() {
    watched(|| {
        let log = Log::default();
        let spawn_one = |name| {
            let log = log.clone();
            spawn(async move {
                for round in 0..3 {
                    log.add(format!("{name}{round}"));
                    yield_now().await;
                }
            })
        };
        hand_rolled::run(async {
            for task in ["a", "b", "c"].map(spawn_one) {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "a0 b0 c0 a1 b1 c1 a2 b2 c2");
    });
}

#[test]
fn the_end_of_a_task_wakes_its_awaiter_through_the_tail() {
    watched(|| {
        let log = Log::default();
        hand_rolled::run(async {
            let [first, second] = ["first", "second"].map(|name| {
                let log = log.clone();
                spawn(async move { log.add(name) })
            });
            first.await.unwrap();
            log.add("root");
            second.await.unwrap();
        });
        assert_eq!(log.text(), "first second root");
    });
}

#[test]
fn wakes_during_a_poll_cause_one_more_poll_at_the_tail() {
    watched(|| {
        let log = Log::default();
        hand_rolled::run(async {
            let [waking, other] = ["waking", "other"].map(|name| {
                let log = log.clone();
                let mut polls = 0;
                spawn(poll_fn(move |context| {
                    log.add(name);
                    polls += 1;
                    if polls == 2 || name == "other" {
                        return Poll::Ready(());
                    }
                    context.waker().wake_by_ref();
                    context.waker().wake_by_ref();
                    Poll::Pending
                }))
            });
            waking.await.unwrap();
            other.await.unwrap();
        });
        assert_eq!(log.text(), "waking other waking");
    });
}

#[test]
fn a_task_is_polled_only_when_it_was_woken_and_once_for_any_number_of_wakes() {
    watched_on_each_flavour(|runtime| {
        let polls = Arc::new(AtomicUsize::new(0));
        let (send, wakers) = mpsc::channel::<Waker>();
        let count = polls.clone();
        let task = runtime.spawn(poll_fn(move |context| {
            let polls = count.fetch_add(1, SeqCst);
            send.send(context.waker().clone()).unwrap();
            if polls == 1 { Poll::Ready(()) } else { Poll::Pending }
        }));
        runtime.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
            let waker = wakers.recv_timeout(PATIENCE).unwrap();
            assert_eq!(polls.load(SeqCst), 1);
            for _ in 0..10 {
                waker.wake_by_ref();
            }
            task.await.unwrap();
            waker.wake();
            yield_now().await;
        });
        assert_eq!(polls.load(SeqCst), 2);
    });
}

#[test]
fn a_task_is_polled_by_one_thread_at_a_time_however_it_is_woken() {
    watched(|| {
        let runtime = two_workers();
        let polled = Arc::new(AtomicBool::new(false));
        let (send, wakers) = mpsc::channel::<Waker>();
        let mut polls = 0;
        let task = runtime.spawn(poll_fn(move |context| {
            assert!(!polled.swap(true, SeqCst), "two threads poll the task");
            polls += 1;
            if polls == 1 {
                send.send(context.waker().clone()).unwrap();
            }
            thread::yield_now();
            polled.store(false, SeqCst);
            if polls == 500 { Poll::Ready(()) } else { Poll::Pending }
        }));
        runtime.block_on(async move {
            yield_now().await;
            let waker = wakers.recv_timeout(PATIENCE).unwrap();
            while !task.done() {
                waker.wake_by_ref();
                yield_now().await;
            }
            task.await.unwrap();
        });
    });
}

#[test]
fn many_tasks_woken_from_many_threads_all_come_to_their_ends() {
    watched_on_each_flavour(|runtime| {
        let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(ping_pong())).collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn code_that_parks_and_unparks_the_threads_of_the_runtime_loses_no_wake() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for _ in 0..100 {
                let stray = spawn(async {
                    thread::current().unpark();
                    thread::park();
                    thread::current().unpark();
                });
                stray.await.unwrap();
                one_round().await;
            }
        });
    });
}

#[test]
fn the_waker_of_the_last_poll_of_a_handle_is_the_one_that_is_woken() {
    watched_on_each_flavour(|runtime| {
        let gate = crate::Gate::default();
        let passing = gate.clone();
        let mut task = runtime.spawn(async move { passing.pass().await });
        runtime.block_on(async {
            let first =
                poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut task).poll(context).is_pending()));
            assert!(first.await);
            let second = spawn(task);
            for _ in 0..3 {
                yield_now().await;
            }
            gate.open();
            second.await.unwrap().unwrap();
        });
    });
}

#[test]
fn wakers_may_outlive_their_task_and_their_runtime() {
    watched_on_each_flavour(|runtime| {
        let (send, wakers) = mpsc::channel::<Waker>();
        let task = runtime.spawn(poll_fn(move |context| {
            send.send(context.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        runtime.block_on(yield_now());
        let waker = wakers.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        waker.wake_by_ref();
        drop(waker.clone());
        assert!(task.cancelled());
        drop(task);
        waker.wake();
    });
}

/// Is woken a thousand times by another thread.
async fn ping_pong() {
    let (to_waker, from_task) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || from_task.into_iter().for_each(Waker::wake));
    woken_by(to_waker, 1_000).await;
    thread.join().unwrap();
}

/// Sends its waker away, so many times, and waits to be woken before it sends the next.
async fn woken_by(to_waker: mpsc::Sender<Waker>, rounds: usize) {
    let mut round = 0;
    poll_fn(move |context| {
        round += 1;
        if round == rounds {
            return Poll::Ready(());
        }
        to_waker.send(context.waker().clone()).unwrap();
        Poll::Pending
    })
    .await;
}

/// Is woken once by a new thread.
async fn one_round() {
    let mut thread = None;
    poll_fn(|context| match thread.take() {
        None => {
            let waker = context.waker().clone();
            thread = Some(thread::spawn(move || waker.wake()));
            Poll::Pending
        }
        Some(waking) => {
            thread::JoinHandle::join(waking).unwrap();
            Poll::Ready(())
        }
    })
    .await;
}

/// Yields until `condition` holds.
async fn poll_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

#[test]
fn two_tasks_that_wake_each_other_do_not_starve_a_third() {
    for workers in 1..=2 {
        watched(move || {
            Runtime::multi_thread(number(workers)).block_on(async {
                let (over, wakers) =
                    (Arc::new(AtomicBool::new(false)), Arc::new([const { Mutex::new(None) }; 2]));
                let talk = |own: usize| {
                    let (over, wakers) = (over.clone(), wakers.clone());
                    poll_fn(move |context| {
                        *lock(&wakers[own]) = Some(context.waker().clone());
                        let other: Option<Waker> = lock(&wakers[1 - own]).take();
                        other.into_iter().for_each(Waker::wake);
                        if over.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
                    })
                };
                let (first, second) = (spawn(talk(0)), spawn(talk(1)));
                let third = spawn(async {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                });
                third.await.unwrap();
                over.store(true, SeqCst);
                first.await.unwrap();
                second.await.unwrap();
            });
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_root_that_yields_beside_idle_workers_waits_for_none_of_them() {
    const YIELDS: u64 = 5_000;
    /// Returns how often this thread has given its processor away to wait for something.
    fn waits() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        waits.unwrap().trim().parse().unwrap()
    }
    watched(|| {
        two_workers().block_on(async {
            // Until the other worker has come to rest.
            sleep(std::time::Duration::from_millis(20)).await;
            let before = waits();
            for _ in 0..YIELDS {
                yield_now().await;
            }
            let waits = waits() - before;
            assert!(waits < YIELDS / 10, "it waited {waits} times");
        });
    });
}
