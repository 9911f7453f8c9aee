//! [`TaskGroup`]: tasks that do not outlive the scope they are started in.
//!
//! `group/member.rs` has a task of a group. Its end is learned from a callback, because the handle, with its
//! one awaiter, is the user's. A panic is noted where it happens, while its message is at hand.

mod member;

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::poll_fn,
    mem,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    handle::Task,
    nesting::in_depth,
    panic::{Panic, QuietWaker, contain},
    runtime::spawn,
    sync::{Mutex, lock},
};
use member::{Control, Member};

/// Starts tasks that have all ended when [`run`](TaskGroup::run) does.
///
/// A clone starts tasks in the same group, also from inside one of them.
///
/// ```
/// use hand_rolled::{TaskGroup, run};
///
/// let sum = run(TaskGroup::run(async |group| {
///     let squares = [1, 2, 3].map(|number| group.spawn(async move { number * number }));
///     let mut sum = 0;
///     for square in squares {
///         sum += square.await.unwrap();
///     }
///     sum
/// }));
/// assert_eq!(sum, Ok(14));
/// ```
#[derive(Clone)]
pub struct TaskGroup {
    /// The part that the tasks have in common.
    shared: Arc<Shared>,
}

impl TaskGroup {
    /// Runs `body`, then waits until all tasks of the group have ended, with those that are started meanwhile.
    ///
    /// If a task panics, or the body, all the rest is cancelled: the body is dropped where it is suspended,
    /// and the tasks have ended when this does. A task that is cancelled cancels nothing else, and an `Err` is
    /// an output.
    ///
    /// Dropped unfinished, as by the cancellation of its task, it drops the body and the futures of all tasks.
    /// These have their next turn to end in, and read [`Cancelled`](crate::TaskError::Cancelled) then, or the
    /// panic of a destructor. On an event loop that turn comes before the turn of whoever awaits the task that
    /// was cancelled. On several workers it may come later, and a future that another worker is polling at that
    /// moment goes at the end of that poll: dropping a group waits for nobody.
    ///
    /// # Errors
    ///
    /// With all panics, in the order in which they occurred, that of the body last.
    pub async fn run<R>(body: impl AsyncFnOnce(TaskGroup) -> R) -> Result<R, TaskGroupError> {
        let shared = Arc::<Shared>::default();
        let mut running = Running(&shared);
        let group = TaskGroup { shared: shared.clone() };
        let ended = running.body(async move { body(group).await }).await;
        if ended.is_err() {
            shared.abort();
        }
        poll_fn(|context| shared.poll_end(context)).await;
        let mut panics = shared.take_panics();
        match ended {
            Ok(output) if panics.is_empty() => Ok(output),
            ended => {
                panics.extend(ended.err().flatten());
                Err(TaskGroupError { panics })
            }
        }
    }

    /// Starts a task of this group, on the runtime of the current task.
    ///
    /// Dropping its handle detaches it from the handle alone: the group still waits for it.
    ///
    /// # Panics
    ///
    /// If the group is over, or ends because of a panic; the future is dropped. And as
    /// [`spawn`](crate::spawn()).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(key) = self.shared.admit() else {
            panic!(
                "spawn was called on a task group that takes no more tasks: it is over, or one of its tasks \
                 panicked; start the task in a group that is running, or with hand_rolled::spawn"
            )
        };
        let admitted = Admitted { key, shared: self.shared.clone() };
        let (member, control) = Member::new(future, self.shared.clone());
        let task = spawn(member);
        control.set_task(task.canceller());
        if self.shared.is_aborted_after(key, control.clone()) {
            control.cancel();
        }
        task.add_done_callback(move |_| drop(admitted));
        task
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TaskGroup")
            .field("open", &lock(&self.shared.state).open)
            .finish_non_exhaustive()
    }
}

/// The error of [`TaskGroup::run`]: tasks of the group panicked, or its body did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskGroupError {
    /// The panics.
    panics: Vec<Panic>,
}

impl TaskGroupError {
    /// Returns the panics, at least one, in the order in which they occurred; that of the body comes last.
    pub fn panics(&self) -> &[Panic] {
        &self.panics
    }
}

impl fmt::Display for TaskGroupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.panics.iter().map(Panic::message).collect();
        write!(formatter, "the task group panicked: {}", messages.join("; "))
    }
}

impl Error for TaskGroupError {}

/// A group whose `run` is awaited. Dropped before its end, it drops the futures of all its tasks.
struct Running<'a>(&'a Shared);

