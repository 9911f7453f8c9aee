//! One workload on one started executor: the only place where a clock is read around the work.

use std::{
    fmt::Debug,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use executor_api::{Config, Executor};
use workload_api::{Measure, Workload};

use crate::{
    child::shorten,
    costs::Reading,
    lateness,
    ledger::{self, Counted, CountedRun, Watching},
    parts::{self, Parts},
    platform::{self, Usage},
    probe::{self, Workers},
    results::{Lateness, Observed},
};

/// How long threads that have ended may take to be gone.
const PARTING: Duration = Duration::from_millis(100);

/// How long sleeps are watched at most, as far as that goes in whole runs.
const WATCH: Duration = Duration::from_millis(20);

/// A prepared workload on a started executor.
pub trait OpenCase {
    /// How many operations one run has.
    fn operations(&self) -> u64;

    /// The waiting in one run that no executor can avoid.
    fn ideal(&self) -> Duration;

    /// Runs the workload once, uncounted by any clock, and checks its answer, the work itself, and the workers.
    ///
    /// # Errors
    ///
    /// What was wrong: the answer, work that is not as specified, a worker too few, a root on the wrong thread.
    fn check(&self) -> Result<Proof, String>;

    /// Runs the workload `iterations` times and says what that took; checks every answer.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, or a run took no more than the waiting in it.
    fn sample(&self, iterations: u64) -> Result<Taken, String>;

    /// Runs the workload `runs` times, one after the other, and gives what `read` said before and after each; checks
    /// every answer.
    ///
    /// # Errors
    ///
    /// If an answer was wrong.
    fn count(&self, runs: usize, read: Read) -> Result<Vec<[Reading; 2]>, String>;

    /// Counts the threads of this process after the last sample, where the system says.
    ///
    /// # Errors
    ///
    /// If there are more than when the check had `observed` them: runs have left them behind.
    fn threads_left(&self, observed: &Observed) -> Result<Option<usize>, String>;

    /// Runs the workload once more or a few times and tells how late sleeps ended; none where nobody waits for a sleep's
    /// end.
    ///
    /// # Errors
    ///
    /// If an answer was wrong, or a sleep ended early.
    fn lateness(&self, observed: &Observed) -> Result<Option<Lateness>, String>;

    /// The most memory that the process of the runs ever had, where the system says.
    fn peak_rss(&self) -> Option<u64> {
        platform::peak_rss()
    }

    /// Ends what the case has started; the last call.
    ///
    /// # Errors
    ///
    /// If it does not end as it should.
    fn end(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Reads the counters of this process.
pub(crate) type Read = Arc<dyn Fn() -> Reading + Send + Sync>;

/// What a run has shown that was checked.
#[derive(Debug)]
pub struct Proof {
    /// What the lane was seen to do.
    pub observed: Observed,
    /// How late its sleeps ended.
    pub lateness: Option<Lateness>,
    /// How long it took, being counted: rather longer than one that is not.
    pub took: Duration,
}

/// What a number of runs took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// How many runs.
    pub iterations: u64,
    /// Time on the clock, the work alone.
    pub wall: Duration,
    /// What the runs lost beyond the ideal, where it is not the clock that says so.
    pub told: Option<Duration>,
    /// What the process used meanwhile, where the system says.
    pub usage: Option<Usage>,
}

/// Starts the executor and prepares the workload.
pub(crate) fn open<E, W>(config: &Config, size: u64) -> Box<dyn OpenCase>
where
    E: Executor,
    W: Workload<E> + Workload<Counted<E>>,
{
    parts::watch();
    let threads = platform::threads();
    // Prepared for the ledger to see, should it spawn a task: that is work which no clock sees.
    let workload = Arc::new(<W as Workload<Counted<E>>>::prepare_for(size, config.threads));
    let prepared_alone =
        threads.is_none_or(|threads| settled_threads(threads).is_none_or(|now| now <= threads));
    Box::new(Open { config: *config, executor: E::start(config), workload, prepared_alone })
}

struct Open<E, W> {
    config: Config,
    executor: E,
    workload: Arc<W>,
    /// Whether no thread was there after the workload had been prepared that was not there before.
    prepared_alone: bool,
}

impl<E, W> OpenCase for Open<E, W>
where
    E: Executor,
    W: Workload<E> + Workload<Counted<E>>,
{
    fn operations(&self) -> u64 {
        <W as Workload<E>>::operations(&self.workload)
    }

    fn ideal(&self) -> Duration {
        <W as Workload<E>>::ideal(&self.workload)
    }

    fn check(&self) -> Result<Proof, String> {
        let workload = self.workload.clone();
        let work = <W as Workload<Counted<E>>>::work(&self.workload);
        let start = Instant::now();
        let run = ledger::count(&self.executor, &self.config, &work, || {
            <W as Workload<Counted<E>>>::run(workload)
        })?;
        let took = start.elapsed();
        right(&run.output, &<W as Workload<Counted<E>>>::expected(&self.workload))?;
        let lateness = lateness::take()?;
        let sleeps = lateness.as_ref().map_or(0, |lateness| lateness.samples);
        if !self.prepared_alone {
            return Err("prepare started a thread: work before the clock".into());
        }
        let workers = probe::workers(&self.executor, &self.config)?;
        check_workers(&run, &workers)?;
        Ok(Proof { observed: observed(&run, &workers, sleeps), lateness, took })
    }

    fn sample(&self, iterations: u64) -> Result<Taken, String> {
        let workload = self.workload.clone();
        let expected = <W as Workload<E>>::expected(&self.workload);
        // What the check has told, and the runs of the last lateness, is none of this sample's.
        parts::take();
        <W as Workload<E>>::told(&self.workload);
        let before = Usage::now();
        // The clock is read in the root, on a worker: the way there and back is no part of the work.
        let checked = self.executor.run(async move {
            let mut wall = Duration::ZERO;
            for _ in 0..iterations {
                let workload = workload.clone();
                let start = Instant::now();
                let answer = <W as Workload<E>>::run(workload).await;
                wall += start.elapsed();
                right(&answer, &expected)?;
            }
            Ok::<_, String>(wall)
        });
        let usage = before.zip(Usage::now()).map(|(before, after)| after - before);
        let wall = checked?;
        let waiting = self.ideal() * iterations as u32;
        if wall <= waiting {
            return Err(too_fast(iterations, wall, waiting));
        }
        let parts = parts::take();
        let (told, usage) = match <W as Workload<E>>::MEASURE {
            Measure::Clock => (None, usage),
            Measure::Told(_) => (Some(<W as Workload<E>>::told(&self.workload)), usage),
            Measure::Part(_) => (Some(one_each(&parts, iterations)?.wall), parts.usage),
            Measure::Processor => (Some(processor_time(one_each(&parts, iterations)?)?), parts.usage),
        };
        Ok(Taken { iterations, wall, told, usage })
    }

    fn count(&self, runs: usize, read: Read) -> Result<Vec<[Reading; 2]>, String> {
        let workload = self.workload.clone();
        let expected = <W as Workload<E>>::expected(&self.workload);
        // In the root, as the clock is: what it takes to get there is no part of the work.
        self.executor.run(async move {
            let mut readings = Vec::with_capacity(runs);
            for _ in 0..runs {
                let workload = workload.clone();
                let before = read();
                let answer = <W as Workload<E>>::run(workload).await;
                readings.push([before, read()]);
                right(&answer, &expected)?;
            }
            Ok(readings)
        })
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

    fn lateness(&self, observed: &Observed) -> Result<Option<Lateness>, String> {
        // A run that is there to wait has few sleeps that end, and watching it takes long.
        if observed.sleeps == 0 || <W as Workload<E>>::MEASURE == Measure::Processor {
            return Ok(None);
        }
        let expected = <W as Workload<Counted<E>>>::expected(&self.workload);
        let _watching = Watching::sleeps();
        let start = Instant::now();
        loop {
            let workload = self.workload.clone();
            let answer = self.executor.run(async { <W as Workload<Counted<E>>>::run(workload).await });
            right(&answer, &expected)?;
            if start.elapsed() >= WATCH || lateness::gathered() >= lateness::ENOUGH {
                return lateness::take();
            }
        }
    }
}

/// The parts of so many runs, of which each has one.
fn one_each(parts: &Parts, runs: u64) -> Result<&Parts, String> {
    if parts.ended == runs {
        return Ok(parts);
    }
    Err(format!("{runs} runs marked {} parts to be measured, it takes one each", parts.ended))
}

/// The processor time of parts, where the system says.
fn processor_time(parts: &Parts) -> Result<Duration, String> {
    /// Less the kernel does not count.
    const LEAST: Duration = Duration::from_micros(1);
    parts
        .usage
        .map(|usage| usage.cpu.max(LEAST))
        .ok_or("this system does not say what a process used".to_owned())
}

/// Compares the workers that came when they were called with the threads that did the work of the run.
fn check_workers<T>(run: &CountedRun<T>, workers: &Workers) -> Result<(), String> {
    if !workers.contains_key(&run.root) {
        return Err("the root ran on a thread that is no worker".into());
    }
    let strangers = run.counts.threads.iter().filter(|thread| !workers.contains_key(thread)).count();
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

fn observed<T>(run: &CountedRun<T>, workers: &Workers, sleeps: u64) -> Observed {
    let counts = &run.counts;
    Observed {
        threads: counts.threads.len(),
        spawned: counts.spawned,
        finished: counts.finished,
        cancelled: counts.cancelled,
        polls: Some(counts.polls),
        jobs: counts.jobs,
        jobs_at_once: Some(counts.jobs_at_once),
        at_once: Some(counts.at_once),
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

/// What is said of a wrong answer.
pub(crate) fn wrong_answer(answer: &str, expected: &str) -> String {
    let [answer, expected] = [answer, expected].map(|answer| shorten(answer, 200));
    format!("wrong answer: {answer}, expected {expected}")
}

/// What is said of runs that took no more than the waiting in them.
pub(crate) fn too_fast(runs: u64, wall: Duration, waiting: Duration) -> String {
    format!("{runs} runs took {wall:?}, no more than the {waiting:?} of waiting in them")
}
