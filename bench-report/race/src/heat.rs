//! A heat: one block of one comparison, whose lanes take their samples in turn, a process each.
//!
//! Disturbances of a machine come and go within milliseconds to minutes: a neighbour on the same core, a frequency, a
//! daemon. Of samples that lie so close together each lane gets its share, and their ratio stays. At any time one process
//! works, and the others wait for their turn; but those that only wait disturb nobody, so they do it together.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Result, bail};
use jiff::Timestamp;
use lane_protocol::{Cell, Count, Counts, Reply, Request, Specification};
use results::{CellId, Throttled};

use crate::{
    calibrate::{Entrant, Known, Measurement, Rested},
    journal::{CountingJob, Fault, Record, Slot},
    lane::{LaneProcess, Limits, Trouble},
    plan::{Plan, WATCHED_BLOCKS},
    quota::Quota,
    rounds::Heat,
    schedule,
    track::{self, Specifications, Track, Tracks},
};

/// Everything that it takes to start the processes of a run.
#[derive(Debug)]
pub struct Launcher {
    /// The tracks whose lanes race.
    pub tracks: Tracks,
    /// The specifications that programs are held to.
    pub specifications: Specifications,
    /// The limits of each process.
    pub limits: Limits,
    /// The quota of each process of a cell, if they have one.
    pub quota: Option<Quota>,
}

/// The number of lanes that start and are checked at the same time. Nothing of that is a figure, and one lane leaves a processor
/// idle meanwhile: a lane of one worker, and any as it waits.
const SIDE_BY_SIDE: usize = 2;

/// A slot, and the measurement in it or the reason why there is none.
pub(crate) type Ended = (Slot, Result<Measurement, Fault>);

impl Launcher {
    /// Starts the process of a cell, under whatever name it races, and asks it to prepare the cell, and to check it unless it
    /// is `known`.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::tell`].
    fn start_cell(&self, plan: &Plan, cell: &CellId, known: bool) -> Result<LaneProcess, Trouble> {
        let cell_of_lineup = plan.in_lineup(cell);
        let mut process = self.start(self.track_of(plan, cell), &cell_of_lineup)?;
        // A program is not told: its first sample is its check.
        let checked = known && !plan.is_program(&cell.executor);
        process.tell(&Request::Cell(Cell { checked, ..track::request(&cell_of_lineup) }))?;
        Ok(process)
    }

    /// Waits until a process has prepared its cell.
    fn prepared(
        &self,
        plan: &Plan,
        cell: &CellId,
        process: LaneProcess,
        known: Option<&Known>,
        watch: bool,
    ) -> Result<Entrant, Trouble> {
        let specification = self.specifications.get(&plan.in_lineup(cell));
        let specification = specification.filter(|_| plan.is_program(&cell.executor)).cloned();
        Entrant::prepared(process, specification, known, watch)
    }

