//! A lineup as plain data: executors, workloads, and the cases that pair them.
//!
//! Up to here everything is generic; from here on a case is a function pointer. Inside the clock nothing is dynamic:
//! what the pointer leads to was compiled for one workload on one executor.

use executor_api::{Config, Executor};
use workload_api::{Measure, Workload};

use crate::{
    case::{self, OpenCase},
    ledger::Counted,
};

/// Executors, workloads, and which of them go together.
#[derive(Default)]
pub struct Suite {
    /// In the order of the lineup.
    pub executors: Vec<ExecutorEntry>,
    /// In the order of the lineup.
    pub workloads: Vec<WorkloadEntry>,
    /// Every pair that can run.
    pub cases: Vec<Case>,
}

/// An executor of a suite.
pub struct ExecutorEntry {
    /// What it says about itself.
    pub about: executor_api::About,
    /// What its process needs in the environment.
    pub environment: fn(&Config) -> Vec<(&'static str, String)>,
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
        self.executors.push(ExecutorEntry { about: E::ABOUT, environment: E::environment });
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
            self.workloads.push(WorkloadEntry { about, sizes, full_sizes, memory_sizes, measure, needs });
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
}
