//! Races on a real cluster: Slurm's controller and two nodes of it on this machine, for the length of a test.
//!
//! This program is several, as the tests of `main.rs` are: the lab if the environment says so and there is a command, the track
//! without arguments, else the tests. These start themselves anew in a space of processes and of mounts of their own, whose first
//! process they are: when it ends, however it ends, the kernel ends all that is in it.
//!
//! `scripts/install-slurm` installs what they need; without it, or without being root, a line says that they are skipped.

#[cfg(target_os = "linux")]
#[path = "slurm/cluster.rs"]
mod cluster;
#[cfg(target_os = "linux")]
#[path = "slurm/races.rs"]
mod races;
#[path = "slurm/script.rs"]
mod script;

use std::{env, process::ExitCode};

use executor_tokio::{Tokio, TokioCurrentThread};
use lane_harness::{Allocator, Suite};
use libtest_mimic::{Arguments, Trial};
use spawn_join::SpawnJoin;

/// A track needs it to count allocations.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// With this in the environment this program is the lab, or the track.
const ROLE: &str = "FAULTS_SLURM_ROLE";

fn main() -> ExitCode {
    match env::args().nth(1) {
        Some(_) if env::var_os(ROLE).is_some() => return bench_report::main(),
        None if env::var_os(ROLE).is_some() => return track(),
        _ => {}
    }
    let mut arguments = Arguments::from_args();
    // Two clusters would have each other's processes.
    arguments.test_threads = Some(1);
    let mut tests = script::TESTS.to_vec();
    #[cfg(target_os = "linux")]
    if !arguments.list {
        if !cluster::is_within()
            && let Some(code) = cluster::within()
        {
            return code;
        }
        if cluster::is_within() {
            tests.extend(races::TESTS);
        }
    } else {
        tests.extend(races::TESTS);
    }
    let trials = tests.into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Serves as the track: two lanes that are sound.
fn track() -> ExitCode {
    let mut suite = Suite::default();
    suite.enter::<Tokio>();
    suite.enter::<TokioCurrentThread>();
    suite.race::<Tokio, SpawnJoin>("tasks");
    suite.race::<TokioCurrentThread, SpawnJoin>("tasks");
    lane_harness::serve(&suite, &faults::build())
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
