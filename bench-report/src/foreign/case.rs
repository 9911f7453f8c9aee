//! A cell that a program runs: every sample is held to the specification of the workload.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use executor_api::Config;
use workload_api::{Measure, Work};

use super::{
    Program,
    conversation::Conversation,
    protocol::{Cell, Reply, Request, Sample},
};
use crate::{
    case::{OpenCase, Proof, Read, Taken, too_fast, wrong_answer},
    costs::Reading,
    lateness,
    ledger::{self, Counts},
    platform::Usage,
    results::{Lateness, Observed},
    suite::{Specification, WorkloadEntry},
};

/// Why nothing but time is known of a program.
pub(crate) const COUNTS_NOTHING: &str = "a program counts nothing";

/// A workload that a program has prepared.
#[derive(Debug)]
pub struct ForeignCase {
    specification: Specification,
    /// The threads that it has started.
    threads: usize,
    /// None once it has ended.
    conversation: RefCell<Option<Conversation>>,
}

impl ForeignCase {
    /// Starts `program` and has it prepare `workload` at a size.
    ///
    /// `limit` is how long an answer may take; without one we are the process of a cell, which somebody watches.
    ///
    /// # Errors
    ///
    /// If it does not start, or says that it cannot, or what is no answer.
    pub fn start(
        program: &Program,
        workload: &WorkloadEntry,
        config: &Config,
        size: u64,
        limit: Option<Duration>,
    ) -> Result<ForeignCase, String> {
        let mut conversation = Conversation::start(program, limit)?;
        let cell = Cell {
            workload: workload.about.name.to_owned(),
            size,
            threads: config.threads.get(),
            blocking_threads: config.blocking_threads.get(),
        };
        let threads = match conversation.ask(&Request::Cell(cell))? {
            Reply::Observed(observed) if observed.threads > 0 => observed.threads,
            other => return Err(conversation.out_of_turn(&other)),
        };
        let specification = (workload.specify)(size, config.threads);
        Ok(ForeignCase { specification, threads, conversation: RefCell::new(Some(conversation)) })
    }

    /// Has the program run, and checks what it says of that.
    fn runs(&self, iterations: u64) -> Result<Sample, String> {
        let mut conversation = self.conversation.borrow_mut();
        let conversation = conversation.as_mut().ok_or("it has ended")?;
        let start = Instant::now();
        let sample = match conversation.ask(&iterations)? {
            Reply::Sample(sample) => sample,
            other => return Err(conversation.out_of_turn(&other)),
        };
        let checked = self.check_sample(&sample, iterations, start.elapsed());
        checked.map_err(|complaint| conversation.fails(&complaint))?;
        sample.lateness_ns.iter().copied().for_each(lateness::late);
        Ok(sample)
    }

    fn check_sample(&self, sample: &Sample, iterations: u64, waited: Duration) -> Result<(), String> {
        let Specification { ideal, answer, work, .. } = &self.specification;
        if sample.iterations != iterations {
            return Err(format!("ran {} times and not {iterations}", sample.iterations));
        }
        if sample.answer != *answer {
            return Err(wrong_answer(&sample.answer.to_string(), &answer.to_string()));
        }
        // What it cannot know of itself stays open.
        ledger::check_work(&counts(sample), &Work { at_once: None, polls: None, ..*work })?;
        let wall = Duration::from_nanos(sample.wall_ns);
        if wall > waited {
            return Err(format!("tells of {wall:?}, which is longer than the {waited:?} that passed"));
        }
        let waiting = *ideal * iterations as u32;
        if wall <= waiting {
            return Err(too_fast(iterations, wall, waiting));
        }
        self.told(sample).map(drop)
    }

    /// What the program measured, where it is not the clock.
    fn told(&self, sample: &Sample) -> Result<Option<Duration>, String> {
        let told = match self.specification.measure {
            Measure::Clock => return Ok(None),
            Measure::Part(_) | Measure::Told(_) => sample.told_ns,
            Measure::Processor => sample.told_ns.or(sample.cpu_ns),
        };
        let told = told.ok_or("its sample has no told-ns, which this workload asks for")?;
        Ok(Some(Duration::from_nanos(told)))
    }
}

impl OpenCase for ForeignCase {
    fn operations(&self) -> u64 {
        self.specification.operations
    }

    fn ideal(&self) -> Duration {
        self.specification.ideal
    }

    fn check(&self) -> Result<Proof, String> {
        let sample = self.runs(1)?;
        let lateness = lateness::take()?;
        let Counts { spawned, finished, cancelled, jobs, .. } = counts(&sample);
        let observed = Observed {
            threads: self.threads,
            spawned,
            finished,
            cancelled,
            polls: None,
            jobs,
            jobs_at_once: None,
            at_once: None,
            sleeps: lateness.as_ref().map_or(0, |lateness| lateness.samples),
            workers: self.threads,
            root_on_worker: false,
            cpus: "unknown".to_owned(),
            threads_before: None,
            threads_after: None,
        };
        Ok(Proof { observed, lateness, took: Duration::from_nanos(sample.wall_ns) })
    }

    fn sample(&self, iterations: u64) -> Result<Taken, String> {
        let sample = self.runs(iterations)?;
        let usage = |cpu| Usage {
            cpu: Duration::from_nanos(cpu),
            voluntary_switches: None,
            involuntary_switches: None,
        };
        Ok(Taken {
            iterations,
            wall: Duration::from_nanos(sample.wall_ns),
            told: self.told(&sample)?,
            usage: sample.cpu_ns.map(usage),
        })
    }

    fn count(&self, _runs: usize, _read: Read) -> Result<Vec<[Reading; 2]>, String> {
        Err(COUNTS_NOTHING.to_owned())
    }

    fn threads_left(&self, _observed: &Observed) -> Result<Option<usize>, String> {
        Ok(None)
    }

    fn lateness(&self, _observed: &Observed) -> Result<Option<Lateness>, String> {
        lateness::take()
    }

    fn peak_rss(&self) -> Option<u64> {
        self.conversation.borrow().as_ref()?.peak_rss()
    }

    fn end(&self) -> Result<(), String> {
        self.conversation.take().map_or(Ok(()), Conversation::end)
    }
}

fn counts(sample: &Sample) -> Counts {
    let super::protocol::Ledger { spawned, finished, cancelled, jobs } = sample.ledger;
    Counts { spawned, finished, cancelled, jobs, ..Counts::default() }
}
