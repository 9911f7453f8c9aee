//! Makes the curves of workloads that race beside a baseline: the efficiency of each lane over the work of a task.

use std::collections::{BTreeMap, HashMap};

use lane_protocol::Lineup;
use results::{
    Cell, CellId, Estimate, Grain, GrainOfLane, GrainPoint, Metric, Status, WorkOfTask, figures::ns,
};
use statistics::grain::{self, NoMetg};

use super::{Measured, by_cell, of_samples, overhead, processes};
use crate::{journal::Outcomes, plan::Plan};

/// The figures of a cell in each block: ns of one core for each task.
type OfBlocks = BTreeMap<usize, f64>;

/// Returns the curves of a run: one for each workload that a baseline raced in at several sizes, and number of threads.
///
/// A twin is no lane of its own, and programs are compared with nobody.
pub(super) fn curves(lineup: &Lineup, plan: &Plan, cells: &[Cell], outcomes: &Outcomes) -> Vec<Grain> {
    let by_cell = by_cell(outcomes);
    let is_baseline = |cell: &&Cell| plan.is_baseline(&cell.executor) && cell.status == Status::Ok;
    let mut of_baselines: Vec<Vec<&Cell>> = Vec::new();
    for cell in cells.iter().filter(is_baseline) {
        let same = |known: &&mut Vec<&Cell>| {
            let one = known[0];
            (&one.workload, one.threads, &one.executor) == (&cell.workload, cell.threads, &cell.executor)
        };
        match of_baselines.iter_mut().find(same) {
            Some(sizes) => sizes.push(cell),
            None => of_baselines.push(vec![cell]),
        }
    }
    let mut curves: Vec<Grain> = of_baselines
        .into_iter()
        // A quick run has one size, and a place is no curve.
        .filter(|sizes| sizes.len() > 1)
        .map(|mut sizes| {
            sizes.sort_by_key(|cell| cell.size);
            curve(plan, cells, &by_cell, &sizes)
        })
        .collect();
    let workload = |curve: &Grain| lineup.workloads.iter().position(|entry| entry.name == curve.workload);
    curves.sort_by_cached_key(|curve| (workload(curve), curve.threads));
    curves
}

/// Makes the curve of one baseline, whose cells come by size.
fn curve(
    plan: &Plan,
    cells: &[Cell],
    by_cell: &HashMap<&CellId, BTreeMap<usize, &crate::journal::Outcome>>,
    baseline: &[&Cell],
) -> Grain {
    let Cell { workload, threads, executor, .. } = baseline[0];
    let of_blocks = |cell: &Cell| -> OfBlocks {
        let measured = processes(by_cell.get(&cell.id())).unwrap_or_default();
        measured.into_iter().map(|(block, process)| (block, core_time(&process, *threads))).collect()
    };
    let loops: BTreeMap<u64, OfBlocks> = baseline.iter().map(|cell| (cell.size, of_blocks(cell))).collect();
    let mut names: Vec<&str> = Vec::new();
    let ranked = |cell: &&Cell| {
        (&cell.workload, cell.threads) == (workload, *threads)
            && !plan.is_program(&cell.executor)
            && !plan.is_twin(&cell.id())
            && cell.status == Status::Ok
    };
    let ranked: Vec<&Cell> = cells.iter().filter(ranked).collect();
    for cell in &ranked {
        if !names.contains(&&*cell.executor) {
            names.push(&cell.executor);
        }
    }
    let lanes = names.into_iter().map(|name| {
        let mut sizes: Vec<&Cell> = ranked.iter().copied().filter(|cell| cell.executor == name).collect();
        sizes.sort_by_key(|cell| cell.size);
        let places = sizes.iter().filter_map(|cell| {
            let grain = paired(&of_blocks(cell), loops.get(&cell.size)?)?;
            Some((cell.size, grain))
        });
        of_lane(name, &places.collect::<Vec<_>>(), level_from(&sizes))
    });
    let lanes: Vec<GrainOfLane> = lanes.collect();
    let all_are_level = lanes.iter().map(|lane| lane.level_from).collect::<Option<Vec<_>>>();
    Grain {
        workload: workload.clone(),
        threads: *threads,
        baseline: executor.clone(),
        work: baseline.iter().filter_map(|cell| work(cell.size, &loops[&cell.size])).collect(),
        level_from: all_are_level.and_then(|sizes| sizes.into_iter().max()),
        lanes,
    }
}

