//! Running a loop: C001 to C009, C090.

use std::{
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use hand_rolled::{Runtime, Task, TaskError, gather_all, run, sleep, spawn, spawn_blocking, yield_now};

use crate::{
    Drops, Gate, LATER, Log, OnDrop, PATIENCE, ms, panic_of, two_workers, until, watched,
    watched_on_each_flavour,
};

#[test]
fn c001_run_returns_value() {
    let main = async {
        sleep(ms(0)).await;
        42
    };
    watched(move || assert_eq!(run(main), 42));
    watched_on_each_flavour(|runtime| {
        assert_eq!(
            runtime.block_on(async {
                yield_now().await;
                42
            }),
            42
        );
    });
}

#[test]
fn c002_run_propagates_failure() {
    watched(|| {
        assert_eq!(run(async { Err::<(), _>("E") }), Err("E"));
        assert_eq!(panic_of(|| run(async { panic!("boom") })), "boom");
    });
    watched_on_each_flavour(|runtime| {
        assert_eq!(panic_of(|| runtime.block_on(async { panic!("boom") })), "boom");
        assert_eq!(runtime.block_on(async { 7 }), 7, "the next run works");
    });
}

#[test]
fn c003_nested_run_is_an_error() {
    watched_on_each_flavour(|runtime| {
        let runtime = Arc::new(runtime);
        let (this, other) = (runtime.clone(), Runtime::current_thread());
        let nested = async move {
            let drops = Drops::default();
            for way in 0..3 {
                let guard = drops.guard();
                let future = async move {
                    let _guard = guard;
                    panic!("it was polled");
                };
                let message = panic_of(|| match way {
                    0 => run(future),
                    1 => this.block_on(future),
                    _ => other.block_on(future),
                });
                assert!(message.contains("spawn_blocking"), "{message}");
                assert_eq!(drops.count(), way + 1, "the future is gone at once");
            }
            // A runtime is not dropped inside its own task.
            (this, other)
        };
        let task = runtime.spawn(nested);
        assert!(runtime.block_on(task).is_ok(), "the running loop is undisturbed");
    });
}

#[test]
fn c004_run_cancels_leftovers() {
    watched(|| {
        let (drops, begun) = (Drops::default(), Instant::now());
        let guard = drops.guard();
        let (value, task) = run(async move {
            let task = spawn(async move {
                let _guard = guard;
                sleep(LATER).await;
            });
            yield_now().await;
            (123, task)
        });
        assert!(begun.elapsed() < ms(1000));
        assert_eq!((value, drops.count()), (123, 1));
        assert!(task.done() && task.cancelled());
        assert_eq!(run(task), Err(TaskError::Cancelled));
    });
}

#[test]
fn c005_tasks_resume_in_next_run() {
    watched(|| {
        let (runtime, log) = (Runtime::current_thread(), Log::default());
        let trace = log.clone();
        let task = runtime.spawn(async move {
            for step in 0..3 {
                trace.add(step.to_string());
                sleep(ms(5)).await;
            }
        });
        thread::sleep(ms(20));
        assert_eq!(log.text(), "");
        runtime.block_on(yield_now());
        assert_eq!(log.text(), "0");
        thread::sleep(ms(20));
        assert_eq!(log.text(), "0", "a loop that nobody runs stands still");
        runtime.block_on(task).unwrap();
        assert_eq!(log.text(), "0 1 2");
    });
}

#[test]
fn c006_two_loops_in_two_threads() {
    watched_on_each_flavour(|first| {
        let gate = Gate::default();
        let passing = gate.clone();
        let (waits, waiting) = mpsc::channel();
        let second = thread::spawn(move || {
            run(async {
                let task = spawn(async move { passing.pass().await });
                yield_now().await;
                waits.send(()).unwrap();
                task.await
            })
        });
        waiting.recv_timeout(PATIENCE).unwrap();
        first.block_on(async { spawn(async move { gate.open() }).await.unwrap() });
        assert_eq!(second.join().unwrap(), Ok(()));
    });
}

/// There is no `close` here: dropping the runtime is what closes it, and what is left of it is its handles.
#[test]
fn c007_closed_loop_rejects() {
    watched_on_each_flavour(|runtime| {
        let (sender, waker) = mpsc::channel::<Waker>();
        let task = runtime.spawn(async move {
            poll_fn(|context| {
                sender.send(context.waker().clone()).ok();
                Poll::<()>::Pending
            })
            .await;
        });
        runtime.block_on(yield_now());
        let waker = waker.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert!(task.done() && task.cancelled() && !task.cancel());
        waker.wake_by_ref();
        drop(waker);
    });
}

/// Closing is dropping, which is an error inside one of the runtime's own tasks: the task learns of it,
/// nothing hangs.
#[test]
fn c008_close_while_running() {
    watched(|| {
        let runtime = two_workers();
        let (send, own) = mpsc::channel::<Runtime>();
        let task = runtime.spawn(async move { drop(own.recv_timeout(PATIENCE).unwrap()) });
        send.send(runtime).unwrap();
        let Err(TaskError::Panicked(panic)) = run(task) else { panic!("it was not refused") };
        assert!(panic.message().contains("inside one of its own tasks"), "{}", panic.message());
    });
}

#[test]
fn c009_no_running_loop() {
    watched(|| {
        let mut context = Context::from_waker(Waker::noop());
        let message = panic_of(|| pin!(sleep(ms(1))).as_mut().poll(&mut context));
        assert!(message.contains("sleep needs a running runtime"), "{message}");
        let message = panic_of(|| spawn(async {}));
        assert!(message.contains("spawn needs a running runtime"), "{message}");
        let message = panic_of(|| spawn_blocking(|| ()));
        assert!(message.contains("spawn_blocking needs a running runtime"), "{message}");
        let message = panic_of(|| hand_rolled::spawn_local(async {}));
        assert!(message.contains("spawn_local needs a running runtime"), "{message}");
    });
}

#[test]
fn c090_cancelled_main() {
    watched_on_each_flavour(|runtime| {
        let task = runtime.spawn(pending::<()>());
        assert!(task.cancel());
        assert_eq!(runtime.block_on(task), Err(TaskError::Cancelled));
        assert_eq!(runtime.block_on(async { 7 }), 7);
    });
}

/// Wakes itself whenever it is polled.
struct Restless(Arc<AtomicBool>);

impl Future for Restless {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.store(true, SeqCst);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn a161_and_a163_a_dropped_runtime_drops_each_future_once_and_leaves_values_readable() {
    watched_on_each_flavour(|runtime| {
        let (drops, polled) = (Drops::default(), Arc::new(AtomicBool::new(false)));
        let restless = runtime.spawn(Restless(polled.clone()));
        let value = runtime.spawn(async { 7 });
        let waiting: Vec<Task<()>> = (0..10)
            .map(|_| {
                let guard = drops.guard();
                runtime.spawn(async move {
                    let _guard = guard;
                    pending().await
                })
            })
            .collect();
        runtime.block_on(until(|| value.done() && polled.load(SeqCst)));
        drop(runtime);
        assert_eq!(drops.count(), 10);
        assert_eq!(run(value), Ok(7));
        assert_eq!(run(restless), Err(TaskError::Cancelled));
        assert!(run(gather_all(waiting)).iter().all(|end| *end == Err(TaskError::Cancelled)));
    });
}

#[test]
fn a162_destructors_run_by_the_drop_may_use_the_runtime() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let (first, last, held) = (drops.guard(), drops.guard(), runtime.spawn(pending::<()>()));
        let guard = OnDrop(move || {
            held.cancel();
            let (inner, task) = (drops.guard(), spawn(sleep(LATER)));
            assert!(task.done() && task.cancelled());
            drop(spawn(async move {
                let _inner = inner;
                panic!("it was polled");
            }));
            assert_eq!(drops.count(), 1, "spawned in vain, and dropped at once");
        });
        drop(runtime.spawn(async move {
            let _guards = (guard, first, last);
            pending::<()>().await;
        }));
        runtime.block_on(yield_now());
        drop(runtime);
    });
}
