//! Runs a plan: one process after the other, every outcome written down as it comes.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::{
    arguments::usage,
    assemble,
    plan::Plan,
    process::{Launcher, Measurement, Trouble},
    protocol::{CellId, Order, Sampling},
    results::Results,
    samples::{self, Outcome, Outcomes, Place, Record, SampleLog},
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
/// A cell that fails in one block is not run again in the next: it cannot be ok any more.
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
    let samples = folder.samples();
    let mut outcomes = if samples.exists() { samples::read_and_mend(&samples)? } else { Outcomes::new() };
    let mut log = SampleLog::open(&samples)?;
    let launcher = Launcher { program: this_program()?, time_limit: plan.time_limit, interrupted };
    let mut failed: HashSet<CellId> = failures(&outcomes);
    let pending: Vec<Place> = plan
        .blocks()
        .into_iter()
        .enumerate()
        .flat_map(|(block, cells)| {
            let place = move |(position, cell)| Place { block, position, cell };
            cells.into_iter().enumerate().map(place)
        })
        .filter(|place| !outcomes.contains_key(&(place.cell.clone(), place.block)))
        .collect();
    let all = pending.len();
    for (done, place) in pending.into_iter().enumerate() {
        if failed.contains(&place.cell) {
            continue;
        }
        progress.next(done, all, &place.cell);
        let measured = measure(suite, &launcher, &place.cell, Some(plan.sampling), &folder.scratch())?;
        let outcome = match measured {
            Ok(measurement) => {
                log.append(&records(&place, &measurement))?;
                Outcome::Measured(measurement.checked, measurement.samples, measurement.done)
            }
            Err(Trouble::Failed(reason)) => {
                log.append(&[Record::Failed { place: place.clone(), reason: reason.clone() }])?;
                progress.failed(&place.cell, &reason);
                failed.insert(place.cell.clone());
                Outcome::Failed(reason)
            }
            Err(Trouble::Interrupted) => return Ok(Ending::Interrupted),
        };
        outcomes.insert((place.cell, place.block), outcome);
    }
    let results = assemble::results(suite, plan, &outcomes, Timestamp::now().to_string());
    Ok(Ending::Finished(Box::new(results)))
}

/// Checks one cell in a process of its own, without measuring.
///
/// # Errors
///
/// If the scratch folder cannot be made.
pub fn check(suite: &Suite, launcher: &Launcher, cell: &CellId) -> Result<Result<Measurement, Trouble>> {
    let scratch = env::temp_dir().join(format!("photofinish-{}", std::process::id()));
    measure(suite, launcher, cell, None, &scratch)
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

fn measure(
    suite: &Suite,
    launcher: &Launcher,
    cell: &CellId,
    sampling: Option<Sampling>,
    scratch: &Path,
) -> Result<Result<Measurement, Trouble>> {
    fs::create_dir_all(scratch).with_context(|| format!("failed to make {}", scratch.display()))?;
    let executor = suite.executor(&cell.executor).with_context(|| format!("{cell}: no such executor"))?;
    let mut environment = (executor.environment)(&worker::config(cell)?);
    // Or Criterion would start `cargo metadata` to find its folder, in each process anew.
    environment.push(("CRITERION_HOME", scratch.display().to_string()));
    let order = Order { cell: cell.clone(), sampling, scratch: scratch.to_owned() };
    let outcome = launcher.run(&order, &environment);
    fs::remove_dir_all(scratch).with_context(|| format!("failed to remove {}", scratch.display()))?;
    Ok(outcome)
}

fn failures(outcomes: &Outcomes) -> HashSet<CellId> {
    let failed = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed.map(|((cell, _), _)| cell.clone()).collect()
}

fn records(place: &Place, measurement: &Measurement) -> Vec<Record> {
    let Measurement { pid, checked, done, .. } = measurement.clone();
    let samples = measurement.samples.iter();
    let mut records: Vec<Record> =
        samples.map(|&sample| Record::Sample { place: place.clone(), sample }).collect();
    records.push(Record::Process {
        place: place.clone(),
        pid,
        ended: Timestamp::now().to_string(),
        checked,
        done,
    });
    records
}

/// How long a process of a default run may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);
