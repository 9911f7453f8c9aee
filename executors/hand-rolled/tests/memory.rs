//! The memory of tasks, counted by the allocator of this program: what is kept, by whom, and for how long.

#![expect(unsafe_code, reason = "an allocator implements an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::{pending, poll_fn},
    hint::black_box,
    num::NonZeroUsize,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use hand_rolled::{Runtime, Task, run, sleep, spawn, yield_now};

/// The system's allocator, which counts the bytes that are allocated.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every method hands its arguments unchanged to `System`, and returns what that returns.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// The bytes that the runtime allocates at once for chunks, and a little for the rest of the process.
const CHUNKS: usize = 256 * KIB + 64 * KIB;
/// The time that a test may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the number of bytes that are allocated.
fn live() -> usize {
    LIVE.load(Relaxed)
}

/// Runs a test's body with an event loop, then with several numbers of workers, while no other test runs.
fn on_each_flavour(body: fn(Runtime)) {
    let _alone: MutexGuard<'_, ()> = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    static ALONE: Mutex<()> = Mutex::new(());
    for workers in [0, 1, 2, 4, 8] {
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = NonZeroUsize::new(workers);
            body(runtime.map_or_else(Runtime::current_thread, Runtime::multi_thread));
            ended.send(()).ok();
        });
        let outcome = end.recv_timeout(PATIENCE);
        assert_ne!(outcome, Err(mpsc::RecvTimeoutError::Timeout), "{workers} workers hang");
        assert!(thread.join().is_ok(), "with {workers} workers");
    }
}

/// Runs this number of tasks of 4 KiB, all alive at once.
async fn run_many(number: usize) {
    let work = || spawn(hold::<4>());
    let tasks: Vec<_> = (0..number).map(|_| work()).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Holds so many KiB over a suspension.
async fn hold<const KIBS: usize>() {
    let array = [[1_u8; KIB]; KIBS];
    yield_now().await;
    black_box(&array);
}

/// Spawns a task that sends its waker out and ends.
fn waker_of_a_task() -> (Task<()>, mpsc::Receiver<Waker>) {
    let (send, waker) = mpsc::channel();
    let task = spawn(poll_fn(move |context| {
        send.send(context.waker().clone()).unwrap();
        Poll::Ready(())
    }));
    (task, waker)
}

#[test]
fn a_stale_waker_keeps_at_most_its_chunk() {
    on_each_flavour(|runtime| {
        let before = live();
        let waker = runtime.block_on(async {
            let (task, waker) = waker_of_a_task();
            task.await.unwrap();
            run_many(2000).await;
            waker.recv().unwrap()
        });
        assert!(live() - before > 4 * MIB);
        drop(runtime);
        let kept = live() - before.min(live());
        assert!(kept < CHUNKS, "{kept} bytes are kept");
        waker.wake_by_ref();
        drop(waker);
        let kept = live() - before.min(live());
        assert!(kept < 32 * KIB, "{kept} bytes are left");
    });
}

#[test]
fn a_finished_task_keeps_at_most_its_chunk_and_its_output_is_there() {
    on_each_flavour(|runtime| {
        let before = live();
        let task = runtime.spawn(async { vec![7] });
        runtime.block_on(run_many(2000));
        drop(runtime);
        let kept = live() - before.min(live());
        assert!(kept < CHUNKS, "{kept} bytes are kept");
        assert_eq!(run(task), Ok(vec![7]));
    });
}

#[test]
fn runtimes_that_have_ended_keep_a_chunk_for_each_stale_waker() {
    on_each_flavour(|runtime| {
        drop(runtime);
        let before = live();
        let wakers: Vec<Waker> = (0..10)
            .map(|_| {
                run(async {
                    let (task, waker) = waker_of_a_task();
                    task.await.unwrap();
                    run_many(1000).await;
                    waker.recv().unwrap()
                })
            })
            .collect();
        let kept = live() - before;
        assert!(kept < 10 * CHUNKS, "{kept} bytes are kept");
        drop(wakers);
        let kept = live() - before.min(live());
        assert!(kept < 32 * KIB, "{kept} bytes are left");
    });
}

#[test]
fn tasks_of_one_size_after_the_other_need_no_more_than_the_largest() {
    on_each_flavour(|runtime| {
        async fn phase<const KIBS: usize>() {
            let tasks: Vec<_> = (0..2000).map(|_| spawn(hold::<KIBS>())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
        let before = live();
        PEAK.store(before, Relaxed);
        runtime.block_on(async {
            phase::<1>().await;
            phase::<2>().await;
            phase::<3>().await;
            phase::<4>().await;
            phase::<5>().await;
            phase::<6>().await;
            phase::<7>().await;
            phase::<8>().await;
            phase::<9>().await;
            phase::<10>().await;
            phase::<11>().await;
            phase::<12>().await;
            phase::<13>().await;
            phase::<14>().await;
            phase::<15>().await;
        });
        let peak = PEAK.load(Relaxed) - before;
        // The largest takes 500 chunks. Of each size before, workers keep a few cells.
        assert!(peak < 36 * MIB, "{} KiB at most", peak / KIB);
    });
}

#[test]
fn memory_that_nobody_needs_goes_back_while_the_runtime_runs() {
    on_each_flavour(|runtime| {
        let before = live();
        runtime.block_on(async {
            run_many(4000).await;
            let peak = live() - before;
            assert!(peak > 8 * MIB);
            while live() - before > 2 * MIB {
                sleep(Duration::from_millis(20)).await;
            }
        });
    });
}

#[test]
fn a_sleeping_task_takes_little_memory() {
    const TASKS: usize = 50_000;
    on_each_flavour(|runtime| {
        let limit = if format!("{runtime:?}").contains("CurrentThread") { 112 } else { 128 };
        runtime.block_on(async {
            static ASLEEP: AtomicUsize = AtomicUsize::new(0);
            ASLEEP.store(0, Relaxed);
            let before = live();
            for _ in 0..TASKS {
                drop(spawn(async {
                    ASLEEP.fetch_add(1, Relaxed);
                    sleep(Duration::from_secs(3600)).await;
                }));
            }
            while ASLEEP.load(Relaxed) < TASKS {
                sleep(Duration::from_millis(10)).await;
            }
            let bytes = (live() - before) / TASKS;
            assert!(bytes <= limit, "{bytes} bytes a task");
        });
    });
}

#[test]
fn tasks_that_never_end_leave_nothing_behind() {
    on_each_flavour(|runtime| {
        let before = live();
        runtime.block_on(async {
            drop((0..1000).map(|_| spawn(pending::<()>())).collect::<Vec<_>>());
            yield_now().await;
        });
        drop(runtime);
        let kept = live() - before.min(live());
        assert!(kept < 32 * KIB, "{kept} bytes are left");
    });
}
