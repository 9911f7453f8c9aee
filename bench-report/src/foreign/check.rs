//! `check-lane`: runs what a program claims, at the smallest sizes, and says what is wrong.

use std::{num::NonZeroUsize, time::Duration};

use executor_api::Config;

use super::{ForeignCase, Program};
use crate::{
    case::OpenCase,
    figures,
    protocol::CellId,
    suite::{Suite, WorkloadEntry},
};

/// The name of a lane that has none yet.
const LANE: &str = "lane";

/// Checks a program, tells each finding, and says whether all is well.
pub(crate) fn check(suite: &Suite, program: &Program, limit: Duration, tell: &mut dyn FnMut(String)) -> bool {
    let lane = match program.describe(limit) {
        Ok(lane) => lane,
        Err(reason) => {
            tell(format!("description: failed: {reason}"));
            return false;
        }
    };
    tell(format!("description: ok: {}, {} to {} threads", lane.version, lane.threads[0], lane.threads[1]));
    let mut is_well = true;
    for (name, &bears) in &lane.workloads {
        let (line, is_ok) = match suite.workload(name) {
            None => {
                let names: Vec<&str> = suite.workloads.iter().map(|entry| entry.about.name).collect();
                (format!("{name}: failed: no such workload; there are {}", names.join(", ")), false)
            }
            Some(workload) => check_workload(program, workload, bears, lane.threads[0], limit),
        };
        tell(line);
        is_well &= is_ok;
    }
    is_well
}

/// Checks the smallest cell of a workload.
fn check_workload(
    program: &Program,
    workload: &WorkloadEntry,
    bears: Option<u64>,
    threads: usize,
    limit: Duration,
) -> (String, bool) {
    let name = workload.about.name;
    let Some(size) = workload.smallest() else {
        return (format!("{name}: does not race"), true);
    };
    let cell = CellId { workload: name.to_owned(), size, threads, executor: LANE.to_owned() };
    let cell = cell.to_string();
    let cell = cell.trim_end_matches(LANE).trim_end_matches('/');
    if let Some(bears) = bears.filter(|&bears| bears < size) {
        return (format!("{cell}: n/a: it bears at most {}", figures::whole(bears)), true);
    }
    match check_cell(program, workload, size, threads, limit) {
        Ok(()) => (format!("{cell}: ok"), true),
        Err(reason) => (format!("{cell}: failed: {reason}"), false),
    }
}

fn check_cell(
    program: &Program,
    workload: &WorkloadEntry,
    size: u64,
    threads: usize,
    limit: Duration,
) -> Result<(), String> {
    let threads = NonZeroUsize::new(threads).ok_or("no threads")?;
    let case = ForeignCase::start(program, workload, &Config::new(threads), size, Some(limit))?;
    case.check()?;
    case.sample(2)?;
    case.end()
}
