//! A cell's process: takes its order, checks the cell, measures it, with Criterion if a run is short, answers in lines of
//! JSON.

use std::{
    any::Any,
    io::{self, BufRead, Write},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use criterion::{Criterion, SamplingMode};
use executor_api::Config;

use crate::{
    case::{OpenCase, Proof, Taken},
    costs::Counters,
    lateness, memory, platform,
    protocol::{Answer, CellId, Checked, Count, Counts, Done, GO, Order, Sample, Sampling},
    results::{Lateness, Observed},
    suite::Suite,
};

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It may read the clock.
    Measure,
    /// Its allocator is slowed down by counting.
    Count,
}

/// What a program that counts says to whoever wants times of it.
pub(crate) const ONLY_COUNTS: &str = "this program counts allocations, its times would mean nothing: use `cargo bench`, which starts it where it counts";

/// Does what the standard input orders, then ends.
///
/// # Errors
///
/// If there is no order to read, or nobody to answer to. What goes wrong with the cell is an answer.
pub(crate) fn work(suite: &Suite, program: Purpose) -> Result<()> {
    let mut stdout = platform::take_stdout().context("failed to take over the standard output")?;
    let mut order = String::new();
    io::stdin().lock().read_line(&mut order).context("failed to read the order")?;
    let order: Order = serde_json::from_str(&order).with_context(|| format!("no order: {order}"))?;
    ensure!(program == Purpose::Measure || order.sampling.is_none(), ONLY_COUNTS);
    let turns = turns();

    let mut answer = |answer: Answer| -> Result<()> {
        let line = serde_json::to_string(&answer)? + "\n";
        stdout.write_all(line.as_bytes()).context("failed to answer")
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| perform(suite, &order, &turns, &mut answer)));
    let outcome = outcome.unwrap_or_else(|panic| Err(anyhow!("panicked: {}", message_of(&*panic))));
    match outcome {
        Ok(done) => answer(Answer::Done(done)),
        Err(error) => answer(Answer::Failed(format!("{error:#}"))),
    }
}

/// Opens the case of a cell, in a process that has the environment the executor asks for.
///
/// # Errors
///
/// If the lineup has no such case, or its program does not start.
pub(crate) fn open(suite: &Suite, cell: &CellId) -> Result<Box<dyn OpenCase>> {
    suite
        .open(&cell.workload, &cell.executor, &config(cell)?, cell.size)
        .map_err(|complaint| anyhow!(complaint))
}

/// The configuration that a cell asks of its executor.
///
/// # Errors
///
/// If the cell asks for no threads at all.
pub(crate) fn config(cell: &CellId) -> Result<Config> {
    let threads = NonZeroUsize::new(cell.threads).with_context(|| format!("{cell}: no threads"))?;
    Ok(Config::new(threads))
}

/// Runs a case as a Criterion benchmark; `sample` does the runs that Criterion asks for and gives the time they took.
pub(crate) fn measure(
    cell: &CellId,
    criterion: &mut Criterion,
    samples: usize,
    sample: &mut dyn FnMut(u64) -> Duration,
) {
    let mut group = criterion.benchmark_group(&cell.workload);
    // A sample is as long as the next: a cell's samples are all alike.
    group.sample_size(samples).sampling_mode(SamplingMode::Flat);
    let name = format!("{}/t{}/{}", cell.size, cell.threads, cell.executor);
    group.bench_function(name, |bencher| bencher.iter_custom(&mut *sample));
    group.finish();
}

/// Takes a sample.
///
/// # Panics
///
/// If a run answers wrong: Criterion has no other way out.
pub(crate) fn take(case: &dyn OpenCase, iterations: u64) -> Taken {
    case.sample(iterations).unwrap_or_else(|complaint| panic!("{complaint}"))
}

/// Takes samples in turn with other processes; the warm-up, which is Criterion's, comes before the first turn.
struct InTurn<'a> {
    case: &'a dyn OpenCase,
    warm_up: Duration,
    samples: usize,
    turns: &'a Receiver<()>,
    answer: &'a mut dyn FnMut(Answer) -> Result<()>,
    /// Criterion's calls so far, and how long they took.
    calls: u32,
    elapsed: Duration,
    taken: usize,
}

