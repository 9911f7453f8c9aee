//! Jobs that block, other threads, and the end of a runtime: C081 to C088.

use std::{
    collections::HashSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{
    Outcome, Runtime, Task, TaskError, ThreadPool, gather, run, sleep, spawn, spawn_blocking, yield_now,
};

use crate::{
    Drops, Gate, LATER, OnDrop, PATIENCE, lock, ms, number, panic_of, park_on, two_workers, until, watched,
    watched_on_each_flavour,
};

#[test]
fn c081_to_thread() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let pool = ThreadPool::new(number(1));
            let own = thread::current().id();
            assert_ne!(spawn_blocking(|| thread::current().id()).await.unwrap(), own);
            assert_ne!(pool.submit(|| thread::current().id()).await.unwrap(), own);
            assert_eq!(pool.submit(|| Err::<(), _>("E")).await, Ok(Err("E")));
            for panics in [spawn_blocking(|| panic!("E")), pool.submit(|| panic!("E"))] {
                let panics: Task<()> = panics;
                assert!(matches!(panics.await, Err(TaskError::Panicked(panic)) if panic.message() == "E"));
            }
            assert_eq!(pool.submit(|| 7).await, Ok(7), "the worker survived");
        });
    });
}

/// No workers at all cannot be written.
#[test]
fn c082_max_workers() {
    /// Runs ten jobs and tells how many ran at once at most, and on how many threads.
    fn ten_jobs(submit: &dyn Fn(Box<dyn FnOnce() -> usize + Send>) -> Task<usize>) -> (usize, usize) {
        let (running, threads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(HashSet::new())));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (running, threads) = (running.clone(), threads.clone());
                submit(Box::new(move || {
                    lock(&threads).insert(thread::current().id());
                    let at_once = running.fetch_add(1, SeqCst) + 1;
                    thread::sleep(ms(10));
                    running.fetch_sub(1, SeqCst);
                    at_once
                }))
            })
            .collect();
        let at_once = run(gather(tasks)).unwrap();
        let threads = lock(&threads).len();
        (at_once.into_iter().max().unwrap(), threads)
    }
    watched(|| {
        let pool = ThreadPool::new(number(3));
        let (at_once, threads) = ten_jobs(&|job| pool.submit(job));
        assert!(at_once <= 3 && threads <= 3, "{at_once} at once on {threads} threads");
        let runtime = Runtime::builder().max_blocking_threads(number(3)).build();
        let (at_once, threads) = ten_jobs(&|job| runtime.spawn_blocking(job));
        assert!(at_once <= 3 && threads <= 3, "{at_once} at once on {threads} threads");
    });
}

#[test]
fn a149_jobs_start_in_order_and_threads_are_used_again() {
    watched(|| {
        let pool = ThreadPool::new(number(1));
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let order = order.clone();
                pool.submit(move || lock(&order).push(number))
            })
            .collect();
        run(gather(tasks)).unwrap();
        assert_eq!(*lock(&order), (0..20).collect::<Vec<_>>());

        let pool = ThreadPool::new(number(8));
        let threads: HashSet<_> = (0..20)
            .map(|_| {
                let id = run(pool.submit(|| thread::current().id())).unwrap();
                // Time for the thread to be idle again.
                thread::sleep(ms(2));
                id
            })
            .collect();
        assert!(threads.len() < 8, "a new thread was started although one was idle");
    });
}

/// A job that keeps its thread busy until it is told, or nobody can tell it.
fn busy(pool: &ThreadPool) -> (Task<()>, mpsc::Sender<()>) {
    let (free, told) = mpsc::channel();
    let (starts, started) = mpsc::channel();
    let task = pool.submit(move || {
        starts.send(()).unwrap();
        told.recv().ok();
    });
    started.recv_timeout(PATIENCE).unwrap();
    (task, free)
}

#[test]
fn c083_cancel_queued_job() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let pool = ThreadPool::new(number(1));
            let (a, free) = busy(&pool);
            let (drops, ran) = (Drops::default(), Arc::new(AtomicBool::new(false)));
            let (guard, runs) = (drops.guard(), ran.clone());
            let b = pool.submit(move || {
                let _guard = guard;
                runs.store(true, SeqCst);
            });
            let c = pool.submit(|| 7);
            assert!(b.cancel());
            assert_eq!(b.await, Err(TaskError::Cancelled), "at once, though the worker is busy");
            assert_eq!(drops.count(), 1);
            free.send(()).unwrap();
            assert_eq!((a.await, c.await), (Ok(()), Ok(7)));
            assert!(!ran.load(SeqCst));
        });
    });
}

