//! The published format: what `results.json` holds.
//!
//! Its JSON Schema stands in `bench-report/results.schema.json`, made from these types; a test holds the two together.
//! An unknown fact is the string "unknown", an absent metric an object that says why. Never an empty text, never a zero.

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

use anyhow::{Context, Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::ser::{CompactFormatter, Formatter};

use crate::protocol::CellId;

/// Significant digits of a number in the file: far more than a clock knows, and half of what would be written without it.
const DIGITS: usize = 5;

/// The version of the format that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// One run: its circumstances, every cell, and the summary.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Version of the format: 1.
    pub schema: u32,
    /// The run itself.
    pub run: Run,
    /// Where it ran.
    pub machine: Machine,
    /// What ran.
    pub build: Build,
    /// The lanes, in the order of the lineup.
    pub executors: Vec<Executor>,
    /// The workloads, in the order of the lineup.
    pub workloads: Vec<Workload>,
    /// Every cell, ordered by workload, size, threads, and lane as in the lineup.
    pub cells: Vec<Cell>,
    /// One for each number of threads, smallest first.
    pub summaries: Vec<Summary>,
    /// One for each number of threads and group of workloads, in the order of the lineup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSummary>,
    /// What lanes that raced against themselves showed; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// How the cost of a run grows with its size, for what ran at three sizes or more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
    /// Known issues of lanes that workloads make visible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Known>,
    /// What a task costs in memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Memory>,
    /// What about the machine, the build or the run makes the figures worse than they need be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// How a run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its name, made from the time it started.
    pub id: String,
    /// When it started, in UTC (RFC 3339).
    pub started: String,
    /// When its last block ended, in UTC (RFC 3339).
    pub finished: String,
    /// The arguments it was started with.
    pub command: String,
    /// What the order of the cells was drawn from.
    pub seed: u64,
    /// How many processes each cell had at least.
    pub blocks: usize,
    /// How thorough it was.
    pub profile: Profile,
    /// The comparisons that had more blocks than that, in the order in which they had them: a list for each further
    /// block, of names such as "spawn-join/10000/t1".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<Vec<String>>,
}

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Smallest sizes, few blocks: does it run?
    Quick,
    /// What `cargo bench` does.
    Default,
    /// All sizes, many blocks.
    Full,
}

/// The machine of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Processors that this run could use.
    pub cores: String,
    /// Main memory.
    pub memory: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the operating system or distribution.
    pub os: String,
    /// Instruction set.
    pub architecture: String,
    /// What decides the processor's frequency.
    pub governor: String,
    /// Whether a hypervisor is underneath: "yes" or "no".
    pub virtualised: String,
    /// Load average over one minute when the run started.
    pub load: String,
    /// Whether the processor may clock itself up while it is cool: "on" or "off".
    #[serde(default = "unknown")]
    pub turbo: String,
    /// Whether two processors share a core: "on" or "off".
    #[serde(default = "unknown")]
    pub hyperthreads: String,
    /// How many processors' time the control group may use: "1.5", or "none" for no limit.
    #[serde(default = "unknown")]
    pub quota: String,
    /// What it runs on: "mains" or "battery".
    #[serde(default = "unknown")]
    pub power: String,
    /// What the kernel reads the time from.
    #[serde(default = "unknown")]
    pub clock: String,
    /// The processors that this run could use, by their numbers: "0-1".
    #[serde(default = "unknown")]
    pub mask: String,
    /// Percent of the processors' time that the hypervisor gave to other guests while the run measured.
    #[serde(default = "unknown")]
    pub steal: String,
    /// How many processors other programs kept busy while the run measured, on average.
    #[serde(default = "unknown")]
    pub others: String,
    /// Percent of the time in which something waited for memory while the run measured.
    #[serde(default = "unknown")]
    pub memory_pressure: String,
}

/// The program of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// Version of the compiler.
    pub rustc: String,
    /// Cargo's profile: "release" for `cargo bench` too.
    pub profile: String,
    /// `RUSTFLAGS`.
    pub flags: String,
    /// The allocator of every lane.
    pub allocator: String,
    /// The commit of the working tree.
    pub commit: String,
    /// Whether the working tree differed from its commit: "yes" or "no".
    pub dirty: String,
    /// Where its source is published: an https address that a path behind `/blob/<commit>/` leads on from, or "unknown".
    #[serde(default = "unknown")]
    pub repository: String,
    /// The version of every package in the program.
    pub packages: BTreeMap<String, String>,
}

