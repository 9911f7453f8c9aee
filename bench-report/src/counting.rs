//! The processes that count: what each cell costs, and what a task weighs; after the blocks, each alone.
//!
//! They come in random order, from the seed of the run. What goes wrong in one costs its figures and nothing else: the
//! cell was measured without it.

use std::{
    collections::HashSet,
    env::{self, consts::EXE_SUFFIX},
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};
use fastrand::Rng;

use crate::{
    assemble,
    foreign::COUNTS_NOTHING,
    plan::Plan,
    process::{Launcher, Running, Trouble},
    protocol::{CellId, Costs, Count, Counts, MemoryUse, Order, Tally},
    race::WORKER,
    results::{Memory, Metric, Profile, Results, Status},
    samples::{self, Errand, Record, SampleLog, Tallies},
    statistics,
    suite::Suite,
    worker,
};

/// Processes for each size at which memory is measured.
const TURNS: usize = 2;
/// Why a quick run has none of these figures.
const QUICK: &str = "a quick run counts none";
/// Why a run of seconds has none that nobody works in.
const ONLY_WAITS: &str = "a run that only waits is not counted";
/// Why the cells of smaller sizes have none.
const SMALL: &str = "counted at the largest size; a full run counts at all";
/// How the counting program comes to be.
const BUILD_IT: &str = "`cargo build --release -p bench-report` builds it";
/// Name of the counting program.
const PROGRAM: &str = "count-costs";

/// What is left to count of a run.
pub(crate) struct Counting<'a> {
    suite: &'a Suite,
    plan: &'a Plan,
    tallies: Tallies,
    pending: Vec<Errand>,
}

