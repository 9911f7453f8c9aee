//! The made-up run with what it lacks: a lane that is a program, known issues, a noun for each size, workloads
//! that are not measured by the clock, and rows with lanes that are level, near and undecided.

use results::{
    Cell, Estimate, Grain, GrainOfLane, GrainPoint, Known, Metric, Results, Row, Status, WorkOfTask,
};

use crate::fixture;

/// The lane that is a program.
pub(crate) const PROGRAM: &str = "asyncio";

/// The workload that is measured by the time of processors.
pub(crate) const BY_PROCESSOR: &str = "blocking-squares-slow";

/// The workload whose figures are ratios, and no times.
pub(crate) const BY_RATIO: &str = "wait-timeout";

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
        if workload.name == BY_RATIO {
            workload.measure = "spread of turns".to_owned();
        }
    }
    for cell in results.cells.iter_mut().filter(|cell| cell.workload == BY_RATIO) {
        if let Some(Metric::Measured { unit, .. }) = cell.metrics.get_mut("overhead") {
            *unit = "×".to_owned();
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
    add_rows(&mut results);
    results.grain = [1, 2].map(|threads| curve(&results, threads)).into();
    results
}

/// The nominal work of tasks that compute.
const WORK: [u64; 4] = [0, 300, 3_000, 30_000];

/// Makes the curves of all lanes but programs, of which each costs twice as much as the one before.
fn curve(results: &Results, threads: usize) -> Grain {
    let of_lane = |(place, lane): (usize, &results::Executor)| {
        let cost = 200.0 * 2f64.powi(place as i32) * threads as f64;
        let point = |size: u64| GrainPoint {
            size,
            granularity: about(work(size) + cost),
            efficiency: about(work(size) / (work(size) + cost)),
        };
        let measured =
            |value| Metric::Measured { unit: "ns".to_owned(), estimate: about(value), blocks: Vec::new() };
        GrainOfLane {
            executor: lane.name.clone(),
            points: WORK.map(point).into(),
            overhead: measured(cost),
            metg_50: measured(2.0 * cost),
            metg_90: if place < 2 {
                measured(10.0 * cost)
            } else {
                Metric::Unavailable {
                    unavailable: "above 40 µs: 82 % at the most work that raced".to_owned(),
                }
            },
            level_from: (place < 2).then_some(3_000),
        }
    };
    let lanes = results.executors.iter().filter(|lane| lane.class != "program");
    Grain {
        workload: "grain".to_owned(),
        threads,
        baseline: "loops".to_owned(),
        work: WORK.map(|size| WorkOfTask { size, ns: about(work(size)) }).into(),
        lanes: lanes.enumerate().map(of_lane).collect(),
        level_from: None,
    }
}

/// Returns the work of a task as the loops are made to have measured it.
fn work(size: u64) -> f64 {
    2.0 + 1.1 * size as f64
}

fn about(value: f64) -> Estimate {
    Estimate { value, low: value * 0.9, high: value * 1.1 }
}

/// The workload with lanes of every kind at this number of threads: two are open at [`OPEN`], one is near there and
/// at [`NEAR`].
pub(crate) const EVERY_KIND: (&str, usize) = ("blocking-squares", 2);

/// The size at which two lanes are open.
pub(crate) const OPEN: u64 = 100;

/// The size at which one lane is near, and the others are behind.
pub(crate) const NEAR: u64 = 10_000;

/// The comparison that is settled though a flavour of the leader's runtime is undecided.
pub(crate) const FLAVOURS: (&str, u64, usize) = ("sleep-fan-out", 100, 1);

/// Adds a row for each comparison, and gives some lanes other places.
fn add_rows(results: &mut Results) {
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let (workload, threads) = EVERY_KIND;
    for lanes in results.cells.chunk_by_mut(same) {
        let comparison = (&*lanes[0].workload.clone(), lanes[0].size, lanes[0].threads);
        if comparison == (workload, OPEN, threads) {
            place(lanes, "rayon", "tokio", [1.02, 1.0, 1.06], Kind::Level);
            place(lanes, "rayon", "hand-rolled", [1.08, 1.03, 1.14], Kind::Near);
            place(lanes, "rayon", "smol", [1.3, 1.0, 1.6], Kind::Undecided);
            place(lanes, "rayon", "async-std", [1.8, 1.2, 2.6], Kind::Undecided);
        } else if comparison == (workload, NEAR, threads) {
            place(lanes, "rayon", "hand-rolled", [1.08, 1.03, 1.14], Kind::Near);
        } else if comparison == FLAVOURS {
            let [best, flavour] = ["hand-rolled-current-thread", "hand-rolled"];
            place(lanes, best, flavour, [1.2, 1.0, 1.5], Kind::Undecided);
        }
    }
    let comparisons =
        results.cells.chunk_by(same).filter(|lanes| lanes.iter().any(|cell| cell.rank.is_some()));
    let row = |(index, lanes): (usize, &[Cell])| {
        let Cell { workload, size, threads, .. } = lanes[0].clone();
        let is_open = |cell: &&Cell| cell.undecided && (&*workload, size, threads) != FLAVOURS;
        let open = lanes.iter().filter(is_open).map(|cell| cell.executor.clone()).collect();
        Row { workload: workload.clone(), size, threads, blocks: 5, floor: 1.01 + 0.01 * index as f64, open }
    };
    results.rows = comparisons.enumerate().map(row).collect();
}

/// The ways in which a lane shares the first rank.
#[derive(PartialEq)]
enum Kind {
    Level,
    Near,
    Undecided,
}

/// Gives a lane the first rank beside the best, at a ratio to it.
fn place(lanes: &mut [Cell], best: &str, lane: &str, [value, low, high]: [f64; 3], kind: Kind) {
    let times = |ratio: f64| Estimate { value: ratio, low: ratio * 0.97, high: ratio * 1.03 };
    let leader = lanes.iter_mut().find(|cell| cell.executor == best).expect("the best is a lane");
    (leader.rank, leader.tied) = (Some(1), true);
    let (ratio, overhead) = (Estimate { value, low, high }, leader.overhead().expect("it ran").value);
    leader.ratios.insert(lane.to_owned(), times(1.0 / value));
    let cell = lanes.iter_mut().find(|cell| cell.executor == lane).expect("there is such a lane");
    (cell.rank, cell.tied, cell.ratio) = (Some(1), true, Some(ratio));
    (cell.near, cell.undecided) = (kind == Kind::Near, kind == Kind::Undecided);
    cell.ratios.insert(best.to_owned(), ratio);
    if let Some(Metric::Measured { estimate, blocks, .. }) = cell.metrics.get_mut("overhead") {
        let factor = overhead * value / estimate.value;
        *estimate = times(overhead * value);
        blocks.iter_mut().for_each(|figure| *figure *= factor);
    }
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
        spoiled: false,
        near: false,
        ratios: Default::default(),
        behind: Vec::new(),
        flags: Vec::new(),
        ..cell.clone()
    }
}
