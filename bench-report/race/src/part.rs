//! Cuts a race by comparison: every so many comparisons are a part, each with all its lanes, for a node of its own.
//!
//! Comparisons that follow each other in the lineup are alike, and take alike long: so a part takes every so many, and not a
//! stretch. What is counted at one size of a workload, or is a line through several, stays in one part: so the sizes of a
//! workload at a number of workers are cut from each other only where nothing looks at all of them.

use std::{fmt, num::NonZeroUsize, str::FromStr};

use results::{CellId, Part};

use crate::{plan::Plan, program};

/// The wish for a part: `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    number: NonZeroUsize,
    of: NonZeroUsize,
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Share, &'static str> {
        let share = text
            .split_once('/')
            .and_then(|(number, of)| Some(Share { number: number.parse().ok()?, of: of.parse().ok()? }));
        share
            .filter(|share| share.number <= share.of)
            .ok_or("a part is a number and the number of all, such as 1/3")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

/// Leaves a plan its share of the comparisons and of the time for measuring, and notes which part it is.
///
/// # Errors
///
/// If there are fewer comparisons than parts.
pub fn cut(plan: &mut Plan, share: Share) -> Result<(), String> {
    let Share { number, of } = share;
    let race = identity(plan);
    let units = units(plan);
    if units.len() < of.get() {
        return Err(format!(
            "the race has {} workloads at numbers of workers, too few for {of} parts",
            units.len()
        ));
    }
    let is_ours = |cell: &CellId| {
        let place = units.iter().position(|unit| *unit == unit_of(cell));
        place.is_some_and(|place| place % of == number.get() - 1)
    };
    plan.cells.retain(is_ours);
    plan.not_applicable.retain(|(cell, _)| is_ours(cell));
    // The memory of a workload is one line for each lane, whatever the number of workers.
    let mut workloads: Vec<String> = plan.memory.iter().map(|cell| cell.workload.clone()).collect();
    workloads.dedup();
    plan.memory.retain(|cell| {
        let place = workloads.iter().position(|name| *name == cell.workload);
        place.is_some_and(|place| place % of == number.get() - 1)
    });
    plan.budget = plan.budget.div_f64(of.get() as f64);
    plan.part = Some(Part { number: number.get(), of: of.get(), race });
    Ok(())
}

/// A workload at a number of workers.
type Unit = (String, usize);

fn unit_of(cell: &CellId) -> Unit {
    (cell.workload.clone(), cell.threads)
}

/// Returns every workload at every number of workers, those that can run first.
fn units(plan: &Plan) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for cell in plan.cells.iter().chain(plan.not_applicable.iter().map(|(cell, _)| cell)) {
        if !units.contains(&unit_of(cell)) {
            units.push(unit_of(cell));
        }
    }
    units
}

/// Returns a hash by which the parts of one race are known.
fn identity(plan: &Plan) -> String {
    let cells = [&plan.cells, &plan.memory].into_iter().flatten();
    let cells = cells.chain(plan.not_applicable.iter().map(|(cell, _)| cell)).map(CellId::to_string);
    let names: Vec<String> = [plan.seed.to_string()].into_iter().chain(cells).collect();
    program::hash_of_text(&names.join("\n"))
}
