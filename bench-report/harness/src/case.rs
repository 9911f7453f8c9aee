//! One workload on one started executor: the only place where a clock is read around the work.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use executor_api::{Config, Executor, FlavourOf, Net, Timer};
use lane_protocol::{Lateness, Observed, Proof, Sample, Work, too_fast, wrong_answer};
use workload_api::{Measure, Workload};

use crate::{
    audited::{Audited, Boxed, Contracts},
    counters::{Read, Reading},
    lateness,
    ledger::{self, AuditedRun},
    parts::{self, Parts},
    platform::{self, Usage, nanoseconds},
    probe::{self, Workers},
    watched::Watched,
};

/// The time that threads which have ended may take to be gone. On a busy machine they need a turn for that, and only a lane that
/// leaves threads behind waits so long.
const PARTING: Duration = Duration::from_secs(1);

/// The time for which sleeps are watched; the run in which it ends is the last.
const WATCH: Duration = Duration::from_millis(20);

/// The number of times that a sample is taken whose runs are spoiled each time.
const ATTEMPTS: usize = 5;

/// The reason why a case gives no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something is wrong with it.
    Failed(String),
    /// Something outside the executor spoiled its runs each time.
    Spoiled(String),
}

/// A prepared workload on a started executor.
pub struct OpenCase {
    config: Config,
    /// False if `prepare` started a thread.
    prepared_alone: bool,
    pair: Box<dyn Pair>,
}

/// Runs a workload on an executor: all that is compiled for each pair of them.
trait Pair {
    fn measure(&self) -> Measure;
    fn operations(&self) -> u64;
    fn ideal(&self) -> Duration;
    fn told(&self) -> Duration;
    fn told_ratio(&self) -> f64;
    fn spoiled(&self) -> Option<String>;
    fn work(&self) -> Work;

    /// Runs the workload again and again, and returns the time on the clock of all runs together, with the counters around
    /// each if they are to be `read`.
    ///
    /// Samples and counts share this loop, so that one root future is compiled for both.
    fn runs(&self, iterations: u64, read: Option<Read>) -> Result<(Duration, Vec<[Reading; 2]>), String>;

    /// Runs the workload once on the audited executor and checks its answer, to count the work.
    fn audited_run(&self) -> AuditedRun;

    /// Runs the workload once on the watched executor and checks its answer, if it was compiled for that.
    fn watched_run(&self) -> Option<Result<(), String>>;

    /// Calls the workers.
    fn workers(&self, config: &Config) -> Result<Workers, String>;
}

struct Started<E, W> {
    executor: E,
    workload: Arc<W>,
    watched_run: Option<WatchedRun<E, W>>,
}

type WatchedRun<E, W> = fn(&E, Arc<W>) -> Result<(), String>;

/// Starts a flavour of the executor and prepares the workload.
pub(crate) fn open<F, E, W>(contracts: Contracts, config: &Config, size: u64) -> OpenCase
where
    F: FlavourOf<E>,
    E: Executor,
    W: Workload<E> + Workload<Audited>,
{
    open_pair::<E, W>(contracts, config, size, F::start_as, None)
}

/// Does the same as [`open`], for a workload whose sleeps can be watched.
pub(crate) fn open_watched<F, E, W>(contracts: Contracts, config: &Config, size: u64) -> OpenCase
where
    F: FlavourOf<E>,
    E: Timer,
    W: Workload<E> + Workload<Audited> + Workload<Watched<E>>,
{
    open_pair(contracts, config, size, F::start_as, Some(watched_run::<E, W>))
}

/// Runs the workload once on the executor whose sleeps are watched; compiled once for all its flavours.
fn watched_run<E, W>(executor: &E, workload: Arc<W>) -> Result<(), String>
where
    E: Timer,
    W: Workload<Watched<E>>,
{
    let expected = workload.expected();
    executor.run(async move {
        workload.clone().get_ready().await;
        right(&W::run(workload).await, &expected)
    })
}

