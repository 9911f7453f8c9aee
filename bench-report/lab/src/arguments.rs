//! The command line, as clap takes it.

use std::{ffi::OsString, fmt, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use anyhow::Result;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use page::show::Format;
use race::{
    cargo::{BUILDS, PROFILE},
    ladder::{LADDERS, ladder},
    part::Share,
    plan::TIME_LIMIT,
    quota,
    substitute::Wish,
    track::LINEUPS,
};
use results::{CellId, Conditions};

use crate::{exit, output::say};

/// `bench-report`.
#[derive(Parser)]
#[command(name = "bench-report", about = "Races executors and writes one HTML page.", version)]
pub(crate) struct BenchReport {
    #[command(subcommand)]
    pub(crate) command: Subcommands,
}

/// The commands of `bench-report`.
#[derive(Subcommand)]
pub(crate) enum Subcommands {
    /// Runs the race: what `cargo bench` does
    Run(Box<RunArguments>),
    /// Checks the answer and the work of every cell, without measuring
    Check(ListArguments),
    /// Draws the page again from results, or puts the results of several runs or machines side by side
    Report(ReportArguments),
    /// Shows a run on the terminal: every comparison in a line or some, and what the run ended with
    Show(ShowArguments),
    /// Writes results as CSV, every figure, or as Markdown, the standings
    Export(ExportArguments),
    /// Says what has changed between two runs: exit code 1 if a cell regressed, 3 if one is undecided, 2 if they cannot
    /// be compared
    Compare(CompareArguments),
    /// Races the track of another revision of this repository against this one, and says what has changed: exit code 1 if a cell
    /// regressed, 3 if one is undecided when the time is over, 2 if the two cannot be compared
    Gate(GateArguments),
    /// Writes a script that races on nodes of a Slurm cluster, a whole race on each, and says how to submit it
    Slurm(SlurmArguments),
    /// Puts the parts of a race together, which were run with --part on machines of one kind
    Merge(MergeArguments),
    /// Lists the cells of a default run
    List(ListArguments),
    /// Says what a run of a cell is, for a lane in another language: a line of JSON with the right answer and the right work
    Specify(SpecifyArguments),
    /// Checks a program that is to be a lane: runs each workload it claims at its smallest size, and says what is wrong
    CheckLane(CheckLaneArguments),
    /// Says with which exit codes the commands end
    #[command(name = "exit-codes", long_about = exit::ALL)]
    ExitCodes,
    /// Refuses what `run` could not do with these arguments, as far as that is known before the track is built
    #[command(hide = true)]
    Foresee(Box<RunArguments>),
    /// Ends the lanes of a race whose lab is killed: is told of them on its input
    #[command(hide = true)]
    Guard,
    /// Enters a control group and becomes the process of a cell
    #[command(hide = true)]
    Enter(EnterArguments),
}

/// A track that is built already.
#[derive(Args, Clone, Default)]
pub(crate) struct TrackArguments {
    /// Race this track in place of the one that cargo builds, for tests and for machines without cargo
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) track: Option<PathBuf>,
    /// Make other builds of this workspace in place of the one that this program is of, for tests
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) tree: Option<PathBuf>,
    /// Keep other builds in this folder, for tests
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) others: Option<PathBuf>,
}

/// Lanes of other builds.
#[derive(Args, Default)]
pub(crate) struct WithArguments {
    /// Race the lanes that stand on a package with another version of it too, with the one in a folder or a repository of git, or
    /// compiled with a flag that its sources know: tokio@1.51.1, tokio=../tokio, tokio=https://host/tokio#branch or
    /// tokio+tokio_unstable; may be given several times
    #[arg(
        long,
        value_name = "PACKAGE@VERSION|PACKAGE=PATH|PACKAGE=URL#REVISION|PACKAGE+FLAG",
        conflicts_with = "lineup"
    )]
    pub(crate) with: Vec<Wish>,
    /// Race the versions of a package that are worth a look, onto a page that says what changed between them: tokio
    #[arg(long, value_name = "PACKAGE", value_parser = rungs, conflicts_with = "lineup")]
    pub(crate) ladder: Option<String>,
    /// Go on without those of --with and --ladder that cannot be had
    #[arg(long)]
    pub(crate) keep_going: bool,
}

