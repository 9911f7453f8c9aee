//! Draws the efficiency of lanes over the work of a task: a line for each lane, its interval as a band around it, and its name at
//! its end.

use super::{
    ChartLane,
    axis::{Axis, Tick, place, time},
    frame::{LABELS, Plot, RIGHT, TOP},
    label::{LINE, apart, short, width},
    lines::{Point, Series},
};
use results::{Estimate, Grain, GrainOfLane, Results, figures::ns};

/// The marks of the vertical axis, in percent; those in between are the shares of METG.
const MARKS: [f64; 4] = [0.0, 50.0, 90.0, 100.0];

/// The room for the marks.
const LEFT: f64 = 42.0;

/// Drawn efficiencies: in percent, over the logarithm of the work.
pub(crate) struct Efficiency {
    pub(crate) id: String,
    pub(crate) frame: Plot,
    pub(crate) across: Vec<Tick>,
    pub(crate) up: Vec<Tick>,
    pub(crate) series: Vec<Series>,
}

/// A place of a lane's curve: the work of a task, and the efficiency.
type Place = (f64, Estimate);

impl Efficiency {
    /// Draws the curves at one number of threads; `None` if tasks without work are all that was measured.
    pub(crate) fn of(results: &Results, curve: &Grain) -> Option<Efficiency> {
        // Tasks without work are at zero on an axis that has none.
        let place_of = |point: &results::GrainPoint| {
            let work = curve.work_at(point.size).filter(|_| point.size > 0)?;
            Some((work.value, point.efficiency))
        };
        let places = |lane: &GrainOfLane| lane.points.iter().filter_map(place_of).collect::<Vec<Place>>();
        let lanes = curve.lanes.iter().map(|lane| (&*lane.executor, places(lane)));
        let lanes: Vec<(&str, Vec<Place>)> = lanes.filter(|(_, places)| !places.is_empty()).collect();
        let work = lanes.iter().flat_map(|(_, places)| places.iter().map(|(work, _)| *work));
        if lanes.is_empty() {
            return None;
        }
        let bottom = Plot::bottom(lanes.len());
        let across = Axis::of(work, 2.0).between(LEFT, RIGHT);
        let ends: Vec<f64> =
            lanes.iter().map(|(_, places)| up(places[places.len() - 1].1.value, bottom)).collect();
        let labels = apart(&ends, LINE, TOP + 4.0, bottom);
        let series = lanes.iter().zip(labels);
        let mark = |percent: f64| Tick {
            at: up(percent / 100.0, bottom),
            label: format!("{percent} %"),
            class: if percent == 50.0 || percent == 90.0 { "one" } else { "grid" },
        };
        Some(Efficiency {
            id: format!("{}-efficiency-{}", curve.workload, curve.threads),
            frame: Plot::of(LEFT, bottom),
            across: across.ticks(time, |label| width(label) + 6.0),
            up: MARKS.map(mark).into(),
            series: series
                .map(|((lane, places), label)| drawn(results, lane, places, &across, bottom, label))
                .collect(),
        })
    }
}

/// Returns the height of an efficiency; beyond the axis it stands at its end.
fn up(efficiency: f64, bottom: f64) -> f64 {
    place(bottom - efficiency.clamp(0.0, 1.0) * (bottom - TOP))
}

fn drawn(results: &Results, lane: &str, places: &[Place], across: &Axis, bottom: f64, label: f64) -> Series {
    let percent = |share: f64| format!("{:.0}", 100.0 * share);
    let figure = |(work, efficiency): &Place| {
        let Estimate { value, low, high } = *efficiency;
        format!("{} of work: {} % [{}, {}]", ns(*work), percent(value), percent(low), percent(high))
    };
    let figures: Vec<String> = places.iter().map(figure).collect();
    let path = |end: fn(&Estimate) -> f64| {
        let points = places.iter().map(|(work, efficiency)| (across.at(*work), up(end(efficiency), bottom)));
        points.map(|(x, y)| format!("{x} {y}")).collect::<Vec<_>>()
    };
    let [middle, above, mut below] =
        [path(|estimate| estimate.value), path(|estimate| estimate.high), path(|estimate| estimate.low)];
    below.reverse();
    let points = places.iter().map(|(work, efficiency)| Point {
        x: across.at(*work),
        y: up(efficiency.value, bottom),
        over: false,
    });
    let points: Vec<Point> = points.collect();
    let (label, end) = (place(label), points.last().expect("a lane without a point has no line"));
    Series {
        lane: ChartLane::of(results, lane),
        band: format!("M{}", [above, below].concat().join(" ")),
        line: format!("M{}", middle.join(" ")),
        leader: format!("M{} {}L{} {label}", end.x, end.y, LABELS - 3.0),
        label: short(lane, super::WIDTH - LABELS),
        label_y: place(label + 4.0),
        tooltip: format!("{lane}; {}", figures.join("; ")),
        points,
    }
}
