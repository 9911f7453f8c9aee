//! A lane in a heat: prepared, warmed up, and asked for one sample at each of its turns.
//!
//! The lab decides how many runs a sample has, for every lane alike. It asks for 1, 2, 4, ... runs until the warm-up is over,
//! and then for as many runs a sample as make the samples fill the measurement: what Criterion does in its flat mode. In the
//! blocks after the first ones it knows how long a run takes, and that the cell is sound.
//! A run so long that fewer samples fit than are wanted gets as many as fit, at least one, of one run each, without
//! warm-up: its check, and the run that told how long one takes, have warmed it up. That is sound because the process,
//! not the sample, is the unit of replication.

use std::time::{Duration, Instant};

use lane_protocol::{Proof, Ready, Reply, Request, Rest, Specification};

use crate::{
    journal::{Checked, Sample},
    lane::{LaneProcess, Trouble},
    plan::Sampling,
    verify::Verifier,
};

/// A lane that takes its samples in turn with others.
#[derive(Debug)]
pub(crate) struct Entrant {
    runner: Runner,
    checked: Checked,
    /// The time of a run: that of the check, or what earlier processes have taken.
    run: Time,
    /// The number of its samples.
    turns: usize,
    /// The number of runs in each.
    iterations: u64,
    samples: Vec<Sample>,
    /// True if its sleeps are to be watched at the end.
    watch: bool,
}

/// The time that a run takes.
#[derive(Clone, Copy, Debug)]
enum Time {
    /// That of the check, which takes rather longer than other runs.
    OfCheck(Duration),
    /// That of the runs of earlier processes.
    Known(Duration),
}

/// The facts of a cell that earlier processes of the run have shown.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The facts that a check gave.
    pub(crate) checked: Checked,
    /// The time of a run.
    pub(crate) run: Duration,
}

/// The figures of a process, from beginning to end.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    /// Its number in the system.
    pub(crate) pid: u32,
    pub(crate) checked: Checked,
    pub(crate) samples: Vec<Sample>,
    pub(crate) rest: Rest,
}

/// A lane that has told all that it knows, and whose process has only to end.
#[derive(Debug)]
pub(crate) struct Rested {
    process: LaneProcess,
    measurement: Measurement,
}

/// A process that has prepared its cell, and is asked for runs.
#[derive(Debug)]
struct Runner {
    process: LaneProcess,
    /// Holds the samples of a program to their specification; the track checks its own.
    verifier: Option<Verifier>,
    asked: (u64, Instant),
}

