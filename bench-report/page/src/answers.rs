//! The answers of a run in a few figures: how the lanes stand in each kind of work, relative to the best of those that can
//! serve: published, maintained, with timers and sockets.
//!
//! This is data without a form: the first screen of the page, the end of the terminal and the table of the README are drawn
//! from it. The ratios are those of the results. They are relative to another lane than the ranks there, so their marks are
//! made here, by the rule of those ranks: the results say of each two lanes whether one is surely behind the other.
//!
//! Flavours of one runtime count as one, which has its best flavour in each kind of work and in each row.

use results::{Cell, Estimate, Executor, LEVEL, Metric, Results, Summary, lookup};

use crate::verdict::{self, floor_of_group};

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

/// A runtime in the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweringLane {
    /// Its name: that of its first lane.
    pub name: String,
    /// Its lanes that were measured.
    pub flavours: Vec<String>,
    /// Its package, or its name in files from before that was said.
    pub package: String,
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
    /// The flavour whose place that is; `None` without a figure.
    pub flavours: Vec<Option<String>>,
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
    /// The number in which the first is ahead.
    pub first: usize,
    /// The number in which the second is ahead.
    pub second: usize,
    /// The number in which they are level, or near each other.
    pub level: usize,
    /// The number in which none of this is known.
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
            let of_lane = |flavour: &String| {
                let mut memory = results.memory.iter();
                let found =
                    memory.find(|memory| memory.workload == workload && memory.executor == *flavour)?;
                match &found.bytes_a_task {
                    Metric::Measured { estimate, .. } => Some(estimate.value),
                    Metric::Unavailable { .. } => None,
                }
            };
            lane.flavours.iter().filter_map(of_lane).min_by(f64::total_cmp)
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
    let mut lanes: Vec<AnsweringLane> = Vec::new();
    for lane in executors {
        let package = package(lane);
        match lanes.iter_mut().find(|known| known.package == package) {
            Some(known) => known.flavours.push(lane.name.clone()),
            None => lanes.push(AnsweringLane {
                name: lane.name.clone(),
                flavours: vec![lane.name.clone()],
                package: package.to_owned(),
                can_serve: lane.can_serve(),
            }),
        }
    }
    if !lanes.iter().any(|lane| lane.can_serve) {
        lanes.iter_mut().for_each(|lane| lane.can_serve = true);
    }
    lanes.sort_by_key(|lane| !lane.can_serve);
    lanes
}

/// Returns the package that a lane is a flavour of, or its name in files from before that was said.
pub(crate) fn package(lane: &Executor) -> &str {
    if lane.package.is_empty() { &lane.name } else { &lane.package }
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
        let figures = Figures {
            floor,
            of: &|name| Some(of(name)?.geomean?.value),
            ratio: &|name, to| of(name)?.ratios.get(to).copied(),
            behind: &|name| of(name).map_or(&[], |lane| &lane.behind),
            tells: tells(results),
            reason: &|name| verdict::reason_without_mean(results, group, summary, name),
        };
        figures.kind(group.unwrap_or("All in time"), summary.comparisons, lanes)
    }

    /// Returns the standings in each comparison.
    fn of_rows(results: &Results, threads: usize, lanes: &[AnsweringLane]) -> Vec<Kind> {
        let sizes = |workload: &str| lookup::sizes(results, workload, threads);
        let rows = results.workloads.iter().map(|workload| &*workload.name);
        let rows = rows.flat_map(|workload| sizes(workload).into_iter().map(move |size| (workload, size)));
        rows.map(|(workload, size)| {
            let cells: Vec<&Cell> = results.comparison(workload, size, threads).collect();
            let of = |name: &str| cells.iter().find(|cell| cell.executor == name);
            let figures = Figures {
                floor: results.floor_of_row(workload, size, threads),
                of: &|name| Some(of(name)?.overhead()?.value),
                ratio: &|name, to| of(name)?.ratios.get(to).copied(),
                behind: &|name| of(name).map_or(&[], |cell| &cell.behind),
                tells: tells(results),
                reason: &|name| of(name).map_or("not run".to_owned(), |cell| lookup::reason(cell).to_owned()),
            };
            figures.kind(&format!("{workload}/{size}"), 1, lanes)
        })
        .collect()
    }
}

/// Tells whether the results say which lanes a lane is behind; those from before have intervals of two lanes alone.
pub(crate) fn tells(results: &Results) -> bool {
    results.cells.iter().any(|cell| !cell.behind.is_empty())
}

