//! Models of the protocols, of which loom tries every interleaving, and every old value that a load may give.
//!
//! `scripts/loom` runs them. A model drives the real parts with two to four threads, mostly without the loop
//! of a worker: it does itself what one of those would do. A model fails
//!
//! - if an assertion fails, its own or one of a debug build, such as that no cell is used that was given
//!   back;
//! - if the body of a cell, or a cell and its end, may be used by two threads at once;
//! - if a future or an output is not dropped once, or memory of tasks is still lent at the end;
//! - or if no thread can go on, which is how a lost wake-up shows.
//!
//! # What loom knows and what it does not
//!
//! Loom preempts threads at any point, but three times at most; twice in [`briefly`], and once in the
//! one model with two workers in their loops. A load gives no value
//! that is stored later, as processors other than x86 may have it. An access with `SeqCst` is one with
//! `AcqRel`: the code relies on fences instead. Time stands still. Panics of tasks are not modelled,
//! `panic.rs` lets them through. `Arc` is std's.
//!
//! # What each ordering is for
//!
//! Each ordering was weakened by itself, and these are among the models that then fail.
//!
//! | In | What | Weakened to | Found by |
//! | --- | --- | --- | --- |
//! | state | `open`: `Release` | `Relaxed` | `a_task_that_is_spawned_as_the_runtime_ends_is_dropped_once` |
//! | state | `load`: `Acquire` | `Relaxed` | `an_output_is_dropped_once_if_the_handle_goes_as_the_task_ends` |
//! | state | `start`: `Acquire` | `Relaxed` | `a_poll_sees_what_all_wakes_came_after` |
//! | state | `start` after a yield: `Acquire` | `Relaxed` | `a_poll_after_a_yield_sees_what_a_wake_meanwhile_came_after` |
//! | state | `suspend`: `AcqRel` | `Acquire` | `two_workers_poll_a_task_one_after_the_other` |
//! | state | `suspend`: `AcqRel` | `Release` | `a_cancelled_future_sees_what_came_before_the_cancellation` |
//! | state | `wake`: `Release` | `Relaxed` | `a_wake_while_a_poll_ends_has_the_task_polled_again` |
//! | state | `close`: `AcqRel` | `Acquire` | `whoever_awaits_a_task_is_woken_and_gets_its_output` |
//! | state | `close`: `AcqRel` | `Release` | `a_task_is_given_back_once_by_the_last_of_waker_handle_and_end` |
//! | state | `detach_closed`: `AcqRel` | `Acquire` | `a_wake_after_the_end_is_in_vain_whatever_else_goes` |
//! | state | `detach_closed`: `AcqRel` | `Release` | `a_watched_task_whose_handle_goes_as_it_ends_is_given_back_once` |
//! | state | `release`: `AcqRel` | `Acquire` | `a_job_whose_handle_goes_as_it_runs_drops_its_output` |
//! | state | `release`: `AcqRel` | `Release` | `a_callback_that_comes_as_the_runtime_ends_is_called_or_dropped` |
//! | state | `update`: `AcqRel` | `Acquire` | `a_job_that_is_cancelled_as_it_starts_ends_once` |
//! | state | `update`: `AcqRel` | `Release` | `a_wake_on_a_worker_gives_a_task_back_that_nobody_else_keeps` |
//! | ring | `push`, tail: `Release` | `Relaxed` | `an_entry_leaves_the_ring_once_whoever_takes_it` |
//! | ring | `take`, tail: `Acquire` | `Relaxed` | `an_entry_leaves_the_ring_once_whoever_takes_it` |
//! | ring | `push`, head: `Acquire` | `Relaxed` | none: see below |
//! | ring | `take`, head: `Release` | `Relaxed` | none: see below |
//! | parking | `park`: fence | none | `a_worker_does_not_sleep_over_what_is_queued` |
//! | parking | `wake_one`: fence | none | `a_worker_does_not_sleep_over_what_is_queued` |
//! | parking | `end_search`: fence | none | `what_comes_as_a_search_ends_is_served_although_who_searched_is_busy` |
//! | parking | `wake_timekeeper`: fence | none | `the_timekeeper_does_not_sleep_over_a_new_deadline` |
//! | parking | `hand_over`: fence | none | `a_timer_that_is_set_as_the_timekeeper_gets_up_is_not_slept_over` |
//! | worker | `offer`: fence | none | `a_worker_that_parks_sees_what_another_queues_in_a_long_poll` |
//! | worker | `next`, after the ring: fence | none | `a_worker_in_a_long_poll_hides_no_task_that_has_yielded` |
//! | parking | `wait`: `Acquire` | `Relaxed` | `a_thread_that_is_woken_before_it_waits_does_not_wait` |
//! | parking | `signal`: `Release` | `Relaxed` | `a_thread_that_is_woken_before_it_waits_does_not_wait` |
//!
//! The head of a ring keeps the read of a slot by a thief before the next store of the owner there. Without
//! that the thief could have read the later entry, and both would leave the ring: a load that gives a value
//! stored later, which loom does not try. All other `Relaxed` accesses were stronger once, and no model
//! failed when they were weakened; a comment at each says why it may be.

