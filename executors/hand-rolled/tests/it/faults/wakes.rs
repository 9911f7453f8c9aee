//! Wakes that are lost, or come for nothing.

use std::{
    collections::HashMap,
    ffi::OsString,
    future::{pending, poll_fn},
    hint::spin_loop,
    pin::pin,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
        mpsc,
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, sleep, spawn, spawn_blocking, yield_now};

use super::watched_on_all;
use crate::{LATER, PATIENCE, lock, ms, number, park_on, poll_once, watched};

/// The time after which a worker that should run a task is taken to be asleep.
const TOO_LATE: Duration = ms(5_000);

#[test]
fn a_root_in_its_poll_hides_no_task_from_the_other_workers() {
    for workers in [2, 3, 4] {
        watched(move || {
            let runtime = Arc::new(Runtime::multi_thread(number(workers)));
            let gate = Arc::new((AtomicU64::new(0), Mutex::new(None::<Waker>)));
            let (told, outside) = (gate.clone(), runtime.clone());
            let (ask, asked) = mpsc::channel::<u64>();
            let helper = thread::spawn(move || {
                for round in asked {
                    drop(outside.spawn(async move {
                        for _ in 0..(round * 7 % 97) * 10 {
                            spin_loop();
                        }
                    }));
                    for _ in 0..(round % 89) * 10 {
                        spin_loop();
                    }
                    told.0.store(round, SeqCst);
                    let waker = lock(&told.1).take();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            });
            runtime.block_on(async move {
                for round in 1..3_000 {
                    ask.send(round).unwrap();
                    poll_fn(|context| {
                        *lock(&gate.1) = Some(context.waker().clone());
                        if gate.0.load(SeqCst) == round { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    let (sender, receiver) = mpsc::channel();
                    drop(spawn(async move {
                        sender.send(()).ok();
                    }));
                    assert!(
                        receiver.recv_timeout(TOO_LATE).is_ok(),
                        "round {round}: the other workers sleep"
                    );
                }
            });
            helper.join().unwrap();
        });
    }
}

#[test]
fn what_a_root_spawns_while_its_poll_goes_on_is_run_by_the_others() {
    for workers in [2, 4] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            for round in 0..3_000 {
                let (left, (tell, told)) = (Arc::new(AtomicUsize::new(50)), mpsc::channel());
                let in_time = runtime.block_on(async {
                    for _ in 0..50 {
                        let (left, tell) = (left.clone(), tell.clone());
                        drop(spawn(async move {
                            if left.fetch_sub(1, Relaxed) == 1 {
                                tell.send(()).unwrap();
                            }
                        }));
                    }
                    told.recv_timeout(TOO_LATE).is_ok()
                });
                assert!(in_time, "round {round}: {} tasks wait while the others sleep", left.load(Relaxed));
            }
        });
    }
}

#[test]
fn a_worker_that_leaves_its_tasks_to_others_keeps_none_back() {
    watched(|| {
        for _ in 0..20 {
            let (tell, told) = mpsc::channel();
            let (go, goes) = mpsc::channel::<()>();
            let stolen = async move {
                go.send(()).unwrap();
                // Time for the other worker to find no more, and to be free.
                thread::sleep(ms(5));
                // It comes next, and this task is in the ring: the worker of the root leaves both.
                drop(spawn(async move { tell.send(()) }));
                yield_now().await;
                pending::<()>().await;
            };
            let work = async move {
                // It stays in the ring until the worker of the root steals it, as this one is blocked.
                drop(spawn(stolen));
                drop(spawn(async {}));
                goes.recv_timeout(TOO_LATE).ok();
            };
            let runtime = Runtime::multi_thread(number(2));
            runtime.block_on(async {
                drop(spawn(work));
                let in_time = spawn_blocking(move || told.recv_timeout(TOO_LATE).is_ok());
                assert_eq!(in_time.await, Ok(true), "a worker that sleeps has kept the task");
            });
        }
    });
}

#[test]
fn tasks_that_come_as_a_search_ends_run_at_once() {
    for workers in [2, 3, 4] {
        watched(move || {
            let driven = Runtime::multi_thread(number(workers)).drive_in_background().unwrap();
            for round in 0..3_000 {
                // Workers that have just run out of tasks search, or are about to park.
                (0..round % 50).for_each(|_| drop(driven.runtime().spawn(async {})));
                let meeting = Arc::new((Mutex::new(0), Condvar::new()));
                let (tell, told) = mpsc::channel();
                drop(driven.runtime().spawn(async move {
                    for _ in 0..workers {
                        let (meeting, tell) = (meeting.clone(), tell.clone());
                        drop(spawn(async move { tell.send(all_meet(&meeting, workers)) }));
                    }
                }));
                assert!(told.iter().all(|meets| meets), "round {round}: a worker sleeps while a task waits");
            }
        });
    }
}

#[test]
fn tasks_that_a_root_leaves_as_a_worker_parks_run_at_once() {
    for workers in [2, 3, 4] {
        watched(move || {
            Runtime::multi_thread(number(workers)).block_on(async move {
                for round in 0..5_000 {
                    // Workers that have just run out of tasks are about to park.
                    (0..round % 7).for_each(|_| drop(spawn(async {})));
                    (0..round * 7 % 97 * 10).for_each(|_| spin_loop());
                    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
                    let meets: Vec<_> = (0..workers)
                        .map(|_| {
                            let meeting = meeting.clone();
                            spawn(async move { all_meet(&meeting, workers) })
                        })
                        .collect();
                    for meets in meets {
                        assert_eq!(
                            meets.await,
                            Ok(true),
                            "round {round}: a worker sleeps while a task waits"
                        );
                    }
                }
            });
        });
    }
}

/// A waker that tells that it was called, and then blocks until it is told to go on.
struct Blocks(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Blocks {
    /// Makes a waker, which blocks until the second of the two is dropped. The first tells that it was called.
    fn waker() -> (Waker, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let ((call, called), (go, goes)) = (mpsc::channel(), mpsc::channel());
        (Waker::from(Arc::new(Blocks(call, Mutex::new(goes)))), called, go)
    }
}

impl Wake for Blocks {
    fn wake(self: Arc<Self>) {
        self.0.send(()).ok();
        // For longer than the test waits for what it must not keep.
        lock(&self.1).recv_timeout(2 * TOO_LATE).ok();
    }
}

#[test]
fn a_waker_that_blocks_keeps_no_timer_from_the_others() {
    for workers in [2, 3, 4] {
        watched(move || {
            let driven = Runtime::multi_thread(number(workers)).drive_in_background().unwrap();
            let (waker, called, go) = Blocks::waker();
            drop(driven.runtime().spawn(async move {
                let mut sleep = pin!(sleep(ms(20)));
                assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                pending::<()>().await;
            }));
            let (tell, told) = mpsc::channel();
            drop(driven.runtime().spawn(async move {
                sleep(ms(100)).await;
                tell.send(()).unwrap();
            }));
            called.recv_timeout(TOO_LATE).unwrap();
            assert!(told.recv_timeout(TOO_LATE).is_ok(), "nobody keeps time for the second timer");
            drop(go);
        });
    }
}

#[test]
fn a_poll_that_blocks_for_a_timer_is_not_the_only_one_to_know_it() {
    /// Waits like a task for one timer, and like a thread for the next.
    async fn wait_for_two() {
        let mut first = pin!(sleep(ms(1)));
        assert!(poll_once(first.as_mut()).await.is_pending());
        park_on(sleep(ms(2)));
    }

    for workers in [2, 3, 4] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            for _ in 0..20 {
                runtime.block_on(async {
                    // The others park meanwhile.
                    thread::sleep(ms(5));
                    wait_for_two().await;
                    let wait = async {
                        thread::sleep(ms(5));
                        wait_for_two().await;
                    };
                    spawn(wait).await.unwrap();
                });
            }
        });
    }
}