fn open_pair<E, W>(
    contracts: Contracts,
    config: &Config,
    size: u64,
    start: fn(&Config) -> E,
    watched_run: Option<WatchedRun<E, W>>,
) -> OpenCase
where
    E: Executor,
    W: Workload<E> + Workload<Audited>,
{
    parts::watch();
    lateness::gather_told();
    contracts.enter_into_force();
    let (workload, prepared_alone) = prepare::<W>(config, size);
    let pair = Box::new(Started { executor: start(config), workload, watched_run });
    OpenCase { config: *config, prepared_alone, pair }
}

/// Prepares the workload; `false` if a thread has started meanwhile.
fn prepare<W: Workload<Audited>>(config: &Config, size: u64) -> (Arc<W>, bool) {
    let threads = platform::threads();
    // Prepared for the ledger to see, should it spawn a task: that is work which no clock sees.
    let workload = Arc::new(W::prepare_for(size, config.threads));
    let prepared_alone =
        threads.is_none_or(|threads| settled_threads(threads).is_none_or(|now| now <= threads));
    (workload, prepared_alone)
}

impl<E, W> Pair for Started<E, W>
where
    E: Executor,
    W: Workload<E> + Workload<Audited>,
{
    fn measure(&self) -> Measure {
        <W as Workload<E>>::MEASURE
    }

    fn operations(&self) -> u64 {
        <W as Workload<E>>::operations(&self.workload)
    }

    fn ideal(&self) -> Duration {
        <W as Workload<E>>::ideal(&self.workload)
    }

    fn told(&self) -> Duration {
        <W as Workload<E>>::told(&self.workload)
    }

    fn told_ratio(&self) -> f64 {
        <W as Workload<E>>::told_ratio(&self.workload)
    }

    fn spoiled(&self) -> Option<String> {
        <W as Workload<E>>::spoiled(&self.workload)
    }

    fn work(&self) -> Work {
        ledger::in_words_of_protocol(<W as Workload<E>>::work(&self.workload))
    }

    fn runs(&self, iterations: u64, read: Option<Read>) -> Result<(Duration, Vec<[Reading; 2]>), String> {
        let workload = self.workload.clone();
        let expected = <W as Workload<E>>::expected(&self.workload);
        // The clock is read in the root, on a worker: the way there and back is no part of the work.
        self.executor.run(async move {
            let mut wall = Duration::ZERO;
            let mut readings = Vec::new();
            <W as Workload<E>>::get_ready(workload.clone()).await;
            for _ in 0..iterations {
                let workload = workload.clone();
                let before = read.as_ref().map(|read| read());
                let start = Instant::now();
                let answer = <W as Workload<E>>::run(workload).await;
                wall += start.elapsed();
                if let (Some(read), Some(before)) = (&read, before) {
                    readings.push([before, read()]);
                }
                right(&answer, &expected)?;
            }
            Ok((wall, readings))
        })
    }

    fn audited_run(&self) -> AuditedRun {
        ledger::audit(&self.executor, audited_root(self.workload.clone()))
    }

    fn watched_run(&self) -> Option<Result<(), String>> {
        self.watched_run.map(|run| run(&self.executor, self.workload.clone()))
    }

    fn workers(&self, config: &Config) -> Result<Workers, String> {
        probe::workers(&self.executor, config)
    }
}

/// Returns the root of an audited run, which is compiled once for all executors.
fn audited_root<W: Workload<Audited>>(workload: Arc<W>) -> Boxed<'static, Result<(), String>> {
    let expected = workload.expected();
    Box::pin(async move {
        W::get_ready(workload.clone()).await;
        right(&W::run(workload).await, &expected)
    })
}

impl From<String> for Fault {
    fn from(reason: String) -> Fault {
        Fault::Failed(reason)
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Fault::Failed(reason) | Fault::Spoiled(reason)) = self;
        formatter.write_str(reason)
    }
}

impl OpenCase {
    /// Returns the number of operations in one run.
    pub fn operations(&self) -> u64 {
        self.pair.operations()
    }

    /// Returns the waiting in one run that no executor can avoid.
    pub fn ideal(&self) -> Duration {
        self.pair.ideal()
    }

