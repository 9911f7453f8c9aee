//! Holds what a program tells of its runs to the specification of the workload. The track does the same itself.

use std::time::Duration;

use lane_protocol::{
    Ledger, Measure, Observed, Proof, Ready, Sample, Specification, WorkDone, histogram, too_fast,
    wrong_answer,
};
use results::Lateness;

/// The specification that a program's samples are held to, and the lateness they told.
#[derive(Debug)]
pub(crate) struct Verifier {
    specification: Specification,
    /// The threads that the program has started.
    threads: usize,
    /// The mechanism by which it waits for sockets, if it tells.
    driver: Option<String>,
    lateness: hdrhistogram::Histogram<u64>,
}

impl Verifier {
    pub(crate) fn new(specification: Specification, ready: &Ready) -> Verifier {
        let Ready { threads, driver, .. } = ready.clone();
        Verifier { specification, threads, driver, lateness: histogram(3) }
    }

    /// Checks a sample that took no longer than it was `waited` for, and fills in what it measures in place of the clock.
    ///
    /// # Errors
    ///
    /// The first fault, in a sentence whose subject is the lane.
    pub(crate) fn check(
        &mut self,
        sample: &mut Sample,
        iterations: u64,
        waited: Duration,
    ) -> Result<(), String> {
        let Specification { answer, work, .. } = &self.specification;
        if sample.iterations != iterations {
            return Err(format!("ran {} times and not {iterations}", sample.iterations));
        }
        let its_answer = sample.answer.take().ok_or("its sample has no answer")?;
        if its_answer != *answer {
            return Err(wrong_answer(&its_answer.to_string(), &answer.to_string()));
        }
        let ledger = sample.ledger.ok_or("its sample has no ledger")?;
        // A program cannot count polls, nor how many tasks are in flight at once: that stays open.
        work.check(&WorkDone { ledger, at_once: None, polls: None })?;
        let wall = Duration::from_nanos(sample.wall_ns);
        if wall > waited {
            return Err(format!("tells of {wall:?}, which is longer than the {waited:?} that passed"));
        }
        let waiting = self.specification.ideal() * iterations as u32;
        if wall <= waiting {
            return Err(too_fast(iterations, wall, waiting));
        }
        sample.told_ns = self.told(sample)?;
        sample.told_ratio = self.told_ratio(sample)?;
        for lateness in sample.lateness_ns.drain(..) {
            self.lateness.saturating_record(lateness);
        }
        Ok(())
    }

    /// Makes the proof of the first run.
    pub(crate) fn proof(&self, sample: &Sample) -> Proof {
        let Ledger { spawned, finished, cancelled, jobs } = sample.ledger.unwrap_or_default();
        let observed = Observed {
            threads: self.threads,
            spawned,
            finished,
            cancelled,
            polls: None,
            jobs,
            jobs_at_once: None,
            at_once: None,
            sleeps: self.lateness.len(),
            workers: self.threads,
            root_on_worker: false,
            cpus: "unknown".to_owned(),
            threads_before: None,
            threads_after: None,
            driver: self.driver.clone(),
        };
        let Specification { operations, ideal_ns, .. } = self.specification;
        Proof { operations, ideal_ns, took_ns: sample.wall_ns, observed }
    }

    /// Returns the lateness of all sleeps told so far; `None` if there were none.
    pub(crate) fn lateness(&self) -> Option<Lateness> {
        Lateness::of(&self.lateness)
    }

    /// Returns what the sample measures in place of the clock.
    fn told(&self, sample: &Sample) -> Result<Option<u64>, String> {
        let told = match self.specification.measure {
            Measure::Clock | Measure::Ratio(_) => return Ok(None),
            Measure::Part(_) | Measure::Told(_) => sample.told_ns,
            Measure::ProcessorOf(_) | Measure::Processor => sample.told_ns.or(sample.cpu_ns),
        };
        let told = told.ok_or("its sample has no told-ns, which this workload asks for")?;
        Ok(Some(told))
    }

    /// Returns the ratio that the sample measures in place of a time.
    fn told_ratio(&self, sample: &Sample) -> Result<Option<f64>, String> {
        if !matches!(self.specification.measure, Measure::Ratio(_)) {
            return Ok(None);
        }
        let told = sample.told_ratio.ok_or("its sample has no told-ratio, which this workload asks for")?;
        if !(told.is_finite() && told > 0.0) {
            return Err(format!("tells of a ratio of {told}, which is not above zero"));
        }
        Ok(Some(told))
    }
}
