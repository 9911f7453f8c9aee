//! Runs a plan: one process after the other, every outcome written down as it comes.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::{
    arguments::usage,
    assemble,
    counting::Counting,
    facts::{self, Reading},
    plan::{self, Plan},
    process::{Launcher, Measurement, Running, Trouble},
    protocol::{CellId, Order, Sampling},
    results::Results,
    rounds::{self, Heat, Judge, Rounds, Stage},
    samples::{self, Outcome, Outcomes, Place, Record, SampleLog, Times},
    suite::Suite,
    worker,
};

/// The argument that makes this program the process of a cell.
pub const WORKER: &str = "--worker";

/// The folder of one run and what is in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// How a race ended.
#[derive(Debug)]
pub enum Ending {
    /// Every process has had its turn.
    Finished(Box<Results>),
    /// It was interrupted; what was measured is kept.
    Interrupted,
}

/// What is told while a race runs.
pub trait Progress {
    /// `done` processes of `all` have ended; `next` starts now.
    fn next(&mut self, done: usize, all: usize, next: &CellId);

    /// All of these have ended, `open` comparisons go on, for the time that is `left` at most; `next` starts now.
    fn further(&mut self, open: usize, left: Duration, next: &CellId);

    /// The race is over, and `done` of `all` processes that count have ended; `next` starts now.
    fn counting(&mut self, done: usize, all: usize, next: &CellId);

    /// A cell has failed.
    fn failed(&mut self, cell: &CellId, reason: &str);
}

impl Folder {
    /// Makes the folder of a new run in `out`, with its plan.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written to, or stands already.
    pub fn create(out: &Path, plan: &Plan) -> Result<Folder> {
        let runs = out.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("failed to make {}", runs.display()))?;
        let path = runs.join(&plan.id);
        fs::create_dir(&path).with_context(|| format!("failed to make {}", path.display()))?;
        let folder = Folder { path };
        write(&folder.plan(), &serde_json::to_string_pretty(plan).expect("a plan is plain data"))?;
        Ok(folder)
    }

    /// Finds the newest run in `out`, which must have been left before its end, and its plan.
    ///
    /// # Errors
    ///
    /// If there is no such run.
    pub fn newest_unfinished(out: &Path) -> Result<(Folder, Plan)> {
        let entries = fs::read_dir(out.join("runs")).into_iter().flatten();
        let newest = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).max();
        let Some(path) = newest else { return Err(usage(format!("{} has no run to resume", out.display()))) };
        let folder = Folder { path };
        if folder.results().exists() {
            return Err(usage(format!(
                "the newest run, {}, is finished: no need to resume",
                folder.path.display()
            )));
        }
        let plan = folder.plan();
        let text = fs::read_to_string(&plan).with_context(|| format!("failed to read {}", plan.display()))?;
        let plan = serde_json::from_str(&text).with_context(|| format!("{} is corrupt", plan.display()))?;
        Ok((folder, plan))
    }

    /// Where the samples go.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples.jsonl")
    }

    /// Where the results go.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.json")
    }

    /// Where the page goes.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }
}

/// Runs what is left of `plan`, and gives its results.
///
/// # Errors
///
/// If a file of the run cannot be read or written. What was measured up to then is in the samples.
pub fn run(
    suite: &Suite,
    plan: &Plan,
    folder: &Folder,
    interrupted: Arc<AtomicBool>,
    progress: &mut dyn Progress,
) -> Result<Ending> {
    let before = Reading::take(Path::new("/"));
    let judge = |outcomes: &Outcomes| {
        rounds::blocks_to_go(plan, &assemble::results(suite, plan, outcomes, String::new()))
    };
    let raced = run_heats(suite, plan, folder, interrupted.clone(), progress, &judge)?;
    let Some(raced) = raced else { return Ok(Ending::Interrupted) };
    let launcher = Launcher { program: this_program()?, time_limit: plan.time_limit, interrupted };
    let mut log = SampleLog::open(&folder.samples())?;
    let mut counting = Counting::of(suite, plan, &folder.samples())?;
    let all = counting.left();
    let mut next = |done: usize, cell: &CellId| progress.counting(done, all, cell);
    if !counting.run(&launcher, &mut log, &folder.scratch(), &failures(&raced.outcomes), &mut next)? {
        return Ok(Ending::Interrupted);
    }
    let mut results = conclude(suite, plan, raced, &before);
    counting.fill(&mut results);
    Ok(Ending::Finished(Box::new(results)))
}

