//! A file for each command, and what several of them need.

mod check;
mod check_lane;
mod compare;
mod exact;
mod export;
mod gate;
mod list;
mod merge;
mod others;
mod prepare;
mod report;
mod run;
mod show;
mod slurm;
mod specify;

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, bail};
use race::plan::TIME_LIMIT;

use crate::{
    output::{complain, say},
    signals::interruption,
};

pub(crate) use self::prepare::Prepared;
pub(crate) use self::{
    check::check,
    check_lane::check_lane,
    compare::compare,
    export::export,
    gate::gate,
    list::list,
    merge::merge,
    report::report,
    run::{foresee, run},
    show::show,
    slurm::slurm,
    specify::specify,
};

/// The time that a lane has to say what it is, and that for all its answers in a cell.
pub const LIMITS: [Duration; 2] = [prepare::INTRODUCTION, TIME_LIMIT];

/// Finds the results that a user names: a file, the folder of a run, or the name of a run, saved or not.
fn named(name: &Path, out: &Path) -> Result<PathBuf> {
    if name.is_file() {
        return Ok(name.to_owned());
    }
    let mut saved = name.as_os_str().to_owned();
    saved.push(".json");
    let run = out.join("runs").join(name);
    let places = [
        name.join("results.json"),
        name.join("results.json.gz"),
        run.join("results.json"),
        out.join("saved").join(saved),
    ];
    if let Some(file) = places.into_iter().find(|file| file.is_file()) {
        return Ok(file);
    }
    let name = name.display();
    if run.is_dir() {
        bail!(
            "the run {name} has no results: it was left before its end, and `run --resume {name}` goes on with it"
        );
    }
    bail!(
        "there is no results file {name}, no folder with one, and no run or saved run of this name in {}",
        out.display()
    )
}

/// Finds the results that a user names, or those of the newest run.
fn named_or_newest(name: Option<&Path>, out: &Path) -> Result<PathBuf> {
    let newest = out.join("results.json");
    match name {
        Some(name) => named(name, out),
        None if newest.exists() => Ok(newest),
        None => bail!("there are no results in {} yet: `cargo bench` makes some", out.display()),
    }
}

/// Returns `bench-report` in the target folder that this program was built into.
fn default_out() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    // Cargo marks its target folder for backup programs; that of one platform lies in that of all.
    let is_marked = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    let target = program.ancestors().find(is_marked);
    let target = target.map(|target| target.parent().filter(is_marked).unwrap_or(target));
    target.unwrap_or(Path::new("target")).join("bench-report")
}

/// Returns the arguments of this process, as they would be typed.
fn command_line() -> String {
    let arguments = env::args_os().skip(1).filter(|argument| argument != "--bench");
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
