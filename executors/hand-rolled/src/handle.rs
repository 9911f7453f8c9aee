//! The handle of a task, and how the end of a task reaches it.

use std::{
    error::Error,
    fmt, iter, mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crate::{
    callback::{Callback, Callbacks, Outcome},
    lock,
    panic::{Panic, contain, drop_quietly},
    queue::Runnable,
};

/// A task or a blocking job that was started: awaiting it gives the output.
///
/// Dropping the handle detaches the task, which runs on; its output is dropped at its end, and if that panics nobody
/// is told.
///
/// # Panics
///
/// Awaiting it again, through `&mut task`, after it gave its output.
pub struct Task<T> {
    /// What runs, seen as something that ends.
    source: Source<T>,
}

/// What is behind a handle.
enum Source<T> {
    /// Something whose output goes from thread to thread with it.
    Shared(Arc<dyn Joinable<T>>),
    /// A local task, which leaves its output where only the handle and its own future find it.
    Local(Arc<dyn Ending>, Arc<Mutex<Option<T>>>),
}

impl<T> Task<T> {
    /// Makes the one handle of something that ends.
    pub(crate) fn new(joinable: Arc<dyn Joinable<T>>) -> Task<T> {
        Task { source: Source::Shared(joinable) }
    }

    /// Makes the one handle of a task that puts its output into `output`.
    pub(crate) fn new_local(task: Arc<dyn Ending>, output: Arc<Mutex<Option<T>>>) -> Task<T> {
        Task { source: Source::Local(task, output) }
    }

    /// Asks the task to end, and returns false only if it is done already.
    ///
    /// The runtime drops the task's future where it is suspended; if it is being polled, at the end of that poll.
    /// Then, not before, the task is done and reads [`TaskError::Cancelled`]. A job that has not started never will;
    /// one that runs cannot be stopped: the task ends, the job runs on and its output is dropped.
    pub fn cancel(&self) -> bool {
        match &self.source {
            Source::Shared(joinable) => joinable.clone().cancel(),
            Source::Local(task, _) => task.clone().cancel(),
        }
    }

    /// Tells whether the task has ended: its future is gone, its output or error is there, or was.
    pub fn done(&self) -> bool {
        self.outcome().is_some()
    }

    /// Tells whether the task ended because it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.outcome() == Some(Outcome::Cancelled)
    }

    /// Clones the output, as often as asked, without waiting for it.
    ///
    /// # Errors
    ///
    /// [`NotDone`](TaskError::NotDone) before the end, [`Taken`](TaskError::Taken) once the output was awaited, and
    /// otherwise what ended the task.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        if let Some(error) = self.exception()?.map(TaskError::Panicked) {
            return Err(error);
        }
        // Only handles take this lock once the task is done, so the clone of the user holds up no runtime.
        lock(self.output()).clone().ok_or(TaskError::Taken)
    }

    /// Gives the panic that ended the task, or `None` if it gave an output.
    ///
    /// # Errors
    ///
    /// [`NotDone`](TaskError::NotDone) before the end, [`Cancelled`](TaskError::Cancelled) if that was the end.
    pub fn exception(&self) -> Result<Option<Panic>, TaskError> {
        match self.ending().progress().error() {
            Ok(()) => Ok(None),
            Err(TaskError::Panicked(panic)) => Ok(Some(panic)),
            Err(error) => Err(error),
        }
    }

    /// Has `callback` called once the task has ended; at once, if it has, but never before this returns.
    ///
    /// The callbacks of a task run one after the other in order of registration, each as an entry of the run queue of
    /// its runtime. If one panics, the next still run. A runtime that was dropped drops them.
    pub fn add_done_callback(&self, callback: impl FnOnce(Outcome) + Send + 'static) {
        let ending = self.ending();
        if let Some(entry) = ending.progress().add_callback(Box::new(callback)) {
            enqueue(ending, entry);
        }
    }

    /// How the task ended; `None` before.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ending().progress().outcome()
    }

    /// Has `waker` woken at the end, instead of whoever awaited it; tells whether the end has come.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        self.ending().progress().watch(waker)
    }

    /// Wakes nobody at the end.
    pub(crate) fn unwatch(&self) {
        self.ending().progress().unwatch();
    }

    /// Takes the outcome of a task that is done.
    pub(crate) fn take(&mut self) -> Result<T, TaskError> {
        assert!(
            self.ending().progress().begin_take(),
            "this task was awaited before and has given its output; keep the output instead"
        );
        self.ending().progress().error()?;
        lock(self.output()).take().ok_or(TaskError::Taken)
    }

    /// What ends.
    fn ending(&self) -> &dyn Ending {
        match &self.source {
            Source::Shared(joinable) => &**joinable,
            Source::Local(task, _) => &**task,
        }
    }

    /// Where the output is, from the end until it is taken.
    fn output(&self) -> &Mutex<Option<T>> {
        match &self.source {
            Source::Shared(joinable) => joinable.output(),
            Source::Local(_, output) => output,
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watch(context.waker()) { Poll::Ready(self.take()) } else { Poll::Pending }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.ending().progress().detach() {
            let output = lock(self.output()).take();
            // A panic is contained here as at the end of the task: which of the two comes last is a race.
            drop_quietly(output);
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("done", &self.done()).finish_non_exhaustive()
    }
}

/// Why a task gives no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskError {
    /// It has not ended.
    NotDone,
    /// It was cancelled, or its runtime was dropped.
    Cancelled,
    /// It panicked, or the destructor of its future did.
    Panicked(Panic),
    /// It gave its output to whoever awaited it.
    Taken,
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::NotDone => write!(formatter, "the task is not done"),
            TaskError::Cancelled => write!(formatter, "the task was cancelled"),
            TaskError::Panicked(panic) => write!(formatter, "the task panicked: {}", panic.message()),
            TaskError::Taken => write!(formatter, "the output of the task was taken"),
        }
    }
}

