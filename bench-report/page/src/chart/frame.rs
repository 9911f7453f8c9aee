//! Lays out the frames of charts: rows of lanes above one axis, and plots between two axes.

use super::{WIDTH, axis::place, label::LINE};

/// The room for a marker, between the names of rows and their plot.
pub(crate) const MARKER: f64 = 22.0;

/// The top of the first row.
pub(super) const FIRST_ROW: f64 = 4.0;

/// The corners of a plot with labels at its right, and the least height of one.
pub(super) const RIGHT: f64 = 240.0;
pub(super) const LABELS: f64 = 254.0;
pub(super) const TOP: f64 = 24.0;
const HEIGHT: f64 = 165.0;

/// A row for each lane, with names and markers at the left, and one axis below.
pub(crate) struct Rows {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// The end of the plot's lines, and the places of the text below them.
    pub(crate) bottom: f64,
    pub(crate) labels: f64,
    pub(crate) caption: f64,
    pub(crate) middle: f64,
    /// The end of the names; the markers stand beside them.
    pub(crate) names: f64,
}

/// A plot between two axes, with labels at its right.
pub(crate) struct Plot {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    /// The places of the text around it: above, beside and below.
    pub(crate) heading: f64,
    pub(crate) numbers: f64,
    pub(crate) below: f64,
    pub(crate) caption: f64,
    pub(crate) middle: f64,
    pub(crate) labels: f64,
}

impl Rows {
    /// Makes room for rows of the height `rows` together, between the end of the names and `right`.
    pub(super) fn of(rows: f64, names: f64, right: f64) -> Rows {
        let bottom = FIRST_ROW + rows + 2.0;
        Rows {
            width: WIDTH,
            height: bottom + 30.0,
            bottom,
            labels: bottom + 13.0,
            caption: bottom + 27.0,
            middle: place((names + MARKER + right) / 2.0),
            names,
        }
    }
}

impl Plot {
    /// Returns the bottom of a plot with room for this number of labels beside it.
    pub(super) fn bottom(labels: usize) -> f64 {
        TOP + HEIGHT.max(labels as f64 * LINE)
    }

    /// Makes a plot from `left` to the right, and down to `bottom`.
    pub(super) fn of(left: f64, bottom: f64) -> Plot {
        Plot {
            width: WIDTH,
            height: bottom + 32.0,
            left,
            right: RIGHT,
            top: TOP,
            bottom,
            heading: TOP - 11.0,
            numbers: left - 5.0,
            below: bottom + 14.0,
            caption: bottom + 28.0,
            middle: place((left + RIGHT) / 2.0),
            labels: LABELS,
        }
    }
}
