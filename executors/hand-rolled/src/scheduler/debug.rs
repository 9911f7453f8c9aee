//! Keeps what a runtime knows of its tasks besides their cells: names, and in debug mode where they were spawned,
//! how long their polls take, and the panics that nobody has looked at.
//!
//! All of it is in a table, and in a wrapper around the futures that are in it. A task that is not pays
//! nothing, in memory or in time.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, btree_map::Entry},
    fmt,
    io::{self, Write},
    panic::{Location, resume_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use super::context;
use crate::{
    panic::{self, Known, Panic, Payload, catch, contain},
    task::inspect::{self, TaskId},
};

/// A finding of the [debug mode](crate::Builder::debug).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A poll, or a callback, kept its thread for longer than it should.
    SlowPoll {
        /// The name of the task.
        name: Arc<str>,
        /// The place where the task was spawned.
        spawned_at: &'static Location<'static>,
        /// The time that the poll took.
        took: Duration,
    },
    /// A task panicked, and its handle was dropped without anybody having looked at the panic.
    UnseenPanic {
        /// The name of the task.
        name: Arc<str>,
        /// The place where the task was spawned.
        spawned_at: &'static Location<'static>,
        /// The panic.
        panic: Panic,
    },
    /// A task was dropped unfinished, because its runtime ended.
    LeftBehind {
        /// The name of the task.
        name: Arc<str>,
        /// The place where the task was spawned.
        spawned_at: &'static Location<'static>,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::SlowPoll { name, spawned_at, took } => {
                write!(formatter, "{name}, spawned at {spawned_at}, kept its thread for {took:?} in one poll")
            }
            Report::UnseenPanic { name, spawned_at, panic } => {
                let message = panic.message();
                write!(formatter, "{name}, spawned at {spawned_at}, panicked and nobody looked: {message}")
            }
            Report::LeftBehind { name, spawned_at } => {
                write!(formatter, "{name}, spawned at {spawned_at}, was unfinished when its runtime ended")
            }
        }
    }
}

/// The receiver of reports.
pub(crate) type Hook = Arc<dyn Fn(&Report) + Send + Sync>;

/// The choices of a runtime in debug mode.
#[derive(Clone)]
pub(crate) struct Debug {
    /// The least time that makes a poll slow.
    pub(crate) slow_poll: Duration,
    /// The receiver of reports; without one they go to standard error.
    pub(crate) hook: Option<Hook>,
}

