//! Ends that take away what somebody waits for.

use std::{
    future::{pending, poll_fn},
    num::NonZeroUsize,
    sync::{Arc, mpsc},
    task::Poll,
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, TaskError, ThreadPool, run, sleep, spawn, spawn_blocking, timeout, yield_now};

use super::{park_on, watched_on_all};
use crate::{LATER, ms, number, watched};

#[test]
fn a_job_that_sleeps_on_the_timers_of_its_runtime_does_not_hold_up_its_end() {
    watched_on_all(|runtime| {
        let (runs, running) = mpsc::channel();
        for _ in 0..2 {
            let runs = runs.clone();
            drop(runtime.spawn_blocking(move || {
                runs.send(()).unwrap();
                park_on(sleep(LATER));
                // Once more, when the runtime has ended.
                park_on(sleep(LATER));
            }));
        }
        drop(runtime.spawn_blocking(move || {
            runs.send(()).unwrap();
            park_on(timeout(LATER, pending::<()>())).unwrap_err();
        }));
        for _ in 0..3 {
            running.recv().unwrap();
        }
        thread::sleep(ms(10));
        drop(runtime);
    });
}

#[test]
fn what_sleeps_for_ever_does_not_hold_up_the_end() {
    fn sleep_for_ever(begun: mpsc::Sender<()>) {
        begun.send(()).unwrap();
        park_on(sleep(Duration::MAX));
        park_on(timeout(Duration::MAX, pending::<()>())).unwrap_err();
    }
    watched_on_all(|runtime| {
        let (begun, begins) = mpsc::channel();
        let (of_job, of_poll) = (begun.clone(), begun);
        let has_workers = runtime.metrics().workers > 1;
        drop(runtime.spawn_blocking(|| sleep_for_ever(of_job)));
        begins.recv().unwrap();
        if has_workers {
            drop(runtime.spawn(async { sleep_for_ever(of_poll) }));
            begins.recv().unwrap();
        }
        thread::sleep(ms(10));
        drop(runtime);
    });
}

#[test]
fn a_job_of_a_pool_that_sleeps_on_the_timers_of_a_runtime_ends_with_that() {
    watched_on_all(|runtime| {
        let pool = Arc::new(ThreadPool::new(number(1)));
        let (runs, running) = mpsc::channel();
        let submits = pool.clone();
        let job = runtime.block_on(poll_fn(move |_| {
            let runs = runs.clone();
            Poll::Ready(submits.submit(move || {
                runs.send(()).unwrap();
                park_on(sleep(LATER));
                8
            }))
        }));
        running.recv().unwrap();
        thread::sleep(ms(10));
        drop(runtime);
        pool.shutdown();
        assert_eq!(run(job), Ok(8));
    });
}

#[test]
fn a_task_under_a_foreign_block_on_that_sleeps_does_not_hold_up_the_end() {
    for workers in [2, 4, 8] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            let (runs, running) = mpsc::channel();
            drop(runtime.spawn(async move {
                runs.send(()).unwrap();
                park_on(sleep(LATER));
            }));
            running.recv().unwrap();
            drop(runtime);
        });
    }
}

/// A place where a sender waits to be dropped.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Future,
    QueuedJob,
    Callback,
    Woken,
    Spawned,
    OutputOfAFuture,
}

