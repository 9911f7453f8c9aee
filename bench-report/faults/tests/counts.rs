//! What is counted apart from the clock: costs and memory that were planted are found, and what goes wrong there costs
//! the figure and not the cell.

use std::{
    collections::HashMap,
    env, future,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use executor_api::Timer;
use lane_harness::Suite;
use nix::sys::signal::Signal;
use results::{Cell, Memory, Metric, Results, Status};
use workload_api::{About, Workload, gather};

use crate::{
    interruption::{ctrl_c, measured, signal, until},
    run::{Place, cell, lab, said, this},
    tracks,
};

crate::tests![
    allocations_and_bytes_are_those_that_were_planted,
    threads_are_counted,
    the_kernel_counts_what_was_planted_or_says_why_not,
    a_track_with_another_allocator_says_so_in_its_figures,
    a_process_that_dies_while_it_counts_costs_its_figures_only,
    a_wrong_answer_while_it_counts_costs_its_figures_only,
    a_quick_run_counts_nothing_and_says_so,
    the_largest_size_is_counted_and_of_a_full_run_all_are,
    a_process_that_has_counted_does_not_measure,
    a_process_that_measures_does_not_count,
];

pub(crate) const LINUX_TESTS: crate::Tests = &[
    ("memory_a_task_is_what_was_planted", memory_a_task_is_what_was_planted),
    ("a_run_may_be_of_memory_alone", a_run_may_be_of_memory_alone),
    ("a_process_that_dies_costs_its_line_only", a_process_that_dies_costs_its_line_only),
    (
        "ctrl_c_while_counting_keeps_the_counts_and_resume_goes_on",
        ctrl_c_while_counting_keeps_the_counts_and_resume_goes_on,
    ),
];

/// Two blocks of one cell, with what is counted after them.
const SHORT: &str = "--blocks 2 --threads 1 --sizes 1 --executors tokio-current-thread --workloads";
/// With this in the environment, a process that counts hangs at one cell.
const HANG: &str = "PHOTOFINISH_HANG";

pub(crate) fn enter<E: Timer>(suite: &mut Suite) {
    suite.race::<E, Allocates>("a timer");
    suite.race::<E, MisbehavesCounted<'d'>>("a timer");
    suite.race::<E, MisbehavesCounted<'l'>>("a timer");
    suite.race::<E, MisbehavesCounted<'h'>>("a timer");
    suite.race::<E, Keeps<false>>("a timer");
    suite.race::<E, Keeps<true>>("a timer");
}

/// Whether this is a process that counts.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// Looks at the first request, for the workloads that misbehave when they are counted.
pub(crate) fn look_at(request: &str) {
    COUNTS.store(request.contains("\"count\":"), SeqCst);
}

const BOXES: u64 = 3;
const OPERATIONS: u64 = 100;

/// 100 operations, in each of which 3 boxes of 1,000 bytes, a vector that grows from 500 to 1,000, and a system call.
struct Allocates;

/// What every workload here says of itself.
const fn about(name: &'static str) -> About {
    About {
        name,
        description: "Has a known cost.",
        group: "Costs",
        operation: "one operation",
        size: "nothing",
        shows: "whether it is found",
        hides: "all else",
        source: file!(),
    }
}

impl<E: Timer> Workload<E> for Allocates {
    const ABOUT: About = about("allocates");
    const SIZES: &'static [u64] = &[1];
    type Answer = u64;

    fn prepare(_size: u64) -> Self {
        Allocates
    }
    async fn run(self: Arc<Self>) -> u64 {
        for _ in 0..OPERATIONS {
            for _ in 0..BOXES {
                black_box(Box::new([0_u8; 1_000]));
            }
            let mut bytes: Vec<u8> = black_box(Vec::with_capacity(500));
            bytes.push(1);
            bytes.reserve_exact(999);
            black_box(bytes);
            black_box(nix::unistd::getppid());
        }
        OPERATIONS
    }
    fn expected(&self) -> u64 {
        OPERATIONS
    }
    fn operations(&self) -> u64 {
        OPERATIONS
    }
}

/// Is well while it is measured; dies or lies when it is counted, or hangs at size 3.
struct MisbehavesCounted<const HOW: char>(u64);

impl<E: Timer, const HOW: char> Workload<E> for MisbehavesCounted<HOW> {
    const ABOUT: About = about(match HOW {
        'd' => "dies-counted",
        'l' => "lies-counted",
        _ => "hangs-counted",
    });
    const SIZES: &'static [u64] = &[1];
    type Answer = u64;

    fn prepare(size: u64) -> Self {
        MisbehavesCounted(size)
    }
    async fn run(self: Arc<Self>) -> u64 {
        match HOW {
            _ if !COUNTS.load(SeqCst) => {}
            'd' => die(),
            'l' => return 4,
            _ if self.0 == 3 && env::var_os(HANG).is_some() => future::pending().await,
            _ => {}
        }
        3
    }
    fn expected(&self) -> u64 {
        3
    }
    fn operations(&self) -> u64 {
        1
    }
}

fn die() {
    nix::sys::signal::raise(Signal::SIGKILL).expect("a process may kill itself");
}

/// N tasks that each keep 1,024 bytes until all are alive; or die at the largest size.
struct Keeps<const DIES: bool>(u64);

impl<E: Timer, const DIES: bool> Workload<E> for Keeps<DIES> {
    const ABOUT: About = about(if DIES { "keeps-and-dies" } else { "keeps" });
    const SIZES: &'static [u64] = &[];
    // So many that what else a process has, more or less of on a busy machine, is little beside them.
    const MEMORY_SIZES: &'static [u64] = &[4_000, 8_000, 16_000, 32_000];
    type Answer = u64;

    fn prepare(tasks: u64) -> Self {
        Keeps(tasks)
    }
    async fn run(self: Arc<Self>) -> u64 {
        if DIES && self.0 == 32_000 {
            die();
        }
        let (all, born) = (self.0, Arc::new(AtomicU64::new(0)));
        let keep = |born: Arc<AtomicU64>| async move {
            let kept = black_box(vec![1_u8; 1_024]);
            born.fetch_add(1, SeqCst);
            while born.load(SeqCst) < all {
                E::sleep(Duration::from_millis(5)).await;
            }
            u64::from(black_box(kept)[0])
        };
        gather((0..all).map(|_| E::spawn(keep(born.clone())))).await.iter().sum()
    }
    fn expected(&self) -> u64 {
        self.0
    }
    fn operations(&self) -> u64 {
        self.0
    }
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, said(output));
}