thread_local! {
    /// True while a hook of a report runs on this thread.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

impl Debug {
    /// Reports a finding. The panic of a hook is swallowed. What a hook itself is the cause of goes to standard error: a task
    /// that it spawns at the end of its runtime would be reported inside it, and so on.
    fn report(&self, report: &Report) {
        match &self.hook {
            Some(hook) if !IN_HOOK.replace(true) => {
                contain(|| hook(report)).ok();
                IN_HOOK.set(false);
            }
            // Not `eprintln`, which panics if nobody reads it.
            _ => _ = writeln!(io::stderr(), "hand-rolled: {report}"),
        }
    }
}

/// The table of the tasks of one runtime that have a name, or are watched.
pub(crate) struct Registry {
    /// The choices, if the runtime is in debug mode.
    debug: Option<Debug>,
    /// Set once the runtime ends.
    has_ended: AtomicBool,
    /// The labels, under the lock.
    state: Mutex<Labels>,
}

/// The state that the lock of a registry protects.
#[derive(Default)]
struct Labels {
    /// The labels of the tasks that have not ended.
    labels: BTreeMap<u64, Arc<Label>>,
    /// The key of the last label.
    last_key: u64,
}

/// A panic that nobody has looked at, of a task whose handle is there or about to be dropped.
struct Unseen {
    /// The label of the task.
    label: Arc<Label>,
    /// The panic.
    panic: Panic,
    /// The choices of its runtime.
    debug: Debug,
}

/// The panics that nobody has looked at, of all runtimes: a handle may outlive its own.
static UNSEEN: Mutex<AllUnseen> = Mutex::new(AllUnseen { by_task: BTreeMap::new(), others: Vec::new() });

/// The panics that nobody has looked at.
struct AllUnseen {
    /// Holds the panics of tasks that were polled, by task.
    by_task: BTreeMap<TaskId, Unseen>,
    /// Holds the panics of tasks that were dropped as they were spawned.
    others: Vec<Unseen>,
}

impl AllUnseen {
    /// Adds a panic, unless its task has panicked before. Returns one that is of no use any more.
    fn add(&mut self, unseen: Unseen) -> Option<Unseen> {
        let Some(&task) = unseen.label.task.get() else {
            self.others.push(unseen);
            return None;
        };
        match self.by_task.entry(task) {
            // The second is that of a destructor.
            Entry::Occupied(first) if Arc::ptr_eq(&first.get().label, &unseen.label) => Some(unseen),
            // The other task has ended otherwise.
            Entry::Occupied(mut other) => Some(other.insert(unseen)),
            Entry::Vacant(place) => {
                place.insert(unseen);
                None
            }
        }
    }

    /// Removes the panic of a task.
    fn remove(&mut self, task: TaskId) -> Option<Unseen> {
        self.by_task.remove(&task).or_else(|| {
            let place = self.others.iter().position(|unseen| unseen.label.task.get() == Some(&task))?;
            Some(self.others.swap_remove(place))
        })
    }
}

/// The label of a task.
pub(crate) struct Label {
    /// The key in the registry.
    key: u64,
    /// The name of the task.
    pub(crate) name: Arc<str>,
    /// The place where the task was spawned.
    pub(crate) spawned_at: &'static Location<'static>,
    /// The task, once it was started.
    task: OnceLock<TaskId>,
}

impl Label {
    /// Notes the task that has the label.
    pub(crate) fn set_task(&self, task: TaskId) {
        // Its first poll may have come first.
        self.task.set(task).ok();
    }
}

impl Registry {
    /// Makes an empty registry.
    pub(crate) fn new(debug: Option<Debug>) -> Arc<Registry> {
        Arc::new(Registry { debug, has_ended: AtomicBool::new(false), state: Mutex::default() })
    }

    /// Notes that the runtime ends: a task that is dropped from now on is left behind.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Relaxed);
    }

    /// Wraps a future, so that its task has a name, a new one if none is given, and is watched in debug mode.
    ///
    /// A future without its type makes all with the same output one: else programs would be compiled a second time for a mode
    /// that they are seldom in.
    pub(crate) fn watch<F: Future + ?Sized>(
        self: &Arc<Self>,
        name: Option<&str>,
        spawned_at: &'static Location<'static>,
        future: Pin<Box<F>>,
    ) -> (Watched<F>, Arc<Label>) {
        let mut state = lock(&self.state);
        state.last_key += 1;
        let key = state.last_key;
        let name = name.map_or_else(|| format!("Task-{key}").into(), Arc::from);
        let label = Arc::new(Label { key, name, spawned_at, task: OnceLock::new() });
        state.labels.insert(key, label.clone());
        drop(state);
        let future = Some(future);
        (Watched { future, label: label.clone(), registry: self.clone(), of: Of::Task }, label)
    }

    /// Wraps a root, like [`watch`](Self::watch). Its panic comes out of `block_on`.
    pub(crate) fn watch_root<F: Future + ?Sized>(
        self: &Arc<Self>,
        called_at: &'static Location<'static>,
        future: Pin<Box<F>>,
    ) -> Watched<F> {
        let (mut watched, _label) = self.watch(Some("block_on"), called_at, future);
        watched.of = Of::Root;
        watched
    }

    /// Wraps the future of a call, like [`watch`](Self::watch). It has no handle to ask for its panic.
    pub(crate) fn watch_call<F: Future + ?Sized>(
        self: &Arc<Self>,
        name: &str,
        spawned_at: &'static Location<'static>,
        future: Pin<Box<F>>,
    ) -> Watched<F> {
        let (mut watched, _label) = self.watch(Some(name), spawned_at, future);
        watched.of = Of::Call;
        watched
    }

    /// Returns the labels by task.
    pub(crate) fn by_task(&self) -> HashMap<TaskId, Arc<Label>> {
        let state = lock(&self.state);
        let with_task = |label: &Arc<Label>| Some((*label.task.get()?, label.clone()));
        state.labels.values().filter_map(with_task).collect()
    }
}

