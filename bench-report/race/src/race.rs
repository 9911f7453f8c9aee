//! Runs a plan: heat by heat, every outcome written down as it comes, then the processes that count.

use std::{collections::HashSet, path::Path, time::Duration};

use anyhow::Result;
use jiff::Timestamp;
use lane_protocol::Lineup;
use results::{CellId, Outlook, Results, Run, StoodStill, lookup};

use crate::{
    assemble,
    calibrate::Known,
    errands::Counting,
    facts::{self, Reading},
    folder::Folder,
    heat::{Ended, Launcher, places, records, run_heat},
    journal::{Fault, Outcome, Outcomes, Past, Record, SampleLog, Slot},
    plan::{CHECKED_BLOCKS, Plan},
    rounds::{self, Heat, Judge, Rounds, Stage},
    standstill::Standstills,
};

/// The end of a race.
#[derive(Debug)]
pub enum Ending {
    /// Every process has had its turn.
    Finished(Box<Results>),
    /// It was interrupted; what was measured is kept.
    Interrupted,
}

/// Listens while a race runs.
pub trait Progress {
    /// `done` processes of `all` have ended; `next` starts now.
    fn next(&mut self, done: usize, all: usize, next: &CellId);

    /// All of these have ended, and `settled` of `all` comparisons are settled; the others go on, for the time that is `left` at
    /// most; `next` starts now.
    fn further(&mut self, settled: usize, all: usize, left: Duration, next: &CellId);

    /// The race is over, and `done` of `all` processes that count have ended; `next` starts now.
    fn counting(&mut self, done: usize, all: usize, next: &CellId);

    /// The race stood still for so long, and `next` starts anew.
    fn stood_still(&mut self, time: Duration, next: &str);

    /// A cell has no figures.
    fn faulty(&mut self, cell: &CellId, fault: &Fault);
}

/// Runs what is left of `plan`, and returns its results.
///
/// # Errors
///
/// If a file of the run cannot be read or written. What was measured up to then is in the journal.
pub fn run(launcher: &Launcher, plan: &Plan, folder: &Folder, progress: &mut dyn Progress) -> Result<Ending> {
    let lineup = &launcher.tracks.this.lineup;
    let before = Reading::take(Path::new("/"));
    let judge = |outcomes: &Outcomes| rounds::blocks_to_go(plan, &assemble::order(lineup, plan, outcomes));
    let Some(raced) = run_heats(launcher, plan, folder, progress, &judge)? else {
        return Ok(Ending::Interrupted);
    };
    let mut log = SampleLog::open(&folder.samples())?;
    let past = Past::read_and_mend(&folder.samples())?;
    let mut counting = Counting::of(lineup, plan, past.tallies);
    let all = counting.left();
    let mut next = |done: usize, cell: &CellId| progress.counting(done, all, cell);
    if !counting.run(launcher, plan, &mut log, &faulty(&raced.outcomes), &mut next)? {
        return Ok(Ending::Interrupted);
    }
    note_standstills(&launcher.limits.standstills, "the end", &mut log)?;
    log.sync()?;
    let mut results = conclude(lineup, plan, raced, &before);
    assemble::add_counts(&mut results, lineup, plan, counting.tallies());
    add_incidents(&mut results.run, &folder.samples())?;
    Ok(Ending::Finished(Box::new(results)))
}

/// Adds to a run what happened to its processes meanwhile, as its journal tells: standstills, and the effect of a quota.
///
/// # Errors
///
/// If it cannot be read.
pub fn add_incidents(run: &mut Run, journal: &Path) -> Result<()> {
    tell_incidents(run, &Past::read_and_mend(journal)?);
    Ok(())
}

/// Writes into the results of a run what its journal tells of: standstills, and the effect of a quota.
pub(crate) fn tell_incidents(run: &mut Run, past: &Past) {
    let Past { stood_still: (times, together), throttled, .. } = *past;
    run.stood_still = (times > 0).then_some(StoodStill { times, seconds: together.as_secs_f64() });
    run.throttled = run.conditions.quota.map(|_| throttled);
}

/// Makes the results of a race that has ended, with what happened on the machine since the reading `before` it.
pub fn conclude(lineup: &Lineup, plan: &Plan, raced: Raced, before: &Reading) -> Results {
    let mut results = assemble::results(lineup, plan, &raced.outcomes, Timestamp::now().to_string());
    results.run.attention = raced.further_blocks;
    results.run.outlook = raced.outlook;
    results.run.periods.clone_from(&plan.periods);
    if let Some(last) = results.run.periods.last_mut() {
        last.finished.clone_from(&results.run.finished);
    }
    before.tell(&Reading::take(Path::new("/")), &mut results.machine);
    warn(&mut results, plan);
    results
}

