//! One workload on one started executor: the only place where a clock is read around the work.

use std::{
    fmt::Debug,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use executor_api::{Config, Executor};
use lane_protocol::{Lateness, Observed, Proof, Sample, too_fast, wrong_answer};
use workload_api::{Measure, Workload};

use crate::{
    counters::{Read, Reading},
    lateness,
    ledger::{self, Audited, AuditedRun, Watching},
    parts::{self, Parts},
    platform::{self, Usage, nanoseconds},
    probe::{self, Workers},
};

/// The time that threads which have ended may take to be gone.
const PARTING: Duration = Duration::from_millis(100);

/// The time for which sleeps are watched; the run in which it ends is the last.
const WATCH: Duration = Duration::from_millis(20);

/// A run of this length is not repeated only to watch its sleeps: its check has watched enough of them, and being counted
/// delays it by little.
const LONG: Duration = Duration::from_millis(60);

/// A prepared workload on a started executor.
pub trait OpenCase {
    /// Returns the number of operations in one run.
    fn operations(&self) -> u64;

    /// Returns the waiting in one run that no executor can avoid.
    fn ideal(&self) -> Duration;

    /// Runs the workload once and checks its answer, the work itself, and the workers.
    ///
    /// # Errors
    ///
    /// The fault: a wrong answer, work that is not as specified, a worker too few, a root on the wrong thread.
    fn prove(&self) -> Result<Proof, String>;

    /// Runs the workload `iterations` times, one after the other, reads the clock around each, and checks every answer.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, or the runs took no longer than the waiting in them.
    fn sample(&self, iterations: u64) -> Result<Sample, String>;

    /// Runs the workload `runs` times, one after the other, reads the counters before and after each, and checks every
    /// answer.
    ///
    /// # Errors
    ///
    /// If an answer was wrong.
    fn count(&self, runs: u64, read: Read) -> Result<Vec<[Reading; 2]>, String>;

    /// Counts the threads of this process after the last sample, where the system says.
    ///
    /// # Errors
    ///
    /// If there are more than when the check had `observed` them: runs have left them behind.
    fn threads_left(&self, observed: &Observed) -> Result<Option<usize>, String>;

    /// Runs the workload once more or a few times and tells how late sleeps ended; `None` if none did.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, or a sleep ended early.
    fn lateness(&self) -> Result<Option<Lateness>, String>;

    /// Tells whether the check of a long run has watched so many sleeps that no further run is needed for them.
    fn is_watched_enough(&self, proof: &Proof) -> bool {
        let is_long = Duration::from_nanos(proof.took_ns).max(self.ideal()) >= LONG;
        is_long && proof.lateness.as_ref().is_some_and(|lateness| lateness.samples >= lateness::ENOUGH)
    }
}

/// Starts the executor and prepares the workload.
pub(crate) fn open<E, W>(config: &Config, size: u64) -> Box<dyn OpenCase>
where
    E: Executor,
    W: Workload<E> + Workload<Audited<E>>,
{
    parts::watch();
    let threads = platform::threads();
    // Prepared for the ledger to see, should it spawn a task: that is work which no clock sees.
    let workload = Arc::new(<W as Workload<Audited<E>>>::prepare_for(size, config.threads));
    let prepared_alone =
        threads.is_none_or(|threads| settled_threads(threads).is_none_or(|now| now <= threads));
    Box::new(Open { config: *config, executor: E::start(config), workload, prepared_alone })
}

struct Open<E, W> {
    config: Config,
    executor: E,
    workload: Arc<W>,
    /// False if `prepare` started a thread.
    prepared_alone: bool,
}

impl<E, W> Open<E, W>
where
    E: Executor,
    W: Workload<E> + Workload<Audited<E>>,
{
    /// Runs the workload again and again, and returns the time on the clock of all runs together, with the counters around
    /// each if they are to be `read`.
    ///
    /// Samples and counts share this loop, so that one root future is compiled for both.
    fn runs(&self, iterations: u64, read: Option<Read>) -> Result<(Duration, Vec<[Reading; 2]>), String> {
        let workload = self.workload.clone();
        let expected = <W as Workload<E>>::expected(&self.workload);
        // The clock is read in the root, on a worker: the way there and back is no part of the work.
        self.executor.run(async move {
            let mut wall = Duration::ZERO;
            let mut readings = Vec::new();
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

    /// Runs the workload once on the audited executor and checks its answer: to count the work, or to watch its sleeps.
    fn audited_run(&self) -> AuditedRun {
        let workload = self.workload.clone();
        let expected = <W as Workload<Audited<E>>>::expected(&self.workload);
        ledger::audit(&self.executor, async move {
            right(&<W as Workload<Audited<E>>>::run(workload).await, &expected)
        })
    }
}

impl<E, W> OpenCase for Open<E, W>
where
    E: Executor,
    W: Workload<E> + Workload<Audited<E>>,
{
    fn operations(&self) -> u64 {
        <W as Workload<E>>::operations(&self.workload)
    }

    fn ideal(&self) -> Duration {
        <W as Workload<E>>::ideal(&self.workload)
    }

    fn prove(&self) -> Result<Proof, String> {
        let start = Instant::now();
        let run = self.audited_run();
        let took = start.elapsed();
        let work = ledger::in_words_of_protocol(<W as Workload<E>>::work(&self.workload));
        run.check(&self.config, &work)?;
        run.answer.clone()?;
        let lateness = lateness::take()?;
        if !self.prepared_alone {
            return Err("prepare started a thread: work before the clock".into());
        }
        let workers = probe::workers(&self.executor, &self.config)?;
        check_workers(&run, &workers)?;
        let sleeps = lateness.as_ref().map_or(0, |lateness| lateness.samples);
        Ok(Proof {
            operations: self.operations(),
            ideal_ns: nanoseconds(self.ideal()),
            took_ns: nanoseconds(took),
            observed: observed(&run, &workers, sleeps),
            lateness,
        })
    }

    fn sample(&self, iterations: u64) -> Result<Sample, String> {
        // Discards what earlier runs, the check and those watched for lateness, have recorded.
        parts::take();
        <W as Workload<E>>::told(&self.workload);
        <W as Workload<E>>::told_ratio(&self.workload);
        let before = Usage::now();
        let (wall, _) = self.runs(iterations, None)?;
        let usage = before.zip(Usage::now()).map(|(before, after)| after - before);
        let waiting = self.ideal() * iterations as u32;
        if wall <= waiting {
            return Err(too_fast(iterations, wall, waiting));
        }
        let parts = parts::take();
        let (told, usage) = match <W as Workload<E>>::MEASURE {
            Measure::Clock | Measure::Ratio(_) => (None, usage),
            Measure::Told(_) => (Some(<W as Workload<E>>::told(&self.workload)), usage),
            Measure::Part(_) => (Some(one_each(&parts, iterations)?.wall), parts.usage),
            Measure::Processor => (Some(processor_time(one_each(&parts, iterations)?)?), parts.usage),
        };
        let is_ratio = matches!(<W as Workload<E>>::MEASURE, Measure::Ratio(_));
        Ok(Sample {
            iterations,
            wall_ns: nanoseconds(wall),
            cpu_ns: usage.map(|usage| nanoseconds(usage.cpu)),
            told_ns: told.map(nanoseconds),
            told_ratio: is_ratio.then(|| <W as Workload<E>>::told_ratio(&self.workload)),
            voluntary_switches: usage.and_then(|usage| usage.voluntary_switches),
            involuntary_switches: usage.and_then(|usage| usage.involuntary_switches),
            ..Sample::default()
        })
    }

    fn count(&self, runs: u64, read: Read) -> Result<Vec<[Reading; 2]>, String> {
        Ok(self.runs(runs, Some(read))?.1)
    }

    fn threads_left(&self, observed: &Observed) -> Result<Option<usize>, String> {
        let Some(before) = observed.threads_before else { return Ok(None) };
        // Pools start the threads for blocking jobs when they find more jobs than threads, which is a matter of luck.
        let pool = if observed.jobs > 0 { self.config.blocking_threads.get() } else { 0 };
        let after = settled_threads(before + pool);
        match after {
            Some(after) if after > before + pool => Err(format!("left {} threads behind", after - before)),
            _ => Ok(after),
        }
    }

    fn lateness(&self) -> Result<Option<Lateness>, String> {
        // A run that is there to wait has few sleeps that end, and watching it takes long.
        if <W as Workload<E>>::MEASURE == Measure::Processor {
            return Ok(None);
        }
        let _watching = Watching::sleeps();
        let start = Instant::now();
        loop {
            self.audited_run().answer?;
            if start.elapsed() >= WATCH || lateness::gathered() >= lateness::ENOUGH {
                return lateness::take();
            }
        }
    }
}

/// Checks that each of these runs had one part that is measured.
fn one_each(parts: &Parts, runs: u64) -> Result<&Parts, String> {
    if parts.ended == runs {
        return Ok(parts);
    }
    Err(format!("{runs} runs marked {} parts to be measured, it takes one each", parts.ended))
}

/// Returns the processor time of parts, where the system says.
fn processor_time(parts: &Parts) -> Result<Duration, String> {
    /// Less the kernel does not count.
    const LEAST: Duration = Duration::from_micros(1);
    parts
        .usage
        .map(|usage| usage.cpu.max(LEAST))
        .ok_or("this system does not say what a process used".to_owned())
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
    if answer == expected {
        return Ok(());
    }
    Err(wrong_answer(&format!("{answer:?}"), &format!("{expected:?}")))
}