/// Notes that the panic of a task was looked at; or that nobody can any more, which is reported in debug mode.
pub(super) fn note_panic(task: TaskId, was_seen: bool) {
    let unseen = lock(&UNSEEN).remove(task);
    let Some(Unseen { label, panic, debug }) = unseen else { return };
    if !was_seen {
        let (name, spawned_at) = (label.name.clone(), label.spawned_at);
        debug.report(&Report::UnseenPanic { name, spawned_at, panic });
    }
}

/// A future whose task is in the registry.
pub(crate) struct Watched<F: Future + ?Sized> {
    /// The real one, until it is ready or has panicked.
    future: Option<Pin<Box<F>>>,
    /// The label of the task.
    label: Arc<Label>,
    /// The registry.
    registry: Arc<Registry>,
    /// The user of the future.
    of: Of,
}

/// The user of a future, who gets to know of its panic, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A task, whose handle may be asked.
    Task,
    /// A caller of `block_on`, who has it.
    Root,
    /// A call, whose panic nobody has.
    Call,
}

impl<F: Future + ?Sized> Watched<F> {
    /// Runs code of the future, measures how long it takes, and notes its panic.
    fn run<R>(&mut self, code: impl FnOnce(&mut Option<Pin<Box<F>>>) -> R) -> Result<R, Payload> {
        let begun = Instant::now();
        let result = catch(|| code(&mut self.future));
        if let Some(debug) = &self.registry.debug {
            let took = begun.elapsed();
            if took >= debug.slow_poll {
                let (name, spawned_at) = (self.label.name.clone(), self.label.spawned_at);
                debug.report(&Report::SlowPoll { name, spawned_at, took });
            }
        }
        result.inspect_err(|payload| {
            if let Some(debug) = self.registry.debug.clone()
                && self.of != Of::Root
                && !payload.is::<Known>()
            {
                let panic = Panic::of(&**payload);
                if self.of == Of::Call {
                    let (name, spawned_at) = (self.label.name.clone(), self.label.spawned_at);
                    return debug.report(&Report::UnseenPanic { name, spawned_at, panic });
                }
                let unneeded = lock(&UNSEEN).add(Unseen { label: self.label.clone(), panic, debug });
                // Not under the lock: the destructor of a hook is code of the user.
                drop(unneeded);
            }
        })
    }
}

impl<F: Future + ?Sized> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(task) = context::current_task() {
            self.label.set_task(task);
        }
        let polled = self.run(|future| {
            let polled = future.as_mut().expect("it is not ready").as_mut().poll(context);
            if polled.is_ready() {
                *future = None;
            }
            polled
        });
        polled.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<F: Future + ?Sized> Drop for Watched<F> {
    fn drop(&mut self) {
        let Registry { debug, has_ended, .. } = &*self.registry;
        if let Some(debug) = debug
            && has_ended.load(Relaxed)
            && self.future.is_some()
            && self.of != Of::Call
        {
            let (name, spawned_at) = (self.label.name.clone(), self.label.spawned_at);
            debug.report(&Report::LeftBehind { name, spawned_at });
        }
        let dropped = self.run(|future| *future = None);
        let label = lock(&self.registry.state).labels.remove(&self.label.key);
        drop(label);
        match dropped {
            Err(payload) if thread::panicking() => panic::discard(payload),
            Err(payload) => resume_unwind(payload),
            Ok(()) => {}
        }
    }
}

/// Locks a mutex of std's: loom need not know of these, under which nothing else happens.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the task that this thread polls; for [`context::current_task`].
pub(super) fn running(id: *const ()) -> Option<TaskId> {
    // SAFETY: a worker notes the entry that it runs, and forgets it after the poll.
    #[expect(unsafe_code, reason = "only workers know that the entry is being run")]
    unsafe {
        inspect::running(id)
    }
}
