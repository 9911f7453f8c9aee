//! The charts of a workload, as SVG that we write ourselves.
//!
//! Places are worked out here; the templates of `templates/charts` draw them, escaped as everything else, in the
//! colours of the stylesheet. A chart is 400 units wide, about as wide as a phone, so that its text stays readable
//! there.

mod axis;
mod costs;
mod forest;
mod frame;
mod label;
mod lateness;
mod lines;
mod samples;

pub(super) use costs::Bars;
pub(super) use forest::Forest;
pub(super) use lateness::Ecdf;
pub(super) use lines::Lines;
pub(super) use samples::Samples;

use super::{anchor, lanes::Look, standings};
use crate::{
    figures::{counted, whole},
    results::{Cell, Estimate, Results},
    verdict,
};

/// The width of a chart.
const WIDTH: f64 = 400.0;

/// A chart with what is said above it.
pub(super) struct Chart {
    /// Where it stands on the page.
    pub(super) id: String,
    pub(super) title: String,
    /// What it shows, in a sentence.
    pub(super) finding: String,
    pub(super) drawing: Drawing,
}

/// Each kind of chart.
pub(super) enum Drawing {
    /// Ratios to the best.
    Forest(Forest),
    /// Blocks and samples.
    Samples(Samples),
    /// Cost over size or threads.
    Lines(Lines),
    /// How late sleeps end.
    Ecdf(Ecdf),
    /// One metric of the lanes.
    Bars(Bars),
}

/// A lane as charts draw it.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) hue: usize,
    /// The name of its marker, which stands once on the page.
    pub(super) mark: String,
}

/// A lane's marker, for charts to use.
pub(super) struct Marker {
    pub(super) id: String,
    /// Whose it is: the script finds the lane of a mark by it.
    pub(super) lane: String,
    pub(super) outline: &'static str,
}

/// One workload at one size and number of threads.
pub(super) struct Comparison<'a> {
    results: &'a Results,
    workload: &'a str,
    pub(super) size: u64,
    pub(super) threads: usize,
    /// In the order of the lineup.
    pub(super) cells: Vec<&'a Cell>,
}

impl Lane {
    pub(super) fn of(results: &Results, name: &str) -> Lane {
        let place = results.executors.iter().position(|executor| executor.name == name).unwrap_or(0);
        Lane { name: name.to_owned(), hue: Look::of(results, name).hue, mark: mark(place) }
    }
}

/// The markers of all lanes.
pub(super) fn markers(results: &Results) -> Vec<Marker> {
    let marker = |(place, name)| Marker {
        id: mark(place),
        lane: str::to_owned(name),
        outline: Look::of(results, name).marker,
    };
    results.executors.iter().map(|executor| &*executor.name).enumerate().map(marker).collect()
}

fn mark(place: usize) -> String {
    format!("m{place}")
}

impl<'a> Comparison<'a> {
    /// The comparisons of a workload: those of most threads first, as everywhere on the page.
    pub(super) fn all(results: &'a Results, workload: &'a str) -> Vec<Comparison<'a>> {
        let of_threads = |threads| {
            let sizes = verdict::sizes(results, workload, threads).into_iter();
            sizes.map(move |size| Comparison {
                results,
                workload,
                size,
                threads,
                cells: results.comparison(workload, size, threads).collect(),
            })
        };
        verdict::threads(results).into_iter().rev().flat_map(of_threads).collect()
    }

    /// Its size and number of threads: `10,000, 2 threads`.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", whole(self.size), counted(self.threads, "thread"))
    }

    /// The name of one of its charts as a place on the page.
    fn id(&self, chart: &str) -> String {
        format!("{}-{}-{}-{chart}", anchor(self.workload), self.size, self.threads)
    }

    /// Whether the scatter of samples is known.
    pub(super) fn has_spread(&self) -> bool {
        self.cells.iter().any(|cell| cell.spread.is_some())
    }

    /// What its figures are: "time per task over the ideal".
    fn quantity(&self) -> String {
        verdict::quantity(self.results, self.workload)
    }

    /// What its size counts: "tasks", or "size" if nobody says.
    fn counts(&self) -> &'a str {
        let workload = self.results.workloads.iter().find(|known| known.name == self.workload);
        workload.map(|workload| &*workload.size).filter(|size| !size.is_empty()).unwrap_or("size")
    }

    /// The lanes that race at its number of threads.
    fn lanes(&self) -> Vec<&'a str> {
        standings::racing(self.results, self.threads)
    }

    fn cell(&self, lane: &str) -> Option<&'a Cell> {
        self.cells.iter().copied().find(|cell| cell.executor == lane)
    }

    pub(super) fn lane(&self, name: &str) -> Lane {
        Lane::of(self.results, name)
    }
}

/// What an axis must have room for so that an estimate is seen; an interval that reaches for zero is cut.
fn extent(estimate: &Estimate) -> [f64; 3] {
    let Estimate { value, low, high } = *estimate;
    [low.max(value / 10.0), value, high.min(value * 10.0)]
}
