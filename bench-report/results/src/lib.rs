//! The published format: the types of `results.json`, look-ups in them, and the form of written numbers.
//!
//! The JSON Schema of the file is `results.schema.json` in the folder of this crate; a test compares it with
//! these types. An unknown fact is the string "unknown", and an absent metric is an object with the reason.
//! Neither is ever an empty text or a zero.

mod cell;
mod conditions;
mod grain;
mod part;
mod substitute;
mod summary;

pub mod comparison;
pub mod figures;
pub mod lateness;
pub mod lookup;

mod json;

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cell::{Cell, Estimate, MEASURED_TOO_LITTLE, Metric, NEVER_MEASURED, Spread, Status};
pub use conditions::{Conditions, Throttled};
pub use grain::{Grain, GrainOfLane, GrainPoint, WorkOfTask};
pub use lane_protocol::{Capability, CellId, Lateness, Observed, Standing};
pub use part::Part;
pub use substitute::{OtherBuild, Substitute, by_version};
pub use summary::{GroupSummary, Growth, LEVEL, LaneSummary, Memory, Noise, NoisePair, Place, Row, Summary};

/// The bytes that a file begins with which gzip has packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The version of the format that this crate writes and reads.
pub const SCHEMA: u32 = 1;

/// One run: its circumstances, every cell, and the summary.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Version of the format: 1.
    pub schema: u32,
    /// The circumstances of the run.
    pub run: Run,
    /// The machine that it ran on.
    pub machine: Machine,
    /// The build that it measured.
    pub build: Build,
    /// The lanes, in the order of the lineup.
    pub executors: Vec<Executor>,
    /// The workloads, in the order of the lineup.
    pub workloads: Vec<Workload>,
    /// Every cell, ordered by workload, size, threads, and lane as in the lineup.
    pub cells: Vec<Cell>,
    /// The rows of the standings, in the order of the cells; empty in files from before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// A summary for each number of threads, smallest first.
    pub summaries: Vec<Summary>,
    /// A summary for each number of threads and group of workloads, in the order of the lineup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSummary>,
    /// The differences of lanes that raced against themselves; absent if no lane did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// The growth of a run's cost with its size, for lanes that ran at three sizes or more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growth>,
    /// Known issues of lanes that workloads make visible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Known>,
    /// The cost of tasks that compute, and the work from which on a task pays, for each number of threads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grain: Vec<Grain>,
    /// The memory that a task takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Memory>,
    /// Circumstances of the machine, the build or the run that make the figures worse than they need be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// The circumstances of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its name, made from the time it started.
    pub id: String,
    /// The time at which it started, in UTC (RFC 3339).
    pub started: String,
    /// The time at which its last block ended, in UTC (RFC 3339).
    pub finished: String,
    /// The arguments that it was started with.
    pub command: String,
    /// The lineup that raced; absent for the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineup: Option<String>,
    /// The conditions that it was put under; absent for the default ones.
    #[serde(default, skip_serializing_if = "Conditions::is_default")]
    pub conditions: Conditions,
    /// The seed that the order of the cells was drawn from.
    pub seed: u64,
    /// The least number of blocks of a cell; each block is a process.
    pub blocks: usize,
    /// The thoroughness of the run.
    pub profile: Profile,
    /// The comparisons that had more blocks than that, in the order in which they had them: for each further
    /// round of blocks, a list of names such as "spawn-join/10000/t1".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<Vec<String>>,
    /// The periods in which it was measured, if that was done in several; else from its start to its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<Period>,
    /// The prospect of going on; absent if all comparisons are settled, or none of the open ones can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// The part of a race that it is; absent if it is a whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The variables in the environment of the cells that change an allocator, the loader or a runtime, with their
    /// values; absent if there were none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The standstills of the race while it measured; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood_still: Option<StoodStill>,
    /// The effect of the quota; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Throttled>,
}

impl Run {
    /// Returns the beginning of a command that races the lanes of this run under its conditions, up to its further arguments.
    pub fn bench(&self) -> String {
        let lineup = self.lineup.as_ref().map_or(String::new(), |name| format!(" --lineup {name}"));
        format!("cargo bench --{lineup}{}", self.conditions.options())
    }

    /// Returns the argument that names the folder of this run, with a blank before it, as a shell takes it; nothing if its
    /// command named none.
    pub fn out(&self) -> String {
        let Some((_, folder)) = self.command.split_once("--out") else { return String::new() };
        // The command has lost its quotes, so a folder ends where the next option begins.
        let folder = folder.split_once(" --").map_or(folder, |(folder, _)| folder);
        let folder = folder.trim_start_matches(['=', ' ']).trim_end();
        let is_plain = folder.chars().all(|letter| letter.is_alphanumeric() || "/._-+@".contains(letter));
        if is_plain {
            format!(" --out {folder}")
        } else {
            format!(" --out '{}'", folder.replace('\'', r"'\''"))
        }
    }
}

