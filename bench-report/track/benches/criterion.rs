//! The cells of the race as Criterion benchmarks:
//! `cargo bench --profile track -p track --bench criterion [-- FILTER]`.
//!
//! For those who like its habits: its report, its baselines (`--save-baseline`, `--baseline`), `--profile-time` for a
//! profiler. The page's figures come from elsewhere, where lanes take their samples in turn; but they are those of the
//! same program. So a benchmark that was not built in the profile `track` has cargo run itself in that one, for whoever
//! forgot it: by then cargo has built all of this in the profile `bench`, in vain.
//!
//! One process runs one executor. So this program starts itself anew for every cell, with the environment that its lane
//! needs and with all arguments; a cell that the filter leaves out ends at once.

use std::{
    env,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use criterion::{Criterion, SamplingMode};
use executor_api::Config;
use lane_harness::{Allocator, OpenCase};
use lane_protocol::{CellId, Class, LaneEntry, Lineup, WorkloadEntry};
use track::{build, lineup::lineup};

/// The allocator of the track, so that this is the same program.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Names the cell of a process that the first one has started.
const CELL: &str = "PHOTOFINISH_CELL";

/// The profile of everything that is measured.
const PROFILE: &str = "track";

/// A run that waits longer is sampled ten times, others a hundred times, as Criterion likes it.
const LONG: Duration = Duration::from_millis(100);

/// The exit code of nonsense on the command line (EX_USAGE of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    match env::var(CELL) {
        Ok(cell) => measure(&cell.parse().expect("this program has written it")),
        Err(_) if build!().profile == PROFILE || !is_read() => start_all(),
        Err(_) => start_in_profile(),
    }
}

/// Tells whether anybody reads the times: cargo says `--bench` if so, and a user may want no more than a test.
fn is_read() -> bool {
    has("--bench") && !has("--test") && !has("--list")
}

fn has(word: &str) -> bool {
    env::args().any(|argument| argument == word)
}

/// Has cargo build this benchmark in the profile of what is measured, and run it with the same arguments.
fn start_in_profile() -> ExitCode {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["bench", "--locked", "--profile", PROFILE, "-p", "track", "--bench", "criterion", "--"]);
    command.args(env::args_os().skip(1).filter(|argument| argument != "--bench"));
    match command.status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: cargo does not start ({error}): it builds what is measured");
            ExitCode::FAILURE
        }
    }
}

/// Starts a process for each cell, one after the other.
fn start_all() -> ExitCode {
    let cells = match cells() {
        Ok(cells) => cells,
        Err(complaint) => {
            eprintln!("error: {complaint}");
            return ExitCode::from(USAGE);
        }
    };
    let mut outcome = ExitCode::SUCCESS;
    for (cell, environment) in cells {
        let mut command = Command::new(env::current_exe().expect("a benchmark knows its program"));
        command.args(env::args_os().skip(1)).envs(environment).env(CELL, cell.to_string());
        // Or Criterion would ask cargo for its folder, in each process anew.
        command.env("CRITERION_HOME", home());
        match command.status() {
            Ok(status) if status.success() => {}
            _ => outcome = ExitCode::FAILURE,
        }
    }
    outcome
}

/// A cell, and the variables that its process needs.
type Start = (CellId, Vec<(String, String)>);

/// Returns the cell after `--exact`, whatever its size and threads, or every cell of a default run; of a test the smallest
/// ones, because all of them take a minute and more.
///
/// Whoever runs the tests of a workspace gives the name of one to every program: without `--bench` it may be no cell.
fn cells() -> Result<Vec<Start>, String> {
    let mut arguments = env::args().skip_while(|argument| argument != "--exact").skip(1);
    let Some(exact) = arguments.next() else { return Ok(all_cells(!is_read() && !has("--list"))) };
    let found = exact.parse().and_then(|cell: CellId| {
        let lineup = lineup().lineup(&build!(), &[cell.threads]);
        check(&lineup, &cell).map(|()| (cell, lineup))
    });
    let (cell, lineup) = match found {
        Ok(found) => found,
        Err(_) if !has("--bench") => return Ok(Vec::new()),
        Err(complaint) => return Err(complaint),
    };
    let environment = lineup.lane(&cell.executor).map(|lane| environment(lane, cell.threads));
    Ok(vec![(cell, environment.unwrap_or_default())])
}

