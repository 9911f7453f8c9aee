//! A lineup as plain data: executors, workloads, and the cases that pair them.
//!
//! Up to here everything is generic; from here on a case is a function pointer. Inside the clock nothing is dynamic:
//! what the pointer leads to was compiled for one workload on one executor.

use std::{num::NonZeroUsize, time::Duration};

use executor_api::{About, Class, Config, Executor};
use serde_json::Value;
use workload_api::{Measure, Work, Workload};

use crate::{
    case::{self, OpenCase},
    foreign::{ForeignCase, Program},
    ledger::Counted,
};

/// Executors, workloads, and which of them go together.
#[derive(Default)]
pub struct Suite {
    /// In the order of the lineup.
    pub executors: Vec<ExecutorEntry>,
    /// In the order of the lineup.
    pub workloads: Vec<WorkloadEntry>,
    /// Every pair that can run; of lanes that are programs, those say what they can.
    pub cases: Vec<Case>,
}

/// An executor of a suite.
pub struct ExecutorEntry {
    /// What it says about itself.
    pub about: executor_api::About,
    /// What its process needs in the environment.
    pub environment: fn(&Config) -> Vec<(&'static str, String)>,
    /// The program that it is, if it is no executor of ours.
    pub program: Option<Program>,
}

/// A workload of a suite.
pub struct WorkloadEntry {
    /// What it says about itself.
    pub about: workload_api::About,
    /// Its sizes in a default run, smallest first.
    pub sizes: &'static [u64],
    /// The sizes that a full run adds.
    pub full_sizes: &'static [u64],
    /// The sizes at which the memory of a run is measured.
    pub memory_sizes: &'static [u64],
    /// What of a run is measured.
    pub measure: Measure,
    /// What it needs of an executor: the end of "needs ...".
    pub needs: &'static str,
    /// What a run of it is, at a size and a number of workers.
    pub specify: fn(u64, NonZeroUsize) -> Specification,
}

impl WorkloadEntry {
    /// The smallest size of all, for quick runs and checks; none of a workload that does not race.
    pub(crate) fn smallest(&self) -> Option<u64> {
        self.sizes.iter().chain(self.full_sizes).min().copied()
    }

    /// What its figures are, if they are not time on the clock; else empty.
    pub(crate) fn measured(&self) -> &'static str {
        match self.measure {
            Measure::Clock => "",
            Measure::Part(what) | Measure::Told(what) => what,
            Measure::Processor => "processor time",
        }
    }
}

/// What a run of a workload is, whoever runs it.
#[derive(Clone, Debug)]
pub struct Specification {
    /// How many operations it has.
    pub operations: u64,
    /// The waiting in it that nobody can avoid.
    pub ideal: Duration,
    /// The right answer.
    pub answer: Value,
    /// What it does.
    pub work: Work,
    /// What of it is measured.
    pub measure: Measure,
}

/// One workload on one executor.
pub struct Case {
    /// Name of the workload.
    pub workload: &'static str,
    /// Name of the executor.
    pub executor: &'static str,
    /// Starts the executor and prepares the workload at a size.
    pub open: fn(&Config, u64) -> Box<dyn OpenCase>,
}

impl Suite {
    /// Adds an executor.
    pub fn enter<E: Executor>(&mut self) {
        self.executors.push(ExecutorEntry { about: E::ABOUT, environment: E::environment, program: None });
    }

    /// Adds a lane that is a program, in any language: a command and its arguments.
    ///
    /// A path in it is one of this repository if there is such a file; a name without a slash is that of a program of ours,
    /// which cargo builds beside this one, or else of one on the PATH. It is asked for what it can run when that is needed.
    pub fn program(&mut self, about: About, command: &[&str]) {
        let program = Some(Program::new(command));
        self.executors.push(ExecutorEntry { about, environment: |_| Vec::new(), program });
    }

    /// Adds a workload to be run on an executor; `needs` is what it asks of one, the end of "needs ...".
    pub fn race<E: Executor, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Counted<E>>,
    {
        let about = <W as Workload<E>>::ABOUT;
        if self.workload(about.name).is_none() {
            let (sizes, full_sizes) = (<W as Workload<E>>::SIZES, <W as Workload<E>>::FULL_SIZES);
            let memory_sizes = <W as Workload<E>>::MEMORY_SIZES;
            let measure = <W as Workload<E>>::MEASURE;
            let specify = specify::<E, W>;
            self.workloads.push(WorkloadEntry {
                about,
                sizes,
                full_sizes,
                memory_sizes,
                measure,
                needs,
                specify,
            });
        }
        self.cases.push(Case { workload: about.name, executor: E::ABOUT.name, open: case::open::<E, W> });
    }

    /// Finds an executor by its name.
    pub fn executor(&self, name: &str) -> Option<&ExecutorEntry> {
        self.executors.iter().find(|entry| entry.about.name == name)
    }

    /// Finds a workload by its name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadEntry> {
        self.workloads.iter().find(|entry| entry.about.name == name)
    }

    /// Whether the runs of a workload do nothing but wait.
    pub fn only_waits(&self, workload: &str) -> bool {
        self.workload(workload).is_some_and(|entry| entry.measure == Measure::Processor)
    }

    /// Finds the case of a workload and an executor; none where the executor lacks what the workload needs.
    pub fn case(&self, workload: &str, executor: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.workload == workload && case.executor == executor)
    }
    /// Starts an executor, or the program of a lane, and has it prepare a workload at a size.
    ///
    /// # Errors
    ///
    /// If there is no such case, or its program does not start.
    pub fn open(
        &self,
        workload: &str,
        executor: &str,
        config: &Config,
        size: u64,
    ) -> Result<Box<dyn OpenCase>, String> {
        let program = self.executor(executor).and_then(|entry| entry.program.as_ref());
        match (self.case(workload, executor), program, self.workload(workload)) {
            (Some(case), ..) => Ok((case.open)(config, size)),
            (None, Some(program), Some(workload)) => {
                Ok(Box::new(ForeignCase::start(program, workload, config, size, None)?))
            }
            _ => Err(format!("the lineup has no {workload} on {executor}")),
        }
    }
}

/// What a lane that is a program says about itself; its version it tells when it is asked.
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

fn specify<E: Executor, W: Workload<E>>(size: u64, workers: NonZeroUsize) -> Specification {
    let workload = W::prepare_for(size, workers);
    Specification {
        operations: workload.operations(),
        ideal: workload.ideal(),
        answer: serde_json::to_value(workload.expected()).expect("an answer is plain data"),
        work: workload.work(),
        measure: W::MEASURE,
    }
}