#[test]
fn a75_the_destructor_of_a_cancelled_job_may_spawn() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (pool, gate) = (ThreadPool::new(number(1)), Gate::default());
            let (_running, free) = busy(&pool);
            let opening = gate.clone();
            let guard = OnDrop(move || {
                let opening = opening.clone();
                drop(spawn(async move { opening.open() }));
            });
            let queued = pool.submit(move || drop(guard));
            assert!(queued.cancel());
            // Whoever comes first drops it: the loop, or the thread that is free now.
            free.send(()).unwrap();
            assert_eq!(queued.await, Err(TaskError::Cancelled));
            gate.pass().await;
        });
    });
}

#[test]
fn c084_cancel_running_job() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let pool = ThreadPool::new(number(1));
            let (job, free) = busy(&pool);
            assert!(job.cancel());
            assert_eq!(job.await, Err(TaskError::Cancelled));
            free.send(()).unwrap();
            assert_eq!(pool.submit(|| 7).await, Ok(7), "the pool is usable");
        });
    });
}

#[test]
fn c083_and_c084_outside_of_any_runtime() {
    watched(|| {
        let pool = ThreadPool::new(number(1));
        let (running, free) = busy(&pool);
        let (queued, drops) = (pool.submit(|| ()), Drops::default());
        for task in [&running, &queued] {
            let guard = drops.guard();
            task.add_done_callback(move |outcome| {
                assert_eq!(outcome, Outcome::Cancelled);
                drop(guard);
            });
            assert!(task.cancel());
        }
        assert_eq!(run(running), Err(TaskError::Cancelled));
        assert_eq!(run(queued), Err(TaskError::Cancelled));
        free.send(()).unwrap();
        pool.shutdown();
        assert_eq!(drops.count(), 2, "the callbacks ran");
    });
}

/// No error, but a task that is cancelled.
#[test]
fn c085_submit_after_shutdown() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (pool, drops) = (ThreadPool::new(number(2)), Drops::default());
            assert_eq!(pool.submit(|| 7).await, Ok(7));
            pool.shutdown();
            pool.shutdown();
            let guard = drops.guard();
            let refused = pool.submit(move || {
                let _guard = guard;
                panic!("it ran")
            });
            let refused: Task<()> = refused;
            assert!(refused.done() && refused.cancelled());
            assert_eq!(drops.count(), 1);
            assert_eq!(refused.await, Err(TaskError::Cancelled));
        });
    });
}

#[test]
fn a152_shutdown_waits_for_queued_and_running_jobs() {
    watched(|| {
        for threads in [1, 3] {
            let (pool, ended) = (ThreadPool::new(number(threads)), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let ended = ended.clone();
                    pool.submit(move || {
                        thread::sleep(ms(2));
                        ended.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            tasks[9].cancel();
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        pool.shutdown();
                        assert_eq!(ended.load(SeqCst), 9, "it did not wait");
                    });
                }
            });
            assert!(tasks.iter().all(Task::done));
        }
    });
}

#[test]
fn a152_dropping_a_pool_shuts_it_down() {
    watched(|| {
        let (pool, ended) = (ThreadPool::new(number(1)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..3 {
            let ended = ended.clone();
            drop(pool.submit(move || ended.fetch_add(1, SeqCst)));
        }
        drop(pool);
        assert_eq!(ended.load(SeqCst), 3);
    });
}

#[test]
fn a152_a_job_cannot_shut_its_own_pool_down_but_may_drop_it() {
    watched(|| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let own = pool.clone();
        let message = run(pool.submit(move || panic_of(|| own.shutdown()))).unwrap();
        assert!(message.contains("outside"), "{message}");

        let (send, last) = mpsc::channel::<ThreadPool>();
        let pool = ThreadPool::new(number(1));
        let (first, second) = (pool.submit(move || drop(last.recv())), pool.submit(|| 7));
        send.send(pool).unwrap();
        assert_eq!((run(first), run(second)), (Ok(()), Ok(7)));
    });
}

#[test]
fn c086_jobs_do_not_block_the_loop() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let pool = ThreadPool::new(number(1));
            for own in [true, false] {
                let (free, told) = mpsc::channel::<()>();
                let job = move || told.recv_timeout(PATIENCE).is_ok();
                let job = if own { pool.submit(job) } else { spawn_blocking(job) };
                // The job waits for the loop, which it could not hold up and live.
                for _ in 0..20 {
                    sleep(ms(1)).await;
                }
                assert!(!job.done());
                free.send(()).unwrap();
                assert_eq!(job.await, Ok(true));
            }
        });
    });
}