fn work(size: u64, blocks: &OfBlocks) -> Option<WorkOfTask> {
    let blocks: Vec<f64> = blocks.values().copied().collect();
    (blocks.len() >= 2).then(|| WorkOfTask { size, ns: statistics::geometric_mean(&blocks) })
}

/// Returns the time that a task takes of the cores in one process, waiting workers included.
fn core_time(&(checked, samples, _): &Measured<'_>, threads: usize) -> f64 {
    statistics::midmean(&of_samples(checked, samples, overhead)) * threads as f64
}

/// Pairs a lane with its baseline by block; `None` if they have fewer than two in common.
fn paired(lane: &OfBlocks, baseline: &OfBlocks) -> Option<grain::Grain> {
    let common = lane.iter().filter_map(|(block, time)| Some((*time, *baseline.get(block)?)));
    let (lane, baseline): (Vec<f64>, Vec<f64>) = common.unzip();
    (lane.len() >= 2).then_some(grain::Grain { lane, baseline })
}

/// Returns the size from which on a lane is level with the best at each size, by the rule of rows.
fn level_from(sizes: &[&Cell]) -> Option<u64> {
    let is_level = |cell: &&&Cell| cell.rank == Some(1) && !cell.near && !cell.undecided;
    sizes.iter().rev().take_while(is_level).last().map(|cell| cell.size)
}

fn of_lane(name: &str, places: &[(u64, grain::Grain)], level_from: Option<u64>) -> GrainOfLane {
    let point = |(size, grain): &(u64, grain::Grain)| GrainPoint {
        size: *size,
        granularity: grain.granularity(),
        efficiency: grain.efficiency(),
    };
    let points: Vec<GrainPoint> = places.iter().map(point).collect();
    let curve: Vec<grain::Grain> = places.iter().map(|(_, grain)| grain.clone()).collect();
    let metg = |share: f64| match grain::metg(&curve, share) {
        Ok(estimate) => measured(estimate),
        Err(reason) => Metric::Unavailable { unavailable: in_words(reason, &points) },
    };
    GrainOfLane {
        executor: name.to_owned(),
        overhead: match points.iter().find(|point| point.size == 0) {
            Some(point) => measured(point.granularity),
            None => Metric::Unavailable { unavailable: "tasks without work did not race".to_owned() },
        },
        metg_50: metg(0.5),
        metg_90: metg(0.9),
        points,
        level_from,
    }
}

fn measured(estimate: Estimate) -> Metric {
    Metric::Measured { unit: "ns".to_owned(), estimate, blocks: Vec::new() }
}

fn in_words(reason: NoMetg, points: &[GrainPoint]) -> String {
    let percent = |point: &GrainPoint| format!("{:.0} %", 100.0 * point.efficiency.value);
    match (reason, points) {
        (_, []) => "no size of it was measured beside its baseline".to_owned(),
        (NoMetg::TooEfficient(place), points) => {
            let point = &points[place];
            let size = ns(point.size as f64);
            format!(
                "an efficiency of {} at {size} of work: it did less work, or the loops were disturbed",
                percent(point)
            )
        }
        (NoMetg::Unknown, _) => "its blocks differ too much: it takes more of them".to_owned(),
        (NoMetg::Below, [first, ..]) => {
            format!(
                "below {}: {} already at the least work that raced",
                ns(first.granularity.value),
                percent(first)
            )
        }
        (NoMetg::Above, [.., last]) => {
            format!("above {}: {} at the most work that raced", ns(last.granularity.value), percent(last))
        }
    }
}
