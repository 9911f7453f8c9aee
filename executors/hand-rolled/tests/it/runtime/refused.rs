//! Threads that the system refuses: an error, and never half a step.

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use hand_rolled::{Outcome, Runtime, Task, TaskError, ThreadPool, run};

use crate::{
    Drops, PATIENCE, alone, give_threads, number, panic_of, refuse_threads_after, threads, two_workers,
    wait_until,
};

/// Runs a job that waits until it is told, and returns once it runs.
fn busy(submit: impl FnOnce(Box<dyn FnOnce() + Send>) -> Task<()>) -> (Task<()>, mpsc::Sender<()>) {
    let ((free, told), (starts, started)) = (mpsc::channel(), mpsc::channel());
    let task = submit(Box::new(move || {
        starts.send(()).unwrap();
        told.recv().ok();
    }));
    started.recv_timeout(PATIENCE).unwrap();
    (task, free)
}

#[test]
fn a_job_waits_for_a_thread_that_is_there() {
    alone(|| {
        let runtime = Runtime::builder().max_blocking_threads(number(4)).build();
        let (first, free) = busy(|job| runtime.spawn_blocking(job));
        refuse_threads_after(0);
        let second = runtime.spawn_blocking(|| 7);
        assert!(!second.done());
        free.send(()).unwrap();
        assert_eq!((run(first), run(second)), (Ok(()), Ok(7)));
        assert_eq!(threads(), 3, "this one, that of all tests, and that of the jobs");
    });
}

#[test]
fn a_job_without_any_thread_is_cancelled_and_never_runs() {
    alone(|| {
        let runtime = Runtime::current_thread();
        let pool = ThreadPool::new(number(2));
        let (drops, ran) = (Drops::default(), Arc::new(AtomicBool::new(false)));
        refuse_threads_after(0);
        let job = || {
            let (guard, ran) = (drops.guard(), ran.clone());
            move || {
                let _guard = guard;
                ran.store(true, SeqCst);
            }
        };
        let inside = runtime.block_on(async { [hand_rolled::spawn_blocking(job()), pool.submit(job())] });
        let outside = [runtime.spawn_blocking(job()), pool.submit(job())];
        for task in inside.into_iter().chain(outside) {
            assert!(task.cancelled());
            assert_eq!(run(task), Err(TaskError::Cancelled));
        }
        assert_eq!(drops.count(), 4);
        give_threads();
        assert_eq!(run(runtime.spawn_blocking(|| 7)), Ok(7));
        assert_eq!(run(pool.submit(|| 8)), Ok(8));
        assert!(!ran.load(SeqCst));
    });
}

#[test]
fn callbacks_are_called_and_the_pool_goes_on() {
    alone(|| {
        let pool = ThreadPool::new(number(1));
        let (job, free) = busy(|job| pool.submit(job));
        let (calls, called) = mpsc::channel();
        job.add_done_callback(move |outcome| calls.send(outcome).unwrap());
        refuse_threads_after(0);
        free.send(()).unwrap();
        assert_eq!(called.recv_timeout(PATIENCE), Ok(Outcome::Finished));
        assert_eq!(run(pool.submit(|| 8)), Ok(8));
        let (calls, called) = mpsc::channel();
        job.add_done_callback(move |outcome| calls.send(outcome).unwrap());
        assert_eq!(called.recv_timeout(PATIENCE), Ok(Outcome::Finished), "by a thread that was idle");
        pool.shutdown();
    });
}

#[test]
fn callbacks_of_a_pool_without_any_thread_are_called_when_it_has_one_or_ends() {
    alone(|| {
        let called = Arc::new(AtomicUsize::new(0));
        let refuse_one = |pool: &ThreadPool| {
            refuse_threads_after(0);
            let (refused, calls) = (pool.submit(|| ()), called.clone());
            refused.add_done_callback(move |_| _ = calls.fetch_add(1, SeqCst));
            give_threads();
        };
        let pool = ThreadPool::new(number(1));
        refuse_one(&pool);
        run(pool.submit(|| ())).unwrap();
        wait_until(|| called.load(SeqCst) == 1);
        drop(pool);
        let pool = ThreadPool::new(number(1));
        refuse_one(&pool);
        assert_eq!(called.load(SeqCst), 1);
        pool.shutdown();
        assert_eq!(called.load(SeqCst), 2);
    });
}

