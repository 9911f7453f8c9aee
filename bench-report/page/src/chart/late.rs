//! Draws the lateness of most sleeps or requests of a comparison, unfolded: for each lane a line from the median to the
//! highest quantile that their number carries. The share of each lateness is in a fold.

use super::{
    Chart, Comparison, Drawing,
    axis::{Axis, place, time},
    forest::{Forest, Interval, ROW, Row},
    frame::{FIRST_ROW, MARKER, Rows},
    label::{column, width},
    lateness::{Late, MEDIAN, quantile},
};
use results::{Lateness, Results, figures::ns, lateness::carried};

/// The end of the lines: figures stand behind it.
const RIGHT: f64 = 330.0;

/// Draws one comparison; `None` if nothing was late in it, or too little for more than a median.
pub(crate) fn of(results: &Results, comparison: &Comparison<'_>) -> Option<Chart> {
    let late = Late::of(results, comparison.workload);
    let cells = comparison.cells.iter();
    let lanes: Vec<(&str, &Lateness)> =
        cells.filter_map(|cell| Some((&*cell.executor, cell.lateness.as_ref()?))).collect();
    let (name, share) = carried(lanes.iter().map(|(_, lateness)| lateness.samples).min()?);
    if share == MEDIAN.1 {
        return None;
    }
    let ends = |lateness: &Lateness| [MEDIAN.1, share].map(|share| quantile(lateness, share).max(1.0));
    let names = column(lanes.iter().map(|(lane, _)| *lane));
    let axis = Axis::of(lanes.iter().flat_map(|(_, lateness)| ends(lateness)), 2.0);
    let axis = axis.between(names + MARKER, RIGHT);
    let row = |(index, (lane, lateness)): (usize, &(&str, &Lateness))| {
        let [median, most] = ends(lateness);
        let written = [median, most].map(ns);
        Row {
            y: place(FIRST_ROW + ROW * (index as f64 + 0.5)),
            lane: comparison.lane(lane),
            mark: Some(Interval { low: axis.at(median), at: axis.at(most), high: axis.at(most) }),
            text: written[1].clone(),
            tooltip: format!("{lane}: p50 {}, {name} {}", written[0], written[1]),
        }
    };
    let rows: Vec<Row> = lanes.iter().enumerate().map(row).collect();
    let mut by_lateness: Vec<(&str, f64)> = lanes.iter().map(|(lane, late)| (*lane, ends(late)[1])).collect();
    by_lateness.sort_by(|one, other| one.1.total_cmp(&other.1));
    let within = |(lane, most): &(&str, f64)| format!("within {} on {lane}", ns(*most));
    let ends = if by_lateness.len() > 1 {
        vec![by_lateness.first()?, by_lateness.last()?]
    } else {
        vec![by_lateness.first()?]
    };
    let ends: Vec<String> = ends.into_iter().map(within).collect();
    Some(Chart {
        id: comparison.id("late"),
        title: format!("Lateness, median and {name}: size {}", comparison.name()),
        finding: format!("{:.0} % of the {} {}", share * 100.0, late.happen, ends.join(", ")),
        drawing: Drawing::Forest(Forest {
            frame: Rows::of(ROW * lanes.len() as f64, names, RIGHT),
            axis: "from the median to the mark, log",
            noise: None,
            ticks: axis.ticks(time, |label| width(label) + 8.0),
            rows,
        }),
    })
}
