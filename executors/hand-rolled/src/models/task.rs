//! One task, and those who wake, run, cancel, await and forget it.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
};

use super::{Count, Precious, end, parker, queue, scheduler, task, work};
use crate::{
    scheduler::Scheduler,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    },
    task::outcome::{Outcome, TaskError},
    task::{Flag, Handle},
};

/// Makes a task that is queued.
fn start<F>(scheduler: &Scheduler, future: F) -> Handle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (entry, handle) = task(scheduler, future);
    queue(scheduler, entry);
    handle
}

/// A future that is ready once all flags are set, and counts the drops of itself and of its output.
fn flags<const N: usize>(
    flags: &Arc<[AtomicBool; N]>,
    drops: &Count,
) -> impl Future<Output = Precious> + Send + 'static + use<N> {
    let (flags, drops, precious) = (flags.clone(), drops.clone(), Precious::new(drops));
    poll_fn(move |_| {
        precious.touch();
        // Relaxed: that the wake is seen is to be enough.
        if flags.iter().all(|flag| flag.load(Relaxed)) {
            Poll::Ready(Precious::new(&drops))
        } else {
            Poll::Pending
        }
    })
}

fn unset<const N: usize>() -> Arc<[AtomicBool; N]> {
    Arc::new([(); N].map(|()| AtomicBool::new(false)))
}

#[test]
fn a_wake_while_a_poll_ends_has_the_task_polled_again() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<1>());
        let mut handle = start(&scheduler, flags(&set, &drops));
        let waker = handle.waker();
        let flags = set.clone();
        let wakes = thread::spawn(move || {
            flags[0].store(true, Relaxed);
            waker.wake();
        });
        work(&scheduler);
        wakes.join().unwrap();
        work(&scheduler);
        assert!(matches!(handle.take(), Some(Ok(_))));
        drop(handle);
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_poll_sees_what_all_wakes_came_after() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<2>());
        let handle = start(&scheduler, flags(&set, &drops));
        let threads = [0, 1].map(|number| {
            let (waker, flags) = (handle.waker(), set.clone());
            thread::spawn(move || {
                flags[number].store(true, Relaxed);
                waker.wake_by_ref();
            })
        });
        work(&scheduler);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        work(&scheduler);
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_poll_after_a_yield_sees_what_a_wake_meanwhile_came_after() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<1>());
        let (entry, handle) = task(&scheduler, flags(&set, &drops));
        let (waker, flags) = (handle.waker(), set.clone());
        let wakes = thread::spawn(move || {
            flags[0].store(true, Relaxed);
            waker.wake();
        });
        // As if that poll had yielded, if it is not ready.
        if let Some(again) = entry.run(&Flag::new(true)) {
            if let Some(again) = again.run(&Flag::new(false)) {
                queue(&scheduler, again);
            }
        }
        wakes.join().unwrap();
        work(&scheduler);
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn two_workers_poll_a_task_one_after_the_other() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<1>());
        let handle = start(&scheduler, flags(&set, &drops));
        let (waker, flags) = (handle.waker(), set.clone());
        let wakes = thread::spawn(move || {
            flags[0].store(true, Relaxed);
            waker.wake();
        });
        let works = {
            let scheduler = scheduler.clone();
            thread::spawn(move || work(&scheduler))
        };
        work(&scheduler);
        wakes.join().unwrap();
        works.join().unwrap();
        work(&scheduler);
        assert_eq!(handle.outcome(), Some(Outcome::Finished));
        drop(handle);
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn whoever_awaits_a_task_is_woken_and_gets_its_output() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<1>());
        let mut handle = start(&scheduler, flags(&set, &drops));
        let (waker, flags) = (handle.waker(), set.clone());
        let wakes = thread::spawn(move || {
            flags[0].store(true, Relaxed);
            waker.wake();
        });
        let joins = thread::spawn(move || {
            let (parker, waker) = parker();
            while !handle.watch(&waker) {
                parker.wait(None);
            }
            let output = handle.take().unwrap().unwrap();
            output.touch();
        });
        work(&scheduler);
        wakes.join().unwrap();
        work(&scheduler);
        joins.join().unwrap();
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn an_output_is_dropped_once_if_the_handle_goes_as_the_task_ends() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<0>());
        let handle = start(&scheduler, flags(&set, &drops));
        let drops_it = thread::spawn(move || drop(handle));
        work(&scheduler);
        drops_it.join().unwrap();
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_watched_task_whose_handle_goes_as_it_ends_is_given_back_once() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<0>());
        let handle = start(&scheduler, flags(&set, &drops));
        let watches = thread::spawn(move || {
            let (_, waker) = parker();
            handle.watch(&waker);
        });
        work(&scheduler);
        watches.join().unwrap();
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_task_is_given_back_once_by_the_last_of_waker_handle_and_end() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<0>());
        let handle = start(&scheduler, flags(&set, &drops));
        let waker = handle.waker();
        let forgets = thread::spawn(move || drop(waker.clone()));
        let drops_it = thread::spawn(move || drop(handle));
        work(&scheduler);
        forgets.join().unwrap();
        drops_it.join().unwrap();
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_wake_after_the_end_is_in_vain_whatever_else_goes() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<0>());
        let handle = start(&scheduler, flags(&set, &drops));
        let waker = handle.waker();
        let wakes = thread::spawn(move || waker.wake());
        work(&scheduler);
        drop(handle);
        wakes.join().unwrap();
        work(&scheduler);
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

#[test]
fn a_cancel_that_was_in_time_leaves_no_output() {
    loom::model(|| {
        let (scheduler, drops, set) = (scheduler(), Count::default(), unset::<1>());
        let handle = start(&scheduler, flags(&set, &drops));
        let (waker, flags) = (handle.waker(), set.clone());
        let wakes = thread::spawn(move || {
            flags[0].store(true, Relaxed);
            waker.wake();
        });
        let cancels = thread::spawn(move || {
            let in_time = handle.cancel();
            (handle, in_time)
        });
        work(&scheduler);
        wakes.join().unwrap();
        let (mut handle, in_time) = cancels.join().unwrap();
        work(&scheduler);
        match handle.take().unwrap() {
            Ok(output) => {
                assert!(!in_time);
                drop(output);
                assert_eq!(drops.get(), 2);
            }
            Err(error) => {
                assert!(in_time);
                assert_eq!(error, TaskError::Cancelled);
                assert!(drops.get() == 1 || drops.get() == 2, "the future, and the output if there was one");
            }
        }
        drop(handle);
        end(scheduler);
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
        let handle = start(&scheduler, async move {
            sees.1.touch();
            pending::<()>().await;
        });
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
        let handle = start(&scheduler, async move {
            precious.touch();
            pending::<()>().await;
        });
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
