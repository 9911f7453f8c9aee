//! Checks the laws of [`Executor`].

use std::{
    cell::Cell,
    collections::HashSet,
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use crate::{Config, Executor, Task};

use super::{Meeting, lock, until};

/// A task's output reaches its awaiter: the root, or another task that received the handle.
pub fn an_output_reaches_its_awaiter<E: Executor>(config: &Config) {
    let output = E::start(config).run(async {
        let word = E::spawn(async { String::from("photo") });
        let both = E::spawn(async { word.await + "finish" });
        both.await
    });
    assert_eq!(output, "photofinish");
}

/// Tasks interleave at their yields: two tasks that wait for each other both end, even on one worker.
pub fn spawned_tasks_run_concurrently<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let [left, right] = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
        let meet = |mine: &Arc<AtomicBool>, other: &Arc<AtomicBool>| {
            let (mine, other) = (mine.clone(), other.clone());
            E::spawn(async move {
                mine.store(true, SeqCst);
                until::<E>("the other task runs too", || other.load(SeqCst)).await;
            })
        };
        let tasks = [meet(&left, &right), meet(&right, &left)];
        for task in tasks {
            task.await;
        }
    });
}

/// `spawn` only queues: its caller continues first, and no task is ever polled inside the call.
pub fn a_task_never_runs_inside_the_call_of_spawn<E: Executor>(config: &Config) {
    thread_local! {
        static SPAWNING: Cell<bool> = const { Cell::new(false) };
    }
    E::start(config).run(async {
        for _ in 0..100 {
            SPAWNING.set(true);
            let tasks: Vec<_> = (0..100).map(|_| E::spawn(async { SPAWNING.get() })).collect();
            SPAWNING.set(false);
            for task in tasks {
                assert!(!task.await, "a task ran while its thread was inside the call of spawn");
            }
        }
    });
}

/// A yield is pending at its first poll and ready at its second, and causes no other poll.
pub fn a_yield_suspends_its_task_once<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let count_polls = || async {
            let mut yielding = pin!(async {
                for _ in 0..100 {
                    E::yield_now().await;
                }
            });
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                yielding.as_mut().poll(context)
            })
            .await;
            polls
        };
        let tasks: Vec<_> = (0..10).map(|_| E::spawn(count_polls())).collect();
        for task in tasks {
            assert_eq!(task.await, 101, "a task that yields 100 times is polled 101 times");
        }
    });
}

/// On one worker, ten ready tasks all run before another task has yielded ten times.
///
/// A single yield may not suffice: tokio checks its timers at fixed intervals of polls and may then run tasks
/// out of turn. With several workers the order is a race.
pub fn a_task_that_keeps_yielding_lets_the_others_run<E: Executor>(config: &Config) {
    if config.threads.get() > 1 {
        return;
    }
    E::start(config).run(async {
        for _ in 0..100 {
            let ran = Arc::new(AtomicUsize::new(0));
            let spawn = |_| {
                let ran = ran.clone();
                E::spawn(async move { ran.fetch_add(1, SeqCst) })
            };
            let tasks: Vec<_> = (0..10).map(spawn).collect();
            for _ in 0..10 {
                E::yield_now().await;
            }
            assert_eq!(ran.load(SeqCst), 10, "all ten tasks run while another yields ten times");
            for task in tasks {
                task.await;
            }
        }
    });
}

/// A panic ends its own task and resumes in its awaiter; other tasks and all workers continue.
pub fn a_panic_reaches_its_awaiter_and_harms_nobody_else<E: Executor>(config: &Config) {
    let threads = config.threads.get();
    E::start(config).run(async move {
        let bystander = E::spawn(async {
            E::yield_now().await;
            "unharmed"
        });
        for _ in 0..10 * threads {
            let panic = caught(E::spawn(async { panic!("on purpose") })).await;
            let panic = panic.expect_err("the task panicked");
            let message = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
            assert_eq!(message.as_deref(), Some("on purpose"), "the awaiter gets the panic's message");
        }
        assert_eq!(bystander.await, "unharmed");
        assert_eq!(gather_workers::<E>(threads).await.len(), threads, "every worker outlives the panics");
    });
}

