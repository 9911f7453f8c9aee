//! Another revision of this repository: finds it, and builds its program in a worktree of its own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{compare::Invalid, platform};

/// A commit under the name that the user gave it.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    /// What the user typed: a branch, a tag, a hash.
    pub(crate) name: String,
    /// Its commit.
    pub(crate) commit: String,
    repository: PathBuf,
}

/// How the building ended.
#[derive(Debug)]
pub(crate) enum Built {
    /// Here is the program, and the compiler that made it.
    Program(PathBuf, String),
    /// It was interrupted.
    Interrupted,
}

/// How soon an interruption is noticed.
const GLANCE: Duration = Duration::from_millis(50);

/// How many lines a message repeats of what went wrong.
const LINES: usize = 3;

/// The switch that slows hand-rolled down to see whether the gate notices: what it is compared with must not have it.
const PLANTED: &str = "--cfg planted_slowdown";

impl Revision {
    /// Finds a revision of the repository that `directory` is in.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the revision.
    pub(crate) fn find(name: &str, directory: &Path) -> Result<Revision> {
        let Some(repository) = git(directory, &["rev-parse", "--show-toplevel"]) else {
            return Err(invalid(format!("{} is in no git repository", directory.display())));
        };
        match git(directory, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]) {
            Some(commit) => Ok(Revision { name: name.to_owned(), commit, repository: repository.into() }),
            None => Err(invalid(format!("there is no revision `{name}` in {repository}"))),
        }
    }

    /// The first letters of its commit, enough to tell it from others.
    pub(crate) fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    /// Builds its program below `folder`, with its own lock file and our `flags`, and `with_lanes` the programs that are
    /// lanes too; what was built before is used again.
    ///
    /// # Errors
    ///
    /// [`Invalid`] if it cannot be checked out or does not build.
    pub(crate) fn build(
        &self,
        folder: &Path,
        flags: &str,
        with_lanes: bool,
        interrupted: &AtomicBool,
    ) -> Result<Built> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("failed to find {}", folder.display()))?;
        let worktree = folder.join(&self.commit);
        self.check_out(&worktree)?;
        let target = worktree.join("target");
        let log = folder.join(format!("{}.log", self.commit));
        let programs: &[&str] = if with_lanes { &["--bins"] } else { &["--bin", "bench-report"] };
        let status = run_cargo(&worktree, &target, flags, programs, &log, interrupted)?;
        let Some(is_built) = status else { return Ok(Built::Interrupted) };
        let program = target.join("release").join(format!("bench-report{}", std::env::consts::EXE_SUFFIX));
        if !is_built || !program.exists() {
            let said = last_words(&log);
            let Revision { name, .. } = self;
            return Err(invalid(format!(
                "{name} ({}) does not build: {said}; see {}",
                self.short(),
                log.display()
            )));
        }
        Ok(Built::Program(program, compiler(&worktree)))
    }

    /// Makes the worktree, unless it is there.
    fn check_out(&self, worktree: &Path) -> Result<()> {
        let is_there = worktree.join(".git").exists();
        let head = if is_there { git(worktree, &["rev-parse", "HEAD"]) } else { None };
        if head.as_ref() == Some(&self.commit) {
            return match git(worktree, &["status", "--porcelain", "--untracked-files=no"]).as_deref() {
                Some("") => Ok(()),
                _ => Err(invalid(format!("{} has been changed: remove it", worktree.display()))),
            };
        }
        if worktree.exists() {
            fs::remove_dir_all(worktree)
                .with_context(|| format!("failed to remove {}", worktree.display()))?;
        }
        // Of one whose folder is gone git still knows.
        git(&self.repository, &["worktree", "prune"]);
        let path = worktree.display().to_string();
        match git(&self.repository, &["worktree", "add", "--detach", &path, &self.commit]) {
            Some(_) => Ok(()),
            None => Err(invalid(format!("failed to check {} out into {path}", self.name))),
        }
    }
}

/// An error that says why nothing can be compared.
pub(crate) fn invalid(reason: String) -> anyhow::Error {
    Invalid::because(reason).into()
}

/// What git answers, without the line break; none if it fails.
fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").arg("-C").arg(directory).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds, and says whether that worked; none if it was interrupted. What is said goes into a log.
fn run_cargo(
    worktree: &Path,
    target: &Path,
    flags: &str,
    programs: &[&str],
    log: &Path,
    interrupted: &AtomicBool,
) -> Result<Option<bool>> {
    let output = File::create(log).with_context(|| format!("failed to make {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("failed to open {}", log.display()))?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(worktree)
        .args(["build", "--release", "--locked", "--package", "bench-report"])
        .args(programs)
        .arg("--target-dir")
        .arg(target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", flags.replace(PLANTED, ""))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    platform::shield_from_terminal(&mut command);
    let mut cargo = command.spawn().context("failed to start cargo")?;
    loop {
        if let Some(status) = cargo.try_wait().context("failed to wait for cargo")? {
            return Ok(Some(status.success()));
        }
        if interrupted.load(SeqCst) {
            platform::end_with_children(&mut cargo);
            return Ok(None);
        }
        thread::sleep(GLANCE);
    }
}

/// The errors in a log, or its last lines if it names none, as one line.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<&str> = lines().filter(|line| line.starts_with("error")).take(LINES).collect();
    if !errors.is_empty() {
        return errors.join("; ");
    }
    let skipped = lines().count().saturating_sub(LINES);
    lines().skip(skipped).collect::<Vec<_>>().join("; ")
}

/// The version of the compiler that is used in a folder.
fn compiler(folder: &Path) -> String {
    let output = Command::new("rustc").arg("--version").current_dir(folder).stdin(Stdio::null()).output();
    let version = output.ok().filter(|output| output.status.success());
    version.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
