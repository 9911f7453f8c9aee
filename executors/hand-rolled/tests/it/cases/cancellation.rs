//! Cancellation: C041 to C048, and the clauses about ends, destructors and panics.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Instant,
};

use hand_rolled::{Outcome, Runtime, Task, TaskError, run, sleep, spawn, timeout, yield_now};

use crate::{
    CountDrop, Drops, Gate, LATER, Log, OnDrop, PATIENCE, lock, ms, two_workers, until, watched,
    watched_on_each_flavour,
};

#[test]
fn c041_cancel_before_first_poll() {
    watched(|| {
        let (drops, started) = (Drops::default(), Arc::new(AtomicBool::new(false)));
        run(async {
            let (guard, start) = (drops.guard(), started.clone());
            let mut task = spawn(async move {
                let _guard = guard;
                start.store(true, SeqCst);
            });
            assert!(task.cancel());
            assert!(!task.done() && !task.cancelled());
            assert_eq!(drops.count(), 0, "a destructor ran inside cancel");
            assert_eq!((&mut task).await, Err(TaskError::Cancelled));
            assert!(task.done() && task.cancelled() && !task.cancel());
            assert_eq!(task.result(), Err(TaskError::Cancelled));
            assert_eq!(task.exception(), Err(TaskError::Cancelled));
        });
        assert!(!started.load(SeqCst));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a74_a_sibling_may_cancel_before_the_first_poll() {
    watched(|| {
        let log = Log::default();
        run(async {
            let trace = log.clone();
            let (send, victim) = mpsc::channel::<Task<()>>();
            let killer = spawn(async move {
                let victim = victim.recv().unwrap();
                assert!(victim.cancel());
                victim.await
            });
            send.send(spawn(async move { trace.add("started") })).unwrap();
            assert_eq!(killer.await, Ok(Err(TaskError::Cancelled)));
        });
        assert_eq!(log.text(), "");
    });
}

#[test]
fn c042_cancel_while_sleeping() {
    watched_on_each_flavour(|runtime| {
        let begun = Instant::now();
        runtime.block_on(async {
            let task = Arc::new(spawn(sleep(LATER)));
            let (cancelled, own) = (task.clone(), task);
            let canceller = spawn(async move {
                sleep(ms(20)).await;
                assert!(cancelled.cancel());
            });
            until(|| own.done()).await;
            assert!(own.cancelled());
            canceller.await.unwrap();
        });
        assert!(begun.elapsed() >= ms(20) && begun.elapsed() < ms(2000));
    });
}

#[test]
fn c043_cancel_finished_task() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { 7 });
            until(|| task.done()).await;
            assert!(!task.cancel() && !task.cancelled());
            assert_eq!(task.result(), Ok(7));
            assert_eq!(task.await, Ok(7));
        });
    });
}

#[test]
fn c044_cancel_twice() {
    watched(|| {
        run(async {
            let mut task = spawn(pending::<()>());
            yield_now().await;
            assert!(task.cancel() && task.cancel());
            assert_eq!((&mut task).await, Err(TaskError::Cancelled));
            assert!(!task.cancel());
        });
    });
}

/// The inner task is not a gate that can be cancelled, but a task; what awaits it sees the cancellation as a
/// value, so that without a cancellation of its own it ends as it likes.
#[test]
fn c045_cancelled_inner_future() {
    watched_on_each_flavour(|runtime| {
        for both in [false, true] {
            let inner = Arc::new(Mutex::new(runtime.spawn(pending::<()>())));
            let awaited = inner.clone();
            let outer = runtime
                .spawn(async move { poll_fn(|context| Pin::new(&mut *lock(&awaited)).poll(context)).await });
            runtime.block_on(async {
                yield_now().await;
                lock(&inner).cancel();
                // Another worker may have run both to their ends by now.
                let cancelled = both && outer.cancel();
                let expected =
                    if cancelled { Err(TaskError::Cancelled) } else { Ok(Err(TaskError::Cancelled)) };
                assert_eq!(outer.await, expected);
            });
        }
    });
}

/// Handles detach: a cancelled task does not cancel the task it awaits.
#[test]
fn c046_awaited_child_is_detached_not_cancelled() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (gate, drops) = (Gate::default(), Drops::default());
            let (passing, guard) = (gate.clone(), drops.guard());
            let inner = spawn(async move {
                let _guard = guard;
                passing.pass().await;
            });
            let outer = spawn(inner);
            yield_now().await;
            outer.cancel();
            assert_eq!(outer.await, Err(TaskError::Cancelled));
            for _ in 0..10 {
                yield_now().await;
            }
            assert_eq!(drops.count(), 0, "the inner task runs on");
            gate.open();
            until(|| drops.count() == 1).await;
        });
    });
}