impl InTurn<'_> {
    fn sample(&mut self, iterations: u64) -> Duration {
        if self.is_warm_up(iterations) {
            let start = Instant::now();
            let wall = take(self.case, iterations).wall;
            self.calls += 1;
            self.elapsed += start.elapsed();
            return wall;
        }
        self.take_turn(iterations)
    }

    fn take_turn(&mut self, iterations: u64) -> Duration {
        if self.taken == 0 {
            self.say(Answer::Ready(self.samples));
        }
        self.wait_for_turn();
        let taken = take(self.case, iterations);
        self.say(Answer::Sample(Sample {
            iterations,
            wall_ns: nanoseconds(taken.wall),
            told_ns: taken.told.map(nanoseconds),
            cpu_ns: taken.usage.map(|usage| nanoseconds(usage.cpu)),
            voluntary_switches: taken.usage.and_then(|usage| usage.voluntary_switches),
            involuntary_switches: taken.usage.and_then(|usage| usage.involuntary_switches),
        }));
        self.taken += 1;
        if self.taken == self.samples {
            // What Criterion does next takes processor time that belongs to others.
            self.wait_for_turn();
        }
        taken.wall
    }

    /// Criterion warms up with 1, 2, 4, ... runs, until they have taken long enough together; it does not say when it
    /// begins to measure.
    fn is_warm_up(&self, iterations: u64) -> bool {
        self.elapsed <= self.warm_up && Some(iterations) == 1_u64.checked_shl(self.calls)
    }

    fn wait_for_turn(&self) {
        self.turns.recv().expect("this process ends when its input does");
    }

    fn say(&mut self, answer: Answer) {
        (self.answer)(answer).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

/// Does what the order says, and gives the number of threads that there were, the executor not yet gone.
fn perform(
    suite: &Suite,
    order: &Order,
    turns: &Receiver<()>,
    answer: &mut dyn FnMut(Answer) -> Result<()>,
) -> Result<Done> {
    // Before the executor starts its threads, which are then counted too.
    let counters = (order.count == Some(Count::Costs)).then(Counters::open).transpose()?;
    let case = open(suite, &order.cell)?;
    // Before the check, which is a run too and would have taken the memory already.
    let memory = (order.count == Some(Count::Memory)).then(|| memory::measure(&*case)).transpose()?;
    let Proof { observed, lateness, took } = case.check().map_err(|complaint| anyhow!(complaint))?;
    let ideal_ns = nanoseconds(case.ideal());
    let checked = Checked { operations: case.operations(), ideal_ns, observed: observed.clone() };
    answer(Answer::Checked(checked))?;
    if let Some(used) = memory {
        answer(Answer::Counted(Counts::Memory(used)))?;
    }
    if let Some(counters) = counters {
        answer(Answer::Counted(Counts::Costs(counters.count(&*case)?)))?;
    }
    let Some(sampling) = order.sampling else {
        let peak_rss = case.peak_rss();
        case.end().map_err(|complaint| anyhow!(complaint))?;
        return Ok(Done { peak_rss, threads_after: None, lateness: None });
    };
    let is_slow = is_slow(&sampling, case.ideal(), took);
    let samples = if is_slow { 1 } else { samples(&sampling, take(&*case, 1).wall) };
    let warm_up = sampling.warm_up;
    let elapsed = Duration::ZERO;
    let mut in_turn = InTurn { case: &*case, warm_up, samples, turns, answer, calls: 0, elapsed, taken: 0 };
    if samples < sampling.samples {
        // The check was the warm-up, and the run that was to tell how long one takes.
        for _ in 0..samples {
            in_turn.take_turn(1);
        }
    } else {
        let mut criterion = quick_criterion(&sampling, &order.scratch);
        measure(&order.cell, &mut criterion, samples, &mut |iterations| in_turn.sample(iterations));
    }
    // What a slow run is delayed by being counted is little beside what it takes, and to watch another takes as long again.
    let enough = lateness.filter(|lateness| is_slow && lateness.samples >= lateness::ENOUGH);
    conclude(&*case, &observed, enough)
}

/// Looks at what the samples have left, then at the lateness of sleeps, unless it is known.
fn conclude(case: &dyn OpenCase, observed: &Observed, known: Option<Lateness>) -> Result<Done> {
    // First of all: what comes after the samples is not to be in the peak.
    let peak_rss = case.peak_rss();
    let threads_after = case.threads_left(observed).map_err(|complaint| anyhow!(complaint))?;
    let lateness = match known {
        Some(known) => Some(known),
        None => case.lateness(observed).map_err(|complaint| anyhow!(complaint))?,
    };
    case.end().map_err(|complaint| anyhow!(complaint))?;
    Ok(Done { peak_rss, threads_after, lateness })
}

/// Whether it is known after the check that a run takes longer than the whole measurement: it waits as long, or the one
/// that was counted took twice as long. Then no run is spent on finding out.
fn is_slow(sampling: &Sampling, ideal: Duration, counted: Duration) -> bool {
    ideal.max(counted / 2) >= sampling.measurement
}

/// How many samples of a run that takes so long: as many as fit, because many short ones in turn with those of other
/// lanes share what disturbs the machine better than few long ones. Where fewer fit than Criterion asks for, and be it one,
/// it is done without: it is the process that is repeated.
fn samples(sampling: &Sampling, run: Duration) -> usize {
    let fit = sampling.measurement.as_nanos() / run.as_nanos().max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, sampling.most_samples)
}

fn quick_criterion(sampling: &Sampling, scratch: &Path) -> Criterion {
    Criterion::default()
        .output_directory(scratch)
        .warm_up_time(sampling.warm_up)
        .measurement_time(sampling.measurement)
        // The intervals of the report are made of blocks; Criterion's own are read by nobody.
        .nresamples(1_001)
        .without_plots()
}

/// Listens for turns, and ends this process when its input ends: then the one who waited for it is gone.
fn turns() -> Receiver<()> {
    let (sender, turns) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if !line.is_ok_and(|line| line == GO.trim_end()) {
                break;
            }
            // Nobody listens any more once the samples are taken.
            sender.send(()).ok();
        }
        platform::end_this_with_children();
    });
    turns
}

/// The text of a panic.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with no message")
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SAMPLING: Sampling =
        Sampling { warm_up: MS, measurement: Duration::from_millis(60), samples: 10, most_samples: 30 };

    #[test]
    fn a_run_has_as_many_samples_as_fit_and_one_at_least() {
        let of_run = |micros| samples(&SAMPLING, Duration::from_micros(micros));
        assert_eq!([0, 1, 2_000, 3_000, 6_000, 7_000].map(of_run), [30, 30, 30, 20, 10, 8]);
        assert_eq!([59_999, 60_000, 1_000_000].map(of_run), [1, 1, 1]);
    }

    #[test]
    fn a_run_is_known_to_be_slow_if_it_waits_as_long_as_the_measurement_or_took_twice_as_long_counted() {
        for (ideal, counted, expected) in [
            (0, 1, false),
            (59, 119, false),
            (60, 61, true),
            (0, 119, false),
            (0, 120, true),
            (10, 1_000, true),
        ] {
            assert_eq!(is_slow(&SAMPLING, ideal * MS, counted * MS), expected, "{ideal} ms, {counted} ms");
        }
    }
}