mod blocking;
pub(crate) mod epoll;
mod memory;
mod parking;
mod promise;
mod queues;
mod reactor;
mod runtime;
mod task;
mod timers;

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

use crate::{
    runtime::Shared,
    scheduler::parking::Parker,
    scheduler::{Scheduler, Workers},
    sync::UnsafeCell,
    task::{Entry, Flag, Handle, Moving, chunk, home::Home},
};

/// Tries a model that has too many interleavings for three preemptions with two.
fn briefly(model: impl Fn() + Send + Sync + 'static) {
    check(2, model);
}

/// Tries a model with this number of preemptions.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Makes a scheduler for two workers, without any.
fn scheduler() -> Arc<Scheduler> {
    let two = 2.try_into().expect("two is not zero");
    Scheduler::new(Workers::Many(two), Shared::new(two, None))
}

/// Makes a task that is about to be queued.
fn task<F>(scheduler: &Scheduler, future: F) -> (Entry, Handle<F::Output>)
where
    F: Future<Output: Send> + Send + 'static,
{
    crate::task::new(scheduler, None, &mut Moving::new(future))
}

/// Queues a task of a scheduler that has not ended.
fn queue(scheduler: &Scheduler, entry: Entry) {
    scheduler.queue(None, entry).expect("it has not ended");
}

/// Runs tasks as a worker would, until it finds none.
fn work(scheduler: &Scheduler) {
    while let Some(entry) = scheduler.take_injected() {
        if let Some(again) = entry.run(&Flag::new(false)) {
            // A scheduler that has ended meanwhile refuses it.
            scheduler.queue(None, again).unwrap_or_else(Entry::end);
        }
    }
}

/// Ends a scheduler as a runtime does whose workers are gone.
fn end_some(scheduler: &Arc<Scheduler>) {
    end_with_workers(scheduler, || ());
}

/// Ends a scheduler as a runtime does. `wait` waits for its workers.
fn end_with_workers(scheduler: &Arc<Scheduler>, wait: impl FnOnce()) {
    let shared = scheduler.shared_host::<Shared>().expect("it is a runtime's");
    shared.end(scheduler, wait);
}

/// Ends a scheduler like [`end_some`], and checks that nothing is left of it.
fn end(scheduler: Arc<Scheduler>) {
    end_some(&scheduler);
    gone(scheduler);
}

/// Checks that nothing is left of a scheduler that has ended.
fn gone(scheduler: Arc<Scheduler>) {
    drop(scheduler);
    assert_gone();
}

/// Checks that nothing keeps memory of tasks any more.
fn assert_gone() {
    assert_eq!(chunk::blocks(), 0, "a task was never given back");
}

/// Counts events. Loom does not know it, so that counting orders nothing.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A value that must be used by one thread after the other, and counts its drops.
struct Precious {
    accesses: UnsafeCell<Cell<usize>>,
    drops: Count,
}

impl Precious {
    fn new(drops: &Count) -> Precious {
        Precious { accesses: UnsafeCell::new(Cell::new(0)), drops: drops.clone() }
    }

    /// Uses the value; loom fails if another thread may do so at the same time.
    #[expect(unsafe_code, reason = "the pointer of a cell is to be used")]
    fn touch(&self) {
        // SAFETY: loom has looked whether anybody else uses it.
        self.accesses.with_mut(|accesses| unsafe { (*accesses).set((*accesses).get() + 1) });
    }
}

impl Drop for Precious {
    fn drop(&mut self) {
        self.touch();
        self.drops.add();
    }
}

/// Wakes a thread of a model.
struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns the parker of the current thread, and a waker for it.
fn parker() -> (Arc<Parker>, Waker) {
    let parker = Parker::new();
    (parker.clone(), Waker::from(Arc::new(Unpark(parker))))
}