impl<'a> Counting<'a> {
    /// Finds what is left, by the samples of the run, which are mended.
    ///
    /// # Errors
    ///
    /// If the samples cannot be read.
    pub(crate) fn of(suite: &'a Suite, plan: &'a Plan, samples: &Path) -> Result<Counting<'a>> {
        let tallies = if samples.exists() { samples::read_tallies(samples)? } else { Tallies::new() };
        let mut pending = errands(plan);
        pending.retain(|errand| !tallies.contains_key(errand));
        pending.retain(|errand| errand.count == Count::Memory || !suite.only_waits(&errand.cell.workload));
        Ok(Counting { suite, plan, tallies, pending })
    }

    /// How many processes are left to run.
    pub(crate) fn left(&self) -> usize {
        self.pending.len()
    }

    /// Runs what is left, but for cells that have `failed`, and tells `next` before each process; false if interrupted.
    ///
    /// # Errors
    ///
    /// If a file of the run cannot be written.
    pub(crate) fn run(
        &mut self,
        launcher: &Launcher,
        log: &mut SampleLog,
        scratch: &Path,
        failed: &HashSet<CellId>,
        next: &mut dyn FnMut(usize, &CellId),
    ) -> Result<bool> {
        for (index, errand) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            if failed.contains(&errand.cell) {
                continue;
            }
            next(index, &errand.cell);
            let (record, outcome) = match self.perform(&errand, launcher, scratch)? {
                Ok(counts) => {
                    (Record::Counted { errand: errand.clone(), counts: counts.clone() }, Ok(counts))
                }
                Err(Trouble::Failed(reason)) => {
                    (Record::NotCounted { errand: errand.clone(), reason: reason.clone() }, Err(reason))
                }
                Err(Trouble::Interrupted) => return Ok(false),
            };
            log.append(&[record])?;
            self.tallies.insert(errand, outcome);
        }
        Ok(true)
    }

    fn perform(
        &self,
        errand: &Errand,
        launcher: &Launcher,
        scratch: &Path,
    ) -> Result<Result<Counts, Trouble>> {
        let Errand { cell, count, .. } = errand;
        let mut launcher = launcher.clone();
        if let (Count::Costs, Ok(program)) = (count, &self.plan.counting_program) {
            launcher.program = vec![program.into(), WORKER.into()];
        }
        let executor = self.suite.executor(&cell.executor);
        let executor = executor.with_context(|| format!("{cell}: no such executor"))?;
        let environment = (executor.environment)(&worker::config(cell)?);
        let order =
            Order { cell: cell.clone(), sampling: None, scratch: scratch.to_owned(), count: Some(*count) };
        let measured = launcher.start(&order, &environment).and_then(Running::finish);
        Ok(measured.and_then(|measurement| match (measurement.counts, count) {
            (Some(counts @ Counts::Costs(_)), Count::Costs) => Ok(counts),
            (Some(counts @ Counts::Memory(_)), Count::Memory) => Ok(counts),
            _ => Err(Trouble::Failed("its process counted something else".to_owned())),
        }))
    }

    /// Adds what was counted to the results.
    pub(crate) fn fill(&self, results: &mut Results) {
        for cell in results.cells.iter_mut().filter(|cell| cell.status == Status::Ok) {
            cell.metrics.extend(self.costs(&cell.id()));
        }
        results.memory = self.memory(results);
    }

    /// The metrics of a cell.
    fn costs(&self, cell: &CellId) -> [(String, Metric); 4] {
        let errand = Errand { cell: cell.clone(), count: Count::Costs, turn: 0 };
        let costs = match (self.tallies.get(&errand), &self.plan.counting_program) {
            (Some(Ok(Counts::Costs(costs))), _) => Ok(costs),
            (Some(Ok(_)), _) => Err("its process counted something else"),
            (Some(Err(reason)), _) => Err(&**reason),
            (None, _) if self.plan.is_program(&cell.executor) => Err(COUNTS_NOTHING),
            (None, _) if self.plan.profile == Profile::Quick => Err(QUICK),
            (None, _) if self.suite.only_waits(&cell.workload) => Err(ONLY_WAITS),
            (None, Err(reason)) => Err(&**reason),
            (None, Ok(_)) if !is_large_enough(self.plan, cell) => Err(SMALL),
            (None, Ok(_)) => Err("only lanes under their own name are counted"),
        };
        let counted = |unit, runs: fn(&Costs) -> &[u64]| {
            per_operation(unit, costs.map(|costs| (costs.operations, runs(costs))))
        };
        let tallied = |tally: fn(&Costs) -> &Tally| match costs.map(|costs| (costs.operations, tally(costs)))
        {
            Ok((operations, Tally::Counted { unit, runs })) => per_operation(unit, Ok((operations, runs))),
            Ok((_, Tally::Refused(reason))) => per_operation("1/op", Err(reason)),
            Err(reason) => per_operation("1/op", Err(reason)),
        };
        [
            ("allocations", counted("1/op", |costs| &costs.allocations)),
            ("allocated-bytes", counted("bytes/op", |costs| &costs.allocated_bytes)),
            ("instructions", tallied(|costs| &costs.instructions)),
            ("system-calls", tallied(|costs| &costs.system_calls)),
        ]
        .map(|(name, metric)| (name.to_owned(), metric))
    }

    /// A line for each workload and lane whose memory was to be measured, and one without figures for each lane of the
    /// race that lacks what the workload needs.
    fn memory(&self, results: &Results) -> Vec<Memory> {
        let lines: Vec<Memory> = self.plan.memory.chunk_by(same_line).map(|cells| self.line(cells)).collect();
        let mut all = Vec::new();
        for lines in lines.chunk_by(|left, right| left.workload == right.workload) {
            all.extend_from_slice(lines);
            let raced = results.executors.iter().map(|executor| &*executor.name);
            all.extend(raced.filter_map(|executor| self.lacking(&lines[0].workload, executor, lines)));
        }
        all
    }

    /// The line of a lane that lacks what a workload needs; none if it does not.
    fn lacking(&self, workload: &str, executor: &str, others: &[Memory]) -> Option<Memory> {
        let needs = self.suite.workload(workload)?.needs;
        // What a program adds to memory is not measured, whatever it has.
        self.suite.executor(executor).filter(|entry| entry.program.is_none())?;
        let lacks = self.suite.case(workload, executor).is_none();
        lacks.then(|| Memory {
            workload: workload.to_owned(),
            threads: others.iter().map(|line| line.threads).max().unwrap_or(1),
            executor: executor.to_owned(),
            bytes_a_task: Metric::Unavailable { unavailable: format!("needs {needs}") },
            r_squared: None,
            points: Vec::new(),
        })
    }

    fn line(&self, cells: &[CellId]) -> Memory {
        let outcomes =
            cells.iter().flat_map(|cell| (0..TURNS).map(move |turn| (cell, turn))).map(|(cell, turn)| {
                let errand = Errand { cell: cell.clone(), count: Count::Memory, turn };
                match self.tallies.get(&errand) {
                    Some(Ok(Counts::Memory(MemoryUse { before, after }))) => {
                        Ok((cell.size, after.saturating_sub(*before)))
                    }
                    Some(Ok(_)) => Err("its process counted something else".to_owned()),
                    Some(Err(reason)) => Err(reason.clone()),
                    None if self.plan.profile == Profile::Quick => Err(QUICK.to_owned()),
                    None => Err("was never measured".to_owned()),
                }
            });
        let (points, reasons): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
        let points: Vec<(u64, u64)> = points.into_iter().flatten().collect();
        let numbers: Vec<(f64, f64)> =
            points.iter().map(|&(tasks, bytes)| (tasks as f64, bytes as f64)).collect();
        let line = match reasons.into_iter().find_map(Result::err) {
            Some(reason) => Err(reason),
            None => statistics::line(&numbers).ok_or_else(|| "a line takes three sizes".to_owned()),
        };
        Memory {
            workload: cells[0].workload.clone(),
            threads: cells[0].threads,
            executor: cells[0].executor.clone(),
            r_squared: line.as_ref().ok().map(|line| line.r_squared),
            bytes_a_task: match line {
                Ok(line) => {
                    Metric::Measured { unit: "bytes".to_owned(), estimate: line.slope, blocks: Vec::new() }
                }
                Err(unavailable) => Metric::Unavailable { unavailable },
            },
            points,
        }
    }
}