/// A lane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Executor {
    /// Its name in the cells.
    pub name: String,
    /// How it schedules, in a sentence.
    pub about: String,
    /// "multi-thread" or "current-thread"; "program" for one in another language, or of another kind: it is shown beside the
    /// others, has no rank, and is part of no ratio and no mean.
    pub class: String,
    /// The version of its package.
    pub version: String,
    /// Where it is published.
    pub homepage: String,
    /// The file of this repository that implements the contract for it.
    pub source: String,
    /// What is known to be lacking, in a sentence or two; may be empty.
    #[serde(default)]
    pub limits: String,
    /// How many other packages its package needs, directly or not, on any platform and to be built too, with the
    /// features that this repository asks for, as the lock file has it; not what its tests need, and not the packages
    /// of this repository. Absent if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<usize>,
}

/// A workload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its name in the cells.
    pub name: String,
    /// What a run does, in a sentence.
    pub about: String,
    /// The group that it has its verdict in: "Timers"; may be empty.
    #[serde(default)]
    pub group: String,
    /// What one operation is.
    pub operation: String,
    /// What its size counts: "tasks"; may be empty.
    #[serde(default)]
    pub size: String,
    /// What its overhead is, if it is not time on the clock beyond the ideal: "lateness of a tick", "processor time"; else
    /// empty.
    #[serde(default)]
    pub measure: String,
    /// What a difference between lanes says.
    pub shows: String,
    /// What it does not say.
    pub hides: String,
    /// The file of this repository that holds it.
    pub source: String,
}

/// What is known about a lane that a workload makes visible, to be read beside its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// Name of the workload.
    pub workload: String,
    /// Names of the lanes.
    pub executors: Vec<String>,
    /// What a reader sees and why, in a sentence or two.
    pub says: String,
    /// The issue as people name it, such as "tokio#4730"; empty for what is by design and has none.
    #[serde(default)]
    pub issue: String,
    /// Where that issue is; may be empty.
    #[serde(default)]
    pub link: String,
}

/// One workload at one size and number of threads on one lane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// What came of it.
    pub status: Status,
    /// Why it failed or does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By name; empty unless the cell is ok.
    pub metrics: BTreeMap<String, Metric>,
    /// Overhead relative to the best lane of the same workload, size and threads; the interval is corrected for the best
    /// being picked from the data. The best lane's says how far it may be behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Estimate>,
    /// 1 for the leader and for whoever ties with it; after a tie of two comes rank 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Whether another lane shares this rank.
    pub tied: bool,
    /// Whether it shares the first rank only because too little was measured to part it from the leader, or to say that
    /// the two are level.
    #[serde(default)]
    pub undecided: bool,
    /// Overhead relative to each other lane of the comparison that was measured, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<String, Estimate>,
    /// What a reader should know before he believes the figures, a sentence each: "takes 2.1× the processor time ...".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// How the samples scatter; absent unless the cell is ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// How late sleeps ended, over all blocks; absent where no task sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
    /// What the lane was seen to do in a run that was not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
}

/// What came of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured in every block.
    Ok,
    /// Panicked, hung, was killed, answered wrong or did other work; see the reason.
    Failed,
    /// The lane lacks what the workload needs; see the reason.
    NotApplicable,
}

/// A figure of a cell, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// Measured.
    Measured {
        /// What the value counts: "ns/op".
        unit: String,
        /// The estimate over the blocks, and its interval.
        #[serde(flatten)]
        estimate: Estimate,
        /// The value of each block, in their order. What is counted apart from the clock (allocations, instructions,
        /// system calls) is counted in one process: there the value of each run. Empty for the slope of a line.
        blocks: Vec<f64>,
    },
    /// Not to be had.
    Unavailable {
        /// Why.
        unavailable: String,
    },
}

/// A point estimate with its 95 % interval over blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// How the samples of a cell scatter, all blocks together: what an interval over blocks does not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How many samples there are.
    pub samples: usize,
    /// Overhead in ns per operation: the least, the quantiles of 5, 25, 50, 75 and 95 %, and the most. A quantile
    /// between two samples is interpolated linearly (definition 7 of Hyndman and Fan).
    pub quantiles: [f64; 7],
}