#[test]
fn c047_cancel_then_drop_handle() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let task = spawn(async move {
                let _guard = guard;
                sleep(LATER).await;
            });
            yield_now().await;
            task.cancel();
            drop(task);
            until(|| drops.count() == 1).await;
        });
    });
}

#[test]
fn c048_cancel_from_another_thread() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = Arc::new(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        let (gate, cancels) = (Gate::default(), task.clone());
        let opening = gate.clone();
        task.add_done_callback(move |outcome| {
            assert_eq!(outcome, Outcome::Cancelled);
            opening.open();
        });
        let thread = thread::spawn(move || assert!(cancels.cancel()));
        runtime.block_on(gate.pass());
        thread.join().unwrap();
        assert!(task.cancelled());
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a72_callbacks_and_the_awaiter_come_after_the_destructor() {
    watched(|| {
        let log = Log::default();
        run(async {
            let (destructor, callback) = (log.clone(), log.clone());
            let guard = OnDrop(move || destructor.add("destructor"));
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            task.add_done_callback(move |_| callback.add("callback"));
            yield_now().await;
            task.cancel();
            log.add("cancelled");
            assert!(task.await.is_err());
            log.add("awaiter");
        });
        assert_eq!(log.text(), "cancelled destructor callback awaiter");
    });
}

#[test]
fn a73_cancel_may_hold_a_lock_that_the_destructors_take() {
    watched_on_each_flavour(|runtime| {
        let shared = Arc::new(Mutex::new(0));
        let taken = shared.clone();
        let guard = OnDrop(move || *lock(&taken) += 1);
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        runtime.block_on(yield_now());
        {
            let _held = lock(&shared);
            assert!(task.cancel());
        }
        assert_eq!(runtime.block_on(task), Err(TaskError::Cancelled));
        assert_eq!(*lock(&shared), 1);
    });
}

/// A task that is given its own handle and cancels itself; it suspends, gives a value, or panics after that.
fn cancels_itself(then: &'static str) -> (Arc<Task<CountDrop>>, Drops, Log) {
    let (drops, log) = (Drops::default(), Log::default());
    let (value, trace) = (drops.guard(), log.clone());
    let (send, handle) = mpsc::channel::<Arc<Task<CountDrop>>>();
    let task = Arc::new(spawn(async move {
        let own = handle.recv_timeout(PATIENCE).unwrap();
        assert!(own.cancel() && !own.done());
        drop(own);
        // What does not suspend still goes on.
        std::future::ready(()).await;
        trace.add("went-on");
        match then {
            "suspend" => yield_now().await,
            "panic" => panic!("E"),
            _ => return value,
        }
        trace.add("resumed");
        value
    }));
    send.send(task.clone()).unwrap();
    (task, drops, log)
}

#[test]
fn a76_a_task_that_cancels_itself_ends_at_its_next_suspension_or_end() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for then in ["suspend", "return"] {
                let (task, drops, log) = cancels_itself(then);
                until(|| task.done()).await;
                assert!(task.cancelled(), "{then}");
                assert_eq!((drops.count(), log.text().as_str()), (1, "went-on"), "{then}");
            }
            let (task, drops, _) = cancels_itself("panic");
            until(|| task.done()).await;
            let panic = task.exception().unwrap().expect("the panic wins");
            assert_eq!((panic.message(), drops.count()), ("E", 1));
        });
    });
}

#[test]
fn a78_cancelling_wins_over_a_wake_not_yet_acted_upon() {
    watched(|| {
        run(async {
            let inner = Arc::new(Mutex::new(spawn(async {
                yield_now().await;
                7
            })));
            let awaited = inner.clone();
            let outer = spawn(poll_fn(move |context| Pin::new(&mut *lock(&awaited)).poll(context)));
            yield_now().await;
            yield_now().await;
            assert!(lock(&inner).done(), "and the outer task is woken, but not polled");
            assert!(outer.cancel());
            assert_eq!(outer.await, Err(TaskError::Cancelled));
            assert_eq!(lock(&inner).result(), Ok(7), "the inner task keeps its value");

            let slept = spawn(sleep(ms(1)));
            yield_now().await;
            thread::sleep(ms(5));
            assert!(slept.cancel());
            assert_eq!(slept.await, Err(TaskError::Cancelled));
        });
    });
}