/// A time in which a run was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// Its start, in UTC (RFC 3339).
    pub started: String,
    /// Its end.
    pub finished: String,
}

/// An estimate of what more time would do for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outlook {
    /// The time, in whole minutes.
    pub minutes: u64,
    /// The number of further comparisons that would be settled then.
    pub settles: usize,
}

/// The standstills of a race: its process was stopped, its container frozen, the machine suspended. What was under way in
/// one was measured again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoodStill {
    /// Their number.
    pub times: usize,
    /// Their length together, in seconds.
    pub seconds: f64,
}

/// The thoroughness of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Runs the smallest sizes in few blocks, to see that everything works.
    Quick,
    /// Runs as `cargo bench` does without options.
    Default,
    /// Runs all sizes in many blocks.
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
    /// The governor of the processor's frequency.
    pub governor: String,
    /// "yes" if a hypervisor is underneath, otherwise "no".
    pub virtualised: String,
    /// Load average over one minute when the run started.
    pub load: String,
    /// "on" if the processor may raise its clock while it is cool, otherwise "off".
    #[serde(default = "unknown")]
    pub turbo: String,
    /// "on" if two processors share a core, otherwise "off".
    #[serde(default = "unknown")]
    pub hyperthreads: String,
    /// The processor time that the control group may use, in processors: "1.5", or "none" for no limit.
    #[serde(default = "unknown")]
    pub quota: String,
    /// The supply of power: "mains" or "battery".
    #[serde(default = "unknown")]
    pub power: String,
    /// The source from which the kernel reads the time.
    #[serde(default = "unknown")]
    pub clock: String,
    /// The processors that this run could use, by their numbers: "0-1".
    #[serde(default = "unknown")]
    pub mask: String,
    /// The groups of these processors that share a core: "0+8, 1+9"; "none" if each has a core of its own.
    #[serde(default = "unknown")]
    pub siblings: String,
    /// The job of a batch system that the run was; absent if it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchJob>,
    /// The share of the processors' time, in percent, that the hypervisor gave to other guests while the run
    /// measured.
    #[serde(default = "unknown")]
    pub steal: String,
    /// The number of processors that other processes kept busy while the run measured, on average.
    #[serde(default = "unknown")]
    pub others: String,
    /// The share of the time, in percent, in which something waited for memory while the run measured.
    #[serde(default = "unknown")]
    pub memory_pressure: String,
}

/// A job of a batch system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchJob {
    /// The name of the node; names, parted by commas, if the run was merged from parts.
    pub node: String,
    /// The partition of the cluster.
    pub partition: String,
    /// The number of the job, such as "4711", or "4711_2" for an element of an array; of all jobs, parted by commas, if the run
    /// was merged from parts.
    pub job: String,
}

/// The build that a run measured.
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
    /// The commit that it was built from.
    pub commit: String,
    /// "yes" if a source in the working tree differed from its commit, otherwise "no".
    pub dirty: String,
    /// The address at which its source is published, or "unknown". It is an https address to which
    /// `/blob/<commit>/` and a path can be appended.
    #[serde(default = "unknown")]
    pub repository: String,
    /// The level of optimisation: "3".
    #[serde(default = "unknown")]
    pub opt_level: String,
    /// The optimisation while linking, as cargo's profile names it: "fat", "off".
    #[serde(default = "unknown")]
    pub lto: String,
    /// The number of parts that a package was compiled in.
    #[serde(default = "unknown")]
    pub codegen_units: String,
    /// The platform that it was compiled for: "x86_64-unknown-linux-gnu".
    #[serde(default = "unknown")]
    pub target: String,
    /// A hash of the program's bytes: two runs with the same one measured the same program.
    #[serde(default = "unknown")]
    pub program: String,
    /// The version of every package that was built in.
    pub packages: BTreeMap<String, String>,
}

/// A lane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Executor {
    /// Its name in the cells.
    pub name: String,
    /// Its way of scheduling, in a sentence.
    pub about: String,
    /// "multi-thread" or "current-thread"; or "program" for a lane in another language or of another kind. A
    /// program is shown beside the other lanes: it has no rank, and takes part in no ratio and no mean.
    pub class: String,
    /// The party that answers for it: "published", which is maintained too, "ours", "experiment", or the advisory by which it
    /// is discontinued. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Its capabilities beside tasks, such as timers and sockets; empty if unknown, and for a program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub has: Vec<Capability>,
    /// The package that it is a flavour of; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub package: String,
    /// The version of its package.
    pub version: String,
    /// The address at which it is published.
    pub homepage: String,
    /// The file of this repository that implements the contract for it.
    pub source: String,
    /// Known limits, in a sentence or two; may be empty.
    #[serde(default)]
    pub limits: String,
    /// The number of other packages that its package depends on, directly or not, as the lock file has it. It
    /// counts every platform and what is needed to build, with the features that this repository asks for; it
    /// excludes what only tests need, and the packages of this repository. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<usize>,
    /// The difference to another lane, if it is the same but for a package; absent for a lane of the run's own build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_build: Option<OtherBuild>,
}

