//! Cancellation, panics, and that a future is gone before its end can be seen.

use std::{
    future::{pending, poll_fn},
    panic::panic_any,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, Task, TaskError, sleep, spawn, yield_now};

use crate::{Drops, Gate, LATER, OnDrop, PATIENCE, panic_of, two_workers, watched, watched_on_each_flavour};

#[test]
fn a_task_that_was_asked_to_end_is_not_done_before_the_runtime_has_dropped_its_future() {
    watched(|| {
        let drops = Drops::default();
        hand_rolled::run(async {
            let guard = drops.guard();
            let task = spawn(async move {
                let _guard = guard;
                sleep(LATER).await;
            });
            yield_now().await;
            assert!(task.cancel() && task.cancel());
            assert!(!task.done() && !task.cancelled());
            assert_eq!(drops.count(), 0, "cancel ran a destructor on the caller's stack");
            yield_now().await;
            assert!(task.done() && task.cancelled());
            assert_eq!(drops.count(), 1);
            assert!(!task.cancel());
            assert_eq!(task.await, Err(TaskError::Cancelled));
        });
    });
}

#[test]
fn a_task_cancelled_before_its_first_poll_never_starts() {
    watched(|| {
        let (started, drops) = (Arc::new(AtomicBool::new(false)), Drops::default());
        hand_rolled::run(async {
            let (start, guard) = (started.clone(), drops.guard());
            let task = spawn(async move {
                let _guard = guard;
                start.store(true, SeqCst);
            });
            assert!(task.cancel());
            assert_eq!(task.await, Err(TaskError::Cancelled));
        });
        assert!(!started.load(SeqCst));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_task_that_cancels_itself_runs_on_to_its_next_suspension() {
    watched_on_each_flavour(|runtime| {
        let (send, handles) = mpsc::channel::<Task<()>>();
        let (reached, gone) = (Drops::default(), Drops::default());
        let (reach, guard) = (reached.guard(), gone.guard());
        let task = runtime.spawn(async move {
            let _guard = guard;
            let me = handles.recv_timeout(PATIENCE).unwrap();
            assert!(me.cancel() && !me.done());
            drop(reach);
            pending::<()>().await;
        });
        send.send(task).unwrap();
        runtime.block_on(async {
            while gone.count() == 0 {
                yield_now().await;
            }
        });
        assert_eq!(reached.count(), 1);
    });
}

#[test]
fn the_value_of_a_task_cancelled_in_its_last_poll_is_dropped() {
    watched(|| {
        let runtime = two_workers();
        let drops = Drops::default();
        let (polling, poll) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let value = drops.guard();
        let task = runtime.spawn(async move {
            polling.send(()).unwrap();
            wait.recv_timeout(PATIENCE).unwrap();
            value
        });
        poll.recv_timeout(PATIENCE).unwrap();
        assert!(task.cancel());
        thread::sleep(Duration::from_millis(5));
        assert!(!task.done());
        go_on.send(()).unwrap();
        assert!(matches!(runtime.block_on(task), Err(TaskError::Cancelled)));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn cancelling_wins_over_a_wake_that_was_not_acted_upon() {
    watched(|| {
        hand_rolled::run(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let task = spawn(async move { passing.pass().await });
            yield_now().await;
            gate.open();
            assert!(task.cancel());
            assert_eq!(task.await, Err(TaskError::Cancelled));
        });
    });
}

#[test]
fn cancelling_a_task_that_is_done_changes_nothing() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { 7 });
            while !task.done() {
                yield_now().await;
            }
            assert!(!task.cancel() && !task.cancelled());
            assert_eq!(task.await, Ok(7));
        });
    });
}

#[test]
fn a_future_cancelled_from_another_thread_is_dropped_on_the_loop() {
    watched(|| {
        let (send, dropped_on) = mpsc::channel();
        hand_rolled::run(async {
            let guard = OnDrop(move || send.send(thread::current().id()).unwrap());
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            let thread = thread::spawn(move || {
                task.cancel();
                task
            });
            let task = thread.join().unwrap();
            assert_eq!(task.await, Err(TaskError::Cancelled));
        });
        assert_eq!(dropped_on.recv_timeout(PATIENCE), Ok(thread::current().id()));
    });
}

#[test]
fn a_future_is_gone_before_its_output_or_its_panic_can_be_seen() {
    watched_on_each_flavour(|runtime| {
        for panics in [false, true] {
            let gone = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
            let [asked, awaited] =
                [0, 1].map(|index| runtime.spawn(SlowToDrop { panics, gone: gone[index].clone() }));
            runtime.block_on(async {
                while !asked.done() {
                    yield_now().await;
                }
                assert!(gone[0].load(SeqCst), "done before the destructor was");
                assert_eq!(awaited.await.is_err(), panics);
                assert!(gone[1].load(SeqCst), "the awaiter woke before the destructor was over");
            });
        }
    });
}