/// The conditions of a run.
#[derive(Args, Default)]
pub(crate) struct ConditionArguments {
    /// Give each process of a cell so much processor time, in processors, as a container has it: 1.5. Takes longer samples, and control
    /// groups, which root has
    #[arg(long, value_name = "PROCESSORS", allow_hyphen_values = true, value_parser = quota)]
    quota: Option<f64>,
    /// Build what is measured with this profile of cargo: track, our own, or release, as most services ship [default: track]
    #[arg(long, value_name = "PROFILE", value_parser = build)]
    build: Option<String>,
}

/// Cells, without a race.
#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) conditions: ConditionArguments,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
}

/// A run.
#[derive(Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) conditions: ConditionArguments,
    #[command(flatten)]
    pub(crate) with: WithArguments,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
    /// Number of blocks, which are processes of each cell [default: more where the order is open]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) blocks: Option<u32>,
    /// Time for measuring where the order is open [default: 270, --full: 3600]
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["blocks", "quick"], value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Race this part of the comparisons only, with all their lanes: 1/3 is the first of three; `merge` puts the parts together
    #[arg(long, value_name = "N/ALL", conflicts_with_all = ["list", "exact"])]
    pub(crate) part: Option<Share>,
    /// Race every lane against itself too: shows how often a difference is seen where there is none
    #[arg(long)]
    pub(crate) twins: bool,
    /// Seed of the order of the cells
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Folder for the results [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the results as saved/NAME.json too
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    pub(crate) save: Option<String>,
    /// Time limit of the process of one cell
    #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time_limit: u64,
    /// Show every comparison at the end too, as `bench-report show` does
    #[arg(long)]
    pub(crate) table: bool,
    /// List the cells and measure nothing
    #[arg(long, conflicts_with_all = ["with", "ladder"])]
    pub(crate) list: bool,
    /// Run one cell as a Criterion benchmark, for a profiler: WORKLOAD/SIZE/tTHREADS/EXECUTOR
    #[arg(long, value_name = "CELL", conflicts_with_all = ["list", "resume", "lineup", "quota", "build", "with", "ladder"])]
    pub(crate) exact: Option<CellId>,
    /// Go on with a run that was interrupted: with this one, or the newest
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["list", "filters", "quick", "full", "executors", "workloads", "threads", "sizes", "blocks", "budget", "twins", "part", "seed", "with", "ladder"])]
    pub(crate) resume: Option<String>,
    /// Go on with the newest finished run for so long, such as 5m or 90s, and draw its page anew
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["list", "resume", "exact", "filters", "quick", "full", "executors", "workloads", "threads", "sizes", "blocks", "budget", "twins", "part", "seed", "with", "ladder"])]
    pub(crate) more: Option<Duration>,
}

/// The cells that are asked for.
#[derive(Args, Clone, Default)]
pub(crate) struct SelectionArguments {
    /// Only cells whose name has one of these in it; a name is WORKLOAD/SIZE/tTHREADS/EXECUTOR
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Smallest sizes and few blocks: a minute at most
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// All sizes and many blocks
    #[arg(long)]
    pub(crate) full: bool,
    /// Only these lanes
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) executors: Vec<String>,
    /// Only these workloads
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) workloads: Vec<String>,
    /// Numbers of workers [default: 1 and the number of processors, --full: two and four times as many too for some workloads]
    #[arg(long, value_name = "1,2", value_delimiter = ',', value_parser = workers)]
    pub(crate) threads: Vec<NonZeroUsize>,
    /// Sizes of every workload [default: its own]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sizes: Vec<u64>,
    /// Race these lanes in place of the usual ones, onto a page of their own: options, steps
    #[arg(long, value_name = "NAME", value_parser = lineup)]
    pub(crate) lineup: Option<String>,
}

/// A page to be drawn.
#[derive(Args)]
pub(crate) struct ReportArguments {
    /// The results: a file, or a run by its name or its folder; those of several runs are put side by side, and not
    /// ranked across [default: those of the newest run]
    #[arg(value_name = "RESULTS")]
    pub(crate) results: Vec<PathBuf>,
    /// Where runs and saved runs are [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the page goes [default: report.html beside the results; side-by-side.html beside the first of several]
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// Races on the nodes of a cluster.
#[derive(Args)]
pub(crate) struct SlurmArguments {
    /// The partition of the nodes [default: that of the cluster]
    #[arg(long, value_name = "P", value_parser = plain_name)]
    pub(crate) partition: Option<String>,
    /// Race nodes of each of these features, which are of different kinds
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = plain_name)]
    pub(crate) constraint: Vec<String>,
    /// Number of nodes, of each feature if there are any
    #[arg(long, value_name = "N", default_value = "1", value_parser = number)]
    pub(crate) nodes: NonZeroUsize,
    /// Cut each race by comparison into so many parts, a node each of one kind, and merge them
    #[arg(long, value_name = "N", conflicts_with = "nodes", value_parser = number)]
    pub(crate) parts: Option<NonZeroUsize>,
    /// Give this option to `sbatch` too, such as --sbatch=--time=30; may be given several times
    #[arg(long, value_name = "OPTION", value_parser = sbatch_option)]
    pub(crate) sbatch: Vec<String>,
    /// Folder for the script, the programs and the results, which all nodes see [default: one in target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
    /// The arguments of each race, as `run` takes them
    #[arg(value_name = "RUN ARGUMENT", last = true)]
    pub(crate) race: Vec<String>,
}

