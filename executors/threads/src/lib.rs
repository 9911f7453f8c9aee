//! The threads lane: the programs of the race without an executor, a thread of the system for each task.
//!
//! A thread is no executor by our contract: it cannot be cancelled, and nothing but the number of processors says how
//! many of them run at once. So this is a lane as a program in another language is one. It
//! speaks the lines of `lane-protocol`; `workloads/NAME/src/lib.rs` has the program that each of `programs.rs` must equal: the same
//! tasks, the same answer.
//!
//! A second program of this crate, `epoll`, is what the kernel takes of an echo: a loop of one thread, and no tasks. A third,
//! `rayon-join`, is rayon without futures. With the argument `loops` the first is the lane `loops`, the baseline of workloads that
//! compute.

mod join;
mod loops;
mod programs;
mod sockets;

#[cfg(target_os = "linux")]
mod epoll;

use std::{
    io::{self, BufRead, Write},
    num::NonZeroUsize,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use lane_protocol::{LaneDescription, Ledger, PROTOCOL, Ready, Reply, Request, Rest, Sample};
use serde_json::Value;

use programs::{Pool, Program, Run};
use sockets::Connections;

/// Runs programs of the race, in one way.
struct Lane {
    programs: &'static [Program],
    version: String,
    /// The fewest and the most threads that run tasks at once.
    threads: [usize; 2],
    /// Starts the threads that run tasks, if they are there before the tasks.
    start: fn(usize) -> io::Result<()>,
    /// The mechanism by which it waits for sockets.
    driver: &'static str,
    /// Takes a sample of a size on so many threads in a way of its own, if it does not run a program again and again.
    sample: Option<fn(u64, usize, u64) -> Sample>,
}

/// More threads than any machine is asked for here.
const MOST: usize = 1_024;

/// Is the lane `threads`: answers the lines of standard input until they end.
pub fn threads() -> ExitCode {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let version = format!("std::thread on {}", std::env::consts::OS);
    main(&Lane {
        programs: programs::PROGRAMS,
        version,
        threads: [threads; 2],
        start: nothing,
        driver: "blocking calls",
        sample: None,
    })
}

/// Is the lane `loops`: answers the lines of standard input until they end.
pub fn loops() -> ExitCode {
    let version = format!("loops on std::thread, {}", std::env::consts::OS);
    main(&Lane {
        programs: loops::PROGRAMS,
        version,
        threads: [1, MOST],
        start: nothing,
        driver: "none",
        sample: Some(loops::sample),
    })
}

/// Is the lane `rayon-join`: answers the lines of standard input until they end.
pub fn rayon_join() -> ExitCode {
    let version = "rayon, of the same version as the lane rayon".to_owned();
    main(&Lane {
        programs: join::PROGRAMS,
        version,
        threads: [1, MOST],
        start: join::start,
        driver: "none",
        sample: None,
    })
}

/// Is the lane `epoll`: answers the lines of standard input until they end.
#[cfg(target_os = "linux")]
pub fn epoll() -> ExitCode {
    let version = "epoll of Linux".to_owned();
    main(&Lane {
        programs: epoll::PROGRAMS,
        version,
        threads: [1; 2],
        start: nothing,
        driver: "epoll",
        sample: None,
    })
}

/// Is the lane `epoll`, which this system cannot have.
#[cfg(not(target_os = "linux"))]
pub fn epoll() -> ExitCode {
    say(&Reply::NotApplicable("needs Linux".to_owned()));
    ExitCode::SUCCESS
}

/// Starts no threads: each task has its own, or there is one for all.
fn nothing(_threads: usize) -> io::Result<()> {
    Ok(())
}

fn main(lane: &Lane) -> ExitCode {
    match serve(lane) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            say(&Reply::Failed(complaint));
            ExitCode::FAILURE
        }
    }
}

fn serve(lane: &Lane) -> Result<(), String> {
    let mut lines = io::stdin().lock().lines().map(|line| line.map_err(|error| error.to_string()));
    let Some(request) = lines.next() else { return Ok(()) };
    let cell = match parse(&request?)? {
        Request::Describe(_) => {
            describe(lane);
            return Ok(());
        }
        Request::Cell(cell) => cell,
        _ => return Err("was asked out of turn".to_owned()),
    };
    let program = lane.programs.iter().find(|program| program.name == cell.workload);
    let program = program.ok_or_else(|| format!("there is no program for {}", cell.workload))?;
    let threads = cell.threads.clamp(lane.threads[0], lane.threads[1]);
    (lane.start)(threads).map_err(out_of_threads)?;
    let pool = Pool::start(cell.blocking_threads).map_err(out_of_threads)?;
    let connections = program.connect.map(|connect| connect(cell.size)).transpose();
    let mut connections = connections.map_err(|error| program.complaint(&error))?.unwrap_or_default();
    let driver = program.has_sockets().then(|| lane.driver.to_owned());
    say(&Reply::Observed(Ready { threads, proof: None, driver }));
    for line in lines {
        match parse(&line?)? {
            Request::Runs(iterations) => say(&Reply::Sample(match lane.sample {
                Some(sample) => sample(cell.size, threads, iterations),
                None => sample(program, cell.size, &pool, &mut connections, iterations)?,
            })),
            Request::Rest { .. } => say(&Reply::Rest(Rest::default())),
            _ => return Err("was asked out of turn".to_owned()),
        }
    }
    Ok(())
}

fn parse(line: &str) -> Result<Request, String> {
    serde_json::from_str(line).map_err(|error| format!("read an invalid request: {error}"))
}

fn describe(lane: &Lane) {
    let workloads = lane.programs.iter().map(|program| (program.name.to_owned(), program.largest));
    say(&Reply::Lane(LaneDescription {
        protocol: PROTOCOL,
        version: lane.version.clone(),
        threads: lane.threads,
        workloads: workloads.collect(),
    }));
}

/// Runs a program so many times, one after the other.
fn sample(
    program: &Program,
    size: u64,
    pool: &Pool,
    connections: &mut Connections,
    iterations: u64,
) -> Result<Sample, String> {
    let mut lateness_ns = Vec::new();
    let mut last = (Value::Null, Ledger::default());
    let (before, start) = (cpu_time(), Instant::now());
    for _ in 0..iterations {
        let mut run = Run::new(size, pool, connections);
        let answer = (program.run)(&mut run).map_err(|error| program.complaint(&error))?;
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
        answer: Some(answer),
        ledger: Some(ledger),
        lateness_ns,
        ..Sample::default()
    })
}

fn say(reply: &Reply) {
    let mut stdout = io::stdout().lock();
    // A lab that has stopped listening does not miss it.
    stdout.write_all(reply.line().as_bytes()).and_then(|()| stdout.flush()).ok();
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
