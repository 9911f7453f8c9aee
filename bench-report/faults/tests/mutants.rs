//! Mutants: a sound executor or workload with one thing done wrong, each caught by the check that names it.

use std::{
    future::ready,
    hint,
    marker::PhantomData,
    num::NonZeroUsize,
    process::Output,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc::{self, Receiver},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use executor_api::{About, Config, Executor, Timer};
use executor_smol::Smol;
use executor_tokio::Tokio;
use lane_harness::Suite;
use results::{Cell, Metric, Results, Status};
use workload_api::{About as AboutWorkload, Work, Workload, gather};

use crate::{
    run::{Place, lab, said, this},
    tracks::CHOSEN,
};

crate::tests![
    sound_lanes_and_workloads_pass,
    a_worker_too_few_is_caught,
    a_worker_too_many_is_caught,
    a_child_that_runs_inline_is_caught,
    a_root_that_is_on_no_worker_is_caught,
    an_answer_that_was_computed_before_the_clock_is_caught,
    a_sleep_that_ends_early_is_caught,
    a_late_timer_is_seen_as_late_as_it_is,
    a_task_that_is_behind_its_schedule_is_seen_as_late_as_it_is,
    a_workload_that_does_not_sleep_has_no_lateness,
];

/// What looks at the threads of a process.
pub(crate) const LINUX_TESTS: crate::Tests = &[
    (
        "work_that_a_thread_begins_before_the_clock_is_caught",
        work_that_a_thread_begins_before_the_clock_is_caught,
    ),
    ("a_task_that_begins_before_the_run_is_caught", a_task_that_begins_before_the_run_is_caught),
    ("a_thread_left_behind_is_caught", a_thread_left_behind_is_caught),
    ("a_worker_that_is_confined_is_caught", a_worker_that_is_confined_is_caught),
    ("a_lane_that_waits_by_spinning_is_flagged", a_lane_that_waits_by_spinning_is_flagged),
    ("the_configuration_is_in_the_results_as_observed", the_configuration_is_in_the_results_as_observed),
];

/// The name of this lineup.
pub(crate) const TRACK: &str = "mutants";

/// The lineup: every mutant, and the sound ones that they are made of.
pub(crate) fn lineup() -> Suite {
    let mut suite = Suite::default();
    enter::<Tokio>(&mut suite);
    enter::<Smol>(&mut suite);
    enter::<Mutant<AWorkerTooFew>>(&mut suite);
    enter::<Mutant<AWorkerTooMany>>(&mut suite);
    enter::<Mutant<RunsChildrenInline>>(&mut suite);
    enter::<Mutant<RootOnTheCaller>>(&mut suite);
    enter::<Mutant<Spins>>(&mut suite);
    enter::<Mutant<EarlyTimer>>(&mut suite);
    enter::<Mutant<LateTimer>>(&mut suite);
    suite
}

fn enter<E: Timer>(suite: &mut Suite) {
    suite.enter::<E>();
    suite.has_timer::<E>();
    suite.race::<E, Adds>("a timer");
    suite.race_and_watch::<E, Naps>("a timer");
    suite.race_and_watch::<E, FallsBehind>("a timer");
    suite.race::<E, AddsInPrepare>("a timer");
    suite.race::<E, AddsOnAThread>("a timer");
    suite.race::<E, SpawnsInPrepare>("a timer");
    suite.race::<E, LeavesThreads>("a timer");
    suite.race::<E, ConfinesItsWorker>("a timer");
}

/// One thing done wrong; what a fault does not override is done right.
trait Fault: Send + Sync + 'static {
    const NAME: &'static str;
    const POLLS_INSIDE_SPAWN: bool = false;
    const POLLS_THE_ROOT_ITSELF: bool = false;
    const SPINS: bool = false;

    fn workers(threads: usize) -> usize {
        threads
    }

    fn duration(duration: Duration) -> Duration {
        duration
    }
}

struct AWorkerTooFew;
impl Fault for AWorkerTooFew {
    const NAME: &'static str = "a-worker-too-few";
    fn workers(threads: usize) -> usize {
        threads - 1
    }
}

struct AWorkerTooMany;
impl Fault for AWorkerTooMany {
    const NAME: &'static str = "a-worker-too-many";
    fn workers(threads: usize) -> usize {
        threads + 1
    }
}

