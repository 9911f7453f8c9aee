//! The memory of tasks, counted by the allocator of this program: what is kept, by whom, and for how long.

#![expect(unsafe_code, reason = "an allocator implements an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::{pending, poll_fn},
    hint::black_box,
    num::NonZeroUsize,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use hand_rolled::{
    Promise, ReturnWhen, Runtime, Task, as_completed, promise, run, sleep, spawn, spawn_blocking,
    spawn_local, wait, yield_now,
};

/// The system's allocator, which counts the bytes that are allocated, and the allocations.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every method hands its arguments unchanged to `System`, and returns what that returns.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
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

#[test]
fn tasks_from_other_threads_leave_nothing_behind_though_their_spawner_is_kept() {
    on_each_flavour(|runtime| {
        let before = live();
        let spawner = runtime.spawner();
        let threads = [(); 6].map(|()| {
            let spawner = spawner.clone();
            thread::spawn(move || (0..200).map(|_| spawner.spawn(hold::<1>())).collect::<Vec<_>>())
        });
        let tasks = threads.map(|thread| thread.join().unwrap());
        runtime.block_on(async {
            for task in tasks.into_iter().flatten() {
                task.await.unwrap();
            }
        });
        drop(runtime);
        let kept = live() - before.min(live());
        assert!(kept < 64 * KIB, "{kept} bytes are left");
    });
}

/// Promises and their tasks, this many of each.
fn promises(number: usize) -> (Vec<Promise<usize>>, Vec<Task<usize>>) {
    (0..number).map(|_| promise()).unzip()
}

#[test]
fn a_wait_allocates_nothing_for_the_tasks_that_wait_on() {
    on_each_flavour(|runtime| {
        runtime.block_on(async {
            for until in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted] {
                let (promises, tasks) = promises(1000);
                let tasks = wait(tasks, Some(Duration::ZERO), until).await.pending;
                // Half of them wait on, and the other half are done.
                for promise in &promises[..500] {
                    promise.set_result(7).unwrap();
                }
                let before = ALLOCATIONS.load(Relaxed);
                let waited = wait(tasks, Some(Duration::ZERO), until).await;
                let allocations = ALLOCATIONS.load(Relaxed) - before;
                assert_eq!((waited.done.len(), waited.pending.len()), (500, 500));
                assert!(allocations < 50, "{allocations} allocations");
            }
        });
    });
}

/// Counts the polls and the allocations of a loop that takes this many tasks one by one, as they end.
fn cost_of(
    runtime: &Runtime,
    number: usize,
    take_all: impl AsyncFnOnce(Vec<Promise<usize>>, Vec<Task<usize>>),
) -> [usize; 2] {
    let (promises, tasks) = promises(number);
    let before = [runtime.metrics().polls as usize, ALLOCATIONS.load(Relaxed)];
    runtime.block_on(async {
        spawn(yield_now()).await.unwrap();
        take_all(promises, tasks).await;
    });
    let after = [runtime.metrics().polls as usize, ALLOCATIONS.load(Relaxed)];
    [after[0] - before[0], after[1] - before[1]]
}

/// Asserts that each task costs a few polls and allocations, however many there are.
fn is_linear(runtime: &Runtime, take_all: impl AsyncFn(Vec<Promise<usize>>, Vec<Task<usize>>)) {
    for number in [500, 2000] {
        for cost in cost_of(runtime, number, &take_all) {
            // Not by the ratio of the two: on several workers a task that has ended already costs less.
            assert!(cost < 4 * number, "{cost} for {number} tasks");
        }
    }
}

#[test]
fn to_take_tasks_as_they_end_costs_something_for_each_task_once() {
    on_each_flavour(|runtime| {
        is_linear(&runtime, async |promises: Vec<Promise<usize>>, tasks| {
            let mut ended = as_completed(tasks);
            for (number, promise) in promises.into_iter().enumerate() {
                spawn(async move { promise.set_result(number).unwrap() });
                assert_eq!(ended.next().await.unwrap().await, Ok(number));
            }
            assert!(ended.next().await.is_none());
        });
    });
}

#[test]
fn a_loop_of_waits_polls_and_allocates_for_each_task_once() {
    on_each_flavour(|runtime| {
        is_linear(&runtime, async |promises: Vec<Promise<usize>>, mut tasks| {
            for (number, promise) in promises.into_iter().enumerate() {
                spawn(async move { promise.set_result(number).unwrap() });
                let waited = wait(tasks, None, ReturnWhen::FirstCompleted).await;
                assert_eq!(waited.done.len(), 1);
                tasks = waited.pending;
            }
            assert!(tasks.is_empty());
        });
    });
}

#[test]
fn tasks_that_come_and_go_leave_nothing_in_a_set() {
    on_each_flavour(|runtime| {
        runtime.block_on(async {
            let mut ended = as_completed((0..10).map(|number| spawn(async move { number })));
            let turns = async |ended: &mut hand_rolled::AsCompleted<u64>, number: u64| {
                for number in 0..number {
                    ended.push(spawn(async move { number }));
                    ended.next().await.unwrap().await.unwrap();
                }
            };
            turns(&mut ended, 1000).await;
            let before = live();
            turns(&mut ended, 20_000).await;
            assert_eq!(ended.len(), 10);
            assert!(live() < before + 100 * KIB, "{} bytes are left", live() - before);
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_keeps_its_buffer_and_its_ticket_and_nothing_twice() {
    let (one, _other) = hand_rolled::net::UnixStream::pair().unwrap();
    let mut buffer = [0; 8];
    assert!(size_of_val(&one.read(&mut buffer)) <= 48);
    assert!(size_of_val(&one.write(&buffer)) <= 48);
    assert!(size_of_val(&one.write_all(&buffer)) <= 144);
}

#[test]
fn the_room_of_timers_and_of_the_queue_goes_back_while_the_runtime_runs() {
    on_each_flavour(|runtime| {
        let before = live();
        (0..200_000).for_each(|_| drop(runtime.spawn(async {})));
        runtime.block_on(async {
            let mut sleeps: Vec<_> = (0..200_000).map(|_| sleep(Duration::from_secs(3600))).collect();
            poll_fn(|context| {
                sleeps.iter_mut().for_each(|sleep| assert!(Pin::new(sleep).poll(context).is_pending()));
                Poll::Ready(())
            })
            .await;
            drop(sleeps);
            while live().saturating_sub(before) > MIB {
                sleep(Duration::from_millis(20)).await;
            }
        });
    });
}

#[test]
fn the_room_of_local_tasks_and_of_jobs_goes_back_while_the_runtime_runs() {
    on_each_flavour(|runtime| {
        drop(runtime);
        let runtime = Runtime::builder().max_blocking_threads(NonZeroUsize::MIN).build();
        let before = live();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..100_000).map(|_| spawn_local(yield_now())).collect();
            let jobs: Vec<_> = (0..100_000).map(|_| spawn_blocking(|| ())).collect();
            for task in tasks.into_iter().chain(jobs) {
                task.await.unwrap();
            }
            while live().saturating_sub(before) > MIB {
                sleep(Duration::from_millis(20)).await;
            }
        });
    });
}
