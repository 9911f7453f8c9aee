//! A system that refuses threads: handles and wakers stay valid, however a runtime came to its end.
//!
//! Each case runs in a process of its own, which is this program again: what it limits is limited for good.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "std has no limit for the memory of a process")]

use std::{
    env, fs,
    future::poll_fn,
    num::NonZeroUsize,
    process::{self, Command, Stdio},
    sync::{Arc, mpsc},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, Task};

/// The time that a case may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tells a process which case it is.
const CASE: &str = "HAND_ROLLED_CASE";

/// Runs a case in a process of its own, which must end well; `name` is that of the test.
fn in_a_process(name: &str, case: impl FnOnce()) {
    if env::var(CASE).is_ok_and(|given| given == name) {
        case();
        process::exit(0);
    }
    let mut process = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CASE, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return assert!(status.success(), "{name}: {status}");
        }
        if start.elapsed() > PATIENCE {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("{name} hangs");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Has the system refuse threads: there is no room for the stack of one.
fn refuse_threads() {
    unsafe extern "C" {
        fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
    }
    const ADDRESS_SPACE: i32 = 9;
    let pages: u64 =
        fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    // SAFETY: the limit is a pair of numbers, as the call has it on a system of 64 bits.
    let failed = unsafe { setrlimit(ADDRESS_SPACE, &[pages * 4096 + (1 << 20), u64::MAX]) };
    assert_eq!(failed, 0);
}

/// Returns a runtime with this number of workers, or an event loop.
fn runtime(workers: usize) -> Arc<Runtime> {
    Arc::new(NonZeroUsize::new(workers).map_or_else(Runtime::current_thread, Runtime::multi_thread))
}

/// Uses a task that may be over in every way there is.
fn use_up(task: Task<()>) {
    for _ in 0..100 {
        task.done();
        task.cancelled();
        task.add_done_callback(|_| {});
        thread::sleep(Duration::from_millis(2));
    }
    task.cancel();
    task.exception().ok();
    task.result().ok();
}

/// A job has the last reference to its runtime.
fn end_in_a_job(workers: usize) {
    let runtime = runtime(workers);
    let (own, (go, told)) = (runtime.clone(), mpsc::channel::<()>());
    let (runs, running) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        runs.send(()).unwrap();
        told.recv().ok();
        drop(own);
    });
    running.recv().unwrap();
    let suspended = runtime.spawn(std::future::pending());
    drop(runtime);
    refuse_threads();
    go.send(()).unwrap();
    use_up(job);
    use_up(suspended);
}

#[test]
fn a_handle_is_good_after_an_event_loop_that_could_not_end_in_a_job() {
    in_a_process("a_handle_is_good_after_an_event_loop_that_could_not_end_in_a_job", || end_in_a_job(0));
}

#[test]
fn a_handle_is_good_after_two_workers_that_could_not_end_in_a_job() {
    in_a_process("a_handle_is_good_after_two_workers_that_could_not_end_in_a_job", || end_in_a_job(2));
}

#[test]
fn a_handle_and_a_waker_are_good_after_a_runtime_that_could_not_end_in_a_task() {
    in_a_process("a_handle_and_a_waker_are_good_after_a_runtime_that_could_not_end_in_a_task", || {
        let runtime = runtime(2);
        let (own, (go, told)) = (runtime.clone(), mpsc::channel::<()>());
        let (send, waker) = mpsc::channel();
        let mut own = Some(own);
        let task = runtime.spawn(poll_fn(move |context| {
            send.send(context.waker().clone()).unwrap();
            told.recv().ok();
            drop(own.take());
            Poll::Ready(())
        }));
        let waker = waker.recv().unwrap();
        drop(runtime);
        refuse_threads();
        go.send(()).unwrap();
        use_up(task);
        waker.wake_by_ref();
        waker.wake();
    });
}