/// Polls a new task before `spawn` returns.
struct RunsChildrenInline;
impl Fault for RunsChildrenInline {
    const NAME: &'static str = "runs-children-inline";
    const POLLS_INSIDE_SPAWN: bool = true;
}

/// The root as the future of `block_on`, which the calling thread polls.
struct RootOnTheCaller;
impl Fault for RootOnTheCaller {
    const NAME: &'static str = "root-on-the-caller";
    const POLLS_THE_ROOT_ITSELF: bool = true;
}

/// Keeps a processor busy for as long as a run takes.
struct Spins;
impl Fault for Spins {
    const NAME: &'static str = "spins";
    const SPINS: bool = true;
}

/// A timer that does not wait.
struct EarlyTimer;
impl Fault for EarlyTimer {
    const NAME: &'static str = "early-timer";
    fn duration(_duration: Duration) -> Duration {
        Duration::ZERO
    }
}

/// A timer that is 2 ms late, at every twentieth sleep 5 ms, at every five hundredth 20 ms.
struct LateTimer;
impl Fault for LateTimer {
    const NAME: &'static str = "late-timer";
    fn duration(duration: Duration) -> Duration {
        static SLEEPS: AtomicU64 = AtomicU64::new(0);
        duration
            + Duration::from_millis(match SLEEPS.fetch_add(1, SeqCst) {
                number if number % 500 == 0 => 20,
                number if number % 20 == 0 => 5,
                _ => 2,
            })
    }
}

struct Mutant<F>(Tokio, PhantomData<F>);

impl<F: Fault> Executor for Mutant<F> {
    const ABOUT: About = About { name: F::NAME, ..Tokio::ABOUT };
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn start(config: &Config) -> Self {
        let threads =
            NonZeroUsize::new(F::workers(config.threads.get())).expect("tested with several workers");
        Mutant(Tokio::start(&Config { threads, ..*config }), PhantomData)
    }

    fn run<M>(&self, main: M) -> M::Output
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        if F::POLLS_THE_ROOT_ITSELF {
            return self.0.run(async { tokio::runtime::Handle::current() }).block_on(main);
        }
        if !F::SPINS {
            return self.0.run(main);
        }
        let ended = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                while !ended.load(SeqCst) {
                    hint::spin_loop();
                }
            });
            let output = self.0.run(main);
            ended.store(true, SeqCst);
            output
        })
    }

    fn spawn<M>(future: M) -> Self::Task<M::Output>
    where
        M: Future + Send + 'static,
        M::Output: Send + 'static,
    {
        if !F::POLLS_INSIDE_SPAWN {
            return Tokio::spawn(future);
        }
        let mut future = Box::pin(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Tokio::spawn(ready(output)),
            Poll::Pending => Tokio::spawn(future),
        }
    }
}

impl<F: Fault> Timer for Mutant<F> {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        Tokio::sleep(F::duration(duration))
    }

    fn timeout<M>(duration: Duration, future: M) -> impl Future<Output = Option<M::Output>> + Send
    where
        M: Future + Send,
        M::Output: Send,
    {
        Tokio::timeout(duration, future)
    }
}

/// A workload that sums the numbers below its size, as it says with a task for each.
macro_rules! workload {
    ($type:ident, $name:literal, $prepare:expr, |$this:ident, $executor:ident| $answer:expr) => {
        impl<$executor: Timer> Workload<$executor> for $type {
            const ABOUT: AboutWorkload = AboutWorkload {
                name: $name,
                description: "Sums the numbers below N.",
                group: "Sums",
                operation: "one number",
                size: "nothing",
                shows: "whether the lane is sound",
                hides: "all else",
                source: file!(),
            };
            const SIZES: &'static [u64] = &[1_000];
            type Answer = u64;

            fn prepare(size: u64) -> Self {
                let prepare: fn(u64) -> Self = $prepare;
                prepare(size)
            }
            async fn run(self: Arc<Self>) -> u64 {
                let $this = self;
                $answer
            }
            fn expected(&self) -> u64 {
                sum(self.size)
            }
            fn operations(&self) -> u64 {
                self.size
            }
            fn work(&self) -> Work {
                Work::tasks(self.size)
            }
        }
    };
}

/// The number itself, after a nap of as many milliseconds.
async fn number<E: Timer>(number: u64, nap: u64) -> u64 {
    if nap > 0 {
        E::sleep(Duration::from_millis(nap)).await;
    }
    number
}

