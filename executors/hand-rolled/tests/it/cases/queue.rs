//! The ready queue: C013 to C020, and the clauses about wakes.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use hand_rolled::{Outcome, Runtime, Task, TaskError, run, sleep, spawn, yield_now};

use crate::{Gate, LATER, Log, lock, ms, until, watched, watched_on_each_flavour};

/// Through the waker of a task rather than `call_soon_threadsafe`.
#[test]
fn c013_threadsafe_call_wakes_parked_loop() {
    watched_on_each_flavour(|runtime| {
        let (gate, begun) = (Gate::default(), Instant::now());
        let opening = gate.clone();
        runtime.block_on(async {
            let _timer = spawn(sleep(LATER));
            let thread = thread::spawn(move || {
                thread::sleep(ms(20));
                opening.open();
            });
            gate.pass().await;
            thread.join().unwrap();
        });
        assert!(begun.elapsed() < ms(1000));
    });
}

/// There is no handler for what a callback panics with: it is swallowed.
#[test]
fn c014_callback_panic_is_contained() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (log, task) = (Log::default(), spawn(async { 7 }));
            let trace = log.clone();
            task.add_done_callback(|_| panic!("in a callback"));
            task.add_done_callback(move |outcome| trace.add(outcome.to_string()));
            until(|| log.text() == "finished").await;
            assert_eq!(task.result(), Ok(7), "the state of the task is unaffected");
            assert_eq!(spawn(async { 8 }).await, Ok(8), "the loop lives");
        });
    });
}

#[test]
fn c015_round_robin() {
    watched(|| {
        let log = Log::default();
        run(async {
            let tasks = ["A", "B", "C"].map(|name| {
                let trace = log.clone();
                spawn(async move {
                    for step in 0..3 {
                        trace.add(format!("{name}{step}"));
                        yield_now().await;
                    }
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "A0 B0 C0 A1 B1 C1 A2 B2 C2");
    });
}

#[test]
fn c016_create_task_does_not_run_the_body() {
    watched(|| {
        let log = Log::default();
        run(async {
            let trace = log.clone();
            let task = spawn(async move { trace.add("body") });
            log.add("after-create");
            task.await.unwrap();
        });
        assert_eq!(log.text(), "after-create body");
    });
}

#[test]
fn c017_spawn_from_other_thread_idle() {
    watched_on_each_flavour(|runtime| {
        let (gate, runtime) = (Gate::default(), Arc::new(runtime));
        let (opening, handle) = (gate.clone(), runtime.clone());
        let thread = thread::spawn(move || {
            thread::sleep(ms(50));
            drop(handle.spawn(async move { opening.open() }));
        });
        runtime.block_on(gate.pass());
        thread.join().unwrap();
    });
}

#[test]
fn c018_spawn_from_other_thread_under_load() {
    watched_on_each_flavour(|runtime| {
        let (gate, runtime) = (Gate::default(), Arc::new(runtime));
        let restless = runtime.spawn(async {
            loop {
                yield_now().await;
            }
        });
        let (opening, handle) = (gate.clone(), runtime.clone());
        let thread = thread::spawn(move || handle.spawn(async move { opening.open() }));
        runtime.block_on(gate.pass());
        assert!(!restless.done());
        drop(thread.join().unwrap());
    });
}

#[test]
fn c019_yielding_task_does_not_starve_timers() {
    watched_on_each_flavour(|runtime| {
        let begun = Instant::now();
        runtime.block_on(async {
            let _restless: Task<()> = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            sleep(ms(10)).await;
        });
        assert!(begun.elapsed() < ms(1000));
    });
}

#[test]
fn c020_waiter_resumes_at_the_tail() {
    watched(|| {
        let log = Log::default();
        run(async {
            let [first, second] = ["t1", "t2"].map(|name| {
                let trace = log.clone();
                spawn(async move { trace.add(name) })
            });
            first.await.unwrap();
            log.add("main");
            second.await.unwrap();
        });
        assert_eq!(log.text(), "t1 t2 main");
    });
}

#[test]
fn a19_spawns_and_wakes_append_to_one_queue() {
    watched(|| {
        let log = Log::default();
        run(async {
            let gate = Gate::default();
            let named = |name: &'static str| {
                let trace = log.clone();
                move || trace.add(name)
            };
            let (passing, passed) = (gate.clone(), named("woken"));
            let woken = spawn(async move {
                passing.pass().await;
                passed();
            });
            yield_now().await;
            let (first, second) = (named("first"), named("second"));
            let first = spawn(async move { first() });
            gate.open();
            let second = spawn(async move { second() });
            for task in [first, woken, second] {
                task.await.unwrap();
            }
        });
        assert_eq!(log.text(), "first woken second");
    });
}

#[test]
fn a24_and_a25_a_task_may_park_and_unpark_the_thread_of_the_loop() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for _ in 0..100 {
                let gate = Gate::default();
                let opening = gate.clone();
                let thread = thread::spawn(move || opening.open());
                // Takes a token that may be there for a wake, and leaves one that is not.
                thread::park_timeout(ms(0));
                thread::current().unpark();
                gate.pass().await;
                thread.join().unwrap();
            }
        });
    });
}