/// The results of a race that has ended, with what happened on the machine since the reading before it.
pub(crate) fn conclude(suite: &Suite, plan: &Plan, raced: Raced, before: &Reading) -> Results {
    let mut results = assemble::results(suite, plan, &raced.outcomes, Timestamp::now().to_string());
    results.run.attention = raced.attention;
    before.tell(&Reading::take(Path::new("/")), &mut results.machine);
    let most_threads = plan.cells.iter().map(|cell| cell.threads).max().unwrap_or(1);
    results.warnings = facts::warnings(&results.machine, &results.build, most_threads);
    results
}

/// What a race leaves behind.
#[derive(Debug)]
pub struct Raced {
    /// What became of every process.
    pub outcomes: Outcomes,
    /// The comparisons that had further blocks in each round, in their order.
    pub attention: Vec<Vec<String>>,
}

/// Runs what is left of `plan`, as long as the `judge` wants it and there is time; none if it was interrupted.
///
/// A cell that fails in one block is not run again in the next: it cannot be ok any more, and neither can a lane whose
/// twin has failed. A comparison of which a block was interrupted runs in it again as a whole: its lanes are to meet the
/// machine in the same mood.
///
/// # Errors
///
/// If a file of the run cannot be read or written. What was measured up to then is in the samples.
pub fn run_heats(
    suite: &Suite,
    plan: &Plan,
    folder: &Folder,
    interrupted: Arc<AtomicBool>,
    progress: &mut dyn Progress,
    judge: &Judge<'_>,
) -> Result<Option<Raced>> {
    let past = Past::read(&folder.samples())?;
    let launcher = Launcher { program: this_program()?, time_limit: plan.time_limit, interrupted };
    let mut log = SampleLog::open(&folder.samples())?;
    let mut rounds = Rounds::new(plan, judge);
    let mut outcomes = Outcomes::new();
    while let Some(heat) = rounds.next(&outcomes) {
        outcomes.extend(past.outcomes_of(&heat));
        let took = match past.time_of(&heat) {
            Some(took) => took,
            None => {
                let start = Instant::now();
                let stage = rounds.stage();
                let failed = failures(&outcomes);
                let lanes = places(&heat).filter(|place| !failed.contains(&place.cell)).collect();
                let mut next = |index, cell: &CellId| tell(progress, stage, index, cell);
                let ended = run_heat(suite, &launcher, plan, &folder.scratch(), lanes, &mut next)?;
                remove(&folder.scratch())?;
                let Some(ended) = ended else { return Ok(None) };
                let took = start.elapsed();
                log.append(&records(&heat, &ended, took))?;
                outcomes.extend(ended.into_iter().map(|ended| outcome(ended, progress)));
                took
            }
        };
        fail_with_twins(plan, &heat, &mut outcomes);
        rounds.ended(&heat, took);
    }
    Ok(Some(Raced { outcomes, attention: rounds.attention() }))
}

/// Lets the lanes fail whose twin has failed in a heat: they are the same under another name.
fn fail_with_twins(plan: &Plan, heat: &Heat, outcomes: &mut Outcomes) {
    for twin in heat.lanes.iter().filter(|cell| plan.is_twin(cell)) {
        let lane = (plan.in_lineup(twin), heat.block);
        if let Some(Outcome::Failed(reason)) = outcomes.get(&(twin.clone(), heat.block))
            && !matches!(outcomes.get(&lane), Some(Outcome::Failed(_)))
        {
            let failed = Outcome::Failed(format!("{reason} (as {})", twin.executor));
            outcomes.insert(lane, failed);
        }
    }
}

/// What an interrupted run has left behind.
#[derive(Default)]
struct Past {
    outcomes: Outcomes,
    times: Times,
}

impl Past {
    fn read(samples: &Path) -> Result<Past> {
        if !samples.exists() {
            return Ok(Past::default());
        }
        Ok(Past { outcomes: samples::read_and_mend(samples)?, times: samples::read_times(samples)? })
    }

    fn outcomes_of(&self, heat: &Heat) -> Vec<((CellId, usize), Outcome)> {
        let keys = heat.lanes.iter().map(|cell| (cell.clone(), heat.block));
        keys.filter_map(|key| Some((key.clone(), self.outcomes.get(&key)?.clone()))).collect()
    }

