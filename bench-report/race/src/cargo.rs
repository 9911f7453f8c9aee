//! Has cargo build the programs of a race, and learns from cargo's own messages where they are.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use results::Conditions;
use serde_json::Value;

use crate::platform;

/// The profile of everything that is measured, unless the user asks for another build.
pub const PROFILE: &str = "track";

/// The profiles that everything that is measured may be built with: our own, and cargo's default one for programs that are
/// used, as most services ship.
pub const BUILDS: [&str; 2] = [PROFILE, "release"];

/// Returns the profile that the track of a run under these conditions is built with.
pub fn profile(conditions: &Conditions) -> &str {
    conditions.build.as_deref().unwrap_or(PROFILE)
}

/// The pause between two looks at the interruption.
const GLANCE: Duration = Duration::from_millis(50);

/// The number of lines that a message repeats of a log.
const LINES: usize = 3;

/// A call of cargo.
#[derive(Debug)]
pub struct Build<'a> {
    /// The workspace, whose lock file is obeyed.
    pub workspace: &'a Path,
    /// The manifest of another workspace that is built, with the settings that cargo finds in the first.
    pub manifest: Option<&'a Path>,
    /// The profile: one of [`BUILDS`] for whatever is measured.
    pub profile: &'a str,
    /// The folder of the output; cargo's own choice if absent.
    pub target_folder: Option<&'a Path>,
    /// `RUSTFLAGS` in the place of those in the environment.
    pub flags: Option<&'a str>,
    /// The file that gets what cargo and the compiler say; our standard error if absent.
    pub log: Option<&'a Path>,
}

/// The end of a call of cargo.
#[derive(Debug)]
pub enum Built {
    /// It has built: where each program is, by its name.
    Programs(BTreeMap<String, PathBuf>),
    /// It failed, and why, as far as a log tells.
    Failed(String),
    /// It was interrupted.
    Interrupted,
}

impl Build<'_> {
    /// Builds the programs of these packages, in one call, so that no processor is idle while one of them is linked. A
    /// package may be a pattern: `executor-*`.
    ///
    /// # Errors
    ///
    /// If cargo does not start, or the log cannot be written.
    pub fn run(&self, packages: &[&str], interrupted: &AtomicBool) -> Result<Built> {
        self.run_and_tell(packages, interrupted, &mut |_| ())
    }

    /// Builds as [`run`](Build::run) does, and tells of each target that is ready.
    ///
    /// # Errors
    ///
    /// The same.
    pub(crate) fn run_and_tell(
        &self,
        packages: &[&str],
        interrupted: &AtomicBool,
        ready: &mut dyn FnMut(Artifact),
    ) -> Result<Built> {
        let mut command = cargo(self.workspace);
        command.args([
            "build",
            "--locked",
            "--profile",
            self.profile,
            "--message-format",
            "json-render-diagnostics",
        ]);
        command.args(packages.iter().flat_map(|package| ["--package", package])).arg("--bins");
        if let Some(manifest) = self.manifest {
            command.arg("--manifest-path").arg(manifest);
        }
        if let Some(folder) = self.target_folder {
            command.arg("--target-dir").arg(folder);
            // Or two trees whose user has one place for what is in between would take each other's for their own.
            command.env("CARGO_BUILD_BUILD_DIR", folder);
        }
        if let Some(flags) = self.flags {
            command.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", flags);
        }
        if let Some(log) = self.log {
            let file = File::create(log).with_context(|| format!("failed to make {}", log.display()))?;
            command.stderr(file);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        platform::shield_from_terminal(&mut command);
        let mut child = command.spawn().map_err(|error| no_cargo(&command, &error))?;
        let messages = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        let listen = move || messages.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        let listening = thread::Builder::new().spawn(listen);
        if let Err(error) = listening {
            platform::end_with_children(&mut child);
            return Err(error).context("failed to start a thread that listens to cargo");
        }
        let mut programs = BTreeMap::new();
        loop {
            match lines.recv_timeout(GLANCE) {
                Ok(line) => {
                    let message: Value = serde_json::from_str(&line).unwrap_or_default();
                    programs.extend(program_of(&message));
                    Artifact::of(&message).into_iter().for_each(&mut *ready);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if interrupted.load(SeqCst) => {
                    platform::end_with_children(&mut child);
                    return Ok(Built::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let status = child.wait().context("failed to wait for cargo")?;
        if status.success() {
            return Ok(Built::Programs(programs));
        }
        Ok(Built::Failed(self.log.map_or("cargo has said why".to_owned(), last_words)))
    }
}

/// The cargo that started us, or the one on the PATH, in a folder.
fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace);
    // Cargo sets these for the program that it starts. A build script that reads one would see another value than in a
    // build from a shell, and be run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command
}

fn no_cargo(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().display();
    anyhow!(
        "{program} does not start ({error}): cargo builds what is raced; install Rust, or put cargo on the PATH"
    )
}

/// A target that cargo has made, or found to be fresh.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The name of the target: that of its package, with `_` for `-` if it is a library.
    pub(crate) target: String,
    /// The identity of its package, as cargo writes it.
    pub(crate) package: String,
    /// The features of the package.
    pub(crate) features: Vec<String>,
}

impl Artifact {
    fn of(message: &Value) -> Option<Artifact> {
        let features = message.get("features")?.as_array()?.iter();
        Some(Artifact {
            target: message["target"]["name"].as_str()?.to_owned(),
            package: message["package_id"].as_str()?.to_owned(),
            features: features.filter_map(|feature| Some(feature.as_str()?.to_owned())).collect(),
        })
    }
}

/// Has cargo do something other than building, with the settings that it finds in a workspace, and returns its output.
///
/// # Errors
///
/// Returns cargo's words about the failure, in one line.
pub(crate) fn ask(workspace: &Path, arguments: &[&OsStr]) -> Result<String> {
    let mut command = cargo(workspace);
    command.args(arguments).stdin(Stdio::null());
    platform::shield_from_terminal(&mut command);
    let output = command.output().map_err(|error| no_cargo(&command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(anyhow!(complaint(&String::from_utf8_lossy(&output.stderr))))
}

/// Returns what cargo complains about, as one line, without the way on which it came to the package.
fn complaint(words: &str) -> String {
    let lines = words.lines().map(str::trim).skip_while(|line| !line.starts_with("error"));
    let lines = lines.take_while(|line| !line.is_empty() && !line.starts_with("... "));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("location searched")).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

/// Returns the program that a message of cargo tells of.
fn program_of(message: &Value) -> Option<(String, PathBuf)> {
    let executable = message.get("executable")?.as_str()?;
    Some((message["target"]["name"].as_str()?.to_owned(), executable.into()))
}

/// Returns the errors in a log, or its last lines if it names none, as one line.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut errors = Vec::new();
    let mut goes_on = false;
    for line in lines() {
        if goes_on || line.starts_with("error") {
            errors.push(line);
        }
        // What comes is in the next line: `is not supported by the following package:`.
        goes_on = line.starts_with("error") && line.ends_with(':');
    }
    if !errors.is_empty() {
        errors.truncate(LINES);
        return errors.join("; ");
    }
    let skipped = lines().count().saturating_sub(LINES);
    lines().skip(skipped).collect::<Vec<_>>().join("; ")
}
