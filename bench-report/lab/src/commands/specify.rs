//! `specify`: a run of a workload, for whoever writes it in another language.

use anyhow::{Result, anyhow};
use lane_protocol::{Specification, WorkloadEntry};
use race::lane::Trouble;
use results::{CellId, Conditions};
use serde::Serialize;

use super::{interruption, prepare::Prepared, say};
use crate::{
    arguments::{SpecifyArguments, usage},
    exit,
};

/// A run, as it is told: one line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    workload: &'a str,
    size: u64,
    threads: usize,
    /// A run, in a sentence.
    description: &'a str,
    /// One operation.
    operation: &'a str,
    /// The things that its size counts.
    size_counts: &'a str,
    /// Its demand on an executor.
    needs: &'a str,
    #[serde(flatten)]
    specification: &'a Specification,
}

/// Tells what a run of each cell is; of every workload at its smallest size, if no cell is named.
pub(crate) fn specify(arguments: &SpecifyArguments) -> Result<u8> {
    let named =
        arguments.cells.iter().map(|name| cell(name)).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let Some(prepared) =
        Prepared::with(&[1], &|_| false, None, &Conditions::default(), &arguments.track, &interruption()?)?
    else {
        return Ok(exit::INTERRUPTED);
    };
    let (track, limits) = (prepared.track, prepared.limits);
    let cells = if named.is_empty() { smallest(&track.lineup.workloads) } else { named };
    if let Some(cell) = cells.iter().find(|cell| track.lineup.workload(&cell.workload).is_none()) {
        let names: Vec<&str> = track.lineup.workloads.iter().map(|workload| &*workload.name).collect();
        return Err(usage(format!("no workload `{}`; there are {}", cell.workload, names.join(", "))));
    }
    let specifications = match track.specify(&cells, &limits) {
        Ok(specifications) => specifications,
        Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
        Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
            return Err(anyhow!("the track does not specify this: {reason}"));
        }
    };
    for cell in &cells {
        let workload = track.lineup.workload(&cell.workload).expect("it was looked for above");
        let told = Told {
            workload: &workload.name,
            size: cell.size,
            threads: cell.threads,
            description: &workload.description,
            operation: &workload.operation,
            size_counts: &workload.size,
            needs: &workload.needs,
            specification: specifications.get(cell).expect("it was asked for"),
        };
        say(&format!("{}\n", serde_json::to_string(&told).expect("plain data")))?;
    }
    Ok(exit::OK)
}

/// Parses the name of a cell, in which the lane may be left out.
fn cell(name: &str) -> Result<CellId, String> {
    name.parse()
        .or_else(|_| format!("{name}/any").parse())
        .map_err(|_: String| format!("a cell is WORKLOAD/SIZE/tTHREADS, not `{name}`"))
}

/// Returns a cell of one thread of every workload that races, at its smallest size.
fn smallest(workloads: &[WorkloadEntry]) -> Vec<CellId> {
    let cell = |workload: &WorkloadEntry| {
        let size = workload.smallest()?;
        Some(CellId { workload: workload.name.clone(), size, threads: 1, executor: "any".to_owned() })
    };
    workloads.iter().filter_map(cell).collect()
}
