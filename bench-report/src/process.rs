//! Starts a cell's process, listens to it, and ends it if it must.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    platform,
    protocol::{Answer, Checked, Done, Order, Sample},
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

/// The most of its last words that a message repeats.
const LAST_WORDS: usize = 2_000;
/// No answer is longer.
const LONGEST_LINE: u64 = 1 << 20;
/// How soon an interruption is noticed.
const GLANCE: Duration = Duration::from_millis(50);

impl Launcher {
    /// Runs `order` in a new process with `environment` added to ours.
    ///
    /// The process is gone when this returns, whatever it did.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if the process says so, dies, hangs, or says what is no answer.
    pub fn run(&self, order: &Order, environment: &[(&'static str, String)]) -> Result<Measurement, Trouble> {
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        platform::shield_from_terminal(&mut command);
        let child = command
            .spawn()
            .map_err(|error| Trouble::Failed(format!("its process did not start: {error}")))?;
        let mut process = Process::new(child);
        // A process that died at once does not read its order; how it died says more than that.
        let line = serde_json::to_string(order).expect("an order is plain data") + "\n";
        process.stdin.write_all(line.as_bytes()).ok();

        let heard = self.listen(&process.lines, order.sampling.is_some());
        let ended = matches!(heard, Ok(_) | Err(Heard::Nothing | Heard::Complaint(_)));
        let status = if ended { process.wait(self.time_limit) } else { None };
        let pid = process.child.id();
        let last_words = process.end();
        match (heard, status) {
            (Err(Heard::Interruption), _) => Err(Trouble::Interrupted),
            (Err(Heard::Complaint(complaint)), _) => Err(Trouble::Failed(complaint)),
            (Err(Heard::Rubbish(line)), _) => Err(Trouble::Failed(format!("said what is no answer: {line}"))),
            (Err(Heard::TooLate), _) | (_, None) => {
                Err(Trouble::Failed(format!("exceeded its time limit of {:?}{last_words}", self.time_limit)))
            }
            (Ok((checked, samples, done)), Some(status)) if status.success() => {
                Ok(Measurement { pid, checked, samples, done })
            }
            (_, Some(status)) => {
                Err(Trouble::Failed(format!("its process {}{last_words}", platform::describe_exit(status))))
            }
        }
    }

    /// Collects answers until the last one; `sampled` says whether there should be samples among them.
    fn listen(&self, lines: &Receiver<String>, sampled: bool) -> Result<(Checked, Vec<Sample>, Done), Heard> {
        let start = Instant::now();
        let mut checked = None;
        let mut samples = Vec::new();
        loop {
            if self.interrupted.load(SeqCst) {
                return Err(Heard::Interruption);
            }
            if start.elapsed() > self.time_limit {
                return Err(Heard::TooLate);
            }
            let line = match lines.recv_timeout(GLANCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Err(Heard::Nothing),
                Err(RecvTimeoutError::Timeout) => continue,
            };
            match (serde_json::from_str(&line), &checked) {
                (Ok(Answer::Checked(answer)), None) => checked = Some(answer),
                (Ok(Answer::Sample(sample)), Some(_)) => samples.push(sample),
                (Ok(Answer::Done(done)), Some(checked)) => {
                    complain(sampled, checked, &samples).map_err(Heard::Complaint)?;
                    return Ok((checked.clone(), samples, done));
                }
                (Ok(Answer::Failed(complaint)), _) => return Err(Heard::Complaint(complaint)),
                _ => return Err(Heard::Rubbish(format!("`{}`", shorten(line.trim_end(), 200)))),
            }
        }
    }
}

/// Says what is wrong with figures that cannot be divided by.
fn complain(sampled: bool, checked: &Checked, samples: &[Sample]) -> Result<(), String> {
    if checked.operations == 0 {
        return Err("a run has no operations, so nothing can be said of one".to_owned());
    }
    if sampled && (samples.is_empty() || samples.iter().any(|sample| sample.iterations == 0)) {
        return Err("it took no samples, or samples of no run".to_owned());
    }
    Ok(())
}

/// Why the answers of a process are not complete.
enum Heard {
    /// It closed its output.
    Nothing,
    /// It said what is wrong with the cell.
    Complaint(String),
    /// It said what is no answer, or none at this point.
    Rubbish(String),
    /// It took too long.
    TooLate,
    /// We were told to stop.
    Interruption,
}

/// A running process and the threads that read from it.
struct Process {
    child: Child,
    /// Held open as long as we wait: its end tells the process to go.
    stdin: ChildStdin,
    lines: Receiver<String>,
    stderr: JoinHandle<String>,
}

impl Process {
    fn new(mut child: Child) -> Process {
        let stdin = child.stdin.take().expect("piped");
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::sync_channel(64);
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Ok(Some(line)) = read_line(&mut stdout) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Process { child, stdin, lines, stderr: thread::spawn(move || read_tail(stderr)) }
    }

    /// Waits for the end of the process, `limit` at most.
    fn wait(&mut self, limit: Duration) -> Option<std::process::ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                Err(_) => return None,
            }
        }
        None
    }

    /// Makes sure that the process is gone, and gives its last words.
    fn end(mut self) -> String {
        // An error says that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        drop(self.lines);
        let last_words = self.stderr.join().unwrap_or_default();
        match last_words.trim() {
            "" => String::new(),
            words => format!("; its last words: {words}"),
        }
    }
}

/// Reads a line, cut where it gets too long to be an answer; `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads to the end, and keeps the last of it.
fn read_tail(mut input: impl Read) -> String {
    let mut tail = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = input.read(&mut buffer) {
        tail.extend_from_slice(&buffer[..count]);
        let surplus = tail.len().saturating_sub(LAST_WORDS);
        tail.drain(..surplus);
    }
    String::from_utf8_lossy(&tail).into_owned()
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
