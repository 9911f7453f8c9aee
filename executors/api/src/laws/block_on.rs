//! Checks the laws of [`BlockOn`].

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, mpsc},
    task::{Poll, Waker},
    thread,
};

use crate::{BlockOn, Config};

use super::Meeting;

/// The threads that call at the same time.
const CALLERS: usize = 4;

/// The future is polled and dropped on the thread that calls, borrows from it, and gives its output there.
pub fn a_future_that_is_blocked_on_stays_on_its_thread<E: BlockOn>(config: &Config) {
    for caller in E::callers(config, CALLERS) {
        let (here, mut polls) = (thread::current().id(), 0u64);
        let not_send = Rc::new(7u64);
        for number in 1..=100u64 {
            let output = E::block_on(&caller, async {
                assert_eq!(thread::current().id(), here, "the future was polled on another thread");
                polls += 1;
                *not_send + number
            });
            assert_eq!((output, polls), (7 + number, number));
        }
    }
}

/// A thread that waits for its future is woken by any other thread.
pub fn a_wake_from_another_thread_reaches_a_thread_that_waits<E: BlockOn>(config: &Config) {
    let (give, wakers) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    for caller in E::callers(config, CALLERS) {
        for _ in 0..100 {
            let mut polled = false;
            E::block_on(
                &caller,
                poll_fn(|context| {
                    if polled {
                        return Poll::Ready(());
                    }
                    polled = true;
                    give.send(context.waker().clone()).expect("the other thread waits for wakers");
                    Poll::Pending
                }),
            );
        }
    }
    drop(give);
    waking.join().expect("it only wakes");
}

/// Several threads are inside `block_on` at once, each with a caller of its own.
pub fn threads_block_on_at_the_same_time<E: BlockOn>(config: &Config) {
    let callers = E::callers(config, CALLERS);
    assert_eq!(callers.len(), CALLERS, "there is a caller for each thread");
    let meeting = Arc::new(Meeting::default());
    let threads = callers.into_iter().map(|caller| {
        let meeting = meeting.clone();
        thread::spawn(move || E::block_on(&caller, async { meeting.wait_for(CALLERS) }))
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        assert!(thread.join().expect("it does not panic"), "{CALLERS} threads are not in block_on at once");
    }
}

/// A panic leaves `block_on` with its payload, and the caller can be used again.
pub fn the_panic_of_a_future_that_is_blocked_on_comes_out<E: BlockOn>(config: &Config) {
    for caller in E::callers(config, CALLERS) {
        let call = || E::block_on(&caller, async { std::panic::resume_unwind(Box::new(7u64)) });
        let outcome: Result<(), _> = catch_unwind(AssertUnwindSafe(call));
        let payload = outcome.expect_err("the future panics");
        assert_eq!(payload.downcast_ref(), Some(&7u64), "the payload is that of the panic");
        assert_eq!(E::block_on(&caller, async { 3 }), 3);
    }
}
