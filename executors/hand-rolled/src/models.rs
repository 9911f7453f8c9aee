//! Every interleaving of the protocols, tried by loom; run by `scripts/loom`.

mod blocking;
mod parking;
mod queues;
mod runtime;
mod task;
mod timers;

use std::{
    cell::Cell,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

use crate::{
    cell::Flag,
    parking::Parker,
    scheduler::{Scheduler, Workers},
    sync::UnsafeCell,
};

/// Tries a model with so many interleavings that one preemption less has to do.
fn briefly(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// A scheduler of two workers, neither of which there is.
fn scheduler() -> Arc<Scheduler> {
    let two = 2.try_into().expect("two is not zero");
    Scheduler::new(two, Workers::Many(two))
}

/// Runs tasks as a worker would, until it finds none.
fn work(scheduler: &Scheduler) {
    while let Some(entry) = scheduler.take_injected() {
        if let Some(again) = entry.run(&Flag::new(false)) {
            scheduler.queue(again).expect("it has not ended");
        }
    }
}

/// Ends a scheduler as a runtime does whose workers are gone.
fn end_some(scheduler: &Arc<Scheduler>) {
    let queued_jobs = scheduler.pool.close_and_empty();
    scheduler.close();
    scheduler.shut_down(queued_jobs);
}

/// As [`end_some`], and sees that nothing keeps the scheduler any more.
fn end(scheduler: Arc<Scheduler>) {
    end_some(&scheduler);
    let rest: Weak<Scheduler> = Arc::downgrade(&scheduler);
    drop(scheduler);
    assert_eq!(rest.strong_count(), 0, "a task was never given back");
}

/// How often something happened. Not a thing that loom knows, so to count changes nothing.
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

/// Something that must be used by one thread after the other, and counts its drops.
struct Precious {
    accesses: UnsafeCell<Cell<usize>>,
    drops: Count,
}

impl Precious {
    fn new(drops: &Count) -> Precious {
        Precious { accesses: UnsafeCell::new(Cell::new(0)), drops: drops.clone() }
    }

    /// Uses it; loom fails if another thread may do so at the same time.
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

/// What wakes a thread of a model.
struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The parker of the current thread, and a waker for it.
fn parker() -> (Arc<Parker>, Waker) {
    let parker = Parker::new();
    (parker.clone(), Waker::from(Arc::new(Unpark(parker))))
}
