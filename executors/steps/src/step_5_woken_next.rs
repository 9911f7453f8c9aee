//! Step 5, the woken task next: what a task wakes in its poll is what its worker runs next.
//!
//! **The idea.** A task that sends a message wakes the one that waits for it, whose data are warm in the cache
//! then. So a worker has a slot before its queue for the task that the last poll woke last. It comes next; one
//! that was in the slot goes to the queue. Nobody steals from the slot, so what is put there wakes no worker:
//! two tasks that talk to each other stay on one.
//!
//! **What it costs.** The order is no longer first in, first out, and a pair could keep all others waiting: after
//! three tasks from the slot in a row the queue has a turn. A task in the slot waits for the rest of a long poll,
//! though another worker may be idle.
//!
//! **What it keeps.** The queues of step 3 and the parking of step 4. The awaiter of a task that has ended is woken
//! after the poll and comes in line: mostly it awaits others too, and would be woken for each of them.

use std::{cell::Cell, num::NonZeroUsize, sync::OnceLock, thread};

use crate::{
    Handle, Step,
    step_1_queue::{After, Entry},
    step_2_one_allocation::{Schedule, Task},
    step_3_stealing::Queues,
    step_4_rationed_wakes::Parking,
};

/// The most tasks in a row that come from the slot.
const MAX_NEXT_IN_A_ROW: u32 = 3;

/// The executor of step 5.
#[derive(Debug)]
pub struct WokenNext;

impl Step for WokenNext {
    const NAME: &'static str = "step-5-woken-next";
    const DESCRIPTION: &'static str = "Step 4, in which the task that was woken last comes next.";
    const LIMITS: &'static str = "All timers are in one sorted map, which a thread of its own watches; step 6 has a wheel for each worker.";
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

impl Schedule for WokenNext {
    fn queue(entry: Entry) {
        put_next(entry).into_iter().for_each(append);
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

/// Queues a task where another worker can steal it.
fn append(entry: Entry) {
    let Shared { queues, parking } = shared();
    queues.push(NUMBER.get(), entry);
    parking.wake_one();
}

/// Runs tasks for ever.
fn work(number: usize) {
    NUMBER.set(Some(number));
    let Shared { queues, parking } = shared();
    let mut searches = false;
    let mut next_in_a_row = 0;
    for turn in (0..u32::MAX).cycle() {
        let entry = take_next(&mut next_in_a_row, append).or_else(|| queues.next(number, turn));
        if searches {
            searches = false;
            parking.end_search(|| entry.is_some() && queues.has_work());
        }
        match entry.map(poll) {
            Some(After::Nothing) => {}
            Some(After::Queue(entry)) => append(entry),
            Some(After::Wake(awaiter)) => awaiter.wake(),
            None => searches = parking.park(None, || queues.has_work()),
        }
    }
}

thread_local! {
    /// True on a worker that is in a poll.
    static POLLING: Cell<bool> = const { Cell::new(false) };
    /// The slot: the task that the poll woke last.
    static NEXT: Cell<Option<Entry>> = const { Cell::new(None) };
}

/// Puts a task into the slot; returns the one that has to go to the queue, which outside a poll is the same.
pub(crate) fn put_next(entry: Entry) -> Option<Entry> {
    if POLLING.get() { NEXT.replace(Some(entry)) } else { Some(entry) }
}

/// Takes the task of the slot, or appends it to the queue if enough of them came before those of the queue.
pub(crate) fn take_next(in_a_row: &mut u32, append: fn(Entry)) -> Option<Entry> {
    let next = NEXT.take();
    if next.is_some() && *in_a_row < MAX_NEXT_IN_A_ROW {
        *in_a_row += 1;
        return next;
    }
    *in_a_row = 0;
    next.into_iter().for_each(append);
    None
}

/// Polls a task, so that what it wakes meanwhile comes next.
pub(crate) fn poll(entry: Entry) -> After {
    POLLING.set(true);
    let after = entry.run();
    POLLING.set(false);
    after
}

// What step 6 mends: a sleep still goes through a tree and the lock of all timers, twice, and another thread wakes
// its task, which means the injector and a worker that has to get up.