/// Ten thousand tasks all finish, each exactly once.
pub fn ten_thousand_tasks_all_finish<E: Executor>(config: &Config) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let sum = E::start(config).run(async move {
        let spawn = |index: u64| {
            let count = count.clone();
            E::spawn(async move {
                E::yield_now().await;
                count.fetch_add(1, SeqCst);
                index
            })
        };
        let tasks: Vec<_> = (0..10_000).map(spawn).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        sum
    });
    assert_eq!(sum, 49_995_000);
    assert_eq!(runs.load(SeqCst), 10_000);
}

/// Tasks spawn tasks, which spawn tasks: a tree of 2,047 of them sums its 1,024 leaves.
pub fn tasks_spawn_tasks<E: Executor>(config: &Config) {
    fn leaves<E: Executor>(depth: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            let [left, right] = [E::spawn(leaves::<E>(depth - 1)), E::spawn(leaves::<E>(depth - 1))];
            left.await + right.await
        })
    }
    assert_eq!(E::start(config).run(leaves::<E>(10)), 1024);
}

/// The destructor of a task's future ends before its output reaches the awaiter.
pub fn a_future_is_gone_before_its_output_is_seen<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let gone = Arc::new(AtomicBool::new(false));
        let guard = SlowDrop(gone.clone());
        let task = E::spawn(poll_fn(move |_| {
            let _held_by_the_future = &guard;
            Poll::Ready(7)
        }));
        assert_eq!(task.await, 7);
        assert!(gone.load(SeqCst), "the output was there before the destructor of the future had ended");
    });
}

/// A task whose handle was dropped runs to its end.
pub fn a_dropped_handle_detaches_its_task<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        drop(E::spawn(async move {
            E::yield_now().await;
            flag.store(true, SeqCst);
        }));
        until::<E>("the detached task ends", || ended.load(SeqCst)).await;
    });
}

/// `is_finished` is true after the task has ended, not before; the output can still be awaited.
pub fn a_finished_task_says_so<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let open = Arc::new(AtomicBool::new(false));
        let gate = open.clone();
        let mut task = E::spawn(async move {
            until::<E>("the gate opens", || gate.load(SeqCst)).await;
            7
        });
        for _ in 0..10 {
            assert!(!task.is_finished(), "the task waits at its gate");
            E::yield_now().await;
        }
        open.store(true, SeqCst);
        until_finished::<E, _>(&mut task).await;
        assert_eq!(task.await, 7);

        let mut task = E::spawn(async { panic!("on purpose") });
        until_finished::<E, ()>(&mut task).await;
        assert!(caught(task).await.is_err(), "the panic is still there for the awaiter");
    });
}

/// Cancelling a finished task returns its output.
pub fn cancel_gives_the_output_of_a_finished_task<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let mut task = E::spawn(async { 7 });
        until_finished::<E, _>(&mut task).await;
        assert_eq!(task.cancel().await, Some(7));
    });
}

/// `cancel` ends after the destructor of the future, also for a task that was never polled.
pub fn cancel_ends_when_the_future_is_gone<E: Executor>(config: &Config) {
    E::start(config).run(async {
        for polled_first in [true, false] {
            let started = Arc::new(AtomicBool::new(false));
            let gone = Arc::new(AtomicBool::new(false));
            let (start, guard) = (started.clone(), SlowDrop(gone.clone()));
            let task = E::spawn(async move {
                let _guard = guard;
                start.store(true, SeqCst);
                pending::<()>().await;
            });
            if polled_first {
                until::<E>("the task starts", || started.load(SeqCst)).await;
            }
            assert_eq!(task.cancel().await, None);
            assert!(gone.load(SeqCst), "cancel ended before the destructor of the future had");
        }
    });
}

/// The call of `cancel` asks the task to stop, even if its result is never awaited.
pub fn cancel_asks_when_it_is_called<E: Executor>(config: &Config) {
    E::start(config).run(async {
        let gone = Arc::new(AtomicBool::new(false));
        let guard = SlowDrop(gone.clone());
        let task = E::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let cancelling = task.cancel();
        until::<E>("the future of a cancelled task is dropped", || gone.load(SeqCst)).await;
        assert_eq!(cancelling.await, None);
    });
}