    /// How long a heat took; none if it has not ended.
    fn time_of(&self, heat: &Heat) -> Option<Duration> {
        self.times.get(&(heat.name.clone(), heat.block)).copied()
    }
}

fn tell(progress: &mut dyn Progress, stage: Stage, started: usize, next: &CellId) {
    match stage {
        Stage::First { done, all } => progress.next(done + started, all, next),
        Stage::Further { open, left } => progress.further(open, left, next),
    }
}

fn places(heat: &Heat) -> impl Iterator<Item = Place> {
    let place =
        |(position, cell): (usize, &CellId)| Place { block: heat.block, position, cell: cell.clone() };
    heat.lanes.iter().enumerate().map(place)
}

/// What became of a lane in a heat: its measurement, or why there is none.
type Ended = (Place, Result<Measurement, String>);

/// Runs the lanes of one comparison, a process each, which take their samples in turn; none if it was interrupted.
///
/// What disturbs a machine comes and goes within milliseconds to minutes: a neighbour on the same core, a frequency, a
/// daemon. Of samples that lie so close together each lane gets its share, and their ratio stays. At any time one process
/// works, and the others wait for their turn; but those that only wait disturb nobody, so they do it together.
fn run_heat(
    suite: &Suite,
    launcher: &Launcher,
    plan: &Plan,
    scratch: &Path,
    places: Vec<Place>,
    next: &mut dyn FnMut(usize, &CellId),
) -> Result<Option<Vec<Ended>>> {
    let only_wait = places.first().is_some_and(|place| suite.only_waits(&place.cell.workload));
    let at_once = if only_wait { places.len() } else { 1 };
    let mut lanes: Vec<Lane> = Vec::new();
    // One after the other: each has the machine for its check and its warm-up.
    for places in places.chunks(at_once) {
        let begun = lanes.len();
        for place in places {
            next(lanes.len(), &place.cell);
            let scratch = scratch.join(lanes.len().to_string());
            let process = start_lane(suite, launcher, plan, &place.cell, &scratch)?;
            lanes.push(Lane { place: place.clone(), samples: 0, process });
        }
        lanes[begun..].iter_mut().for_each(Lane::get_ready);
    }
    let rounds = lanes.iter().map(|lane| lane.samples).max().unwrap_or(0);
    for (round, mut order) in plan::turns(lanes.len(), rounds).enumerate() {
        order.retain(|&lane| plan::has_turn(lanes[lane].samples, round, rounds));
        for order in order.chunks(at_once) {
            order.iter().for_each(|&lane| lanes[lane].go());
            order.iter().for_each(|&lane| lanes[lane].sample());
        }
    }
    let mut ended = Vec::new();
    for Lane { place, process, .. } in lanes {
        match process.and_then(Running::finish) {
            Ok(measurement) => ended.push((place, Ok(measurement))),
            Err(Trouble::Failed(reason)) => ended.push((place, Err(reason))),
            Err(Trouble::Interrupted) => return Ok(None),
        }
    }
    Ok(Some(ended))
}

/// A lane in a heat.
struct Lane {
    place: Place,
    /// How many it takes; none before it is ready.
    samples: usize,
    process: Result<Running, Trouble>,
}

impl Lane {
    fn get_ready(&mut self) {
        match self.process.as_mut().map(Running::ready) {
            Ok(Ok(samples)) => self.samples = samples,
            Ok(Err(trouble)) => self.process = Err(trouble),
            Err(_) => {}
        }
    }

    fn go(&mut self) {
        if let Ok(process) = &mut self.process {
            process.go();
        }
    }

    fn sample(&mut self) {
        if let Ok(process) = &mut self.process
            && let Err(trouble) = process.sample()
        {
            self.process = Err(trouble);
        }
    }
}

/// Checks one cell in a process of its own, without measuring.
///
/// # Errors
///
/// If the scratch folder cannot be made.
pub fn check(suite: &Suite, launcher: &Launcher, cell: &CellId) -> Result<Result<Measurement, Trouble>> {
    let scratch = env::temp_dir().join(format!("photofinish-{}", std::process::id()));
    let outcome = start(suite, launcher, cell, None, &scratch)?.and_then(Running::finish);
    remove(&scratch)?;
    Ok(outcome)
}

