//! The end of a pool, from anywhere: whoever would wait for itself is told, or another thread goes on, and
//! nobody hangs.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use hand_rolled::{Driven, Runtime, TaskError, ThreadPool, run, spawn};

use crate::{
    Drops, OnDrop, PATIENCE, ms, number, panic_of, two_workers, wait_until, watched, watched_on_each_flavour,
};

/// Returns true if a job panicked because it would have waited for itself.
fn would_wait_for_itself<T: std::fmt::Debug>(outcome: Result<T, TaskError>) -> bool {
    match outcome {
        Err(TaskError::Panicked(panic)) => panic.message().contains("shut it down outside"),
        _ => false,
    }
}

/// Shuts a pool down on a thread of its own, and returns once that waits, most likely.
fn shut_down_aside(pool: &Arc<ThreadPool>) -> thread::JoinHandle<()> {
    let (pool, (begins, begun)) = (pool.clone(), mpsc::channel());
    let thread = thread::spawn(move || {
        begins.send(()).unwrap();
        pool.shutdown();
    });
    begun.recv_timeout(PATIENCE).unwrap();
    // No public sign tells that it waits.
    thread::sleep(ms(20));
    thread
}

#[test]
fn a_job_that_shuts_its_pool_down_panics_while_another_thread_does() {
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(2)));
        let both = Arc::new(Barrier::new(3));
        let jobs = [(); 2].map(|()| {
            let (own, both) = (pool.clone(), both.clone());
            pool.submit(move || {
                both.wait();
                thread::sleep(ms(50));
                own.shutdown();
            })
        });
        both.wait();
        pool.shutdown();
        for job in jobs {
            assert!(would_wait_for_itself(run(job)));
        }
    });
}

#[test]
fn a_callback_that_shuts_its_pool_down_panics_while_another_thread_does() {
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let (job, own) = (pool.submit(|| ()), pool.clone());
        let ((go, told), (tells, message)) = (mpsc::channel::<()>(), mpsc::channel());
        job.add_done_callback(move |_| {
            told.recv_timeout(PATIENCE).unwrap();
            tells.send(panic_of(|| own.shutdown())).unwrap();
        });
        let other = shut_down_aside(&pool);
        go.send(()).unwrap();
        assert!(message.recv_timeout(PATIENCE).unwrap().contains("outside"));
        other.join().unwrap();
    });
}

#[test]
fn a_destructor_that_shuts_its_pool_down_is_contained() {
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let (go, told) = mpsc::channel::<()>();
        let first = pool.submit(move || told.recv_timeout(PATIENCE).unwrap());
        let guard = || {
            let own = pool.clone();
            OnDrop(move || own.shutdown())
        };
        let (of_closure, of_cancelled, output) = (guard(), guard(), guard());
        // No user takes the output, which would be dropped in the pool.
        let jobs = [pool.submit(move || drop(of_closure)), pool.submit(move || drop(of_cancelled))];
        drop(pool.submit(move || output));
        let other = shut_down_aside(&pool);
        assert!(jobs[1].cancel());
        go.send(()).unwrap();
        other.join().unwrap();
        assert_eq!(run(first), Ok(()));
        let [of_closure, of_cancelled] = jobs;
        assert!(would_wait_for_itself(run(of_closure)));
        assert!(would_wait_for_itself(run(of_cancelled)));
    });
}

#[test]
fn two_pools_whose_jobs_shut_the_other_one_down_do_not_wait_for_each_other() {
    watched(|| {
        for _ in 0..20 {
            let pools = [(); 2].map(|()| Arc::new(ThreadPool::new(number(1))));
            let both = Arc::new(Barrier::new(2));
            let jobs = [0, 1].map(|index| {
                let (other, both) = (pools[1 - index].clone(), both.clone());
                pools[index].submit(move || {
                    both.wait();
                    other.shutdown();
                })
            });
            let panicked = jobs.map(|job| would_wait_for_itself(run(job)));
            assert_eq!(panicked.iter().filter(|panicked| **panicked).count(), 1, "{panicked:?}");
        }
    });
}

#[test]
fn a_circle_of_three_pools_one_of_which_is_dropped_ends() {
    watched(|| {
        for _ in 0..20 {
            let pools = [(); 3].map(|()| ThreadPool::new(number(1)));
            let all = Arc::new(Barrier::new(4));
            let mut slots = [(); 3].map(|()| mpsc::channel::<ThreadPool>());
            let jobs: Vec<_> = slots
                .iter_mut()
                .zip(&pools)
                .map(|((_, slot), pool)| {
                    let (slot, all) = (std::mem::replace(slot, mpsc::channel().1), all.clone());
                    pool.submit(move || {
                        let other = slot.recv().unwrap();
                        all.wait();
                        drop(other);
                    })
                })
                .collect();
            let [first, second, third] = pools;
            for (pool, (send, _)) in [second, third, first].into_iter().zip(slots) {
                send.send(pool).unwrap();
            }
            all.wait();
            for job in jobs {
                assert_eq!(run(job), Ok(()));
            }
        }
    });
}

