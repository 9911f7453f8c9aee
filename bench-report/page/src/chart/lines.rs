//! Draws cost over size and cost over threads: a line for each lane, its interval as a band around it, and
//! its name at its end.

use super::{
    Chart, ChartLane, Comparison, Drawing, WIDTH,
    axis::{Axis, Tick, place, thinned, writer},
    extent,
    frame::{LABELS, Plot, RIGHT, TOP},
    label::{LINE, apart, cut, short, width},
};
use results::{
    Cell, Estimate, Growth, Results,
    figures::{counted, in_unit, listed, metric, whole},
    lookup,
};

/// The room for a number beside the vertical axis.
const NUMBER: f64 = 17.0;

/// Drawn lines, on a log axis of time.
pub(crate) struct Lines {
    pub(crate) frame: Plot,
    pub(crate) quantity: String,
    pub(crate) axis: String,
    pub(crate) across: Vec<Tick>,
    pub(crate) up: Vec<Tick>,
    /// The range in which there are more threads than processors: its left end and its width.
    pub(crate) oversubscribed: Option<(f64, f64)>,
    pub(crate) series: Vec<Series>,
}

/// A lane.
pub(crate) struct Series {
    pub(crate) lane: ChartLane,
    pub(crate) band: String,
    pub(crate) line: String,
    /// The line from the end of the curve to its label.
    pub(crate) leader: String,
    pub(crate) points: Vec<Point>,
    pub(crate) label: String,
    pub(crate) label_y: f64,
    pub(crate) tooltip: String,
}

/// A cell.
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// `true` if there are more threads than processors.
    pub(crate) over: bool,
}

/// A lane's cells, one or none for each place of the horizontal axis.
struct LaneCells<'a> {
    lane: ChartLane,
    cells: Vec<Option<&'a Cell>>,
    /// The text of its label after the name, and the text of its tooltip before the figures.
    note: String,
    detail: String,
}

/// A place on the horizontal axis.
struct Stop {
    /// The place in shares of the axis.
    at: f64,
    label: String,
    /// The name in the tooltip of a cell.
    name: String,
    oversubscribed: bool,
}

