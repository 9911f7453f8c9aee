//! One task, and the threads that wake, run, cancel, await and forget it.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::{Poll, Waker},
};

use super::{Count, Precious, end, parker, queue, scheduler, task, work};
use crate::{
    scheduler::Scheduler,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        thread::{self, JoinHandle},
    },
    task::{
        Entry, Flag, Handle,
        outcome::{Outcome, TaskError},
    },
};

/// A task that is ready once all flags are set, and the scheduler that it is the only task of.
struct Raced<const N: usize> {
    scheduler: Arc<Scheduler>,
    /// The drops of the future and of its output.
    drops: Count,
    flags: Arc<[AtomicBool; N]>,
}

impl<const N: usize> Raced<N> {
    /// Makes a task, which is queued.
    fn new() -> (Raced<N>, Handle<Precious>) {
        let (raced, entry, handle) = Raced::unqueued();
        queue(&raced.scheduler, entry);
        (raced, handle)
    }

    /// Makes a task that is about to be queued.
    fn unqueued() -> (Raced<N>, Entry, Handle<Precious>) {
        let (scheduler, drops) = (scheduler(), Count::default());
        let flags = Arc::new([(); N].map(|()| AtomicBool::new(false)));
        let (all, counts, precious) = (flags.clone(), drops.clone(), Precious::new(&drops));
        let future = poll_fn(move |_| {
            precious.touch();
            // Relaxed: that the wake is seen is to be enough.
            if all.iter().all(|flag| flag.load(Relaxed)) {
                Poll::Ready(Precious::new(&counts))
            } else {
                Poll::Pending
            }
        });
        let (entry, handle) = task(&scheduler, future);
        (Raced { scheduler, drops, flags }, entry, handle)
    }

    /// Starts a thread that sets a flag and then wakes.
    fn set(&self, number: usize, waker: Waker) -> JoinHandle<()> {
        let flags = self.flags.clone();
        thread::spawn(move || {
            flags[number].store(true, Relaxed);
            waker.wake();
        })
    }

    /// Runs the task as a worker would, while other threads run and after they have ended.
    fn run(&self, threads: impl IntoIterator<Item = JoinHandle<()>>) {
        work(&self.scheduler);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        work(&self.scheduler);
    }

    /// Ends the scheduler, and checks the number of drops.
    fn end(self, drops: usize) {
        assert_eq!(self.drops.get(), drops);
        end(self.scheduler);
    }
}

#[test]
fn a_wake_while_a_poll_ends_has_the_task_polled_again() {
    loom::model(|| {
        let (raced, mut handle) = Raced::<1>::new();
        raced.run([raced.set(0, handle.waker())]);
        assert!(matches!(handle.take(), Some(Ok(_))));
        drop(handle);
        raced.end(2);
    });
}

#[test]
fn a_poll_sees_what_all_wakes_came_after() {
    loom::model(|| {
        let (raced, handle) = Raced::<2>::new();
        raced.run([0, 1].map(|number| raced.set(number, handle.waker())));
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        raced.end(2);
    });
}

#[test]
fn a_poll_after_a_yield_sees_what_a_wake_meanwhile_came_after() {
    loom::model(|| {
        let (raced, entry, handle) = Raced::<1>::unqueued();
        let wakes = raced.set(0, handle.waker());
        // As if that poll had yielded, if it is not ready.
        if let Some(again) = entry.run(&Flag::new(true))
            && let Some(again) = again.run(&Flag::new(false))
        {
            queue(&raced.scheduler, again);
        }
        wakes.join().unwrap();
        work(&raced.scheduler);
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        raced.end(2);
    });
}

#[test]
fn two_workers_poll_a_task_one_after_the_other() {
    loom::model(|| {
        let (raced, handle) = Raced::<1>::new();
        let wakes = raced.set(0, handle.waker());
        let scheduler = raced.scheduler.clone();
        let works = thread::spawn(move || work(&scheduler));
        raced.run([wakes, works]);
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        raced.end(2);
    });
}