#[test]
fn a_waker_without_data_is_not_taken_for_the_worker_s_own() {
    /// A flag, and who waits for it: all that there is to the waker, which so needs no data.
    static WOKEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    const VTABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| wake(), |_| wake(), |_| ());
    const RAW: RawWaker = RawWaker::new(std::ptr::null(), &VTABLE);

    fn wake() {
        *lock(&WOKEN.0) = true;
        WOKEN.1.notify_all();
    }

    /// Blocks until the future is ready.
    #[expect(unsafe_code, reason = "there is no safe waker without data")]
    fn block_on<F: Future>(future: F) {
        // SAFETY: no function of the table looks at the data.
        let waker = unsafe { Waker::from_raw(RAW) };
        let mut future = pin!(future);
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            let waited = WOKEN.1.wait_timeout_while(lock(&WOKEN.0), TOO_LATE, |woken| !*woken);
            let (mut woken, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            assert!(!timed_out.timed_out(), "nobody keeps time for a thread that is blocked");
            *woken = false;
        }
    }

    for workers in [2, 3, 4] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            for _ in 0..20 {
                runtime.block_on(async {
                    let blocks = spawn(async {
                        // The others park meanwhile.
                        thread::sleep(ms(5));
                        block_on(sleep(ms(2)));
                    });
                    blocks.await.unwrap();
                });
            }
        });
    }
}

/// Blocks until `all` threads have called this; returns false if they do not in time.
fn all_meet(meeting: &(Mutex<usize>, Condvar), all: usize) -> bool {
    let mut present = lock(&meeting.0);
    *present += 1;
    meeting.1.notify_all();
    let waited = meeting.1.wait_timeout_while(present, TOO_LATE, |present| *present < all);
    !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
}