#[test]
fn c087_threadsafe_submission() {
    watched_on_each_flavour(|runtime| {
        let (runtime, gate) = (Arc::new(runtime), Gate::default());
        let (handle, opening) = (runtime.clone(), gate.clone());
        let thread = thread::spawn(move || {
            let sum = handle.spawn(async {
                sleep(ms(5)).await;
                1 + 2
            });
            let fails: Task<()> = handle.spawn(async { panic!("E") });
            let sum = run(sum);
            let fails = run(fails);
            opening.open();
            (sum, fails)
        });
        runtime.block_on(gate.pass());
        let (sum, fails) = thread.join().unwrap();
        assert_eq!(sum, Ok(3));
        assert!(matches!(fails, Err(TaskError::Panicked(panic)) if panic.message() == "E"));
    });
}

#[test]
fn c088_runtime_drop_drops_tasks() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let holding = || {
            let guard = drops.guard();
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        };
        let suspended = runtime.spawn(holding());
        runtime.block_on(yield_now());
        let (queued, held) = (holding(), drops.guard());
        let queued = runtime.spawn(async move {
            yield_now().await;
            queued.await;
        });
        runtime.block_on(yield_now());
        let unpolled = runtime.spawn(holding());
        // A value that is there stays readable.
        drop(runtime);
        assert_eq!(drops.count(), 3);
        for task in [&suspended, &queued, &unpolled] {
            assert!(task.cancelled());
        }
        drop(held);
    });
}

#[test]
fn a155_jobs_may_spawn_and_submit() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let pool = Arc::new(ThreadPool::new(number(2)));
            let inner = pool.clone();
            let job = pool.submit(move || (spawn(async { 1 }), spawn_blocking(|| 2), inner.submit(|| 4)));
            let (task, job, submitted) = job.await.unwrap();
            assert_eq!(gather([task, job, submitted]).await, Ok(vec![1, 2, 4]));
        });
    });
}

#[test]
fn a153_a_job_that_outlives_its_runtime_is_no_trouble() {
    watched(|| {
        let pool = ThreadPool::new(number(1));
        let runtime = Runtime::current_thread();
        let (task, free) = runtime.block_on(async { busy(&pool) });
        drop(runtime);
        assert!(!task.done(), "the pool is not the runtime's");
        free.send(()).unwrap();
        assert_eq!(run(task), Ok(()));
        pool.shutdown();
    });
}

