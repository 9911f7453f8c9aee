//! The answers of a run in a few figures: how the lanes stand in each kind of work, relative to the best of those that can
//! serve: published, maintained, with timers and sockets.
//!
//! This is data without a form: the first screen of the page, the end of the terminal and the table of the README are drawn
//! from it. The ratios are those of the results. They are relative to another lane than the ranks there, so their marks are
//! made here, from the intervals of the pairs.

use results::{Cell, Estimate, Executor, LEVEL, Metric, Results, Summary, lookup};

use crate::verdict::{self, floor_of_group};

/// The factors by which an interval of 95 % is widened, on a log scale, before one of two lanes is called behind the other, and
/// for each further lane that the best is picked from, times the logarithm of their number.
///
/// The interval holds for one pair that was chosen beforehand. A rank takes 99 %, for all lanes at once. These are the
/// quotients of such quantiles of Student's t with ten degrees of freedom; with more of them the intervals need less.
const WIDER: [f64; 2] = [1.42, 0.29];

/// The lanes at one number of threads, and their standings in each kind of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Workers of the executors.
    pub threads: usize,
    /// The lanes that can serve, in the order of the lineup, and behind them the others that were measured. Programs are
    /// not among them.
    pub lanes: Vec<AnsweringLane>,
    /// The kinds of work, in the order of the lineup; the comparisons themselves, if there is one kind only.
    pub kinds: Vec<Kind>,
    /// All comparisons that are measured by the clock; `None` if there is one at most.
    pub all: Option<Kind>,
}

/// A lane in the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweringLane {
    /// Its name.
    pub name: String,
    /// `true` if it can serve, and so may be chosen: the best is one of these.
    pub can_serve: bool,
}

/// A kind of work, and how the lanes stand in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Its name: that of a group of workloads, or of a comparison, such as `spawn-join/10000`.
    pub name: String,
    /// The number of comparisons that it is over.
    pub comparisons: usize,
    /// The place of each lane, in the order of the lanes.
    pub places: Vec<Place>,
}

/// The place of a lane in a kind of work.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The lane has no figure there, for this reason.
    Missing(String),
    /// The lane has a figure, and no lane that can serve has one.
    Alone,
    /// The lane's ratio to the best of those that can serve, and what is known of it. That of the best is 1.
    Known(Estimate, Mark),
}

/// The relation of a lane to another one, with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is the best of those that can serve.
    Best,
    /// It is ahead of the best of those that can serve, and is none of them.
    Ahead,
    /// It is shown to be within 10 %, or within the noise floor.
    Level,
    /// It may be further away, but its ratio is known to within 10 %.
    Near,
    /// It is neither, nor shown to be behind or ahead: too little was measured.
    Open,
    /// It is behind.
    Behind,
}

/// The number of rows in which one of two lanes leads the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The rows that both have.
    pub rows: usize,
    /// Those in which the first is ahead.
    pub first: usize,
    /// Those in which the second is ahead.
    pub second: usize,
    /// Those in which they are level, or near each other.
    pub level: usize,
    /// Those in which none of this is known.
    pub open: usize,
}

impl Answers {
    /// Returns the answers at a number of threads. The best is one of the lanes that can serve, or if none of those was measured
    /// one of all executors.
    pub fn of(results: &Results, threads: usize) -> Answers {
        let lanes = lanes(results, threads);
        let summaries = results.groups.iter().filter(|group| group.summary.threads == threads);
        let mut kinds: Vec<Kind> = summaries
            .map(|group| Kind::of_summary(results, Some(&group.group), &group.summary, &lanes))
            .collect();
        if kinds.len() <= 1 {
            kinds = Kind::of_rows(results, threads, &lanes);
        }
        let all = results.summaries.iter().find(|summary| summary.threads == threads);
        let all = all.filter(|all| all.comparisons > 1);
        let all = all.map(|summary| Kind::of_summary(results, None, summary, &lanes));
        Answers { threads, lanes, kinds, all }
    }

    /// Returns the memory that a task of each lane takes in a workload, in bytes; `None` where that is unknown.
    pub fn bytes_a_task(&self, results: &Results, workload: &str) -> Vec<Option<f64>> {
        let known = |lane: &AnsweringLane| {
            let mut memory = results.memory.iter();
            let of_lane =
                memory.find(|memory| memory.workload == workload && memory.executor == lane.name)?;
            match &of_lane.bytes_a_task {
                Metric::Measured { estimate, .. } => Some(estimate.value),
                Metric::Unavailable { .. } => None,
            }
        };
        self.lanes.iter().map(known).collect()
    }

    /// Returns the lane with a mark in a kind of work; the first, if there are several.
    pub fn with_mark(&self, kind: &Kind, mark: Mark) -> Option<&str> {
        let mut places = self.lanes.iter().zip(&kind.places);
        places.find_map(|(lane, place)| {
            matches!(place, Place::Known(_, known) if *known == mark).then_some(&*lane.name)
        })
    }
}

/// Returns the lanes with a figure at a number of threads: first those that can serve.
fn lanes(results: &Results, threads: usize) -> Vec<AnsweringLane> {
    let is_measured = |lane: &str| {
        let mut cells = results.cells.iter();
        cells.any(|cell| cell.threads == threads && cell.executor == lane && cell.overhead().is_some())
    };
    let executors = results.executors.iter();
    let executors =
        executors.filter(|lane| !lookup::is_program(results, &lane.name) && is_measured(&lane.name));
    let lane = |lane: &Executor| AnsweringLane { name: lane.name.clone(), can_serve: lane.can_serve() };
    let mut lanes: Vec<AnsweringLane> = executors.map(lane).collect();
    if !lanes.iter().any(|lane| lane.can_serve) {
        lanes.iter_mut().for_each(|lane| lane.can_serve = true);
    }
    lanes.sort_by_key(|lane| !lane.can_serve);
    lanes
}

