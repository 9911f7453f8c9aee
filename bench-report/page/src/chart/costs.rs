//! Draws the costs of a comparison besides time: a small panel for each metric, with a bar for each lane. The
//! table has the intervals.

use super::{
    Chart, ChartLane, Comparison, Drawing,
    axis::place,
    label::{cut, width},
};
use results::{
    Estimate, Metric,
    figures::{bytes, count, listed, ns},
};

const WIDTH: f64 = 190.0;
const LEFT: f64 = 15.0;
const ROW: f64 = 16.0;
const TOP: f64 = 2.0;

/// The drawn panel of a metric.
pub(crate) struct Bars {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) rows: Vec<Row>,
}

/// A lane.
pub(crate) struct Row {
    pub(crate) lane: ChartLane,
    pub(crate) y: f64,
    pub(crate) text_y: f64,
    pub(crate) bar: String,
    pub(crate) text_x: f64,
    pub(crate) text: String,
}

impl Bars {
    /// Draws a metric of a comparison; `None` if it was measured for no lane.
    pub(crate) fn of(comparison: &Comparison<'_>, key: &str, name: &str, per: &str) -> Option<Chart> {
        let cells = comparison.cells.iter();
        let figures: Vec<(&str, &Metric)> =
            cells.filter_map(|cell| Some((&*cell.executor, cell.metrics.get(key)?))).collect();
        let measured: Vec<(&str, &str, Estimate)> = figures.iter().filter_map(measured).collect();
        let finding = finding(&measured)?;
        let texts = measured.iter().map(|(_, unit, estimate)| width(&figure(unit, estimate.value)));
        let room = (WIDTH - LEFT - 4.0 - texts.fold(0.0, f64::max)).max(WIDTH / 3.0);
        let most = measured.iter().map(|(.., estimate)| estimate.value).fold(0.0, f64::max);
        // If every value is zero, every bar is empty.
        let long = |value: f64| if value > 0.0 { LEFT + value / most * room } else { LEFT };
        let rows = figures.iter().enumerate();
        let bars = Bars {
            width: WIDTH,
            height: TOP + ROW * figures.len() as f64,
            rows: rows
                .map(|(index, (lane, found))| {
                    let y = TOP + ROW * (index as f64 + 0.5);
                    Row::of(comparison.lane(lane), found, y, long)
                })
                .collect(),
        };
        Some(Chart {
            id: comparison.id(key),
            title: format!("{name}{}{per}", if per.is_empty() { "" } else { " " }),
            finding,
            drawing: Drawing::Bars(bars),
        })
    }
}

impl Row {
    fn of(lane: ChartLane, found: &Metric, y: f64, long: impl Fn(f64) -> f64) -> Row {
        let (end, text) = match found {
            Metric::Measured { unit, estimate, .. } => {
                (long(estimate.value).round(), figure(unit, estimate.value))
            }
            Metric::Unavailable { .. } => (LEFT, "n/a".to_owned()),
        };
        Row {
            y: place(y),
            text_y: place(y + 4.0),
            bar: format!("M{LEFT} {}H{end}", place(y)),
            text_x: place(end + 4.0),
            text: cut(&text, WIDTH - end - 3.0),
            lane,
        }
    }
}

fn measured<'a>((lane, metric): &(&'a str, &'a Metric)) -> Option<(&'a str, &'a str, Estimate)> {
    match metric {
        Metric::Measured { unit, estimate, .. } => Some((lane, unit, *estimate)),
        Metric::Unavailable { .. } => None,
    }
}

/// Writes a value without its interval.
fn figure(unit: &str, value: f64) -> String {
    match unit {
        _ if value == 0.0 => "0".to_owned(),
        "ns" | "ns/op" => ns(value),
        "bytes" | "bytes/op" => bytes(value),
        // The table rounds such a value to zero, but its bar needs a number.
        _ if value.abs() < 0.001 => format!("{value:.1e}"),
        _ => count(value),
    }
}

/// Names the lanes with the least and the most of it.
fn finding(measured: &[(&str, &str, Estimate)]) -> Option<String> {
    let values = || measured.iter().map(|(.., estimate)| estimate.value);
    let (least, most) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
    let with = |value: f64| -> Vec<&str> {
        measured.iter().filter(|(.., estimate)| estimate.value == value).map(|(lane, ..)| *lane).collect()
    };
    let named = |lanes: &[&str]| match lanes {
        several if several.len() > 2 => format!("{} lanes", several.len()),
        few => listed(few),
    };
    Some(match measured {
        [(lane, ..)] => format!("only {lane} was measured"),
        _ if least == most => "the same on every lane".to_owned(),
        _ => format!("least {}, most {}", named(&with(least)), named(&with(most))),
    })
}