impl Entrant {
    /// Waits until a process that was asked to has prepared its cell, and checks its first run unless the cell is `known`. A
    /// program is held to its `specification`. Sleeps are watched at the end in blocks that are to `watch` them.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn prepared(
        mut process: LaneProcess,
        specification: Option<Specification>,
        known: Option<&Known>,
        watch: bool,
    ) -> Result<Entrant, Trouble> {
        let is_program = specification.is_some();
        let ready = match process.hear()? {
            Reply::Observed(ready) if ready.threads > 0 => ready,
            other => return Err(process.out_of_turn(&other)),
        };
        let verifier = specification.map(|specification| Verifier::new(specification, &ready));
        let mut runner = Runner { process, verifier, asked: (0, Instant::now()) };
        let (checked, run) = match known {
            Some(Known { checked, run }) => (checked.clone(), Time::Known(*run)),
            None => {
                let proof = runner.proof(ready)?;
                (Checked::from(&proof), Time::OfCheck(Duration::from_nanos(proof.took_ns)))
            }
        };
        if checked.operations == 0 {
            return Err(runner.process.fails("the workload reports 0 operations per run"));
        }
        let watch = watch && !is_program && checked.observed.sleeps > 0;
        Ok(Entrant { runner, checked, run, turns: 0, iterations: 1, samples: Vec::new(), watch })
    }

    /// Warms the lane up, and decides how many samples it takes and how many runs each has.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn calibrated(mut self, sampling: &Sampling) -> Result<Entrant, Trouble> {
        let start = Instant::now();
        let took = match self.run {
            Time::OfCheck(took) => took,
            Time::Known(run) => return self.warmed_up(sampling, run),
        };
        if is_slow(sampling, Duration::from_nanos(self.checked.ideal_ns), took) {
            self.turns = 1;
            return Ok(self);
        }
        let first = self.runner.sample(1)?;
        let (mut runs, mut wall_ns) = (1, first.wall_ns);
        self.turns = samples(sampling, Duration::from_nanos(wall_ns));
        if self.turns < sampling.samples {
            return Ok(self);
        }
        let mut iterations = 2;
        while start.elapsed() <= sampling.warm_up {
            wall_ns += self.runner.sample(iterations)?.wall_ns;
            runs += iterations;
            iterations *= 2;
        }
        self.iterations = runs_of_a_sample(sampling, self.turns, wall_ns as f64 / runs as f64);
        Ok(self)
    }

    /// Warms up a lane of whose runs the time is known: first a part of the warm-up, which tells how long a run takes in this
    /// process, then the rest.
    fn warmed_up(mut self, sampling: &Sampling, run: Duration) -> Result<Entrant, Trouble> {
        /// A run that waits or takes this long warms itself up.
        const LONG: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(200)];
        let waits = Duration::from_nanos(self.checked.ideal_ns);
        if waits >= LONG[0] || run >= LONG[1] {
            self.turns = samples(sampling, run);
            return Ok(self);
        }
        // Two threads may take ten times as long in one process as in another: one core between them, or two.
        let first = runs_that_fill(sampling.warm_up / 8, run.as_nanos() as f64);
        let took = self.runner.sample(first)?.wall_ns;
        let run_ns = took as f64 / first as f64;
        let rest = sampling.warm_up.saturating_sub(Duration::from_nanos(took));
        if !rest.is_zero() {
            self.runner.sample(runs_that_fill(rest, run_ns))?;
        }
        self.turns = samples(sampling, Duration::from_nanos(run_ns as u64));
        if self.turns >= sampling.samples {
            self.iterations = runs_of_a_sample(sampling, self.turns, run_ns);
        }
        Ok(self)
    }

    /// Takes one sample of two runs.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn of_two_runs(mut self) -> Result<Entrant, Trouble> {
        self.runner.sample(2)?;
        Ok(self)
    }

    /// Returns the number of its samples.
    pub(crate) fn turns(&self) -> usize {
        self.turns
    }

    /// Has the lane take its next sample.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::tell`].
    pub(crate) fn go(&mut self) -> Result<(), Trouble> {
        self.runner.ask(self.iterations)
    }

    /// Waits for the sample that the lane was let take.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn sample(&mut self) -> Result<(), Trouble> {
        let sample = self.runner.hear()?;
        self.samples.push(Sample::from(&sample));
        Ok(())
    }

    /// Asks for what is known only now.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub(crate) fn rest(self) -> Result<Rested, Trouble> {
        let Entrant { runner: Runner { mut process, verifier, .. }, checked, samples, watch, .. } = self;
        // Before it is asked: a program that looks at its lateness takes memory for that.
        let peak_rss = process.peak_rss();
        // What a program tells of its threads is its own word: the kernel is asked.
        let threads = verifier.as_ref().and_then(|_| process.threads());
        let rest = match process.ask(&Request::Rest { watch })? {
            Reply::Rest(rest) => rest,
            other => return Err(process.out_of_turn(&other)),
        };
        let told = verifier.and_then(|verifier| verifier.lateness());
        let rest = Rest {
            peak_rss: rest.peak_rss.or(peak_rss),
            threads_after: threads.or(rest.threads_after),
            lateness: rest.lateness.or(told),
        };
        let measurement = Measurement { pid: process.id(), checked, samples, rest };
        Ok(Rested { process, measurement })
    }
}

