//! The end of a runtime, of which other threads still have tasks; and workers at work.

use std::{
    future::{pending, poll_fn},
    ptr,
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use super::{
    Count, Precious, assert_gone, briefly, end, end_some, end_with_workers, parker, queue, scheduler, task,
};
use crate::{
    scheduler::context,
    scheduler::parking::Parker,
    scheduler::{
        Scheduler,
        worker::{Core, Worker},
    },
    sync::{Condvar, Mutex, lock, thread},
    task::chunk,
    task::outcome::Outcome,
};

/// A future that is never ready.
fn never(drops: &Count) -> impl Future<Output = ()> + Send + 'static {
    let precious = Precious::new(drops);
    // By the thread that spawns it, so that loom sees whether it is passed on to the thread that drops it.
    precious.touch();
    async move {
        precious.touch();
        pending::<()>().await;
    }
}

#[test]
fn a_task_that_is_spawned_as_the_runtime_ends_is_dropped_once() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let spawns = {
            let (scheduler, drops) = (scheduler.clone(), drops.clone());
            thread::spawn(move || scheduler.spawn(never(&drops)))
        };
        end_some(&scheduler);
        drop(scheduler);
        let task = spawns.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_eq!(task.outcome(), Some(Outcome::Cancelled));
        assert_eq!(chunk::blocks(), 1, "a handle keeps the memory");
        drop(task);
        assert_gone();
    });
}

#[test]
fn tasks_of_two_types_that_take_turns_in_a_cell_as_the_runtime_ends_are_dropped_as_what_they_are() {
    /// A type for each `N`, all of one size.
    struct Of<const N: usize>(usize, Precious);

    impl<const N: usize> Drop for Of<N> {
        fn drop(&mut self) {
            assert_eq!(self.0, N);
        }
    }

    fn never<const N: usize>(drops: &Count) -> impl Future<Output = ()> + Send + 'static {
        let of = Of::<N>(N, Precious::new(drops));
        async move {
            of.1.touch();
            pending::<()>().await;
        }
    }

    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let spawns = {
            let (scheduler, drops) = (scheduler.clone(), drops.clone());
            thread::spawn(move || {
                drop(scheduler.spawn(never::<0>(&drops)));
                drop(scheduler.spawn(never::<1>(&drops)));
            })
        };
        end_some(&scheduler);
        drop(scheduler);
        spawns.join().unwrap();
        assert_eq!(drops.get(), 2);
        assert_gone();
    });
}

#[test]
fn a_task_with_a_chunk_of_its_own_that_goes_as_the_runtime_ends_is_looked_at_while_it_is_there() {
    /// Aligned to more than other cells are.
    #[repr(align(64))]
    struct Wide(Precious);

    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let spawns = {
            let (scheduler, wide) = (scheduler.clone(), Wide(Precious::new(&drops)));
            thread::spawn(move || {
                drop(scheduler.spawn(async move {
                    // All of it, not the part that is used.
                    let wide = wide;
                    wide.0.touch();
                    pending::<()>().await;
                }));
            })
        };
        end_some(&scheduler);
        drop(scheduler);
        spawns.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_gone();
    });
}

#[test]
fn a_task_that_is_woken_as_its_runtime_ends_keeps_the_memory_as_long() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let task = scheduler.spawn(never(&drops));
        super::work(&scheduler);
        let waker = task.waker();
        let wakes = thread::spawn(move || waker.wake());
        drop(task);
        end_some(&scheduler);
        drop(scheduler);
        wakes.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_gone();
    });
}

#[test]
fn a_task_that_is_cancelled_and_forgotten_as_its_runtime_ends_is_dropped_once() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let task = scheduler.spawn(never(&drops));
        super::work(&scheduler);
        let waker = task.waker();
        let cancels = thread::spawn(move || {
            task.cancel();
            drop(task);
        });
        let forgets = thread::spawn(move || drop(waker));
        end_some(&scheduler);
        drop(scheduler);
        cancels.join().unwrap();
        forgets.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_gone();
    });
}

#[test]
fn a_callback_that_comes_as_the_runtime_ends_is_called_or_dropped() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let task = scheduler.spawn(never(&drops));
        let precious = Precious::new(&drops);
        let adds = thread::spawn(move || task.add_callback(Box::new(move |_| precious.touch())));
        end_some(&scheduler);
        drop(scheduler);
        adds.join().unwrap();
        assert_eq!(drops.get(), 2);
        assert_gone();
    });
}

