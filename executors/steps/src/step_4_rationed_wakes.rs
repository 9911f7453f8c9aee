//! Step 4, rationed wake-ups: at most one worker that was woken looks for work, and it wakes the next.
//!
//! **The idea.** A burst of tasks need not wake all workers, and none twice: it is enough that one worker is on
//! its way. A thread that queues a task while another *searches* wakes nobody. The searcher that finds a task
//! ends its search, and wakes the next one if there is more. So a burst wakes a chain of workers, one after the
//! other, which ends where the tasks do.
//!
//! **What it costs.** The last worker of a chain begins later than if all had been woken at once. And a search
//! that ends has to look at all queues again, for the tasks of those who relied on it.
//!
//! **What it keeps.** The queues of step 3. It has another place to sleep, `Parking`, and two lines in the loop
//! of a worker.

use std::{
    cell::Cell,
    num::NonZeroUsize,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use crate::{
    Handle, Step, lock,
    step_1_queue::{After, Entry},
    step_2_one_allocation::{Schedule, Task},
    step_3_stealing::Queues,
};

/// The executor of step 4.
#[derive(Debug)]
pub struct RationedWakes;

impl Step for RationedWakes {
    const NAME: &'static str = "step-4-rationed-wakes";
    const DESCRIPTION: &'static str = "Step 3, in which at most one worker that was woken looks for work.";
    const LIMITS: &'static str = "A task that another wakes waits for all that are queued, and may wake a worker for nothing; step 5 runs it next.";
    const SOURCE: &'static str = file!();

    fn start(threads: NonZeroUsize) {
        let shared = Shared { queues: Queues::new(threads), parking: Parking::default() };
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

impl Schedule for RationedWakes {
    fn queue(entry: Entry) {
        let Shared { queues, parking } = shared();
        queues.push(NUMBER.get(), entry);
        parking.wake_one();
    }
}

/// The state that the workers share.
struct Shared {
    queues: Queues,
    parking: Parking,
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
    let Shared { queues, parking } = shared();
    let mut searches = false;
    for turn in (0..u32::MAX).cycle() {
        let entry = queues.next(number, turn);
        if searches {
            searches = false;
            parking.end_search(|| entry.is_some() && queues.has_work());
        }
        match entry.map(|entry| entry.run()) {
            Some(After::Nothing) => {}
            Some(After::Queue(entry)) => RationedWakes::queue(entry),
            Some(After::Wake(awaiter)) => awaiter.wake(),
            None => searches = parking.park(None, || queues.has_work()),
        }
    }
}

/// The place where workers without work sleep.
///
/// No task is slept over, as in step 3: a worker counts itself, then looks at the queues; a thread queues a task,
/// then looks at the count. And no task is left to a search that is over: a searcher says so first, then looks at
/// the queues; a thread queues a task, then looks for a searcher. The lock of each queue orders the two.
#[derive(Default)]
pub(crate) struct Parking {
    /// The number of workers that sleep and are not woken yet; changed under the lock of `wakes`.
    parked: AtomicUsize,
    /// True from a wake until the end of the search that it begins.
    searching: AtomicBool,
    /// The number of wakes that no worker has seen yet.
    wakes: Mutex<usize>,
    woken: Condvar,
}

impl Parking {
    /// Sleeps until it is woken, or the time is over; returns true if it was woken, and so has to search.
    pub(crate) fn park(&self, time: Option<Duration>, has_work: impl FnOnce() -> bool) -> bool {
        let mut wakes = lock(&self.wakes);
        self.parked.fetch_add(1, Relaxed);
        if !has_work() {
            let no_wake = |wakes: &mut usize| *wakes == 0;
            wakes = match time {
                None => self.woken.wait_while(wakes, no_wake).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.woken.wait_timeout_while(wakes, time, no_wake);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let is_woken = *wakes > 0;
        match is_woken {
            true => *wakes -= 1,
            // Who wakes a worker takes it off the count.
            false => drop(self.parked.fetch_sub(1, Relaxed)),
        }
        is_woken
    }

    /// Wakes a worker for a task that the caller has queued, unless one searches.
    pub(crate) fn wake_one(&self) {
        if self.parked.load(Relaxed) > 0 && !self.searching.load(Relaxed) {
            self.wake();
        }
    }

    /// Ends the search of the worker that calls this, and wakes the next one if there is more work.
    pub(crate) fn end_search(&self, has_more: impl FnOnce() -> bool) {
        self.searching.store(false, Relaxed);
        if has_more() {
            self.wake_one();
        }
    }

    #[cold]
    fn wake(&self) {
        let mut wakes = lock(&self.wakes);
        if self.parked.load(Relaxed) > 0 && !self.searching.swap(true, Relaxed) {
            self.parked.fetch_sub(1, Relaxed);
            *wakes += 1;
            drop(wakes);
            self.woken.notify_one();
        }
    }
}

// What step 5 mends: two tasks that talk to each other wake each other all the time. Each wake queues one of them
// behind all that are ready, and when nothing else is, it wakes a worker that may steal it: then the two are on two
// processors, and each message crosses from one to the other.