/// The number of times that each worker of this process has given up the processor by itself, by its thread.
fn switches() -> HashMap<OsString, u64> {
    let of = |thread: std::fs::DirEntry| {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).ok();
        let is_worker = read("comm")?.starts_with("hand-rolled-wor");
        let status = read("status")?;
        let number = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        is_worker.then(|| (thread.file_name(), number.trim().parse().unwrap()))
    };
    std::fs::read_dir("/proc/self/task").unwrap().filter_map(|thread| of(thread.ok()?)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn idle_workers_do_not_wake_each_other() {
    for workers in [2, 3, 4, 8] {
        watched(move || {
            let others = switches();
            let runtime = Runtime::multi_thread(number(workers));
            let own = || switches().into_iter().filter(|(thread, _)| !others.contains_key(thread)).collect();
            // The caller is one of the workers, and a thread gets its name once it runs.
            let mut before: HashMap<_, _> = own();
            while before.len() < workers - 1 {
                thread::yield_now();
                before = own();
            }
            let idle = runtime.block_on(async {
                let far = spawn(sleep(LATER));
                sleep(Duration::from_secs(1)).await;
                far.cancel();
                let more = |(thread, now): (_, u64)| now.saturating_sub(*before.get(&thread).unwrap_or(&now));
                switches().into_iter().map(more).sum::<u64>()
            });
            // Other tests may have started a worker just then, too, but those that storm make a hundred thousand.
            assert!(idle < 20_000, "{workers} workers: {idle} switches in an idle second");
        });
    }
}

#[test]
fn a_timer_fires_though_the_worker_that_kept_time_is_busy() {
    for workers in [2, 4, 8] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            runtime.block_on(async {
                for _ in 0..20 {
                    let (release, released) = mpsc::channel();
                    let begun = Instant::now();
                    // Whoever runs this one had the alarm of the timer of the other.
                    let blocks = spawn(async move {
                        sleep(ms(2)).await;
                        released.recv_timeout(PATIENCE).unwrap();
                    });
                    let wakes = spawn(async move {
                        sleep(ms(4)).await;
                        release.send(()).unwrap();
                    });
                    wakes.await.unwrap();
                    blocks.await.unwrap();
                    assert!(begun.elapsed() >= ms(4));
                }
            });
        });
    }
}

#[test]
fn a_root_does_not_stand_behind_a_task_that_blocks_while_workers_sleep() {
    for workers in [2, 4, 8] {
        watched(move || {
            for _ in 0..10 {
                let (release, released) = mpsc::channel::<()>();
                let released_in_time = Runtime::multi_thread(number(workers)).block_on(async {
                    let busy = spawn(async move { released.recv_timeout(TOO_LATE).is_ok() });
                    sleep(ms(5)).await;
                    release.send(()).ok();
                    busy.await.unwrap()
                });
                assert!(released_in_time, "the root waited for the task, which waited for the root");
            }
        });
    }
}

#[test]
fn the_free_seat_is_taken_by_a_driver_that_is_not_in_its_own_root() {
    watched(|| {
        let runtime = Arc::new(Runtime::multi_thread(number(1)));
        let (sits, sitting) = mpsc::channel();
        let (polls, polling) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let drive = |runtime: Arc<Runtime>| runtime;
        let first = drive(runtime.clone());
        let first = thread::spawn(move || {
            first.block_on(async move {
                yield_now().await;
                sits.send(()).unwrap();
                sleep(ms(100)).await;
            });
        });
        sitting.recv().unwrap();
        let second = runtime.clone();
        let second = thread::spawn(move || {
            second.block_on(async move {
                yield_now().await;
                polls.send(()).unwrap();
                released.recv_timeout(TOO_LATE).is_ok()
            })
        });
        polling.recv().unwrap();
        runtime.block_on(runtime.spawn(sleep(ms(150)))).unwrap();
        release.send(()).ok();
        assert!(second.join().unwrap(), "the seat was kept for a driver that was busy");
        first.join().unwrap();
    });
}

#[test]
fn a_second_block_on_does_not_wait_for_the_poll_of_the_first() {
    for workers in [1, 2, 4] {
        watched(move || {
            let runtime = Arc::new(Runtime::multi_thread(number(workers)));
            let ((tell, told), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
            let drives = runtime.clone();
            let first = thread::spawn(move || {
                drives.block_on(async move {
                    tell.send(()).unwrap();
                    released.recv_timeout(TOO_LATE).is_ok()
                })
            });
            told.recv().unwrap();
            runtime.block_on(async {});
            let mut yields = 0;
            runtime.block_on(poll_fn(|context| {
                yields += 1;
                context.waker().wake_by_ref();
                if yields > 3 { Poll::Ready(()) } else { Poll::Pending }
            }));
            release.send(()).ok();
            assert!(first.join().unwrap());
        });
    }
}

#[test]
fn the_park_token_of_a_thread_is_left_to_its_user() {
    watched_on_all(|runtime| {
        thread::current().unpark();
        runtime.block_on(async {
            sleep(ms(5)).await;
            let task = spawn(async {
                thread::current().unpark();
                sleep(ms(1)).await;
            });
            task.await.unwrap();
        });
        // It would wait for ever if the token was gone.
        thread::park();
    });
}
