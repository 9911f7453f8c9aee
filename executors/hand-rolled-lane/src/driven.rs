//! A runtime with a thread of its own that calls `block_on`, until it is dropped.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, JoinHandle},
};

use hand_rolled::Runtime;

/// A runtime and the thread that calls its `block_on`.
#[derive(Debug)]
pub(super) struct Driven {
    /// The runtime.
    runtime: Arc<Runtime>,
    /// Ends `block_on`.
    stop: Arc<Stop>,
    /// The caller of `block_on`, until it is joined.
    driver: Option<JoinHandle<()>>,
}

impl Driven {
    /// Starts the thread.
    pub(super) fn start(runtime: Runtime) -> Driven {
        let (runtime, stop) = (Arc::new(runtime), Arc::new(Stop::default()));
        let driver = thread::spawn({
            let (runtime, stop) = (runtime.clone(), stop.clone());
            move || runtime.block_on(poll_fn(|context| stop.poll(context)))
        });
        Driven { runtime, stop, driver: Some(driver) }
    }

    /// Returns the runtime.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Waits for a task on the calling thread, which does nothing else.
    pub(super) fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        loop {
            match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => woken.wait(),
            }
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(driver) = self.driver.take() {
            driver.join().expect("tasks contain their panics, so the driver has none");
        }
    }
}

/// Is ready once it is told to stop: the root of the driver.
#[derive(Debug, Default)]
struct Stop {
    /// True once it was told, and the waker of the last poll.
    state: Mutex<(bool, Option<Waker>)>,
}

impl Stop {
    /// Is ready once it was told to stop.
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        state.1 = Some(context.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Tells it to stop.
    fn stop(&self) {
        let mut state = lock(&self.state);
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Lets a thread wait to be woken. It does not park: the token of the thread is its user's.
#[derive(Debug, Default)]
struct Woken {
    /// Set by a wake.
    is_woken: Mutex<bool>,
    /// Notified of a wake.
    comes: Condvar,
}

impl Woken {
    /// Waits for a wake since the last call.
    fn wait(&self) {
        let is_woken = lock(&self.is_woken);
        let waited = self.comes.wait_while(is_woken, |is_woken| !*is_woken);
        *waited.unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *lock(&self.is_woken) = true;
        self.comes.notify_one();
    }
}

/// Locks a mutex that no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
