//! Draws the charts of a workload, as SVG that we write ourselves.
//!
//! This module computes the places; the templates of `templates/charts` draw them, escaped like everything
//! else, in the colours of the stylesheet. A chart is 400 units wide, about as wide as a phone, so that its
//! text stays readable there.

mod axis;
mod costs;
mod efficiency;
mod forest;
mod frame;
mod label;
pub(super) mod late;
mod lateness;
mod lines;
mod samples;

pub(super) use costs::Bars;
pub(super) use efficiency::Efficiency;
pub(super) use forest::Forest;
pub(super) use frame::MARKER;
pub(super) use label::in_column;
pub(super) use lateness::{Ecdf, Late};
pub(super) use lines::Lines;
pub(super) use samples::Samples;

use super::{lanes::ChartLane, links::anchor, sizes};
use results::{Cell, Estimate, Results, figures::counted, lookup};

/// The width of a chart.
const WIDTH: f64 = 400.0;

/// A chart with its title and its finding.
pub(super) struct Chart {
    /// Its anchor on the page.
    pub(super) id: String,
    pub(super) title: String,
    /// Its finding, in a sentence.
    pub(super) finding: String,
    pub(super) drawing: Drawing,
}

/// The drawing, by the kind of chart.
pub(super) enum Drawing {
    /// Ratios to the best.
    Forest(Forest),
    /// Blocks and samples.
    Samples(Samples),
    /// Cost over size or threads.
    Lines(Lines),
    /// The lateness of sleeps, or of requests.
    Ecdf(Ecdf),
    /// One metric of the lanes.
    Bars(Bars),
}

/// One workload at one size and number of threads.
pub(super) struct Comparison<'a> {
    results: &'a Results,
    workload: &'a str,
    pub(super) size: u64,
    pub(super) threads: usize,
    /// The cells in the order of the lineup.
    pub(super) cells: Vec<&'a Cell>,
}

impl<'a> Comparison<'a> {
    /// Returns the comparisons of a workload, most threads first, as everywhere on the page.
    pub(super) fn all(results: &'a Results, workload: &'a str) -> Vec<Comparison<'a>> {
        lookup::threads(results)
            .into_iter()
            .rev()
            .flat_map(|threads| {
                let sizes = lookup::sizes(results, workload, threads).into_iter();
                sizes.map(move |size| Comparison {
                    results,
                    workload,
                    size,
                    threads,
                    cells: results.comparison(workload, size, threads).collect(),
                })
            })
            .collect()
    }

    /// Writes its size and number of threads: `10,000 tasks, 2 threads`.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.sized(), counted(self.threads, "thread"))
    }

    /// Writes its size: `10,000 tasks`.
    fn sized(&self) -> String {
        sizes::sized(self.results, self.workload, self.size)
    }

    /// Returns the anchor of one of its charts.
    fn id(&self, chart: &str) -> String {
        format!("{}-{}-{}-{chart}", anchor(self.workload), self.size, self.threads)
    }

    /// Returns `true` if the scatter of samples is known.
    pub(super) fn has_spread(&self) -> bool {
        self.cells.iter().any(|cell| cell.spread.is_some())
    }

    /// Names the quantity of its figures: "time per task over the ideal".
    fn quantity(&self) -> String {
        lookup::quantity(self.results, self.workload)
    }

    /// Returns the unit of its figures.
    fn unit(&self) -> &'a str {
        self.cells.iter().find(|cell| cell.overhead().is_some()).map_or("ns/op", |cell| cell.unit())
    }

    /// Names the things that its size counts: "tasks", or "size" if the results do not say.
    fn counts(&self) -> &'a str {
        let workload = self.results.workloads.iter().find(|known| known.name == self.workload);
        workload.map(|workload| &*workload.size).filter(|size| !size.is_empty()).unwrap_or("size")
    }

    /// Returns the lanes that race at its number of threads.
    fn lanes(&self) -> Vec<&'a str> {
        lookup::racing(self.results, self.threads)
    }

    fn cell(&self, lane: &str) -> Option<&'a Cell> {
        self.cells.iter().copied().find(|cell| cell.executor == lane)
    }

    pub(super) fn lane(&self, name: &str) -> ChartLane {
        ChartLane::of(self.results, name)
    }
}

/// Returns the values that an axis must have room for so that an estimate is visible; an interval that
/// reaches towards zero is cut.
fn extent(estimate: &Estimate) -> [f64; 3] {
    let Estimate { value, low, high } = *estimate;
    [low.max(value / 10.0), value, high.min(value * 10.0)]
}
