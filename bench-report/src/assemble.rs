//! From outcomes to results: the figures of every block, their estimates, ranks and summaries.

use std::collections::BTreeMap;

use executor_api::Class;

use crate::{
    lateness,
    plan::{Plan, same_comparison},
    protocol::{CellId, Checked, Done, Sample},
    results::{
        Cell, Estimate, Executor, LaneSummary, Lateness, Metric, Observed, Results, Run, SCHEMA, Status,
        Summary, Workload,
    },
    samples::{Outcome, Outcomes},
    statistics,
    suite::Suite,
};

/// Makes the results of a run whose every process has ended, at the time `finished`.
pub(crate) fn results(suite: &Suite, plan: &Plan, outcomes: &Outcomes, finished: String) -> Results {
    let mut cells: Vec<Cell> = plan.cells.iter().map(|cell| judge(cell, plan.blocks, outcomes)).collect();
    for lanes in cells.chunk_by_mut(|left, right| same_comparison(&left.id(), &right.id())) {
        rank(lanes);
    }
    let summaries = summaries(&cells);
    cells.extend(
        plan.not_applicable.iter().map(|(cell, reason)| blank(cell, Status::NotApplicable, Some(reason))),
    );
    let cells = in_order_of_lineup(suite, cells);
    let run = Run {
        id: plan.id.clone(),
        started: plan.started.clone(),
        finished,
        command: plan.command.clone(),
        seed: plan.seed,
        blocks: plan.blocks,
        profile: plan.profile,
        attention: Vec::new(),
    };
    Results {
        schema: SCHEMA,
        run,
        machine: plan.machine.clone(),
        build: plan.build.clone(),
        executors: executors(suite, plan, &cells),
        workloads: workloads(suite, &cells),
        cells,
        summaries,
        noise: None,
        growth: Vec::new(),
        memory: Vec::new(),
        warnings: Vec::new(),
    }
}

/// One figure of every block.
type Figures = BTreeMap<&'static str, (&'static str, Result<Vec<f64>, &'static str>)>;

fn judge(id: &CellId, blocks: usize, outcomes: &Outcomes) -> Cell {
    let outcomes: Vec<&Outcome> =
        (0..blocks).filter_map(|block| outcomes.get(&(id.clone(), block))).collect();
    let mut measured = Vec::new();
    for outcome in &outcomes {
        match outcome {
            Outcome::Measured(checked, samples, done) => measured.push((checked, &samples[..], done)),
            Outcome::Failed(reason) => return blank(id, Status::Failed, Some(reason)),
        }
    }
    let Some((checked, ..)) = measured.last() else {
        return blank(id, Status::Failed, Some("was never measured"));
    };
    let threads_after = measured.last().and_then(|(.., done)| done.threads_after);
    let observed = Observed { threads_after, ..checked.observed.clone() };
    let lateness: Vec<Option<&Lateness>> = measured.iter().map(|(.., done)| done.lateness.as_ref()).collect();
    let metrics =
        figures(&measured).into_iter().map(|(name, (unit, blocks))| (name.to_owned(), metric(unit, blocks)));
    let of_sleeps = lateness::figures_of(&lateness).into_iter();
    let of_sleeps = of_sleeps.map(|(name, blocks)| {
        (name.to_owned(), metric("ns", blocks.as_ref().cloned().map_err(String::as_str)))
    });
    Cell {
        metrics: metrics.chain(of_sleeps).collect(),
        lateness: lateness::merge(lateness.into_iter().flatten()),
        observed: Some(observed),
        ..blank(id, Status::Ok, None)
    }
}

/// A cell without figures.
fn blank(id: &CellId, status: Status, reason: Option<&str>) -> Cell {
    Cell {
        workload: id.workload.clone(),
        size: id.size,
        threads: id.threads,
        executor: id.executor.clone(),
        status,
        reason: reason.map(str::to_owned),
        metrics: BTreeMap::new(),
        ratio: None,
        rank: None,
        tied: false,
        undecided: false,
        ratios: BTreeMap::new(),
        flags: Vec::new(),
        lateness: None,
        observed: None::<Observed>,
    }
}