impl Kind {
    /// Returns the standings in a group of workloads, or in all that is measured by the clock.
    fn of_summary(
        results: &Results,
        group: Option<&str>,
        summary: &Summary,
        lanes: &[AnsweringLane],
    ) -> Kind {
        let floor = floor_of_group(results, group, summary.threads);
        let of = |name: &str| summary.lanes.iter().find(|lane| lane.executor == name);
        let mean = |name: &str| Some(of(name)?.geomean?.value);
        let ratio = |name: &str, to: &str| of(name)?.ratios.get(to).copied();
        let reason = |name: &str| verdict::reason_without_mean(results, group, summary, name);
        Kind {
            name: group.unwrap_or("All in time").to_owned(),
            comparisons: summary.comparisons,
            places: places(lanes, floor, mean, ratio, reason),
        }
    }

    /// Returns the standings in each comparison.
    fn of_rows(results: &Results, threads: usize, lanes: &[AnsweringLane]) -> Vec<Kind> {
        let sizes = |workload: &str| lookup::sizes(results, workload, threads);
        let rows = results.workloads.iter().map(|workload| &*workload.name);
        let rows = rows.flat_map(|workload| sizes(workload).into_iter().map(move |size| (workload, size)));
        rows.map(|(workload, size)| {
            let cells: Vec<&Cell> = results.comparison(workload, size, threads).collect();
            let of = |name: &str| cells.iter().find(|cell| cell.executor == name);
            let value = |name: &str| Some(of(name)?.overhead()?.value);
            let ratio = |name: &str, to: &str| of(name)?.ratios.get(to).copied();
            let reason =
                |name: &str| of(name).map_or("not run".to_owned(), |cell| lookup::reason(cell).to_owned());
            let floor = results.floor_of_row(workload, size, threads);
            Kind {
                name: format!("{workload}/{size}"),
                comparisons: 1,
                places: places(lanes, floor, value, ratio, reason),
            }
        })
        .collect()
    }
}

/// Returns the place of each lane by its figure, of which less is better, and by its ratio to another lane.
fn places(
    lanes: &[AnsweringLane],
    floor: f64,
    figure: impl Fn(&str) -> Option<f64>,
    ratio: impl Fn(&str, &str) -> Option<Estimate>,
    reason: impl Fn(&str) -> String,
) -> Vec<Place> {
    let candidates = lanes.iter().filter(|lane| lane.can_serve);
    let measured = candidates.filter_map(|lane| Some((&*lane.name, figure(&lane.name)?)));
    let measured: Vec<_> = measured.collect();
    let rivals = measured.len().saturating_sub(1).max(1);
    let best = measured.iter().min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(name, _)| *name);
    let place = |lane: &AnsweringLane| match (figure(&lane.name), best) {
        (None, _) => Place::Missing(reason(&lane.name)),
        (Some(_), None) => Place::Alone,
        (Some(_), Some(best)) if best == lane.name => {
            Place::Known(Estimate { value: 1.0, low: 1.0, high: 1.0 }, Mark::Best)
        }
        (Some(_), Some(best)) => match ratio(&lane.name, best) {
            Some(ratio) => Place::Known(ratio, Mark::of_picked(&ratio, rivals, floor)),
            None => Place::Missing("not compared".to_owned()),
        },
    };
    lanes.iter().map(place).collect()
}

impl Mark {
    /// Judges the ratio of a lane to the best, which was picked among so many rivals.
    fn of_picked(ratio: &Estimate, rivals: usize, floor: f64) -> Mark {
        let [pair, rival] = WIDER;
        let factor = pair + rival * (rivals as f64).ln();
        let wider = |end: f64| ratio.value * (end / ratio.value).powf(factor);
        Mark::judge(ratio, [wider(ratio.low), wider(ratio.high)], floor)
    }

    /// Judges the ratio of one lane to another, of a pair that was chosen beforehand.
    pub fn of_pair(ratio: &Estimate, floor: f64) -> Mark {
        Mark::judge(ratio, [ratio.low, ratio.high], floor)
    }

    /// Judges a ratio: its order by the `ends` of one interval, how near it is by its own.
    fn judge(ratio: &Estimate, [low, high]: [f64; 2], floor: f64) -> Mark {
        let floor = floor.max(1.0);
        let level = floor.max(LEVEL);
        if low > floor {
            Mark::Behind
        } else if high < floor.recip() {
            Mark::Ahead
        } else if ratio.high <= level && ratio.low >= level.recip() {
            Mark::Level
        } else if ratio.high <= ratio.value * LEVEL && ratio.low >= ratio.value / LEVEL {
            Mark::Near
        } else {
            Mark::Open
        }
    }
}

impl Pair {
    /// Counts the rows that two lanes share at a number of threads, by what is known of the two alone.
    pub fn of(results: &Results, threads: usize, first: &str, second: &str) -> Pair {
        let mut pair = Pair::default();
        for cell in results.cells.iter().filter(|cell| cell.threads == threads && cell.executor == first) {
            let Some(ratio) = cell.ratios.get(second) else { continue };
            let floor = results.floor_of_row(&cell.workload, cell.size, threads);
            pair.rows += 1;
            *match Mark::of_pair(ratio, floor) {
                Mark::Ahead => &mut pair.first,
                Mark::Behind => &mut pair.second,
                Mark::Best | Mark::Level | Mark::Near => &mut pair.level,
                Mark::Open => &mut pair.open,
            } += 1;
        }
        pair
    }
}