impl Lines {
    /// Draws a workload's cost over its size at one number of threads; `None` if it has a single size.
    pub(crate) fn over_sizes(results: &Results, comparisons: &[&Comparison<'_>]) -> Option<Chart> {
        let (first, last) = (comparisons.first()?, comparisons.last()?);
        let sizes: Vec<f64> = comparisons.iter().map(|comparison| comparison.size as f64).collect();
        let axis = Axis::of(sizes.iter().copied(), 2.0).between(0.0, 100.0);
        let stops: Vec<Stop> = comparisons
            .iter()
            .map(|comparison| Stop {
                at: axis.at(comparison.size as f64) / 100.0,
                label: whole(comparison.size),
                name: comparison.name(),
                oversubscribed: false,
            })
            .collect();
        let lanes: Vec<LaneCells<'_>> = first
            .lanes()
            .iter()
            .map(|lane| LaneCells::with_exponent(lane, comparisons, exponent(results, first, lane)))
            .filter(|lane| lane.measured() > 0)
            .collect();
        if comparisons.len() < 2 || lanes.is_empty() {
            return None;
        }
        let exponents = lanes
            .iter()
            .filter_map(|lane| Some((&*lane.lane.name, exponent(results, first, &lane.lane.name)?)));
        let grows = lanes.iter().any(|lane| !lane.note.is_empty());
        // Beside the exponents there is room for a word or two: "ms of a poll that does not yield" is "ms" there.
        let counts = first.counts();
        let size = match counts.split_once(' ') {
            Some((unit, _)) if grows && width(counts) > 90.0 => unit.to_owned(),
            _ => cut(counts, 260.0),
        };
        let axis = if grows {
            format!("{size} n, log; the exponents are of a whole run")
        } else {
            format!("{size}, log")
        };
        Some(Chart {
            id: first.id("sizes"),
            title: format!("Cost over size: {}", counted(first.threads, "thread")),
            finding: least_at(last, comparisons.len() - 1, &lanes) + &growing(exponents),
            drawing: Drawing::Lines(Lines::of(&stops, &lanes, first, axis)),
        })
    }

    /// Draws a workload's cost over threads at one size; `None` unless a lane ran at two numbers of them.
    pub(crate) fn over_threads(results: &Results, comparisons: &[&Comparison<'_>]) -> Option<Chart> {
        let (first, last) = (comparisons.first()?, comparisons.last()?);
        let processors = lookup::processors(results);
        let share = 1.0 / comparisons.len() as f64;
        let stops: Vec<Stop> = comparisons
            .iter()
            .enumerate()
            .map(|(index, comparison)| {
                let oversubscribed = lookup::is_oversubscribed(results, comparison.threads);
                let remark = if oversubscribed { ", more than there are processors" } else { "" };
                Stop {
                    at: share * (index as f64 + 0.5),
                    label: comparison.threads.to_string(),
                    name: format!("{}{remark}", comparison.name()),
                    oversubscribed,
                }
            })
            .collect();
        let lanes: Vec<LaneCells<'_>> = results
            .executors
            .iter()
            .map(|executor| LaneCells::with_exponent(&executor.name, comparisons, None))
            .filter(|lane| lane.measured() > 1)
            .collect();
        if lanes.is_empty() {
            return None;
        }
        let axis = match processors {
            Some(processors) if last.threads > processors => {
                format!("threads; hollow: more than {}", counted(processors, "processor"))
            }
            Some(processors) => format!("threads; the machine has {}", counted(processors, "processor")),
            None => "threads".to_owned(),
        };
        Some(Chart {
            id: first.id("threads"),
            title: format!("Cost over threads: {}", first.sized()),
            finding: scaling(first, last, &lanes),
            drawing: Drawing::Lines(Lines::of(&stops, &lanes, first, axis)),
        })
    }

    fn of(stops: &[Stop], lanes: &[LaneCells<'_>], comparison: &Comparison<'_>, axis: String) -> Lines {
        let bottom = Plot::bottom(lanes.len());
        let estimates =
            lanes.iter().flat_map(|lane| &lane.cells).filter_map(|cell| cell.as_ref()?.overhead());
        let up = Axis::of(estimates.flat_map(extent), 2.0).between(bottom, TOP);
        let ticks = up.ticks(writer(comparison.unit()), |_| NUMBER);
        let left = place(ticks.iter().map(|tick| width(&tick.label)).fold(0.0, f64::max) + 8.0);
        let across: Vec<f64> = stops.iter().map(|stop| place(left + stop.at * (RIGHT - left))).collect();
        let oversubscribed = stops.iter().position(|stop| stop.oversubscribed).map(|first| {
            let from = if first == 0 { left } else { place((across[first - 1] + across[first]) / 2.0) };
            (from, place(RIGHT - from))
        });
        let ends: Vec<f64> = lanes.iter().map(|lane| lane.end(&up)).collect();
        let labels = apart(&ends, LINE, TOP + 4.0, bottom);
        let series = lanes.iter().zip(labels);
        Lines {
            frame: Plot::of(left, bottom),
            quantity: cut(&comparison.quantity(), 270.0),
            axis,
            across: Lines::ticks(stops, &across),
            up: ticks,
            oversubscribed,
            series: series.map(|(lane, label)| lane.drawn(stops, &across, &up, label)).collect(),
        }
    }

    /// Returns the ticks of the horizontal axis, as many as there is room for.
    fn ticks(stops: &[Stop], across: &[f64]) -> Vec<Tick> {
        let places = stops.iter().zip(across);
        let ticks = places.map(|(stop, &at)| Tick { at, label: stop.label.clone(), class: "grid" });
        thinned(ticks.collect(), |label| width(label) + 6.0)
    }
}

/// Returns the power of the size with which a lane's cost grows, if it is known.
fn exponent(results: &Results, comparison: &Comparison<'_>, lane: &str) -> Option<Estimate> {
    let key = (comparison.workload, comparison.threads, lane);
    let of_lane = |growth: &&Growth| (&*growth.workload, growth.threads, &*growth.executor) == key;
    results.growth.iter().find(of_lane).map(|growth| growth.exponent)
}

impl<'a> LaneCells<'a> {
    /// Collects a lane's cells in comparisons of one workload. The exponent, if any, is added to label and
    /// tooltip.
    fn with_exponent(
        lane: &str,
        comparisons: &[&Comparison<'a>],
        exponent: Option<Estimate>,
    ) -> LaneCells<'a> {
        LaneCells {
            lane: comparisons[0].lane(lane),
            cells: comparisons.iter().map(|comparison| comparison.cell(lane)).collect(),
            note: exponent.map(|exponent| format!(" n^{:.2}", exponent.value)).unwrap_or_default(),
            detail: exponent.map(power).unwrap_or_default(),
        }
    }

    fn measured(&self) -> usize {
        self.cells.iter().flatten().filter(|cell| cell.overhead().is_some()).count()
    }

    fn estimates(&self) -> impl Iterator<Item = Option<&Estimate>> {
        self.cells.iter().map(|cell| cell.as_ref()?.overhead())
    }

    /// Returns the height at which its line ends.
    fn end(&self, up: &Axis) -> f64 {
        let last = self.estimates().flatten().last();
        up.at(last.expect("only measured lanes have a line").value)
    }

    fn drawn(&self, stops: &[Stop], across: &[f64], up: &Axis, label: f64) -> Series {
        let (mut points, mut figures) = (Vec::new(), Vec::new());
        let (mut line, mut band) = (String::new(), String::new());
        let places: Vec<Option<(f64, &Estimate)>> =
            self.estimates().zip(across).map(|(estimate, &x)| Some((x, estimate?))).collect();
        // A size that was not measured splits the line: nothing is known between its neighbours.
        for stretch in places.split(Option::is_none) {
            let stretch: Vec<(f64, &Estimate)> = stretch.iter().flatten().copied().collect();
            let (middle, around) = paths(&stretch, up);
            line += &middle;
            band += &around;
        }
        for (stop, (place, cell)) in stops.iter().zip(places.iter().zip(&self.cells)) {
            let (Some((x, estimate)), Some(cell)) = (place, cell) else {
                continue;
            };
            let figure = cell.metrics.get("overhead").map(metric).unwrap_or_default();
            figures.push(format!("{}: {figure}", stop.name));
            points.push(Point { x: *x, y: up.at(estimate.value), over: stop.oversubscribed });
        }
        let (label, end) = (place(label), points.last().expect("only measured lanes have a line"));
        let room = WIDTH - LABELS - width(&self.note);
        Series {
            leader: format!("M{} {}L{} {label}", end.x, end.y, LABELS - 3.0),
            label: format!("{}{}", short(&self.lane.name, room), self.note),
            label_y: place(label + 4.0),
            tooltip: format!("{}{}; {}", self.lane.name, self.detail, figures.join("; ")),
            lane: self.lane.clone(),
            band,
            line,
            points,
        }
    }
}

/// Returns the line through some estimates, and the outline of their intervals; for a single one, its
/// interval as a line.
fn paths(stretch: &[(f64, &Estimate)], up: &Axis) -> (String, String) {
    if let [(x, estimate)] = stretch {
        return (format!("M{x} {}V{}", up.at(estimate.low), up.at(estimate.high)), String::new());
    }
    let path = |points: Vec<String>| {
        if points.is_empty() { String::new() } else { format!("M{}", points.join(" ")) }
    };
    let at = |x: f64, value: f64| format!("{x} {}", up.at(value));
    let middle = stretch.iter().map(|(x, estimate)| at(*x, estimate.value));
    let above = stretch.iter().map(|(x, estimate)| at(*x, estimate.high));
    let below = stretch.iter().rev().map(|(x, estimate)| at(*x, estimate.low));
    (path(middle.collect()), path(above.chain(below).collect()))
}

fn power(exponent: Estimate) -> String {
    let Estimate { value, low, high } = exponent;
    format!(": a run costs size to the power of {value:.2} [{low:.2}, {high:.2}]")
}

/// Names the lane that takes the least in a comparison; programs, which are compared with no other lane, do
/// not count.
fn least_at(comparison: &Comparison<'_>, place: usize, lanes: &[LaneCells<'_>]) -> String {
    let ranked = lanes.iter().filter(|lane| !lookup::is_program(comparison.results, &lane.lane.name));
    let measured = ranked.filter_map(|lane| Some((&*lane.lane.name, *lane.cells[place]?.overhead()?)));
    match extremes(measured, |overhead| overhead.value) {
        None => format!("at {} no lane was measured", comparison.sized()),
        Some([(lane, least), (last, _)]) => {
            let least_of_all = if lane == last { "" } else { "least, " };
            let least = in_unit(comparison.unit(), least.value);
            format!("at {}, {lane} takes {least_of_all}{least}", comparison.sized())
        }
    }
}

/// Names the lanes on which the cost grows slowest and fastest with the size, as far as that is known.
fn growing<'a>(exponents: impl Iterator<Item = (&'a str, Estimate)>) -> String {
    match extremes(exponents, |exponent| exponent.value) {
        None => String::new(),
        Some([(lane, only), (other, _)]) if lane == other => {
            format!("; the cost of a run grows as size^{:.2} on {lane}", only.value)
        }
        Some([(slow, low), (fast, high)]) => {
            let (low, high) = (low.value, high.value);
            format!("; the cost of a run grows as size^{low:.2} on {slow} up to size^{high:.2} on {fast}")
        }
    }
}