    /// Runs the workload once and checks its answer, the work itself, and the workers.
    ///
    /// # Errors
    ///
    /// The fault: a wrong answer, work that is not as specified, a worker too few, a root on the wrong thread.
    pub fn prove(&self) -> Result<Proof, String> {
        let start = Instant::now();
        let run = self.pair.audited_run();
        let took = start.elapsed();
        run.check(&self.config, &self.pair.work())?;
        run.answer.clone()?;
        // A sleep that ended early is a fault. How late the others ended is no figure: this run has been counted.
        let sleeps = lateness::take()?.map_or(0, |lateness| lateness.samples);
        if !self.prepared_alone {
            return Err("prepare started a thread: work before the clock".into());
        }
        let workers = self.pair.workers(&self.config)?;
        check_workers(&run, &workers)?;
        let driver = self.config.sockets.then(Audited::driver).transpose()?.map(str::to_owned);
        Ok(Proof {
            operations: self.operations(),
            ideal_ns: nanoseconds(self.ideal()),
            took_ns: nanoseconds(took),
            observed: Observed { driver, ..observed(&run, &workers, sleeps) },
        })
    }

    /// Runs the workload `iterations` times, one after the other, reads the clock around each, and checks every answer. If
    /// something outside the executor spoiled the runs it does so again, a few times at most.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, the runs took no longer than the waiting in them, or they were spoiled every time.
    pub fn sample(&self, iterations: u64) -> Result<Sample, Fault> {
        let mut attempts = ATTEMPTS;
        loop {
            // Discards what earlier runs, the check and those that were spoiled, have told.
            self.pair.spoiled();
            lateness::forget_told();
            let sample = self.attempt(iterations)?;
            attempts -= 1;
            match self.pair.spoiled() {
                None => {
                    lateness::keep_told();
                    return Ok(sample);
                }
                Some(reason) if attempts == 0 => return Err(Fault::Spoiled(reason)),
                Some(_) => {}
            }
        }
    }

    /// Takes a sample, spoiled or not.
    fn attempt(&self, iterations: u64) -> Result<Sample, String> {
        // Discards what earlier runs, the check and those watched for lateness, have recorded.
        parts::take();
        self.pair.told();
        self.pair.told_ratio();
        let before = Usage::now();
        let (wall, _) = self.pair.runs(iterations, None)?;
        let usage = before.zip(Usage::now()).map(|(before, after)| after - before);
        let waiting = self.ideal() * iterations as u32;
        if wall <= waiting {
            return Err(too_fast(iterations, wall, waiting));
        }
        let parts = parts::take();
        let (told, usage) = match self.pair.measure() {
            Measure::Clock | Measure::Ratio(_) => (None, usage),
            Measure::Told(_) => (Some(self.pair.told()), usage),
            Measure::Part(_) => (Some(one_each(&parts, iterations)?.wall), parts.usage),
            Measure::ProcessorOf(_) => (Some(processor_time(usage)?), usage),
            Measure::Processor => (Some(processor_time(one_each(&parts, iterations)?.usage)?), parts.usage),
        };
        let is_ratio = matches!(self.pair.measure(), Measure::Ratio(_));
        Ok(Sample {
            iterations,
            wall_ns: nanoseconds(wall),
            cpu_ns: usage.map(|usage| nanoseconds(usage.cpu)),
            told_ns: told.map(nanoseconds),
            told_ratio: is_ratio.then(|| self.pair.told_ratio()),
            voluntary_switches: usage.and_then(|usage| usage.voluntary_switches),
            involuntary_switches: usage.and_then(|usage| usage.involuntary_switches),
            ..Sample::default()
        })
    }

    /// Runs the workload `runs` times, one after the other, reads the counters before and after each, and checks every
    /// answer.
    ///
    /// # Errors
    ///
    /// If an answer was wrong.
    pub(crate) fn count(&self, runs: u64, read: Read) -> Result<Vec<[Reading; 2]>, String> {
        Ok(self.pair.runs(runs, Some(read))?.1)
    }

