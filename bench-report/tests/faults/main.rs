//! What goes wrong in a run, for real: cells that panic, hang, die, lie or talk rubbish; interruptions; bad input.
//!
//! This program is several. With a command of `bench-report` it is that program with the lineup of `lanes`, or that of
//! `mutants` or `foreign` if the environment says so. With another argument it is a lane of the latter. Else it runs the
//! tests, each of which starts it as one of the former.

mod bad_cells;
mod bad_input;
mod counts;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod gate;
mod interruption;
mod lanes;
mod mutants;
mod rounds;
mod run;

use std::{alloc::System, env, process::ExitCode};

use bench_report::{program::Program, race::WORKER, suite::Suite};
use libtest_mimic::{Arguments, Trial};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// This program is also the one that counts.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("run" | "check" | "report" | "list" | "export" | "compare" | "gate" | "check-lane") => {
            counts::with_counting_program(Program::new(lineup())).measuring_debug_builds().main()
        }
        Some(argument) if argument == WORKER => lanes::work(),
        #[cfg(target_os = "linux")]
        Some(foreign::PEER) => foreign::misbehave(),
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
    }
}

/// The lineup that the environment chooses, which the processes of cells inherit.
fn lineup() -> Suite {
    #[cfg(target_os = "linux")]
    if let Ok(programs) = env::var(foreign::CHOSEN) {
        return foreign::lineup(&programs);
    }
    if env::var_os(mutants::CHOSEN).is_some() { mutants::lineup() } else { lanes::lineup() }
}

fn trials() -> Vec<Trial> {
    let mut tests = [bad_cells::TESTS, bad_input::TESTS, counts::TESTS, mutants::TESTS, run::TESTS].concat();
    // They look for processes in /proc, as what they test looks for threads.
    if cfg!(target_os = "linux") {
        tests.extend(interruption::TESTS);
        tests.extend(mutants::LINUX_TESTS);
        tests.extend(rounds::TESTS);
        tests.extend(counts::LINUX_TESTS);
    }
    #[cfg(target_os = "linux")]
    tests.extend([gate::TESTS, foreign::TESTS].concat());
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