/// The figures of every block: the median of its samples where the clock is read, the mean where things are counted.
fn figures(blocks: &[(&Checked, &[Sample], &Done)]) -> Figures {
    const NO_USAGE: &str = "this system does not say";
    const NOT_COUNTED: &str = "allocations are not counted yet";
    let median = |figure: fn(&Checked, f64) -> f64| {
        let of_block = |&(checked, samples, _): &(&Checked, &[Sample], &Done)| {
            let walls = samples.iter().map(|sample| sample.wall_ns as f64 / sample.iterations as f64);
            let figures: Vec<f64> = walls.map(|wall| figure(checked, wall)).collect();
            statistics::median(&figures)
        };
        Ok(blocks.iter().map(of_block).collect())
    };
    let per_operation = |count: fn(&Sample) -> Option<u64>| {
        let of_block = |&(checked, samples, _): &(&Checked, &[Sample], &Done)| {
            let total: u64 = samples.iter().map(count).sum::<Option<u64>>().ok_or(NO_USAGE)?;
            let runs: u64 = samples.iter().map(|sample| sample.iterations).sum();
            Ok(total as f64 / (runs * checked.operations) as f64)
        };
        blocks.iter().map(of_block).collect()
    };
    let peak =
        blocks.iter().map(|(.., done)| done.peak_rss.map(|bytes| bytes as f64).ok_or(NO_USAGE)).collect();
    let overhead =
        |checked: &Checked, wall: f64| (wall - checked.ideal_ns as f64) / checked.operations as f64;
    Figures::from([
        ("overhead", ("ns/op", median(overhead))),
        ("wall", ("ns", median(|_, wall| wall))),
        ("cpu", ("ns/op", per_operation(|sample| sample.cpu_ns))),
        ("voluntary-switches", ("1/op", per_operation(|sample| sample.voluntary_switches))),
        ("involuntary-switches", ("1/op", per_operation(|sample| sample.involuntary_switches))),
        ("allocations", ("1/op", Err(NOT_COUNTED))),
        ("allocated-bytes", ("bytes/op", Err(NOT_COUNTED))),
        ("peak-rss", ("bytes", peak)),
    ])
}

fn metric(unit: &str, blocks: Result<Vec<f64>, &str>) -> Metric {
    match blocks {
        Err(reason) => Metric::Unavailable { unavailable: reason.to_owned() },
        Ok(blocks) => {
            // What is compared by ratios is estimated by ratios; counts may be zero and are not.
            let positive = blocks.iter().all(|&value| value > 0.0);
            let estimate =
                if positive { statistics::geometric_mean(&blocks) } else { statistics::mean(&blocks) };
            Metric::Measured { unit: unit.to_owned(), estimate, blocks }
        }
    }
}

/// Sets ratio, rank and tie of the cells of one comparison.
///
/// The leader has the smallest overhead; whose ratio to it may be 1 by its interval ties with it.
fn rank(lanes: &mut [Cell]) {
    let value = |cell: &Cell| cell.overhead().map(|estimate| estimate.value);
    let mut order: Vec<usize> = (0..lanes.len()).filter(|&lane| value(&lanes[lane]).is_some()).collect();
    order.sort_by(|&left, &right| {
        let [left, right] = [left, right].map(|lane| value(&lanes[lane]).expect("filtered above"));
        left.total_cmp(&right)
    });
    let Some(&leader) = order.first() else { return };
    let best = lanes[leader].overhead_of_blocks().to_vec();
    for (place, &lane) in order.iter().enumerate() {
        let ratio = statistics::ratio(lanes[lane].overhead_of_blocks(), &best);
        let ties = ratio.low <= 1.0;
        lanes[lane].ratio = Some(ratio);
        lanes[lane].rank = Some(if ties { 1 } else { place + 1 });
    }
    let leaders = lanes.iter().filter(|cell| cell.rank == Some(1)).count();
    for cell in lanes {
        cell.tied = leaders > 1 && cell.rank == Some(1);
    }
}

fn summaries(cells: &[Cell]) -> Vec<Summary> {
    let mut threads: Vec<usize> = cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads.into_iter().filter_map(|threads| summary(cells, threads)).collect()
}