impl Running<'_> {
    /// Polls the body until it is ready, panics, or is to be cancelled, and drops it. Returns its output, or
    /// its panic if it had one.
    async fn body<F: Future>(&mut self, body: F) -> Result<F::Output, Option<Panic>> {
        let mut body = pin!(Some(body));
        let ended = poll_fn(|context| {
            if self.0.poll_aborted(context).is_ready() {
                return Poll::Ready(Err(None));
            }
            let body = body.as_mut().as_pin_mut().expect("it is dropped once it is ready");
            match contain(|| body.poll(context)) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(Some(panic))),
            }
        })
        .await;
        match (ended, contain(|| body.set(None))) {
            (Ok(_) | Err(None), Err(panic)) => Err(Some(panic)),
            (ended, _) => ended,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The part of a group that its tasks have in common.
#[derive(Default)]
struct Shared {
    /// The tasks and the panics, under the lock.
    state: Mutex<State>,
}

/// The state that the lock of a group protects.
#[derive(Default)]
struct State {
    /// Set once there is a panic, or `run` was dropped.
    aborted: bool,
    /// Set once `run` has ended, or was dropped.
    over: bool,
    /// The number of tasks that have not ended.
    open: usize,
    /// The tasks that have not ended, in the order in which they were started.
    members: BTreeMap<u64, Arc<dyn Control>>,
    /// The key of the next task.
    next_key: u64,
    /// The panics of the tasks, in the order in which they occurred.
    panics: Vec<Panic>,
    /// The waker of the last poll of `run`.
    awaiter: Option<QuietWaker>,
}

impl State {
    /// Takes no more tasks, and returns those that have not ended.
    fn close(&mut self) -> Vec<Arc<dyn Control>> {
        self.aborted = true;
        self.members.values().cloned().collect()
    }
}

impl Shared {
    /// Counts a task that is about to be started; returns `None` if the group takes no more.
    fn admit(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        if state.aborted || state.over {
            return None;
        }
        state.open += 1;
        state.next_key += 1;
        Some(state.next_key)
    }

    /// Notes a task that was started; returns true if it is to be cancelled like the others.
    fn is_aborted_after(&self, key: u64, member: Arc<dyn Control>) -> bool {
        let mut state = lock(&self.state);
        state.members.insert(key, member);
        state.aborted
    }

    /// Notes a panic of a task, which has not ended yet; returns false if the group is over.
    fn note(&self, panic: Panic) -> bool {
        let mut state = lock(&self.state);
        if !state.over {
            state.panics.push(panic);
        }
        !state.over
    }

    /// Notes the end of a task, and cancels the others if it panicked.
    ///
    /// Not before its end: tasks that panic in the same round of the queue have all had their say then.
    fn end(&self, key: u64) {
        let mut state = lock(&self.state);
        state.open -= 1;
        let member = state.members.remove(&key);
        let failed = !state.panics.is_empty() && !state.aborted;
        let awaiter = if state.open == 0 { state.awaiter.take() } else { None };
        drop(state);
        drop(member);
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
        if failed {
            self.abort();
        }
    }

    /// Cancels all tasks and the body, and takes no more tasks.
    fn abort(&self) {
        let mut state = lock(&self.state);
        let (members, awaiter) = (state.close(), state.awaiter.take());
        drop(state);
        members.iter().for_each(|member| member.cancel());
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }

    /// Drops the futures of all tasks, which nobody waits for any more, and cancels them.
    fn abandon(&self) {
        let mut state = lock(&self.state);
        let (members, awaiter) = (state.close(), state.awaiter.take());
        state.over = true;
        drop(state);
        drop(awaiter);
        // A future may have a group in it, and so on.
        in_depth(move || {
            // All futures first: a task that ends finds the panic of its destructor.
            members.iter().for_each(|member| member.drop_future());
            members.iter().for_each(|member| member.cancel());
        });
    }

    /// Is ready once the group is aborted, of which it wakes `context`.
    fn poll_aborted(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context, |state| state.aborted)
    }

    /// Is ready once all tasks have ended, of which it wakes `context`. The group is over then.
    fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context, |state| {
            state.over = state.open == 0;
            state.over
        })
    }

    /// Is ready if `is_ready` returns true; otherwise `context` is woken when that may have changed.
    fn poll(&self, context: &mut Context<'_>, is_ready: impl FnOnce(&mut State) -> bool) -> Poll<()> {
        // A waker's clone and its destructor are code of the user, so neither under the lock.
        let waker = QuietWaker::of(context.waker());
        let mut state = lock(&self.state);
        if is_ready(&mut state) {
            return Poll::Ready(());
        }
        let replaced = state.awaiter.replace(waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Takes the panics.
    fn take_panics(&self) -> Vec<Panic> {
        mem::take(&mut lock(&self.state).panics)
    }
}

/// A task that the group counts. Dropped at its end, with its callback, however the callback ends.
struct Admitted {
    /// The key of the task.
    key: u64,
    /// The group.
    shared: Arc<Shared>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.shared.end(self.key);
    }
}
