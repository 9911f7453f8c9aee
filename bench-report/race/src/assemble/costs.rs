//! The metrics that are counted apart from the clock.

use lane_protocol::{Costs, Count, Counts, Lineup, Tally};
use results::{CellId, Metric, Profile};

use super::metric;
use crate::{
    errands::is_large_enough,
    journal::{CountingJob, Tallies},
    plan::Plan,
};

/// The reason why a program has none of these figures.
const COUNTS_NOTHING: &str = "a program counts nothing";
/// The reason why a quick run has none of these figures.
pub(super) const QUICK: &str = "a quick run counts none";
/// The reason for workloads that only wait, such as `idle`.
const ONLY_WAITS: &str = "a run that only waits is not counted";
/// The reason for the cells of smaller sizes.
const SMALL: &str = "counted at the largest size; a full run counts at all";
/// The reason when a process answered another question.
pub(super) const ANOTHER: &str = "its process counted something else";

/// Returns the counted metrics of a cell, by their names.
pub(super) fn of_cell(
    lineup: &Lineup,
    plan: &Plan,
    tallies: &Tallies,
    cell: &CellId,
) -> [(String, Metric); 4] {
    let job = CountingJob { cell: cell.clone(), count: Count::Costs, turn: 0 };
    let costs = match tallies.get(&job) {
        Some(Ok(Counts::Costs(costs))) => Ok(costs),
        Some(Ok(_)) => Err(ANOTHER),
        Some(Err(reason)) => Err(&**reason),
        None if plan.is_program(&cell.executor) => Err(COUNTS_NOTHING),
        None if plan.profile == Profile::Quick => Err(QUICK),
        None if lineup.only_waits(&cell.workload) => Err(ONLY_WAITS),
        None if !is_large_enough(plan, cell) => Err(SMALL),
        None => Err("only lanes under their own name are counted"),
    };
    [
        ("allocations", counted("1/op", costs, |costs| &costs.allocations)),
        ("allocated-bytes", counted("bytes/op", costs, |costs| &costs.allocated_bytes)),
        ("instructions", tallied(costs, |costs| &costs.instructions)),
        ("system-calls", tallied(costs, |costs| &costs.system_calls)),
    ]
    .map(|(name, metric)| (name.to_owned(), metric))
}

fn counted(unit: &str, costs: Result<&Costs, &str>, runs: fn(&Costs) -> &[u64]) -> Metric {
    per_operation(unit, costs.map(|costs| (costs.operations, runs(costs))))
}

fn tallied(costs: Result<&Costs, &str>, tally: fn(&Costs) -> &Tally) -> Metric {
    match costs.map(|costs| (costs.operations, tally(costs))) {
        Ok((operations, Tally::Counted { unit, runs })) => per_operation(unit, Ok((operations, runs))),
        Ok((_, Tally::Refused(reason))) => per_operation("1/op", Err(reason)),
        Err(reason) => per_operation("1/op", Err(reason)),
    }
}

/// Divides the counts of some runs by the operations of one.
fn per_operation(unit: &str, runs: Result<(u64, &[u64]), &str>) -> Metric {
    let runs = runs.and_then(|(operations, runs)| match (operations, runs.len()) {
        (1.., 2..) => Ok(runs.iter().map(|&run| run as f64 / operations as f64).collect()),
        _ => Err("its process counted too little"),
    });
    metric(unit, runs)
}