fn summary(cells: &[Cell], threads: usize) -> Option<Summary> {
    let comparisons: Vec<&[Cell]> = cells
        .chunk_by(|left, right| same_comparison(&left.id(), &right.id()))
        .filter(|lanes| lanes[0].threads == threads && lanes.iter().any(|cell| cell.status == Status::Ok))
        .collect();
    let mut executors: Vec<&str> = Vec::new();
    for cell in comparisons.iter().copied().flatten() {
        if !executors.contains(&&*cell.executor) {
            executors.push(&cell.executor);
        }
    }
    let lanes = executors.into_iter().map(|executor| lane_summary(&comparisons, executor)).collect();
    (!comparisons.is_empty()).then_some(Summary { threads, comparisons: comparisons.len(), lanes })
}

fn lane_summary(comparisons: &[&[Cell]], executor: &str) -> LaneSummary {
    let ratios: Vec<Vec<f64>> =
        comparisons.iter().filter_map(|lanes| ratios_to_leader(lanes, executor)).collect();
    let complete = ratios.len() == comparisons.len();
    LaneSummary {
        executor: executor.to_owned(),
        geomean: complete.then(|| geomean_over_comparisons(&ratios)),
        cells: ratios.len(),
    }
}

/// The ratio of a lane to the leader of a comparison in every block.
fn ratios_to_leader(lanes: &[Cell], executor: &str) -> Option<Vec<f64>> {
    let value = |cell: &&Cell| cell.overhead().map_or(f64::INFINITY, |estimate| estimate.value);
    let leader = lanes.iter().min_by(|left, right| value(left).total_cmp(&value(right)))?;
    let lane = lanes.iter().find(|cell| cell.executor == executor && cell.status == Status::Ok)?;
    Some(statistics::ratios(lane.overhead_of_blocks(), leader.overhead_of_blocks()))
}

/// The geometric mean over the comparisons in each block, then its estimate over the blocks.
fn geomean_over_comparisons(ratios: &[Vec<f64>]) -> Estimate {
    let blocks = ratios[0].len();
    let of_block = |block: usize| {
        let logarithms: f64 = ratios.iter().map(|ratios| ratios[block].ln()).sum();
        (logarithms / ratios.len() as f64).exp()
    };
    statistics::geometric_mean(&(0..blocks).map(of_block).collect::<Vec<f64>>())
}

fn in_order_of_lineup(suite: &Suite, mut cells: Vec<Cell>) -> Vec<Cell> {
    let workload = |cell: &Cell| suite.workloads.iter().position(|entry| entry.about.name == cell.workload);
    let executor = |cell: &Cell| suite.executors.iter().position(|entry| entry.about.name == cell.executor);
    cells.sort_by_key(|cell| (workload(cell), cell.size, cell.threads, executor(cell)));
    cells
}

fn executors(suite: &Suite, plan: &Plan, cells: &[Cell]) -> Vec<Executor> {
    let raced = suite.executors.iter().map(|entry| entry.about);
    let raced = raced.filter(|about| cells.iter().any(|cell| cell.executor == about.name));
    let describe = |about: executor_api::About| Executor {
        name: about.name.to_owned(),
        about: about.description.to_owned(),
        class: match about.class {
            Class::CurrentThread => "current-thread".to_owned(),
            Class::MultiThread => "multi-thread".to_owned(),
        },
        version: plan.build.packages.get(about.package).cloned().unwrap_or_else(|| "unknown".to_owned()),
        homepage: about.homepage.to_owned(),
        source: about.source.to_owned(),
    };
    raced.map(describe).collect()
}

fn workloads(suite: &Suite, cells: &[Cell]) -> Vec<Workload> {
    let raced = suite.workloads.iter().map(|entry| entry.about);
    let raced = raced.filter(|about| cells.iter().any(|cell| cell.workload == about.name));
    let describe = |about: workload_api::About| Workload {
        name: about.name.to_owned(),
        about: about.description.to_owned(),
        operation: about.operation.to_owned(),
        shows: about.shows.to_owned(),
        hides: about.hides.to_owned(),
        source: about.source.to_owned(),
    };
    raced.map(describe).collect()
}
