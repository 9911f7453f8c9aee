//! The made-up run with what it lacks: a lane that is a program, known issues, a noun for each size, and a
//! workload that is not measured by the clock.

use results::{Cell, Estimate, Known, Metric, Results, Status};

use crate::fixture;

/// The lane that is a program.
pub(crate) const PROGRAM: &str = "asyncio";

/// The workload that is not measured by the clock.
pub(crate) const BY_PROCESSOR: &str = "blocking-squares-slow";

/// Reads the made-up run and adds all that to it.
pub(crate) fn run() -> Results {
    let mut results = fixture::read();
    let mut program = results.executors[0].clone();
    (program.name, program.class) = (PROGRAM.to_owned(), "program".to_owned());
    // The program is not the last of the lineup: the page has to put it there.
    results.executors.insert(2, program);
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let with_program = |lanes: &[Cell]| {
        let mut lanes = lanes.to_vec();
        let measured = lanes.iter().find(|cell| cell.executor == "smol" && cell.workload == "sleep-fan-out");
        let cell = match measured {
            Some(smol) => slower(smol),
            None => Cell {
                status: Status::NotApplicable,
                reason: Some("the program lacks it".to_owned()),
                metrics: Default::default(),
                spread: None,
                ..beside(&lanes[0])
            },
        };
        lanes.insert(2, cell);
        lanes
    };
    results.cells = results.cells.chunk_by(same).flat_map(with_program).collect();
    for workload in &mut results.workloads {
        workload.size = "tasks".to_owned();
        if workload.name == BY_PROCESSOR {
            workload.measure = "processor time".to_owned();
        }
    }
    let known = |lane: &str, says: &str, issue: &str, link: &str| Known {
        workload: "sleep-fan-out".to_owned(),
        executors: vec![lane.to_owned()],
        says: says.to_owned(),
        issue: issue.to_owned(),
        link: link.to_owned(),
    };
    results.known = vec![
        known(
            "tokio",
            "A sleep may end late.",
            "tokio#5021",
            "https://github.com/tokio-rs/tokio/issues/5021",
        ),
        known("smol", "A waiting task is notified.", "", ""),
    ];
    results
}

fn slower(cell: &Cell) -> Cell {
    let mut cell = beside(cell);
    for metric in cell.metrics.values_mut() {
        if let Metric::Measured { estimate: Estimate { value, low, high }, blocks, .. } = metric {
            [value, low, high].into_iter().chain(blocks).for_each(|figure| *figure *= 52.7);
        }
    }
    cell
}

/// Makes a cell of the program, which is compared with no other lane.
fn beside(cell: &Cell) -> Cell {
    Cell {
        executor: PROGRAM.to_owned(),
        ratio: None,
        rank: None,
        tied: false,
        undecided: false,
        ratios: Default::default(),
        flags: Vec::new(),
        ..cell.clone()
    }
}
