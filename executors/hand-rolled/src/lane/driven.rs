//! A runtime with a thread of its own that calls `block_on`, until it is dropped.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::{
    Runtime, crew,
    scheduler::parking::Parker,
    sync::{lock, thread::JoinHandle},
};

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
    ///
    /// # Panics
    ///
    /// If the system refuses it. The runtime ends then.
    pub(super) fn start(runtime: Runtime) -> Driven {
        let (runtime, stop) = (Arc::new(runtime), Arc::new(Stop::default()));
        let drive = {
            let (runtime, stop) = (runtime.clone(), stop.clone());
            move || {
                let _works = runtime.works();
                runtime.block_on(poll_fn(|context| stop.poll(context)));
            }
        };
        match runtime.crew().start("hand-rolled-driver", drive) {
            Ok(driver) => Driven { runtime, stop, driver: Some(driver) },
            Err(error) => panic!("the system refuses a thread for block_on: {error}"),
        }
    }

    /// Returns the runtime.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Waits for a task on the calling thread, which does nothing else.
    pub(super) fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        let parker = Parker::new();
        let waker = Waker::from(parker.clone());
        loop {
            match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => {
                    parker.wait(None);
                }
            }
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.stop.stop();
        // Inside one of its tasks it would wait for itself. The driver then ends the runtime by itself, as it has
        // the last reference, or gives that back.
        if let Some(_waiting) = self.runtime.crew().wait() {
            // The driver may be in a poll that waits for what the end of the tasks drops.
            self.runtime.end_tasks();
            crew::join(self.driver.take());
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