/// Races one workload, and what is counted after it.
fn results_of(arguments: &str) -> Results {
    let place = Place::new();
    succeed(&place.run(arguments));
    place.results()
}

fn value(cell: &Cell, metric: &str) -> (f64, Vec<f64>, String) {
    match &cell.metrics[metric] {
        Metric::Measured { unit, estimate, blocks } => (estimate.value, blocks.clone(), unit.clone()),
        Metric::Unavailable { unavailable } => panic!("{metric} is n/a: {unavailable}"),
    }
}

fn reason(metric: &Metric) -> &str {
    match metric {
        Metric::Unavailable { unavailable } => unavailable,
        Metric::Measured { .. } => panic!("there should be no figure: {metric:?}"),
    }
}

/// Expects the workload to be well, but for what is counted, which was not, for `expected`.
fn expect_uncounted(cell: &Cell, expected: &str) {
    assert_eq!(cell.status, Status::Ok, "{:?}", cell.reason);
    assert!(cell.overhead().is_some() && cell.rank == Some(1), "it was measured all the same");
    for metric in ["allocations", "allocated-bytes", "instructions", "system-calls"] {
        let given = reason(&cell.metrics[metric]);
        assert!(given.contains(expected), "{metric}: {given}");
    }
}

fn allocations_and_bytes_are_those_that_were_planted() {
    let results = results_of(&format!("{SHORT} allocates"));
    let cell = cell(&results, "allocates");
    // The boxes, the vector, and its reallocation.
    let planted = BOXES as f64 + 2.0;
    let (_, runs, unit) = value(cell, "allocations");
    assert_eq!((runs.len(), &*unit), (3, "1/op"));
    assert!(runs.iter().all(|run| (planted..planted + 0.1).contains(run)), "{runs:?} for {planted}");
    let planted = (BOXES + 1) as f64 * 1_000.0;
    let (_, runs, unit) = value(cell, "allocated-bytes");
    assert_eq!((runs.len(), &*unit), (3, "bytes/op"));
    assert!(runs.iter().all(|run| (planted..planted + 100.0).contains(run)), "{runs:?} for {planted}");
}