/// Parts to be put together.
#[derive(Args)]
pub(crate) struct MergeArguments {
    /// The parts: the folder of each run, or the folder of results that it is in
    #[arg(value_name = "RUN", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    /// Folder for the whole run and its results
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
}

/// A run to be shown.
#[derive(Args)]
pub(crate) struct ShowArguments {
    /// The results: a file, or a run by its name or its folder [default: those of the newest run]
    #[arg(value_name = "RESULTS")]
    pub(crate) results: Option<PathBuf>,
    /// Where runs and saved runs are [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Results for other programs.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// The results: a file, or a run by its name or its folder [default: those of the newest run]
    #[arg(value_name = "RESULTS")]
    pub(crate) results: Option<PathBuf>,
    /// Where runs and saved runs are [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The format
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: ExportFormat,
    /// File for the export [default: the standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// Two runs.
#[derive(Args)]
pub(crate) struct CompareArguments {
    /// The old results: a file, or a run, saved or not, by its name or its folder
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The new results, which are judged
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) judging: JudgingArguments,
    /// Only these lanes [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) lanes: Vec<String>,
    /// Where runs and saved runs are [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Another revision.
#[derive(Args)]
pub(crate) struct GateArguments {
    /// The revision to compare with, as git names it
    #[arg(long, value_name = "REV", required_unless_present = "with")]
    pub(crate) against: Option<String>,
    /// Judge another version of a package, the one in a folder or a repository of git, or a flag, against that of the lock file: tokio@1.51.1,
    /// tokio=../tokio or tokio+tokio_unstable
    #[arg(
        long,
        value_name = "PACKAGE@VERSION|PACKAGE=PATH|PACKAGE=URL#REVISION|PACKAGE+FLAG",
        conflicts_with = "against"
    )]
    pub(crate) with: Option<Wish>,
    #[command(flatten)]
    pub(crate) judging: JudgingArguments,
    /// Only these lanes [default: hand-rolled; with --with those that stand on the package]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) lanes: Vec<String>,
    /// Time for measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: u64,
    #[command(flatten)]
    pub(crate) conditions: ConditionArguments,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
    /// Where the other revision is built and the samples go, in the folder gate [default: target/bench-report]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs to be specified.
#[derive(Args)]
pub(crate) struct SpecifyArguments {
    /// Cells, as WORKLOAD/SIZE/tTHREADS [default: every workload at its smallest size with one thread]
    #[arg(value_name = "CELL")]
    pub(crate) cells: Vec<String>,
    #[command(flatten)]
    pub(crate) track: TrackArguments,
}

/// A program that is to be a lane.
#[derive(Args)]
pub(crate) struct CheckLaneArguments {
    #[command(flatten)]
    pub(crate) track: TrackArguments,
    /// Time limit of its answers in one cell
    #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time_limit: u64,
    /// Numbers of workers [default: the fewest that it can have, and 2]
    #[arg(long, value_name = "1,2", value_delimiter = ',', value_parser = workers)]
    pub(crate) threads: Vec<NonZeroUsize>,
    /// The program and its arguments, as they would stand in the lineup
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// A control group, and a program.
#[derive(Args)]
pub(crate) struct EnterArguments {
    /// The file that takes processes, the program, and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}

/// The judging of a change, and the form in which it is told.
#[derive(Args)]
pub(crate) struct JudgingArguments {
    /// Only cells whose name has one of these in it; a name is WORKLOAD/SIZE/tTHREADS/EXECUTOR
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// A difference below this is none
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = margin)]
    pub(crate) margin: f64,
    /// Output format: text, markdown or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// The format of an export.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Every metric of every cell, a row each
    Csv,
    /// The standings of the page
    Markdown,
}

impl ConditionArguments {
    /// Returns the conditions that are asked for.
    pub(crate) fn asked(&self) -> Conditions {
        let build = self.build.clone().filter(|build| build != PROFILE);
        Conditions { quota: self.quota, build }
    }

