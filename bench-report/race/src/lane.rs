//! The process of a lane: starts it, asks it, and makes sure of its end. The track and a program in another language are
//! asked the same lines.

use std::{
    io,
    process::{Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::RecvTimeoutError,
    },
    thread,
    time::{Duration, Instant},
};

use lane_protocol::{LaneDescription, PROTOCOL, Reply, Request, check_protocol, shorten};
use serde_json::Value;

use crate::{
    child::Child,
    environment,
    guard::Guard,
    platform,
    quota::{Quota, Room},
    standstill::Standstills,
};

/// The end of a process that gave no result.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Something is wrong with the cell: a result.
    Failed(String),
    /// Something other than the lane spoiled its runs: a result, once repeating them was no help.
    Spoiled(String),
    /// The run was interrupted: no result.
    Interrupted,
}

/// The limits of a process, and who sees to them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest that a process may take, the turns of others and standstills not counted.
    pub time: Duration,
    /// Set when the run is to end.
    pub interrupted: Arc<AtomicBool>,
    /// Ends the process if this one is killed.
    pub guard: Guard,
    /// The standstills of this process.
    pub standstills: Standstills,
}

/// The pause between two looks at the interruption.
const GLANCE: Duration = Duration::from_millis(50);

/// The time that a lane has to end after its input: twice what the protocol says, because the machine may be busy.
const PARTING: Duration = Duration::from_secs(2);

/// The time within which a signal to every process of a job reaches the lab too, on a busy machine.
const BREATH: Duration = Duration::from_secs(2);

/// The time for which the system may have no room for a process.
const SCARCITY: Duration = Duration::from_secs(1);

/// The process of a lane.
///
/// After an error there is nothing to be had from it but its end. The process is gone when this is, whatever it did.
#[derive(Debug)]
pub struct LaneProcess {
    child: Child,
    /// True for a track, whose reasons are complete: its last words are those of its panics, which it tells too.
    is_track: bool,
    limits: Limits,
    /// The rest of its time.
    left: Duration,
    /// Its group if it has a quota; dropped last, when the process is gone.
    _room: Option<Room>,
}

impl Limits {
    /// Waits for an interruption for a while, and tells whether it came.
    fn is_interrupted_within(&self, time: Duration) -> bool {
        let start = Instant::now();
        while !self.interrupted.load(SeqCst) && start.elapsed() < time {
            thread::sleep(GLANCE);
        }
        self.interrupted.load(SeqCst)
    }
}

impl LaneProcess {
    /// Starts the process of a program.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it does not start.
    pub fn start(command: Command, limits: &Limits) -> Result<LaneProcess, Trouble> {
        LaneProcess::start_as(false, command, limits)
    }

    /// Starts a process, of a track or of a program.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub(crate) fn start_as(
        is_track: bool,
        mut command: Command,
        limits: &Limits,
    ) -> Result<LaneProcess, Trouble> {
        environment::confine(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = start_in_time(&mut command, limits)
            .map_err(|error| Trouble::Failed(did_not_start(&program, &error)))?;
        Ok(LaneProcess { child, is_track, limits: limits.clone(), left: limits.time, _room: None })
    }

    /// Starts a process, of a track or of a program, that has the `quota` for itself.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and if it can be given no group.
    pub(crate) fn start_under(
        quota: &Quota,
        is_track: bool,
        command: Command,
        limits: &Limits,
    ) -> Result<LaneProcess, Trouble> {
        let no_room = |error| Trouble::Failed(format!("no control group could be made for it: {error}"));
        let room = quota.room().map_err(no_room)?;
        let process = LaneProcess::start_as(is_track, quota.ushered(&room, &command), limits)?;
        Ok(LaneProcess { _room: Some(room), ..process })
    }

    /// Returns its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the most memory that it ever had, in bytes, where the system says.
    pub fn peak_rss(&self) -> Option<u64> {
        platform::peak_rss_of(self.child.id())
    }

    /// Returns the number of its threads, where the system says.
    pub fn threads(&self) -> Option<usize> {
        platform::threads_of(self.child.id())
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it says that it cannot, dies, hangs, or says anything that is no reply; [`Trouble::Spoiled`] if it
    /// says that its runs were.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, Trouble> {
        self.tell(request)?;
        self.hear()
    }

    /// Asks without waiting.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it has said a line that nobody asked for.
    pub fn tell(&mut self, request: &Request) -> Result<(), Trouble> {
        if let Ok(line) = self.child.hear(Duration::ZERO) {
            return Err(self.unasked(&line));
        }
        self.child.tell(&request.line());
        Ok(())
    }

    /// Waits for the answer to the last request.
    ///
    /// # Errors
    ///
    /// The errors of [`ask`](Self::ask).
    pub fn hear(&mut self) -> Result<Reply, Trouble> {
        let line = self.hear_line()?;
        match serde_json::from_str(&line) {
            Ok(Reply::Failed(reason) | Reply::NotApplicable(reason)) => Err(self.gives_up(reason)),
            Ok(Reply::Spoiled(reason)) => {
                self.child.end();
                Err(Trouble::Spoiled(reason))
            }
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.fails(&format!("{}: {error}", invalid(&line)))),
        }
    }

    /// Ends its input.
    pub(crate) fn hang_up(&mut self) {
        self.child.hang_up();
    }

    /// Ends its input, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it goes on, or ends with an error.
    pub fn end(mut self) -> Result<(), Trouble> {
        self.hang_up();
        let start = Instant::now();
        match self.child.hear(PARTING) {
            Ok(line) => return Err(self.unasked(&line)),
            Err(RecvTimeoutError::Timeout) => return Err(self.fails("ignored the end of its input")),
            Err(RecvTimeoutError::Disconnected) => {}
        }
        match self.child.wait(PARTING.saturating_sub(start.elapsed())) {
            None => Err(self.fails("ignored the end of its input")),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Complains of a reply to another question.
    pub fn out_of_turn(&mut self, reply: &Reply) -> Trouble {
        let line = reply.line();
        self.fails(&format!("gave no answer to what it was asked: `{}`", shorten(line.trim_end(), 200)))
    }

    /// Complains, with the last words of the process, and ends it.
    pub fn fails(&mut self, complaint: &str) -> Trouble {
        let last_words = self.child.end();
        Trouble::Failed(format!("{complaint}{last_words}"))
    }

    /// Repeats the reason that it gives itself, and ends it.
    fn gives_up(&mut self, reason: String) -> Trouble {
        if !self.is_track {
            return self.fails(&reason);
        }
        self.child.end();
        Trouble::Failed(reason)
    }

    /// Waits for its next line, as long as its time lasts.
    fn hear_line(&mut self) -> Result<String, Trouble> {
        let stopwatch = self.limits.standstills.stopwatch();
        let line = loop {
            if self.limits.interrupted.load(SeqCst) {
                return Err(Trouble::Interrupted);
            }
            match self.child.hear(GLANCE) {
                Ok(line) => break line,
                // Only now: what has arrived in time may be read late.
                Err(RecvTimeoutError::Timeout) if stopwatch.elapsed() > self.left => {
                    return Err(self.too_late());
                }
                Err(RecvTimeoutError::Timeout) => continue,
                // It closed its output before it answered.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(match self.child.wait(PARTING.min(self.left)) {
                        Some(status) => self.ended(status),
                        None => self.fails("its process closed its output"),
                    });
                }
            }
        };
        self.left = self.left.saturating_sub(stopwatch.elapsed());
        Ok(line)
    }

    fn unasked(&mut self, line: &str) -> Trouble {
        self.fails(&format!("said a line that nobody asked for: `{}`", shorten(line.trim_end(), 200)))
    }

    fn too_late(&mut self) -> Trouble {
        self.fails(&format!("exceeded its time limit of {:?}", self.limits.time))
    }

    fn ended(&mut self, status: ExitStatus) -> Trouble {
        // A batch system asks every process of a job to end, and this one may have heard it before the lab.
        if platform::was_asked_to_end(status) && self.limits.is_interrupted_within(BREATH) {
            return Trouble::Interrupted;
        }
        self.fails(&format!("its process {}", platform::describe_exit(status)))
    }
}

