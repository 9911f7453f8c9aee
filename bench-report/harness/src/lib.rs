//! Runs one workload on one executor in a process of its own, and answers the lines of the lab.
//!
//! [`serve`] is the whole program. It is generic over nothing: [`Suite`] turns executors and workloads into plain data with
//! a function pointer for each pair, and from there on a pair is an [`OpenCase`]. Inside the clock everything was compiled
//! for that one pair.
//!
//! # Layout
//!
//! - [`suite`]: from generic code to a list of cases, and the lineup as the lab sees it
//! - [`case`](OpenCase): one workload on one started executor; the only place where a clock is read around the work
//! - [`audited`](Audited): the executor of this process for runs that are checked, compiled once for each workload
//! - [`watched`](Watched): the executor for runs whose sleeps are watched, compiled for each pair
//! - `ledger`, `probe`, `lateness`, `parts`: the work of a run, the workers, late sleeps, the part that is measured
//! - `costs`, `memory`: what a run costs besides time; `counters`, `kernel` and [`Allocator`] count
//! - `platform`: what only some systems tell of this process

pub mod suite;

mod audited;
mod case;
mod lateness;
mod ledger;
mod parts;
mod probe;
mod watched;

mod allocator;
mod costs;
mod counters;
mod kernel;
mod memory;

mod platform;

use std::{
    any::Any,
    io::{self, BufRead, Write},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use executor_api::Config;
use lane_protocol::{Cell, Count, CountRequest, Counts, Proof, Ready, Reply, Request, Rest, TrackBuild};

pub use lane_protocol::Tier;

pub use crate::{
    allocator::Allocator,
    audited::Audited,
    case::{Fault, OpenCase},
    suite::{Suite, about_program},
    watched::Watched,
};

use crate::costs::Counters;

/// The time that this process may take to end after its input has.
const PARTING: Duration = Duration::from_millis(700);

/// Answers the lines of the standard input until they end.
///
/// A fault of the cell is an answer. The exit code is that of an error only if nobody can be answered.
pub fn serve(suite: &Suite, build: &TrackBuild) -> ExitCode {
    let Ok(mut stdout) = platform::take_stdout() else {
        eprintln!("error: failed to take over the standard output");
        return ExitCode::FAILURE;
    };
    let mut say = |reply: &Reply| stdout.write_all(reply.line().as_bytes()).is_ok();
    let requests = match listen() {
        Ok(requests) => requests,
        Err(error) => {
            // Only an answer that somebody has asked for is heard.
            io::stdin().lock().read_line(&mut String::new()).ok();
            say(&Reply::Failed(format!("cannot start a thread: {error}")));
            return ExitCode::SUCCESS;
        }
    };
    let conversation = AssertUnwindSafe(|| converse(suite, build, &requests, &mut say));
    let outcome = catch_unwind(conversation);
    let outcome = outcome.unwrap_or_else(|panic| Err(format!("panicked: {}", message_of(&*panic)).into()));
    match outcome {
        Ok(()) => {}
        Err(Fault::Failed(reason)) => drop(say(&Reply::Failed(reason))),
        Err(Fault::Spoiled(reason)) => drop(say(&Reply::Spoiled(reason))),
    }
    ExitCode::SUCCESS
}

/// Answers one request after the other. The case, and with it its executor, ends when the requests do.
fn converse(
    suite: &Suite,
    build: &TrackBuild,
    requests: &Receiver<String>,
    say: &mut dyn FnMut(&Reply) -> bool,
) -> Result<(), Fault> {
    let mut prepared: Option<(OpenCase, Option<Proof>)> = None;
    for line in requests {
        let request = serde_json::from_str(&line);
        let request = request.map_err(|error| format!("read an invalid request: {error}"))?;
        let reply = match (request, &prepared) {
            (Request::Describe(asked), None) => Reply::Lineup(Box::new(suite.lineup(build, &asked.threads))),
            (Request::Specify(asked), None) => Reply::Specification(suite.specification(&asked)?),
            (Request::Count(asked), None) => Reply::Counted(count(suite, &asked)?),
            (Request::Cell(cell), None) => {
                let case = open(suite, &cell)?;
                let proof = if cell.checked { None } else { Some(case.prove()?) };
                let threads = proof.as_ref().map_or(cell.threads, |proof| proof.observed.threads);
                let ready = Ready { threads, proof: proof.clone(), driver: None };
                prepared = Some((case, proof));
                Reply::Observed(ready)
            }
            (Request::Runs(iterations @ 1..), Some((case, _))) => Reply::Sample(case.sample(iterations)?),
            (Request::Rest { watch }, Some((case, proof))) => Reply::Rest(rest(case, proof.as_ref(), watch)?),
            _ => return Err(format!("was asked out of turn: `{}`", line.trim_end()).into()),
        };
        if !say(&reply) {
            break;
        }
    }
    Ok(())
}

/// Starts the executor of a cell and prepares its workload, in a process that has the environment the executor asks for.
fn open(suite: &Suite, cell: &Cell) -> Result<OpenCase, String> {
    let [threads, blocking_threads] = [cell.threads, cell.blocking_threads].map(NonZeroUsize::new);
    let (Some(threads), Some(blocking_threads)) = (threads, blocking_threads) else {
        return Err("a cell has threads, 1 or more of each kind".to_owned());
    };
    let config = Config { blocking_threads, ..Config::new(threads) };
    suite.open(&cell.workload, &cell.lane, &config, cell.size)
}

/// Counts what the runs of a cell cost besides time.
fn count(suite: &Suite, CountRequest { what, cell }: &CountRequest) -> Result<Counts, String> {
    match what {
        Count::Costs => {
            // Before the executor starts its threads, which are then counted too.
            let counters = Counters::open()?;
            let case = open(suite, cell)?;
            if !cell.checked {
                case.prove()?;
            }
            Ok(Counts::Costs(counters.count(&case)?))
        }
        Count::Memory => {
            let case = open(suite, cell)?;
            // Before the check, which is a run too and would have taken the memory already.
            let used = memory::measure(&case)?;
            if !cell.checked {
                case.prove()?;
            }
            Ok(Counts::Memory(used))
        }
    }
}

/// Looks at what the samples have left and told of, then at the lateness of sleeps, if they are to be watched.
fn rest(case: &OpenCase, proof: Option<&Proof>, watch: bool) -> Result<Rest, String> {
    // First of all: what comes after the samples is not to be in the peak.
    let peak_rss = platform::peak_rss();
    let threads_after = match proof {
        Some(proof) => case.threads_left(&proof.observed)?,
        None => platform::threads(),
    };
    let told = lateness::take()?;
    let watched = if watch { case.lateness()? } else { None };
    Ok(Rest { peak_rss, threads_after, lateness: told.or(watched) })
}

/// Listens to the standard input. When it ends, so does this process, be it in the midst of a run: the lab is gone, or has
/// given up.
///
/// # Errors
///
/// If there is no thread left for it.
fn listen() -> io::Result<Receiver<String>> {
    let (sender, requests) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Nobody listens any more once the cell has failed.
            sender.send(line).ok();
        }
        drop(sender);
        thread::sleep(PARTING);
        platform::end_this_with_children();
    })?;
    Ok(requests)
}

/// Returns the text of a panic.
fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with no message")
}
