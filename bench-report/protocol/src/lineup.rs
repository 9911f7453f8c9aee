//! The lineup as plain data: the lanes and workloads that the track tells the lab of, and the specification of a run.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Ledger;

/// The lanes and the workloads of a track, and which of them go together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Lineup {
    /// The number of the protocol that the track speaks.
    pub protocol: u32,
    /// The build of the track.
    pub build: TrackBuild,
    /// The lanes, in the order of the report.
    pub lanes: Vec<LaneEntry>,
    /// The workloads, in the order of the report.
    pub workloads: Vec<WorkloadEntry>,
    /// Every workload and lane that go together, by their names. A lane that is a program tells its workloads itself.
    pub pairs: Vec<(String, String)>,
}

/// The facts of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TrackBuild {
    /// Version of the compiler.
    pub rustc: String,
    /// Cargo's profile.
    pub profile: String,
    /// `RUSTFLAGS`, or "none".
    pub flags: String,
    /// True if debug assertions are compiled in: then its figures mean nothing.
    pub debug_assertions: bool,
    /// The allocator of every lane.
    pub allocator: String,
    /// The level of optimisation: "3".
    #[serde(default = "unknown")]
    pub opt_level: String,
    /// The optimisation while linking, as cargo's profile names it: "fat", "off".
    #[serde(default = "unknown")]
    pub lto: String,
    /// The number of parts that a package is compiled in.
    #[serde(default = "unknown")]
    pub codegen_units: String,
    /// The platform that it was compiled for: "x86_64-unknown-linux-gnu".
    #[serde(default = "unknown")]
    pub target: String,
}

impl TrackBuild {
    /// Returns a build of which nothing is known.
    pub fn unknown() -> TrackBuild {
        TrackBuild {
            rustc: unknown(),
            profile: unknown(),
            flags: unknown(),
            debug_assertions: false,
            allocator: unknown(),
            opt_level: unknown(),
            lto: unknown(),
            codegen_units: unknown(),
            target: unknown(),
        }
    }
}

/// Returns the value of an unknown fact.
fn unknown() -> String {
    "unknown".to_owned()
}

/// A lane of the lineup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LaneEntry {
    /// Its name: kebab-case, unique in the lineup.
    pub name: String,
    /// Its way of scheduling, in a sentence.
    pub description: String,
    /// The number of workers it can have.
    pub class: Class,
    /// The party that answers for it; absent in a lineup from before this was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Its capabilities beside tasks; empty for a program, which tells its workloads itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub has: Vec<Capability>,
    /// Known limits, in a sentence or two.
    pub limits: String,
    /// The package whose version is reported, as `Cargo.lock` spells it; may be empty.
    pub package: String,
    /// The address where it is published.
    pub homepage: String,
    /// The file of this repository that implements it.
    pub source: String,
    /// The command that starts it, if it is a program of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The variables that its process needs, for each number of workers that was asked about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<usize, Vec<(String, String)>>,
    /// The reason why this machine refuses all of it; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The reason why its sockets are refused on this machine, by the kernel or a sandbox; absent if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets_refused: Option<String>,
    /// The runs that race it.
    #[serde(default, skip_serializing_if = "Tier::is_default")]
    pub tier: Tier,
    /// `true` if the other lanes are measured by it: it does the work of its workloads without tasks, and races wherever one of
    /// these does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_baseline: bool,
}

/// The runs that race a lane: its name always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Every run.
    #[default]
    Default,
    /// A full run.
    Full,
    /// A run that asks for it by its name.
    ByName,
}

/// The number of workers that a lane can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// One: it races at one thread only.
    CurrentThread,
    /// Any number.
    MultiThread,
}

/// The party that answers for a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is published, and maintained by its authors.
    Published,
    /// It is published, and its authors have given it up; with the advisory that says so.
    Discontinued(String),
    /// It is a part of this project, raced to see what is possible.
    Ours,
    /// It is a sketch or a trial, which nobody means to be used.
    Experiment,
}

