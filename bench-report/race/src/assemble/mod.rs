//! From outcomes to results: the figures of every block, their estimates, ranks and summaries.
//!
//! A comparison may have more blocks than another, its lanes have the same.

mod costs;
mod grain;
mod memory;
mod rows;
mod summaries;

use std::collections::{BTreeMap, HashMap};

use lane_protocol::{Class, LaneEntry, Lineup, Rest};
use results::{
    Cell, CellId, Executor, Growth, Lateness, MEASURED_TOO_LITTLE, Metric, NEVER_MEASURED, Noise, Observed,
    OtherBuild, Results, Row, Run, SCHEMA, Spread, Status, Workload, by_version,
};
use rows::Field;
use statistics::lateness;

use crate::{
    facts,
    journal::{Checked, Fault, Outcome, Outcomes, Sample, Tallies},
    known,
    plan::{CHECKED_BLOCKS, Plan, WATCHED_BLOCKS, same_comparison},
};

/// The order of the lanes in each comparison, as far as it is known: what decides which one goes on.
#[derive(Debug)]
pub struct Order {
    /// The lanes of the comparisons, each with its rank and its ratio to the best.
    pub cells: Vec<Cell>,
    /// The comparisons in which a lane was measured.
    pub rows: Vec<Row>,
}

/// Works out the order of a run so far. It is asked for again in every round, so it holds nothing that only a reader of the
/// results looks at.
pub fn order(lineup: &Lineup, plan: &Plan, outcomes: &Outcomes) -> Order {
    let Compared { cells, fields, .. } = compared(lineup, plan, outcomes, Extent::Order);
    Order { rows: rows::of_all(lineup, plan, &cells, &fields), cells }
}

/// The cells of a run, compared.
struct Compared {
    /// Holds the cells of executors, without twins.
    cells: Vec<Cell>,
    /// Holds the cells of programs, which take no part in ratios, ranks, noise or means.
    programs: Vec<Cell>,
    fields: Vec<Field>,
    noise: Option<Noise>,
}

/// The figures that are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The one that lanes are ranked by.
    Order,
    All,
}

fn compared(lineup: &Lineup, plan: &Plan, outcomes: &Outcomes, extent: Extent) -> Compared {
    let (programs, mut cells): (Vec<Cell>, Vec<Cell>) =
        judged(plan, outcomes, extent).into_iter().partition(|cell| plan.is_program(&cell.executor));
    let mut fields = rows::fields(&cells);
    let noise = rows::noise(lineup, plan, &mut fields);
    for (lanes, field) in
        cells.chunk_by_mut(|left, right| same_comparison(&left.id(), &right.id())).zip(&fields)
    {
        rows::rank(plan, lanes, field);
        if extent == Extent::All {
            rows::relate(plan, lanes, field);
        }
    }
    cells.retain(|cell| !plan.is_twin(&cell.id()));
    Compared { cells, programs, fields, noise }
}

/// Makes the results of a run whose every process has ended, at the time `finished`.
pub fn results(lineup: &Lineup, plan: &Plan, outcomes: &Outcomes, finished: String) -> Results {
    let Compared { mut cells, programs, fields, noise } = compared(lineup, plan, outcomes, Extent::All);
    let rows = rows::of_all(lineup, plan, &cells, &fields);
    let groups = summaries::of_groups(lineup, &cells, &fields);
    let grain = grain::curves(lineup, plan, &[&cells[..], &programs].concat(), outcomes);
    let summaries = summaries::of_all(lineup, &cells, &fields, &grain);
    cells.extend(programs);
    let growth = growth(&cells, outcomes);
    cells.extend(
        plan.not_applicable.iter().map(|(cell, reason)| blank(cell, Status::NotApplicable, Some(reason))),
    );
    let cells = in_order_of_lineup(lineup, plan, cells);
    let run = Run {
        id: plan.id.clone(),
        started: plan.started.clone(),
        finished,
        command: plan.command.clone(),
        lineup: plan.lineup.clone(),
        conditions: plan.conditions.clone(),
        seed: plan.seed,
        blocks: plan.blocks,
        profile: plan.profile,
        attention: Vec::new(),
        periods: Vec::new(),
        outlook: None,
        part: plan.part.clone(),
        environment: plan.provenance.environment.clone(),
        stood_still: None,
        throttled: None,
    };
    Results {
        schema: SCHEMA,
        run,
        machine: plan.machine.clone(),
        build: plan.build.clone(),
        executors: executors(lineup, plan, &cells),
        workloads: workloads(lineup, plan, &cells),
        known: known::of(&workloads(lineup, plan, &cells), &executors(lineup, plan, &cells)),
        cells,
        rows,
        summaries,
        groups,
        noise,
        growth,
        grain,
        memory: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Returns the name of what a workload measures, if it is not time on the clock; else empty.
fn measure_of<'a>(lineup: &'a Lineup, workload: &str) -> &'a str {
    lineup.workload(workload).map_or("", |workload| workload.measure.name())
}

