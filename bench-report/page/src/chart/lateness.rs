//! Draws the lateness of sleeps, or of requests: for each lane the share of them over their lateness, as a line of steps.

use super::{
    Chart, ChartLane, Comparison, Drawing, WIDTH,
    axis::{Axis, Tick, fine, place, time},
    frame::{LABELS, Plot, RIGHT, TOP},
    label::{LINE, short, width},
};
use results::{
    Cell, Lateness, Metric, Results,
    figures::{metric, ns, whole},
    lateness::carried,
    lookup,
};

use crate::metrics;

const LEFT: f64 = 40.0;

/// The number of steps that a reader can tell apart.
const STEPS: f64 = 40.0;

/// A quantile: its name and its share.
pub(super) type Quantile = (&'static str, f64);

pub(super) const MEDIAN: Quantile = ("p50", 0.5);

/// The drawn lateness of a comparison.
pub(crate) struct Ecdf {
    pub(crate) frame: Plot,
    /// The beginning of the names beside it.
    pub(crate) names: f64,
    /// The things that are late: "sleeps".
    pub(crate) things: &'static str,
    /// The quantile whose figures stand beside the names.
    pub(crate) given: &'static str,
    pub(crate) across: Vec<Tick>,
    pub(crate) up: Vec<Tick>,
    pub(crate) curves: Vec<Curve>,
}

/// Names what is late in a workload.
pub(crate) struct Late {
    /// The things: "sleeps".
    pub(crate) things: &'static str,
    /// The things, and what becomes of them: "sleeps end".
    pub(super) happen: &'static str,
    /// Says what a curve shows.
    pub(crate) note: &'static str,
}

const SLEEPS: Late = Late {
    things: "sleeps",
    happen: "sleeps end",
    note: "A curve shows the share of sleeps whose task resumed within this time after the sleep was due. It pools the sleeps of all blocks; the table of figures has the mean over the blocks.",
};

const REQUESTS: Late = Late {
    things: "requests",
    happen: "requests are handled",
    note: "A curve shows the share of requests whose handler had them within this time after they were sent. It pools the requests of all blocks; the table of figures has the mean over the blocks.",
};

impl Late {
    /// Returns the names of a workload, by what it measures.
    pub(crate) fn of(results: &Results, workload: &str) -> &'static Late {
        if lookup::measure(results, workload) == "lateness of a request" { &REQUESTS } else { &SLEEPS }
    }
}

/// A lane.
pub(crate) struct Curve {
    pub(crate) lane: ChartLane,
    pub(crate) line: String,
    /// The points at which its line passes the marked quantiles.
    pub(crate) marks: Vec<(f64, f64)>,
    pub(crate) label: String,
    pub(crate) figure: String,
    pub(crate) label_y: f64,
    pub(crate) marker_y: f64,
    pub(crate) tooltip: String,
}

impl Ecdf {
    /// Draws one comparison of what may be `late`; `None` if nothing was in it.
    pub(crate) fn of(late: &Late, comparison: &Comparison<'_>) -> Option<Chart> {
        let cells = comparison.cells.iter();
        let mut lanes: Vec<(&str, &Lateness)> =
            cells.filter_map(|cell| Some((&*cell.executor, cell.lateness.as_ref()?))).collect();
        lanes.retain(|(_, lateness)| lateness.histogram.iter().any(|&(_, many)| many > 0));
        let given = carried(lanes.iter().map(|(_, lateness)| lateness.samples).min()?);
        let (name, share) = given;
        // The legend is in the order in which the lines beside it reach the quantile.
        lanes.sort_by(|one, other| quantile(one.1, share).total_cmp(&quantile(other.1, share)));
        let within = |(lane, lateness): &(&str, &Lateness)| {
            format!("within {} on {lane}", ns(quantile(lateness, share)))
        };
        let ends = if lanes.len() > 1 { vec![lanes.first()?, lanes.last()?] } else { vec![lanes.first()?] };
        let ends: Vec<String> = ends.into_iter().map(within).collect();
        let finding = format!("{:.0} % of the {} {}", share * 100.0, late.happen, ends.join(", "));
        let values = lanes.iter().flat_map(|(_, lateness)| &lateness.histogram).map(|&(late, _)| late as f64);
        let across = Axis::of(values, 2.0).between(LEFT, RIGHT);
        let bottom = Plot::bottom(lanes.len());
        let curves = lanes.iter().enumerate();
        let ecdf = Ecdf {
            frame: Plot::of(LEFT, bottom),
            names: LABELS + 10.0,
            things: late.things,
            given: name,
            across: across.ticks(time, |label| width(label) + 8.0),
            up: shares(given, bottom),
            curves: curves
                .map(|(index, (lane, lateness))| {
                    let y = TOP + LINE * (index as f64 + 0.5);
                    Curve::of(comparison, lane, lateness, (late, given), (&across, bottom), y)
                })
                .collect(),
        };
        Some(Chart {
            id: comparison.id("lateness"),
            title: format!("Lateness: size {}", comparison.name()),
            finding,
            drawing: Drawing::Ecdf(ecdf),
        })
    }
}

