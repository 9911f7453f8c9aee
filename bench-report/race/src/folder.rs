//! The folder of a run, and the files in it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::plan::Plan;

/// The folder of one run.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
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
    /// Makes the folder of a new run in `out`, with its plan.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written to, or stands already.
    pub fn create(out: &Path, plan: &Plan) -> Result<Folder> {
        let runs = out.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("failed to make {}", runs.display()))?;
        let path = runs.join(&plan.id);
        fs::create_dir(&path).with_context(|| format!("failed to make {}", path.display()))?;
        let folder = Folder { path };
        folder.rewrite_plan(plan)?;
        Ok(folder)
    }

    /// Finds the newest run in `out`, which must have been left before its end, and its plan.
    ///
    /// # Errors
    ///
    /// [`NothingToResume`] if there is no such run.
    pub fn newest_unfinished(out: &Path) -> Result<(Folder, Plan)> {
        let folder = Folder::newest(out, |_| true)
            .ok_or_else(|| NothingToResume(format!("{} has no run to resume", out.display())))?;
        if folder.results().exists() {
            let path = folder.path.display();
            let reason = format!("the newest run, {path}, is finished; --more 5m would go on with it");
            return Err(NothingToResume(reason).into());
        }
        let plan = folder.read_plan()?;
        Ok((folder, plan))
    }

    /// Finds the newest run in `out` that has come to its end, and its plan.
    ///
    /// # Errors
    ///
    /// [`NothingToResume`] if there is no such run.
    pub fn newest_finished(out: &Path) -> Result<(Folder, Plan)> {
        let folder = Folder::newest(out, |folder| folder.results().exists())
            .ok_or_else(|| NothingToResume(format!("{} has no finished run to go on with", out.display())))?;
        let plan = folder.read_plan()?;
        Ok((folder, plan))
    }

    fn newest(out: &Path, is_wanted: impl Fn(&Folder) -> bool) -> Option<Folder> {
        let entries = fs::read_dir(out.join("runs")).into_iter().flatten();
        let folders = entries.filter_map(|entry| Some(Folder { path: entry.ok()?.path() }));
        folders
            .filter(|folder| folder.path.is_dir() && is_wanted(folder))
            .max_by(|one, other| one.path.cmp(&other.path))
    }

    fn read_plan(&self) -> Result<Plan> {
        let plan = self.plan();
        let text = fs::read_to_string(&plan).with_context(|| format!("failed to read {}", plan.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is corrupt", plan.display()))
    }

    /// Writes the plan anew, once more is to be done than it said.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn rewrite_plan(&self, plan: &Plan) -> Result<()> {
        write(&self.plan(), &serde_json::to_string_pretty(plan).expect("a plan is plain data"))
    }

    /// Returns the path of the journal.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples.jsonl")
    }

    /// Returns the path of the results.
    pub fn results(&self) -> PathBuf {
        self.path.join("results.json")
    }

    /// Returns the path of the page.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }
}

/// Writes a whole file.
///
/// # Errors
///
/// If that fails; the message names the file.
pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
