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

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

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
    {
        if !arguments.list && !cluster::is_within() {
            cluster::within();
        }
        if arguments.list || cluster::is_within() {
            tests.extend(races::TESTS);
        }
    }
    let trials = tests.into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Names a folder in the environment in which cells sign for their node, and wait there from the ninth process of a node on, as
/// long as there is a file `hold` in it. So a race is in its middle for as long as a test wants it to be.
const HOLD: &str = "FAULTS_SLURM_HOLD";

/// Serves as the track: two lanes that are sound.
fn track() -> ExitCode {
    let request = io::stdin().lock().fill_buf().map(<[u8]>::to_vec).unwrap_or_default();
    if let Some(folder) =
        env::var_os(HOLD).filter(|_| String::from_utf8_lossy(&request).contains("\"lane\":"))
    {
        wait_in(&PathBuf::from(folder));
    }
    let mut suite = Suite::default();
    suite.enter::<Tokio>();
    suite.enter::<TokioCurrentThread>();
    suite.race::<Tokio, SpawnJoin>("tasks");
    suite.race::<TokioCurrentThread, SpawnJoin>("tasks");
    lane_harness::serve(&suite, &faults::build())
}

fn wait_in(folder: &Path) {
    let node = env::var("SLURMD_NODENAME").unwrap_or_default();
    let cells = folder.join(&node);
    let signed = File::options().create(true).append(true).open(&cells);
    signed.and_then(|mut file| file.write_all(b"a cell\n")).expect("the folder is the test's");
    let number = fs::read_to_string(&cells).map_or(0, |text| text.lines().count());
    while number > 8 && folder.join("hold").exists() {
        fs::write(folder.join(format!("{node}-waits")), "").expect("the folder is the test's");
        thread::sleep(Duration::from_millis(5));
    }
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