/// Adds to results the warnings of their machine, build and environment.
pub(crate) fn warn(results: &mut Results, plan: &Plan) {
    let most_threads = plan.cells.iter().map(|cell| cell.threads).max().unwrap_or(1);
    // Workers beyond the processors share them: a quota of all processors is enough for them too.
    let processors = lookup::processors(results).unwrap_or(most_threads);
    results.warnings = facts::warnings(&results.machine, &results.build, most_threads.min(processors));
    results.warnings.extend(facts::warnings_of_provenance(&plan.provenance));
}

/// The outcomes of a race.
#[derive(Debug)]
pub struct Raced {
    /// The outcome of every process.
    pub outcomes: Outcomes,
    /// The prospect of going on.
    pub outlook: Option<Outlook>,
    /// The comparisons that had further blocks in each round, in their order.
    pub further_blocks: Vec<Vec<String>>,
}

/// Runs what is left of `plan`, as long as the `judge` wants it and there is time; `None` if it was interrupted.
///
/// A cell that is faulty in one block is not run again in the next: it cannot be ok any more, and neither can a lane whose
/// twin has failed. A comparison of which a block was interrupted runs in it again as a whole: its lanes are to meet the
/// machine in the same mood.
///
/// # Errors
///
/// If a file of the run cannot be read or written. What was measured up to then is in the journal.
pub fn run_heats(
    launcher: &Launcher,
    plan: &Plan,
    folder: &Folder,
    progress: &mut dyn Progress,
    judge: &Judge<'_>,
) -> Result<Option<Raced>> {
    let past = Past::read_and_mend(&folder.samples())?;
    let mut log = SampleLog::open(&folder.samples())?;
    let lineup = &launcher.tracks.this.lineup;
    let mut rounds = Rounds::new(plan, judge, past.times.keys().cloned().collect());
    // Before the race, while others were built perhaps, a standstill is nobody's concern.
    launcher.limits.standstills.untold();
    let mut outcomes = Outcomes::new();
    while let Some(heat) = rounds.next(&outcomes) {
        outcomes.extend(outcomes_of(&past, &heat));
        let took = match past.times.get(&(heat.name.clone(), heat.block)) {
            Some(took) => *took,
            None => {
                let stage = rounds.stage();
                let faulty = faulty(&outcomes);
                let lanes: Vec<Slot> = places(&heat).filter(|slot| !faulty.contains(&slot.cell)).collect();
                let known = |cell: &CellId| known(&outcomes, cell, heat.block);
                let mut run = |progress: &mut dyn Progress| {
                    let mut next = |index, cell: &CellId| tell(progress, stage, index, cell);
                    run_heat(launcher, plan, lanes.clone(), &known, &mut next)
                };
                let has_deadline = has_deadline(lineup, &heat);
                let standstills = &launcher.limits.standstills;
                let Some((ended, took)) =
                    run_in_time(has_deadline, standstills, &heat, &mut log, progress, &mut run)?
                else {
                    return Ok(None);
                };
                launcher.check_programs(&folder.samples())?;
                log.append(&records(&heat, &ended, launcher.throttled(), took))?;
                outcomes.extend(ended.into_iter().map(|ended| outcome(ended, progress)));
                took
            }
        };
        fail_with_twins(plan, &heat, &mut outcomes);
        rounds.ended(&heat, took);
    }
    let outlook = rounds.outlook(&outcomes);
    Ok(Some(Raced { outcomes, outlook, further_blocks: rounds.further_blocks() }))
}

/// The number of times that a heat is run at most of which a lane may be faulty through no fault of its own.
const ATTEMPTS: usize = 8;

/// The number of times that a heat is run at most because the race stood still: who is held again and again would wait for ever.
pub(crate) const STANDSTILLS: usize = 50;

/// Tells whether the workload of a heat has a deadline.
///
/// It answers wrong if the machine stands still for the time of a few tasks, as one that shares its processors does now and
/// then. A lane that is wrong itself fails again.
fn has_deadline(lineup: &Lineup, heat: &Heat) -> bool {
    let workload = heat.lanes.first().and_then(|cell| lineup.workload(&cell.workload));
    workload.is_some_and(|workload| workload.has_deadline)
}