#[test]
fn a_job_is_cancelled_by_the_next_thread_that_is_free() {
    alone(|| {
        let pool = ThreadPool::new(number(1));
        let (_first, free) = busy(|job| pool.submit(job));
        let drops = Drops::default();
        let guard = drops.guard();
        let queued = pool.submit(move || {
            let _guard = guard;
            unreachable!("it was cancelled")
        });
        let queued: Task<()> = queued;
        refuse_threads_after(0);
        assert!(queued.cancel() && queued.cancel());
        assert_eq!(drops.count(), 0, "cancel runs no destructor");
        free.send(()).unwrap();
        assert_eq!(run(queued), Err(TaskError::Cancelled));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_build_that_fails_leaves_nothing_behind() {
    alone(|| {
        let before = threads();
        let many = || Runtime::builder().workers(number(64));
        refuse_threads_after(4);
        assert!(many().try_build().is_err());
        wait_until(|| threads() == before);
        assert!(panic_of(|| many().build()).contains("Builder::try_build"));
        wait_until(|| threads() == before);
        // Inside a runtime, too.
        run(async { assert!(many().try_build().is_err()) });
        wait_until(|| threads() == before);
        drop(Runtime::multi_thread(number(3)));
    });
}

#[test]
fn a_runtime_that_is_refused_a_driver_leaves_nothing_behind() {
    alone(|| {
        let before = threads();
        // The workers start, and the thread that drives them does not.
        for (builder, workers) in [(Runtime::builder().workers(number(3)), 2), (Runtime::builder(), 0)] {
            refuse_threads_after(workers);
            assert!(builder.build().drive_in_background().is_err());
            give_threads();
            wait_until(|| threads() == before);
        }
    });
}

#[test]
fn a_runtime_dropped_in_its_own_job_ends_with_the_thread_of_the_job() {
    alone(|| {
        for make in [Runtime::current_thread, two_workers] {
            let before = threads();
            let runtime = Arc::new(make());
            let drops = Drops::default();
            let guard = drops.guard();
            let suspended = runtime.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            let (own, (go, told)) = (runtime.clone(), mpsc::channel::<()>());
            let job = runtime.spawn_blocking(move || {
                told.recv().unwrap();
                drop(own);
            });
            drop(runtime);
            refuse_threads_after(0);
            go.send(()).unwrap();
            wait_until(|| threads() == before);
            assert!(
                matches!(job.result(), Err(TaskError::Panicked(panic)) if panic.message().contains("inside"))
            );
            assert!(suspended.cancelled());
            assert_eq!(drops.count(), 1);
            give_threads();
        }
    });
}

#[test]
fn a_runtime_dropped_in_its_own_task_ends_with_the_thread_of_the_worker() {
    alone(|| {
        let before = threads();
        let runtime = Arc::new(two_workers());
        let suspended = runtime.spawn(pending::<()>());
        let ((go, told), own) = (mpsc::channel::<()>(), runtime.clone());
        let task = runtime.spawn(async move {
            told.recv().unwrap();
            drop(own);
        });
        drop(runtime);
        refuse_threads_after(0);
        go.send(()).unwrap();
        wait_until(|| threads() == before);
        assert!(
            matches!(task.result(), Err(TaskError::Panicked(panic)) if panic.message().contains("inside"))
        );
        assert!(suspended.cancelled());
    });
}

#[test]
fn a_runtime_dropped_in_its_job_of_another_pool_ends_there() {
    alone(|| {
        let (pool, runtime) = (ThreadPool::new(number(1)), Arc::new(Runtime::current_thread()));
        let suspended = runtime.spawn(pending::<()>());
        let ((go, told), own) = (mpsc::channel::<Arc<Runtime>>(), runtime.clone());
        let [job] = runtime.block_on(async { [pool.submit(move || drop(told.recv().unwrap()))] });
        drop(runtime);
        refuse_threads_after(0);
        go.send(own).unwrap();
        wait_until(|| job.done());
        assert!(suspended.cancelled());
        assert_eq!(run(pool.submit(|| 7)), Ok(7), "the thread is the pool's");
    });
}

#[test]
fn a_pool_dropped_in_its_own_job_ends_with_the_thread_of_the_job() {
    alone(|| {
        let before = threads();
        let called = Arc::new(AtomicUsize::new(0));
        let pool = ThreadPool::new(number(1));
        let (send, last) = mpsc::channel::<ThreadPool>();
        let jobs = [pool.submit(move || drop(last.recv())), pool.submit(|| ())];
        for job in &jobs {
            let calls = called.clone();
            job.add_done_callback(move |_| _ = calls.fetch_add(1, SeqCst));
        }
        refuse_threads_after(0);
        send.send(pool).unwrap();
        wait_until(|| threads() == before);
        assert!(jobs.iter().all(|job| job.result() == Ok(())));
        assert_eq!(called.load(SeqCst), 2);
    });
}

#[test]
fn a_pool_dropped_in_its_own_callback_ends_with_the_thread_of_the_callback() {
    alone(|| {
        let before = threads();
        let pool = ThreadPool::new(number(1));
        let (send, last) = mpsc::channel::<ThreadPool>();
        let (calls, called) = mpsc::channel();
        let first = pool.submit(|| ());
        let entered = calls.clone();
        first.add_done_callback(move |_| {
            entered.send("begins").unwrap();
            drop(last.recv());
        });
        assert_eq!(called.recv_timeout(PATIENCE), Ok("begins"));
        // It runs when the pool is dropped, and its callback comes after that.
        let (running, free) = busy(|job| pool.submit(job));
        running.add_done_callback(move |_| calls.send("called").unwrap());
        refuse_threads_after(0);
        send.send(pool).unwrap();
        free.send(()).unwrap();
        assert_eq!(called.recv_timeout(PATIENCE), Ok("called"));
        wait_until(|| threads() == before);
    });
}

#[test]
fn nothing_that_a_refused_thread_would_have_done_unwinds() {
    alone(|| {
        let pool = ThreadPool::new(number(1));
        let (job, free) = busy(|job| pool.submit(job));
        refuse_threads_after(0);
        let all = catch_unwind(AssertUnwindSafe(|| {
            job.add_done_callback(|_| panic!("contained"));
            let queued = pool.submit(|| ());
            queued.cancel();
            job.cancel();
            drop((queued, job));
        }));
        assert!(all.is_ok());
        free.send(()).unwrap();
        thread::scope(|scope| {
            give_threads();
            scope.spawn(|| pool.shutdown());
        });
    });
}

#[test]
fn a_callback_that_is_left_to_the_end_of_a_pool_cannot_shut_it_down() {
    alone(|| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        refuse_threads_after(0);
        let refused = pool.submit(|| ());
        let (own, (tells, message)) = (pool.clone(), mpsc::channel());
        refused.add_done_callback(move |_| tells.send(panic_of(|| own.shutdown())).unwrap());
        pool.shutdown();
        assert!(message.recv_timeout(PATIENCE).unwrap().contains("outside"));
    });
}
