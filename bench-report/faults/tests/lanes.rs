//! A lineup of sound executors and of workloads that each do one thing wrong.

use std::{
    any, env, fs, future,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use executor_api::{Config, Executor, Timer};
use executor_tokio::{Tokio, TokioCurrentThread};
use lane_harness::Suite;
use workload_api::{About, Measure, Workload, gather, part};

#[cfg(unix)]
use crate::counts;

/// Names the folder of the results in the environment, for lanes that look at what was measured, or take notes.
pub(crate) const OUT: &str = "FAULTS_OUT";

/// The lineup: every workload on both of tokio's runtimes.
pub(crate) fn lineup() -> Suite {
    let mut suite = Suite::default();
    enter::<Tokio>(&mut suite);
    enter::<AnotherRuntime>(&mut suite);
    suite
}

/// Tokio on one thread, as a runtime of its own: two flavours of one runtime would hold no comparison open.
struct AnotherRuntime(TokioCurrentThread);

impl Executor for AnotherRuntime {
    const ABOUT: executor_api::About =
        executor_api::About { package: "another", ..TokioCurrentThread::ABOUT };
    type Task<T: Send + 'static> = <TokioCurrentThread as Executor>::Task<T>;

    fn start(config: &Config) -> AnotherRuntime {
        AnotherRuntime(TokioCurrentThread::start(config))
    }
    fn run<F>(&self, main: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.run(main)
    }
    fn spawn<F>(future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        TokioCurrentThread::spawn(future)
    }
}

impl Timer for AnotherRuntime {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        TokioCurrentThread::sleep(duration)
    }
    fn timeout<F>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        TokioCurrentThread::timeout(duration, future)
    }
}

fn enter<E: Timer>(suite: &mut Suite) {
    suite.enter::<E>();
    suite.has_timer::<E>();
    suite.race::<E, Sound>("a timer");
    suite.race::<E, Panics>("a timer");
    suite.race::<E, Hangs>("a timer");
    suite.race::<E, IsKilled>("a timer");
    suite.race::<E, Lies>("a timer");
    suite.race::<E, LiesLater>("a timer");
    suite.race::<E, TalksRubbish>("a timer");
    suite.race::<E, LeavesATask>("a timer");
    suite.race::<E, DoesNotWait>("a timer");
    suite.race::<E, CountsNothing>("a timer");
    suite.race::<E, PanicsSecond>("a timer");
    suite.race::<E, IsLate>("a timer");
    suite.race::<E, IsSpoiled>("a timer");
    suite.race::<E, Differs>("a timer");
    suite.race::<E, Wavers>("a timer");
    suite.race::<E, Obeys>("a timer");
    suite.race_and_watch::<E, IsSlow>("a timer");
    suite.race::<E, Tells>("a timer");
    suite.race::<E, TellsARatio>("a timer");
    suite.race::<E, MarksNoPart>("a timer");
    suite.race::<E, OnlyWaits>("a timer");
    #[cfg(unix)]
    counts::enter::<E>(suite);
}

/// True in a process whose lane is `tokio`; a workload is not told.
static IS_ON_TOKIO: AtomicBool = AtomicBool::new(false);

/// Looks at the first request before the harness reads it: one workload talks rubbish when its cell is asked for, others
/// misbehave when they are counted, or on one lane.
pub(crate) fn look_at_the_first_request() {
    let request = io::stdin().lock().fill_buf().map(<[u8]>::to_vec).unwrap_or_default();
    let request = String::from_utf8_lossy(&request);
    if request.contains("talks-rubbish") {
        io::stdout().write_all(b"{\"sample\": rubbish\n").expect("somebody listens");
    }
    IS_ON_TOKIO.store(request.contains("\"lane\":\"tokio\""), SeqCst);
    #[cfg(unix)]
    counts::look_at(&request);
}

