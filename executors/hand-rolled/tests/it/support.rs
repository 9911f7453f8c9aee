//! What the tests share: a watchdog, both flavours, a log, counted drops, a gate.

use std::{
    future::poll_fn,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, yield_now};

/// The factor by which everything is slower, from the environment of the compiler: `scripts/sanitize` does
/// not run the tests at their usual speed.
pub(crate) const SLOWNESS: u64 = match option_env!("TEST_SLOWNESS") {
    Some(number) => match u64::from_str_radix(number, 10) {
        Ok(number) => number,
        Err(_) => panic!("TEST_SLOWNESS is a number"),
    },
    None => 1,
};

/// The time that a test may take before it counts as hanging.
pub(crate) const PATIENCE: Duration = ms(20_000);

/// An hour: a time that no test waits for.
pub(crate) const LATER: Duration = Duration::from_secs(3600);

/// Runs a test's body on a thread of its own, and panics if it panics or hangs.
pub(crate) fn watched(body: impl FnOnce() + Send + 'static) {
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
pub(crate) fn watched_on_each_flavour(body: fn(Runtime)) {
    watched(move || body(Runtime::current_thread()));
    watched(move || body(two_workers()));
}

/// Runs a test's body with an event loop, then with one, two and four workers.
pub(crate) fn watched_on_each_number(body: fn(Runtime)) {
    watched(move || body(Runtime::current_thread()));
    for workers in [1, 2, 4] {
        watched(move || body(Runtime::multi_thread(number(workers))));
    }
}

/// A multi-thread runtime.
pub(crate) fn two_workers() -> Runtime {
    Runtime::multi_thread(number(2))
}

/// A number that is not zero.
pub(crate) fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("the tests ask for more than zero")
}

/// The message with which `code` panics.
pub(crate) fn panic_of<T>(code: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(code)) else { panic!("it should have panicked") };
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("the message is text")
}

/// Keeps events, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(pub(crate) Arc<Mutex<Vec<String>>>);

impl Log {
    /// Notes an event.
    pub(crate) fn add(&self, what: impl Into<String>) {
        lock(&self.0).push(what.into());
    }

    /// Returns all events, with spaces between.
    pub(crate) fn text(&self) -> String {
        lock(&self.0).join(" ")
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
pub(crate) struct Drops {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drops {
    /// Something whose drop is counted.
    pub(crate) fn guard(&self) -> CountDrop {
        self.made.fetch_add(1, SeqCst);
        CountDrop(self.dropped.clone())
    }

    /// Returns the number of values that were dropped.
    pub(crate) fn count(&self) -> usize {
        self.dropped.load(SeqCst)
    }

    /// Returns the number of values that were made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(SeqCst)
    }
}

/// Counts when it is dropped.
pub(crate) struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Runs a closure when dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A gate between a task and any thread.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    /// Lets all pass, now and later.
    pub(crate) fn open(&self) {
        let mut gate = lock(&self.0);
        gate.0 = true;
        let wakers = std::mem::take(&mut gate.1);
        drop(gate);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
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

/// Runs a future on this thread, as the `block_on` of no runtime does.
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Waits until `condition` holds, on a thread that may block.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "it never came");
        thread::sleep(ms(1));
    }
}

/// Lets the others run until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// Polls a future once, with the waker of the current task.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// A duration in milliseconds, longer where everything takes longer.
pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds * SLOWNESS)
}

/// Locks, whatever happened to others who did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
