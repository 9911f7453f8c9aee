//! Computes the memory of a task: the slope of a line through the peaks of several sizes.

use lane_protocol::{Count, Counts, Lineup, MemoryUse};
use results::{CellId, Memory, Metric, NEVER_MEASURED, Profile, Results};

use super::{
    costs::{ANOTHER, QUICK},
    in_lineup,
};
use crate::{
    errands::TURNS,
    journal::{CountingJob, Tallies},
    plan::Plan,
};

/// Returns a line for each workload and lane whose memory was to be measured, and one without figures for each lane of the
/// race that lacks what the workload needs, or is refused.
pub(super) fn lines(lineup: &Lineup, plan: &Plan, tallies: &Tallies, results: &Results) -> Vec<Memory> {
    let cells = plan.memory.chunk_by(same_line);
    let lines: Vec<Memory> = cells.map(|cells| line(plan, tallies, cells)).collect();
    let mut all = Vec::new();
    for lines in lines.chunk_by(|left, right| left.workload == right.workload) {
        all.extend_from_slice(lines);
        let raced = results.executors.iter().map(|executor| &*executor.name);
        all.extend(raced.filter_map(|executor| lacking(lineup, plan, &lines[0].workload, executor, lines)));
    }
    all
}

/// Returns the line of a lane that lacks what a workload needs or is refused; `None` if it is neither.
fn lacking(
    lineup: &Lineup,
    plan: &Plan,
    workload: &str,
    executor: &str,
    others: &[Memory],
) -> Option<Memory> {
    let lane = in_lineup(plan, executor).0;
    let needs = &lineup.workload(workload)?.needs;
    // What a program adds to memory is not measured, whatever it has.
    let lane = lineup.lane(lane).filter(|lane| lane.command.is_none())?;
    let lacks = || (!lineup.pairs(workload, &lane.name)).then(|| format!("needs {needs}"));
    let unavailable = lane.refused.clone().or_else(lacks)?;
    Some(Memory {
        workload: workload.to_owned(),
        threads: others.iter().map(|line| line.threads).max().unwrap_or(1),
        executor: executor.to_owned(),
        bytes_a_task: Metric::Unavailable { unavailable },
        r_squared: None,
        points: Vec::new(),
    })
}

/// Draws the line through the cells of one lane.
fn line(plan: &Plan, tallies: &Tallies, cells: &[CellId]) -> Memory {
    let jobs = cells.iter().flat_map(|cell| (0..TURNS).map(move |turn| (cell, turn)));
    let (points, reasons): (Vec<_>, Vec<_>) =
        jobs.map(|(cell, turn)| point(plan, tallies, cell, turn)).partition(Result::is_ok);
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

/// Returns the number of tasks of a process and the bytes that they added to its peak, or why that is not known.
fn point(plan: &Plan, tallies: &Tallies, cell: &CellId, turn: usize) -> Result<(u64, u64), String> {
    let job = CountingJob { cell: cell.clone(), count: Count::Memory, turn };
    match tallies.get(&job) {
        Some(Ok(Counts::Memory(MemoryUse { before, after }))) => {
            Ok((cell.size, after.saturating_sub(*before)))
        }
        Some(Ok(_)) => Err(ANOTHER.to_owned()),
        Some(Err(reason)) => Err(reason.clone()),
        None if plan.profile == Profile::Quick => Err(QUICK.to_owned()),
        None => Err(NEVER_MEASURED.to_owned()),
    }
}

/// Tells whether two cells whose memory is measured are points of one line.
fn same_line(left: &CellId, right: &CellId) -> bool {
    (&left.workload, left.threads, &left.executor) == (&right.workload, right.threads, &right.executor)
}
