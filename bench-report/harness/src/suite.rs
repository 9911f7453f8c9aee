//! A suite: executors, workloads, and the cases that pair them.
//!
//! Up to here everything is generic; from here on a case is a function pointer.

use std::num::NonZeroUsize;

use executor_api::{
    About, BlockOn, BlockingPool, Class, Config, Executor, FlavourOf, Net, Remote, Restart, Standing, Timer,
};
use lane_protocol::{LaneEntry, Lineup, PROTOCOL, Specification, Specify, Tier, TrackBuild, WorkloadEntry};
use workload_api::{Measure, Workload};

use crate::{
    audited::{Audited, Contracts, the},
    case::{self, OpenCase},
    ledger,
    platform::nanoseconds,
    watched::Watched,
};

/// Executors, workloads, and which of them go together.
#[derive(Default)]
pub struct Suite {
    executors: Vec<ExecutorEntry>,
    workloads: Vec<(WorkloadEntry, Specifier)>,
    cases: Vec<Case>,
    /// The tier of the executors that are entered next.
    tier: Tier,
}

struct ExecutorEntry {
    about: About,
    environment: fn(&Config) -> Vec<(&'static str, String)>,
    refused: fn() -> Option<String>,
    /// The command that starts it, if it is a program of its own.
    command: Option<Vec<String>>,
    /// The contracts by which audited runs reach it, if it is none.
    contracts: Option<Contracts>,
    tier: Tier,
    is_baseline: bool,
}

/// Specifies a run of a workload at a size and a number of workers.
type Specifier = fn(u64, NonZeroUsize) -> Specification;

/// One workload on one executor.
struct Case {
    workload: &'static str,
    executor: &'static str,
    sockets: bool,
    open: Opener,
}

/// Starts an executor and prepares a workload at a size.
type Opener = fn(Contracts, &Config, u64) -> OpenCase;

impl Suite {
    /// Begins a tier: the executors that are entered from here on are of it.
    pub fn tier(&mut self, tier: Tier) {
        self.tier = tier;
    }

    /// Adds an executor.
    pub fn enter<E: Executor>(&mut self) {
        self.executors.push(ExecutorEntry {
            about: E::ABOUT,
            environment: E::environment,
            refused: E::refused,
            command: None,
            contracts: Some(Contracts::of::<E>()),
            tier: self.tier,
            is_baseline: false,
        });
    }

    /// Enters the timers of an executor. Audited runs, which do not know its type, have what is entered.
    pub fn has_timer<E: Timer>(&mut self) {
        self.contracts::<E>().timer = Some(the::<E>());
    }

    /// Enters the blocking pool of an executor.
    pub fn has_blocking_pool<E: BlockingPool>(&mut self) {
        self.contracts::<E>().blocking_pool = Some(the::<E>());
    }

    /// Enters the spawner of an executor that takes tasks from other threads.
    pub fn has_spawner<E: Remote>(&mut self) {
        self.contracts::<E>().remote = Some(the::<E>());
    }

    /// Enters the `block_on` of an executor.
    pub fn has_block_on<E: BlockOn>(&mut self) {
        self.contracts::<E>().block_on = Some(the::<E>());
    }

    /// Enters that an executor can be started again.
    pub fn has_restart<E: Restart>(&mut self) {
        self.contracts::<E>().restart = Some(the::<E>());
    }

    /// Enters the sockets of an executor.
    pub fn has_sockets<E: Net>(&mut self) {
        self.contracts::<E>().net = Some(the::<E>());
    }

    fn contracts<E: Executor>(&mut self) -> &mut Contracts {
        let entry = self.executors.iter_mut().find(|entry| entry.about.name == E::ABOUT.name);
        entry.and_then(|entry| entry.contracts.as_mut()).expect("an executor is entered first")
    }

    /// Adds a lane that is a program of its own, in any language: a command and its arguments.
    ///
    /// A path in it is one of this repository if there is such a file; a name without a slash is a program of this
    /// workspace, which the lab has cargo build, or else one on the PATH. The lab starts it and asks it what it can run.
    pub fn program(&mut self, about: About, command: &[&str]) {
        self.add_program(about, command, false);
    }

    /// Adds a program that does the work of workloads without tasks: the others are measured by it wherever it races, and it
    /// races wherever they do.
    pub fn baseline(&mut self, about: About, command: &[&str]) {
        self.add_program(about, command, true);
    }

    fn add_program(&mut self, about: About, command: &[&str], is_baseline: bool) {
        let command = Some(command.iter().map(|&part| part.to_owned()).collect());
        self.executors.push(ExecutorEntry {
            about,
            environment: |_| Vec::new(),
            refused: || None,
            command,
            contracts: None,
            tier: self.tier,
            is_baseline,
        });
    }

    /// Adds a workload to be run on an executor; `needs` is what it asks of one, the end of "needs ...".
    pub fn race<E: Executor, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Audited>,
    {
        self.race_as::<E, E, W>(needs);
    }

    /// Adds a workload as [`race`](Self::race) does, to be run on a flavour of an executor, by what is compiled for that one.
    pub fn race_as<F: FlavourOf<E>, E: Executor, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Audited>,
    {
        self.add::<W>(needs, F::ABOUT.name, case::open::<F, E, W>);
    }

