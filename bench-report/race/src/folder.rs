//! The folder of a run, and the files in it.
//!
//! A run is a folder with a plan. It is found by what the plan says and by what has become of it, and not by the place of
//! its name in the alphabet: a copy, a finished run, or one that a clock which was ahead has named, hides no other.
//!
//! Its journal is locked as long as somebody measures, by the kernel, so that no lock outlives its owner.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::{plan::Plan, platform};

/// The folder of one run, which nobody else measures.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The journal, locked until this is dropped; absent if the file system has no locks.
    _lock: Option<File>,
}

/// There is no run to go on with; the reason is for whoever asked for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingToResume(pub String);

impl fmt::Display for NothingToResume {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NothingToResume {}

impl Folder {
    /// Makes the folder of a new run in `out`, with its plan. If another run has its name already, it gets a number too.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written to.
    pub fn create(out: &Path, plan: &mut Plan) -> Result<Folder> {
        let runs = out.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("failed to make {}", runs.display()))?;
        let id = plan.id.clone();
        let mut number = 1;
        let path = loop {
            let path = runs.join(&plan.id);
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    plan.id = format!("{id}-{number}");
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("failed to make {}", path.display()));
                }
            }
        };
        let folder = Folder::lock(path)?;
        folder.rewrite_plan(plan)?;
        Ok(folder)
    }

    /// Finds a run in `out` that was left before its end, and its plan: the one of this name, or the newest.
    ///
    /// # Errors
    ///
    /// [`NothingToResume`] if there is no such run, or somebody else measures it.
    pub fn unfinished(out: &Path, name: Option<&str>) -> Result<(Folder, Plan)> {
        let runs_folder = out.join("runs");
        let runs = Run::all(out);
        let run = match name {
            None => runs.iter().find(|run| !run.is_copy() && !run.is_finished()),
            Some(name) => runs.iter().find(|run| run.path.file_name() == Some(OsStr::new(name))),
        };
        let out = out.display();
        match (run, name) {
            (Some(run), Some(name)) if run.is_finished() => {
                Err(NothingToResume(format!("the run {name} is finished")).into())
            }
            (Some(run), _) => run.take_up(),
            (None, Some(name)) if runs_folder.join(name).join(PLAN).is_file() => {
                Err(NothingToResume(format!("the run {name} has no sound {PLAN}")).into())
            }
            (None, Some(name)) => Err(NothingToResume(format!("{out} has no run {name}")).into()),
            (None, None) if runs.is_empty() => {
                Err(NothingToResume(format!("{out} has no run to resume")).into())
            }
            (None, None) => {
                let reason = format!(
                    "every run in {out} is finished, so there is none to resume; --more 5m would go on with the newest"
                );
                Err(NothingToResume(reason).into())
            }
        }
    }

    /// Finds the newest run in `out` that has come to its end, and its plan.
    ///
    /// # Errors
    ///
    /// [`NothingToResume`] if there is no such run, or somebody else measures it.
    pub fn newest_finished(out: &Path) -> Result<(Folder, Plan)> {
        let runs = Run::all(out);
        let run = runs.iter().find(|run| !run.is_copy() && run.is_finished());
        run.ok_or_else(|| NothingToResume(format!("{} has no finished run to go on with", out.display())))?
            .take_up()
    }

    /// Takes up a finished run, and its plan: the one whose folder this is, or the newest of those in its folder `runs`.
    ///
    /// # Errors
    ///
    /// [`NothingToResume`] if there is no such run, or somebody else measures it.
    pub fn finished(path: &Path) -> Result<(Folder, Plan)> {
        if !path.join(PLAN).is_file() {
            let runs = Run::all(path);
            let run = runs.iter().find(|run| run.is_finished());
            let reason = match runs.len() {
                0 => format!("{} is no run, and has none", path.display()),
                _ => format!("{} has no finished run: --resume goes on with it", path.display()),
            };
            return run.ok_or(NothingToResume(reason))?.take_up();
        }
        let run = Run::at(path.to_owned()).filter(Run::is_finished);
        let reason = || format!("{} is not finished: --resume goes on with it", path.display());
        run.ok_or_else(|| NothingToResume(reason()))?.take_up()
    }

    /// Locks the journal of a run.
    fn lock(path: PathBuf) -> Result<Folder> {
        let journal = path.join(JOURNAL);
        let file = OpenOptions::new().create(true).append(true).open(&journal);
        let file = file.with_context(|| format!("failed to open {}", journal.display()))?;
        let lock = match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => {
                let holder = platform::holder_of_lock(&file);
                let holder = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
                let reason = format!("the run {} is being measured by {holder}", path.display());
                return Err(NothingToResume(reason).into());
            }
            // Without locks a run is as it was: nobody is kept from measuring it twice.
            Err(TryLockError::Error(_)) => None,
        };
        Ok(Folder { path, _lock: lock })
    }

    /// Writes the plan anew, once more is to be done than it said.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn rewrite_plan(&self, plan: &Plan) -> Result<()> {
        let path = self.path.join(PLAN);
        let plan = serde_json::to_string_pretty(plan);
        write(&path, &plan.with_context(|| format!("failed to write {}", path.display()))?)
    }

    /// Returns the path of the journal.
    pub fn samples(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Returns the path of the results.
    pub fn results(&self) -> PathBuf {
        self.path.join(RESULTS)
    }

    /// Returns the path of the page.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

const JOURNAL: &str = "samples.jsonl";
const RESULTS: &str = "results.json";
const PLAN: &str = "plan.json";

/// A folder that has a plan, whoever made it.
struct Run {
    path: PathBuf,
    /// The name that the plan has for it.
    id: String,
    /// When it started; a time to come is none, because the clock was ahead then.
    started: Option<Timestamp>,
}

impl Run {
    /// Finds the runs in `out`, the newest first.
    fn all(out: &Path) -> Vec<Run> {
        let entries = fs::read_dir(out.join("runs")).into_iter().flatten().flatten();
        let mut runs: Vec<Run> = entries.filter_map(|entry| Run::at(entry.path())).collect();
        runs.sort_by(|one, other| (other.started, &other.path).cmp(&(one.started, &one.path)));
        runs
    }

    fn at(path: PathBuf) -> Option<Run> {
        #[derive(Deserialize)]
        struct Name {
            id: String,
            started: String,
        }
        let text = fs::read_to_string(path.join(PLAN)).ok()?;
        let Name { id, started } = serde_json::from_str(&text).ok()?;
        let started = started.parse().ok().filter(|started| *started <= Timestamp::now());
        Some(Run { path, id, started })
    }

    /// Tells whether somebody has copied it under another name.
    fn is_copy(&self) -> bool {
        self.path.file_name() != Some(OsStr::new(&self.id))
    }

    /// Tells whether its results are there, and whole.
    fn is_finished(&self) -> bool {
        let text = fs::read(self.path.join(RESULTS));
        text.is_ok_and(|text| serde_json::from_slice::<IgnoredAny>(&text).is_ok())
    }

    /// Locks it, and reads its plan.
    fn take_up(&self) -> Result<(Folder, Plan)> {
        let folder = Folder::lock(self.path.clone())?;
        let plan = self.path.join(PLAN);
        let text = fs::read_to_string(&plan).with_context(|| format!("failed to read {}", plan.display()))?;
        let plan = serde_json::from_str(&text).with_context(|| format!("{} is corrupt", plan.display()))?;
        Ok((folder, plan))
    }
}

/// Writes a file, which is there as a whole afterwards, or as it was before.
///
/// # Errors
///
/// If that fails; the message names the file.
pub fn write(path: &Path, text: &str) -> Result<()> {
    replace(path, text).with_context(|| format!("failed to write {}", path.display()))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    // What a link leads to is replaced, and not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // A pipe or a device cannot be.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        // A pipe that nobody reads would never be open; and as long as this is, its reader waits for more.
        let _open = platform::open_at_once(&path)?;
        return fs::write(&path, text);
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    // Its name is short: that of the file may be as long as names can be.
    let aside = folder.join(format!(".aside-{}-{}", process::id(), WRITTEN.fetch_add(1, Relaxed)));
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Or after a loss of power the name may be there without the text.
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&aside, &path));
    if replaced.is_err() {
        fs::remove_file(&aside).ok();
    } else if let Ok(folder) = File::open(folder) {
        folder.sync_all().ok();
    }
    replaced
}

#[cfg(all(test, unix))]
mod tests {
    use std::{process::Command, sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_is_an_error_and_one_that_is_read_gets_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
        let (sender, ended) = mpsc::channel();
        let path = pipe.clone();
        thread::spawn(move || sender.send(write(&path, "unread").is_err()));
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(true), "nobody reads");

        let text = "read ".repeat(1 << 16);
        let path = pipe.clone();
        let reader = thread::spawn(move || fs::read_to_string(path));
        // The reader may not be there yet.
        while write(&pipe, &text).is_err() {
            thread::yield_now();
        }
        assert!(reader.join().expect("it only reads").is_ok_and(|read| read == text));
    }
}
