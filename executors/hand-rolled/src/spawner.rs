//! [`Spawner`]: starts tasks on a runtime from anywhere, and does not keep it.

use std::{fmt, panic::Location, sync::Arc};

use crate::{
    handle::Task,
    runtime::{Runtime, Shared, labelled},
    scheduler::{Scheduler, context},
};

/// Starts tasks on one runtime, from any thread, also while that runs nothing.
///
/// It does not keep the runtime: once that was dropped, its tasks read
/// [`Cancelled`](crate::TaskError::Cancelled) at once. So they do in a child of a fork that lacks the threads of the runtime.
///
/// ```
/// use hand_rolled::{promise, run, spawner};
///
/// let sum = run(async {
///     let (promise, sum) = promise();
///     let spawner = spawner();
///     std::thread::spawn(move || drop(spawner.spawn(async move { promise.set_result(1 + 2) })));
///     sum.await
/// });
/// assert_eq!(sum, Ok(3));
/// ```
#[derive(Clone)]
pub struct Spawner {
    /// The scheduler of the runtime.
    scheduler: Arc<Scheduler>,
}

/// Returns the spawner of the current runtime.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawner() -> Spawner {
    Spawner { scheduler: context::current("spawner") }
}

impl Runtime {
    /// Returns the spawner of this runtime.
    pub fn spawner(&self) -> Spawner {
        Spawner { scheduler: self.scheduler().arc() }
    }
}

impl Spawner {
    /// Starts a task, as [`Runtime::spawn`] does.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if let Some(shared) = self.scheduler.host::<Shared>() {
            shared.close_without_threads(&self.scheduler);
        }
        if self.scheduler.is_debugged {
            return labelled(&self.scheduler, None, Location::caller(), future);
        }
        Task::new(self.scheduler.spawn(future))
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Spawner").finish_non_exhaustive()
    }
}