#[test]
fn a164_tasks_that_hold_each_other_are_freed() {
    watched_on_each_flavour(|runtime| {
        let drops = Drops::default();
        let slots = [(); 2].map(|()| Arc::new(Mutex::new(None::<Task<()>>)));
        for (own, other) in [(0, 1), (1, 0)] {
            let (guard, held) = (drops.guard(), slots[other].clone());
            let task = runtime.spawn(async move {
                let _held = (guard, held);
                pending::<()>().await;
            });
            *lock(&slots[own]) = Some(task);
        }
        drop(slots);
        runtime.block_on(yield_now());
        drop(runtime);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a165_a_runtime_may_be_made_in_a_task_and_moved_out() {
    watched(|| {
        let runtime = run(async { spawn(async { Runtime::current_thread() }).await.unwrap() });
        assert_eq!(runtime.block_on(async { 7 }), 7);
        run(async { drop(two_workers()) });
    });
}

#[test]
fn a161_dropping_a_runtime_waits_for_running_jobs_and_cancels_queued_ones() {
    watched(|| {
        let runtime = Runtime::builder().max_blocking_threads(number(1)).build();
        let (starts, started) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let ends = ended.clone();
        let running = runtime.spawn_blocking(move || {
            starts.send(()).unwrap();
            thread::sleep(ms(20));
            ends.store(true, SeqCst);
        });
        let drops = Drops::default();
        let guard = drops.guard();
        let queued = runtime.spawn_blocking(move || {
            let _guard = OnDrop(move || {
                let _ = &guard;
            });
            panic!("it ran")
        });
        let queued: Task<()> = queued;
        started.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert!(ended.load(SeqCst) && queued.cancelled());
        assert_eq!(drops.count(), 1);
        assert_eq!(run(running), Ok(()));
    });
}

#[test]
fn a24_a_parked_loop_uses_no_time() {
    watched(|| {
        let begun = Instant::now();
        let polls = Arc::new(AtomicUsize::new(0));
        let counter = polls.clone();
        run(async move {
            let task = spawn(std::future::poll_fn(move |_| {
                counter.fetch_add(1, SeqCst);
                std::task::Poll::<()>::Pending
            }));
            sleep(ms(50)).await;
            until(|| begun.elapsed() > Duration::ZERO).await;
            drop(task);
        });
        assert_eq!(polls.load(SeqCst), 1);
    });
}

#[test]
fn d4_a_queued_job_of_a_runtime_that_is_gone_is_cancelled_at_once() {
    watched(|| {
        let pool = ThreadPool::new(number(1));
        let (_running, _free) = busy(&pool);
        let (send, dropped_on) = mpsc::channel();
        let guard = OnDrop(move || send.send(thread::current().id()).unwrap());
        // Its home is an event loop that is gone when it is looked at.
        let [job] = run(async { [pool.submit(move || drop(guard))] });
        assert!(job.cancelled() && !job.cancel());
        assert_eq!(dropped_on.try_recv(), Ok(thread::current().id()), "with the runtime");
    });
}

#[test]
fn a73_cancel_runs_no_destructor_though_the_runtime_is_gone() {
    watched(|| {
        let (pool, held) = (ThreadPool::new(number(1)), Arc::new(Mutex::new(())));
        let (send, dropped) = mpsc::channel();
        let guard = OnDrop({
            let held = held.clone();
            move || {
                let _held = lock(&held);
                send.send(thread::current().id()).unwrap();
            }
        });
        let (running, free) = run(async { busy(&pool) });
        running.add_done_callback(move |_| drop(guard));
        let holds = lock(&held);
        assert!(running.cancel() && running.cancelled(), "at once, though it runs");
        assert!(!running.cancel());
        drop(holds);
        assert!(dropped.try_recv().is_err());
        free.send(()).unwrap();
        // The callback of a runtime that is gone, on the thread of the job.
        assert_ne!(dropped.recv_timeout(PATIENCE), Ok(thread::current().id()));
        assert_eq!(run(running), Err(TaskError::Cancelled));
    });
}

/// Needs the timers of a runtime to fire at its end.
#[test]
fn d8_a_job_of_another_pool_that_sleeps_on_a_runtime_that_is_gone_goes_on() {
    watched_on_each_flavour(|runtime| {
        let (pool, (begins, begun)) = (ThreadPool::new(number(1)), mpsc::channel());
        let sleeps = move || {
            begins.send(()).unwrap();
            park_on(sleep(LATER));
        };
        let [job] = runtime.block_on(async { [pool.submit(sleeps)] });
        begun.recv_timeout(PATIENCE).unwrap();
        // No public sign tells that it sleeps.
        thread::sleep(ms(20));
        drop(runtime);
        pool.shutdown();
        assert!(job.done());
    });
}

#[test]
fn a162_a_destructor_at_the_end_of_a_runtime_may_submit_in_vain() {
    watched_on_each_flavour(|runtime| {
        let (pool, (send, submitted)) = (Arc::new(ThreadPool::new(number(1))), mpsc::channel());
        let submits = pool.clone();
        let guard = OnDrop(move || send.send(submits.submit(|| unreachable!("its runtime ends"))).unwrap());
        drop(runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        drop(runtime);
        let job: Task<()> = submitted.recv_timeout(PATIENCE).unwrap();
        assert!(job.cancelled());
        pool.shutdown();
    });
}

#[test]
fn d8_a_job_of_a_runtime_that_is_about_to_end_it_does_not_start() {
    watched_on_each_flavour(|runtime| {
        let (pool, ran) = (ThreadPool::new(number(1)), Arc::new(AtomicBool::new(false)));
        let (running, free) = busy(&pool);
        let (pass, passed) = mpsc::channel();
        // The first of the two that ends has the thread of the pool come to the other, and waits until it is past that.
        let first_end = Arc::new(Mutex::new(Some((free, passed))));
        let jobs = runtime.block_on(async {
            [(), ()].map(|()| {
                let (first_end, ran) = (first_end.clone(), ran.clone());
                let guard = OnDrop(move || {
                    let Some((free, passed)) = lock(&first_end).take() else { return };
                    drop(free);
                    passed.recv_timeout(PATIENCE).unwrap();
                });
                pool.submit(move || {
                    ran.store(true, SeqCst);
                    drop(guard);
                })
            })
        });
        drop(pool.submit(move || pass.send(()).unwrap()));
        drop(runtime);
        assert!(jobs.iter().all(Task::cancelled) && !ran.load(SeqCst));
        run(running).unwrap();
    });
}

#[test]
fn d8_a_job_that_waits_for_a_queued_job_of_its_runtime_goes_on_at_the_end() {
    watched_on_each_flavour(|runtime| {
        let pool = ThreadPool::new(number(1));
        let (_running, _free) = busy(&pool);
        let (begins, begun) = mpsc::channel();
        let [elsewhere] = runtime.block_on(async { [pool.submit(|| unreachable!("its runtime ends"))] });
        let elsewhere: Task<()> = elsewhere;
        let waits = runtime.spawn_blocking(move || {
            begins.send(()).unwrap();
            park_on(elsewhere)
        });
        begun.recv_timeout(PATIENCE).unwrap();
        drop(runtime);
        assert_eq!(run(waits), Ok(Err(TaskError::Cancelled)));
    });
}
