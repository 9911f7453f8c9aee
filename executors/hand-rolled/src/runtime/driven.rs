//! [`Driven`]: a runtime with a thread of its own that calls `block_on`, until it is dropped.

use std::{
    future::poll_fn,
    io, mem,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::Runtime;
use crate::{
    crew,
    sync::{lock, thread::JoinHandle},
};

/// A runtime whose [`block_on`](Runtime::block_on) a thread of its own calls: tasks run at all times, and
/// whoever has it only spawns and waits.
///
/// Dropping it ends the runtime as dropping that does, though a task is in a long poll on the thread. Inside
/// one of its own tasks or jobs it may be dropped, too: the runtime then ends on its own thread, later. In a child of a
/// fork, which lacks that thread, the runtime refuses tasks and jobs, and is leaked when this is dropped.
///
/// ```
/// use hand_rolled::Runtime;
/// use std::sync::mpsc;
///
/// let driven = Runtime::current_thread().drive_in_background()?;
/// let (sent, arrives) = mpsc::channel();
/// driven.runtime().spawn(async move { sent.send(6 * 7) });
/// assert_eq!(arrives.recv(), Ok(42));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Driven {
    /// The runtime.
    runtime: Arc<Runtime>,
    /// Ends `block_on`.
    stop: Arc<Stop>,
    /// The caller of `block_on`, until it is joined.
    driver: Option<JoinHandle<()>>,
}

impl Runtime {
    /// Starts a thread that calls [`block_on`](Self::block_on) until the returned value is dropped.
    ///
    /// # Errors
    ///
    /// If the system refuses the thread. The runtime ends then.
    pub fn drive_in_background(self) -> io::Result<Driven> {
        let (runtime, stop) = (Arc::new(self), Arc::new(Stop::default()));
        let drive = {
            let (runtime, stop, works) = (runtime.clone(), stop.clone(), runtime.works());
            move || {
                let _works = works;
                runtime.block_on(poll_fn(|context| stop.poll(context)));
            }
        };
        let driver = runtime.shared.crew.start("hand-rolled-driver", drive)?;
        Ok(Driven { runtime, stop, driver: Some(driver) })
    }
}

impl Driven {
    /// Returns the runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if self.runtime.shared.close_without_threads(&self.runtime.scheduler) {
            // Nothing may be done with the handle of a thread that is not there. It keeps the runtime.
            return mem::forget(self.driver.take());
        }
        let wake = self.stop.stop();
        // Inside one of its tasks it would wait for itself. The driver then ends the runtime by itself, as it has
        // the last reference, or gives that back.
        let Some(_waiting) = self.runtime.shared.crew.wait() else { return wake() };
        // The driver may be in a poll that waits for what the end of the tasks drops.
        self.runtime.end_tasks(wake);
        crew::join(self.driver.take());
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

    /// Tells it to stop. Returns a function that wakes whoever polls it.
    fn stop(&self) -> impl FnOnce() {
        let mut state = lock(&self.state);
        state.0 = true;
        let waker = state.1.take();
        move || waker.into_iter().for_each(Waker::wake)
    }
}
