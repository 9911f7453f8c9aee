//! Draws the forest plot of a comparison: each lane's ratio to the best and its interval, on a log axis.

use super::{
    Chart, ChartLane, Comparison, Drawing, WIDTH,
    axis::{Axis, Tick, place, times},
    frame::{FIRST_ROW, MARKER, Rows},
    label::{column, width},
};
use results::{
    Cell, Estimate, Status,
    figures::{in_unit, listed, ratio, ratio_with_interval},
    lookup,
};

use crate::verdict::{self, Winner};

const RIGHT: f64 = 346.0;
pub(super) const ROW: f64 = 19.0;

/// Names this many of the lanes that share the lead above the chart.
const NAMED: usize = 3;

/// A drawn comparison.
pub(crate) struct Forest {
    pub(crate) frame: Rows,
    pub(crate) axis: &'static str,
    /// The range of the noise floor: its beginning and its width.
    pub(crate) noise: Option<(f64, f64)>,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) rows: Vec<Row>,
}

/// A lane.
pub(crate) struct Row {
    pub(crate) y: f64,
    pub(crate) lane: ChartLane,
    pub(crate) mark: Option<Interval>,
    /// The ratio, or the reason why there is none.
    pub(crate) text: String,
    pub(crate) tooltip: String,
}

/// A ratio and its interval.
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) at: f64,
    pub(crate) high: f64,
}

impl Forest {
    /// Returns the axis that the forests of a workload share, so that they can be compared at sight.
    pub(crate) fn axis(comparisons: &[Comparison<'_>]) -> Axis {
        let cells = comparisons.iter().flat_map(|comparison| &comparison.cells);
        let values = cells.filter_map(|cell| cell.ratio).flat_map(|ratio| super::extent(&ratio));
        Axis::of(values.chain([1.0]), 1.5)
    }

    /// Draws one comparison; `None` if it has only programs, which have no ratios.
    pub(crate) fn of(comparison: &Comparison<'_>, axis: &Axis) -> Option<Chart> {
        let winner = verdict::winner(comparison.cells.iter().copied());
        let mut lanes = comparison.lanes();
        lanes.retain(|lane| !lookup::is_program(comparison.results, lane));
        if lanes.is_empty() {
            return None;
        }
        let names = column(lanes.iter().copied());
        let axis = &axis.between(names + MARKER, RIGHT);
        let rows = lanes.iter().enumerate();
        let Comparison { results, workload, size, threads, .. } = comparison;
        let has_floor = results.noise.is_some() || results.row(workload, *size, *threads).is_some();
        let floor = has_floor.then(|| results.floor_of_row(workload, *size, *threads));
        let floor = floor.map(|floor| (axis.at(1.0), axis.at(floor)));
        let forest = Forest {
            frame: Rows::of(ROW * lanes.len() as f64, names, RIGHT),
            axis: if floor.is_some() {
                "times the best, log; shaded: the noise floor"
            } else {
                "times the best, log"
            },
            noise: floor.map(|(from, to)| (from, place(to - from))),
            ticks: ticks(axis),
            rows: rows.map(|(index, lane)| Row::of(comparison, lane, index, axis)).collect(),
        };
        Some(Chart {
            id: comparison.id("ratio"),
            title: format!("Ratio to the best: size {}", comparison.name()),
            finding: winner.map_or("no lane was measured".to_owned(), finding),
            drawing: Drawing::Forest(forest),
        })
    }
}

/// Names the winner. Of many lanes that share the lead only the first are named: the rows below name all.
fn finding(winner: Winner<'_>) -> String {
    let lead = winner.lead_in_words(|lanes| match lanes {
        [named @ .., _, _] if named.len() >= NAMED => {
            let others = format!("{} others", lanes.len() - NAMED);
            listed(&[&lanes[..NAMED], &[&*others]].concat())
        }
        _ => listed(lanes),
    });
    format!("{lead}{}", winner.margin_in_words())
}

fn ticks(axis: &Axis) -> Vec<Tick> {
    let mut ticks = axis.ticks(times, |label| width(label) + 8.0);
    let best = axis.at(1.0);
    ticks.iter_mut().filter(|tick| tick.at == best).for_each(|tick| tick.class = "one");
    ticks
}

impl Row {
    fn of(comparison: &Comparison<'_>, lane: &str, index: usize, axis: &Axis) -> Row {
        let cell = comparison.cell(lane);
        let ratio_of = cell.and_then(|cell| cell.ratio);
        let (text, detail) = match (cell, ratio_of) {
            (Some(cell), Some(estimate)) => {
                let overhead =
                    cell.overhead().map(|overhead| in_unit(cell.unit(), overhead.value)).unwrap_or_default();
                let times = ratio_with_interval(&estimate);
                (short(estimate.value), format!("{times} the best, {overhead}"))
            }
            (cell, _) => reason(cell),
        };
        Row {
            y: place(FIRST_ROW + ROW * (index as f64 + 0.5)),
            lane: comparison.lane(lane),
            mark: ratio_of.map(|estimate: Estimate| Interval {
                low: axis.at(estimate.low),
                at: axis.at(estimate.value),
                high: axis.at(estimate.high),
            }),
            text,
            tooltip: format!("{lane}: {detail}"),
        }
    }
}

/// Writes a ratio in the room beside the plot.
fn short(value: f64) -> String {
    let text = ratio(value);
    if width(&text) <= WIDTH - RIGHT - 4.0 { text } else { format!("{value:.1e}×") }
}

/// Returns the reason for a missing figure, in short and in full.
fn reason(cell: Option<&Cell>) -> (String, String) {
    let Some(cell) = cell else {
        return ("n/a".to_owned(), "not run".to_owned());
    };
    let word = if cell.status == Status::Failed { "failed" } else { "n/a" };
    (word.to_owned(), format!("{word}: {}", lookup::reason(cell)))
}
