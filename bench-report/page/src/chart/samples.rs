//! Draws the blocks and samples of a comparison: for each lane a box of its samples, a dot for each block,
//! and its estimate.

use super::{
    Chart, ChartLane, Comparison, Drawing, WIDTH,
    axis::{Axis, Tick, place, writer},
    extent,
    frame::{FIRST_ROW, MARKER, Rows},
    label::{column, cut, width},
};
use results::{
    Cell, Spread,
    figures::{counted, in_unit, metric, whole},
};

const RIGHT: f64 = 342.0;

/// The height of a row with a box, and of one without.
const ROWS: (f64, f64) = (31.0, 22.0);

/// The distances from the estimate to the blocks below it, and to the box above it.
const BLOCKS: f64 = 8.0;
const BOX: f64 = -11.0;

/// The drawn scatter of a comparison.
pub(crate) struct Samples {
    pub(crate) frame: Rows,
    pub(crate) quantity: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) rows: Vec<Row>,
}

/// A lane.
pub(crate) struct Row {
    pub(crate) y: f64,
    pub(crate) lane: ChartLane,
    /// The paths of the samples: whiskers and box.
    pub(crate) spread: Option<[String; 2]>,
    /// The blocks, as a path of points.
    pub(crate) dots: String,
    /// The median of the samples, and the interval of the estimate.
    pub(crate) line: String,
    /// The place of the estimate, and its distance below the middle of the row.
    pub(crate) estimate: f64,
    pub(crate) below: f64,
    pub(crate) text: String,
    pub(crate) tooltip: String,
}

impl Samples {
    /// Draws one comparison; `None` if no lane was measured.
    pub(crate) fn of(comparison: &Comparison<'_>) -> Option<Chart> {
        let cells: Vec<&Cell> =
            comparison.cells.iter().copied().filter(|cell| cell.overhead().is_some()).collect();
        let values = || cells.iter().flat_map(|cell| values(cell));
        let names = column(cells.iter().map(|cell| &*cell.executor));
        let axis = Axis::of(values(), 1.2).between(names + MARKER, RIGHT);
        let row = if cells.iter().any(|cell| cell.spread.is_some()) { ROWS.0 } else { ROWS.1 };
        let beyond = values().any(|value| axis.cuts(value));
        let rows = cells.iter().enumerate();
        let samples = Samples {
            frame: Rows::of(row * cells.len() as f64, names, RIGHT),
            quantity: cut(&comparison.quantity(), 230.0),
            ticks: axis.ticks(writer(comparison.unit()), |label| width(label) + 8.0),
            rows: rows
                .map(|(index, cell)| Row::of(comparison, cell, FIRST_ROW + row * (index as f64 + 0.5), &axis))
                .collect(),
        };
        let edge = if beyond { "; values that are not above zero stand at the edge" } else { "" };
        Some(Chart {
            id: comparison.id("samples"),
            title: format!("Blocks and samples: size {}", comparison.name()),
            finding: format!("{}{edge}", finding(&cells)?),
            drawing: Drawing::Samples(samples),
        })
    }
}

impl Row {
    fn of(comparison: &Comparison<'_>, cell: &Cell, middle: f64, axis: &Axis) -> Row {
        let overhead = *cell.overhead().expect("only measured cells have a row");
        let at = |value| axis.at(value);
        // Heights are measured from the middle of the row.
        let y = if cell.spread.is_some() { 2.0 } else { -3.0 };
        let below = y + BLOCKS;
        let dots = cell.overhead_of_blocks().iter().map(|&block| format!("M{} {below}h0", at(block)));
        let (low, high) = (at(overhead.low), at(overhead.high));
        let interval = format!("M{low} {}v8m0-4H{high}m0-4v8", y - 4.0);
        let spread = cell.spread.as_ref().map(|spread| spread_paths(spread, y + BOX, axis));
        let (spread, median) =
            spread.map_or((None, String::new()), |[thin, box_, median]| (Some([thin, box_]), median));
        Row {
            y: place(middle),
            lane: comparison.lane(&cell.executor),
            spread,
            dots: dots.collect(),
            line: median + &interval,
            estimate: at(overhead.value),
            below: y,
            text: cut(&in_unit(cell.unit(), overhead.value), WIDTH - RIGHT - 4.0),
            tooltip: tooltip(cell),
        }
    }
}

fn spread_paths(spread: &Spread, y: f64, axis: &Axis) -> [String; 3] {
    let [_, whisker_low, box_low, median, box_high, whisker_high, _] =
        spread.quantiles.map(|quantile| axis.at(quantile));
    let (top, bottom) = (y - 4.0, y + 3.0);
    [
        format!("M{whisker_low} {y}H{whisker_high}"),
        format!("M{box_low} {top}H{box_high}V{bottom}H{box_low}z"),
        format!("M{median} {top}V{bottom}"),
    ]
}

/// Returns all values that need room on the axis: those that a box shows, the blocks and the estimate.
fn values(cell: &Cell) -> Vec<f64> {
    let shown = cell.spread.iter().flat_map(|spread| &spread.quantiles[1..6]).copied();
    let estimate = cell.overhead().map(extent).into_iter().flatten();
    shown.chain(estimate).chain(cell.overhead_of_blocks().iter().copied()).collect()
}

/// Writes the estimate and the range of the samples. The data of the page have every block.
fn tooltip(cell: &Cell) -> String {
    let estimate = cell.metrics.get("overhead").map(metric).unwrap_or_default();
    let blocks = counted(cell.overhead_of_blocks().len(), "block");
    let figures = format!("{}: {estimate}, {blocks}", cell.executor);
    match &cell.spread {
        None => figures,
        Some(Spread { samples, quantiles: [least, .., most] }) => {
            let [least, most] = [least, most].map(|value| in_unit(cell.unit(), *value));
            format!("{figures}; {} samples, {least} to {most}", whole(*samples as u64))
        }
    }
}

/// Names the lane whose blocks differ most.
fn finding(cells: &[&Cell]) -> Option<String> {
    let ranges: Vec<_> = cells
        .iter()
        .filter_map(|cell: &&Cell| {
            let blocks = cell.overhead_of_blocks();
            let least = blocks.iter().copied().min_by(f64::total_cmp)?;
            let most = blocks.iter().copied().max_by(f64::total_cmp)?;
            Some((cell, least, most, blocks.len()))
        })
        .collect();
    let apart = |(_, least, most, _): &&(&&Cell, f64, f64, usize)| {
        if *least > 0.0 { most / least } else { f64::INFINITY }
    };
    let (widest, least, most, _) = ranges.iter().max_by(|one, other| apart(one).total_cmp(&apart(other)))?;
    Some(match ranges.iter().map(|(.., blocks)| *blocks).max()? {
        1 => "one block per lane, so their scatter is unknown".to_owned(),
        _ if least == most => "the blocks of each lane are equal".to_owned(),
        _ => {
            let [least, most] = [least, most].map(|value| in_unit(widest.unit(), *value));
            format!("the blocks of {} lie furthest apart, from {least} to {most}", widest.executor)
        }
    })
}