async fn sum_of_tasks<E: Timer>(size: u64, nap: u64) -> u64 {
    gather((0..size).map(|index| E::spawn(number::<E>(index, nap)))).await.iter().sum()
}

fn sum(size: u64) -> u64 {
    (0..size).sum()
}

struct Adds {
    size: u64,
}
workload!(Adds, "adds", |size| Adds { size }, |this, E| sum_of_tasks::<E>(this.size, 0).await);

struct Naps {
    size: u64,
}
workload!(Naps, "naps", |size| Naps { size }, |this, E| sum_of_tasks::<E>(this.size, 10).await);

/// Waits for a moment that has passed 5 ms before.
struct FallsBehind {
    size: u64,
}
workload!(FallsBehind, "falls-behind", |size| FallsBehind { size }, |this, E| {
    let due = Instant::now();
    thread::sleep(Duration::from_millis(5));
    E::sleep_until(due).await;
    sum_of_tasks::<E>(this.size, 0).await
});

/// Computes the answer in `prepare`, and does nothing inside the clock.
struct AddsInPrepare {
    size: u64,
    sum: u64,
}
workload!(AddsInPrepare, "adds-in-prepare", |size| AddsInPrepare { size, sum: sum(size) }, |this, E| this
    .sum);

/// Has a thread compute the answer from `prepare` on; a run does all the work as well, to look sound.
struct AddsOnAThread {
    size: u64,
    sums: Mutex<Receiver<u64>>,
}
workload!(
    AddsOnAThread,
    "adds-on-a-thread",
    |size| {
        let (sender, sums) = mpsc::sync_channel(0);
        thread::spawn(move || while sender.send(sum(size)).is_ok() {});
        AddsOnAThread { size, sums: Mutex::new(sums) }
    },
    |this, E| {
        sum_of_tasks::<E>(this.size, 0).await;
        this.sums.lock().expect("nobody panics").recv().expect("the thread computes on and on")
    }
);

/// Spawns its last task in `prepare`.
struct SpawnsInPrepare {
    size: u64,
    last: Mutex<Option<Box<dyn FnOnce() -> u64 + Send>>>,
}
impl<E: Timer> Workload<E> for SpawnsInPrepare {
    const ABOUT: AboutWorkload = AboutWorkload { name: "spawns-in-prepare", ..<Adds as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1_000];
    type Answer = u64;

    fn prepare(size: u64) -> Self {
        let (sender, last) = mpsc::channel();
        drop(E::spawn(async move { sender.send(size - 1).ok() }));
        let last = move || last.recv().expect("the task sends its number");
        SpawnsInPrepare { size, last: Mutex::new(Some(Box::new(last))) }
    }
    async fn run(self: Arc<Self>) -> u64 {
        let last = self.last.lock().expect("nobody panics").take().expect("it is run once");
        sum_of_tasks::<E>(self.size - 1, 0).await + last()
    }
    fn expected(&self) -> u64 {
        sum(self.size)
    }
    fn operations(&self) -> u64 {
        self.size
    }
    fn work(&self) -> Work {
        Work::tasks(self.size)
    }
}

/// Starts a thread in each run, which does not end.
struct LeavesThreads {
    size: u64,
}
workload!(LeavesThreads, "leaves-threads", |size| LeavesThreads { size }, |this, E| {
    thread::spawn(|| {
        loop {
            thread::park();
        }
    });
    // So that a sample has few runs: threads take room.
    sum_of_tasks::<E>(this.size, 10).await
});

/// Leaves the worker that it ran on no more than the first processor.
struct ConfinesItsWorker {
    size: u64,
}
workload!(ConfinesItsWorker, "confines-its-worker", |size| ConfinesItsWorker { size }, |this, E| {
    let sum = sum_of_tasks::<E>(this.size, 0).await;
    confine_this_thread();
    sum
});

#[cfg(target_os = "linux")]
fn confine_this_thread() {
    use nix::{
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).expect("a thread may ask where it may run");
    let first = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu).expect("it is in the set's range"));
    let mut only = CpuSet::new();
    only.set(first.expect("it runs somewhere")).expect("it is in the set's range");
    sched_setaffinity(this, &only).expect("a thread may run on fewer processors");
}

#[cfg(not(target_os = "linux"))]
fn confine_this_thread() {}