    /// Has a cell checked in a process of its own, without measuring it.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub fn check(&self, plan: &Plan, cell: &CellId) -> Result<(), Trouble> {
        let process = self.start_cell(plan, cell, false)?;
        self.prepared(plan, cell, process, None, true)?.rest()?.end().map(drop)
    }

    /// Checks that every program is the one that the race began with.
    ///
    /// # Errors
    ///
    /// If one was replaced. What it measured is not in the journal yet, so that the figures of two programs never meet.
    pub(crate) fn check_programs(&self, journal: &Path) -> Result<()> {
        if let Some((name, track)) = self.tracks.replaced() {
            bail!(
                "{name} of {} was replaced while it raced, and one run has one program; what was measured before is in {}: \
                 start a new run, or put the program back and --resume",
                track.display(),
                journal.display()
            );
        }
        Ok(())
    }

    /// Has the costs of a cell counted in a process of its own.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn count(
        &self,
        plan: &Plan,
        CountingJob { cell, count, turn }: &CountingJob,
    ) -> Result<Counts, Trouble> {
        let cell_of_lineup = plan.in_lineup(cell);
        let mut process = self.start(self.track_of(plan, cell), &cell_of_lineup)?;
        // Costs are those of cells that have raced. Of others a job of the first turn checks what the next ones take for known.
        let checked = *count == Count::Costs || *turn > 0;
        let cell = Cell { checked, ..track::request(&cell_of_lineup) };
        let counts = match process.ask(&Request::Count(lane_protocol::CountRequest { what: *count, cell }))? {
            Reply::Counted(counts) => counts,
            other => return Err(process.out_of_turn(&other)),
        };
        process.end()?;
        Ok(counts)
    }

    fn start(&self, track: &Track, cell: &CellId) -> Result<LaneProcess, Trouble> {
        let mut command = track.command(&cell.executor, cell.threads)?;
        // The size of the environment moves the stack, and where that lies has decided comparisons (Mytkowicz 2009).
        command.env("PHOTOFINISH_PADDING", "x".repeat(fastrand::usize(..4096)));
        let is_track = track.lineup.lane(&cell.executor).is_some_and(|lane| lane.command.is_none());
        match &self.quota {
            Some(quota) => LaneProcess::start_under(quota, is_track, command, &self.limits),
            None => LaneProcess::start_as(is_track, command, &self.limits),
        }
    }

    /// Returns the effect of the quota on the processes that have ended since this was called last; `None` without one.
    pub(crate) fn throttled(&self) -> Option<Throttled> {
        self.quota.as_ref().map(Quota::take_throttled)
    }

    fn track_of(&self, plan: &Plan, cell: &CellId) -> &Track {
        let path = plan.aliases.get(&cell.executor).and_then(|alias| alias.track.as_ref());
        path.and_then(|path| self.tracks.others.get(path)).unwrap_or(&self.tracks.this)
    }
}

/// Has a program that is to be a lane prepare a cell, and takes a sample of two runs.
///
/// # Errors
///
/// The errors of [`LaneProcess::ask`], or if anything that it tells is not as specified.
pub fn try_program(
    command: Command,
    cell: Cell,
    specification: Specification,
    limits: &Limits,
) -> Result<(), Trouble> {
    let mut process = LaneProcess::start(command, limits)?;
    process.tell(&Request::Cell(cell))?;
    Entrant::prepared(process, Some(specification), None, false)?.of_two_runs()?.rest()?.end().map(drop)
}

/// Returns the slots of a heat.
pub(crate) fn places(heat: &Heat) -> impl Iterator<Item = Slot> {
    let lanes = heat.lanes.iter().enumerate();
    lanes.map(|(position, cell)| Slot { block: heat.block, position, cell: cell.clone() })
}