impl Curve {
    fn of(
        comparison: &Comparison<'_>,
        lane: &str,
        lateness: &Lateness,
        (late, given): (&Late, Quantile),
        (across, bottom): (&Axis, f64),
        y: f64,
    ) -> Curve {
        let figure = ns(quantile(lateness, given.1));
        Curve {
            line: steps(&thinned(&cumulative(lateness)), across, bottom),
            marks: marked(given)
                .into_iter()
                .map(|(_, share): Quantile| (across.at(quantile(lateness, share)), height(share, bottom)))
                .collect(),
            label: short(lane, WIDTH - LABELS - 14.0 - width(&figure) - 4.0),
            figure,
            label_y: place(y + 4.0),
            marker_y: place(y),
            tooltip: tooltip(comparison.cell(lane), lane, lateness, (late, given)),
            lane: comparison.lane(lane),
        }
    }
}

/// Returns the quantiles that are marked: the median and the given one.
fn marked(given: Quantile) -> Vec<Quantile> {
    if given == MEDIAN { vec![MEDIAN] } else { vec![MEDIAN, given] }
}

/// Returns lines of the grid at shares of all sleeps; the marked quantiles have their names.
fn shares(given: Quantile, bottom: f64) -> Vec<Tick> {
    let tick =
        |share: f64, label: &str, class| Tick { at: height(share, bottom), label: label.to_owned(), class };
    let quarters =
        [(0.0, "0 %"), (0.25, "25 %"), (0.75, "75 %")].map(|(share, label)| tick(share, label, "grid"));
    let marked = marked(given).into_iter().map(|(label, share)| tick(share, label, "one"));
    quarters.into_iter().chain(marked).collect()
}

fn height(share: f64, bottom: f64) -> f64 {
    fine(bottom - share * (bottom - TOP))
}

/// Returns, for each lateness, the share of sleeps that were this late or less, ascending to 1.
fn cumulative(lateness: &Lateness) -> Vec<(f64, f64)> {
    let total: f64 = lateness.histogram.iter().map(|&(_, many)| many as f64).sum();
    let mut sum = 0.0;
    lateness
        .histogram
        .iter()
        .map(|&(late, many): &(u64, u64)| {
            sum += many as f64;
            (late as f64, sum / total)
        })
        .collect()
}

/// Returns the least lateness that a share of the sleeps does not exceed.
pub(super) fn quantile(lateness: &Lateness, share: f64) -> f64 {
    let cumulative = cumulative(lateness);
    let reached = cumulative.iter().find(|(_, reached)| *reached >= share);
    reached.or(cumulative.last()).map_or(0.0, |(late, _)| *late)
}

/// Keeps the first step, the last, and those that are visibly higher than the one before.
fn thinned(steps: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, &step) in steps.iter().enumerate() {
        let seen = |(_, share): &(f64, f64)| (share * STEPS).floor() < (step.1 * STEPS).floor();
        if index + 1 == steps.len() || kept.last().is_none_or(seen) {
            kept.push(step);
        }
    }
    kept
}

/// Writes steps relative to each other, which is shorter than their places.
fn steps(steps: &[(f64, f64)], across: &Axis, bottom: f64) -> String {
    let mut at = (steps.first().map_or(LEFT, |(late, _)| across.finely(*late)), bottom);
    let mut line = format!("M{} {}", at.0, at.1);
    for &(late, share) in steps {
        let next = (across.finely(late), height(share, bottom));
        if next.0 != at.0 {
            line += &format!("h{}", fine(next.0 - at.0));
        }
        line += &format!("v{}", fine(next.1 - at.1));
        at = next;
    }
    line
}

/// Writes the figures of the cell, or of its histogram if it has none.
fn tooltip(cell: Option<&Cell>, lane: &str, lateness: &Lateness, (late, given): (&Late, Quantile)) -> String {
    let mut figures: Vec<String> = metrics::LATENESS
        .iter()
        .filter_map(|name: &&str| {
            let found = cell?.metrics.get(*name)?;
            let name = name.trim_start_matches("lateness-");
            // The table of figures has the reasons why some are missing.
            matches!(found, Metric::Measured { .. }).then(|| format!("{name} {}", metric(found)))
        })
        .collect();
    if figures.is_empty() {
        let (name, share) = given;
        figures.push(format!("{name} {}", ns(quantile(lateness, share))));
    }
    format!("{lane}: {} {}; {}", whole(lateness.samples), late.things, figures.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lateness(histogram: Vec<(u64, u64)>) -> Lateness {
        Lateness { samples: histogram.iter().map(|(_, many)| many).sum(), histogram }
    }

    #[test]
    fn shares_never_fall_and_end_at_all() {
        let many = (1..2_000).map(|late| (late * 100, late % 17)).collect();
        for histogram in [many, vec![(5, 1)], vec![(0, 3), (7, 1)], vec![(1, 1_000_000), (2, 1)]] {
            let thinned = thinned(&cumulative(&lateness(histogram)));
            assert!(thinned.len() <= 80, "{}", thinned.len());
            assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
            assert_eq!(thinned.last().unwrap().1, 1.0);
        }
    }

    #[test]
    fn a_line_of_steps_rises_from_the_bottom_to_the_top() {
        let lateness = lateness(vec![(0, 1), (10, 2), (1_000, 1)]);
        let across = Axis::of([10.0, 1_000.0], 2.0).between(LEFT, RIGHT);
        let line = steps(&cumulative(&lateness), &across, 189.0);
        assert_eq!(line, "M40 189v-41.2h5.7v-82.5h188.6v-41.3");
    }

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let lateness = lateness(vec![(10, 49), (20, 49), (30, 2)]);
        assert_eq!([0.4, 0.5, 0.99, 1.0].map(|share| quantile(&lateness, share)), [10.0, 20.0, 30.0, 30.0]);
    }
}