    /// Counts the threads of this process after the last sample, where the system says.
    ///
    /// # Errors
    ///
    /// If there are more than when the check had `observed` them: runs have left them behind.
    pub(crate) fn threads_left(&self, observed: &Observed) -> Result<Option<usize>, String> {
        let Some(before) = observed.threads_before else { return Ok(None) };
        // Pools start the threads for blocking jobs when they find more jobs than threads, which is a matter of luck.
        let pool = if observed.jobs > 0 { self.config.blocking_threads.get() } else { 0 };
        let after = settled_threads(before + pool);
        match after {
            Some(after) if after > before + pool => Err(format!("left {} threads behind", after - before)),
            _ => Ok(after),
        }
    }

    /// Runs the workload once more or a few times and tells how late sleeps ended; `None` if they cannot be watched.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, or a sleep ended early.
    pub(crate) fn lateness(&self) -> Result<Option<Lateness>, String> {
        let start = Instant::now();
        while let Some(answer) = self.pair.watched_run() {
            answer?;
            if start.elapsed() >= WATCH || lateness::gathered() >= lateness::ENOUGH {
                return lateness::take();
            }
        }
        Ok(None)
    }
}

/// Checks that each of these runs had one part that is measured.
fn one_each(parts: &Parts, runs: u64) -> Result<&Parts, String> {
    if parts.ended == runs {
        return Ok(parts);
    }
    Err(format!("{runs} runs marked {} parts to be measured, it takes one each", parts.ended))
}

/// Returns the processor time that was used, where the system says.
fn processor_time(usage: Option<Usage>) -> Result<Duration, String> {
    /// Less the kernel does not count.
    const LEAST: Duration = Duration::from_micros(1);
    usage.map(|usage| usage.cpu.max(LEAST)).ok_or("this system does not say what a process used".to_owned())
}

/// Compares the workers that came when they were called with the threads that did the work of the run.
fn check_workers(run: &AuditedRun, workers: &Workers) -> Result<(), String> {
    if !workers.contains_key(&run.root) {
        return Err("the root ran on a thread that is no worker".into());
    }
    let strangers = run.audit.threads.iter().filter(|thread| !workers.contains_key(thread)).count();
    if strangers > 0 {
        return Err(format!("{strangers} threads polled tasks that are no workers"));
    }
    let Some(ours) = platform::allowed_cpus() else { return Ok(()) };
    let confined = workers.values().flatten().find(|theirs| !platform::covers(theirs, &ours));
    match confined {
        Some(theirs) => {
            Err(format!("a worker is confined to processors {theirs}, the process may run on {ours}"))
        }
        None => Ok(()),
    }
}

fn observed(run: &AuditedRun, workers: &Workers, sleeps: u64) -> Observed {
    let audit = &run.audit;
    Observed {
        threads: audit.threads.len(),
        spawned: audit.spawned,
        finished: audit.finished,
        cancelled: audit.cancelled,
        polls: Some(audit.polls),
        jobs: audit.jobs,
        jobs_at_once: Some(audit.jobs_at_once),
        at_once: Some(audit.at_once),
        sleeps,
        workers: workers.len(),
        root_on_worker: workers.contains_key(&run.root),
        cpus: workers.values().flatten().min().cloned().unwrap_or_else(|| "unknown".to_owned()),
        threads_before: platform::threads(),
        threads_after: None,
        driver: None,
    }
}

/// Counts the threads of this process; if they are more than `limit`, gives those that have ended time to be gone.
fn settled_threads(limit: usize) -> Option<usize> {
    let start = Instant::now();
    loop {
        let threads = platform::threads()?;
        if threads <= limit || start.elapsed() > PARTING {
            return Some(threads);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn right<A: PartialEq + Debug>(answer: &A, expected: &A) -> Result<(), String> {
    if answer == expected { Ok(()) } else { Err(wrong(answer, expected)) }
}

/// Describes a wrong answer, outside of the roots of runs: these are compiled for each pair.
#[cold]
#[inline(never)]
fn wrong<A: Debug>(answer: &A, expected: &A) -> String {
    wrong_answer(&format!("{answer:?}"), &format!("{expected:?}"))
}
