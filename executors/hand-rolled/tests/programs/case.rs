//! One run of a program: the handles, gates and promises that its parts share, and what is noted of them.

use std::{
    collections::BTreeSet,
    fmt,
    future::poll_fn,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Waker},
    thread::JoinHandle,
};

use hand_rolled::{Outcome, Promise, Runtime, Task, TaskError, ThreadPool};

use crate::{language::Verb, plan::Plan, reference::GATES};

/// The message of all panics of programs.
pub(crate) const PLANNED: &str = "planned";

/// One run of a program.
pub(crate) struct Case {
    pub(crate) plan: Plan,
    /// The workers; `None` is an event loop.
    pub(crate) workers: Option<NonZeroUsize>,
    pub(crate) runtime: Mutex<Weak<Runtime>>,
    pub(crate) pool: ThreadPool,
    /// The handles by the numbers of their tasks, for everybody.
    board: Vec<Mutex<Option<Task<Value>>>>,
    promises: Vec<Mutex<Option<Promise<Value>>>>,
    /// Set when promises are no longer kept.
    is_released: AtomicBool,
    gates: [Gate; GATES],
    /// The wakers that were left behind.
    left: Mutex<Vec<Waker>>,
    pub(crate) threads: Mutex<Vec<JoinHandle<()>>>,
    /// The parts that have not ended, and will.
    pending: AtomicUsize,
    /// The waker of who waits until there are none.
    awaiter: Mutex<Option<Waker>>,
    /// The guards and values that are alive.
    alive: AtomicUsize,
    /// Set after the end of the runtime.
    is_over: AtomicBool,
    pub(crate) records: Vec<Record>,
    pub(crate) trace: Mutex<Vec<usize>>,
    wrongs: Mutex<BTreeSet<String>>,
}

/// Holds what is noted of a task, a job, a thread or a function.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) made: AtomicUsize,
    pub(crate) started: AtomicUsize,
    pub(crate) finished: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
    /// The callbacks that were added, and those that were called.
    pub(crate) watches: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    dropped_watches: AtomicUsize,
    pub(crate) outcome: Mutex<Option<Outcome>>,
}

impl Case {
    /// Makes a run that has not begun.
    pub(crate) fn new(plan: Plan, workers: Option<NonZeroUsize>) -> Arc<Case> {
        let threads = if plan.has_jobs_that_wait() { 64 } else { 1 };
        let nodes = plan.nodes.len();
        Arc::new(Case {
            workers,
            runtime: Mutex::default(),
            pool: ThreadPool::new(NonZeroUsize::new(threads).expect("it is not zero")),
            board: (0..nodes).map(|_| Mutex::default()).collect(),
            promises: (0..nodes).map(|_| Mutex::default()).collect(),
            is_released: AtomicBool::new(false),
            gates: Default::default(),
            left: Mutex::default(),
            threads: Mutex::default(),
            pending: AtomicUsize::new(0),
            awaiter: Mutex::default(),
            alive: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            records: (0..nodes).map(|_| Record::default()).collect(),
            trace: Mutex::default(),
            wrongs: Mutex::default(),
            plan,
        })
    }

