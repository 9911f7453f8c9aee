//! A cell's process: takes its order, checks the cell, measures it with Criterion, answers in lines of JSON.

use std::{
    any::Any,
    io::{self, BufRead, Read, Write},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process, thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use criterion::{Criterion, SamplingMode};
use executor_api::Config;

use crate::{
    case::{OpenCase, Taken},
    platform,
    protocol::{Answer, CellId, Checked, Done, Order, Sample, Sampling},
    results::Observed,
    suite::Suite,
};

/// Does what the standard input orders, then ends.
///
/// # Errors
///
/// If there is no order to read, or nobody to answer to. What goes wrong with the cell is an answer.
pub(crate) fn work(suite: &Suite) -> Result<()> {
    let mut stdout = platform::take_stdout().context("failed to take over the standard output")?;
    let mut order = String::new();
    io::stdin().lock().read_line(&mut order).context("failed to read the order")?;
    let order: Order = serde_json::from_str(&order).with_context(|| format!("no order: {order}"))?;
    thread::spawn(end_with_the_input);

    let mut answer = |answer: Answer| -> Result<()> {
        let line = serde_json::to_string(&answer)? + "\n";
        stdout.write_all(line.as_bytes()).context("failed to answer")
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| perform(suite, &order, &mut answer)));
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
/// If the lineup has no such case.
pub(crate) fn open(suite: &Suite, cell: &CellId) -> Result<Box<dyn OpenCase>> {
    let case = suite.case(&cell.workload, &cell.executor);
    let case = case.with_context(|| format!("the lineup has no {} on {}", cell.workload, cell.executor))?;
    Ok((case.open)(&config(cell)?, cell.size))
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

/// Runs a case as a Criterion benchmark and gives the samples it took.
///
/// # Panics
///
/// If a run answers wrong: Criterion has no other way out.
pub(crate) fn measure(
    case: &dyn OpenCase,
    cell: &CellId,
    criterion: &mut Criterion,
    samples: usize,
) -> Vec<Taken> {
    let mut taken = Vec::new();
    let mut group = criterion.benchmark_group(&cell.workload);
    // A sample is as long as the next: a cell's samples are all alike.
    group.sample_size(samples).sampling_mode(SamplingMode::Flat);
    let name = format!("{}/t{}/{}", cell.size, cell.threads, cell.executor);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let sample = case.sample(iterations).unwrap_or_else(|complaint| panic!("{complaint}"));
            taken.push(sample);
            sample.wall
        });
    });
    group.finish();
    // What came before the last ones was the warm-up.
    taken.split_off(taken.len().saturating_sub(samples))
}

fn perform(suite: &Suite, order: &Order, answer: &mut dyn FnMut(Answer) -> Result<()>) -> Result<Done> {
    let case = open(suite, &order.cell)?;
    let observed = case.check().map_err(|complaint| anyhow!(complaint))?;
    let ideal_ns = nanoseconds(case.ideal());
    let checked = Checked { operations: case.operations(), ideal_ns, observed: observed.clone() };
    answer(Answer::Checked(checked))?;
    let Some(sampling) = order.sampling else {
        return Ok(Done { peak_rss: platform::peak_rss(), threads_after: None, lateness: None });
    };
    let mut criterion = quick_criterion(&sampling, &order.scratch);
    for taken in measure(&*case, &order.cell, &mut criterion, sampling.samples) {
        answer(Answer::Sample(Sample {
            iterations: taken.iterations,
            wall_ns: nanoseconds(taken.wall),
            cpu_ns: taken.usage.map(|usage| nanoseconds(usage.cpu)),
            voluntary_switches: taken.usage.map(|usage| usage.voluntary_switches),
            involuntary_switches: taken.usage.map(|usage| usage.involuntary_switches),
        }))?;
    }
    conclude(&*case, &observed)
}

/// Looks at what the samples have left, then at the lateness of sleeps.
fn conclude(case: &dyn OpenCase, observed: &Observed) -> Result<Done> {
    // First of all: what comes after the samples is not to be in the peak.
    let peak_rss = platform::peak_rss();
    let threads_after = case.threads_left(observed).map_err(|complaint| anyhow!(complaint))?;
    let lateness = case.lateness(observed).map_err(|complaint| anyhow!(complaint))?;
    Ok(Done { peak_rss, threads_after, lateness })
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

/// Ends this process when its input ends: then the one who waited for it is gone.
fn end_with_the_input() {
    let mut rest = [0; 64];
    while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
    process::exit(1);
}

/// The text of a panic.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with no message")
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}