/// Never ready; counts its polls and gives its waker away.
struct Counting {
    polls: Arc<AtomicUsize>,
    waker: Arc<Mutex<Option<Waker>>>,
    wakes_in_poll: usize,
}

impl Future for Counting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.polls.fetch_add(1, SeqCst);
        *lock(&self.waker) = Some(context.waker().clone());
        for _ in 0..std::mem::take(&mut self.wakes_in_poll) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// A task that counts its polls, and wakes itself so many times in the first.
fn counting(wakes_in_poll: usize) -> (Task<()>, Arc<AtomicUsize>, Arc<Mutex<Option<Waker>>>) {
    let (polls, waker) = (Arc::default(), Arc::default());
    let future = Counting { polls: Arc::clone(&polls), waker: Arc::clone(&waker), wakes_in_poll };
    (spawn(future), polls, waker)
}

#[test]
fn a26_and_a27_one_poll_however_many_wakes_and_none_without() {
    watched(|| {
        run(async {
            let (_task, polls, waker) = counting(0);
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 1, "polled without a wake");
            let waker = lock(&waker).clone().unwrap();
            for _ in 0..10 {
                waker.wake_by_ref();
            }
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 2);
        });
    });
}

#[test]
fn a28_wakes_during_a_poll_cause_one_more_at_the_tail() {
    watched(|| {
        run(async {
            let (_task, polls, _waker) = counting(3);
            let seen = polls.clone();
            let behind = spawn(async move { seen.load(SeqCst) });
            assert_eq!(behind.await, Ok(1), "it was polled again before the one behind it");
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(polls.load(SeqCst), 2);
        });
    });
}

#[test]
fn a29_a_wake_may_hold_a_lock_that_the_poll_takes() {
    watched_on_each_flavour(|runtime| {
        let (shared, polls) = (Arc::new(Mutex::new(None::<Waker>)), Arc::new(AtomicUsize::new(0)));
        let (taken, counter) = (shared.clone(), polls.clone());
        let task = runtime.spawn(poll_fn(move |context| {
            *lock(&taken) = Some(context.waker().clone());
            if counter.fetch_add(1, SeqCst) == 0 { Poll::Pending } else { Poll::Ready(()) }
        }));
        runtime.block_on(async {
            until(|| lock(&shared).is_some()).await;
            {
                let held = lock(&shared);
                held.as_ref().unwrap().wake_by_ref();
            }
            task.await.unwrap();
        });
    });
}

