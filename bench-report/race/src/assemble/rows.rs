//! The rows of a race: how the lanes of each comparison stand, by how much they scatter, and where its noise ends.

use std::collections::BTreeMap;

use lane_protocol::Lineup;
use results::{Cell, CellId, Metric, Noise, NoisePair, Row, Status, figures};
use statistics::{Comparison, Scatter};

use super::{comparisons, in_lineup, measure_of};
use crate::plan::{Plan, same_comparison};

/// The lanes of a comparison that were measured, twins included, and how they compare.
pub(super) struct Field {
    /// A cell of it, under the name of a lane that may have failed.
    pub(super) id: CellId,
    /// The names of the lanes.
    lanes: Vec<String>,
    pub(super) comparison: Comparison,
    /// Differences below this ratio are noise.
    pub(super) floor: f64,
}

impl Field {
    /// Returns the place of a lane in the comparison; `None` if it was not measured.
    pub(super) fn place(&self, lane: &str) -> Option<usize> {
        self.lanes.iter().position(|name| name == lane)
    }
}

/// Returns the field of the comparison that a cell belongs to.
pub(super) fn field_of<'a>(fields: &'a [Field], cell: &CellId) -> Option<&'a Field> {
    fields.iter().find(|field| same_comparison(&field.id, cell))
}

/// Compares the lanes of each comparison, twins included, by the scatter that all of them have shown.
pub(super) fn fields(cells: &[Cell]) -> Vec<Field> {
    let measured = |lanes: &[Cell]| -> Vec<Cell> {
        lanes.iter().filter(|cell| cell.status == Status::Ok).cloned().collect()
    };
    let all: Vec<(CellId, Vec<Cell>)> =
        comparisons(cells).map(|lanes| (lanes[0].id(), measured(lanes))).collect();
    let figures = all.iter().map(|(_, lanes)| lanes.iter().map(Cell::overhead_of_blocks).collect());
    let figures: Vec<Vec<&[f64]>> = figures.collect();
    let scatter = Scatter::of(&figures);
    let field = |((id, lanes), figures): (&(CellId, Vec<Cell>), &Vec<&[f64]>)| Field {
        id: id.clone(),
        lanes: lanes.iter().map(|cell| cell.executor.clone()).collect(),
        comparison: scatter.compare(figures),
        floor: 1.0,
    };
    all.iter().zip(&figures).map(field).collect()
}

/// Computes the noise of lanes that raced against themselves, and sets the floor of each row by it; `None` if none did.
///
/// Figures that are measured in one way have one floor: lateness and processor time scatter otherwise than the clock.
pub(super) fn noise(lineup: &Lineup, plan: &Plan, fields: &mut [Field]) -> Option<Noise> {
    let twins: Vec<Vec<(NoisePair, f64)>> = fields.iter().map(|field| pairs(plan, field)).collect();
    let mut of_measures: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (pair, in_reaches) in twins.iter().flatten() {
        let (ratios, parts) = of_measures.entry(measure_of(lineup, &pair.workload)).or_default();
        ratios.push(pair.ratio.value);
        parts.push(*in_reaches);
    }
    for (field, pairs) in fields.iter_mut().zip(&twins) {
        let of_row: Vec<f64> = pairs.iter().map(|(_, in_reaches)| *in_reaches).collect();
        let of_measure = of_measures.get(measure_of(lineup, &field.id.workload));
        let of_measure = of_measure.map_or(&[][..], |(_, in_reaches)| in_reaches);
        field.floor = statistics::floor_of_row(field.comparison.typical_reach(), &of_row, of_measure);
    }
    let mut floors: BTreeMap<String, f64> = of_measures
        .iter()
        .map(|(measure, (ratios, _))| ((*measure).to_owned(), statistics::noise_floor(ratios)))
        .collect();
    let by_the_clock = floors.remove("");
    let floor = by_the_clock.or_else(|| floors.values().copied().reduce(f64::max))?;
    let pairs: Vec<NoisePair> = twins.into_iter().flatten().map(|(pair, _)| pair).collect();
    Some(Noise { floor, floors, different: pairs.iter().filter(|pair| pair.different).count(), pairs })
}

/// Returns the twins of a row, each with its difference as a part of the reach of its interval.
fn pairs(plan: &Plan, field: &Field) -> Vec<(NoisePair, f64)> {
    let pair = |(twin, name): (usize, &String)| {
        let alias = plan.aliases.get(name).filter(|alias| alias.track.is_none())?;
        let lane = field.place(&alias.executor)?;
        let CellId { workload, size, threads, .. } = field.id.clone();
        let ratio = field.comparison.ratio(twin, lane);
        let different = field.comparison.is_different(twin, lane);
        let pair = NoisePair { workload, size, threads, executor: alias.executor.clone(), ratio, different };
        Some((pair, field.comparison.in_reaches(twin, lane)))
    };
    field.lanes.iter().enumerate().filter_map(pair).collect()
}