/// Starts the process of a lane and ends it once it is warm: whether it speaks as we do.
///
/// # Errors
///
/// If the scratch folder cannot be made.
pub(crate) fn try_lane(
    suite: &Suite,
    plan: &Plan,
    folder: &Folder,
    cell: &CellId,
    interrupted: Arc<AtomicBool>,
) -> Result<Result<(), Trouble>> {
    let launcher = Launcher { program: this_program()?, time_limit: plan.time_limit, interrupted };
    let started = start_lane(suite, &launcher, plan, cell, &folder.scratch())?;
    let outcome = started.and_then(|mut process| process.ready().map(drop));
    remove(&folder.scratch())?;
    Ok(outcome)
}

/// The command that starts the process of a cell.
///
/// # Errors
///
/// If the system does not say which program this is.
pub fn this_program() -> Result<Vec<std::ffi::OsString>> {
    let program = env::current_exe().context("failed to find this program")?;
    Ok(vec![program.into(), WORKER.into()])
}

/// Writes a whole file.
///
/// # Errors
///
/// If that fails; the message names the file.
pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

/// Starts the process of a lane: its executor's, whatever name it races under.
fn start_lane(
    suite: &Suite,
    launcher: &Launcher,
    plan: &Plan,
    cell: &CellId,
    scratch: &Path,
) -> Result<Result<Running, Trouble>> {
    let mut launcher = launcher.clone();
    if let Some(program) = plan.aliases.get(&cell.executor).and_then(|alias| alias.program.as_ref()) {
        launcher.program = vec![program.into(), WORKER.into()];
    }
    start(suite, &launcher, &plan.in_lineup(cell), Some(plan.sampling), scratch)
}

/// Starts the process of a cell, with a folder of its own for what it leaves behind.
fn start(
    suite: &Suite,
    launcher: &Launcher,
    cell: &CellId,
    sampling: Option<Sampling>,
    scratch: &Path,
) -> Result<Result<Running, Trouble>> {
    fs::create_dir_all(scratch).with_context(|| format!("failed to make {}", scratch.display()))?;
    let executor = suite.executor(&cell.executor).with_context(|| format!("{cell}: no such executor"))?;
    let mut environment = (executor.environment)(&worker::config(cell)?);
    // Or Criterion would start `cargo metadata` to find its folder, in each process anew.
    environment.push(("CRITERION_HOME", scratch.display().to_string()));
    // The size of the environment moves the stack, and where that lies has decided comparisons (Mytkowicz 2009).
    environment.push(("PHOTOFINISH_PADDING", "x".repeat(fastrand::usize(..4096))));
    let order = Order { cell: cell.clone(), sampling, scratch: scratch.to_owned(), count: None };
    Ok(launcher.start(&order, &environment))
}

fn remove(scratch: &Path) -> Result<()> {
    if !scratch.exists() {
        // Every lane has failed before.
        return Ok(());
    }
    fs::remove_dir_all(scratch).with_context(|| format!("failed to remove {}", scratch.display()))
}

fn failures(outcomes: &Outcomes) -> HashSet<CellId> {
    let failed = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed.map(|((cell, _), _)| cell.clone()).collect()
}

/// All that a heat has to say.
fn records(heat: &Heat, ended: &[Ended], took: Duration) -> Vec<Record> {
    let took_ns = took.as_nanos().try_into().unwrap_or(u64::MAX);
    let end = Record::Heat { comparison: heat.name.clone(), block: heat.block, took_ns };
    ended.iter().flat_map(records_of_lane).chain([end]).collect()
}

fn records_of_lane((place, ended): &Ended) -> Vec<Record> {
    let Measurement { pid, checked, samples, done, .. } = match ended {
        Ok(measurement) => measurement,
        Err(reason) => return vec![Record::Failed { place: place.clone(), reason: reason.clone() }],
    };
    let sample = |&sample| Record::Sample { place: place.clone(), sample };
    let end = Record::Process {
        place: place.clone(),
        pid: *pid,
        ended: Timestamp::now().to_string(),
        checked: checked.clone(),
        done: done.clone(),
    };
    samples.iter().map(sample).chain([end]).collect()
}

fn outcome((place, ended): Ended, progress: &mut dyn Progress) -> ((CellId, usize), Outcome) {
    let outcome = match ended {
        Ok(Measurement { checked, samples, done, .. }) => Outcome::Measured(checked, samples, done),
        Err(reason) => {
            progress.failed(&place.cell, &reason);
            Outcome::Failed(reason)
        }
    };
    ((place.cell, place.block), outcome)
}

/// How long a process of a default run may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);
