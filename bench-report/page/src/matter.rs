//! Prepares the section that answers "does it matter?": for each kind of work what a rate of operations costs in cores, in the
//! row in which the choice of a lane costs most.
//!
//! It has three rates, for readers without scripts. `templates/matter.js` writes it anew for a reader's own rate, and into the
//! squares of the table too.

use std::cmp::Ordering;

use results::{
    Cell, Estimate, Results,
    figures::{counted, whole},
    lookup,
};

use super::{
    cores::{self, Cost},
    lanes::Look,
    links::anchor,
    sizes,
};

/// The rates that are shown without scripts, in operations a second.
const RATES: [u64; 3] = [1_000, 10_000, 100_000];

/// The lane that is shown in each row beside the best and the dearest: most readers have it.
const COMMON: &str = "tokio";

/// The answers at each number of threads.
pub(super) struct Matter {
    /// The number of processors of the machine, for the script; empty if it is unknown.
    pub(super) processors: String,
    /// The lane that is always shown, for the script.
    pub(super) common: &'static str,
    pub(super) rates: Vec<String>,
    pub(super) races: Vec<MatterRace>,
}

/// The answers at one number of threads.
pub(super) struct MatterRace {
    pub(super) number: usize,
    pub(super) threads: String,
    pub(super) kinds: Vec<Kind>,
}

/// A kind of work, in one of its rows.
pub(super) struct Kind {
    /// The group of the row's workload; may be empty.
    pub(super) name: String,
    /// The row: its workload, and its size with its unit.
    pub(super) workload: String,
    pub(super) size: String,
    /// The place of the workload's section.
    pub(super) anchor: String,
    pub(super) lanes: Vec<Lane>,
}

/// A lane in a row, and what each rate costs with it: cores with the best, and with any other how many more.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) look: Look,
    /// "best", "dearest", or nothing.
    pub(super) role: &'static str,
    pub(super) costs: Vec<String>,
}

impl Matter {
    pub(super) fn of(results: &Results) -> Matter {
        let races = lookup::races(results).into_iter().map(|threads| MatterRace {
            number: threads,
            threads: counted(threads, "thread"),
            kinds: kinds(results, threads),
        });
        Matter {
            processors: lookup::processors(results).map_or(String::new(), |many| many.to_string()),
            common: COMMON,
            rates: RATES.map(whole).to_vec(),
            races: races.filter(|race| !race.kinds.is_empty()).collect(),
        }
    }
}

/// A row whose lanes have a cost, the best first.
struct CostlyRow<'a> {
    best: &'a Cell,
    cost: Cost,
    /// The other ranked lanes, and how many nanoseconds more they take than the best.
    others: Vec<(&'a Cell, Cost, Estimate)>,
}

impl<'a> CostlyRow<'a> {
    /// Returns the costs of a comparison; `None` if the best has none.
    fn of(comparison: impl Iterator<Item = &'a Cell>) -> Option<CostlyRow<'a>> {
        let ranked: Vec<&Cell> = comparison.filter(|cell| cell.rank.is_some()).collect();
        let value = |cell: &Cell| cell.overhead().map_or(f64::INFINITY, |overhead| overhead.value);
        let best = *ranked.iter().min_by(|one, other| value(one).total_cmp(&value(other)))?;
        let cost = Cost::of(best)?;
        let others = ranked.into_iter().filter(|cell| cell.executor != best.executor);
        let others = others.filter_map(|cell| {
            let own = Cost::of(cell)?;
            Some((cell, own, own.more_than(&cost)?))
        });
        Some(CostlyRow { best, cost, others: others.collect() })
    }

    /// Returns the lane that takes most, if it takes more than the best.
    fn dearest(&self) -> Option<&(&'a Cell, Cost, Estimate)> {
        let more = self.others.iter().filter(|(.., more)| more.value > 0.0);
        more.max_by(|(.., one), (.., other)| one.value.total_cmp(&other.value))
    }

    /// Orders rows by what the dearest lane costs more, and those without one by what the best costs.
    fn by_what_is_at_stake(&self, other: &CostlyRow<'_>) -> Ordering {
        let stake = |row: &CostlyRow<'_>| row.dearest().map_or(0.0, |(.., more)| more.value);
        let by_cost = self.cost.value().total_cmp(&other.cost.value());
        stake(self).total_cmp(&stake(other)).then(by_cost)
    }
}

/// Returns the row of each group in which most is at stake. Only rows that are measured in time on the clock have a cost: what
/// else is measured, such as lateness, is none.
fn kinds(results: &Results, threads: usize) -> Vec<Kind> {
    let mut groups: Vec<(&str, CostlyRow<'_>)> = Vec::new();
    for workload in results.workloads.iter().filter(|workload| workload.measure.is_empty()) {
        for size in lookup::sizes(results, &workload.name, threads) {
            let comparison = results.comparison(&workload.name, size, threads);
            let Some(row) = CostlyRow::of(comparison) else { continue };
            match groups.iter_mut().find(|(group, _)| *group == workload.group) {
                Some((_, known)) if known.by_what_is_at_stake(&row) == Ordering::Less => *known = row,
                Some(_) => {}
                None => groups.push((&workload.group, row)),
            }
        }
    }
    groups.into_iter().map(|(group, row)| Kind::of(results, group, &row)).collect()
}

impl Kind {
    fn of(results: &Results, group: &str, row: &CostlyRow<'_>) -> Kind {
        let processors = lookup::processors(results);
        let lane = |cell: &Cell, role, write: &dyn Fn(f64) -> String| Lane {
            name: cell.executor.clone(),
            look: Look::of(results, &cell.executor),
            role,
            costs: RATES.map(|rate| write(rate as f64)).to_vec(),
        };
        let mut lanes = vec![lane(row.best, "best", &|rate| row.cost.at(rate, processors))];
        let dearest = row.dearest().map(|(cell, ..)| &cell.executor);
        let is_shown = |cell: &Cell| cell.executor == COMMON || Some(&cell.executor) == dearest;
        let mut shown: Vec<_> = row.others.iter().filter(|(cell, ..)| is_shown(cell)).collect();
        shown.sort_by_key(|(cell, ..)| Some(&cell.executor) == dearest);
        lanes.extend(shown.into_iter().map(|(cell, own, more)| {
            let role = if Some(&cell.executor) == dearest { "dearest" } else { "" };
            lane(cell, role, &|rate| {
                let more = cores::difference(more, rate);
                match own.excess(rate, processors) {
                    Some(_) => format!("{more}: {}", own.at(rate, processors)),
                    None => more,
                }
            })
        }));
        Kind {
            name: group.to_owned(),
            workload: row.best.workload.clone(),
            size: sizes::sized(results, &row.best.workload, row.best.size),
            anchor: anchor(&row.best.workload),
            lanes,
        }
    }
}