#[test]
fn a_job_of_a_pool_may_shut_another_one_down() {
    watched(|| {
        let (outer, inner) = (ThreadPool::new(number(1)), Arc::new(ThreadPool::new(number(1))));
        let ended = Arc::new(AtomicBool::new(false));
        let ends = ended.clone();
        drop(inner.submit(move || {
            thread::sleep(ms(20));
            ends.store(true, SeqCst);
        }));
        assert_eq!(run(outer.submit(move || inner.shutdown())), Ok(()));
        assert!(ended.load(SeqCst));
        // Neither waits for the other any more.
        let (outer, last) = (Arc::new(outer), ThreadPool::new(number(1)));
        assert_eq!(run(last.submit(move || outer.shutdown())), Ok(()));
    });
}

#[test]
fn a_job_that_drops_a_runtime_whose_job_shuts_the_pool_down_does_not_wait_for_it() {
    watched_on_each_flavour(|runtime| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let (both, own) = (Arc::new(Barrier::new(2)), pool.clone());
        let (send, last) = mpsc::channel::<Runtime>();
        let inner = {
            let both = both.clone();
            runtime.spawn_blocking(move || {
                both.wait();
                own.shutdown();
            })
        };
        let outer = pool.submit(move || {
            let runtime = last.recv().unwrap();
            both.wait();
            drop(runtime);
        });
        send.send(runtime).unwrap();
        // Whichever comes second sees it: the shutdown panics, the drop has another thread go on.
        assert_eq!(run(outer), Ok(()));
        let inner = run(inner);
        assert!(inner == Ok(()) || would_wait_for_itself(inner));
    });
}

#[test]
fn a_job_that_drops_a_runtime_whose_task_shuts_the_pool_down_does_not_wait_for_it() {
    /// Has a task of what is dropped shut the pool down, and a job of the pool drop it.
    fn check<R: Send + 'static>(runtime: R, spawn: impl FnOnce(&R, Box<dyn FnOnce() + Send>)) {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let (both, own) = (Arc::new(Barrier::new(2)), pool.clone());
        let ((send, last), (tells, told)) = (mpsc::channel::<R>(), mpsc::channel());
        let begins = both.clone();
        let shuts_down = Box::new(move || {
            begins.wait();
            tells.send(catch_unwind(AssertUnwindSafe(|| own.shutdown())).is_ok()).unwrap();
        });
        let job = pool.submit(move || {
            let runtime = last.recv().unwrap();
            both.wait();
            drop(runtime);
        });
        spawn(&runtime, shuts_down);
        send.send(runtime).unwrap();
        assert_eq!(run(job), Ok(()));
        told.recv_timeout(PATIENCE).unwrap();
    }
    fn check_driven(runtime: Runtime) {
        check(runtime.drive_in_background().unwrap(), |driven, shuts_down| {
            drop(driven.runtime().spawn(async { shuts_down() }));
        });
    }
    for _ in 0..20 {
        watched(|| {
            check(two_workers(), |runtime, shuts_down| drop(runtime.spawn(async { shuts_down() })));
        });
        watched(|| check_driven(two_workers()));
        watched(|| check_driven(Runtime::current_thread()));
    }
}

#[test]
fn a_second_shutdown_waits_for_the_callbacks_too() {
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let ended = Arc::new(AtomicUsize::new(0));
        let (ends, (begins, begun)) = (ended.clone(), mpsc::channel());
        pool.submit(|| ()).add_done_callback(move |_| {
            begins.send(()).unwrap();
            thread::sleep(ms(50));
            ends.fetch_add(1, SeqCst);
        });
        begun.recv_timeout(PATIENCE).unwrap();
        let other = shut_down_aside(&pool);
        pool.shutdown();
        assert_eq!(ended.load(SeqCst), 1);
        other.join().unwrap();
    });
}

#[test]
fn the_thread_locals_of_its_threads_may_keep_a_pool_that_is_shut_down() {
    thread_local! {
        static KEPT: RefCell<Vec<Box<dyn Send>>> = const { RefCell::new(Vec::new()) };
    }
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(2)));
        let (drops, both) = (Drops::default(), Arc::new(Barrier::new(2)));
        let jobs = [(); 2].map(|()| {
            let (kept, both) = (Box::new((pool.clone(), drops.guard())), both.clone());
            pool.submit(move || {
                KEPT.with(|all| all.borrow_mut().push(kept));
                both.wait();
            })
        });
        jobs.into_iter().for_each(|job| run(job).unwrap());
        pool.shutdown();
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a_driven_runtime_dropped_in_its_own_task_ends() {
    fn check(runtime: Runtime) {
        let driven = runtime.drive_in_background().unwrap();
        let drops = Drops::default();
        let ((send, last), guard) = (mpsc::channel::<Driven>(), drops.guard());
        drop(driven.runtime().spawn(async move {
            drop(spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }));
            drop(spawn(async move { drop(last.recv_timeout(PATIENCE)) }));
        }));
        send.send(driven).unwrap();
        wait_until(|| drops.count() == 1);
    }
    watched(|| check(two_workers()));
    watched(|| check(Runtime::current_thread()));
}