/// Checks cells of this lineup, with arguments parted by spaces.
fn check(arguments: &str) -> Output {
    let mut command = lab("check", &this());
    command.args(arguments.split_whitespace()).env(CHOSEN, TRACK);
    command.output().expect("the program starts")
}

/// Checks one cell, and expects it to fail with `complaint`.
fn caught(workload: &str, executor: &str, threads: usize, complaint: &str) {
    let output = check(&format!("--workloads {workload} --executors {executor} --threads {threads}"));
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{workload}/1000/t{threads}/{executor}: failed: {complaint}\n");
    assert_eq!((output.status.code(), &*printed), (Some(2), &*expected));
}

/// Races one workload on one lane, at one thread.
fn race(workload: &str, executor: &str) -> (Output, Results) {
    let place = Place::new();
    let mut command = place
        .command(&format!("--quick --blocks 2 --threads 1 --workloads {workload} --executors {executor}"));
    let output = command.env(CHOSEN, TRACK).output().expect("the program starts");
    (output, place.results())
}

fn sound_lanes_and_workloads_pass() {
    let output = check("--workloads adds,naps --executors tokio,smol --threads 1,2");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert_eq!(printed.lines().filter(|line| line.ends_with(": ok")).count(), 2 * 2 * 2, "{printed}");
}

fn a_worker_too_few_is_caught() {
    caught("adds", AWorkerTooFew::NAME, 2, "1 of 2 workers came");
}

fn a_worker_too_many_is_caught() {
    let output = check(&format!("--workloads adds --executors {} --threads 1", AWorkerTooMany::NAME));
    let printed = String::from_utf8_lossy(&output.stdout);
    // The run or the probe has seen it, whichever both workers had a part in.
    let seen = ["2 threads polled tasks, there should be 1", "2 threads poll tasks, there should be 1"];
    assert!(seen.iter().any(|seen| printed.contains(seen)), "{printed}");
    assert_eq!(output.status.code(), Some(2));
}

fn a_child_that_runs_inline_is_caught() {
    caught("adds", RunsChildrenInline::NAME, 1, "a task was polled inside the poll of another");
    caught("naps", RunsChildrenInline::NAME, 2, "a task was polled inside the poll of another");
}

fn a_root_that_is_on_no_worker_is_caught() {
    caught("adds", RootOnTheCaller::NAME, 1, "tasks ran on the thread that waits for the run");
}

fn an_answer_that_was_computed_before_the_clock_is_caught() {
    caught("adds-in-prepare", "tokio", 1, "spawned 0 tasks, its specification says 1000");
}

fn work_that_a_thread_begins_before_the_clock_is_caught() {
    caught("adds-on-a-thread", "tokio", 1, "prepare started a thread: work before the clock");
}

fn a_task_that_begins_before_the_run_is_caught() {
    // smol has workers as soon as somebody spawns.
    let complaint = "1 tasks and 0 jobs had begun before the run: work before the clock";
    caught("spawns-in-prepare", "smol", 1, complaint);
}

fn a_thread_left_behind_is_caught() {
    let (output, results) = race("leaves-threads", "tokio");
    assert_eq!(output.status.code(), Some(2));
    let reason = results.cells[0].reason.as_deref().expect("a failed cell has its reason");
    // One sample of one run or more; ten where the machine has the time.
    let threads: usize = reason
        .strip_prefix("left ")
        .and_then(|rest| rest.strip_suffix(" threads behind")?.parse().ok())
        .expect(reason);
    assert!(threads >= 1, "{reason}");
}

fn a_worker_that_is_confined_is_caught() {
    if thread::available_parallelism().is_ok_and(|processors| processors.get() == 1) {
        return;
    }
    let output = check("--workloads confines-its-worker --executors tokio --threads 1");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains(": failed: a worker is confined to processors "), "{printed}");
    assert_eq!(output.status.code(), Some(2));
}

/// It takes no longer than the sound lane, so no other check has anything against it.
fn a_lane_that_waits_by_spinning_is_flagged() {
    let place = Place::new();
    let arguments = "--quick --blocks 5 --threads 1 --workloads naps --sizes 10 --executors tokio,spins";
    let output = place.command(arguments).env(CHOSEN, TRACK).output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let results = place.results();
    let flags = |executor: &str| {
        let cell = results.cells.iter().find(|cell| cell.executor == executor);
        cell.expect("it is in the results").flags.clone()
    };
    let flagged = |flag: &String| flag.starts_with("takes ") && flag.contains(" the processor time of tokio");
    assert!(flags(Spins::NAME).iter().any(flagged), "{:?}", flags(Spins::NAME));
    assert!(!flags("tokio").iter().any(|flag| flag.contains("processor time")), "{:?}", flags("tokio"));
}

