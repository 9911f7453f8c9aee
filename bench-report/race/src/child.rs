//! A child process that is talked to in lines: its input, its output, the end of its standard error, and its own end.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child as Handle, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    guard::{Guard, Guarded},
    platform,
};

/// The most of its last words that a message repeats.
const LAST_WORDS: usize = 2_000;
/// No line is longer: the answer of `blocking-squares` at its largest size has more than one mebibyte.
const LONGEST_LINE: u64 = 4 << 20;
/// The time that last words may take to arrive: a process that the child has started may hold its standard error open.
const PATIENCE: Duration = Duration::from_millis(500);

/// A running process in a group of its own, and the threads that read from it; gone when this is, whatever it did.
///
/// Ctrl-C does not reach it, and it ends with all that it has started.
#[derive(Debug)]
pub(crate) struct Child {
    handle: Handle,
    /// Held open as long as we wait: its end tells the process to go.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Tail,
    /// Dropped last, when the process is gone.
    _guarded: Guarded,
}

impl Child {
    /// Starts a process, over which the `guard` watches as long as it is there.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(crate) fn start(command: &mut Command, guard: &Guard) -> io::Result<Child> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        platform::shield_from_terminal(command);
        let mut handle = command.spawn()?;
        let guarded = guard.watch(handle.id());
        let stdin = handle.stdin.take();
        let stdout = handle.stdout.take().expect("piped");
        let stderr = Tail::of(handle.stderr.take().expect("piped"));
        let (sender, lines) = mpsc::sync_channel(64);
        let listening = thread::Builder::new().spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Ok(Some(line)) = read_line(&mut stdout) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        // Where there are no threads left the process is of no use.
        let stderr = match listening.and(stderr) {
            Ok(stderr) => stderr,
            Err(error) => {
                platform::end_with_children(&mut handle);
                return Err(error);
            }
        };
        Ok(Child { handle, stdin, lines, stderr, _guarded: guarded })
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.handle.id()
    }

    /// Writes to the process. Write errors are ignored: the exit status, reported later, explains them better.
    pub(crate) fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(line.as_bytes()).ok();
        }
    }

    /// Ends its input.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Waits for its next line, `limit` at most.
    ///
    /// # Errors
    ///
    /// If there is none by then, or no more to come.
    pub(crate) fn hear(&self, limit: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(limit)
    }

    /// Waits for the end of the process, `limit` at most.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.handle.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(1)),
                _ => return None,
            }
        }
    }

    /// Makes sure that the process is gone, and gives its last words.
    pub(crate) fn end(&mut self) -> String {
        platform::end_with_children(&mut self.handle);
        match self.stderr.take().trim() {
            "" => String::new(),
            words => format!("; its last words: {words}"),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// The end of what somebody writes.
#[derive(Debug)]
struct Tail {
    text: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when all is read.
    done: Receiver<()>,
}

impl Tail {
    /// Reads to the end, and keeps the last of it.
    ///
    /// # Errors
    ///
    /// If no thread can be started for it.
    fn of(mut input: impl Read + Send + 'static) -> io::Result<Tail> {
        let text = Arc::new(Mutex::new(Vec::<u8>::new()));
        let (sender, done) = mpsc::channel();
        let kept = text.clone();
        thread::Builder::new().spawn(move || {
            let _sender: mpsc::Sender<()> = sender;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = input.read(&mut buffer) {
                let mut tail = kept.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(&buffer[..count]);
                let surplus = tail.len().saturating_sub(LAST_WORDS);
                tail.drain(..surplus);
            }
        })?;
        Ok(Tail { text, done })
    }

    /// Waits for the end, but not for ever.
    fn take(&self) -> String {
        self.done.recv_timeout(PATIENCE).ok();
        let tail = std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&tail).into_owned()
    }
}

/// Reads a line, cut where it gets too long to be an answer; `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}