/// A workload whose right answer is 3, at two sizes that do not matter.
macro_rules! workload {
    ($type:ident, $name:literal, waits $ideal:expr, |$executor:ident| $answer:expr) => {
        struct $type;

        impl<$executor: Timer> Workload<$executor> for $type {
            const ABOUT: About = About {
                name: $name,
                description: "Does one thing wrong.",
                group: "Faults",
                operation: "one run",
                size: "nothing",
                shows: "what becomes of it",
                hides: "all else",
                source: file!(),
            };
            const SIZES: &'static [u64] = &[1, 2];
            type Answer = u64;

            fn prepare(_size: u64) -> Self {
                $type
            }
            async fn run(self: Arc<Self>) -> u64 {
                $answer
            }
            fn expected(&self) -> u64 {
                3
            }
            fn operations(&self) -> u64 {
                u64::from($name != "counts-nothing")
            }
            fn ideal(&self) -> Duration {
                $ideal
            }
        }
    };
}

workload!(Sound, "sound", waits Duration::ZERO, |E| gather([E::spawn(one()), E::spawn(two())]).await.iter().sum());
workload!(Panics, "panics", waits Duration::ZERO, |E| E::spawn(async { panic!("on purpose") }).await);
workload!(Hangs, "hangs", waits Duration::ZERO, |E| E::spawn(future::pending()).await);
workload!(IsKilled, "is-killed", waits Duration::ZERO, |E| kill_this_process());
workload!(Lies, "lies", waits Duration::ZERO, |E| 4);
workload!(LiesLater, "lies-later", waits Duration::ZERO, |E| 3 + LIES.fetch_add(1, SeqCst) / 10);
workload!(TalksRubbish, "talks-rubbish", waits Duration::ZERO, |E| 3);
workload!(DoesNotWait, "does-not-wait", waits Duration::from_secs(1), |E| 3);
workload!(LeavesATask, "leaves-a-task", waits Duration::ZERO, |E| {
    drop(E::spawn(future::pending::<()>()));
    3
});

workload!(CountsNothing, "counts-nothing", waits Duration::ZERO, |E| 3);

/// Panics in the second process that has it.
struct PanicsSecond {
    is_second: bool,
}

/// Misses a deadline: of size 1 in the second process that has it, of size 2 in all.
struct IsLate {
    is_late: bool,
}

/// Has a load that comes late: of size 1 in the second process that has it, of size 2 in all on one lane.
struct IsSpoiled(bool);

/// Is worse on one lane than on the other.
struct Differs(Figure);

/// Is worse on one lane than on the other, in each block on the other lane.
struct Wavers(Figure);

/// The figure of each run of a process. It is no time, which a busy machine would change.
struct Figure {
    of_run: f64,
    runs: AtomicU64,
}

impl Figure {
    fn new(figure: f64) -> Figure {
        // No two processes measure quite the same.
        let scatter = 1.0 + f64::from(process::id() % 8) / 1_000.0;
        Figure { of_run: figure * scatter, runs: AtomicU64::new(0) }
    }

    fn that_is(bad: bool) -> Figure {
        Figure::new(if bad { 10.0 } else { 1.0 })
    }

    async fn run<E: Timer>(&self) {
        E::sleep(Duration::from_millis(1)).await;
        self.runs.fetch_add(1, SeqCst);
    }

    fn told(&self) -> f64 {
        self.of_run * self.runs.swap(0, SeqCst) as f64
    }
}

/// Where the only run writes down what it has measured.
fn folder_of_run() -> PathBuf {
    let runs = PathBuf::from(env::var_os(OUT).unwrap_or_default()).join("runs");
    let run = fs::read_dir(&runs).ok().and_then(|mut runs| runs.next()?.ok());
    run.map_or(runs, |run| run.path())
}

/// Adds a line to a file of the run, and gives its path.
fn add_line(name: &str, line: &str) -> PathBuf {
    let path = folder_of_run().join(name);
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.expect("the folder is this run's");
    path
}