#[test]
fn whoever_awaits_a_task_is_woken_and_gets_its_output() {
    loom::model(|| {
        let (raced, mut handle) = Raced::<1>::new();
        let wakes = raced.set(0, handle.waker());
        let joins = thread::spawn(move || {
            let (parker, waker) = parker();
            while !handle.watch(&waker) {
                parker.wait(None);
            }
            let output = handle.take().unwrap().unwrap();
            output.touch();
        });
        raced.run([wakes]);
        joins.join().unwrap();
        raced.end(2);
    });
}

#[test]
fn an_output_is_dropped_once_if_the_handle_goes_as_the_task_ends() {
    loom::model(|| {
        let (raced, handle) = Raced::<0>::new();
        raced.run([thread::spawn(move || drop(handle))]);
        raced.end(2);
    });
}

#[test]
fn a_watched_task_whose_handle_goes_as_it_ends_is_given_back_once() {
    loom::model(|| {
        let (raced, handle) = Raced::<0>::new();
        raced.run([thread::spawn(move || {
            let (_, waker) = parker();
            handle.watch(&waker);
        })]);
        raced.end(2);
    });
}

#[test]
fn a_task_is_given_back_once_by_the_last_of_waker_handle_and_end() {
    loom::model(|| {
        let (raced, handle) = Raced::<0>::new();
        let waker = handle.waker();
        let forgets = thread::spawn(move || drop(waker.clone()));
        let drops_it = thread::spawn(move || drop(handle));
        raced.run([forgets, drops_it]);
        raced.end(2);
    });
}

#[test]
fn a_wake_after_the_end_is_in_vain_whatever_else_goes() {
    loom::model(|| {
        let (raced, handle) = Raced::<0>::new();
        let waker = handle.waker();
        let wakes = thread::spawn(move || waker.wake());
        work(&raced.scheduler);
        drop(handle);
        raced.run([wakes]);
        raced.end(2);
    });
}

#[test]
fn a_cancel_that_was_in_time_leaves_no_output() {
    loom::model(|| {
        let (raced, handle) = Raced::<1>::new();
        let wakes = raced.set(0, handle.waker());
        let cancels = thread::spawn(move || {
            let in_time = handle.cancel();
            (handle, in_time)
        });
        raced.run([wakes]);
        let (mut handle, in_time) = cancels.join().unwrap();
        work(&raced.scheduler);
        match handle.take().unwrap() {
            Ok(output) => {
                assert!(!in_time);
                drop(output);
                assert_eq!(raced.drops.get(), 2);
            }
            Err(error) => {
                assert!(in_time);
                assert_eq!(error, TaskError::Cancelled);
            }
        }
        drop(handle);
        // A task that was ready and then cancelled has dropped its output, too.
        let drops = raced.drops.get();
        assert!(drops == 2 || drops == 1 && in_time);
        raced.end(drops);
    });
}

#[test]
fn a_cancelled_future_sees_what_came_before_the_cancellation() {
    loom::model(|| {
        struct Sees(Arc<AtomicBool>, Precious);
        impl Drop for Sees {
            fn drop(&mut self) {
                assert!(self.0.load(Relaxed));
            }
        }
        let (scheduler, drops) = (scheduler(), Count::default());
        let flag = Arc::new(AtomicBool::new(false));
        let sees = Sees(flag.clone(), Precious::new(&drops));
        let (entry, handle) = task(&scheduler, async move {
            sees.1.touch();
            pending::<()>().await;
        });
        queue(&scheduler, entry);
        let cancels = thread::spawn(move || {
            flag.store(true, Relaxed);
            assert!(handle.cancel());
            handle
        });
        work(&scheduler);
        let handle = cancels.join().unwrap();
        work(&scheduler);
        assert_eq!(handle.outcome(), Some(Outcome::Cancelled));
        drop(handle);
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn a_wake_does_not_undo_a_cancellation() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let precious = Precious::new(&drops);
        let (entry, handle) = task(&scheduler, async move {
            precious.touch();
            pending::<()>().await;
        });
        queue(&scheduler, entry);
        let waker = handle.waker();
        let wakes = thread::spawn(move || waker.wake());
        let cancels = thread::spawn(move || assert!(handle.cancel()));
        work(&scheduler);
        wakes.join().unwrap();
        cancels.join().unwrap();
        work(&scheduler);
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}