impl Rested {
    /// Ends the input of the process, without waiting for its end.
    pub(crate) fn hang_up(&mut self) {
        self.process.hang_up();
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::end`].
    pub(crate) fn end(self) -> Result<Measurement, Trouble> {
        self.process.end()?;
        Ok(self.measurement)
    }
}

impl Runner {
    /// Returns the proof of the track, or makes one of the first run of a program.
    fn proof(&mut self, Ready { proof, .. }: Ready) -> Result<Proof, Trouble> {
        if self.verifier.is_none() {
            return proof.ok_or_else(|| self.process.fails("gave no proof of its cell"));
        }
        let sample = self.sample(1)?;
        let verifier = self.verifier.as_ref().expect("it was there a moment ago");
        Ok(verifier.proof(&sample))
    }

    /// Takes a sample of so many runs.
    fn sample(&mut self, iterations: u64) -> Result<lane_protocol::Sample, Trouble> {
        self.ask(iterations)?;
        self.hear()
    }

    fn ask(&mut self, iterations: u64) -> Result<(), Trouble> {
        self.asked = (iterations, Instant::now());
        self.process.tell(&Request::Runs(iterations))
    }

    /// Waits for the sample that was asked for, and checks it.
    fn hear(&mut self) -> Result<lane_protocol::Sample, Trouble> {
        let mut sample = match self.process.hear()? {
            Reply::Sample(sample) => sample,
            other => return Err(self.process.out_of_turn(&other)),
        };
        let (iterations, at) = self.asked;
        let checked = match &mut self.verifier {
            Some(verifier) => verifier.check(&mut sample, iterations, at.elapsed()),
            None if sample.iterations == iterations => Ok(()),
            None => Err(format!("ran {} times and not {iterations}", sample.iterations)),
        };
        checked.map_err(|complaint| self.process.fails(&complaint))?;
        Ok(sample)
    }
}

/// Tells after the check that a run takes longer than the whole measurement: it waits as long, or the one that was checked
/// took four times as long, because to be audited and to be checked beside another lane may each double its time. Then no run
/// is spent on finding out.
fn is_slow(sampling: &Sampling, ideal: Duration, checked: Duration) -> bool {
    ideal.max(checked / 4) >= sampling.measurement
}

/// Returns the number of samples of a run that takes so long: as many as fit, because many short ones in turn with those of
/// other lanes share what disturbs the machine better than few long ones.
///
/// A run that is nearly as long as the measurement has more than one sample too: it has been warmed up, and a second sample
/// says as much as a second process that would have to be.
fn samples(sampling: &Sampling, run: Duration) -> usize {
    const OF_A_LONG_RUN: usize = 4;
    let fit = sampling.measurement.as_nanos() / run.as_nanos().max(1);
    let least = if run < sampling.measurement { OF_A_LONG_RUN } else { 1 };
    usize::try_from(fit).unwrap_or(usize::MAX).max(least).min(sampling.most_samples)
}

/// Returns the number of runs of a sample, of which so many fill the measurement.
fn runs_of_a_sample(sampling: &Sampling, samples: usize, mean_ns: f64) -> u64 {
    runs_that_fill(sampling.measurement.div_f64(samples as f64), mean_ns)
}

/// Returns the least number of runs that take so long together, one at least.
fn runs_that_fill(time: Duration, run_ns: f64) -> u64 {
    // A float turns into the nearest number that there is.
    (time.as_nanos() as f64 / run_ns.max(1.0)).ceil().max(1.0) as u64
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
        assert_eq!([15_000, 20_000, 59_999, 60_000, 1_000_000].map(of_run), [4, 4, 4, 1, 1]);
    }

    #[test]
    fn the_samples_fill_the_measurement() {
        // 60 ms in 30 samples of 2 ms: 20 runs of 100 us, one of 2 ms, one of 3 ms.
        let of_run = |micros: f64| runs_of_a_sample(&SAMPLING, 30, micros * 1e3);
        assert_eq!([100.0, 101.0, 2_000.0, 3_000.0].map(of_run), [20, 20, 1, 1]);
        assert_eq!(
            runs_of_a_sample(&SAMPLING, 30, 0.0),
            2_000_000,
            "a run of no time is one of a nanosecond"
        );
    }

    #[test]
    fn a_run_is_known_to_be_slow_if_it_waits_as_long_as_the_measurement_or_took_four_times_as_long_checked() {
        for (ideal, checked, expected) in [
            (0, 1, false),
            (59, 239, false),
            (60, 61, true),
            (0, 239, false),
            (0, 240, true),
            (10, 1_000, true),
        ] {
            assert_eq!(is_slow(&SAMPLING, ideal * MS, checked * MS), expected, "{ideal} ms, {checked} ms");
        }
    }
}
