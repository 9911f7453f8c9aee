//! One workload on one started executor: the only place where a clock is read around the work.

use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, Instant},
};

use executor_api::{Config, Executor};
use workload_api::Workload;

use crate::{
    costs::Reading,
    ledger::{self, Counted},
    platform::Usage,
    results::Observed,
};

/// A prepared workload on a started executor.
pub trait OpenCase {
    /// How many operations one run has.
    fn operations(&self) -> u64;

    /// The waiting in one run that no executor can avoid.
    fn ideal(&self) -> Duration;

    /// Runs the workload once, uncounted by any clock, and checks its answer and the work itself.
    ///
    /// # Errors
    ///
    /// What was wrong: the answer, a task left behind, a thread too many, a root on the wrong thread.
    fn check(&self) -> Result<Observed, String>;

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
}

/// Reads the counters of this process.
pub(crate) type Read = Arc<dyn Fn() -> Reading + Send + Sync>;

/// What a number of runs took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// How many runs.
    pub iterations: u64,
    /// Time on the clock, the work alone.
    pub wall: Duration,
    /// What the process used meanwhile, where the system says.
    pub usage: Option<Usage>,
}

/// Starts the executor and prepares the workload.
pub(crate) fn open<E, W>(config: &Config, size: u64) -> Box<dyn OpenCase>
where
    E: Executor,
    W: Workload<E> + Workload<Counted<E>>,
{
    let workload = Arc::new(<W as Workload<E>>::prepare(size));
    Box::new(Open { config: *config, executor: E::start(config), workload })
}

struct Open<E, W> {
    config: Config,
    executor: E,
    workload: Arc<W>,
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

    fn check(&self) -> Result<Observed, String> {
        let workload = self.workload.clone();
        let (answer, observed) =
            ledger::count(&self.executor, &self.config, move || <W as Workload<Counted<E>>>::run(workload))?;
        right(&answer, &<W as Workload<Counted<E>>>::expected(&self.workload))?;
        Ok(observed)
    }

    fn sample(&self, iterations: u64) -> Result<Taken, String> {
        let workload = self.workload.clone();
        let expected = <W as Workload<E>>::expected(&self.workload);
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
            return Err(format!(
                "{iterations} runs took {wall:?}, no more than the {waiting:?} of waiting in them"
            ));
        }
        Ok(Taken { iterations, wall, usage })
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
}

fn right<A: PartialEq + Debug>(answer: &A, expected: &A) -> Result<(), String> {
    if answer == expected {
        return Ok(());
    }
    let shorten = |text: String| match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    };
    let [answer, expected] = [answer, expected].map(|answer| shorten(format!("{answer:?}")));
    Err(format!("wrong answer: {answer}, expected {expected}"))
}
