//! [`promise`]: a task whose outcome is set by hand, asyncio's bare `Future`.

use std::{fmt, sync::Arc};

use crate::{
    handle::Task,
    panic::Panic,
    scheduler::{Scheduler, context},
    task::{self, Setter, outcome::Outcome},
};

/// Makes a task that ends once its outcome is set through the promise, on any thread.
///
/// The task is one like any other: it can be awaited, cancelled, asked for its result, waited for together
/// with others. Cancelling it takes effect at once. It does not need a runtime, and does not end with one: its
/// outcome can be set, and be awaited elsewhere, after the runtime it was made in is gone.
///
/// Its callbacks run in the runtime that it was made in; made outside of any, on a thread of the library's own.
///
/// ```
/// let (promise, task) = hand_rolled::promise();
/// std::thread::spawn(move || promise.set_result("done"));
/// assert_eq!(hand_rolled::run(task), Ok("done"));
/// ```
pub fn promise<T>() -> (Promise<T>, Task<T>) {
    let home = context::current_if_any().unwrap_or_else(outside);
    let (setter, handle) = context::with_worker_of(&*home, |worker| task::new_promise(&home, worker));
    (Promise { setter }, Task::new(handle))
}

/// The half of a [`promise`] that sets the outcome of the task, once.
///
/// Dropping it without an outcome cancels the task: nobody is left who could end it otherwise.
pub struct Promise<T> {
    /// The right to end the task.
    setter: Setter<T>,
}

impl<T> Promise<T> {
    /// Ends the task with an output; awaiters are woken and callbacks queued, none of which runs inside this
    /// call.
    ///
    /// If nobody has the task any more, the output is dropped.
    ///
    /// # Errors
    ///
    /// With the output, if the task is done: it was cancelled, or an outcome was set before.
    pub fn set_result(&self, output: T) -> Result<(), T> {
        self.setter.set(Ok(output)).map_err(|refused| refused.expect("an output was set"))
    }

    /// Ends the task as one that panicked with this message, like [`set_result`](Self::set_result).
    ///
    /// # Errors
    ///
    /// With the panic, if the task is done.
    pub fn set_panic(&self, message: impl Into<String>) -> Result<(), Panic> {
        let panic = Panic::with_message(message.into());
        self.setter.set(Err(panic)).map_err(|refused| refused.err().expect("a panic was set"))
    }

    /// Cancels the task at once, as [`Task::cancel`] does; returns false only if it is done already.
    pub fn cancel(&self) -> bool {
        self.setter.cancel()
    }

    /// Returns true once the task has ended, for instance because it was cancelled.
    pub fn done(&self) -> bool {
        self.setter.outcome().is_some()
    }

    /// Returns true if the task ended because it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.setter.outcome() == Some(Outcome::Cancelled)
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Promise").field("done", &self.done()).finish_non_exhaustive()
    }
}

/// Returns the scheduler of promises that are made outside of any runtime. It stays as long as the process.
#[cfg(not(loom))]
fn outside() -> Arc<Scheduler> {
    use crate::{
        blocking::{pool::Pool, thread_pool::LazyWorker},
        crew::Crew,
        scheduler::Workers,
    };
    use std::{num::NonZeroUsize, sync::OnceLock};

    static OUTSIDE: OnceLock<Arc<Scheduler>> = OnceLock::new();
    let make = || {
        let crew = Arc::<Crew>::default();
        // It starts no thread: callbacks that the system refuses one for wait until more come.
        let jobs = Arc::new(Pool::new(NonZeroUsize::MIN, crew.clone()));
        Scheduler::new(Workers::Lazy, Arc::new(LazyWorker::new(crew, jobs)))
    };
    OUTSIDE.get_or_init(make).clone()
}

/// Refuses: a model leaves nothing behind.
#[cfg(loom)]
fn outside() -> Arc<Scheduler> {
    context::current("promise")
}
