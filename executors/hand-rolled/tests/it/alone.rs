//! Tests in a process of their own: those that take memory away from their process, or fork it.

#![expect(unsafe_code, reason = "std has no call for a limit of memory, nor for a fork")]

use std::{
    any::type_name,
    env, fs,
    io::Read,
    process::{self, Command, Stdio},
    thread,
    time::Instant,
};

use crate::{PATIENCE, SLOWNESS, ms, wait_until};

/// Names, for a process of its own, the test that it runs.
const ALONE: &str = "HAND_ROLLED_ALONE";

unsafe extern "C" {
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn alarm(seconds: u32) -> u32;
    fn _exit(code: i32) -> !;
}

/// Runs a closure of a test in a process that runs this test alone, and panics if it panics, dies or hangs.
///
/// Tools that watch memory need more of it than such a test leaves them; under these it does nothing.
pub(crate) fn alone<F: FnOnce()>(body: F) {
    if SLOWNESS > 1 {
        return;
    }
    // The type of the closure has the name of its test in it, after that of the crate.
    let path = type_name::<F>();
    let name = path.split_once("::").and_then(|(_, path)| path.strip_suffix("::{{closure}}")).unwrap();
    if env::var(ALONE).is_ok_and(|alone| alone == name) {
        return body();
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, name)
        // A thread that is refused must not find the stack of one that has ended.
        .env("GLIBC_TUNABLES", "glibc.pthread.stack_cache_size=0")
        // A panic that prints where it was needs memory, of which there is none to spare.
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut error) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |stream: &mut dyn Read| {
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let outputs = [thread::spawn(move || read(&mut out)), thread::spawn(move || read(&mut error))];
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if begun.elapsed() > PATIENCE => break None,
            None => thread::sleep(ms(5)),
        }
    };
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let [out, error] = outputs.map(|output| output.join().unwrap());
    let ended = status.is_some_and(|status| status.success()) && out.contains("1 passed");
    let how = status.map_or_else(|| "hung".into(), |status| status.to_string());
    assert!(ended, "the process of {name}: {how}\n{out}\n{error}");
}

/// Has the system refuse threads from now on: there is no room for the stack of more than `threads`.
pub(crate) fn refuse_threads_after(threads: u64) {
    // A thread that is about to start needs memory for its signals.
    wait_until(|| running_threads() == 1);
    // The stack, its guard, and the one for signals.
    let of_thread = (2 << 20) + (64 << 10);
    // Too little for one more, and enough for the rest of the test.
    limit_memory(memory() + threads * of_thread + (1 << 20));
}

/// Has the system give threads again.
pub(crate) fn give_threads() {
    limit_memory(u64::MAX);
}

/// Returns the number of threads of this process.
pub(crate) fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Returns the number of threads of this process that do not sleep.
fn running_threads() -> usize {
    let states = fs::read_dir("/proc/self/task").unwrap().filter_map(|thread| {
        // It may have ended by now.
        let status = fs::read_to_string(thread.unwrap().path().join("stat")).ok()?;
        status.rsplit(") ").next()?.chars().next()
    });
    states.filter(|state| *state != 'S').count()
}

/// Runs `body` in a child of this process that has a copy of its memory and one thread, and panics if it
/// panics, dies or hangs.
pub(crate) fn in_fork(body: impl FnOnce()) {
    // A lock that another thread holds at that moment would stay locked in the child.
    wait_until(|| running_threads() == 1);
    // SAFETY: the child uses what the standard library, the allocator and this crate have a child use.
    let child = unsafe { fork() };
    if child == 0 {
        // SAFETY: it ends this process, if that is still there by then.
        unsafe { alarm(PATIENCE.as_secs() as u32 / 2) };
        let ended = panic_free(body);
        // SAFETY: it only ends the process, and none of the other tests.
        unsafe { _exit(i32::from(!ended)) }
    }
    let mut status = 0;
    // SAFETY: the pointer is good.
    assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child panicked, died or hung");
}

/// Returns true if `body` does not panic. A panic has been reported by then.
fn panic_free(body: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok()
}

/// Returns the size of the memory of this process, in bytes.
fn memory() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    pages * 4096
}

/// Limits the size of the memory.
fn limit_memory(bytes: u64) {
    const ADDRESS_SPACE: i32 = 9;
    // SAFETY: the pointer is good.
    let done = unsafe { setrlimit(ADDRESS_SPACE, &[bytes, u64::MAX]) };
    assert_eq!(done, 0, "process {} could not be limited", process::id());
}