fn comparisons(cells: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    cells.chunk_by(|left, right| same_comparison(&left.id(), &right.id()))
}

/// The outcome of one process of a cell.
type Measured<'a> = (&'a Checked, &'a [Sample], &'a Rest);

/// One figure of every block.
type Figures = BTreeMap<&'static str, (&'static str, Result<Vec<f64>, &'static str>)>;

/// Computes each cell's own figures; ranks and ratios, which compare cells, are added later.
fn judged(plan: &Plan, outcomes: &Outcomes, extent: Extent) -> Vec<Cell> {
    let by_cell = by_cell(outcomes);
    let of_comparison = |lanes: &[CellId]| -> Vec<Cell> {
        let processes: Vec<_> = lanes.iter().map(|lane| processes(by_cell.get(lane))).collect();
        // Executors are compared with each other, a program only with itself in another revision.
        let compared = |lane: &CellId| {
            plan.is_program(&lane.executor).then(|| in_lineup(plan, &lane.executor).0.to_owned())
        };
        let judge = |(lane, of_lane): (&CellId, &Result<_, Fault>)| match of_lane {
            Ok(of_lane) => {
                let others = lanes.iter().zip(&processes);
                let others = others.filter(|(other, _)| compared(other) == compared(lane));
                let blocks = common_blocks(others.map(|(_, processes)| processes));
                match extent {
                    Extent::Order => judge_order(lane, of_lane, &blocks),
                    Extent::All => judge(lane, of_lane, &blocks, plan.is_program(&lane.executor)),
                }
            }
            Err(Fault::Failed(reason)) => blank(lane, Status::Failed, Some(reason)),
            Err(Fault::Spoiled(reason)) => {
                Cell { spoiled: true, ..blank(lane, Status::NotApplicable, Some(reason)) }
            }
        };
        lanes.iter().zip(&processes).map(judge).collect()
    };
    plan.comparisons().flat_map(of_comparison).collect()
}

fn by_cell(outcomes: &Outcomes) -> HashMap<&CellId, BTreeMap<usize, &Outcome>> {
    let mut by_cell: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    for ((cell, block), outcome) in outcomes {
        by_cell.entry(cell).or_default().insert(*block, outcome);
    }
    by_cell
}

/// Returns the processes of a cell by block, or the reason why it has no figures.
fn processes<'a>(
    outcomes: Option<&BTreeMap<usize, &'a Outcome>>,
) -> Result<BTreeMap<usize, Measured<'a>>, Fault> {
    let outcomes = outcomes.ok_or_else(|| Fault::Failed(NEVER_MEASURED.to_owned()))?;
    let process = |(&block, outcome): (&usize, &&'a Outcome)| match outcome {
        Outcome::Measured(checked, samples, done) => Ok((block, (checked, &samples[..], done))),
        Outcome::Faulty(fault) => Err(fault.clone()),
    };
    outcomes.iter().map(process).collect()
}

/// The blocks that all lanes have which have not failed: ratios are paired by block.
fn common_blocks<'a>(
    lanes: impl Iterator<Item = &'a Result<BTreeMap<usize, Measured<'a>>, Fault>>,
) -> Vec<usize> {
    let sound: Vec<_> = lanes.flatten().collect();
    let Some((first, others)) = sound.split_first() else { return Vec::new() };
    first.keys().copied().filter(|block| others.iter().all(|lane| lane.contains_key(block))).collect()
}

/// The reason of a cell that [`is_impossible`].
const TOO_FAST: &str = "took no longer than the waiting in it";

fn is_impossible(overhead: &[f64]) -> bool {
    overhead.iter().any(|&overhead| overhead <= 0.0)
}

