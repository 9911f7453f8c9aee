//! Tasks that compute, on lanes that tell the times of a model: real processes race through a real lab, and no clock decides
//! what comes of it, however busy the machine is.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

use executor_api::About;
use executor_tokio::Tokio;
use grain::Grain;
use lane_harness::{Suite, about_program};
use lane_protocol::{
    Cell, Costs, Count, Counts, LaneDescription, Ledger, Lineup, MemoryUse, Observed, PROTOCOL, Proof, Ready,
    Reply, Request, Rest, Sample, Specification, Specify, Tally,
};
use results::{GrainOfLane, Metric};

use crate::{
    run::{Place, said, this},
    tracks::CHOSEN,
};

crate::tests![
    a_planted_microsecond_a_task_is_in_the_work_at_half_efficiency,
    a_lane_that_does_half_of_the_work_has_no_metg,
];

/// The name of this lineup.
pub(crate) const TRACK: &str = "grain";

/// The argument that makes this program the baseline: plain loops over the work of all tasks.
pub(crate) const LOOPS: &str = "--loops";

/// The workers of each lane.
const THREADS: usize = 2;

/// The cost that is planted in tasks, in ns.
const PLANTED: u64 = 1_000;

/// A lane as the times that it tells make it.
struct Model {
    name: &'static str,
    /// The part of the work that it does, in percent.
    percent: u64,
    /// The time that a task keeps the worker that runs it, besides its work, in ns.
    shared: u64,
    /// The time of a task in which no worker can do anything else, in ns.
    alone: u64,
}

/// The baseline, which has two nanoseconds of its own around the work of a task.
const BASELINE: Model = Model { name: "loops", percent: 100, shared: 2, alone: 0 };

const PLAIN: Model = Model { name: "plain", percent: 100, shared: 402, alone: 0 };

/// The lanes of this lineup.
const LANES: [Model; 4] = [
    PLAIN,
    Model { name: "planted-on-its-worker", shared: PLAIN.shared + PLANTED, ..PLAIN },
    Model { name: "planted-on-all", alone: PLANTED, ..PLAIN },
    Model { name: "half", percent: 50, ..PLAIN },
];

impl Model {
    /// Returns the time of a run with these tasks, of this much work each.
    fn wall(&self, tasks: u64, work: u64) -> u64 {
        tasks * (work * self.percent / 100 + self.shared) / THREADS as u64 + tasks * self.alone
    }
}

fn suite() -> Suite {
    let mut suite = Suite::default();
    suite.enter::<Tokio>();
    suite.race::<Tokio, Grain>("tasks");
    let command = this().display().to_string();
    let about = About { source: file!(), ..about_program(BASELINE.name, "Is a model of plain loops.") };
    suite.baseline(about, &[&command, LOOPS]);
    suite
}

/// Returns the lineup of the models: each stands in the place of the executor of a suite.
fn lineup(threads: &[usize]) -> Lineup {
    let mut lineup = suite().lineup(&faults::build(), threads);
    let executor = lineup.lanes.remove(0);
    for (place, model) in LANES.iter().enumerate() {
        let mut lane = executor.clone();
        model.name.clone_into(&mut lane.name);
        lineup.lanes.insert(place, lane);
    }
    lineup.pairs = LANES.iter().map(|model| ("grain".to_owned(), model.name.to_owned())).collect();
    lineup
}

/// This program as a track whose lanes are models.
pub(crate) fn serve() -> ExitCode {
    converse(&|threads| Reply::Lineup(Box::new(lineup(threads))))
}

/// This program as the baseline of that track.
pub(crate) fn loop_over_the_work() -> ExitCode {
    converse(&|_| {
        Reply::Lane(LaneDescription {
            protocol: PROTOCOL,
            version: "1.0".to_owned(),
            threads: [1, THREADS],
            workloads: [("grain".to_owned(), None)].into(),
        })
    })
}

/// Answers one request after the other, that for a description with `describe`.
fn converse(describe: &dyn Fn(&[usize]) -> Reply) -> ExitCode {
    let mut prepared: Option<(Cell, Specification)> = None;
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let reply = match (serde_json::from_str(&line).expect("a request"), &prepared) {
            (Request::Describe(asked), _) => describe(&asked.threads),
            (Request::Specify(asked), _) => Reply::Specification(specification(&asked)),
            (Request::Count(asked), _) => Reply::Counted(counted(asked.what)),
            (Request::Cell(cell), _) => {
                let Cell { workload, size, threads, .. } = cell.clone();
                let specification = specification(&Specify { workload, size, threads });
                let ready = ready(&cell, &specification);
                prepared = Some((cell, specification));
                Reply::Observed(ready)
            }
            (Request::Runs(iterations), Some((cell, specification))) => {
                Reply::Sample(sample(cell, specification, iterations))
            }
            (Request::Rest { .. }, _) => Reply::Rest(Rest::default()),
            (Request::Runs(_), None) => panic!("no cell is prepared"),
        };
        let mut stdout = io::stdout().lock();
        // Nobody listens any more once the run is over.
        stdout.write_all(reply.line().as_bytes()).and_then(|()| stdout.flush()).ok();
    }
    ExitCode::SUCCESS
}