    /// Adds a workload as [`race`](Self::race) does, and has its sleeps watched in runs of their own: their lateness is a
    /// figure. For that it is compiled a second time for each executor.
    pub fn race_and_watch<E: Timer, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Audited> + Workload<Watched<E>>,
    {
        self.race_and_watch_as::<E, E, W>(needs);
    }

    /// Adds a workload as [`race_as`](Self::race_as) does, and has its sleeps watched.
    pub fn race_and_watch_as<F: FlavourOf<E>, E: Timer, W>(&mut self, needs: &'static str)
    where
        W: Workload<E> + Workload<Audited> + Workload<Watched<E>>,
    {
        self.add::<W>(needs, F::ABOUT.name, case::open_watched::<F, E, W>);
    }

    fn add<W: Workload<Audited>>(&mut self, needs: &'static str, executor: &'static str, open: Opener) {
        let workload = W::ABOUT.name;
        if !self.workloads.iter().any(|(entry, _)| entry.name == workload) {
            self.workloads.push((entry::<W>(needs), specify::<W>));
        }
        self.cases.push(Case { workload, executor, sockets: W::SOCKETS, open });
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

    /// Starts an executor and has it prepare a workload at a size, with sockets if its tasks use them.
    ///
    /// # Errors
    ///
    /// If there is no such case, or the sockets of the executor are refused.
    pub fn open(
        &self,
        workload: &str,
        executor: &str,
        config: &Config,
        size: u64,
    ) -> Result<OpenCase, String> {
        let mut cases = self.cases.iter();
        let case = cases.find(|case| case.workload == workload && case.executor == executor);
        let case = case.ok_or_else(|| format!("the lineup has no {workload} on {executor}"))?;
        let contracts = self.executors.iter().find(|entry| entry.about.name == executor);
        let contracts = contracts.and_then(|entry| entry.contracts);
        let contracts = contracts.ok_or_else(|| format!("{executor} races, and was not entered"))?;
        if case.sockets {
            contracts.driver()?;
        }
        Ok((case.open)(contracts, &Config { sockets: case.sockets, ..*config }, size))
    }
}

impl ExecutorEntry {
    fn describe(&self, threads: &[usize]) -> LaneEntry {
        let About { name, description, class, standing, limits, package, homepage, source } = self.about;
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
            standing: Some(standing_of(standing)),
            has: self.contracts.map_or_else(Vec::new, |contracts| contracts.capabilities()),
            limits: limits.into(),
            package: package.into(),
            homepage: homepage.into(),
            source: source.into(),
            command: self.command.clone(),
            environment: threads.iter().filter_map(environment).filter(|(_, set)| !set.is_empty()).collect(),
            refused: (self.refused)(),
            sockets_refused: self.sockets_refused(),
            tier: self.tier,
            is_baseline: self.is_baseline,
        }
    }

    /// Returns the reason why its sockets are refused; `None` if they are not, or it has none.
    fn sockets_refused(&self) -> Option<String> {
        self.contracts.filter(|has| has.net.is_some())?.driver().err()
    }
}

/// Describes a lane that is a program of its own; it tells its version when it is asked.
pub const fn about_program(name: &'static str, description: &'static str) -> About {
    About {
        name,
        description,
        class: Class::MultiThread,
        standing: Standing::Published,
        limits: "",
        package: "",
        homepage: "unknown",
        source: "",
    }
}

fn entry<W: Workload<Audited>>(needs: &'static str) -> WorkloadEntry {
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
        sockets: W::SOCKETS,
        long: W::LONG,
        loaded_from_outside: W::LOADED_FROM_OUTSIDE,
    }
}

fn specify<W: Workload<Audited>>(size: u64, workers: NonZeroUsize) -> Specification {
    let workload = W::prepare_for(size, workers);
    Specification {
        operations: workload.operations(),
        ideal_ns: nanoseconds(workload.ideal()),
        answer: serde_json::to_value(workload.expected()).expect("an answer is plain data"),
        work: ledger::in_words_of_protocol(workload.work()),
        measure: measure_of(W::MEASURE),
    }
}

/// Translates a standing into the words of the protocol, which knows no Rust.
fn standing_of(standing: Standing) -> lane_protocol::Standing {
    match standing {
        Standing::Published => lane_protocol::Standing::Published,
        Standing::Discontinued(advisory) => lane_protocol::Standing::Discontinued(advisory.into()),
        Standing::Ours => lane_protocol::Standing::Ours,
        Standing::Experiment => lane_protocol::Standing::Experiment,
    }
}

/// Translates a measure into the words of the protocol, which knows no Rust.
fn measure_of(measure: Measure) -> lane_protocol::Measure {
    match measure {
        Measure::Clock => lane_protocol::Measure::Clock,
        Measure::Part(name) => lane_protocol::Measure::Part(name.into()),
        Measure::Told(name) => lane_protocol::Measure::Told(name.into()),
        Measure::Ratio(name) => lane_protocol::Measure::Ratio(name.into()),
        Measure::ProcessorOf(name) => lane_protocol::Measure::ProcessorOf(name.into()),
        Measure::Processor => lane_protocol::Measure::Processor,
    }
}