/// Something that an executor may have beside tasks, and that workloads may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Timers.
    Timer,
    /// A pool of threads for jobs that block.
    BlockingPool,
    /// A way to take tasks from other threads.
    Remote,
    /// A `block_on` of its own.
    BlockOn,
    /// An end: a process can start it again and again.
    Restart,
    /// Sockets.
    Sockets,
}

/// A workload of the lineup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadEntry {
    /// Its name: kebab-case, unique in the lineup.
    pub name: String,
    /// A run, in a sentence.
    pub description: String,
    /// The group that it has its verdict in.
    pub group: String,
    /// One operation: "one task".
    pub operation: String,
    /// The things that its size counts: "tasks".
    pub size: String,
    /// The meaning of a difference between lanes, as the end of "It shows ...".
    pub shows: String,
    /// The limits of that meaning, as the end of "It does not show ...".
    pub hides: String,
    /// The file of this repository that holds it.
    pub source: String,
    /// Its sizes in a default run, smallest first.
    pub sizes: Vec<u64>,
    /// The sizes that a full run adds.
    pub full_sizes: Vec<u64>,
    /// The sizes at which the memory of a run is measured.
    pub memory_sizes: Vec<u64>,
    /// The part of a run that is measured.
    pub measure: Measure,
    /// Its demand on an executor, as the end of "needs ...".
    pub needs: String,
    /// `true` if a run has a deadline, which is missed if the machine stands still.
    #[serde(default)]
    pub has_deadline: bool,
    /// `true` if a full run races it with more workers than there are processors, too.
    #[serde(default)]
    pub oversubscribed: bool,
    /// `true` if its tasks use sockets.
    #[serde(default)]
    pub sockets: bool,
    /// `true` if one run takes so long that a quick run leaves it out.
    #[serde(default)]
    pub long: bool,
    /// `true` if it needs a processor besides those of its workers, for a load from outside.
    #[serde(default)]
    pub loaded_from_outside: bool,
}

/// The part of a run that is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Time on the clock beyond the ideal.
    Clock,
    /// Time on the clock of a part of the run, under this name.
    Part(String),
    /// The loss that the workload tells of its operations, under this name.
    Told(String),
    /// The ratio that the workload tells of a run, under this name. It is no time.
    Ratio(String),
    /// Processor time of the whole run, under this name.
    ProcessorOf(String),
    /// Processor time of a part of the run, which only waits.
    Processor,
}

/// A run of a workload at a size and a number of workers, whoever runs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Specification {
    /// The number of its operations.
    pub operations: u64,
    /// The waiting in it that no executor can avoid, in ns.
    pub ideal_ns: u64,
    /// The right answer.
    pub answer: Value,
    /// The work it consists of.
    pub work: Work,
    /// The part of it that is measured.
    pub measure: Measure,
}

/// The work that a run has to do; what is absent is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Work {
    /// Tasks spawned, the root not counted.
    pub spawned: Option<u64>,
    /// Tasks that run to their end.
    pub finished: Option<u64>,
    /// Tasks that are cancelled.
    pub cancelled: Option<u64>,
    /// Jobs given to the blocking pool.
    pub jobs: Option<u64>,
    /// The least number of tasks that are in flight at once.
    pub at_once: Option<u64>,
    /// The least number of polls.
    pub polls: Option<u64>,
}

/// The work that a run did, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// The tasks and the jobs.
    pub ledger: Ledger,
    /// The most tasks in flight at once; absent if nobody counted.
    pub at_once: Option<u64>,
    /// Polls; absent if nobody counted.
    pub polls: Option<u64>,
}

impl Lineup {
    /// Finds a lane by its name.
    pub fn lane(&self, name: &str) -> Option<&LaneEntry> {
        self.lanes.iter().find(|lane| lane.name == name)
    }

    /// Finds a workload by its name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadEntry> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// Tells whether a lane of the track has a workload.
    pub fn pairs(&self, workload: &str, lane: &str) -> bool {
        self.pairs.iter().any(|(its_workload, its_lane)| its_workload == workload && its_lane == lane)
    }