fn specification(asked: &Specify) -> Specification {
    suite().specification(asked).expect("the workload is in the lineup")
}

/// Makes the answer to a cell. The baseline is a program, which proves nothing: each of its samples is held to the specification.
fn ready(cell: &Cell, specification: &Specification) -> Ready {
    let tasks = specification.operations;
    let observed = Observed {
        threads: cell.threads,
        spawned: tasks,
        finished: tasks,
        cancelled: 0,
        polls: Some(2 * tasks),
        jobs: 0,
        jobs_at_once: Some(0),
        at_once: Some(tasks),
        sleeps: 0,
        workers: cell.threads,
        root_on_worker: true,
        cpus: "unknown".to_owned(),
        threads_before: None,
        threads_after: None,
        driver: None,
    };
    let proof = Proof { operations: tasks, ideal_ns: 0, took_ns: 1_000_000, observed };
    let is_proven = cell.lane != BASELINE.name && !cell.checked;
    Ready { threads: cell.threads, proof: is_proven.then_some(proof), driver: None }
}

/// Waits for as long as the model says, and tells that time to the nanosecond, whenever the system wakes it.
fn sample(cell: &Cell, specification: &Specification, iterations: u64) -> Sample {
    let tasks = specification.operations;
    let model = LANES.iter().find(|model| model.name == cell.lane).unwrap_or(&BASELINE);
    let wall_ns = iterations * model.wall(tasks, cell.size);
    thread::sleep(Duration::from_nanos(wall_ns));
    let ledger = Ledger { spawned: tasks, finished: tasks, ..Ledger::default() };
    let is_baseline = cell.lane == BASELINE.name;
    Sample {
        iterations,
        wall_ns,
        answer: is_baseline.then(|| specification.answer.clone()),
        ledger: is_baseline.then_some(ledger),
        ..Sample::default()
    }
}

fn counted(what: Count) -> Counts {
    let refused = || Tally::Refused("a model makes none".to_owned());
    match what {
        Count::Costs => Counts::Costs(Costs {
            operations: 1,
            allocations: vec![0; 2],
            allocated_bytes: vec![0; 2],
            instructions: refused(),
            system_calls: refused(),
        }),
        Count::Memory => Counts::Memory(MemoryUse { before: 1, after: 1 }),
    }
}

/// Races some lanes, and returns their places on the curve.
fn race(lanes: &[&str]) -> Vec<GrainOfLane> {
    let place = Place::new();
    let arguments = format!(
        "--blocks 2 --threads {THREADS} --workloads grain --sizes 100,300,1000,3000,10000 --executors {}",
        lanes.join(",")
    );
    let output = place.command(&arguments).env(CHOSEN, TRACK).output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let [curve] = place.results().grain.try_into().expect("one workload, one number of threads");
    assert_eq!((&*curve.workload, &*curve.baseline, curve.threads), ("grain", BASELINE.name, THREADS));
    curve.lanes
}

/// Returns the work in a task of METG(50 %), in ns: half of it.
fn work_at_half(lane: &GrainOfLane) -> f64 {
    match &lane.metg_50 {
        Metric::Measured { estimate, .. } => estimate.value / 2.0,
        Metric::Unavailable { unavailable } => panic!("{}: {unavailable}", lane.executor),
    }
}

/// The work at half efficiency grows by a cost that a task has on its own worker, and by one that stops all workers once for
/// each of them.
fn a_planted_microsecond_a_task_is_in_the_work_at_half_efficiency() {
    let lanes = race(&["plain", "planted-on-its-worker", "planted-on-all"]);
    let [plain, on_its_worker, on_all] = lanes.try_into().expect("three lanes raced beside their baseline");
    let planted = |lane: &GrainOfLane| (work_at_half(lane) - work_at_half(&plain)) / PLANTED as f64;
    let [on_its_worker, on_all] = [&on_its_worker, &on_all].map(planted);
    assert!((on_its_worker - 1.0).abs() < 0.05, "{on_its_worker} µs");
    assert!((on_all / THREADS as f64 - 1.0).abs() < 0.05, "{on_all} µs at {THREADS} threads");
}

fn a_lane_that_does_half_of_the_work_has_no_metg() {
    let [plain, half] = race(&["plain", "half"]).try_into().expect("two lanes raced beside their baseline");
    assert!(work_at_half(&plain) > 0.0);
    for metg in [&half.metg_50, &half.metg_90] {
        let Metric::Unavailable { unavailable } = metg else { panic!("it has one: {metg:?}") };
        assert!(unavailable.contains("it did less work"), "{unavailable}");
    }
}