fn threads_are_counted() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let results = results_of("--quick --blocks 2 --threads 1,2 --executors tokio --workloads sound");
    let [one, two] = [1, 2].map(|threads| {
        let cell = results.cells.iter().find(|cell| cell.threads == threads);
        value(cell.expect("the cell is in the results"), "threads").0
    });
    // The worker, the thread that waits for it, the thread that listens.
    assert!(one >= 3.0 && two == one + 1.0, "{one} threads and {two}");
}

/// Many machines grant neither; where one does, the figure is put to the test.
fn the_kernel_counts_what_was_planted_or_says_why_not() {
    let results = results_of(&format!("{SHORT} allocates"));
    for (metric, planted) in [("instructions", 10.0..f64::INFINITY), ("system-calls", 1.0..1.1)] {
        match &cell(&results, "allocates").metrics[metric] {
            Metric::Measured { blocks, .. } => {
                assert_eq!(blocks.len(), 3);
                assert!(blocks.iter().all(|run| planted.contains(run)), "{metric}: {blocks:?}");
            }
            Metric::Unavailable { unavailable } => {
                let reasons = [
                    "the kernel refuses performance counters",
                    "perf_event_paranoid is",
                    "tracepoints are not mounted",
                    "cannot be read",
                    "only Linux counts them",
                ];
                assert!(reasons.iter().any(|reason| unavailable.contains(reason)), "{metric}: {unavailable}");
            }
        }
    }
}

fn a_track_with_another_allocator_says_so_in_its_figures() {
    let place = Place::new();
    let mut run = lab("run", env!("CARGO_BIN_EXE_plain-track").as_ref());
    run.args(format!("{SHORT} spawn-join").split_whitespace()).arg("--out").arg(place.out());
    succeed(&run.output().expect("the program starts"));
    let reason = "this program has another allocator than lane_harness::Allocator";
    expect_uncounted(cell(&place.results(), "spawn-join"), reason);
}

fn a_process_that_dies_while_it_counts_costs_its_figures_only() {
    expect_uncounted(
        cell(&results_of(&format!("{SHORT} dies-counted")), "dies-counted"),
        "killed by SIGKILL",
    );
}

fn a_wrong_answer_while_it_counts_costs_its_figures_only() {
    let results = results_of(&format!("{SHORT} lies-counted"));
    expect_uncounted(cell(&results, "lies-counted"), "wrong answer: 4, expected 3");
}

fn a_quick_run_counts_nothing_and_says_so() {
    let place = Place::new();
    succeed(&place.run("--quick --blocks 2 --threads 1 --executors tokio --workloads sound,keeps"));
    let results = place.results();
    expect_uncounted(cell(&results, "sound"), "a quick run counts none");
    assert_eq!(reason(&line(&results, "tokio").bytes_a_task), "a quick run counts none");
    let samples = place.journal();
    assert!(!samples.contains("counted"), "no process counted");
}

fn the_largest_size_is_counted_and_of_a_full_run_all_are() {
    let of = |more: &str| {
        let arguments =
            "--blocks 2 --threads 1 --sizes 1,2 --executors tokio-current-thread --workloads sound";
        results_of(&format!("{arguments}{more}")).cells
    };
    let [small, large] = &of("")[..] else { panic!("two sizes are two cells") };
    expect_uncounted(small, "counted at the largest size; a full run counts at all");
    assert_eq!(value(large, "allocations").1.len(), 3);
    let all = of(" --full");
    assert!(all.len() == 2 && all.iter().all(|cell| value(cell, "allocations").1.len() == 3));
}

/// Answers some requests as a track, up to where it ends.
fn answers(requests: &[String]) -> String {
    let mut command = Command::new(this());
    command.env(tracks::CHOSEN, tracks::LANES);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut answers = String::new();
    for request in requests {
        stdin.write_all(request.as_bytes()).expect("somebody reads");
        stdout.read_line(&mut answers).expect("it is text");
    }
    drop(stdin);
    assert!(child.wait().expect("it is our child").success(), "{answers}");
    answers
}

const CELL: &str =
    r#"{"lane": "tokio", "workload": "sound", "size": 1, "threads": 1, "blocking-threads": 3}"#;

fn request_to_measure() -> String {
    format!("{{\"cell\": {CELL}}}\n")
}

fn request_to_count() -> String {
    format!("{{\"count\": {{\"what\": \"costs\", \"cell\": {CELL}}}}}\n")
}

