//! `shield`: C072, C073, C063, A131 to A134.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use hand_rolled::{TaskError, promise, run, shield, sleep, spawn, timeout, yield_now};

use crate::{Gate, ms, poll_once, python::same_as_python, watched, watched_on_each_flavour};

#[test]
fn shield_as_python_has_it() {
    async fn value(after: Duration) -> i32 {
        sleep(after).await;
        7
    }
    watched(|| {
        same_as_python("shield.py", |log| {
            run(async {
                let mut task = spawn(value(ms(10)));
                let mut outer = Box::pin(shield(&mut task));
                assert!(poll_once(outer.as_mut()).await.is_pending());
                drop(outer);
                log.add(format!("outer cancelled, inner done: {}", task.done()));
                log.add(format!("value {}", shield(&mut task).await.unwrap()));

                let mut task = spawn(async { panic!("E") });
                let Err(TaskError::Panicked(panic)) = shield::<()>(&mut task).await else {
                    panic!("it fails")
                };
                log.add(format!("raised {}", panic.message()));

                let mut task = spawn(value(ms(10)));
                task.cancel();
                assert_eq!(shield(&mut task).await, Err(TaskError::Cancelled));
                log.add("inner cancelled");

                let mut task = spawn(value(ms(1000)));
                assert!(timeout(ms(1), shield(&mut task)).await.is_err());
                log.add(format!("timed out, inner done: {}", task.done()));
                log.add(format!("value {}", task.await.unwrap()));
            });
        });
    });
}

#[test]
fn c073_shield_protects() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let gate = Gate::default();
            let passing = gate.clone();
            let mut task = spawn(async move {
                passing.pass().await;
                5
            });
            let scope = timeout(ms(5), async { shield(&mut task).await });
            assert!(scope.await.is_err());
            assert!(!task.done());
            gate.open();
            assert_eq!(task.await, Ok(5));
        });
    });
}

#[test]
fn a133_a_done_task_makes_it_transparent() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, mut task) = promise();
            promise.set_result(1).expect("it is the first");
            let mut shielded = pin!(shield(&mut task));
            assert_eq!(poll_once(shielded.as_mut()).await, Poll::Ready(Ok(1)), "it does not suspend");
        });
    });
}

#[test]
fn a133_what_ended_while_nobody_looked_keeps_its_value() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, mut task) = promise();
            for _ in 0..3 {
                let mut shielded = Box::pin(shield(&mut task));
                assert!(poll_once(shielded.as_mut()).await.is_pending());
            }
            let mut shielded = Box::pin(shield(&mut task));
            assert!(poll_once(shielded.as_mut()).await.is_pending());
            promise.set_result(9).expect("it is the first");
            drop(shielded);
            yield_now().await;
            assert_eq!(task.await, Ok(9));
        });
    });
}

#[test]
fn a134_a_dropped_shield_is_not_woken() {
    #[derive(Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    watched(|| {
        let (promise, mut task) = promise::<()>();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut shielded = Box::pin(shield(&mut task));
        assert!(shielded.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop((shielded, waker));
        assert_eq!(Arc::strong_count(&wakes), 1, "the task keeps nothing of it");
        promise.set_result(()).expect("it is the first");
        assert_eq!(wakes.0.load(SeqCst), 0);
    });
}