/// Names the lanes that get cheaper with more threads, and those that get dearer, as far as the intervals
/// show it.
fn scaling(first: &Comparison<'_>, last: &Comparison<'_>, lanes: &[LaneCells<'_>]) -> String {
    let (mut less, mut more, mut neither) = (Vec::new(), Vec::new(), 0);
    for lane in lanes {
        let end = |cell: Option<&Option<&Cell>>| cell?.as_ref()?.overhead().copied();
        match (end(lane.cells.first()), end(lane.cells.last())) {
            (Some(one), Some(other)) if other.high < one.low => less.push(&*lane.lane.name),
            (Some(one), Some(other)) if other.low > one.high => more.push(&*lane.lane.name),
            _ => neither += 1,
        }
    }
    let clause = |lanes: &[&str], word: &str| match lanes {
        [] => None,
        [lane] => Some(format!("{lane} takes {word} time")),
        several if several.len() > 3 => Some(format!("{} lanes take {word} time", several.len())),
        several => Some(format!("{} take {word} time", listed(several))),
    };
    let unclear = match neither {
        0 => None,
        many if many == lanes.len() => Some("no difference is shown for any lane".to_owned()),
        1 => Some("no difference is shown for the other".to_owned()),
        many => Some(format!("no difference is shown for the other {many}")),
    };
    let clauses = [clause(&less, "less"), clause(&more, "more"), unclear];
    let threads = format!("from {} to {}", first.threads, counted(last.threads, "thread"));
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    format!("{threads} {}", clauses.join(", "))
}

/// Returns the names with the least and the most of something.
fn extremes<'a, T: Copy>(
    named: impl Iterator<Item = (&'a str, T)>,
    of: fn(&T) -> f64,
) -> Option<[(&'a str, T); 2]> {
    let named: Vec<(&str, T)> = named.collect();
    let by = |one: &&(&str, T), other: &&(&str, T)| of(&one.1).total_cmp(&of(&other.1));
    Some([*named.iter().min_by(by)?, *named.iter().max_by(by)?])
}