    /// Tells whether the runs of a workload do nothing but wait.
    pub fn only_waits(&self, workload: &str) -> bool {
        self.workload(workload).is_some_and(|workload| workload.measure == Measure::Processor)
    }
}

impl Tier {
    /// True for a lane that every run races.
    fn is_default(&self) -> bool {
        *self == Tier::Default
    }
}

impl WorkloadEntry {
    /// The smallest size of all, for quick runs and checks; `None` for a workload that does not race.
    pub fn smallest(&self) -> Option<u64> {
        self.sizes.iter().chain(&self.full_sizes).min().copied()
    }
}

impl Measure {
    /// The name of its figures, if they are not time on the clock; else empty.
    pub fn name(&self) -> &str {
        match self {
            Measure::Clock => "",
            Measure::Part(name) | Measure::Told(name) | Measure::Ratio(name) | Measure::ProcessorOf(name) => {
                name
            }
            Measure::Processor => "processor time",
        }
    }
}

impl Specification {
    /// The waiting in a run that no executor can avoid.
    pub fn ideal(&self) -> Duration {
        Duration::from_nanos(self.ideal_ns)
    }
}

impl Work {
    /// Compares the work that was done with this.
    ///
    /// # Errors
    ///
    /// The first difference, in a sentence whose subject is the lane.
    pub fn check(&self, done: &WorkDone) -> Result<(), String> {
        let WorkDone { ledger, at_once, polls } = done;
        let exact = [
            ("spawned", ledger.spawned, self.spawned, "tasks"),
            ("finished", ledger.finished, self.finished, "tasks"),
            ("cancelled", ledger.cancelled, self.cancelled, "tasks"),
            ("ran", ledger.jobs, self.jobs, "blocking jobs"),
        ];
        for (verb, done, specified, noun) in exact {
            if let Some(specified) = specified.filter(|&specified| specified != done) {
                return Err(format!("{verb} {done} {noun}, its specification says {specified}"));
            }
        }
        let at_least = [
            ("had", at_once, self.at_once, "tasks in flight at once"),
            ("polled", polls, self.polls, "times"),
        ];
        for (verb, done, specified, noun) in at_least {
            if let (Some(done), Some(specified)) = (*done, specified)
                && done < specified
            {
                return Err(format!("{verb} {done} {noun}, its specification says {specified} or more"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four tasks, one of them cancelled, and three jobs.
    fn done() -> WorkDone {
        let ledger = Ledger { spawned: 4, finished: 3, cancelled: 1, jobs: 3 };
        WorkDone { ledger, at_once: Some(2), polls: Some(9) }
    }

    #[test]
    fn work_as_specified_is_right_and_what_is_not_specified_is_open() {
        let specified = Work {
            spawned: Some(4),
            finished: Some(3),
            cancelled: Some(1),
            jobs: Some(3),
            at_once: Some(2),
            polls: Some(8),
        };
        assert_eq!(specified.check(&done()), Ok(()));
        assert_eq!(Work::default().check(&done()), Ok(()));
    }

    #[test]
    fn what_nobody_counted_is_open() {
        let specified = Work { at_once: Some(3), polls: Some(10), ..Work::default() };
        assert_eq!(specified.check(&WorkDone { at_once: None, polls: None, ..done() }), Ok(()));
    }

    #[test]
    fn each_difference_from_the_specification_is_named() {
        let open = Work::default();
        for (work, complaint) in [
            (Work { spawned: Some(10_000), ..open }, "spawned 4 tasks, its specification says 10000"),
            (Work { finished: Some(4), ..open }, "finished 3 tasks, its specification says 4"),
            (Work { cancelled: Some(0), ..open }, "cancelled 1 tasks, its specification says 0"),
            (Work { jobs: Some(2), ..open }, "ran 3 blocking jobs, its specification says 2"),
            (
                Work { at_once: Some(3), ..open },
                "had 2 tasks in flight at once, its specification says 3 or more",
            ),
            (Work { polls: Some(10), ..open }, "polled 9 times, its specification says 10 or more"),
        ] {
            assert_eq!(work.check(&done()), Err(complaint.to_owned()));
        }
    }
}