#[test]
fn a30_wakers_are_harmless_after_every_end() {
    watched_on_each_flavour(|runtime| {
        let (send, wakers) = mpsc::channel();
        let give = move |ready| {
            let send = send.clone();
            poll_fn(move |context| {
                send.send(context.waker().clone()).unwrap();
                if ready { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        let (ready, cancelled) = (runtime.spawn(give(true)), runtime.spawn(give(false)));
        let _left = runtime.spawn(give(false));
        let wakers: Vec<Waker> = runtime.block_on(async {
            ready.await.unwrap();
            let mut received = Vec::new();
            while received.len() < 3 {
                received.extend(wakers.try_iter());
                yield_now().await;
            }
            cancelled.cancel();
            assert!(cancelled.await.is_err());
            received.iter().for_each(Waker::wake_by_ref);
            received
        });
        drop(runtime);
        let clones = wakers.clone();
        wakers.into_iter().for_each(Waker::wake);
        thread::spawn(move || clones.into_iter().for_each(Waker::wake)).join().unwrap();
    });
}

#[test]
fn a31_a_future_goes_at_its_end_though_wakers_and_the_handle_stay() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (drops, wakers) = (crate::Drops::default(), Arc::new(Mutex::new(Vec::new())));
            let (guard, keep) = (drops.guard(), wakers.clone());
            let task = spawn(async move {
                let _guard = guard;
                poll_fn(|context| {
                    lock(&keep).push(context.waker().clone());
                    Poll::Ready(())
                })
                .await;
            });
            until(|| task.done()).await;
            assert_eq!((drops.count(), lock(&wakers).len()), (1, 1));
        });
    });
}

#[test]
fn a32_the_latest_poll_of_a_handle_is_the_one_that_is_woken() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let mut task = spawn(async move { passing.pass().await });
            let (send, moved) = mpsc::channel();
            let first = spawn(async move {
                poll_fn(|context| {
                    assert!(Pin::new(&mut task).poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
                send.send(task).unwrap();
                pending::<()>().await;
            });
            let second = spawn(async move {
                let task = loop {
                    match moved.try_recv() {
                        Ok(task) => break task,
                        Err(_) => yield_now().await,
                    }
                };
                gate.open();
                task.await
            });
            assert_eq!(second.await, Ok(Ok(())));
            assert!(!first.done());
        });
    });
}

#[test]
fn a54_callbacks_and_the_awaiter_come_in_the_order_in_which_they_registered() {
    watched(|| {
        let log = Log::default();
        run(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let mut task = spawn(async move { passing.pass().await });
            let callback = |name: &'static str| {
                let trace = log.clone();
                move |_: Outcome| trace.add(name)
            };
            task.add_done_callback(callback("cb1"));
            let (trace, last) = (log.clone(), callback("cb2"));
            let waiter = spawn(async move {
                poll_fn(|context| Poll::Ready(Pin::new(&mut task).poll(context).is_pending())).await;
                task.add_done_callback(last);
                task.await.unwrap();
                trace.add("waiter");
            });
            yield_now().await;
            gate.open();
            waiter.await.unwrap();
            until(|| log.text().contains("cb2")).await;
        });
        assert_eq!(log.text(), "cb1 waiter cb2");
    });
}

#[test]
fn a56_awaiting_what_is_done_does_not_suspend() {
    watched(|| {
        run(async {
            let tasks: Vec<Task<usize>> = (0..10).map(|number| spawn(async move { number })).collect();
            yield_now().await;
            let ran = Arc::new(AtomicBool::new(false));
            let runs = ran.clone();
            let other = spawn(async move { runs.store(true, SeqCst) });
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await, Ok(number));
            }
            assert!(!ran.load(SeqCst), "it suspended");
            other.await.unwrap();
        });
    });
}

/// Longer chains than any stack of calls could be: completed, cancelled, and dropped with the runtime.
#[test]
fn a70_chains_of_any_length_do_not_overflow_the_stack() {
    for end in ["complete", "cancel", "drop"] {
        watched(move || {
            let (runtime, gate) = (Runtime::current_thread(), Gate::default());
            let passing = gate.clone();
            let mut task = runtime.spawn(async move { passing.pass().await });
            for _ in 0..100_000 {
                task = runtime.spawn(async move { drop(task.await) });
            }
            runtime.block_on(yield_now());
            match end {
                "complete" => {
                    gate.open();
                    assert_eq!(runtime.block_on(task), Ok(()));
                }
                "cancel" => {
                    assert!(task.cancel());
                    assert_eq!(runtime.block_on(task), Err(TaskError::Cancelled));
                }
                _ => {
                    drop(runtime);
                    assert!(task.cancelled());
                }
            }
        });
    }
}