/// Adds the rank of each lane and its ratio to the best, which compare the cells of one comparison.
pub(super) fn rank(plan: &Plan, lanes: &mut [Cell], field: &Field) {
    let Ranked { places, raced } = ranked(plan, lanes, field);
    let standings = field.comparison.standings(&places, raced, field.floor);
    for lane in lanes {
        let Some(place) = field.place(&lane.executor) else { continue };
        let Some(standing) = places.iter().position(|&other| other == place) else { continue };
        let standing = standings[standing];
        lane.ratio = Some(standing.ratio);
        lane.rank = Some(standing.rank);
        lane.tied = standing.tied;
        lane.near = standing.near;
        lane.undecided = standing.undecided;
    }
}

/// Adds the ratios of each lane that [is ranked](rank) to the others, which of them it is behind, and flags.
pub(super) fn relate(plan: &Plan, lanes: &mut [Cell], field: &Field) {
    let Ranked { places, raced } = ranked(plan, lanes, field);
    for lane in lanes.iter_mut() {
        let place = field.place(&lane.executor).filter(|place| places.contains(place));
        let Some(place) = place else { continue };
        let others = places.iter().filter(|&&other| other != place);
        let ratio = |&other: &usize| (field.lanes[other].clone(), field.comparison.ratio(place, other));
        lane.ratios = others.map(ratio).collect();
        let behind = field.comparison.behind(place, &places, raced, field.floor).into_iter();
        lane.behind = behind.map(|other| field.lanes[other].clone()).collect();
    }
    let flags: Vec<_> = lanes.iter().map(|lane| takes_more_processor_time(lane, lanes)).collect();
    for (lane, flag) in lanes.iter_mut().zip(flags) {
        lane.flags.extend(flag);
    }
}

/// The lanes of a comparison that have a rank, which twins have not.
struct Ranked {
    /// The places of those that were measured.
    places: Vec<usize>,
    /// The number of all that raced: a lane that fails changes nothing for the others.
    raced: usize,
}

fn ranked(plan: &Plan, lanes: &[Cell], field: &Field) -> Ranked {
    let lanes = lanes.iter().filter(|cell| !plan.is_twin(&cell.id()));
    let raced = lanes.clone().count();
    Ranked { places: lanes.filter_map(|cell| field.place(&cell.executor)).collect(), raced }
}

/// Describes the row of each comparison in which a lane was measured, with its floor and if it is settled.
pub(super) fn of_all(lineup: &Lineup, plan: &Plan, cells: &[Cell], fields: &[Field]) -> Vec<Row> {
    let row = |lanes: &[Cell]| {
        let CellId { workload, size, threads, .. } = lanes[0].id();
        let field = field_of(fields, &lanes[0].id())?;
        let best = lanes.iter().filter(|cell| cell.rank == Some(1));
        let best = best.min_by(|one, other| value(one).total_cmp(&value(other)))?;
        let open = |cell: &&Cell| cell.undecided && !are_flavours(lineup, plan, cell, best);
        Some(Row {
            workload,
            size,
            threads,
            blocks: best.overhead_of_blocks().len(),
            floor: field.floor,
            open: lanes.iter().filter(open).map(|cell| cell.executor.clone()).collect(),
        })
    };
    comparisons(cells).filter_map(row).collect()
}

fn value(cell: &Cell) -> f64 {
    cell.overhead().map_or(f64::INFINITY, |overhead| overhead.value)
}

/// Tells whether two lanes are flavours of one runtime, such as one thread of it and several: which of them is ahead is no
/// question of which runtime to take. Two versions of it are none: they race for that question.
fn are_flavours(lineup: &Lineup, plan: &Plan, one: &Cell, other: &Cell) -> bool {
    let package = |cell: &Cell| {
        let lane = lineup.lane(in_lineup(plan, &cell.executor).0)?;
        Some(&*lane.package).filter(|package| !package.is_empty())
    };
    let [build, build_of_other] = [one, other].map(|cell| plan.substitute_of(&cell.executor));
    package(one).is_some() && package(one) == package(other) && build == build_of_other
}

/// Flags a lane that uses at least this many times the processor time of the most frugal one.
const SPINNING: f64 = 1.5;

/// A lane that waits by spinning is as fast as the others, and keeps the processor from everybody else.
fn takes_more_processor_time(lane: &Cell, lanes: &[Cell]) -> Option<String> {
    // A ratio accounts for no time.
    if lane.unit() != "ns/op" {
        return None;
    }
    let times = lanes.iter().filter_map(|other| Some((other, processor_time(other)?)));
    let means = times.map(|(other, times)| (statistics::geometric_mean(times).value, other, times));
    let (_, frugal, least) = means.min_by(|(one, ..), (other, ..)| one.total_cmp(other))?;
    let ratio = statistics::ratio(processor_time(lane)?, least);
    (ratio.low > lane.ratio?.high.max(SPINNING)).then(|| {
        let ratio = figures::ratio_with_interval(&ratio);
        format!("takes {ratio} the processor time of {}, more than its time accounts for", frugal.executor)
    })
}

/// The processor time of every block, if all have some.
fn processor_time(cell: &Cell) -> Option<&[f64]> {
    match cell.metrics.get("cpu") {
        Some(Metric::Measured { blocks, .. }) if blocks.iter().all(|&time| time > 0.0) => Some(blocks),
        _ => None,
    }
}