/// What a lane was seen to do in a run that was counted and not timed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// Threads that polled tasks.
    pub threads: usize,
    /// Tasks spawned, the root not counted.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub finished: u64,
    /// Tasks whose future was dropped before its end.
    pub cancelled: u64,
    /// Polls of tasks and root; absent for a program, which does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<u64>,
    /// Jobs given to the blocking pool.
    pub jobs: u64,
    /// The most jobs that ran at once; absent for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_at_once: Option<u64>,
    /// The most tasks that had been spawned and not ended; absent for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u64>,
    /// Sleeps that ended.
    #[serde(default)]
    pub sleeps: u64,
    /// Workers that came when all were called together.
    #[serde(default)]
    pub workers: usize,
    /// Whether one of them was seen to poll the root of the run.
    #[serde(default)]
    pub root_on_worker: bool,
    /// The processors that the workers may run on, as Linux writes it ("0-3,8"), or "unknown".
    #[serde(default = "unknown")]
    pub cpus: String,
    /// Threads of the process before the first sample; absent where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_before: Option<usize>,
    /// Threads of the process after the last sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_after: Option<usize>,
}

/// How late sleeps ended: the time between when each was due and when its task went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lateness {
    /// How many sleeps ended.
    pub samples: u64,
    /// The distribution, to one significant digit: lateness in ns and how many sleeps had it, ascending.
    pub histogram: Vec<(u64, u64)>,
}

/// What lanes that raced against themselves, under another name, showed: differences where there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noise {
    /// The noise floor, a ratio above 1: a difference below it reads as a tie. Of what is measured by the clock; if
    /// nothing is, the highest of the others.
    pub floor: f64,
    /// That of each other measure, by what the workloads name it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub floors: BTreeMap<String, f64>,
    /// How many of the pairs were called different, which they are not.
    pub different: usize,
    /// Every pair.
    pub pairs: Vec<NoisePair>,
}

impl Noise {
    /// The floor of what is measured so; that of the clock if no lane raced against itself there.
    pub fn floor_of(&self, measure: &str) -> f64 {
        self.floors.get(measure).copied().unwrap_or(self.floor)
    }
}

/// A lane and its twin in one comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoisePair {
    /// Name of the workload.
    pub workload: String,
    /// Size of the workload.
    pub size: u64,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// How many times the overhead of the lane its twin has.
    pub ratio: Estimate,
    /// Whether the two would be called different by the rule of a race, but for the noise floor.
    pub different: bool,
}

/// How the cost of a run grows with its size: as a power of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// Name of the workload.
    pub workload: String,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// The sizes, ascending.
    pub sizes: Vec<u64>,
    /// The power: 1 if a run of twice the size costs twice as much.
    pub exponent: Estimate,
}

/// What a task costs in memory: the slope of the peak of resident memory over the number of tasks that live at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Name of the workload that keeps its tasks alive.
    pub workload: String,
    /// Workers of the executor.
    pub threads: usize,
    /// Name of the lane.
    pub executor: String,
    /// Bytes a task, or why there is no such figure.
    pub bytes_a_task: Metric,
    /// How much of the variance the line explains, 1 if all; absent without a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r_squared: Option<f64>,
    /// Tasks and the peak of resident memory in bytes, a pair for each process.
    pub points: Vec<(u64, u64)>,
}

/// Something that makes the figures worse than they need be, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What was found: "the frequency governor is powersave".
    pub finding: String,
    /// What to do: "set it to performance".
    pub remedy: String,
}

/// The lanes over all comparisons at one number of threads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Workers of the executors.
    pub threads: usize,
    /// Comparisons at this number of threads.
    pub comparisons: usize,
    /// The lane that the means are relative to: the best of those that were measured in every comparison, if any was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The lanes that were measured in any of them, in the order of the lineup.
    pub lanes: Vec<LaneSummary>,
}

/// The lanes over the comparisons of one group of workloads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupSummary {
    /// The group, as its workloads name it.
    pub group: String,
    /// The lanes over its comparisons, as over all.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Where a lane stands in a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The reference: the best mean.
    Best,
    /// Shown to be level with it: its 95 % interval ends within 10 % of it, or within the noise floor.
    Level,
    /// Neither shown to be level nor to be behind.
    Undecided,
    /// Shown to be behind by more than the noise floor, with the confidence that ranks take.
    Behind,
}