/// `cancel` ends after the poll that another worker is in. The law needs two workers.
pub fn cancel_waits_for_a_poll_that_is_under_way<E: Executor>(config: &Config) {
    if config.threads.get() < 2 {
        return;
    }
    E::start(config).run(async {
        let polling = Arc::new(AtomicBool::new(false));
        let gone = Arc::new(AtomicBool::new(false));
        let (started, guard) = (polling.clone(), SlowDrop(gone.clone()));
        let task = E::spawn(async move {
            let _guard = guard;
            started.store(true, SeqCst);
            thread::sleep(Duration::from_millis(50));
            pending::<()>().await;
        });
        until::<E>("another worker polls the task", || polling.load(SeqCst)).await;
        assert_eq!(task.cancel().await, None);
        assert!(gone.load(SeqCst), "cancel ended before the destructor of the future had");
    });
}

/// Given enough work, all workers poll tasks at once, and no other thread ever does.
pub fn enough_work_uses_every_worker_and_no_other_thread<E: Executor>(config: &Config) {
    let threads = config.threads.get();
    let executor = E::start(config);
    let polled_by = Arc::new(Mutex::new(HashSet::new()));
    let seen = polled_by.clone();
    let workers = executor.run(async move {
        let spawn = |index| {
            let seen = seen.clone();
            E::spawn(async move {
                if index < 100 {
                    // Occupies its worker long enough for every other thread to start working.
                    thread::sleep(Duration::from_millis(1));
                }
                for _ in 0..10 {
                    lock(&seen).insert(thread::current().id());
                    E::yield_now().await;
                }
            })
        };
        let tasks: Vec<_> = (0..1_000).map(spawn).collect();
        for task in tasks {
            task.await;
        }
        gather_workers::<E>(threads).await
    });
    assert_eq!(workers.len(), threads, "{} of {threads} workers poll tasks at once", workers.len());
    let strangers = lock(&polled_by).difference(&workers).count();
    assert_eq!(strangers, 0, "{strangers} threads beyond the {threads} workers polled tasks");
}

/// A worker polls the root of a run; the thread that called `run` only waits.
pub fn the_root_runs_on_a_worker<E: Executor>(config: &Config) {
    let threads = config.threads.get();
    let (root, workers) = E::start(config).run(async move {
        let root = thread::current().id();
        (root, gather_workers::<E>(threads).await)
    });
    assert_ne!(root, thread::current().id(), "the root ran on the thread that called run");
    assert!(workers.contains(&root), "the root ran on a thread other than the workers");
}

/// Yields until the task says that it has finished.
async fn until_finished<E: Executor, T: Send + 'static>(task: &mut E::Task<T>) {
    let finished = || {
        // A unique reference, because a handle need not be shareable between threads.
        let task: &mut E::Task<T> = task;
        task.is_finished()
    };
    until::<E>("a task says that it has finished", finished).await;
}

/// Blocks each worker in a task until all workers are blocked, and returns their threads.
pub(super) async fn gather_workers<E: Executor>(threads: usize) -> HashSet<thread::ThreadId> {
    let meeting = Arc::new(Meeting::default());
    let spawn = |_| {
        let meeting = meeting.clone();
        E::spawn(async move { meeting.wait_for(threads) })
    };
    let tasks: Vec<_> = (0..threads).map(spawn).collect();
    for task in tasks {
        task.await;
    }
    meeting.present()
}

/// Sets its flag at the end of a slow destructor.
pub(super) struct SlowDrop(pub(super) Arc<AtomicBool>);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(20));
        self.0.store(true, SeqCst);
    }
}

/// Awaits `future` and returns its panic as an error.
pub(super) async fn caught<F: Future>(future: F) -> thread::Result<F::Output> {
    let mut future = pin!(future);
    let poll =
        |context: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        };
    poll_fn(poll).await
}
