//! The command line: what it takes, what it refuses, and how a run goes from plan to page.

use std::{
    env,
    ffi::OsString,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use criterion::Criterion;
use jiff::Timestamp;

use crate::{
    facts, page,
    plan::Plan,
    process::{Launcher, Trouble},
    protocol::{CellId, Sampling},
    race::{self, Ending, Folder},
    results::{Profile, Results, Status},
    selection::{self, Selection},
    suite::Suite,
    terminal::{self, Bar},
    worker,
};

/// The program over one lineup.
pub struct Program {
    suite: Suite,
    measures_debug_builds: bool,
}

/// How the program ends.
mod exit {
    /// All is well.
    pub(super) const OK: u8 = 0;
    /// What was asked for could not be done.
    pub(super) const ERROR: u8 = 1;
    /// A cell failed.
    pub(super) const CELL_FAILED: u8 = 2;
    /// What was asked for makes no sense (EX_USAGE of sysexits.h).
    pub(super) const USAGE: u8 = 64;
    /// Ctrl-C, as a shell says it.
    pub(super) const INTERRUPTED: u8 = 130;
}

/// `cargo bench`.
#[derive(Parser)]
#[command(name = "cargo bench --", about = "Races the executors and writes one HTML page.", version)]
struct Bench {
    #[command(flatten)]
    run: RunArguments,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// `bench-report`.
#[derive(Parser)]
#[command(name = "bench-report", about = "Races executors and writes one HTML page.", version)]
struct BenchReport {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Runs the race, as `cargo bench` does
    Run(RunArguments),
    /// Checks the answer and the work of every cell, without measuring
    Check(CheckArguments),
    /// Draws the page again from results
    Report(ReportArguments),
    /// Lists the cells of a default run
    List(SelectionArguments),
}

#[derive(Args)]
struct RunArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// How many processes each cell has, each in a block of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    blocks: Option<u32>,
    /// What the order of the cells is drawn from
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the results go [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep the results as saved/NAME.json too
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    save: Option<String>,
    /// How long the process of one cell may take
    #[arg(long, value_name = "SECONDS", default_value_t = race::TIME_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    /// List the cells and measure nothing
    #[arg(long)]
    list: bool,
    /// Run one cell in this process, for a profiler: WORKLOAD/SIZE/tTHREADS/EXECUTOR
    #[arg(long, value_name = "CELL", conflicts_with_all = ["list", "resume"])]
    exact: Option<CellId>,
    /// Go on with the newest run, which was interrupted
    #[arg(long, conflicts_with_all = ["list", "filters", "quick", "full", "executors", "workloads", "threads", "sizes", "blocks", "seed"])]
    resume: bool,
}

/// Which cells.
#[derive(Args, Clone)]
pub struct SelectionArguments {
    /// Only cells whose name has one of these in it; a name is WORKLOAD/SIZE/tTHREADS/EXECUTOR
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Smallest sizes and few blocks: a minute at most
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// All sizes and many blocks
    #[arg(long)]
    pub full: bool,
    /// Only these lanes
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub executors: Vec<String>,
    /// Only these workloads
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Numbers of workers [default: 1 and the number of processors]
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    pub threads: Vec<NonZeroUsize>,
    /// Sizes of every workload [default: its own]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    pub sizes: Vec<u64>,
}

#[derive(Args)]
struct CheckArguments {
    #[command(flatten)]
    selection: SelectionArguments,
}

#[derive(Args)]
struct ReportArguments {
    /// The results [default: those of the newest run]
    #[arg(value_name = "RESULTS.JSON")]
    results: Option<PathBuf>,
    /// Where the page goes [default: report.html beside the results]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// What the user got wrong: one line, and the exit code for it.
#[derive(Debug)]
struct Usage(String);

impl Program {
    /// Makes the program that races `suite`.
    pub fn new(suite: Suite) -> Program {
        Program { suite, measures_debug_builds: false }
    }

    /// Lets a build with debug assertions measure: for tests of the program, whose figures nobody reads.
    pub fn measuring_debug_builds(self) -> Program {
        Program { measures_debug_builds: true, ..self }
    }

    /// Runs `cargo bench`, with the arguments of this process.
    pub fn bench(self) -> ExitCode {
        // Cargo starts a benchmark in the folder of its package; whoever typed the command stands above it.
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if workspace.is_dir() {
            env::set_current_dir(workspace).ok();
        }
        self.conclude(|program, arguments| match parse::<Bench>(arguments)? {
            Parsed::Said(code) => Ok(code),
            Parsed::Command(bench) => program.run(bench.run),
        })
    }

    /// Runs `bench-report`, with the arguments of this process.
    pub fn main(self) -> ExitCode {
        self.conclude(|program, arguments| {
            let command = match parse::<BenchReport>(arguments)? {
                Parsed::Said(code) => return Ok(code),
                Parsed::Command(program) => program.command,
            };
            match command {
                Subcommands::Run(arguments) => program.run(arguments),
                Subcommands::Check(arguments) => program.check(&arguments.selection),
                Subcommands::Report(arguments) => report(arguments),
                Subcommands::List(arguments) => program.list(&arguments),
            }
        })
    }

    /// Does what it is asked, or the work of a cell's process, and says in one line what went wrong.
    fn conclude(self, act: impl FnOnce(&Program, Vec<OsString>) -> Result<u8>) -> ExitCode {
        let arguments: Vec<OsString> = env::args_os().collect();
        let is_worker = arguments.get(1).is_some_and(|argument| argument == race::WORKER);
        let outcome =
            if is_worker { worker::work(&self.suite).map(|()| exit::OK) } else { act(&self, arguments) };
        outcome.map_or_else(
            |error| {
                eprintln!("error: {error:#}");
                ExitCode::from(if error.is::<Usage>() { exit::USAGE } else { exit::ERROR })
            },
            ExitCode::from,
        )
    }

    fn run(&self, arguments: RunArguments) -> Result<u8> {
        if arguments.list {
            return self.list(&arguments.selection);
        }
        if cfg!(debug_assertions) && !self.measures_debug_builds {
            return Err(usage(
                "this build has debug assertions, its figures would mean nothing: \
                 use `cargo bench`, or `cargo run --release -p bench-report -- run`",
            ));
        }
        let out = arguments.out.clone().unwrap_or_else(default_out);
        if let Some(cell) = &arguments.exact {
            return self.run_in_place(cell, &out);
        }
        let (folder, plan) = if arguments.resume { resume(&out)? } else { self.prepare(&arguments, &out)? };

        let mut bar = Bar::new();
        let ending = race::run(&self.suite, &plan, &folder, interruption()?, &mut bar);
        bar.finish();
        match ending? {
            Ending::Finished(results) => publish(&results, &folder, &out, arguments.save.as_deref()),
            Ending::Interrupted => {
                eprintln!(
                    "interrupted; what was measured is in {}, and --resume goes on from there",
                    folder.samples().display()
                );
                Ok(exit::INTERRUPTED)
            }
        }
    }

    /// Plans a new run and makes its folder.
    fn prepare(&self, arguments: &RunArguments, out: &Path) -> Result<(Folder, Plan)> {
        let profile = profile(&arguments.selection);
        let Selection { cells, not_applicable } = self.select(&arguments.selection)?;
        let now = Timestamp::now();
        let plan = Plan {
            id: now.strftime("%Y%m%d-%H%M%S").to_string(),
            started: now.to_string(),
            command: command_line(),
            seed: arguments.seed.unwrap_or_else(|| now.as_microsecond().unsigned_abs()),
            blocks: arguments.blocks.map_or(default_blocks(profile), |blocks| blocks as usize),
            profile,
            sampling: sampling(profile),
            time_limit: Duration::from_secs(arguments.time_limit),
            machine: facts::machine(Path::new("/")),
            build: facts::build(),
            cells,
            not_applicable,
        };
        Ok((Folder::create(out, &plan)?, plan))
    }

    /// Runs one cell in this process, under Criterion as it comes, which compares it with the last time.
    fn run_in_place(&self, cell: &CellId, out: &Path) -> Result<u8> {
        let executor = selection::applicable(&self.suite, cell).map_err(usage)?;
        let environment = (executor.environment)(&worker::config(cell)?);
        if environment.iter().any(|(name, value)| env::var(name).as_ref() != Ok(value)) {
            // A global executor reads these when it starts; a profiler follows the process into the same program.
            let mut again = Command::new(env::current_exe().context("failed to find this program")?);
            again.args(env::args_os().skip(1)).envs(environment);
            return Err(crate::platform::become_program(again)).context("failed to start this program again");
        }
        let case = worker::open(&self.suite, cell)?;
        case.check().map_err(|complaint| anyhow!("{cell}: {complaint}"))?;
        let mut criterion = Criterion::default().output_directory(&out.join("criterion"));
        worker::measure(&*case, cell, &mut criterion, 100);
        Ok(exit::OK)
    }

    fn check(&self, selection: &SelectionArguments) -> Result<u8> {
        let selection = self.select(selection)?;
        let launcher = Launcher {
            program: race::this_program()?,
            time_limit: race::TIME_LIMIT,
            interrupted: interruption()?,
        };
        let mut code = exit::OK;
        for cell in &selection.cells {
            match race::check(&self.suite, &launcher, cell)? {
                Ok(_) => println!("{cell}: ok"),
                Err(Trouble::Failed(reason)) => {
                    println!("{cell}: failed: {reason}");
                    code = exit::CELL_FAILED;
                }
                Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
            }
        }
        Ok(code)
    }

    fn list(&self, selection: &SelectionArguments) -> Result<u8> {
        let Selection { cells, not_applicable } = self.select(selection)?;
        for cell in cells {
            println!("{cell}");
        }
        for (cell, reason) in not_applicable {
            println!("{cell} (n/a: {reason})");
        }
        Ok(exit::OK)
    }

    fn select(&self, arguments: &SelectionArguments) -> Result<Selection> {
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        selection::select(&self.suite, arguments, processors).map_err(usage)
    }
}

enum Parsed<A> {
    Command(A),
    /// Clap has said what it had to; this is the exit code.
    Said(u8),
}

/// Parses arguments; wrong ones are answered by clap, with an exit code that no failed cell has.
fn parse<A: CommandFactory + FromArgMatches>(arguments: Vec<OsString>) -> Result<Parsed<A>> {
    let parsed =
        A::command().try_get_matches_from(arguments).and_then(|matches| A::from_arg_matches(&matches));
    match parsed {
        Ok(command) => Ok(Parsed::Command(command)),
        Err(error) => {
            error.print().context("failed to print")?;
            Ok(Parsed::Said(if error.use_stderr() { exit::USAGE } else { exit::OK }))
        }
    }
}

fn resume(out: &Path) -> Result<(Folder, Plan)> {
    let (folder, plan) = Folder::newest_unfinished(out)?;
    if plan.build != facts::build() {
        return Err(usage(format!(
            "the program has changed since {} was interrupted, and one run has one program: start a new run",
            plan.id
        )));
    }
    Ok((folder, plan))
}

/// Writes results and page, for the run and as the newest, and shows the verdict.
fn publish(results: &Results, folder: &Folder, out: &Path, save: Option<&str>) -> Result<u8> {
    let json = serde_json::to_string_pretty(results).expect("results are plain data") + "\n";
    let html = page::render(results);
    race::write(&folder.results(), &json)?;
    race::write(&folder.report(), &html)?;
    race::write(&out.join("results.json"), &json)?;
    race::write(&out.join("report.html"), &html)?;
    if let Some(name) = save {
        let saved = out.join("saved");
        fs::create_dir_all(&saved).with_context(|| format!("failed to make {}", saved.display()))?;
        race::write(&saved.join(format!("{name}.json")), &json)?;
    }
    println!("{}", terminal::verdict_table(results));
    let failed: Vec<_> = results.cells.iter().filter(|cell| cell.status == Status::Failed).collect();
    for cell in &failed {
        println!("failed: {}: {}", cell.id(), cell.reason.as_deref().unwrap_or("unknown"));
    }
    println!("Report: {}", out.join("report.html").display());
    Ok(if failed.is_empty() { exit::OK } else { exit::CELL_FAILED })
}

fn report(arguments: ReportArguments) -> Result<u8> {
    let path = arguments.results.unwrap_or_else(|| default_out().join("results.json"));
    let results = Results::read(&path)?;
    let to = arguments.to.unwrap_or_else(|| path.with_file_name("report.html"));
    race::write(&to, &page::render(&results))?;
    println!("Report: {}", to.display());
    Ok(exit::OK)
}

/// `bench-report` in the target folder that this program was built into.
fn default_out() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    // Cargo marks its target folder for backup programs.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new("target")).join("bench-report")
}

/// A flag that Ctrl-C, or a kill that asks, sets.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || flag.store(true, SeqCst)).context("failed to listen for Ctrl-C")?;
    Ok(interrupted)
}

fn profile(selection: &SelectionArguments) -> Profile {
    match (selection.quick, selection.full) {
        (true, _) => Profile::Quick,
        (_, true) => Profile::Full,
        _ => Profile::Default,
    }
}

fn default_blocks(profile: Profile) -> usize {
    match profile {
        Profile::Quick => 3,
        Profile::Default => 5,
        Profile::Full => 10,
    }
}

fn sampling(profile: Profile) -> Sampling {
    let [warm_up, measurement] = match profile {
        Profile::Quick | Profile::Default => [20, 60],
        Profile::Full => [200, 1_000],
    };
    Sampling {
        warm_up: Duration::from_millis(warm_up),
        measurement: Duration::from_millis(measurement),
        samples: 10,
    }
}

/// The arguments of this process, as they would be typed.
fn command_line() -> String {
    let arguments = env::args_os().skip(1).filter(|argument| argument != "--bench");
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// A name that is safe as the name of a file.
fn plain_name(name: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.chars().all(plain) && name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) {
        Ok(name.to_owned())
    } else {
        Err("a name has letters, digits, `-`, `_` and `.`, and begins with a letter or digit".to_owned())
    }
}

/// An error of the user's: it ends the program with the exit code for that.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}

impl std::error::Error for Usage {}

impl std::fmt::Display for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