/// Starts a process, once the system has room for it: that others leave none for a moment is no fault of the lane.
fn start_in_time(command: &mut Command, limits: &Limits) -> io::Result<Child> {
    let start = Instant::now();
    loop {
        match Child::start(command, &limits.guard) {
            Err(error)
                if platform::is_scarcity(&error)
                    && start.elapsed() < SCARCITY
                    && !limits.interrupted.load(SeqCst) =>
            {
                thread::sleep(GLANCE);
            }
            ended => return ended,
        }
    }
}

/// Asks a lane that is a program of its own what it is.
///
/// # Errors
///
/// [`Trouble::Failed`] if it does not start, says that it cannot run here, or speaks another protocol.
pub fn describe(command: Command, limits: &Limits) -> Result<LaneDescription, Trouble> {
    let mut process = LaneProcess::start(command, limits)?;
    let lane = match ask_to_describe(&mut process, &[])? {
        Reply::Lane(lane) => lane,
        other => return Err(process.out_of_turn(&other)),
    };
    lane.check().map_err(|complaint| process.fails(&complaint))?;
    process.end()?;
    Ok(lane)
}

/// Asks for a description, and reads nothing of it but its number if that is another protocol's.
pub(crate) fn ask_to_describe(process: &mut LaneProcess, threads: &[usize]) -> Result<Reply, Trouble> {
    let asked = lane_protocol::Describe { protocol: PROTOCOL, threads: threads.to_vec() };
    process.tell(&Request::Describe(asked))?;
    let line = process.hear_line()?;
    let value: Value = serde_json::from_str(&line).map_err(|_| process.fails(&invalid(&line)))?;
    if let Some(described) = ["lineup", "lane"].iter().find_map(|kind| value.get(kind)) {
        // Another protocol may describe itself in another way, but for its number.
        let theirs = described.get("protocol").and_then(Value::as_u64).unwrap_or(1);
        check_protocol(u32::try_from(theirs).unwrap_or(u32::MAX)).map_err(|other| process.fails(&other))?;
    }
    match serde_json::from_value(value) {
        Ok(Reply::Failed(reason) | Reply::NotApplicable(reason)) => Err(process.gives_up(reason)),
        Ok(reply) => Ok(reply),
        Err(error) => Err(process.fails(&format!("{}: {error}", invalid(&line)))),
    }
}

fn did_not_start(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => format!("{program} is not there"),
        io::ErrorKind::NotFound => format!("{program} is not on the PATH"),
        _ => format!("{program} did not start: {error}"),
    }
}

/// Complains of a line that is no reply.
fn invalid(line: &str) -> String {
    format!("sent an invalid reply: `{}`", shorten(line.trim_end(), 200))
}