/// Works until the runtime ends.
fn be_worker(scheduler: &Arc<Scheduler>, number: usize) {
    let context = context::enter_loop(scheduler);
    let worker = Rc::new(Worker::new(scheduler, Parker::new(), number, Core::default()));
    context.work_as(worker.clone());
    while worker.turn() {}
    worker.end();
}

#[test]
fn a_wake_on_a_worker_gives_a_task_back_that_nobody_else_keeps() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let precious = Precious::new(&drops);
        let task = scheduler.spawn(async move { precious.touch() });
        let waker = task.waker();
        super::work(&scheduler);
        let forgets = thread::spawn(move || drop(task));
        let context = context::enter_loop(&scheduler);
        let worker = Rc::new(Worker::new(&scheduler, Parker::new(), 0, Core::default()));
        context.work_as(worker.clone());
        waker.wake();
        worker.end();
        drop((context, worker));
        forgets.join().unwrap();
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn a_worker_does_not_sleep_over_a_task_that_is_spawned_or_woken() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let works = {
            let scheduler = scheduler.clone();
            thread::spawn(move || be_worker(&scheduler, 0))
        };
        let (closes, precious) = (scheduler.clone(), Precious::new(&drops));
        let mut woken = false;
        let task = scheduler.spawn(poll_fn(move |context| {
            precious.touch();
            if !woken {
                woken = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            closes.close();
            Poll::Ready(())
        }));
        works.join().unwrap();
        assert_eq!(task.outcome(), Some(Outcome::Finished));
        drop(task);
        assert_eq!(drops.get(), 1);
        end(scheduler);
    });
}

#[test]
fn two_workers_do_not_sleep_over_two_tasks() {
    super::check(1, || {
        let (scheduler, drops, runs) = (scheduler(), Count::default(), Count::default());
        let works = [0, 1].map(|number| {
            let scheduler = scheduler.clone();
            thread::spawn(move || be_worker(&scheduler, number))
        });
        for _ in 0..2 {
            let (closes, precious, runs) = (scheduler.clone(), Precious::new(&drops), runs.clone());
            let (entry, handle) = task(&scheduler, async move {
                precious.touch();
                runs.add();
                if runs.get() == 2 {
                    closes.close();
                }
            });
            queue(&scheduler, entry);
            drop(handle);
        }
        works.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(drops.get(), 2);
        end(scheduler);
    });
}

/// Lets threads wait for something.
#[derive(Clone, Default)]
struct Event(Arc<(Mutex<bool>, Condvar)>);

