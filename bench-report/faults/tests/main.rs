//! Tests of runs in which something goes wrong, for real: cells that panic, hang, die, lie or talk rubbish;
//! interruptions; bad input.
//!
//! This program is several. It is the lab if the environment says so, and there is a command. Without arguments it is a
//! track, if the environment says which: of the lineup of `lanes`, of `mutants`, of `foreign`, of `grain` or of `sockets`, or one that
//! is broken. With an argument that no test has it is a lane of `foreign` or of `grain`, and with a control group what the lab starts in it. Else it runs
//! the tests, which start it as one of the former.
//! A word alone never makes it the lab: cargo gives every test program the words that choose among tests.

mod bad_cells;
mod bad_input;
#[cfg(target_os = "linux")]
mod conditions;
mod conventions;
#[cfg(unix)]
mod counts;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod gate;
mod grain;
#[cfg(unix)]
mod interruption;
mod lanes;
mod mutants;
#[cfg(target_os = "linux")]
mod others;
mod profiles;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(unix)]
mod rounds;
mod run;
#[cfg(target_os = "linux")]
mod runs;
#[cfg(target_os = "linux")]
mod scarcity;
mod sockets;
#[cfg(unix)]
mod standstill;
#[cfg(target_os = "linux")]
mod terminals;
mod tracks;

use std::{env, process::ExitCode};

use lane_harness::Allocator;
use libtest_mimic::{Arguments, Trial};

/// A track needs it to count allocations.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    match (env::args().nth(1).as_deref(), env::var(tracks::CHOSEN)) {
        #[cfg(target_os = "linux")]
        (Some(foreign::PEER), _) => foreign::misbehave(),
        (Some(grain::LOOPS), _) => grain::loop_over_the_work(),
        (Some("enter"), _) if names_a_control_group() => bench_report::main(),
        (Some(_), _) if env::var_os(run::LAB).is_some() => bench_report::main(),
        (None, Ok(name)) => tracks::serve(&name),
        _ => {
            let mut arguments = Arguments::from_args();
            // A test mostly waits for the processes that it has started.
            arguments.test_threads = arguments.test_threads.or_else(asked_for).or(Some(4));
            libtest_mimic::run(&arguments, trials()).exit_code()
        }
    }
}

/// Tells whether the second word is a file of a control group: then a cell is to be started in it, without the lab's environment.
fn names_a_control_group() -> bool {
    env::args().nth(2).is_some_and(|word| word.ends_with("/cgroup.procs"))
}

/// Returns the number of tests at once that the environment asks for, as of all test programs.
fn asked_for() -> Option<usize> {
    env::var("RUST_TEST_THREADS").ok()?.parse().ok()
}

fn trials() -> Vec<Trial> {
    let mut tests = [
        bad_cells::TESTS,
        bad_input::TESTS,
        conventions::TESTS,
        grain::TESTS,
        mutants::TESTS,
        profiles::TESTS,
        run::TESTS,
        sockets::TESTS,
        tracks::TESTS,
    ]
    .concat();
    #[cfg(unix)]
    tests.extend([bad_cells::UNIX_TESTS, counts::TESTS].concat());
    // They look for processes in /proc, as what they test looks for threads.
    if cfg!(target_os = "linux") {
        tests.extend(mutants::LINUX_TESTS);
        #[cfg(unix)]
        tests.extend([counts::LINUX_TESTS, interruption::TESTS, rounds::TESTS, standstill::TESTS].concat());
    }
    #[cfg(target_os = "linux")]
    tests.extend(
        [
            conditions::TESTS,
            gate::TESTS,
            foreign::TESTS,
            others::TESTS,
            programs::TESTS,
            runs::TESTS,
            scarcity::TESTS,
            terminals::TESTS,
        ]
        .concat(),
    );
    let trial = |(name, test): (&'static str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    tests.into_iter().map(trial).collect()
}

/// A list of tests under their names.
type Tests = &'static [(&'static str, fn())];

/// Lists functions as tests.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub(crate) const TESTS: crate::Tests = &[$((stringify!($test), $test)),+];
    };
}
pub(crate) use tests;