fn the_configuration_is_in_the_results_as_observed() {
    let (_, results) = race("naps", "tokio");
    let observed = results.cells[0].observed.as_ref().expect("it was measured");
    assert_eq!((observed.workers, observed.threads, observed.root_on_worker), (1, 1, true));
    // One worker polls nothing while the root spawns.
    assert_eq!((observed.spawned, observed.at_once, observed.sleeps), (1_000, Some(1_000), 1_000));
    assert_eq!(observed.threads_before, observed.threads_after);
    assert!(observed.threads_before.is_some_and(|threads| threads >= 2), "a worker and who waits");
    assert!(observed.cpus.starts_with(|first: char| first.is_ascii_digit()), "{}", observed.cpus);
}

fn a_sleep_that_ends_early_is_caught() {
    let output = check(&format!("--workloads naps --executors {} --threads 1", EarlyTimer::NAME));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains(": failed: a sleep ended ") && printed.contains(" early"), "{printed}");
    assert_eq!(output.status.code(), Some(2));
}

fn estimate(cell: &Cell, metric: &str) -> f64 {
    match &cell.metrics[metric] {
        Metric::Measured { unit, estimate, blocks } => {
            assert_eq!((unit.as_str(), blocks.len()), ("ns", 2));
            estimate.value
        }
        Metric::Unavailable { unavailable } => panic!("{metric} is not available: {unavailable}"),
    }
}

fn a_late_timer_is_seen_as_late_as_it_is() {
    let (output, results) = race("naps", LateTimer::NAME);
    assert!(output.status.success(), "{}", said(&output));
    let cell = &results.cells[0];
    // From below only: no machine is too slow for this. The histogram keeps three digits.
    for (metric, planted) in [("lateness-p50", 2e6), ("lateness-p99", 5e6), ("lateness-max", 20e6)] {
        let seen = estimate(cell, metric);
        assert!(seen >= planted * 0.999, "{metric}: {seen} ns, planted {planted} ns");
    }
    let lateness = cell.lateness.as_ref().expect("its tasks sleep");
    let many = |at_least: f64| {
        let late = lateness.histogram.iter().filter(|(ns, _)| *ns as f64 >= at_least * 0.999);
        late.map(|(_, count)| count).sum::<u64>()
    };
    // Whole runs of 1,000 sleeps: one or more in each block.
    assert!(lateness.samples >= 2_000 && lateness.samples % 1_000 == 0);
    assert_eq!(many(2e6), lateness.samples, "every one of them is late");
    assert!(many(5e6) >= lateness.samples / 20 && many(20e6) >= lateness.samples / 500);
    // A run takes 30 ms: no other is watched.
    let Metric::Unavailable { unavailable } = &cell.metrics["lateness-p99.9"] else {
        panic!("too few sleeps")
    };
    assert!(unavailable.ends_with(" in a block cannot carry a p99.9, which needs 10,000"), "{unavailable}");
}

fn a_task_that_is_behind_its_schedule_is_seen_as_late_as_it_is() {
    let (output, results) = race("falls-behind", "tokio");
    assert!(output.status.success(), "{}", said(&output));
    let lateness = results.cells[0].lateness.as_ref().expect("it waits for a moment");
    assert!(lateness.histogram.iter().all(|(ns, _)| *ns as f64 >= 5e6 * 0.99), "{lateness:?}");
}

fn a_workload_that_does_not_sleep_has_no_lateness() {
    let (output, results) = race("adds", "tokio");
    assert!(output.status.success(), "{}", said(&output));
    let cell = &results.cells[0];
    assert_eq!((cell.status, cell.lateness.as_ref()), (Status::Ok, None));
    let figures = cell.metrics.iter().filter(|(name, _)| name.starts_with("lateness-"));
    let reasons: Vec<_> = figures.map(|(_, metric)| metric.clone()).collect();
    assert_eq!(reasons, vec![Metric::Unavailable { unavailable: "no sleep was watched".into() }; 5]);
}
