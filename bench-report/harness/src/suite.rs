//! A suite: executors, workloads, and the cases that pair them.
//!
//! Up to here everything is generic; from here on a case is a function pointer.

use std::num::NonZeroUsize;

use executor_api::{About, Class, Config, Executor};
use lane_protocol::{LaneEntry, Lineup, PROTOCOL, Specification, Specify, TrackBuild, WorkloadEntry};
use workload_api::{Measure, Workload};

use crate::{
    case::{self, OpenCase},
    ledger::{self, Audited},
    platform::nanoseconds,
};

/// Executors, workloads, and which of them go together.
#[derive(Default)]
pub struct Suite {
    executors: Vec<ExecutorEntry>,
    workloads: Vec<(WorkloadEntry, Specifier)>,
    cases: Vec<Case>,
}

struct ExecutorEntry {
    about: About,
    environment: fn(&Config) -> Vec<(&'static str, String)>,
    /// The command that starts it, if it is a program of its own.
    command: Option<Vec<String>>,
}

/// Specifies a run of a workload at a size and a number of workers.
type Specifier = fn(u64, NonZeroUsize) -> Specification;

/// One workload on one executor.
struct Case {
    workload: &'static str,
    executor: &'static str,
    /// Starts the executor and prepares the workload at a size.
    open: fn(&Config, u64) -> Box<dyn OpenCase>,
}

impl Suite {
    /// Adds an executor.
    pub fn enter<E: Executor>(&mut self) {
        let (about, environment) = (E::ABOUT, E::environment);
        self.executors.push(ExecutorEntry { about, environment, command: None });
    }

    /// Adds a lane that is a program of its own, in any language: a command and its arguments.
    ///
    /// A path in it is one of this repository if there is such a file; a name without a slash is a program of this
    /// workspace, which the lab has cargo build, or else one on the PATH. The lab starts it and asks it what it can run.
    pub fn program(&mut self, about: About, command: &[&str]) {
        let command = Some(command.iter().map(|&part| part.to_owned()).collect());
        self.executors.push(ExecutorEntry { about, environment: |_| Vec::new(), command });
    }

    /// Adds a workload to be run on an executor; `needs` is what it asks of one, the end of "needs ...".
    pub fn race<E: Executor, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Audited<E>>,
    {
        let about = <W as Workload<E>>::ABOUT;
        if !self.workloads.iter().any(|(entry, _)| entry.name == about.name) {
            self.workloads.push((entry::<E, W>(needs), specify::<E, W>));
        }
        self.cases.push(Case { workload: about.name, executor: E::ABOUT.name, open: case::open::<E, W> });
    }

    /// Describes the suite as plain data, with the environment of each lane at each of these numbers of workers.
    pub fn lineup(&self, build: &TrackBuild, threads: &[usize]) -> Lineup {
        Lineup {
            protocol: PROTOCOL,
            build: build.clone(),
            lanes: self.executors.iter().map(|entry| entry.describe(threads)).collect(),
            workloads: self.workloads.iter().map(|(entry, _)| entry.clone()).collect(),
            pairs: self.cases.iter().map(|case| (case.workload.into(), case.executor.into())).collect(),
        }
    }

    /// Specifies a run.
    ///
    /// # Errors
    ///
    /// If there is no such workload, or there are no workers.
    pub fn specification(&self, asked: &Specify) -> Result<Specification, String> {
        let Specify { workload, size, threads } = asked;
        let found = self.workloads.iter().find(|(entry, _)| entry.name == *workload);
        let (_, specify) = found.ok_or_else(|| format!("the lineup has no {workload}"))?;
        let threads = NonZeroUsize::new(*threads).ok_or("a cell has threads, 1 or more")?;
        Ok(specify(*size, threads))
    }

    /// Starts an executor and has it prepare a workload at a size.
    ///
    /// # Errors
    ///
    /// If there is no such case.
    pub fn open(
        &self,
        workload: &str,
        executor: &str,
        config: &Config,
        size: u64,
    ) -> Result<Box<dyn OpenCase>, String> {
        let mut cases = self.cases.iter();
        let case = cases.find(|case| case.workload == workload && case.executor == executor);
        let case = case.ok_or_else(|| format!("the lineup has no {workload} on {executor}"))?;
        Ok((case.open)(config, size))
    }
}

impl ExecutorEntry {
    fn describe(&self, threads: &[usize]) -> LaneEntry {
        let About { name, description, class, limits, package, homepage, source } = self.about;
        let environment = |threads: &usize| {
            let variables = (self.environment)(&Config::new(NonZeroUsize::new(*threads)?));
            let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
            Some((*threads, variables.collect::<Vec<_>>()))
        };
        LaneEntry {
            name: name.into(),
            description: description.into(),
            class: match class {
                Class::CurrentThread => lane_protocol::Class::CurrentThread,
                Class::MultiThread => lane_protocol::Class::MultiThread,
            },
            limits: limits.into(),
            package: package.into(),
            homepage: homepage.into(),
            source: source.into(),
            command: self.command.clone(),
            environment: threads.iter().filter_map(environment).filter(|(_, set)| !set.is_empty()).collect(),
        }
    }
}

/// Describes a lane that is a program of its own; it tells its version when it is asked.
pub const fn about_program(name: &'static str, description: &'static str) -> About {
    About {
        name,
        description,
        class: Class::MultiThread,
        limits: "",
        package: "",
        homepage: "unknown",
        source: "",
    }
}

fn entry<E: Executor, W: Workload<E>>(needs: &'static str) -> WorkloadEntry {
    let about = W::ABOUT;
    WorkloadEntry {
        name: about.name.into(),
        description: about.description.into(),
        group: about.group.into(),
        operation: about.operation.into(),
        size: about.size.into(),
        shows: about.shows.into(),
        hides: about.hides.into(),
        source: about.source.into(),
        sizes: W::SIZES.into(),
        full_sizes: W::FULL_SIZES.into(),
        memory_sizes: W::MEMORY_SIZES.into(),
        measure: measure_of(W::MEASURE),
        needs: needs.into(),
        has_deadline: W::HAS_DEADLINE,
        oversubscribed: W::OVERSUBSCRIBED,
    }
}

fn specify<E: Executor, W: Workload<E>>(size: u64, workers: NonZeroUsize) -> Specification {
    let workload = W::prepare_for(size, workers);
    Specification {
        operations: workload.operations(),
        ideal_ns: nanoseconds(workload.ideal()),
        answer: serde_json::to_value(workload.expected()).expect("an answer is plain data"),
        work: ledger::in_words_of_protocol(workload.work()),
        measure: measure_of(W::MEASURE),
    }
}

/// Translates a measure into the words of the protocol, which knows no Rust.
fn measure_of(measure: Measure) -> lane_protocol::Measure {
    match measure {
        Measure::Clock => lane_protocol::Measure::Clock,
        Measure::Part(name) => lane_protocol::Measure::Part(name.into()),
        Measure::Told(name) => lane_protocol::Measure::Told(name.into()),
        Measure::Ratio(name) => lane_protocol::Measure::Ratio(name.into()),
        Measure::Processor => lane_protocol::Measure::Processor,
    }
}