/// Tells whether a lane is surely behind another in a row, if the results tell; without that by the interval of the two.
pub(crate) fn is_behind(lane: &Cell, other: &Cell, tells: bool, floor: f64) -> bool {
    if tells {
        return lane.behind.contains(&other.executor);
    }
    lane.ratios.get(&other.executor).is_some_and(|ratio| ratio.low > floor)
}

/// The figures of a kind of work, by the names of lanes, of which less is better, and what is known of them.
struct Figures<'a> {
    floor: f64,
    of: &'a dyn Fn(&str) -> Option<f64>,
    ratio: &'a dyn Fn(&str, &str) -> Option<Estimate>,
    /// The lanes that a lane is surely behind.
    behind: &'a dyn Fn(&str) -> &'a [String],
    tells: bool,
    /// The reason why a lane has no figure.
    reason: &'a dyn Fn(&str) -> String,
}

impl Figures<'_> {
    fn kind(&self, name: &str, comparisons: usize, lanes: &[AnsweringLane]) -> Kind {
        let least = |flavours: &mut dyn Iterator<Item = &String>| {
            let measured = flavours.filter_map(|flavour| Some((flavour.clone(), (self.of)(flavour)?)));
            measured.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(flavour, _)| flavour)
        };
        let flavours: Vec<Option<String>> =
            lanes.iter().map(|lane| least(&mut lane.flavours.iter())).collect();
        let choices = lanes.iter().zip(&flavours).filter(|(lane, _)| lane.can_serve);
        let best = least(&mut choices.filter_map(|(_, flavour)| flavour.as_ref()));
        let place = |(lane, flavour): (&AnsweringLane, &Option<String>)| match (flavour, &best) {
            (None, _) => Place::Missing((self.reason)(&lane.name)),
            (Some(_), None) => Place::Alone,
            (Some(flavour), Some(best)) if best == flavour => {
                Place::Known(Estimate { value: 1.0, low: 1.0, high: 1.0 }, Mark::Best)
            }
            (Some(flavour), Some(best)) => match (self.ratio)(flavour, best) {
                Some(ratio) => Place::Known(ratio, self.mark(flavour, best, &ratio)),
                None => Place::Missing("not compared".to_owned()),
            },
        };
        let places = lanes.iter().zip(&flavours).map(place).collect();
        Kind { name: name.to_owned(), comparisons, places, flavours }
    }

    fn mark(&self, lane: &str, best: &str, ratio: &Estimate) -> Mark {
        let is_behind = |lane: &str, other: &str| (self.behind)(lane).iter().any(|behind| behind == other);
        let order = self.tells.then(|| [is_behind(lane, best), is_behind(best, lane)]);
        Mark::of(ratio, order, self.floor)
    }
}

impl Mark {
    /// Judges a lane by its ratio to another, and by whether it is surely behind and surely ahead; without that by the interval.
    fn of(ratio: &Estimate, order: Option<[bool; 2]>, floor: f64) -> Mark {
        let floor = floor.max(1.0);
        let level = floor.max(LEVEL);
        let [behind, ahead] = order.unwrap_or([ratio.low > floor, ratio.high < floor.recip()]);
        if behind {
            Mark::Behind
        } else if ahead {
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
    /// Counts the rows that two runtimes share at a number of threads, by what is known of the best flavours of both.
    pub fn of(results: &Results, threads: usize, first: &AnsweringLane, second: &AnsweringLane) -> Pair {
        let same = |one: &Cell, other: &Cell| {
            (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
        };
        let tells = tells(results);
        let mut pair = Pair::default();
        for row in results.cells.chunk_by(same).filter(|row| row[0].threads == threads) {
            let [Some(one), Some(other)] = [first, second].map(|lane| lane.best_of(row)) else { continue };
            let Some(ratio) = one.ratios.get(&other.executor) else { continue };
            let floor = results.floor_of_row(&one.workload, one.size, threads);
            let order = [is_behind(one, other, tells, floor), is_behind(other, one, tells, floor)];
            pair.rows += 1;
            *match Mark::of(ratio, Some(order), floor) {
                Mark::Ahead => &mut pair.first,
                Mark::Behind => &mut pair.second,
                Mark::Best | Mark::Level | Mark::Near => &mut pair.level,
                Mark::Open => &mut pair.open,
            } += 1;
        }
        pair
    }
}

impl AnsweringLane {
    /// Returns the cell of its best flavour in a row.
    pub(crate) fn best_of<'a>(&self, row: &'a [Cell]) -> Option<&'a Cell> {
        let own = row.iter().filter(|cell| cell.rank.is_some() && self.flavours.contains(&cell.executor));
        let value = |cell: &Cell| cell.overhead().map_or(f64::INFINITY, |overhead| overhead.value);
        own.min_by(|one, other| value(one).total_cmp(&value(other)))
    }
}