/// Runs the lanes of a heat, and tells `next` before each starts; `None` if it was interrupted. Of cells that are `known`
/// nothing is found out again.
pub(crate) fn run_heat(
    launcher: &Launcher,
    plan: &Plan,
    slots: Vec<Slot>,
    known: &dyn Fn(&CellId) -> Option<Known>,
    next: &mut dyn FnMut(usize, &CellId),
) -> Option<Vec<Ended>> {
    let lineup = &launcher.tracks.this.lineup;
    let only_wait = slots.first().is_some_and(|slot| lineup.only_waits(&slot.cell.workload));
    let at_once = if only_wait { slots.len().max(1) } else { 1 };
    let mut lanes: Vec<Lane> = Vec::new();
    for slots in slots.chunks(at_once.max(SIDE_BY_SIDE)) {
        let mut processes = Vec::new();
        for slot in slots {
            next(lanes.len() + processes.len(), &slot.cell);
            let known = known(&slot.cell);
            processes.push((launcher.start_cell(plan, &slot.cell, known.is_some()), known));
        }
        let prepare = |(slot, (process, known)): (&Slot, (Result<LaneProcess, Trouble>, Option<Known>))| {
            let watch = slot.block < WATCHED_BLOCKS;
            process.and_then(|process| launcher.prepared(plan, &slot.cell, process, known.as_ref(), watch))
        };
        let prepared: Vec<_> = slots.iter().zip(processes).map(prepare).collect();
        // One after the other: how long a run takes is found out while nothing else works.
        for (slot, entrant) in slots.iter().zip(prepared) {
            let entrant = entrant.and_then(|entrant| entrant.calibrated(&plan.sampling));
            if let Err(Trouble::Interrupted) = entrant {
                return None;
            }
            lanes.push(Lane { slot: slot.clone(), entrant });
        }
    }
    let rounds = lanes.iter().map(Lane::turns).max().unwrap_or(0);
    for (round, mut order) in schedule::turns(lanes.len(), rounds).enumerate() {
        order.retain(|&lane| schedule::has_turn(lanes[lane].turns(), round, rounds));
        for order in order.chunks(at_once) {
            order.iter().for_each(|&lane| lanes[lane].with(Entrant::go));
            order.iter().for_each(|&lane| lanes[lane].with(Entrant::sample));
        }
    }
    let rested = lanes.into_iter().map(|Lane { slot, entrant }| (slot, entrant.and_then(Entrant::rest)));
    let mut rested: Vec<_> = rested.collect();
    // None is measured any more, so all end at the same time.
    rested.iter_mut().filter_map(|(_, rested)| rested.as_mut().ok()).for_each(Rested::hang_up);
    let mut ended = Vec::new();
    for (slot, rested) in rested {
        match rested.and_then(Rested::end) {
            Ok(measurement) => ended.push((slot, Ok(measurement))),
            Err(Trouble::Failed(reason)) => ended.push((slot, Err(Fault::Failed(reason)))),
            Err(Trouble::Spoiled(reason)) => ended.push((slot, Err(Fault::Spoiled(reason)))),
            Err(Trouble::Interrupted) => return None,
        }
    }
    Some(ended)
}

/// A lane in a heat: its process, until there is trouble.
struct Lane {
    slot: Slot,
    entrant: Result<Entrant, Trouble>,
}

impl Lane {
    /// Returns the number of its samples; 0 if there was trouble.
    fn turns(&self) -> usize {
        self.entrant.as_ref().map_or(0, Entrant::turns)
    }

    /// Does something with its process, unless there was trouble.
    fn with(&mut self, act: impl Fn(&mut Entrant) -> Result<(), Trouble>) {
        if let Ok(entrant) = &mut self.entrant
            && let Err(trouble) = act(entrant)
        {
            self.entrant = Err(trouble);
        }
    }
}

/// Returns the records of a heat, with the effect of the quota if there is one.
pub(crate) fn records(
    heat: &Heat,
    ended: &[Ended],
    throttled: Option<Throttled>,
    took: Duration,
) -> Vec<Record> {
    let took_ns = took.as_nanos().try_into().unwrap_or(u64::MAX);
    let comparison = || heat.name.clone();
    let throttled = throttled.map(|throttled| Record::Throttled { comparison: comparison(), throttled });
    let end = Record::Heat { comparison: comparison(), block: heat.block, took_ns };
    ended.iter().flat_map(records_of_lane).chain(throttled).chain([end]).collect()
}

fn records_of_lane((slot, ended): &Ended) -> Vec<Record> {
    let Measurement { pid, checked, samples, rest } = match ended {
        Ok(measurement) => measurement,
        Err(Fault::Failed(reason)) => {
            return vec![Record::Failed { slot: slot.clone(), reason: reason.clone() }];
        }
        Err(Fault::Spoiled(reason)) => {
            return vec![Record::Spoiled { slot: slot.clone(), reason: reason.clone() }];
        }
    };
    let end = Record::Process {
        slot: slot.clone(),
        pid: *pid,
        ended: Timestamp::now().to_string(),
        checked: checked.clone(),
        rest: rest.clone(),
    };
    samples.iter().map(|&sample| Record::Sample { slot: slot.clone(), sample }).chain([end]).collect()
}