    /// Notes something that must not be.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        lock(&self.wrongs).insert(what.into());
    }

    /// Notes that a step is taken.
    pub(crate) fn trace(&self, step: usize) {
        lock(&self.trace).push(step);
    }

    /// Notes how a task ended, as somebody has seen it.
    pub(crate) fn observe(&self, task: usize, outcome: Outcome) {
        let before = lock(&self.records[task].outcome).replace(outcome);
        if before.is_some_and(|before| before != outcome) {
            self.wrong(format!("task {task} was {before:?}, then {outcome:?}"));
        }
        let dropped = self.records[task].dropped.load(SeqCst);
        if self.plan.nodes[task].verb == Verb::Spawn && !self.plan.is_member(task) && dropped != 1 {
            self.wrong(format!("the end of task {task} was seen before its future was dropped"));
        }
    }

    /// Notes what awaiting a task gave.
    pub(crate) fn observe_output(&self, task: usize, output: &Result<Value, TaskError>) {
        match output {
            Ok(value) if value.node == task => self.observe(task, Outcome::Finished),
            Err(TaskError::Cancelled) => self.observe(task, Outcome::Cancelled),
            Err(TaskError::Panicked(panic)) if panic.message() == PLANNED => {
                self.observe(task, Outcome::Panicked);
            }
            other => self.wrong(format!("task {task} gave {other:?}")),
        }
    }

    /// Asks a task how it is.
    pub(crate) fn peek(&self, task: usize, handle: &Task<Value>) {
        if !handle.done() {
            return;
        }
        match (handle.result(), handle.cancelled()) {
            // Another had it and gave it back, or it is one of a list.
            (Err(TaskError::Taken), false) => {}
            (output @ Err(TaskError::Cancelled), true) => self.observe_output(task, &output),
            (output @ (Ok(_) | Err(TaskError::Panicked(_))), false) => self.observe_output(task, &output),
            other => self.wrong(format!("task {task} is done and {other:?}")),
        }
    }

    /// Puts a handle where everybody finds it.
    pub(crate) fn put(&self, task: usize, handle: Task<Value>) {
        let before = lock(&self.board[task]).replace(handle);
        assert!(before.is_none(), "there is one handle of a task");
    }

    /// Takes a handle, if it is there.
    pub(crate) fn take(&self, task: usize) -> Option<Task<Value>> {
        lock(&self.board[task]).take()
    }

    /// Looks at a handle, if it is there.
    pub(crate) fn look<R>(&self, task: usize, look: impl FnOnce(&Task<Value>) -> R) -> Option<R> {
        lock(&self.board[task]).as_ref().map(look)
    }

    /// Takes the handles of those targets that are there.
    pub(crate) fn take_all(&self, tasks: &[usize]) -> (Vec<usize>, Vec<Task<Value>>) {
        tasks.iter().filter_map(|task| Some((*task, self.take(*task)?))).unzip()
    }

    /// Keeps a promise, until all are released.
    pub(crate) fn keep(&self, node: usize, promise: Promise<Value>) {
        *lock(&self.promises[node]) = Some(promise);
        // Whoever releases them looks after that, or this does.
        if self.is_released.load(SeqCst) {
            drop(self.promise(node));
        }
    }

    /// Takes a promise.
    pub(crate) fn promise(&self, node: usize) -> Option<Promise<Value>> {
        lock(&self.promises[node]).take()
    }

    /// Opens all gates and drops all promises, so that nobody waits for them any more.
    pub(crate) fn release(&self) {
        self.gates.iter().for_each(Gate::open);
        self.is_released.store(true, SeqCst);
        (0..self.promises.len()).for_each(|node| drop(self.promise(node)));
    }

    /// Returns the gate of a number.
    pub(crate) fn gate(&self, number: u8) -> &Gate {
        &self.gates[usize::from(number) % GATES]
    }

    /// Keeps a waker.
    pub(crate) fn leave(&self, waker: Waker) {
        lock(&self.left).push(waker);
    }

    /// Wakes all wakers that were left behind.
    pub(crate) fn poke(&self) {
        let left = lock(&self.left).clone();
        left.into_iter().for_each(Waker::wake);
    }

    /// Waits until all parts have ended that will.
    pub(crate) async fn quiet(&self) {
        poll_fn(|context| {
            *lock(&self.awaiter) = Some(context.waker().clone());
            if self.pending.load(SeqCst) == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Notes the end of the runtime.
    pub(crate) fn end(&self) {
        self.is_over.store(true, SeqCst);
    }

    /// Drops what is left of handles and wakers, and returns what was wrong.
    pub(crate) fn clear(&self) -> Vec<String> {
        for node in 0..self.board.len() {
            if let Some(handle) = self.take(node) {
                if !handle.done() {
                    self.wrong(format!("task {node} is not done after the end"));
                }
                self.peek(node, &handle);
            }
        }
        self.poke();
        lock(&self.left).clear();
        let alive = self.alive.load(SeqCst);
        if alive != 0 {
            self.wrong(format!("{alive} futures and outputs are left"));
        }
        lock(&self.wrongs).iter().cloned().collect()
    }

    /// Describes the parts that have not ended.
    pub(crate) fn open_parts(&self) -> String {
        let count = |counter: &AtomicUsize| counter.load(SeqCst);
        let is_open = |(_, record): &(_, &Record)| count(&record.made) > count(&record.dropped);
        let open = self.records.iter().enumerate().filter(is_open);
        let open: Vec<_> = open.map(|(node, _)| format!("{node} {:?}", self.plan.nodes[node].verb)).collect();
        format!("open: {}; last steps: {:?}", open.join(", "), lock(&self.trace).iter().rev().take(20))
    }
}

/// The life of a future, a job or a function, which it is moved into.
pub(crate) struct Life {
    case: Arc<Case>,
    node: usize,
    kind: LifeOf,
    /// True if it ends by itself, and is waited for.
    is_pending: bool,
    /// True if it is not over with the runtime: the callback of a promise, which may have been made outside.
    may_outlive: bool,
}

/// The kinds of lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LifeOf {
    /// The step of this number.
    Part,
    /// A callback of the task of this number.
    Callback,
}

impl Life {
    /// Begins a life.
    pub(crate) fn new(case: &Arc<Case>, node: usize, kind: LifeOf) -> Life {
        let is_pending = !case.plan.may_hang(node, true);
        let may_outlive = kind == LifeOf::Callback && case.plan.nodes[node].verb == Verb::Promise;
        case.alive.fetch_add(usize::from(!may_outlive), SeqCst);
        case.pending.fetch_add(usize::from(is_pending), SeqCst);
        let life = Life { case: case.clone(), node, kind, is_pending, may_outlive };
        life.count(|record| &record.made, |record| &record.watches);
        life
    }

    /// Notes that it runs.
    pub(crate) fn start(&self) {
        let before = self.count(|record| &record.started, |record| &record.calls);
        if self.kind == LifeOf::Part && before > 0 {
            self.case.wrong(format!("part {} was started twice", self.node));
        }
        self.go_on();
    }

    /// Notes that it still runs.
    pub(crate) fn go_on(&self) {
        if self.case.is_over.load(SeqCst) && !self.may_outlive {
            self.case.wrong(format!("part {} ran after the end", self.node));
        }
    }

    /// Notes that it has come to its end, and returns its output.
    pub(crate) fn finish(&self) -> Value {
        self.case.records[self.node].finished.fetch_add(1, SeqCst);
        Value::new(&self.case, self.node)
    }

    /// Counts one more of a part, or of a callback; returns the number before.
    fn count(&self, part: fn(&Record) -> &AtomicUsize, callback: fn(&Record) -> &AtomicUsize) -> usize {
        let counter = if self.kind == LifeOf::Part { part } else { callback };
        counter(&self.case.records[self.node]).fetch_add(1, SeqCst)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.count(|record| &record.dropped, |record| &record.dropped_watches);
        self.case.alive.fetch_sub(usize::from(!self.may_outlive), SeqCst);
        if self.is_pending && self.case.pending.fetch_sub(1, SeqCst) == 1 {
            let awaiter = lock(&self.case.awaiter).take();
            awaiter.into_iter().for_each(Waker::wake);
        }
    }
}

/// The output of a task.
pub(crate) struct Value {
    case: Arc<Case>,
    /// The number of the task.
    node: usize,
}

impl Value {
    /// Makes the output of a task.
    pub(crate) fn new(case: &Arc<Case>, node: usize) -> Value {
        case.alive.fetch_add(1, SeqCst);
        Value { case: case.clone(), node }
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        Value::new(&self.case, self.node)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.case.alive.fetch_sub(1, SeqCst);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the output of {}", self.node)
    }
}

/// A gate between tasks, and threads.
#[derive(Default)]
pub(crate) struct Gate(Mutex<(bool, Vec<Waker>)>);

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

/// Locks, whatever happened to others who did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