/// Whether two cells whose memory is measured are points of one line.
fn same_line(left: &CellId, right: &CellId) -> bool {
    (&left.workload, left.threads, &left.executor) == (&right.workload, right.threads, &right.executor)
}

/// Every process that counts in a run, in the order in which they run.
fn errands(plan: &Plan) -> Vec<Errand> {
    if plan.profile == Profile::Quick {
        return Vec::new();
    }
    let counts = |lane: &String| !plan.aliases.contains_key(lane) && !plan.is_program(lane);
    let costs = plan.cells.iter().filter(|cell| counts(&cell.executor) && is_large_enough(plan, cell));
    let costs = costs.map(|cell| Errand { cell: cell.clone(), count: Count::Costs, turn: 0 });
    let memory = plan
        .memory
        .iter()
        .flat_map(|cell| (0..TURNS).map(|turn| Errand { cell: cell.clone(), count: Count::Memory, turn }));
    let counted = plan.counting_program.is_ok();
    let mut errands: Vec<Errand> = costs.filter(|_| counted).chain(memory).collect();
    Rng::with_seed(plan.seed).shuffle(&mut errands);
    errands
}

/// Whether the costs of a cell are counted: a run that is to end within minutes counts them at one size.
fn is_large_enough(plan: &Plan, cell: &CellId) -> bool {
    let of_lane = |other: &&CellId| {
        (&other.workload, other.threads, &other.executor) == (&cell.workload, cell.threads, &cell.executor)
    };
    let largest = plan.cells.iter().filter(of_lane).map(|other| other.size).max();
    plan.profile == Profile::Full || largest == Some(cell.size)
}