/// Ends a runtime, of which a worker is in a poll that lasts until the end has dropped what `owner` has.
fn end_with_a_worker_that_waits(workers: usize, owner: Owner) {
    let runtime = Runtime::builder().workers(number(workers)).max_blocking_threads(NonZeroUsize::MIN).build();
    let (sender, receiver) = mpsc::channel::<()>();
    let (in_poll, polled) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    let mut own = Some(sender);
    match owner {
        Owner::Future => {
            let sender = own.take();
            drop(runtime.spawn(async move {
                sleep(LATER).await;
                drop(sender);
            }));
        }
        Owner::QueuedJob => {
            let (sender, (stop, stopped)) = (own.take(), mpsc::channel::<()>());
            let (begins, begun) = mpsc::channel();
            // The only thread is taken by a job that the worker ends, in the end.
            drop(runtime.spawn_blocking(move || {
                begins.send(()).unwrap();
                stopped.recv().ok();
            }));
            begun.recv().unwrap();
            drop(runtime.spawn_blocking(move || drop(sender)));
            drop(runtime.spawn(async move {
                pending::<()>().await;
                drop(stop);
            }));
        }
        Owner::Callback => {
            let sender = own.take();
            let task = runtime.spawn(pending::<()>());
            task.add_done_callback(move |_| drop(sender));
        }
        Owner::OutputOfAFuture => {
            let sender = own.take();
            let inner = runtime.spawn(async move { sender });
            drop(runtime.spawn(async move {
                let sender = inner.await;
                pending::<()>().await;
                drop(sender);
            }));
        }
        Owner::Woken | Owner::Spawned => {}
    }
    drop(runtime.spawn(async move {
        in_poll.send(()).unwrap();
        if let Some(sender) = own {
            // The end has begun, and has looked.
            goes.recv().ok();
            let holds = spawn(async move {
                pending::<()>().await;
                drop(sender);
            });
            if matches!(owner, Owner::Woken) {
                holds.cancel();
            }
        }
        receiver.recv().ok();
    }));
    polled.recv().unwrap();
    let goes_on = thread::spawn(move || {
        thread::sleep(ms(20));
        drop(go);
    });
    drop(runtime);
    goes_on.join().unwrap();
}

#[test]
fn the_end_drops_what_a_worker_in_a_long_poll_waits_for() {
    for workers in [2, 3, 4, 8] {
        for owner in [
            Owner::Future,
            Owner::QueuedJob,
            Owner::Callback,
            Owner::OutputOfAFuture,
            Owner::Woken,
            Owner::Spawned,
        ] {
            watched(move || end_with_a_worker_that_waits(workers, owner));
        }
    }
}

#[test]
fn the_end_of_a_driven_runtime_drops_what_a_worker_in_a_long_poll_waits_for() {
    for threads in [2, 4] {
        watched(move || {
            let driven = Runtime::multi_thread(number(threads)).drive_in_background().unwrap();
            let (in_poll, polled) = mpsc::channel();
            drop(driven.runtime().spawn(async move {
                let (sender, receiver) = mpsc::channel::<()>();
                drop(spawn(async move {
                    sleep(LATER).await;
                    drop(sender);
                }));
                drop(spawn(async move {
                    in_poll.send(()).unwrap();
                    receiver.recv().ok();
                }));
            }));
            polled.recv_timeout(crate::PATIENCE).unwrap();
            drop(driven);
        });
    }
}

#[test]
fn a_job_that_waits_for_a_suspended_future_ends_with_the_runtime() {
    watched_on_all(|runtime| {
        let (sender, receiver) = mpsc::channel::<()>();
        let (runs, running) = mpsc::channel();
        let task = runtime.spawn(async move {
            pending::<()>().await;
            drop(sender);
        });
        drop(runtime.spawn_blocking(move || {
            runs.send(()).unwrap();
            receiver.recv().unwrap_err();
            assert_eq!(park_on(task), Err(TaskError::Cancelled));
        }));
        running.recv().unwrap();
        drop(runtime);
    });
}

#[test]
fn destructors_that_sleep_spawn_and_block_do_not_hold_up_the_end() {
    watched_on_all(|runtime| {
        let (dropped, drops) = mpsc::channel();
        runtime.block_on(async move {
            for _ in 0..3 {
                let dropped = dropped.clone();
                // Outside of the future: a worker may not have polled it yet when the runtime ends.
                let on_drop = crate::OnDrop(move || {
                    assert_eq!(park_on(spawn(async {})), Err(TaskError::Cancelled));
                    assert_eq!(park_on(spawn_blocking(|| ())), Err(TaskError::Cancelled));
                    park_on(sleep(LATER));
                    dropped.send(()).unwrap();
                });
                drop(spawn(async move {
                    let _on_drop = on_drop;
                    pending::<()>().await;
                }));
            }
            yield_now().await;
        });
        drop(runtime);
        assert_eq!(drops.iter().count(), 3);
    });
}
