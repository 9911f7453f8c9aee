//! The forest plot of a comparison: each lane's ratio to the best and its interval, on a log axis.
//!
//! Positions are worked out here; `templates/forest.svg` draws them, escaped as everything else, in the colours of the
//! stylesheet.

use super::lanes::Look;
use crate::{
    figures::{ratio, ratio_with_interval},
    results::{Cell, Estimate, Results, Status},
    verdict,
};

const WIDTH: f64 = 400.0;
const LEFT: f64 = 174.0;
const RIGHT: f64 = 344.0;
const TOP: f64 = 8.0;
const ROW: f64 = 19.0;

/// A drawn comparison, in the units of its own view box.
pub(super) struct Forest {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The end of the plot's lines, and where the numbers below them stand.
    pub(super) bottom: f64,
    pub(super) labels: f64,
    /// Where the names end.
    pub(super) names: f64,
    pub(super) ticks: Vec<Tick>,
    pub(super) rows: Vec<Row>,
}

/// A line of the grid.
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
    pub(super) class: &'static str,
}

/// A lane.
pub(super) struct Row {
    pub(super) y: f64,
    pub(super) look: Look,
    pub(super) name: String,
    pub(super) mark: Option<Mark>,
    /// The ratio, or why there is none.
    pub(super) text: String,
    pub(super) tooltip: String,
}

/// A ratio and its interval.
pub(super) struct Mark {
    pub(super) low: String,
    pub(super) at: String,
    pub(super) high: String,
}

/// A log axis. Charts that stand side by side share one.
pub(super) struct Axis {
    low: f64,
    high: f64,
}

impl Forest {
    /// Draws one comparison; `lanes` are its rows.
    pub(super) fn of(
        results: &Results,
        cells: &[&Cell],
        lanes: &[&str],
        axis: &Axis,
        id: String,
        title: String,
    ) -> Forest {
        let row = |(index, lane): (usize, &&str)| {
            let cell = cells.iter().find(|cell| cell.executor == *lane);
            let y = TOP + ROW * (index as f64 + 0.5);
            Row::of(cell.copied(), lane, Look::of(results, lane), y, axis)
        };
        let winner = verdict::winner(cells.iter().copied());
        let bottom = TOP + ROW * lanes.len() as f64 + 2.0;
        Forest {
            id,
            title,
            summary: winner.map_or("nobody was measured".to_owned(), |winner| winner.to_string()),
            width: WIDTH,
            height: bottom + 18.0,
            bottom,
            labels: bottom + 13.0,
            names: LEFT - 14.0,
            ticks: axis.ticks(),
            rows: lanes.iter().enumerate().map(row).collect(),
        }
    }
}

impl Row {
    fn of(cell: Option<&Cell>, lane: &str, look: Look, y: f64, axis: &Axis) -> Row {
        let ratio_of = cell.and_then(|cell| cell.ratio);
        let (text, detail) = match (cell, ratio_of) {
            (_, Some(estimate)) => (ratio(estimate.value), ratio_with_interval(&estimate)),
            (Some(cell), _) if cell.status == Status::Failed => {
                ("failed".to_owned(), format!("failed: {}", verdict::reason(cell)))
            }
            (Some(cell), _) => ("n/a".to_owned(), format!("n/a: {}", verdict::reason(cell))),
            (None, _) => ("n/a".to_owned(), "not run".to_owned()),
        };
        let mark = |estimate: Estimate| Mark {
            low: axis.x(estimate.low),
            at: axis.x(estimate.value),
            high: axis.x(estimate.high),
        };
        Row {
            y,
            look,
            name: lane.to_owned(),
            mark: ratio_of.map(mark),
            text,
            tooltip: format!("{lane}: {detail}"),
        }
    }
}

impl Axis {
    /// An axis with room for all these ratios, and never so narrow that noise looks like a victory.
    pub(super) fn of(ratios: impl Iterator<Item = Estimate>) -> Axis {
        let mut axis = Axis { low: 1.0, high: 1.5 };
        for ratio in ratios {
            axis.low = axis.low.min(ratio.low.max(0.1));
            axis.high = axis.high.max(ratio.high);
        }
        Axis { low: axis.low * 0.95, high: axis.high * 1.08 }
    }

    fn x(&self, ratio: f64) -> String {
        let share = (ratio.clamp(self.low, self.high) / self.low).ln() / (self.high / self.low).ln();
        format!("{:.1}", LEFT + share * (RIGHT - LEFT))
    }

    fn ticks(&self) -> Vec<Tick> {
        let steps: &[f64] = match self.high / self.low {
            span if span < 1.8 => &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
            span if span < 6.0 => &[1.0, 1.5, 2.0, 3.0, 5.0],
            span if span < 200.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let decades = -1..=self.high.log10().ceil() as i32;
        let values = decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
        let tick = |value: f64| Tick {
            x: self.x(value),
            // Through a decimal form, since a tenth of 2 is not quite 0.2.
            label: format!("{}×", (value * 100.0).round() / 100.0),
            class: if value == 1.0 { "one" } else { "grid" },
        };
        values.filter(|value| (self.low..=self.high).contains(value)).map(tick).collect()
    }
}