impl Event {
    /// Notes that it has happened.
    fn happen(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Waits until it has happened.
    fn wait(&self) {
        let mut has_happened = lock(&self.0.0);
        while !*has_happened {
            has_happened = self.0.1.wait(has_happened).expect("loom knows no poison");
        }
    }
}

/// Makes the current thread a worker that queues a task, and then is in a poll until the task has run.
fn queue_and_wait(begin: impl FnOnce(&Arc<Scheduler>) -> Worker) {
    let (scheduler, drops, runs) = (scheduler(), Count::default(), Event::default());
    let works = {
        let scheduler = scheduler.clone();
        thread::spawn(move || be_worker(&scheduler, 1))
    };
    let context = context::enter_loop(&scheduler);
    let worker = Rc::new(begin(&scheduler));
    context.work_as(worker.clone());
    let (precious, happens) = (Precious::new(&drops), runs.clone());
    let task = scheduler.spawn(async move {
        precious.touch();
        happens.happen();
    });
    runs.wait();
    scheduler.close();
    works.join().unwrap();
    drop(task);
    assert_eq!(drops.get(), 1);
    worker.end();
    drop((context, worker));
    end(scheduler);
}

#[test]
fn a_worker_that_parks_sees_what_another_queues_in_a_long_poll() {
    loom::model(|| queue_and_wait(|scheduler| Worker::new(scheduler, Parker::new(), 0, Core::default())));
}

#[test]
fn a_worker_that_was_woken_for_a_task_and_polls_a_root_hides_nothing() {
    loom::model(|| {
        queue_and_wait(|scheduler| {
            scheduler.parking.begin_search();
            let worker = Worker::searching(scheduler, Parker::new(), 0);
            worker.begin_root(&parker().1);
            worker
        });
    });
}

#[test]
fn a_worker_in_a_long_poll_hides_no_task_that_has_yielded() {
    super::check(2, || {
        let (scheduler, drops, yielded) = (scheduler(), Count::default(), Event::default());
        let works = {
            let scheduler = scheduler.clone();
            thread::spawn(move || be_worker(&scheduler, 1))
        };
        let context = context::enter_loop(&scheduler);
        let worker = Rc::new(Worker::new(&scheduler, Parker::new(), 0, Core::default()));
        context.work_as(worker.clone());
        let (precious, happens) = (Precious::new(&drops), yielded.clone());
        drop(scheduler.spawn(async move {
            precious.touch();
            crate::yield_now().await;
            happens.happen();
        }));
        let closes = scheduler.clone();
        drop(scheduler.spawn(async move {
            yielded.wait();
            closes.close();
        }));
        while worker.turn() {}
        works.join().unwrap();
        worker.end();
        drop((context, worker));
        end(scheduler);
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn a_worker_that_leaves_its_tasks_to_others_keeps_none_back() {
    super::check(2, || {
        let scheduler = scheduler();
        let context = context::enter_loop(&scheduler);
        let worker = Rc::new(Worker::new(&scheduler, Parker::new(), 0, Core::default()));
        context.work_as(worker.clone());
        worker.begin_root(&parker().1);
        drop(scheduler.spawn(async {}));
        worker.end_root();
        // It has been woken for a task since then, whose poll has woken this one.
        let closes = scheduler.clone();
        worker.running.set(ptr::dangling());
        drop(scheduler.spawn(async move { closes.close() }));
        worker.end_poll();
        scheduler.parking.begin_search();
        let works = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let context = context::enter_loop(&scheduler);
                let worker = Rc::new(Worker::searching(&scheduler, Parker::new(), 1));
                context.work_as(worker.clone());
                while worker.turn() {}
                worker.end();
            })
        };
        while worker.turn() {}
        works.join().unwrap();
        worker.end();
        drop((context, worker));
        end(scheduler);
    });
}

#[test]
fn a_worker_in_a_poll_that_waits_for_a_suspended_future_gets_it_dropped_by_the_end() {
    struct Happens(Event);

    impl Drop for Happens {
        fn drop(&mut self) {
            self.0.happen();
        }
    }

    briefly(|| {
        let (scheduler, drops, dropped) = (scheduler(), Count::default(), Event::default());
        let (precious, happens) = (Precious::new(&drops), Happens(dropped.clone()));
        let held = scheduler.spawn(async move {
            let _held = (precious, happens);
            pending::<()>().await;
        });
        let (precious, begun) = (Precious::new(&drops), Event::default());
        let begins = begun.clone();
        let waits = scheduler.spawn(async move {
            precious.touch();
            begins.happen();
            dropped.wait();
        });
        let works = {
            let scheduler = scheduler.clone();
            thread::spawn(move || be_worker(&scheduler, 1))
        };
        // An end that comes before has to look again, after some time, which loom does not know.
        begun.wait();
        end_with_workers(&scheduler, || works.join().unwrap());
        assert_eq!(drops.get(), 2);
        assert_eq!(held.outcome(), Some(Outcome::Cancelled));
        assert!(waits.outcome().is_some());
        drop((held, waits));
        super::gone(scheduler);
    });
}

#[test]
fn a_task_that_is_cancelled_in_a_poll_as_the_end_claims_it_is_dropped_once() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let task = scheduler.spawn(never(&drops));
        let takes = {
            let scheduler = scheduler.clone();
            thread::spawn(move || super::work(&scheduler))
        };
        let cancels = thread::spawn(move || {
            task.cancel();
            drop(task);
        });
        end_with_workers(&scheduler, || takes.join().unwrap());
        drop(scheduler);
        cancels.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert_gone();
    });
}

#[test]
fn a_task_that_is_woken_or_cancelled_as_the_end_claims_it_is_dropped_once() {
    loom::model(|| {
        let (scheduler, drops) = (scheduler(), Count::default());
        let task = scheduler.spawn(never(&drops));
        let waker = task.waker();
        let wakes = thread::spawn(move || waker.wake_by_ref());
        let takes = {
            let scheduler = scheduler.clone();
            thread::spawn(move || super::work(&scheduler))
        };
        end_with_workers(&scheduler, || takes.join().unwrap());
        drop(scheduler);
        wakes.join().unwrap();
        assert_eq!(drops.get(), 1);
        drop(task);
        assert_gone();
    });
}
