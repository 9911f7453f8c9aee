//! Jobs that block: the threads that run them, and those that cancel them.

use std::{num::NonZeroUsize, sync::Arc};

use super::{Count, Precious, briefly, end, end_some, scheduler, work};
use crate::{
    ThreadPool,
    blocking::pool::Pool,
    runtime::Shared,
    scheduler::{Scheduler, Workers},
    sync::thread,
    task::outcome::Outcome,
    task::{Handle, Job, JobEntry, Moving, new_job},
};

/// Makes a scheduler for the jobs of a pool without a runtime.
fn home() -> Arc<Scheduler> {
    Scheduler::new(Workers::Many(NonZeroUsize::MIN), Shared::new(NonZeroUsize::MIN, None))
}

/// Makes a job that counts its calls, and the drops of its closure and its output.
fn counts(calls: &Count, drops: &Count) -> impl FnOnce() -> Precious + Send + 'static {
    let (calls, drops, precious) = (calls.clone(), drops.clone(), Precious::new(drops));
    move || {
        precious.touch();
        calls.add();
        Precious::new(&drops)
    }
}

/// Has all threads but the next `number` refused, until dropped.
struct Refusal;

impl Refusal {
    fn after(number: usize) -> Refusal {
        thread::LEFT.set(number);
        Refusal
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        thread::LEFT.set(usize::MAX);
    }
}

/// Makes a job that is about to be queued.
fn job<T: Send + 'static>(
    home: &Scheduler,
    closure: impl FnOnce() -> T + Send + 'static,
) -> (JobEntry, Handle<T>) {
    new_job(home, None, &mut Moving::new(Job::new(closure)))
}

#[test]
fn a_job_that_comes_as_a_thread_goes_to_sleep_is_run() {
    loom::model(|| {
        let (home, calls, drops) = (home(), Count::default(), Count::default());
        let pool = Arc::new(Pool::new(NonZeroUsize::MIN, Arc::default()));
        let tasks: [Handle<Precious>; 2] = [(); 2].map(|()| pool.start(&home, counts(&calls, &drops)));
        pool.close();
        pool.join();
        assert_eq!(calls.get(), 2, "a closed pool runs what was queued");
        drop(tasks);
        assert_eq!(drops.get(), 4);
        end(home);
    });
}

#[test]
fn a_job_that_comes_as_the_pool_closes_runs_or_is_dropped() {
    loom::model(|| {
        let (home, calls, drops) = (home(), Count::default(), Count::default());
        let pool = Arc::new(Pool::new(2.try_into().unwrap(), Arc::default()));
        let first = pool.start(&home, counts(&calls, &drops));
        let submits = {
            let (home, pool, calls, drops) = (home.clone(), pool.clone(), calls.clone(), drops.clone());
            thread::spawn(move || pool.start(&home, counts(&calls, &drops)))
        };
        let queued = pool.close_and_empty();
        let second = submits.join().unwrap();
        pool.join();
        for job in queued {
            job.abandon();
        }
        let ran =
            [&first, &second].into_iter().filter(|task| task.outcome() == Some(Outcome::Finished)).count();
        assert!(first.outcome().is_some() && second.outcome().is_some());
        assert_eq!(ran, calls.get());
        assert_eq!(drops.get(), 2);
        drop((first, second));
        assert_eq!(drops.get(), 2 + ran);
        end(home);
    });
}

#[test]
fn a_job_that_is_cancelled_as_it_starts_ends_once() {
    loom::model(|| {
        let (home, calls, drops) = (scheduler(), Count::default(), Count::default());
        let (entry, handle) = job(&home, counts(&calls, &drops));
        let runs = thread::spawn(move || entry.run());
        let cancels = thread::spawn(move || {
            let in_time = handle.cancel();
            (handle, in_time)
        });
        work(&home);
        runs.join().unwrap();
        let (mut handle, in_time) = cancels.join().unwrap();
        work(&home);
        assert_eq!(handle.outcome(), Some(if in_time { Outcome::Cancelled } else { Outcome::Finished }));
        assert_eq!(handle.take().unwrap().is_ok(), !in_time);
        drop(handle);
        assert!(calls.get() == 1 || in_time);
        assert_eq!(drops.get(), 1 + calls.get());
        end(home);
    });
}

