//! Drives Chromium over the pipe of its DevTools protocol.
//!
//! The tests need only a browser, and nothing of it outlives them: it ends when its pipe does. A WebDriver
//! would need a second program.

use std::{
    collections::VecDeque,
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The names of Chromium, in the order of preference.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// There is no sandbox, because the pages are our own and containers have no namespaces to spare; and no host
/// name resolves, whatever a page requests.
const FLAGS: [&str; 14] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--font-render-hinting=none",
    "about:blank",
];

/// The longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(60);

/// The longest wait for a browser to end by itself.
const END: Duration = Duration::from_secs(5);

/// A running browser.
pub(crate) struct Browser {
    process: Child,
    /// `None` once the browser is to end.
    calls: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_call: u64,
    /// The events that no test has taken yet.
    events: VecDeque<Value>,
    /// The profile, and the log of Chromium.
    folder: TempDir,
}

/// Returns the browser of this system, if there is one.
pub(crate) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let places = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

impl Browser {
    /// Starts the browser, with a profile of its own.
    pub(crate) fn start(program: &PathBuf) -> Browser {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let log = File::create(folder.path().join("log")).expect("a temporary file can be made");
        // Chromium reads calls from file 3 and writes answers to file 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#])
            .arg(program)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        let output = process.stdout.take().expect("its output is a pipe");
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || forward(output, &sender));
        Browser {
            calls: process.stdin.take(),
            process,
            messages,
            last_call: 0,
            events: VecDeque::new(),
            folder,
        }
    }

    /// Calls a method of the browser, or of the tab of a session, and returns its answer.
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let call = self.send(session, method, parameters);
        loop {
            let mut message = self.next(method);
            if message["id"] == call {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.keep(message);
        }
    }

    /// Returns the next event of a method, as soon as it arrives.
    pub(crate) fn event(&mut self, session: Option<&str>, method: &str) -> Value {
        loop {
            let same = |event: &Value| event["method"] == method && event["sessionId"].as_str() == session;
            if let Some(index) = self.events.iter().position(same) {
                return self.events.remove(index).expect("it was just found")["params"].take();
            }
            let message = self.next(method);
            self.keep(message);
        }
    }

    /// Takes all events of a session that no test has taken yet.
    pub(crate) fn events(&mut self, session: &str) -> Vec<Value> {
        let (own, others) = self.events.drain(..).partition(|event| event["sessionId"] == session);
        self.events = others;
        Vec::from_iter::<VecDeque<Value>>(own)
    }

    fn send(&mut self, session: Option<&str>, method: &str, parameters: Value) -> u64 {
        self.last_call += 1;
        let mut message = json!({ "id": self.last_call, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let calls = self.calls.as_mut().expect("the browser runs");
        let written = calls.write_all(format!("{message}\0").as_bytes()).and_then(|()| calls.flush());
        if let Err(error) = written {
            panic!("{method}: {error}; {}", self.last_words());
        }
        self.last_call
    }

    fn keep(&mut self, event: Value) {
        // A page that waits behind a dialog would wait for ever.
        if event["method"] == "Page.javascriptDialogOpening" {
            self.send(event["sessionId"].as_str(), "Page.handleJavaScriptDialog", json!({ "accept": false }));
        }
        if event["method"].is_string() {
            self.events.push_back(event);
        }
    }

    fn next(&mut self, awaited: &str) -> Value {
        match self.messages.recv_timeout(ANSWER) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("{awaited}: nothing for {ANSWER:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{awaited}: the browser ended; {}", self.last_words())
            }
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(5).collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.calls = None;
        let given_up = Instant::now() + END;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < given_up {
            thread::sleep(Duration::from_millis(20));
        }
        // Kill the whole process group, which is gone already if all went well.
        let _ = killpg(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// Reads messages, each of which ends with a zero byte, until the browser or the tests end.
fn forward(output: ChildStdout, messages: &Sender<Value>) {
    let mut output = BufReader::new(output);
    loop {
        let mut message = Vec::new();
        match output.read_until(0, &mut message) {
            Ok(1..) if message.pop() == Some(0) => {}
            _ => return,
        }
        let message = serde_json::from_slice(&message).expect("Chromium speaks JSON");
        if messages.send(message).is_err() {
            return;
        }
    }
}