#[test]
fn a92_a_destructor_that_panics_is_the_end_of_its_task_only() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let started = Arc::new(AtomicBool::new(false));
            let starts = started.clone();
            let task = spawn(async move {
                let _guard = OnDrop(|| panic!("E"));
                starts.store(true, SeqCst);
                pending::<()>().await;
            });
            until(|| started.load(SeqCst)).await;
            task.cancel();
            until(|| task.done()).await;
            assert!(!task.cancelled());
            assert!(matches!(task.await, Err(TaskError::Panicked(panic)) if panic.message() == "E"));
        });
        drop(runtime.spawn(async {
            let _guard = OnDrop(|| panic!("E"));
            pending::<()>().await;
        }));
        runtime.block_on(yield_now());
        drop(runtime);
    });
}

#[test]
fn a93_a_value_whose_destructor_panics_does_not_take_down_whoever_drops_the_handle() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { OnDrop(|| panic!("E")) });
            until(|| task.done()).await;
            drop(task);
            assert_eq!(spawn(async { 7 }).await, Ok(7));
        });
    });
}

/// Where the future of A94 panics.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Panics {
    Never,
    OnPoll,
    OnDropOfFuture,
    OnDropOfOutput,
}

/// The future of A94: suspends once, then gives an output.
struct Fragile {
    panics: Panics,
    suspended: bool,
    futures: CountDrop,
    outputs: Drops,
}

impl Future for Fragile {
    type Output = FragileOutput;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<FragileOutput> {
        if !self.suspended {
            self.suspended = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        assert!(self.panics != Panics::OnPoll, "on poll");
        Poll::Ready(FragileOutput(self.panics, self.outputs.guard()))
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        // Dropped once is what the count is to show.
        let _ = &self.futures;
        assert!(self.panics != Panics::OnDropOfFuture, "on drop of the future");
    }
}

/// The output of A94.
struct FragileOutput(Panics, #[expect(dead_code, reason = "only its drop is of interest")] CountDrop);

impl Drop for FragileOutput {
    fn drop(&mut self) {
        assert!(self.0 != Panics::OnDropOfOutput, "on drop of the output");
    }
}

#[test]
fn a94_every_combination_of_panics_drops_and_cancellations_ends_once() {
    watched_on_each_flavour(|runtime| {
        for panics in [Panics::Never, Panics::OnPoll, Panics::OnDropOfFuture, Panics::OnDropOfOutput] {
            for drop_after in 0..4 {
                for cancel_after in 0..5 {
                    let (futures, outputs) = (Drops::default(), Drops::default());
                    let future = Fragile {
                        panics,
                        suspended: false,
                        futures: futures.guard(),
                        outputs: outputs.clone(),
                    };
                    let mut task = Some(runtime.spawn(future));
                    runtime.block_on(async {
                        for turn in 0..6 {
                            if let Some(task) = task.as_ref().filter(|_| turn == cancel_after) {
                                task.cancel();
                            }
                            if turn == drop_after {
                                task = None;
                            }
                            yield_now().await;
                        }
                        until(|| futures.count() == 1).await;
                        // The output goes right after the future.
                        until(|| outputs.made() == outputs.count()).await;
                    });
                    assert!(outputs.count() <= 1);
                }
            }
        }
    });
}

#[test]
fn a91_a_panic_of_the_root_leaves_the_tasks_to_the_end_of_the_runtime() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let guard = drops.guard();
        let _task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        crate::panic_of(|| runtime.block_on(async { panic!("boom") }));
        drop(runtime);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a123_after_a_time_out_the_task_is_clean() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(async {
            assert!(timeout(ms(1), pending::<()>()).await.is_err());
            sleep(ms(1)).await;
            yield_now().await;
            7
        });
        assert_eq!(runtime.block_on(task), Ok(7));
    });
}

#[test]
fn a80_destructors_of_a_task_cancelled_elsewhere_run_on_the_loop() {
    watched(|| {
        let (send, dropped_on) = mpsc::channel();
        run(async {
            let guard = OnDrop(move || send.send(thread::current().id()).unwrap());
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            let task = thread::spawn(move || {
                assert!(task.cancel());
                task
            });
            assert!(task.join().unwrap().await.is_err());
        });
        assert_eq!(dropped_on.recv_timeout(PATIENCE), Ok(thread::current().id()));
    });
}

#[test]
fn a76_what_cancel_promised_to_another_thread_holds() {
    watched(|| {
        let runtime: Runtime = two_workers();
        let (polling, polled) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let task = runtime.spawn(async move {
            polling.send(()).unwrap();
            wait.recv_timeout(PATIENCE).unwrap();
            7
        });
        polled.recv_timeout(PATIENCE).unwrap();
        assert!(task.cancel());
        go_on.send(()).unwrap();
        assert_eq!(runtime.block_on(task), Err(TaskError::Cancelled));
    });
}