/// Computes the figure that a cell is ranked by, and no other.
fn judge_order(id: &CellId, processes: &BTreeMap<usize, Measured<'_>>, blocks: &[usize]) -> Cell {
    let measured: Vec<Measured<'_>> = blocks.iter().map(|block| processes[block]).collect();
    if measured.len() < 2 {
        return blank(id, Status::Failed, Some(MEASURED_TOO_LITTLE));
    }
    let overhead = midmeans(&measured, overhead);
    if is_impossible(&overhead) {
        return blank(id, Status::Failed, Some(TOO_FAST));
    }
    let metrics = BTreeMap::from([("overhead".to_owned(), metric(unit_of(&measured), Ok(overhead)))]);
    Cell { metrics, ..blank(id, Status::Ok, None) }
}

fn judge(id: &CellId, processes: &BTreeMap<usize, Measured<'_>>, blocks: &[usize], is_program: bool) -> Cell {
    let measured: Vec<Measured<'_>> = blocks.iter().map(|block| processes[block]).collect();
    let [_, .., (checked, _, done)] = measured[..] else {
        return blank(id, Status::Failed, Some(MEASURED_TOO_LITTLE));
    };
    let silent = if is_program { "the program does not tell" } else { "this system does not say" };
    // A check takes memory too. With fewer than two blocks without one, all are taken.
    let unchecked = blocks.iter().position(|&block| block >= CHECKED_BLOCKS).unwrap_or(0);
    let unchecked = if blocks.len() < unchecked + 2 { 0 } else { unchecked };
    let figures = figures_of_blocks(&measured, unchecked, silent);
    let overhead = &figures["overhead"].1;
    if overhead.as_ref().is_ok_and(|blocks| is_impossible(blocks)) {
        return blank(id, Status::Failed, Some(TOO_FAST));
    }
    let lateness = measured.iter().map(|(.., done)| done.lateness.as_ref());
    // The first blocks are watched; in a journal from before it was so, all are.
    let watched =
        lateness.zip(blocks).filter(|(lateness, block)| **block < WATCHED_BLOCKS || lateness.is_some());
    let lateness: Vec<Option<&Lateness>> = watched.map(|(lateness, _)| lateness).collect();
    let metrics = figures.into_iter().map(|(name, (unit, blocks))| (name.to_owned(), metric(unit, blocks)));
    let of_sleeps = lateness::figures_of(&lateness).into_iter();
    let of_sleeps = of_sleeps.map(|(name, blocks)| {
        (name.to_owned(), metric("ns", blocks.as_ref().cloned().map_err(String::as_str)))
    });
    Cell {
        metrics: metrics.chain(of_sleeps).collect(),
        spread: Some(spread(&measured)),
        lateness: lateness::merge(lateness.iter().copied().flatten()),
        observed: Some(Observed { threads_after: done.threads_after, ..checked.observed.clone() }),
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
        spoiled: false,
        metrics: BTreeMap::new(),
        ratio: None,
        rank: None,
        tied: false,
        near: false,
        undecided: false,
        ratios: BTreeMap::new(),
        behind: Vec::new(),
        flags: Vec::new(),
        spread: None,
        lateness: None,
        observed: None::<Observed>,
    }
}

/// The figures of every block: the midmean of its samples where the clock is read, the mean where things are counted.
/// Where there is none, it is because somebody is `silent`.
///
/// The memory of a process is that of the blocks from the first one on that is `unchecked`.
fn figures_of_blocks(blocks: &[Measured<'_>], unchecked: usize, silent: &'static str) -> Figures {
    let per_operation = |count: fn(&Sample) -> Option<u64>| {
        let of_block = |&(checked, samples, _): &Measured<'_>| {
            let total: u64 = samples.iter().map(count).sum::<Option<u64>>().ok_or(silent)?;
            let runs: u64 = samples.iter().map(|sample| sample.iterations).sum();
            Ok(total as f64 / (runs * checked.operations) as f64)
        };
        blocks.iter().map(of_block).collect()
    };
    let peak = blocks[unchecked..]
        .iter()
        .map(|(.., done)| done.peak_rss.map(|bytes| bytes as f64).ok_or(silent))
        .collect();
    let threads = blocks
        .iter()
        .map(|(.., done)| done.threads_after.map(|threads| threads as f64).ok_or(silent))
        .collect();
    Figures::from([
        ("overhead", (unit_of(blocks), Ok(midmeans(blocks, overhead)))),
        ("wall", ("ns", Ok(midmeans(blocks, |_, sample| wall(sample))))),
        ("cpu", ("ns/op", per_operation(|sample| sample.cpu_ns))),
        ("voluntary-switches", ("1/op", per_operation(|sample| sample.voluntary_switches))),
        ("involuntary-switches", ("1/op", per_operation(|sample| sample.involuntary_switches))),
        ("peak-rss", ("bytes", peak)),
        ("threads", ("1", threads)),
    ])
}

