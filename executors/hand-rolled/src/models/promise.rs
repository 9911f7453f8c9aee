//! A promise, and the threads that set it, cancel it, await it and forget it; and whoever looks at a task.

use super::{Count, Precious, end, parker, queue, scheduler, task, work};
use crate::{
    scheduler::context,
    sync::thread,
    task::{new_promise, outcome::Outcome},
};

#[test]
fn of_a_result_and_a_cancellation_one_ends_a_promise() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let (setter, mut handle) =
            context::with_worker_of(&*scheduler, |worker| new_promise(&scheduler, worker));
        let value = Precious::new(&drops);
        let sets = thread::spawn(move || setter.set(Ok(value)).is_ok());
        let cancelled = handle.cancel();
        let set = sets.join().unwrap();
        assert!(set != cancelled);
        assert_eq!(handle.outcome(), Some(if set { Outcome::Finished } else { Outcome::Cancelled }));
        if set {
            handle.take().unwrap().unwrap().touch();
        }
        drop(handle);
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn whoever_awaits_a_promise_is_woken_and_gets_the_result() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let (setter, mut handle) =
            context::with_worker_of(&*scheduler, |worker| new_promise(&scheduler, worker));
        let value = Precious::new(&drops);
        let sets = thread::spawn(move || {
            value.touch();
            setter.set(Ok(value)).ok().unwrap();
        });
        let (parker, waker) = parker();
        while !handle.watch(&waker) {
            parker.wait(None);
        }
        handle.take().unwrap().unwrap().touch();
        sets.join().unwrap();
        drop(handle);
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn a_result_is_dropped_once_if_both_halves_go_as_it_is_set() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let (setter, handle) = context::with_worker_of(&*scheduler, |worker| new_promise(&scheduler, worker));
        let value = Precious::new(&drops);
        let sets = thread::spawn(move || drop(setter.set(Ok(value))));
        drop(handle);
        sets.join().unwrap();
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn a_promise_that_is_dropped_ends_as_cancelled_once() {
    loom::model(|| {
        let scheduler = scheduler();
        let (setter, handle) =
            context::with_worker_of(&*scheduler, |worker| new_promise::<()>(&scheduler, worker));
        let drops_it = thread::spawn(move || drop(setter));
        handle.cancel();
        drops_it.join().unwrap();
        assert_eq!(handle.outcome(), Some(Outcome::Cancelled));
        drop(handle);
        end(scheduler);
    });
}

#[test]
fn a_task_that_is_looked_at_as_it_ends_is_given_back_once() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let precious = Precious::new(&drops);
        let (entry, handle) = task(&scheduler, async move { precious.touch() });
        queue(&scheduler, entry);
        let looks = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                for seen in scheduler.seen() {
                    seen.look();
                }
            })
        };
        drop(handle);
        work(&scheduler);
        looks.join().unwrap();
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}
