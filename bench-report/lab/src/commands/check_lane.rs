//! `check-lane`: runs what a program claims, at the smallest sizes with one and with two workers, and says what is wrong.

use std::time::Duration;

use anyhow::Result;
use lane_protocol::{LaneDescription, WorkloadEntry};
use race::{
    heat::try_program,
    lane::{self, Limits, Trouble},
    track::{Track, request},
};
use results::{CellId, Conditions, figures};

use super::{interruption, prepare::Prepared, say};
use crate::{arguments::CheckLaneArguments, exit};

/// The name of a lane that has none yet.
const LANE: &str = "lane";

/// Checks a program and tells each finding.
pub(crate) fn check_lane(arguments: &CheckLaneArguments) -> Result<u8> {
    let interrupted = interruption()?;
    let Some(prepared) =
        Prepared::with(&[1], &|_| false, None, &Conditions::default(), &arguments.track, &interrupted)?
    else {
        return Ok(exit::INTERRUPTED);
    };
    let limits = Limits { time: Duration::from_secs(arguments.time_limit), ..prepared.limits };
    let track = prepared.track;
    let lane = match lane::describe(track.command_of_program(&arguments.command), &limits) {
        Ok(lane) => lane,
        Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
        Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
            say(&format!("description: failed: {reason}\n"))?;
            return Ok(exit::CELL_FAILED);
        }
    };
    let [least, most] = lane.threads;
    say(&format!("description: ok: {}, {least} to {most} threads\n", lane.version))?;
    let mut code = exit::OK;
    for threads in numbers_of_threads(arguments, lane.threads) {
        for name in lane.workloads.keys() {
            let (subject, finding) = match track.lineup.workload(name) {
                None => (name.clone(), Err(Trouble::Failed(no_such_workload(&track)))),
                Some(workload) => check_workload(&track, arguments, workload, &lane, threads, &limits),
            };
            match finding {
                Ok(finding) => say(&format!("{subject}: {finding}\n"))?,
                Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
                Err(Trouble::Spoiled(reason)) => say(&format!("{subject}: n/a: {reason}\n"))?,
                Err(Trouble::Failed(reason)) => {
                    say(&format!("{subject}: failed: {reason}\n"))?;
                    code = exit::CELL_FAILED;
                }
            }
        }
    }
    Ok(code)
}

/// Returns the numbers of workers to check with: those that are asked for, or the fewest that a lane can have and two.
fn numbers_of_threads(arguments: &CheckLaneArguments, [least, most]: [usize; 2]) -> Vec<usize> {
    let asked: Vec<usize> = arguments.threads.iter().map(|threads| threads.get()).collect();
    let numbers = if asked.is_empty() { vec![least, 2.clamp(least, most.max(least))] } else { asked };
    let mut seen = Vec::new();
    for number in numbers {
        if !seen.contains(&number) {
            seen.push(number);
        }
    }
    seen
}

fn no_such_workload(track: &Track) -> String {
    let names: Vec<&str> = track.lineup.workloads.iter().map(|workload| &*workload.name).collect();
    format!("no such workload; there are {}", names.join(", "))
}

/// Checks the smallest cell of a workload, and returns its name without a lane, and what to tell if nothing is wrong.
fn check_workload(
    track: &Track,
    arguments: &CheckLaneArguments,
    workload: &WorkloadEntry,
    lane: &LaneDescription,
    threads: usize,
    limits: &Limits,
) -> (String, Result<String, Trouble>) {
    let name = &workload.name;
    let Some(size) = workload.smallest() else { return (name.clone(), Ok("does not race".to_owned())) };
    let subject = format!("{name}/{size}/t{threads}");
    let [least, most] = lane.threads;
    if threads < least {
        return (subject, Ok(format!("n/a: it has at least {}", figures::counted(least, "thread"))));
    }
    if threads > most {
        return (subject, Ok(format!("n/a: it has at most {}", figures::counted(most, "thread"))));
    }
    if let Some(bears) = lane.workloads[name].filter(|&bears| bears < size) {
        return (subject, Ok(format!("n/a: it bears at most {}", figures::whole(bears))));
    }
    let cell = CellId { workload: name.clone(), size, threads, executor: LANE.to_owned() };
    let checked = check_cell(track, arguments, &cell, limits);
    (subject, checked.map(|()| "ok".to_owned()))
}

fn check_cell(
    track: &Track,
    arguments: &CheckLaneArguments,
    cell: &CellId,
    limits: &Limits,
) -> Result<(), Trouble> {
    let specifications = track.specify([cell], limits)?;
    let specification = specifications.get(cell).expect("it was asked for").clone();
    let command = track.command_of_program(&arguments.command);
    try_program(command, request(cell), specification, limits)
}