/// Returns the midmean of the samples of each block.
fn midmeans(blocks: &[Measured<'_>], figure: fn(&Checked, &Sample) -> f64) -> Vec<f64> {
    let of_block =
        |&(checked, samples, _): &Measured<'_>| statistics::midmean(&of_samples(checked, samples, figure));
    blocks.iter().map(of_block).collect()
}

/// Returns the unit of the figure that a cell is ranked by.
fn unit_of(blocks: &[Measured<'_>]) -> &'static str {
    let mut samples = blocks.iter().flat_map(|(_, samples, _)| *samples);
    if samples.any(|sample| sample.told_ratio.is_some()) { "×" } else { "ns/op" }
}

/// Computes the scatter of the samples of all blocks.
fn spread(blocks: &[Measured<'_>]) -> Spread {
    let of_block = |&(checked, samples, _): &Measured<'_>| of_samples(checked, samples, overhead);
    let samples: Vec<f64> = blocks.iter().flat_map(of_block).collect();
    Spread { samples: samples.len(), quantiles: statistics::quantiles(&samples) }
}

/// A figure of each sample of a block.
fn of_samples(checked: &Checked, samples: &[Sample], figure: fn(&Checked, &Sample) -> f64) -> Vec<f64> {
    samples.iter().map(|sample| figure(checked, sample)).collect()
}

/// Returns the time of one run on the clock.
fn wall(sample: &Sample) -> f64 {
    sample.wall_ns as f64 / sample.iterations as f64
}

/// Returns the time of one operation beyond the waiting that no executor can avoid, or the ratio that is told in its place.
fn overhead(checked: &Checked, sample: &Sample) -> f64 {
    if let Some(told) = sample.told_ratio {
        return told / sample.iterations as f64;
    }
    let lost = match sample.told_ns {
        Some(told) => told as f64 / sample.iterations as f64,
        None => wall(sample) - checked.ideal_ns as f64,
    };
    lost / checked.operations as f64
}

/// The figure of some blocks, or why there is none.
pub(crate) fn metric(unit: &str, blocks: Result<Vec<f64>, &str>) -> Metric {
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

/// Computes the growth of cost over size, for each lane and workload with three sizes or more that are all ok.
fn growth(cells: &[Cell], outcomes: &Outcomes) -> Vec<Growth> {
    let mut lanes: Vec<Vec<&Cell>> = Vec::new();
    for cell in cells {
        let same = |lane: &&mut Vec<&Cell>| {
            (&lane[0].workload, lane[0].threads, &lane[0].executor)
                == (&cell.workload, cell.threads, &cell.executor)
        };
        match lanes.iter_mut().find(same) {
            Some(lane) => lane.push(cell),
            None => lanes.push(vec![cell]),
        }
    }
    let operations = operations(outcomes);
    lanes.iter_mut().filter_map(|sizes| growth_of_lane(sizes, &operations)).collect()
}

fn growth_of_lane(cells: &mut [&Cell], operations: &HashMap<&CellId, u64>) -> Option<Growth> {
    cells.sort_by_key(|cell| cell.size);
    let cost = |cell: &&Cell| {
        // A cell that is not ok has no overhead, and the lane then no growth.
        let operations = *operations.get(&cell.id()).filter(|_| cell.status == Status::Ok)? as f64;
        let blocks = cell.overhead_of_blocks().iter().map(|overhead| overhead * operations).collect();
        Some((cell.size as f64, operations, blocks))
    };
    let costs: Vec<(f64, f64, Vec<f64>)> = cells.iter().map(cost).collect::<Option<_>>()?;
    // A size that makes a run do no more, such as how long a sleep is, has no such power.
    if !costs.is_sorted_by(|(_, fewer, _), (_, more, _)| fewer < more) {
        return None;
    }
    let costs: Vec<(f64, Vec<f64>)> = costs.into_iter().map(|(size, _, blocks)| (size, blocks)).collect();
    let Cell { workload, threads, executor, .. } = cells[0];
    Some(Growth {
        workload: workload.clone(),
        threads: *threads,
        executor: executor.clone(),
        sizes: cells.iter().map(|cell| cell.size).collect(),
        exponent: statistics::exponent(&costs)?,
    })
}

/// Returns the number of operations in a run of each cell.
fn operations(outcomes: &Outcomes) -> HashMap<&CellId, u64> {
    let mut operations = HashMap::new();
    for ((cell, _), outcome) in outcomes {
        if let Outcome::Measured(checked, ..) = outcome {
            operations.insert(cell, checked.operations);
        }
    }
    operations
}

fn in_order_of_lineup(lineup: &Lineup, plan: &Plan, mut cells: Vec<Cell>) -> Vec<Cell> {
    let workload = |cell: &Cell| lineup.workloads.iter().position(|entry| entry.name == cell.workload);
    cells.sort_by_cached_key(|cell| {
        let (executor, alias) = in_lineup(plan, &cell.executor);
        let executor = lineup.lanes.iter().position(|entry| entry.name == executor);
        let alias = alias.map(|name| (place_of_alias(plan, name), name.to_owned()));
        (workload(cell), cell.size, cell.threads, executor, alias)
    });
    cells
}

/// The place of a lane among those that are one in the lineup: older versions come first.
fn place_of_alias(plan: &Plan, name: &str) -> Option<impl Ord + use<>> {
    plan.substitute_of(name).map(|substitute| by_version(&substitute.version))
}

/// The executor of the lineup that a lane is, and the lane's name if that is another one.
fn in_lineup<'a>(plan: &'a Plan, lane: &'a str) -> (&'a str, Option<&'a str>) {
    plan.aliases.get(lane).map_or((lane, None), |alias| (&alias.executor, Some(lane)))
}

fn executors(lineup: &Lineup, plan: &Plan, cells: &[Cell]) -> Vec<Executor> {
    let mut executors = Vec::new();
    for lane in &lineup.lanes {
        let aliases = plan.aliases.iter().filter(|(_, alias)| alias.executor == lane.name);
        let mut aliases: Vec<&String> = aliases.map(|(name, _)| name).collect();
        aliases.sort_by_cached_key(|name| place_of_alias(plan, name));
        let names = [&lane.name].into_iter().chain(aliases);
        let raced = names.filter(|name| cells.iter().any(|cell| cell.executor == **name));
        executors.extend(raced.map(|name| executor(plan, name, lane)));
    }
    executors
}

/// Describes a lane under the name that it races by.
fn executor(plan: &Plan, name: &str, lane: &LaneEntry) -> Executor {
    let packages = &plan.build.packages;
    let class = match lane.class {
        _ if plan.is_program(name) => "program",
        Class::CurrentThread => "current-thread",
        Class::MultiThread => "multi-thread",
    };
    let substitute = plan.substitute_of(name).filter(|substitute| substitute.package == lane.package);
    let version = substitute.map(|substitute| &substitute.version);
    let version = version.or_else(|| plan.programs.get(&lane.name)).or_else(|| packages.get(&lane.package));
    Executor {
        name: name.to_owned(),
        about: lane.description.clone(),
        class: class.to_owned(),
        standing: lane.standing.clone(),
        has: lane.has.clone(),
        package: lane.package.clone(),
        version: version.cloned().unwrap_or_else(|| "unknown".to_owned()),
        homepage: lane.homepage.clone(),
        source: lane.source.clone(),
        limits: lane.limits.clone(),
        dependencies: facts::dependencies(&lane.package),
        other_build: plan
            .substitute_of(name)
            .map(|substitute| OtherBuild { lane: lane.name.clone(), substitute: substitute.clone() }),
    }
}

fn workloads(lineup: &Lineup, plan: &Plan, cells: &[Cell]) -> Vec<Workload> {
    let raced = lineup.workloads.iter();
    let raced = raced.filter(|entry| cells.iter().any(|cell| cell.workload == entry.name));
    let describe = |entry: &lane_protocol::WorkloadEntry| Workload {
        name: entry.name.clone(),
        about: entry.description.clone(),
        group: entry.group.clone(),
        operation: entry.operation.clone(),
        size: entry.size.clone(),
        measure: entry.measure.name().to_owned(),
        shows: entry.shows.clone(),
        hides: entry.hides.clone(),
        source: entry.source.clone(),
        source_hash: plan
            .provenance
            .sources
            .get(&entry.name)
            .cloned()
            .unwrap_or_else(|| "unknown".to_owned()),
    };
    raced.map(describe).collect()
}

/// Adds to the results of a race what was counted after it.
pub fn add_counts(results: &mut Results, lineup: &Lineup, plan: &Plan, tallies: &Tallies) {
    for cell in results.cells.iter_mut().filter(|cell| cell.status == Status::Ok) {
        cell.metrics.extend(costs::of_cell(lineup, plan, tallies, &cell.id()));
    }
    results.memory = memory::lines(lineup, plan, tallies, results);
}