/// A workload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its name in the cells.
    pub name: String,
    /// The work of a run, in a sentence.
    pub about: String,
    /// The group whose verdict it takes part in: "Timers"; may be empty.
    #[serde(default)]
    pub group: String,
    /// The meaning of one operation.
    pub operation: String,
    /// The things that its size counts: "tasks"; may be empty.
    #[serde(default)]
    pub size: String,
    /// The quantity that its overhead measures, if that is not time on the clock beyond the ideal: "lateness
    /// of a tick", "processor time"; otherwise empty.
    #[serde(default)]
    pub measure: String,
    /// The meaning of a difference between lanes.
    pub shows: String,
    /// The limits of that meaning.
    pub hides: String,
    /// The file of this repository that holds it.
    pub source: String,
    /// A hash of its source: two runs with the same one had the same workload.
    #[serde(default = "unknown")]
    pub source_hash: String,
}

/// A known issue or trait of lanes that a workload makes visible, to be read beside its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// Name of the workload.
    pub workload: String,
    /// Names of the lanes.
    pub executors: Vec<String>,
    /// The effect that a reader sees and its cause, in a sentence or two.
    pub says: String,
    /// The issue as people name it, such as "tokio#4730"; empty for a trait by design, which has none.
    #[serde(default)]
    pub issue: String,
    /// The address of that issue; may be empty.
    #[serde(default)]
    pub link: String,
}

/// A circumstance that makes the figures worse than they need be, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// The circumstance: "the frequency governor is powersave".
    pub finding: String,
    /// The remedy: "set it to performance".
    pub remedy: String,
}

impl Executor {
    /// Tells whether a program that talks to others may be built on it: it is published and maintained, and has timers and
    /// sockets.
    pub fn can_serve(&self) -> bool {
        let has = |capability| self.has.contains(&capability);
        self.standing == Some(Standing::Published) && has(Capability::Timer) && has(Capability::Sockets)
    }
}

impl Results {
    /// Reads a `results.json`, or one that gzip has packed.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no results file, or is of another version of the format.
    pub fn read(path: &Path) -> Result<Results> {
        let failed = || format!("failed to read {}", path.display());
        let bytes = fs::read(path).with_context(failed)?;
        let text = if bytes.starts_with(&GZIP) {
            io::read_to_string(GzDecoder::new(&bytes[..])).with_context(failed)?
        } else {
            String::from_utf8(bytes).with_context(failed)?
        };
        Results::parse(&text).with_context(|| format!("{} is no results file", path.display()))
    }

    /// Parses the text of a `results.json`.
    ///
    /// # Errors
    ///
    /// If it is none, or of another version of the format.
    pub fn parse(text: &str) -> Result<Results> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        // The version is read first: another one need not have anything else in common with this.
        let Version { schema } = serde_json::from_str(text)?;
        ensure!(schema == SCHEMA, "it has schema {schema}, this version reads schema {SCHEMA}");
        Ok(serde_json::from_str(text)?)
    }

    /// Returns the row of a comparison; `None` if no lane was measured in it, or the file is from before there were rows.
    pub fn row(&self, workload: &str, size: u64, threads: usize) -> Option<&Row> {
        self.rows.iter().find(|row| (&*row.workload, row.size, row.threads) == (workload, size, threads))
    }

    /// Returns the noise floor of a row, a ratio: its own, or in files from before there were rows that of its measure.
    pub fn floor_of_row(&self, workload: &str, size: u64, threads: usize) -> f64 {
        self.row(workload, size, threads).map_or_else(|| self.noise_floor(workload), |row| row.floor)
    }

    /// Returns the noise floor of the quantity that a workload measures, a ratio; 1 if no lane raced against
    /// itself.
    pub fn noise_floor(&self, workload: &str) -> f64 {
        let known = self.workloads.iter().find(|known| known.name == workload);
        let measure = known.map_or("", |known| &known.measure);
        self.noise.as_ref().map_or(1.0, |noise| noise.floor_of(measure))
    }

    /// Returns the text of a `results.json`, with one field per line, but each list of numbers on a single
    /// line.
    ///
    /// Numbers are rounded to four significant digits. Draw pages from the re-read file, so that page and
    /// file agree.
    pub fn to_json(&self) -> String {
        json::text_of(self)
    }

    /// Returns the cells of one comparison, in the order of the lineup.
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

/// Returns the value of an unknown fact.
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