/// One lane over all comparisons.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LaneSummary {
    /// Name of the lane.
    pub executor: String,
    /// Geometric mean of its ratios to the reference; only for a lane that was measured in every comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geomean: Option<Estimate>,
    /// Where it stands by its mean; only for a lane that was measured in every comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Geometric mean of its ratios to each other lane that was measured in every comparison, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<String, Estimate>,
    /// Comparisons in which it was measured.
    pub cells: usize,
}

impl Results {
    /// Reads a `results.json`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no results file, or is of another version of the format.
    pub fn read(path: &Path) -> Result<Results> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let no_results = || format!("{} is no results file", path.display());
        // The version first: another one need not have anything else in common with this.
        let Version { schema } = serde_json::from_str(&text).with_context(no_results)?;
        ensure!(
            schema == SCHEMA,
            "{} has schema {schema}, this program reads schema {SCHEMA}",
            path.display()
        );
        serde_json::from_str(&text).with_context(no_results)
    }

    /// The noise floor of what a workload measures, a ratio; 1 if no lane raced against itself.
    pub fn noise_floor(&self, workload: &str) -> f64 {
        let known = self.workloads.iter().find(|known| known.name == workload);
        let measure = known.map_or("", |known| &known.measure);
        self.noise.as_ref().map_or(1.0, |noise| noise.floor_of(measure))
    }

    /// The text of a `results.json`: a line a field, and a line a list of numbers, which have five significant digits.
    /// What is shown beside the file is to be made from what the file says.
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, Lines::default());
        self.serialize(&mut serializer).expect("results are plain data");
        String::from_utf8(text).expect("JSON is text") + "\n"
    }

    /// The cells of one comparison, in the order of the lineup.
    pub fn comparison<'a>(
        &'a self,
        workload: &'a str,
        size: u64,
        threads: usize,
    ) -> impl Iterator<Item = &'a Cell> {
        let same =
            move |cell: &&Cell| (&*cell.workload, cell.size, cell.threads) == (workload, size, threads);
        self.cells.iter().filter(same)
    }
}

/// Writes JSON with a line a field and few digits, but lists of numbers on one line: a histogram has hundreds.
#[derive(Default)]
struct Lines {
    /// What is open, outermost first: for each whether it is an object, and whether its content has lines of its own.
    open: Vec<(bool, bool)>,
}

impl Lines {
    fn new_line<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some((_, has_lines)) = self.open.last_mut() {
            *has_lines = true;
        }
        write!(writer, "\n{}", "  ".repeat(self.open.len()))
    }

    fn end<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.open.pop() {
            Some((_, true)) => write!(writer, "\n{}", "  ".repeat(self.open.len())),
            _ => Ok(()),
        }
    }
}

impl Formatter for Lines {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let rounded = format!("{value:.*e}", DIGITS - 1).parse().expect("a number that was just written");
        CompactFormatter.write_f64(writer, rounded)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push((false, false));
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer)?;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if let Some((false, _)) = self.open.last() {
            self.new_line(writer)?;
        }
        self.open.push((true, false));
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.new_line(writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

impl Cell {
    /// The figure the cell is ranked by: ns per operation over the ideal.
    pub fn overhead(&self) -> Option<&Estimate> {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { estimate, .. }) => Some(estimate),
            _ => None,
        }
    }

    /// Its name.
    pub fn id(&self) -> CellId {
        let Cell { workload, size, threads, executor, .. } = self;
        CellId { workload: workload.clone(), size: *size, threads: *threads, executor: executor.clone() }
    }

    /// The overhead in each block; empty unless the cell is ok.
    pub fn overhead_of_blocks(&self) -> &[f64] {
        match self.metrics.get("overhead") {
            Some(Metric::Measured { blocks, .. }) => blocks,
            _ => &[],
        }
    }
}

/// What a fact says that nobody knows.
fn unknown() -> String {
    "unknown".to_owned()
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Profile::Quick => "quick",
            Profile::Default => "default",
            Profile::Full => "full",
        })
    }
}
