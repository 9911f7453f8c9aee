//! The threads lane: the programs of the race without an executor, a thread of the system for each task.
//!
//! A thread is no executor by our contract: it cannot be cancelled, and nothing but the number of processors says how
//! many of them run at once. So this is a lane as a program in another language is one. CONTRIBUTING.md has the
//! protocol that it speaks, `workloads/NAME/src/lib.rs` the program that each of `programs.rs` must equal: the same
//! tasks, the same answer.

mod programs;

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    num::NonZeroUsize,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use programs::{Pool, Program, Run};

/// The first line of the input.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Request {
    Describe {},
    Cell(Cell),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cell {
    workload: String,
    size: u64,
    blocking_threads: usize,
}

/// A line of the output.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Reply {
    Lane { version: String, threads: [usize; 2], workloads: BTreeMap<&'static str, Option<u64>> },
    Observed { threads: usize },
    Sample(Sample),
    Failed(String),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Sample {
    iterations: u64,
    wall_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told_ns: Option<u64>,
    answer: Value,
    ledger: Ledger,
    lateness_ns: Vec<u64>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Ledger {
    spawned: u64,
    finished: u64,
    cancelled: u64,
    jobs: u64,
}

/// Answers the lines of standard input until they end.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            say(&Reply::Failed(complaint));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let mut lines = io::stdin().lock().lines().map(|line| line.map_err(|error| error.to_string()));
    let Some(request) = lines.next() else { return Ok(()) };
    let request = serde_json::from_str(&request?).map_err(|error| error.to_string())?;
    let cell: Cell = match request {
        Request::Describe {} => {
            describe();
            return Ok(());
        }
        Request::Cell(cell) => cell,
    };
    let program = programs::PROGRAMS.iter().find(|program| program.name == cell.workload);
    let program = program.ok_or_else(|| format!("there is no program for {}", cell.workload))?;
    let pool = Pool::start(cell.blocking_threads).map_err(out_of_threads)?;
    say(&Reply::Observed { threads: processors() });
    for line in lines {
        let iterations = line?.trim().parse().map_err(|error| format!("no number of runs: {error}"))?;
        say(&Reply::Sample(sample(program, cell.size, &pool, iterations)?));
    }
    Ok(())
}

fn describe() {
    let workloads = programs::PROGRAMS.iter().map(|program| (program.name, program.largest)).collect();
    let version = format!("std::thread on {}", std::env::consts::OS);
    say(&Reply::Lane { version, threads: [processors(); 2], workloads });
}

/// How many tasks run at once, whatever we would like.
fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Runs a program so many times, one after the other.
fn sample(program: &Program, size: u64, pool: &Pool, iterations: u64) -> Result<Sample, String> {
    let mut lateness_ns = Vec::new();
    let mut last = (Value::Null, Ledger::default());
    let (before, start) = (cpu_time(), Instant::now());
    for _ in 0..iterations {
        let mut run = Run::new(size, pool);
        let answer = (program.run)(&mut run).map_err(out_of_threads)?;
        last = (answer, run.ledger());
        lateness_ns.append(&mut run.lateness_ns);
    }
    let (wall, cpu) = (start.elapsed(), cpu_time().zip(before).map(|(after, before)| after - before));
    let (answer, ledger) = last;
    Ok(Sample {
        iterations,
        wall_ns: nanoseconds(wall),
        cpu_ns: cpu.map(nanoseconds),
        told_ns: program.tells.then(|| lateness_ns.iter().sum()),
        answer,
        ledger,
        lateness_ns,
    })
}

fn say(reply: &Reply) {
    let line = serde_json::to_string(reply).expect("a reply is plain data");
    // Whoever has stopped listening does not miss it.
    writeln!(io::stdout(), "{line}").ok();
}

fn out_of_threads(error: io::Error) -> String {
    format!("the system starts no more threads: {error}")
}

/// What this process has used of the processors, all its threads together.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    use nix::sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    };
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let sum = usage.user_time() + usage.system_time();
    u64::try_from(sum.num_microseconds()).ok().map(Duration::from_micros)
}

/// What this process has used of the processors, which this system does not say.
#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("nothing takes five hundred years")
}