/// What some runs had, divided by the operations of one.
fn per_operation(unit: &str, runs: Result<(u64, &[u64]), &str>) -> Metric {
    let runs = runs.and_then(|(operations, runs)| match (operations, runs.len()) {
        (1.., 2..) => Ok(runs.iter().map(|&run| run as f64 / operations as f64).collect()),
        _ => Err("its process counted too little"),
    });
    assemble::metric(unit, runs)
}

/// Finds the counting program beside the running one, or above it if that is a benchmark of cargo's.
///
/// # Errors
///
/// Why there is none to be used.
pub(crate) fn program() -> Result<PathBuf, String> {
    built_beside(PROGRAM)?.ok_or_else(|| format!("the counting program is not built, {BUILD_IT}"))
}

/// Finds a program that cargo has built beside the running one, or above it if that is a benchmark of cargo's.
///
/// # Errors
///
/// If it is older than its sources.
pub(crate) fn built_beside(name: &str) -> Result<Option<PathBuf>, String> {
    let this = env::current_exe();
    let this = this.map_err(|error| format!("the system does not say which program this is: {error}"))?;
    built_near(&this, name)
}

fn built_near(this: &Path, name: &str) -> Result<Option<PathBuf>, String> {
    let mut places = this.ancestors().skip(1).take(2).map(|folder| folder.join(name.to_owned() + EXE_SUFFIX));
    let Some(program) = places.find(|program| program.is_file()) else { return Ok(None) };
    match stale(&program) {
        None => Ok(Some(program)),
        Some(source) => Err(format!("{name} is older than {}, {BUILD_IT}", source.display())),
    }
}

/// A source that has changed since `program` was built, by the list that cargo leaves beside it.
fn stale(program: &Path) -> Option<PathBuf> {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let built: SystemTime = changed(program)?;
    let list = fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = list.split_once(": ")?;
    // A space within a name has a backslash before it.
    let sources = sources.trim_end().replace("\\ ", "\0");
    let mut sources = sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " ")));
    sources.find(|source| changed(source).is_some_and(|changed| changed > built))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_counting_program_is_beside_this_one_or_above_a_benchmark() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [this, benchmark] = ["bench-report", "deps/executors-0123"].map(|name| folder.path().join(name));
        for program in [&this, &benchmark] {
            assert_eq!(built_near(program, PROGRAM), Ok(None));
        }
        let counting = folder.path().join(PROGRAM.to_owned() + EXE_SUFFIX);
        fs::write(&counting, "").expect("the folder is ours");
        for program in [&this, &benchmark] {
            assert_eq!(built_near(program, PROGRAM), Ok(Some(counting.clone())));
        }
    }

    #[test]
    fn a_counting_program_older_than_its_sources_is_not_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [this, counting, list] = ["bench-report", &(PROGRAM.to_owned() + EXE_SUFFIX), "count-costs.d"]
            .map(|name| folder.path().join(name));
        let [older, newer] = ["older.rs", "with space.rs"].map(|name| folder.path().join(name));
        for file in [&counting, &older, &newer] {
            fs::write(file, "").expect("the folder is ours");
        }
        let name = |path: &Path| path.display().to_string().replace(' ', "\\ ");
        let line = format!("{}: {} {}\n", name(&counting), name(&older), name(&newer));
        fs::write(&list, line).expect("the folder is ours");
        let built = fs::metadata(&counting).and_then(|data| data.modified()).expect("a file has its time");
        let touch = |path: &Path, time: SystemTime| {
            let file = fs::File::options().write(true).open(path);
            file.and_then(|file| file.set_modified(time)).expect("the file is ours");
        };
        for file in [&older, &newer] {
            touch(file, built - Duration::from_secs(1));
        }
        assert_eq!(built_near(&this, PROGRAM), Ok(Some(counting)));
        touch(&newer, built + Duration::from_secs(1));
        let reason = built_near(&this, PROGRAM).expect_err("it is stale");
        assert!(reason.contains("is older than") && reason.contains("with space.rs"), "{reason}");
    }
}