impl Error for TaskError {}

/// What a handle needs of the task or the job behind it, whatever its output.
pub(crate) trait Ending: Send + Sync {
    /// Where the end is announced.
    fn progress(&self) -> &Progress;

    /// Asks for the end, and returns false only if it has come. Runs no code of the user.
    fn cancel(self: Arc<Self>) -> bool;

    /// Appends an entry to the queue of whatever runs this; one that has ended gives it back.
    fn push(&self, entry: Arc<dyn Runnable>) -> Result<(), Arc<dyn Runnable>>;
}

/// Something that ends with an output.
pub(crate) trait Joinable<T>: Ending {
    /// Where the output is, from the end until it is taken.
    fn output(&self) -> &Mutex<Option<T>>;
}

/// The meeting point of something that ends and its handle.
pub(crate) struct Completion<T> {
    /// Whether it has ended, how, and who is to be told.
    pub(crate) progress: Progress,
    /// The output, from the end until it is taken; before the end nobody looks.
    pub(crate) output: Mutex<Option<T>>,
}

impl<T> Completion<T> {
    /// Makes the completion of something that has not ended and has a handle.
    pub(crate) fn new() -> Completion<T> {
        Completion { progress: Progress { state: Mutex::default() }, output: Mutex::new(None) }
    }

    /// Publishes the end. The caller announces it once it holds no lock.
    #[must_use = "without the announcement the awaiter sleeps on"]
    pub(crate) fn publish(&self, end: Result<T, TaskError>) -> Announcement<T> {
        let outcome = Outcome::of(&end);
        let error = match end {
            Ok(output) => {
                *lock(&self.output) = Some(output);
                None
            }
            Err(error) => Some(error),
        };
        let mut state = lock(&self.progress.state);
        state.outcome = Some(outcome);
        state.error = error;
        let (awaiter, callbacks) = (state.awaiter.take(), state.callbacks.clone());
        let (registered, detached) = (state.registered, state.detached);
        drop(state);
        let unwanted = if detached { lock(&self.output).take() } else { None };
        Announcement { unwanted, awaiter, callbacks, registered, outcome }
    }
}

/// Whether something has ended, how, and who is to be told.
pub(crate) struct Progress {
    /// How far it is, under the lock.
    state: Mutex<State>,
}