/// Its kernel counters are open, and what was allocated was counted.
fn a_process_that_has_counted_does_not_measure() {
    let answers = answers(&[request_to_count(), "1\n".to_owned()]);
    let [counted, refused] = answers.lines().collect::<Vec<_>>()[..] else { panic!("{answers}") };
    assert!(counted.contains("\"allocations\":["), "{answers}");
    assert_eq!(refused, r#"{"failed":"was asked out of turn: `1`"}"#);
}

/// The counters of the kernel would miss the threads that are there already.
fn a_process_that_measures_does_not_count() {
    let answers = answers(&[request_to_measure(), request_to_count()]);
    let [observed, refused] = answers.lines().collect::<Vec<_>>()[..] else { panic!("{answers}") };
    assert!(observed.starts_with("{\"observed\":"), "{answers}");
    assert!(refused.starts_with("{\"failed\":\"was asked out of turn: "), "{answers}");
}

fn line<'a>(results: &'a Results, executor: &str) -> &'a Memory {
    results.memory.iter().find(|line| line.executor == executor).expect("its memory is in the results")
}

fn memory_a_task_is_what_was_planted() {
    let results = results_of("--blocks 2 --threads 1,2 --sizes 1 --workloads sound,keeps");
    let executors: Vec<_> = results.memory.iter().map(|line| (&*line.executor, line.threads)).collect();
    assert_eq!(executors, [("tokio", 2), ("tokio-current-thread", 1)], "as many threads as each can have");
    for line in &results.memory {
        assert_eq!(line.points.len(), 8, "four sizes, twice each");
        let Metric::Measured { estimate, unit, .. } = &line.bytes_a_task else { panic!("{line:?}") };
        assert_eq!(unit, "bytes");
        // A page of a task's own would be too much.
        assert!((1_024.0..4_096.0).contains(&estimate.value), "{line:?}");
        assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{line:?}");
        assert!(line.r_squared.is_some_and(|r_squared| r_squared > 0.98), "{line:?}");
    }
    assert!(results.cells.iter().all(|cell| cell.workload != "keeps"), "it is not raced");
}

fn a_run_may_be_of_memory_alone() {
    let place = Place::new();
    succeed(&place.run("--blocks 2 --threads 1 --executors tokio --workloads keeps"));
    assert!(matches!(line(&place.results(), "tokio").bytes_a_task, Metric::Measured { .. }));
    assert!(place.out().join("report.html").exists());
}

fn a_process_that_dies_costs_its_line_only() {
    let results = results_of(&format!("{SHORT} sound,keeps-and-dies"));
    assert_eq!(cell(&results, "sound").status, Status::Ok);
    let line = line(&results, "tokio-current-thread");
    assert!(reason(&line.bytes_a_task).contains("killed by SIGKILL"), "{line:?}");
    assert_eq!(line.points.len(), 6, "the points of the other sizes stay");
}

/// How often each process that counts has its line in the samples.
fn counted(place: &Place) -> HashMap<String, usize> {
    let samples = place.journal();
    let mut times = HashMap::new();
    for line in samples.lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if line["kind"] == "counted" {
            *times
                .entry(format!("{} {} {}", line["workload"], line["executor"], line["turn"]))
                .or_default() += 1;
        }
    }
    times
}

fn ctrl_c_while_counting_keeps_the_counts_and_resume_goes_on() {
    let place = Place::new();
    // Of size 3, at which one workload hangs when it is counted. This seed has the other one counted first.
    let arguments = "--blocks 2 --threads 1 --sizes 3 --executors tokio,tokio-current-thread --workloads sound,hangs-counted --seed 2";
    let mut run = place.command(arguments);
    let run = run.env(HANG, "").stdout(Stdio::null()).stderr(Stdio::null());
    let mut parent = run.spawn().expect("the program starts");
    until("everything is measured", || measured(&place) == 10);
    until("something is counted", || !counted(&place).is_empty());
    signal(&parent, ctrl_c());
    assert_eq!(parent.wait().expect("it is our child").code(), Some(130));
    assert!(!place.out().join("results.json").exists(), "an unfinished run has no results");
    let before = counted(&place);
    assert!((1..4).contains(&before.len()), "{before:?}");

    succeed(&place.run("--resume"));
    let after = counted(&place);
    assert_eq!(after.len(), 4, "every cell was counted: {after:?}");
    assert!(after.values().all(|&times| times == 1), "and none twice: {after:?}");
    for cell in &place.results().cells {
        assert_eq!(value(cell, "allocations").1.len(), 3);
    }
}
