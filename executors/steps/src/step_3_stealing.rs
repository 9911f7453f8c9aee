//! Step 3, stealing: each worker has a run queue of its own, and takes from another's when it is empty.
//!
//! **The idea.** Mostly the worker that makes a task ready is the one that should run it: its cache is warm with
//! it. So a task is queued at the worker that spawned or woke it, and workers meet only when one has nothing to
//! do. It steals half of another's queue then, so that it need not come back for each task. Threads that are no
//! workers have one queue for all, the injector.
//!
//! **What it costs.** There is no longer one line: tasks of different workers overtake each other, and one from
//! outside, such as one that a timer woke, waits for up to 61 turns of a busy worker. A worker that
//! is about to sleep has to look at every queue, and must not miss the task that is queued just then.
//!
//! **What it keeps.** The tasks of step 2. The queues are rings behind a lock each, which is nearly always free,
//! and so costs two atomic operations; hand-rolled has rings without locks.

use std::{
    cell::Cell,
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use crate::{
    Handle, Step, lock,
    step_1_queue::{After, Entry},
    step_2_one_allocation::{Schedule, Task},
};

/// The number of turns after which a worker with tasks of its own looks at the injector.
const TURNS_BETWEEN_INJECTIONS: u32 = 61;

/// The executor of step 3.
#[derive(Debug)]
pub struct Stealing;

impl Step for Stealing {
    const NAME: &'static str = "step-3-stealing";
    const DESCRIPTION: &'static str = "Step 2 with a run queue for each worker, and stealing.";
    const LIMITS: &'static str = "Every task that is queued wakes a sleeping worker, which step 4 rations.";
    const SOURCE: &'static str = file!();

    fn start(threads: NonZeroUsize) {
        let shared = Shared { queues: Queues::new(threads), sleepers: Sleepers::default() };
        SHARED.set(shared).ok().expect("one process starts one step once");
        (0..threads.get()).for_each(|number| drop(thread::spawn(move || work(number))));
    }

    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::<F, Self>::spawn(future)
    }
}

impl Schedule for Stealing {
    fn queue(entry: Entry) {
        let Shared { queues, sleepers } = shared();
        queues.push(NUMBER.get(), entry);
        sleepers.wake_one();
    }
}

/// The state that the workers share.
struct Shared {
    queues: Queues,
    sleepers: Sleepers,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

thread_local! {
    /// The number of this worker; `None` on other threads.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

fn shared() -> &'static Shared {
    SHARED.get().expect("the executor was started")
}

/// Runs tasks for ever.
fn work(number: usize) {
    NUMBER.set(Some(number));
    let Shared { queues, sleepers } = shared();
    for turn in (0..u32::MAX).cycle() {
        match queues.next(number, turn).map(|entry| entry.run()) {
            Some(After::Nothing) => {}
            Some(After::Queue(entry)) => Stealing::queue(entry),
            Some(After::Wake(awaiter)) => awaiter.wake(),
            None => sleepers.sleep_unless(|| queues.has_work()),
        }
    }
}

/// The run queue of each worker, and that of all other threads.
pub(crate) struct Queues {
    rings: Box<[Mutex<VecDeque<Entry>>]>,
    injector: Mutex<VecDeque<Entry>>,
}

impl Queues {
    pub(crate) fn new(workers: NonZeroUsize) -> Queues {
        Queues { rings: (0..workers.get()).map(|_| Mutex::default()).collect(), injector: Mutex::default() }
    }

    /// Appends a task to the ring of this worker, or to the injector if there is none.
    pub(crate) fn push(&self, worker: Option<usize>, entry: Entry) {
        let queue = worker.map_or(&self.injector, |number| &self.rings[number]);
        lock(queue).push_back(entry);
    }

    /// Takes a task: of the worker's own ring, of the injector, or of another worker's ring.
    pub(crate) fn next(&self, number: usize, turn: u32) -> Option<Entry> {
        if turn.is_multiple_of(TURNS_BETWEEN_INJECTIONS) {
            // A ring that never empties must not starve the injector. Not one task at a time: with polls of a
            // millisecond a hundred timers that fire at once would wait for six seconds.
            let mut injected = self.take_fair_share();
            lock(&self.rings[number]).append(&mut injected);
        }
        // In a statement of its own: to steal locks this ring again.
        let own = lock(&self.rings[number]).pop_front();
        own.or_else(|| self.steal(number))
    }

    /// Takes several tasks of a queue that is not this worker's: one to run, and the rest into its empty ring.
    fn steal(&self, number: usize) -> Option<Entry> {
        let fair = self.take_fair_share();
        let others = self.rings[number + 1..].iter().chain(&self.rings[..number]);
        let mut halves = others.map(|ring| self.take(ring, |len| len.div_ceil(2)));
        let mut taken = if fair.is_empty() { halves.find(|half| !half.is_empty())? } else { fair };
        let first = taken.pop_front();
        // Only now: two workers that steal from each other must not wait for each other's lock.
        lock(&self.rings[number]).append(&mut taken);
        first
    }

    /// Takes the tasks of the injector that are this worker's, if all workers come for theirs.
    fn take_fair_share(&self) -> VecDeque<Entry> {
        self.take(&self.injector, |len| len.div_ceil(self.rings.len()))
    }

    /// Takes the first tasks of a queue.
    fn take(&self, queue: &Mutex<VecDeque<Entry>>, how_many: impl Fn(usize) -> usize) -> VecDeque<Entry> {
        let mut queue = lock(queue);
        let number = how_many(queue.len());
        queue.drain(..number).collect()
    }

    /// Returns true if any queue has a task.
    pub(crate) fn has_work(&self) -> bool {
        self.rings.iter().chain([&self.injector]).any(|queue| !lock(queue).is_empty())
    }
}

/// The workers that sleep.
///
/// No task is slept over. A worker counts itself, then looks at the queues; a thread queues a task, then looks
/// at the count. If the worker looks at that queue first, the lock of the queue shows the count to the thread;
/// otherwise it shows the task to the worker.
#[derive(Default)]
struct Sleepers {
    number: AtomicUsize,
    sleeping: Mutex<()>,
    woken: Condvar,
}

impl Sleepers {
    /// Sleeps until there may be a task.
    fn sleep_unless(&self, has_work: impl FnOnce() -> bool) {
        let sleeping = lock(&self.sleeping);
        self.number.fetch_add(1, Relaxed);
        if !has_work() {
            drop(self.woken.wait(sleeping).unwrap_or_else(PoisonError::into_inner));
        }
        self.number.fetch_sub(1, Relaxed);
    }

    /// Wakes a worker for the task that the caller has queued.
    fn wake_one(&self) {
        if self.number.load(Relaxed) > 0 {
            // A worker that has looked at the queues is asleep once it gives the lock back.
            drop(lock(&self.sleeping));
            self.woken.notify_one();
        }
    }
}

// What step 4 mends: a worker that was woken takes some microseconds to get up, and counts as asleep until
// then. Every task that is queued meanwhile wakes it again, with a system call each. And it is woken for a task
// that the worker at whose queue it is will run before it gets there.