/// What the lock of a progress protects.
#[derive(Default)]
struct State {
    /// How it ended; `None` before.
    outcome: Option<Outcome>,
    /// Why there is no output, once it has ended.
    error: Option<TaskError>,
    /// Whether the outcome was given to an awaiter.
    taken: bool,
    /// Whether the handle is gone, so that nobody will take the outcome.
    detached: bool,
    /// Whom to wake at the end, whoever polled the handle last, and how many callbacks were registered before.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks, if ever there was one.
    callbacks: Option<Arc<Callbacks>>,
    /// How many callbacks were registered before the end.
    registered: usize,
}

impl Progress {
    /// How it ended; `None` before.
    fn outcome(&self) -> Option<Outcome> {
        lock(&self.state).outcome
    }

    /// Tells why there is no output.
    fn error(&self) -> Result<(), TaskError> {
        let state = lock(&self.state);
        match state.outcome {
            None => Err(TaskError::NotDone),
            Some(_) => state.error.clone().map_or(Ok(()), Err),
        }
    }

    /// Takes the right to the outcome; false if somebody has before.
    fn begin_take(&self) -> bool {
        let mut state = lock(&self.state);
        !mem::replace(&mut state.taken, true)
    }

    /// Has `waker` woken at the end, instead of whoever waited before; tells whether the end has come.
    fn watch(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = lock(&self.state);
        if state.outcome.is_some() {
            drop(state);
            return true;
        }
        let place = match &state.awaiter {
            // Still the same one who waits, and has waited longer than the later callbacks.
            Some((place, awaiter)) if awaiter.will_wake(&waker) => *place,
            _ => state.registered,
        };
        let replaced = state.awaiter.replace((place, waker));
        // Not under the lock: a waker's destructor is code of the user.
        drop(state);
        drop(replaced);
        false
    }

    /// Wakes nobody at the end.
    fn unwatch(&self) {
        let awaiter = lock(&self.state).awaiter.take();
        drop(awaiter);
    }

    /// Registers a callback; gives the entry to be queued for it, if the end has come.
    fn add_callback(&self, callback: Callback) -> Option<Arc<dyn Runnable>> {
        let mut state = lock(&self.state);
        let callbacks = state.callbacks.get_or_insert_default().clone();
        callbacks.push(callback);
        let entry = state.outcome.map(|outcome| callbacks.entry(outcome));
        if entry.is_none() {
            state.registered += 1;
        }
        entry
    }

    /// Notes that the handle is gone; tells whether the end has come, and so the handle is to drop the output.
    fn detach(&self) -> bool {
        let mut state = lock(&self.state);
        state.detached = true;
        let (ended, awaiter) = (state.outcome.is_some(), state.awaiter.take());
        drop(state);
        drop_quietly(awaiter);
        ended
    }
}

/// What is left to do when an end has been published, without any lock.
pub(crate) struct Announcement<T> {
    /// An output that nobody will take.
    unwanted: Option<T>,
    /// Whoever awaits the end, and how many callbacks come before.
    awaiter: Option<(usize, Waker)>,
    /// The callbacks.
    callbacks: Option<Arc<Callbacks>>,
    /// How many callbacks there were at the end; later ones see to themselves.
    registered: usize,
    /// How it ended.
    outcome: Outcome,
}

impl<T> Announcement<T> {
    /// Wakes whoever awaits the end and queues the callbacks, in the order in which they came.
    pub(crate) fn announce(self, ending: &dyn Ending) {
        drop_quietly(self.unwanted);
        let queue_callbacks = |number| {
            let callbacks = self.callbacks.iter().flat_map(|callbacks| iter::repeat_n(callbacks, number));
            callbacks.for_each(|callbacks| enqueue(ending, callbacks.entry(self.outcome)));
        };
        let (place, awaiter) = self.awaiter.unzip();
        let place = place.unwrap_or(0);
        queue_callbacks(place);
        if let Some(awaiter) = awaiter {
            contain(|| awaiter.wake()).ok();
        }
        queue_callbacks(self.registered - place);
    }
}

/// Queues an entry where something ends, or gives it up if that has ended itself.
fn enqueue(ending: &dyn Ending, entry: Arc<dyn Runnable>) {
    if let Err(entry) = ending.push(entry) {
        entry.abandon();
    }
}