fn all_cells(is_test: bool) -> Vec<Start> {
    let mut threads = vec![1, thread::available_parallelism().map_or(1, NonZeroUsize::get)];
    threads.dedup();
    if is_test {
        threads.truncate(1);
    }
    let lineup = lineup().lineup(&build!(), &threads);
    let mut all = Vec::new();
    for workload in &lineup.workloads {
        for &size in if is_test { &workload.sizes[..workload.sizes.len().min(1)] } else { &workload.sizes } {
            for &threads in &threads {
                for lane in &lineup.lanes {
                    let executor = lane.name.clone();
                    let cell = CellId { workload: workload.name.clone(), size, threads, executor };
                    if check(&lineup, &cell).is_ok() {
                        all.push((cell, environment(lane, threads)));
                    }
                }
            }
        }
    }
    all
}

fn environment(lane: &LaneEntry, threads: usize) -> Vec<(String, String)> {
    lane.environment.get(&threads).cloned().unwrap_or_default()
}

/// Refuses a cell that there is not.
fn check(lineup: &Lineup, cell: &CellId) -> Result<(), String> {
    let named = |what: &str, name: &str, names: Vec<&str>| {
        format!("no {what} `{name}`; there are {}", names.join(", "))
    };
    let workload = lineup.workload(&cell.workload).ok_or_else(|| {
        named("workload", &cell.workload, lineup.workloads.iter().map(|workload| &*workload.name).collect())
    })?;
    let lane = lineup.lane(&cell.executor).ok_or_else(|| {
        named("executor", &cell.executor, lineup.lanes.iter().map(|lane| &*lane.name).collect())
    })?;
    if cell.threads == 0 || cell.size == 0 && !has_size_0(workload) {
        return Err(format!("{cell}: a cell has a size and threads, 1 or more"));
    }
    if lane.command.is_some() {
        return Err(format!("{cell}: {} is a program, which Criterion cannot measure", lane.name));
    }
    if let Some(reason) = &lane.refused {
        return Err(format!("{cell}: {reason}"));
    }
    if lane.class == Class::CurrentThread && cell.threads > 1 {
        return Err(format!("{cell}: {} runs on one thread only", lane.name));
    }
    if !lineup.pairs(&workload.name, &lane.name) {
        return Err(format!("{cell}: {} needs {}", workload.name, workload.needs));
    }
    Ok(())
}

fn has_size_0(workload: &WorkloadEntry) -> bool {
    workload.sizes.iter().chain(&workload.full_sizes).any(|&size| size == 0)
}

/// Returns the folder of Criterion's files: `criterion` in the target folder that this program was built into.
fn home() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    // Cargo marks its target folder for backup programs.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new("target")).join("criterion")
}

/// Measures a cell, if the arguments let it.
fn measure(cell: &CellId) -> ExitCode {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let mut group = criterion.benchmark_group(&cell.workload);
    // A sample is as long as the next, as on the page.
    group.sampling_mode(SamplingMode::Flat);
    let name = format!("{}/t{}/{}", cell.size, cell.threads, cell.executor);
    let mut case: Option<OpenCase> = None;
    let specification = lineup().specification(&cell.into());
    if specification.is_ok_and(|run| run.ideal() >= LONG) {
        group.sample_size(10);
    }
    group.bench_function(name, |bencher| {
        // Only now is it known that the filter lets the cell run.
        let case = case.get_or_insert_with(|| open(cell));
        bencher.iter_custom(|iterations| {
            let sample = case.sample(iterations).unwrap_or_else(|complaint| panic!("{cell}: {complaint}"));
            Duration::from_nanos(sample.wall_ns)
        });
    });
    group.finish();
    ExitCode::SUCCESS
}

/// Starts the executor, prepares the workload and checks its answer and its work.
fn open(cell: &CellId) -> OpenCase {
    let threads = NonZeroUsize::new(cell.threads).expect("it was checked");
    let opened = lineup().open(&cell.workload, &cell.executor, &Config::new(threads), cell.size);
    let case = opened.unwrap_or_else(|complaint| panic!("{cell}: {complaint}"));
    case.prove().unwrap_or_else(|complaint| panic!("{cell}: {complaint}"));
    case
}
