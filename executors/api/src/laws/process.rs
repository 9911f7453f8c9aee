//! Runs a law in a process of its own, with a watchdog.

use std::{
    env,
    io::Read,
    num::NonZeroUsize,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Class, Config, Executor};

use super::PATIENCE;

/// Tells a test that it is the process of its law, and the number of threads to use.
const THREADS: &str = "EXECUTOR_LAW_THREADS";

/// The number of descriptors of a law's process, so that a law can use them up.
pub(super) const DESCRIPTORS: usize = 512;

/// The time after which a law counts as hanging: it should have given up by itself after [`PATIENCE`].
const DEADLINE: Duration = Duration::from_secs(3 * PATIENCE.as_secs());

/// Runs `law` once for each number of threads, each time in a new process that runs the test named `test`; not at all if the
/// executor is [refused](Executor::refused), which a line then says.
///
/// # Panics
///
/// If the law is broken or hangs; the message includes the output of the process.
pub fn check<E: Executor>(test: &str, law: fn(&Config)) {
    check_within::<E>(test, law, DEADLINE);
}

/// Does the same as [`check`], but treats the law as hanging after `deadline`.
///
/// # Panics
///
/// If the law is broken or hangs; the message includes the output of the process.
pub fn check_within<E: Executor>(test: &str, law: fn(&Config), deadline: Duration) {
    if let Ok(threads) = env::var(THREADS) {
        let threads = threads.parse().expect("a law's process is given its number of threads");
        return law(&Config::new(threads));
    }
    // A test cannot be ignored once it runs.
    if let Some(reason) = E::refused() {
        eprintln!("{test} is not checked: {reason}");
        return;
    }
    let counts: &[usize] = match E::ABOUT.class {
        Class::CurrentThread => &[1],
        Class::MultiThread => &[1, 3],
    };
    for &threads in counts {
        let threads = NonZeroUsize::new(threads).expect("the counts above");
        if let Err(complaint) = run_in_process::<E>(test, &Config::new(threads), deadline) {
            panic!("{test} with {threads} threads: {complaint}");
        }
    }
}

/// Returns true in the process of a law.
pub fn is_alone() -> bool {
    env::var_os(THREADS).is_some()
}

fn run_in_process<E: Executor>(test: &str, config: &Config, deadline: Duration) -> Result<(), String> {
    // The test harness names tests without the crate that `module_path!` begins with.
    let name = test.split_once("::").map_or(test, |(_, name)| name);
    let mut child = with_few_descriptors(&env::current_exe().expect("a test knows its own program"))
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(THREADS, config.threads.to_string())
        .envs(E::environment(config))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a test can start itself again");
    let stdout = read_aside(child.stdout.take().expect("piped above"));
    let stderr = read_aside(child.stderr.take().expect("piped above"));

    let start = Instant::now();
    let status = loop {
        match child.try_wait().expect("the law's process is our child") {
            Some(status) => break Some(status),
            None if start.elapsed() > deadline => {
                // An error means that it has ended in the meantime.
                child.kill().ok();
                child.wait().expect("the law's process is our child");
                break None;
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let printed =
        stdout.join().expect("reading does not panic") + &stderr.join().expect("reading does not panic");
    match status {
        None => Err(format!("hangs: no end after {deadline:?}\n{printed}")),
        Some(status) if !status.success() => Err(format!("broken ({status})\n{printed}")),
        Some(_) if !printed.contains("1 passed") => {
            Err(format!("did not run: is `{name}` its name?\n{printed}"))
        }
        Some(_) => Ok(()),
    }
}

/// Starts a program that can open few files. Only a shell can say so, without a dependency or unsafe code.
fn with_few_descriptors(program: &Path) -> Command {
    if !cfg!(unix) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"")]).arg(program);
    command
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // An error only shortens the message.
        pipe.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
