//! Timeouts inside timeouts, of which the inner one outlives the outer one, or is polled by something else.

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use hand_rolled::{TimedOut, spawn, timeout, yield_now};

use super::{park_on, watched_on_all};
use crate::{LATER, PATIENCE, lock, ms, number, watched};

/// Polls what it holds only once the waker that it gave was called, as sets of futures do.
struct OnWake<F> {
    inner: Pin<Box<F>>,
    flag: Arc<Flag>,
}

/// A waker that notes whether it was called, and wakes the task around it.
struct Flag {
    woken: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl<F: Future> OnWake<F> {
    fn new(inner: F) -> OnWake<F> {
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), outer: Mutex::default() });
        OnWake { inner: Box::pin(inner), flag }
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        let outer = lock(&self.outer).take();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

impl<F: Future> Future for OnWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        *lock(&self.flag.outer) = Some(context.waker().clone());
        if !self.flag.woken.swap(false, SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(self.flag.clone());
        self.inner.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn an_inner_timeout_that_outlives_the_outer_one_ends() {
    watched_on_all(|runtime| {
        runtime.block_on(async {
            let mut item = OnWake::new(timeout(ms(200), pending::<()>()));
            assert_eq!(timeout(ms(20), &mut item).await, Err(TimedOut));
            let tick = timeout(ms(10), async {
                yield_now().await;
                thread::sleep(ms(200));
                (&mut item).await
            });
            assert_eq!(tick.await, Err(TimedOut), "the time of both is up");
            assert_eq!(item.await, Err(TimedOut));
        });
    });
}

#[test]
fn many_inner_timeouts_that_outlive_their_ticks_all_end() {
    watched_on_all(|runtime| {
        runtime.block_on(async {
            for _ in 0..10 {
                let mut items: Vec<_> =
                    (0..10).map(|_| OnWake::new(timeout(ms(4), pending::<()>()))).collect();
                for item in &mut items {
                    while timeout(ms(2), &mut *item).await.is_err() {}
                }
            }
        });
    });
}

#[test]
fn of_three_timeouts_the_outermost_that_is_up_times_out() {
    watched_on_all(|runtime| {
        runtime.block_on(async {
            let slow = async {
                yield_now().await;
                thread::sleep(ms(20));
                pending::<()>().await;
            };
            let middle = timeout(LATER, timeout(ms(5), slow));
            assert_eq!(timeout(ms(5), middle).await, Err(TimedOut));
            let slow = async {
                yield_now().await;
                thread::sleep(ms(20));
                pending::<()>().await;
            };
            assert_eq!(timeout(LATER, timeout(ms(5), timeout(ms(5), slow))).await, Ok(Err(TimedOut)));
        });
    });
}

#[test]
fn a_timeout_under_a_foreign_block_on_inside_a_timeout_ends() {
    for workers in [2, 3, 4, 8] {
        watched(move || {
            let runtime = hand_rolled::Runtime::multi_thread(number(workers));
            let body = async { park_on(timeout(ms(30), pending::<()>())) };
            // Ready in its first poll, so in time.
            let task = runtime.spawn(timeout(ms(10), body));
            // The time is kept by the caller, which polls no task.
            let seen = runtime.block_on(async { timeout(PATIENCE, task).await });
            assert_eq!(seen, Ok(Ok(Ok(Err(TimedOut)))));
        });
    }
}

#[test]
fn a_timeout_drops_its_future_before_it_says_so() {
    watched_on_all(|runtime| {
        runtime.block_on(async {
            let drops = crate::Drops::default();
            let guard = drops.guard();
            let mut limited = Box::pin(timeout(ms(1), async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            assert_eq!(limited.as_mut().await, Err(TimedOut));
            assert_eq!(drops.count(), 1);
            let guard = drops.guard();
            spawn(timeout(LATER, async move { drop(guard) })).await.unwrap().unwrap();
            assert_eq!(drops.count(), 2);
        });
    });
}

#[test]
fn of_two_that_stood_back_the_outer_one_times_out() {
    watched_on_all(|runtime| {
        runtime.block_on(async {
            let mut item = Box::pin(timeout(ms(10), timeout(ms(20), pending::<()>())));
            assert_eq!(timeout(ms(1), &mut item).await, Err(TimedOut));
            let tick = timeout(ms(10), async {
                yield_now().await;
                thread::sleep(ms(40));
                (&mut item).await
            });
            assert_eq!(tick.await, Err(TimedOut), "the time of all three was up");
            assert_eq!(item.await, Err(TimedOut));
        });
    });
}