    /// Refuses conditions that are asked for, and are not those of the run that is to go on.
    ///
    /// # Errors
    ///
    /// If there is one, one line that names it.
    pub(crate) fn check(&self, run: &str, conditions: &Conditions) -> Result<()> {
        let asked = self.asked();
        let is_other = self.quota.is_some_and(|_| asked.quota != conditions.quota)
            || self.build.is_some() && asked.build != conditions.build;
        if !is_other {
            return Ok(());
        }
        Err(usage(format!(
            "the conditions of {run} are {conditions}, and not {asked}, and one run has the same for all cells: start a new run"
        )))
    }
}

/// A quota of processor time.
fn quota(text: &str) -> Result<f64, String> {
    quota::parse(text, thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

/// A profile that the track may be built with.
fn build(name: &str) -> Result<String, String> {
    if BUILDS.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("there is no build `{name}`, only {}", BUILDS.join(" and ")))
}

/// A number of workers.
fn workers(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number of workers is 1 or more")
}

/// A number of nodes or of parts.
fn number(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it is 1 or more")
}

/// An option of `sbatch`, in a line of a script.
fn sbatch_option(text: &str) -> Result<String, &'static str> {
    let is_line = text.starts_with('-') && !text.contains(['\n', '\r']);
    is_line
        .then(|| text.to_owned())
        .ok_or("an option begins with a dash and stands in a line, such as --time=30")
}

/// The name of a lineup besides the default one.
fn lineup(name: &str) -> Result<String, String> {
    if LINEUPS.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("no lineup `{name}`; there are {}", LINEUPS.join(", ")))
}

/// The package of a ladder.
fn rungs(package: &str) -> Result<String, String> {
    if ladder(package).is_some() {
        return Ok(package.to_owned());
    }
    let packages: Vec<&str> = LADDERS.iter().map(|ladder| ladder.package).collect();
    Err(format!("there is no ladder of `{package}`, only of {}", packages.join(", ")))
}

/// A time, with its unit.
fn time(text: &str) -> Result<Duration, &'static str> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * seconds)
    });
    let seconds = seconds.filter(|seconds| (1.0..1e6).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or("a time is a second or more and has its unit, such as 5m or 90s")
}

/// A part of the whole from percents, whose sign has to be there: 0.05 might mean either.
fn margin(text: &str) -> Result<f64, &'static str> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
    percent.map(|percent| percent / 100.0).ok_or("a margin is more than 0% and at most 100%, such as 5%")
}

/// The most letters in a name: with what is added to it, no file system refuses it once all is measured.
const LONGEST_NAME: usize = 100;

/// A name that is safe as the name of a file.
fn plain_name(name: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.len() > LONGEST_NAME {
        return Err(format!("a name has {LONGEST_NAME} letters at most"));
    }
    if name.chars().all(plain) && name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) {
        Ok(name.to_owned())
    } else {
        Err("a name has letters, digits, `-`, `_` and `.`, and begins with a letter or digit".to_owned())
    }
}

/// Parses arguments; none if they asked for help only, which is then given.
///
/// # Errors
///
/// If they make no sense: one line that says what is wrong and what is allowed.
pub(crate) fn parse<A: CommandFactory + FromArgMatches>(arguments: Vec<OsString>) -> Result<Option<A>> {
    let matches = A::command().try_get_matches_from(arguments);
    match matches.and_then(|matches| A::from_arg_matches(&matches)) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) if error.use_stderr() => Err(usage(one_line(&error.to_string()))),
        Err(help) => {
            say(&help.render().to_string())?;
            Ok(None)
        }
    }
}

/// A mistake of the user, in one line; it has an exit code of its own.
#[derive(Debug)]
pub(crate) struct Usage(String);

/// An error of the user's.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}

/// Clap's explanation without the lines that say how to get another.
fn one_line(explanation: &str) -> String {
    let explanation = explanation.strip_prefix("error: ").unwrap_or(explanation);
    // Clap takes an option that a command does not have for a filter that begins with dashes, which nobody means.
    let is_telling = |line: &&str| !line.is_empty() && !line.starts_with("tip: to pass");
    let lines = explanation.lines().map(str::trim).filter(is_telling);
    let telling =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let telling = telling.collect::<Vec<&str>>().join("; ");
    // Clap announces a list with a colon, and has it on the following lines.
    format!("{}; see --help", telling.replace(":; ", ": "))
}

impl std::error::Error for Usage {}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