pub(crate) fn lines_in(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Tells whether this is the first, third, ... block of a comparison, which a lane is not told.
fn is_odd_block(workload: &str, size: u64) -> bool {
    let samples = fs::read_to_string(folder_of_run().join("samples.jsonl")).unwrap_or_default();
    let heat = format!("\"kind\":\"heat\",\"comparison\":\"{workload}/{size}/");
    samples.lines().filter(|line| line.contains(&heat)).count().is_multiple_of(2)
}

impl<E: Timer> Workload<E> for PanicsSecond {
    const ABOUT: About = About { name: "panics-second", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1, 2];
    type Answer = u64;

    fn prepare(_size: u64) -> Self {
        PanicsSecond { is_second: lines_in(&add_line("begun", "a process")) == 2 }
    }
    async fn run(self: Arc<Self>) -> u64 {
        assert!(!self.is_second, "on purpose");
        3
    }
    fn expected(&self) -> u64 {
        3
    }
    fn operations(&self) -> u64 {
        1
    }
}

impl<E: Timer> Workload<E> for IsLate {
    const ABOUT: About = About { name: "is-late", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1, 2];
    const HAS_DEADLINE: bool = true;
    type Answer = u64;

    fn prepare(size: u64) -> Self {
        IsLate { is_late: size == 2 || lines_in(&add_line("begun", "a process")) == 2 }
    }
    async fn run(self: Arc<Self>) -> u64 {
        if self.is_late { 2 } else { 3 }
    }
    fn expected(&self) -> u64 {
        3
    }
    fn operations(&self) -> u64 {
        1
    }
}

impl<E: Timer> Workload<E> for IsSpoiled {
    const ABOUT: About = About { name: "is-spoiled", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1, 2];
    type Answer = u64;

    fn prepare(size: u64) -> Self {
        IsSpoiled(match size {
            1 => lines_in(&add_line("begun", "a process")) == 2,
            _ => IS_ON_TOKIO.load(SeqCst),
        })
    }
    async fn run(self: Arc<Self>) -> u64 {
        3
    }
    fn expected(&self) -> u64 {
        3
    }
    fn operations(&self) -> u64 {
        1
    }
    fn spoiled(&self) -> Option<String> {
        self.0.then(|| "this machine cannot send the load in time".to_owned())
    }
}

impl<E: Timer> Workload<E> for Differs {
    const ABOUT: About = About { name: "differs", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1, 2];
    const MEASURE: Measure = Measure::Ratio("luck");
    type Answer = ();

    fn prepare(_size: u64) -> Self {
        Differs(Figure::that_is(IS_ON_TOKIO.load(SeqCst)))
    }
    async fn run(self: Arc<Self>) {
        self.0.run::<E>().await;
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn told_ratio(&self) -> f64 {
        self.0.told()
    }
}

impl<E: Timer> Workload<E> for Wavers {
    const ABOUT: About = About { name: "wavers", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1, 2, 3];
    const MEASURE: Measure = Measure::Ratio("luck");
    type Answer = ();

    fn prepare(size: u64) -> Self {
        Wavers(Figure::that_is(IS_ON_TOKIO.load(SeqCst) == is_odd_block("wavers", size)))
    }
    async fn run(self: Arc<Self>) {
        self.0.run::<E>().await;
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn told_ratio(&self) -> f64 {
        self.0.told()
    }
}

/// Is as bad as the environment says: so many times, or worse in every other block; or panics.
struct Obeys(Option<Figure>);

impl<E: Timer> Workload<E> for Obeys {
    const ABOUT: About = About { name: "obeys", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    const MEASURE: Measure = Measure::Ratio("luck");
    type Answer = ();

    fn prepare(size: u64) -> Self {
        let told = env::var("PAUSE").unwrap_or_default();
        Obeys(match &*told {
            "panics" => None,
            "odd" => Some(Figure::that_is(is_odd_block("obeys", size))),
            "even" => Some(Figure::that_is(!is_odd_block("obeys", size))),
            number => Some(Figure::new(number.parse().unwrap_or(1.0))),
        })
    }
    async fn run(self: Arc<Self>) {
        let Some(figure) = &self.0 else { panic!("told to") };
        figure.run::<E>().await;
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn told_ratio(&self) -> f64 {
        self.0.as_ref().map_or(0.0, Figure::told)
    }
}

/// What a run is for, as workloads note it in the file of that name: a check or a sample.
pub(crate) const MOMENTS: [&str; 2] = ["checks", "samples"];

/// Notes that a run begins, and gives the file of the notes: a line for each run of its kind.
fn note<E: Timer>() -> PathBuf {
    let is_check = ["Audited", "Watched"].iter().any(|name| any::type_name::<E>().contains(name));
    add_line(MOMENTS[usize::from(!is_check)], "begun")
}

/// Tasks sleep longer than a quick run measures, which it does not say.
struct IsSlow(u64);

impl<E: Timer> Workload<E> for IsSlow {
    const ABOUT: About = About { name: "is-slow", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    type Answer = ();

    fn prepare(size: u64) -> Self {
        IsSlow(size)
    }
    async fn run(self: Arc<Self>) {
        note::<E>();
        gather((0..self.0).map(|_| E::spawn(E::sleep(Duration::from_millis(50))))).await;
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
}

/// Tells a second of each run.
#[derive(Default)]
struct Tells(AtomicU64);

impl<E: Timer> Workload<E> for Tells {
    const ABOUT: About = About { name: "tells", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    const MEASURE: Measure = Measure::Told("what it tells");
    type Answer = ();

    fn prepare(_size: u64) -> Self {
        Tells::default()
    }
    async fn run(self: Arc<Self>) {
        // As long as a slow run: then no other is between the check and the sample.
        E::sleep(Duration::from_millis(50)).await;
        self.0.fetch_add(1, SeqCst);
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn told(&self) -> Duration {
        Duration::from_secs(self.0.swap(0, SeqCst))
    }
}

/// Tells a ratio of one and a half for each run.
#[derive(Default)]
struct TellsARatio(AtomicU64);

impl<E: Timer> Workload<E> for TellsARatio {
    const ABOUT: About = About { name: "tells-a-ratio", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    const MEASURE: Measure = Measure::Ratio("what it compares");
    type Answer = ();

    fn prepare(_size: u64) -> Self {
        TellsARatio::default()
    }
    async fn run(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn told_ratio(&self) -> f64 {
        1.5 * self.0.swap(0, SeqCst) as f64
    }
}

/// Is measured by a part, and has none.
struct MarksNoPart;

impl<E: Timer> Workload<E> for MarksNoPart {
    const ABOUT: About = About { name: "marks-no-part", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    const MEASURE: Measure = Measure::Part("nothing");
    type Answer = ();

    fn prepare(_size: u64) -> Self {
        MarksNoPart
    }
    async fn run(self: Arc<Self>) {}
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
}

/// Waits until three processes do; longer than a run measures.
struct OnlyWaits;

const LONG: Duration = Duration::from_millis(100);

impl<E: Timer> Workload<E> for OnlyWaits {
    const ABOUT: About = About { name: "only-waits", ..<Sound as Workload<E>>::ABOUT };
    const SIZES: &'static [u64] = &[1];
    const MEASURE: Measure = Measure::Processor;
    type Answer = ();

    fn prepare(_size: u64) -> Self {
        OnlyWaits
    }
    async fn run(self: Arc<Self>) {
        let notes = note::<E>();
        part(async {
            E::sleep(LONG).await;
            while !lines_in(&notes).is_multiple_of(3) {
                E::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    fn expected(&self) {}
    fn operations(&self) -> u64 {
        1
    }
    fn ideal(&self) -> Duration {
        LONG
    }
}

static LIES: AtomicU64 = AtomicU64::new(0);

async fn one() -> u64 {
    1
}

async fn two() -> u64 {
    2
}

#[cfg(unix)]
fn kill_this_process() -> u64 {
    let this = nix::unistd::Pid::this();
    nix::sys::signal::kill(this, nix::sys::signal::Signal::SIGKILL).expect("a process may kill itself");
    unreachable!("it is dead")
}

#[cfg(not(unix))]
fn kill_this_process() -> u64 {
    std::process::abort()
}