#[test]
fn a_job_that_is_cancelled_twice_as_it_starts_ends_once() {
    loom::model(|| {
        let (home, calls, drops) = (scheduler(), Count::default(), Count::default());
        let (entry, handle) = job(&home, counts(&calls, &drops));
        let handle = Arc::new(handle);
        let runs = thread::spawn(move || entry.run());
        let cancels = {
            let handle = handle.clone();
            thread::spawn(move || handle.cancel())
        };
        let here = handle.cancel();
        work(&home);
        runs.join().unwrap();
        let there = cancels.join().unwrap();
        work(&home);
        assert_eq!(
            handle.outcome(),
            Some(if here || there { Outcome::Cancelled } else { Outcome::Finished })
        );
        drop(handle);
        assert_eq!(drops.get(), 1 + calls.get());
        end(home);
    });
}

#[test]
fn a_job_whose_handle_goes_as_it_runs_drops_its_output() {
    loom::model(|| {
        let (home, calls, drops) = (scheduler(), Count::default(), Count::default());
        let (entry, handle) = job(&home, counts(&calls, &drops));
        let runs = thread::spawn(move || entry.run());
        drop(handle);
        runs.join().unwrap();
        assert_eq!((calls.get(), drops.get()), (1, 2));
        end(home);
    });
}

#[test]
fn a_job_of_a_runtime_that_ends_is_cancelled_or_run() {
    briefly(|| {
        let (calls, drops) = (Count::default(), Count::default());
        let home = scheduler();
        let (entry, handle) = job(&home, counts(&calls, &drops));
        // Of a pool that does not end with the runtime.
        let runs = thread::spawn(move || entry.run());
        let cancels = thread::spawn(move || handle.cancel());
        end_some(&home);
        runs.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(drops.get(), 1 + calls.get());
    });
}

#[test]
fn a_job_for_which_no_thread_starts_waits_for_another_or_is_dropped() {
    loom::model(|| {
        let (home, calls, drops) = (home(), Count::default(), Count::default());
        let pool = Arc::new(Pool::new(2.try_into().unwrap(), Arc::default()));
        let refusal = Refusal::after(0);
        let refused = pool.start(&home, counts(&calls, &drops));
        assert_eq!((refused.outcome(), drops.get()), (Some(Outcome::Cancelled), 1));
        drop(refusal);
        let _refusal = Refusal::after(1);
        let tasks = [(); 2].map(|()| pool.start(&home, counts(&calls, &drops)));
        pool.close();
        pool.join();
        assert!(tasks.iter().all(|task| task.outcome() == Some(Outcome::Finished)));
        assert_eq!(calls.get(), 2);
        drop((refused, tasks));
        assert_eq!(drops.get(), 5);
        end(home);
    });
}

#[test]
fn a_callback_for_which_no_thread_starts_is_called_by_one_of_the_jobs() {
    loom::model(|| {
        let (calls, drops) = (Count::default(), Count::default());
        let _refusal = Refusal::after(1);
        let pool = ThreadPool::new(NonZeroUsize::MIN);
        let task = pool.submit(counts(&calls, &drops));
        let called = calls.clone();
        task.add_done_callback(move |_| called.add());
        drop(pool);
        assert_eq!(calls.get(), 2);
        drop(task);
        assert_eq!(drops.get(), 2);
    });
}

#[test]
fn a_job_that_is_cancelled_with_no_thread_for_it_is_dropped_by_one_of_the_jobs() {
    loom::model(|| {
        let (calls, drops) = (Count::default(), Count::default());
        let _refusal = Refusal::after(1);
        let pool = Arc::new(ThreadPool::new(NonZeroUsize::MIN));
        let task = pool.submit(counts(&calls, &drops));
        let cancels = thread::spawn(move || {
            let in_time = task.cancel();
            (task, in_time)
        });
        pool.shutdown();
        let (task, in_time) = cancels.join().unwrap();
        assert_eq!(task.outcome(), Some(if in_time { Outcome::Cancelled } else { Outcome::Finished }));
        drop(task);
        assert_eq!(drops.get(), 1 + calls.get());
    });
}

#[test]
fn a_pool_that_is_dropped_in_its_last_job_ends_with_the_thread() {
    loom::model(|| {
        let (calls, drops) = (Count::default(), Count::default());
        let _refusal = Refusal::after(1);
        let pool = Arc::new(ThreadPool::new(NonZeroUsize::MIN));
        let (own, job, called) = (pool.clone(), counts(&calls, &drops), calls.clone());
        let task = pool.submit(move || {
            drop(own);
            job()
        });
        task.add_done_callback(move |_| called.add());
        drop(pool);
        while calls.get() < 2 {
            thread::yield_now();
        }
        drop(task);
        assert_eq!(drops.get(), 2);
    });
}
