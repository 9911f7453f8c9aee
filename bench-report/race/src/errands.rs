//! The processes that count: what each cell costs, and what a task weighs; after the blocks. Nothing is timed in them, so two
//! run at once where there is a processor for each of their workers.
//!
//! Comparisons come in random order, from the seed of the run, and so do their lanes. A process that fails costs its figures
//! and nothing else: the cell was measured without it.

use std::{
    collections::{HashMap, HashSet},
    thread,
};

use anyhow::Result;
use fastrand::Rng;
use lane_protocol::{Count, Counts, Lineup};
use results::{CellId, Profile};

use crate::{
    heat::Launcher,
    journal::{CountingJob, Record, SampleLog, Tallies},
    lane::Trouble,
    plan::Plan,
    race::{STANDSTILLS, note_standstills},
};

/// Processes for each size at which memory is measured.
pub(crate) const TURNS: usize = 2;

/// The most processes at once.
const AT_ONCE: usize = 2;

/// The counting of a run.
pub(crate) struct Counting {
    tallies: Tallies,
    pending: Vec<CountingJob>,
}

impl Counting {
    /// Finds the jobs that are left, by the tallies of those that are done.
    pub(crate) fn of(lineup: &Lineup, plan: &Plan, tallies: Tallies) -> Counting {
        let mut pending = jobs(plan);
        pending.retain(|job| !tallies.contains_key(job));
        pending.retain(|job| job.count == Count::Memory || !lineup.only_waits(&job.cell.workload));
        Counting { tallies, pending }
    }

    /// Returns the number of processes that are left to run.
    pub(crate) fn left(&self) -> usize {
        self.pending.len()
    }

    /// Returns the counts so far.
    pub(crate) fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// Runs what is left, but for cells that have `failed`, and tells `next` before each process; false if interrupted.
    ///
    /// # Errors
    ///
    /// If a file of the run cannot be written.
    pub(crate) fn run(
        &mut self,
        launcher: &Launcher,
        plan: &Plan,
        log: &mut SampleLog,
        failed: &HashSet<CellId>,
        next: &mut dyn FnMut(usize, &CellId),
    ) -> Result<bool> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|job| !failed.contains(&job.cell));
        let mut done = 0;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for jobs in side_by_side(&pending, processors) {
            next(done, &jobs[0].cell);
            done += jobs.len();
            let mut attempts = STANDSTILLS;
            let counted = loop {
                let stopwatch = launcher.limits.standstills.stopwatch();
                let counted = count(launcher, plan, &jobs);
                let stood = stopwatch.stood();
                note_standstills(&launcher.limits.standstills, &jobs[0].cell.to_string(), log)?;
                attempts -= 1;
                // A count is none of time, so that one is better than none.
                if stood.is_none() || attempts == 0 {
                    break counted;
                }
            };
            launcher.check_programs(log.path())?;
            for (job, counted) in jobs.into_iter().zip(counted) {
                if !self.note(job, counted, log)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Notes what a job has counted; false if it was interrupted.
    fn note(
        &mut self,
        job: &CountingJob,
        counted: Result<Counts, Trouble>,
        log: &mut SampleLog,
    ) -> Result<bool> {
        let (record, outcome) = match counted {
            Ok(counts) => (Record::Counted { job: job.clone(), counts: counts.clone() }, Ok(counts)),
            Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
                (Record::NotCounted { job: job.clone(), reason: reason.clone() }, Err(reason))
            }
            Err(Trouble::Interrupted) => return Ok(false),
        };
        log.append(&[record])?;
        self.tallies.insert(job.clone(), outcome);
        Ok(true)
    }
}

/// Returns the jobs that run at the same time: those with few workers first, and jobs of one comparison after each other, so
/// that mostly none waits for a longer one beside it.
fn side_by_side(jobs: &[CountingJob], processors: usize) -> Vec<Vec<&CountingJob>> {
    let (mut few, many): (Vec<_>, Vec<_>) =
        jobs.iter().partition(|job| job.cell.threads * AT_ONCE <= processors);
    let of = |job: &CountingJob| (job.count, job.cell.workload.clone(), job.cell.size);
    let mut places = HashMap::new();
    for (place, job) in few.iter().enumerate() {
        places.entry(of(job)).or_insert(place);
    }
    few.sort_by_key(|job| places[&of(job)]);
    few.chunks(AT_ONCE).chain(many.chunks(1)).map(<[_]>::to_vec).collect()
}

/// Runs some jobs at the same time.
fn count(launcher: &Launcher, plan: &Plan, jobs: &[&CountingJob]) -> Vec<Result<Counts, Trouble>> {
    thread::scope(|scope| {
        let one = |job| move || launcher.count(plan, job);
        let others: Vec<_> = jobs[1..].iter().map(|job| scope.spawn(one(job))).collect();
        let first = one(jobs[0])();
        let others = others.into_iter().map(|other| other.join().expect("it panics nowhere"));
        [first].into_iter().chain(others).collect()
    })
}

/// Returns every counting job of a run, in random order.
pub(crate) fn jobs(plan: &Plan) -> Vec<CountingJob> {
    if plan.profile == Profile::Quick {
        return Vec::new();
    }
    let is_twin = |lane: &String| plan.aliases.get(lane).is_some_and(|alias| alias.track.is_none());
    let counts = |lane: &String| !is_twin(lane) && !plan.is_program(lane);
    let costs = plan.cells.iter().filter(|cell| counts(&cell.executor) && is_large_enough(plan, cell));
    let costs = costs.map(|cell| CountingJob { cell: cell.clone(), count: Count::Costs, turn: 0 });
    let memory = plan.memory.iter().flat_map(|cell| {
        (0..TURNS).map(|turn| CountingJob { cell: cell.clone(), count: Count::Memory, turn })
    });
    let mut jobs: Vec<CountingJob> = costs.chain(memory).collect();
    Rng::with_seed(plan.seed).shuffle(&mut jobs);
    jobs
}

/// Tells whether the costs of a cell are counted. A run that is to end within minutes counts them at the largest size.
pub(crate) fn is_large_enough(plan: &Plan, cell: &CellId) -> bool {
    let of_lane = |other: &&CellId| {
        (&other.workload, other.threads, &other.executor) == (&cell.workload, cell.threads, &cell.executor)
    };
    let largest = plan.cells.iter().filter(of_lane).map(|other| other.size).max();
    plan.profile == Profile::Full || largest == Some(cell.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(workload: &str, threads: usize, executor: &str) -> CountingJob {
        let cell = CellId { workload: workload.into(), size: 1, threads, executor: executor.into() };
        CountingJob { cell, count: Count::Costs, turn: 0 }
    }

    #[test]
    fn jobs_run_beside_one_of_their_comparison_where_there_are_processors_for_both() {
        let jobs =
            [("short", 1, "a"), ("long", 1, "a"), ("long", 2, "a"), ("short", 1, "b"), ("long", 1, "b")]
                .map(|(workload, threads, executor)| job(workload, threads, executor));
        let at_once = |processors| -> Vec<Vec<String>> {
            let groups = side_by_side(&jobs, processors);
            groups.iter().map(|jobs| jobs.iter().map(|job| job.cell.to_string()).collect()).collect()
        };
        assert_eq!(
            at_once(2),
            [vec!["short/1/t1/a", "short/1/t1/b"], vec!["long/1/t1/a", "long/1/t1/b"], vec!["long/1/t2/a"]]
        );
        assert!(at_once(1).iter().all(|jobs| jobs.len() == 1));
    }
}