#[test]
fn the_panic_of_a_destructor_is_the_end_of_its_task_only() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let bystander = spawn(async {
                yield_now().await;
                7
            });
            let finishing = spawn(DropPanics);
            assert_eq!(message(finishing.await), "from a destructor");

            let guard = OnDrop(|| panic!("from a destructor"));
            let suspended = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            suspended.cancel();
            assert_eq!(message(suspended.await), "from a destructor");
            assert_eq!(bystander.await, Ok(7));
        });
    });
}

#[test]
fn an_output_that_nobody_takes_is_dropped_at_the_end_and_its_panic_contained() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            drop(spawn(async move {
                OnDrop(move || {
                    let _count = &guard;
                    panic!("from a destructor");
                })
            }));
            while drops.count() == 0 {
                yield_now().await;
            }
            assert_eq!(spawn(async { 7 }).await, Ok(7));
        });
    });
}

#[test]
fn an_output_that_goes_with_its_handle_has_its_panic_contained() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let task = spawn(async { OnDrop(|| panic!("from a destructor")) });
            while !task.done() {
                yield_now().await;
            }
            drop(task);
        });
    });
}

#[test]
fn a_panic_keeps_its_message() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let word = "words";
            assert_eq!(message(spawn(async { panic!("plain words") }).await), "plain words");
            assert_eq!(message(spawn(async move { panic!("formatted {word}") }).await), "formatted words");
            let other = message(spawn(async { panic_any(7) }).await);
            assert_eq!(other, "a panic whose payload is not text");
            let nasty = message(spawn(async { panic_any(OnDrop(|| panic!("again"))) }).await);
            assert_eq!(nasty, "a panic whose payload is not text");
        });
    });
}

#[test]
fn a_task_that_gave_its_output_says_so_when_awaited_again() {
    watched_on_each_flavour(|runtime| {
        let message = panic_of(|| {
            runtime.block_on(async {
                let mut task = spawn(async { 7 });
                assert_eq!((&mut task).await, Ok(7));
                assert!(task.done());
                task.await
            })
        });
        assert!(message.contains("awaited before"), "{message}");
        assert_eq!(runtime.block_on(async { spawn(async { 7 }).await }), Ok(7), "the runtime goes on");
    });
}

#[test]
fn a_panic_of_the_root_comes_out_of_block_on_and_the_runtime_goes_on() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(yield_now());
        assert_eq!(panic_of(|| runtime.block_on(async { panic!("the root") })), "the root");
        assert_eq!(runtime.block_on(task), Ok(()));
    });
}

#[test]
fn a_long_chain_of_tasks_that_await_each_other_ends_and_is_cancelled_without_recursion() {
    watched(|| {
        for cancel in [false, true] {
            let runtime = Runtime::current_thread();
            let gate = Gate::default();
            let passing = gate.clone();
            let first = runtime.spawn(async move { passing.pass().await });
            let mut task = first;
            for _ in 0..20_000 {
                task = runtime.spawn(async move { drop(task.await) });
            }
            runtime.block_on(yield_now());
            if cancel {
                task.cancel();
            } else {
                gate.open();
            }
            assert_eq!(runtime.block_on(task).is_err(), cancel);
        }
    });
}

/// The message of a panicked task.
fn message<T>(outcome: Result<T, TaskError>) -> String {
    match outcome {
        Err(TaskError::Panicked(panic)) => panic.message().to_owned(),
        Err(other) => panic!("{other}, but it should have panicked"),
        Ok(_) => panic!("it gave an output, but should have panicked"),
    }
}

/// Ready, or panicking, at once, with a destructor that takes its time.
struct SlowToDrop {
    panics: bool,
    gone: Arc<AtomicBool>,
}

impl Future for SlowToDrop {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.panics, "on purpose");
        Poll::Ready(())
    }
}

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(20));
        self.gone.store(true, SeqCst);
    }
}

/// Ready at once, with a destructor that panics.
struct DropPanics;

impl Future for DropPanics {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("from a destructor");
    }
}

#[test]
fn a_handle_may_be_awaited_on_another_runtime() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(poll_fn(|_| Poll::Ready(7)));
        let other = thread::spawn(move || hand_rolled::run(task));
        // An event loop runs its tasks only while somebody is in block_on.
        runtime.block_on(async {
            while !other.is_finished() {
                yield_now().await;
            }
        });
        assert_eq!(other.join().unwrap(), Ok(7));
    });
}
