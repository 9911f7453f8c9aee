//! What asyncio promises, case by case, through the public API: one file a chapter, one test a case or clause, named
//! after its number. Where this runtime decides otherwise than asyncio, the test says so and holds it to its decision.

mod blocking;
mod cancellation;
mod gather;
mod local;
mod queue;
mod running;
mod tasks;
mod time;
mod wait;
mod wait_for;

use std::{
    future::poll_fn,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, yield_now};

/// How long a test may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// An hour: a time that no test waits for.
const LATER: Duration = Duration::from_secs(3600);

/// Runs a test's body on a thread of its own, and panics if it panics or hangs.
fn watched(body: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(body));
        // Nobody listens to a test that was given up.
        ended.send(()).ok();
        outcome
    });
    end.recv_timeout(PATIENCE).expect("the test does not hang");
    if let Err(panic) = thread.join().expect("its panic was caught") {
        resume_unwind(panic);
    }
}

/// Runs a test's body with an event loop, then with two workers.
fn watched_on_each_flavour(body: fn(Runtime)) {
    watched(move || body(Runtime::current_thread()));
    watched(move || body(two_workers()));
}

/// A multi-thread runtime.
fn two_workers() -> Runtime {
    Runtime::multi_thread(number(2))
}

/// A number that is not zero.
fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("the tests ask for more than zero")
}

/// The message with which `code` panics.
fn panic_of<T>(code: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(code)) else { panic!("it should have panicked") };
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("the message is text")
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Notes what happened.
    fn add(&self, what: impl Into<String>) {
        lock(&self.0).push(what.into());
    }

    /// Everything that happened, with a space between.
    fn text(&self) -> String {
        lock(&self.0).join(" ")
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
struct Drops {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drops {
    /// Something whose drop is counted.
    fn guard(&self) -> CountDrop {
        self.made.fetch_add(1, SeqCst);
        CountDrop(self.dropped.clone())
    }

    /// How many were dropped.
    fn count(&self) -> usize {
        self.dropped.load(SeqCst)
    }

    /// How many there were.
    fn made(&self) -> usize {
        self.made.load(SeqCst)
    }
}

/// Counts when it is dropped.
struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Runs a closure when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A gate between a task and any thread.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    /// Lets everybody pass, now and later.
    fn open(&self) {
        let mut gate = lock(&self.0);
        gate.0 = true;
        let wakers = std::mem::take(&mut gate.1);
        drop(gate);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until the gate is open.
    async fn pass(&self) {
        poll_fn(|context| {
            let mut gate = lock(&self.0);
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Lets the others run until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// A duration in milliseconds.
fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Locks, whatever happened to others who did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
