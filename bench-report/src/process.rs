//! Starts a cell's process, listens to it, and ends it if it must.

use std::{
    ffi::OsString,
    process::{Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::RecvTimeoutError,
    },
    time::{Duration, Instant},
};

use crate::{
    child::{Child, Group, no_answer},
    platform,
    protocol::{Answer, Checked, Counts, Done, GO, Order, Sample},
};

/// What a process said, from beginning to end.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Its number in the system.
    pub pid: u32,
    /// What it knew after its check.
    pub checked: Checked,
    /// Its samples, in order.
    pub samples: Vec<Sample>,
    /// What it counted, if it was to count.
    pub counts: Option<Counts>,
    /// What it knew at its end.
    pub done: Done,
}

/// How a process ended that did not measure.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Something is wrong with the cell: a result.
    Failed(String),
    /// The run was interrupted: no result.
    Interrupted,
}

/// The program to start, and when to give up.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program and its first arguments.
    pub program: Vec<OsString>,
    /// The longest that a process may take.
    pub time_limit: Duration,
    /// Set when the run is to end.
    pub interrupted: Arc<AtomicBool>,
}

/// How soon an interruption is noticed.
const GLANCE: Duration = Duration::from_millis(50);

impl Launcher {
    /// Starts a process with `environment` added to ours, and gives it its order.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it does not start.
    pub fn start(&self, order: &Order, environment: &[(&'static str, String)]) -> Result<Running, Trouble> {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).envs(environment.iter().map(|(name, value)| (name, value)));
        let mut process = Child::start(command, Group::Own)
            .map_err(|error| Trouble::Failed(format!("its process did not start: {error}")))?;
        let line = serde_json::to_string(order).expect("an order is plain data") + "\n";
        process.tell(&line);
        Ok(Running {
            process,
            limit: self.time_limit,
            left: self.time_limit,
            interrupted: self.interrupted.clone(),
            measures: order.sampling.is_some(),
            checked: None,
            samples: Vec::new(),
        })
    }
}

/// A process that has its order.
///
/// After an error there is nothing to be had from it but its end. The process is gone when this is, whatever it did.
#[derive(Debug)]
pub struct Running {
    process: Child,
    limit: Duration,
    /// What is left of its time; the turns of others do not count.
    left: Duration,
    interrupted: Arc<AtomicBool>,
    measures: bool,
    checked: Option<Checked>,
    samples: Vec<Sample>,
}

impl Running {
    /// Waits until the process is warm, and gives the number of its samples.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn ready(&mut self) -> Result<usize, Trouble> {
        loop {
            match self.hear()? {
                Answer::Checked(checked) if self.checked.is_none() => self.check(checked)?,
                Answer::Ready(samples) if self.checked.is_some() => return Ok(samples),
                other => return Err(self.out_of_turn(&other)),
            }
        }
    }

    /// Lets the process take its next sample.
    pub fn go(&mut self) {
        self.process.tell(GO);
    }

    /// Waits for the sample that the process was let take.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub fn sample(&mut self) -> Result<(), Trouble> {
        match self.hear()? {
            Answer::Sample(sample) if sample.iterations > 0 => {
                self.samples.push(sample);
                Ok(())
            }
            Answer::Sample(_) => Err(Trouble::Failed("it took a sample of no run".to_owned())),
            other => Err(self.out_of_turn(&other)),
        }
    }

    /// Lets the process go on to its end, and waits for that.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if the process says so, dies, hangs, or says what is no answer.
    pub fn finish(mut self) -> Result<Measurement, Trouble> {
        if self.measures {
            self.process.tell(GO);
        }
        let mut counts = None;
        let done = loop {
            match self.hear()? {
                Answer::Counted(counted) => counts = Some(counted),
                Answer::Checked(checked) if self.checked.is_none() => self.check(checked)?,
                Answer::Done(done) => break done,
                other => return Err(self.out_of_turn(&other)),
            }
        };
        let Some(checked) = self.checked.take() else {
            return Err(self.out_of_turn(&Answer::Done(done)));
        };
        match self.process.wait(self.limit) {
            None => Err(self.too_late()),
            Some(status) if status.success() => {
                Ok(Measurement { pid: self.process.id(), checked, samples: self.samples, counts, done })
            }
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Waits for the next answer.
    fn hear(&mut self) -> Result<Answer, Trouble> {
        let start = Instant::now();
        let line = loop {
            if self.interrupted.load(SeqCst) {
                return Err(Trouble::Interrupted);
            }
            if start.elapsed() > self.left {
                return Err(self.too_late());
            }
            match self.process.hear(GLANCE) {
                Ok(line) => break line,
                Err(RecvTimeoutError::Timeout) => continue,
                // It closed its output before its last answer.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(match self.process.wait(self.left) {
                        Some(status) => self.ended(status),
                        None => self.too_late(),
                    });
                }
            }
        };
        self.left = self.left.saturating_sub(start.elapsed());
        match serde_json::from_str(&line) {
            Ok(Answer::Failed(complaint)) => Err(Trouble::Failed(complaint)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Trouble::Failed(no_answer(&line))),
        }
    }

    /// Keeps what the check found, unless it cannot be divided by.
    fn check(&mut self, checked: Checked) -> Result<(), Trouble> {
        if checked.operations == 0 {
            let complaint = "a run has no operations, so nothing can be said of one";
            return Err(Trouble::Failed(complaint.to_owned()));
        }
        self.checked = Some(checked);
        Ok(())
    }

    fn out_of_turn(&self, answer: &Answer) -> Trouble {
        Trouble::Failed(no_answer(&serde_json::to_string(answer).expect("an answer is plain data")))
    }

    fn too_late(&mut self) -> Trouble {
        let last_words = self.process.end();
        Trouble::Failed(format!("exceeded its time limit of {:?}{last_words}", self.limit))
    }

    fn ended(&mut self, status: ExitStatus) -> Trouble {
        let last_words = self.process.end();
        Trouble::Failed(format!("its process {}{last_words}", platform::describe_exit(status)))
    }
}