/// Runs a heat, and returns its outcome and the time it took; `None` if it was interrupted.
///
/// It is run again, a few times at most, if the runs of a lane were spoiled, or if one has failed and `has_deadline`; and if
/// the race stood still meanwhile, because nobody can tell what of it was measured before, and what after. Both are in the
/// journal. A heat that was never whole has spoiled lanes only.
///
/// # Errors
///
/// If the journal cannot be written.
fn run_in_time(
    has_deadline: bool,
    standstills: &Standstills,
    heat: &Heat,
    log: &mut SampleLog,
    progress: &mut dyn Progress,
    run: &mut dyn FnMut(&mut dyn Progress) -> Option<Vec<Ended>>,
) -> Result<Option<(Vec<Ended>, Duration)>> {
    let (mut attempts, mut stood_in) = (ATTEMPTS, 0);
    loop {
        let stopwatch = standstills.stopwatch();
        let Some(ended) = run(progress) else { return Ok(None) };
        let (took, stood) = (stopwatch.elapsed(), stopwatch.stood());
        note_standstills(standstills, &heat.name, log)?;
        if !stood.is_none() {
            progress.stood_still(stood.whole, &heat.name);
            stood_in += 1;
            if stood_in < STANDSTILLS {
                continue;
            }
            let reason = format!("the race stood still in each of {STANDSTILLS} attempts");
            let spoiled = |(slot, _)| (slot, Err(Fault::Spoiled(reason.clone())));
            return Ok(Some((ended.into_iter().map(spoiled).collect(), took)));
        }
        attempts -= 1;
        let faults = ended.iter().filter_map(|(slot, ended)| Some((slot, ended.as_ref().err()?)));
        let is_excused = |(_, fault): (_, &Fault)| has_deadline || matches!(fault, Fault::Spoiled(_));
        if attempts == 0 || !faults.clone().any(is_excused) {
            return Ok(Some((ended, took)));
        }
        let again = |(slot, fault): (&Slot, &Fault)| Record::Again {
            slot: slot.clone(),
            reason: fault.reason().to_owned(),
        };
        log.append(&faults.map(again).collect::<Vec<Record>>())?;
    }
}

/// Notes the standstills since the last turn in the journal, with the turn that has just ended.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn note_standstills(standstills: &Standstills, turn: &str, log: &mut SampleLog) -> Result<()> {
    let stood = standstills.untold();
    if stood.is_none() { Ok(()) } else { log.append(&[Record::of_standstill(turn, stood)]) }
}

/// Lets the lanes fail whose twin has failed in a heat: they are the same under another name.
fn fail_with_twins(plan: &Plan, heat: &Heat, outcomes: &mut Outcomes) {
    for twin in heat.lanes.iter().filter(|cell| plan.is_twin(cell)) {
        let lane = (plan.in_lineup(twin), heat.block);
        if let Some(Outcome::Faulty(Fault::Failed(reason))) = outcomes.get(&(twin.clone(), heat.block))
            && !matches!(outcomes.get(&lane), Some(Outcome::Faulty(_)))
        {
            let failed = Fault::Failed(format!("{reason} (as {})", twin.executor));
            outcomes.insert(lane, Outcome::Faulty(failed));
        }
    }
}

/// Returns what earlier blocks have shown of a cell; `None` in blocks in which it is still checked.
fn known(outcomes: &Outcomes, cell: &CellId, block: usize) -> Option<Known> {
    if block < CHECKED_BLOCKS {
        return None;
    }
    let earlier = (0..block).find_map(|block| match outcomes.get(&(cell.clone(), block))? {
        Outcome::Measured(checked, samples, _) => Some((checked, samples)),
        Outcome::Faulty(_) => None,
    });
    let (checked, samples) = earlier?;
    let runs: u64 = samples.iter().map(|sample| sample.iterations).sum();
    let wall_ns: u64 = samples.iter().map(|sample| sample.wall_ns).sum();
    Some(Known { checked: checked.clone(), run: Duration::from_nanos(wall_ns / runs.max(1)) })
}

/// Returns the outcomes that a heat had before the run was interrupted.
fn outcomes_of(past: &Past, heat: &Heat) -> Vec<((CellId, usize), Outcome)> {
    let keys = heat.lanes.iter().map(|cell| (cell.clone(), heat.block));
    keys.filter_map(|key| Some((key.clone(), past.outcomes.get(&key)?.clone()))).collect()
}

fn tell(progress: &mut dyn Progress, stage: Stage, started: usize, next: &CellId) {
    match stage {
        Stage::First { done, all } => progress.next(done + started, all, next),
        Stage::Further { settled, all, left } => progress.further(settled, all, left, next),
    }
}

fn faulty(outcomes: &Outcomes) -> HashSet<CellId> {
    let faulty = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Faulty(_)));
    faulty.map(|((cell, _), _)| cell.clone()).collect()
}

fn outcome((slot, ended): Ended, progress: &mut dyn Progress) -> ((CellId, usize), Outcome) {
    let outcome = match ended {
        Ok(measured) => Outcome::Measured(measured.checked, measured.samples, measured.rest),
        Err(fault) => {
            progress.faulty(&slot.cell, &fault);
            Outcome::Faulty(fault)
        }
    };
    ((slot.cell, slot.block), outcome)
}
