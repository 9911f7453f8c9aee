//! Prepares a command that starts lanes: has the track built, and asks the programs that are lanes what they are.

use std::{
    collections::BTreeMap,
    env,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use lane_protocol::{LaneDescription, LaneEntry};
use race::{
    cargo::profile,
    environment, facts,
    guard::Guard,
    heat::Launcher,
    lane::{self, Limits, Trouble},
    plan::{Plan, Provenance, TIME_LIMIT},
    quota::Quota,
    standstill::Standstills,
    track::{self, Programs, TRACK, Track, Tracks},
};
use results::{Build, CellId, Conditions};

use super::complain;
use crate::{
    WORKSPACE,
    arguments::{SelectionArguments, TrackArguments, usage},
    programs::Facts,
    selection::{self, Selection},
};

/// The time that a lane may take to say what it is. One that is a program in another language may be built first.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(180);

/// A lane that takes longer is worth a line.
const NOTICED: Duration = Duration::from_secs(2);

/// A built track and the descriptions of those of its lanes that are programs.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) track: Track,
    /// By the names of the lanes; an error says why one cannot run here.
    descriptions: BTreeMap<String, Result<LaneDescription, String>>,
    pub(crate) limits: Limits,
    /// The numbers of workers that it was asked about.
    pub(crate) threads: Vec<usize>,
    /// The conditions that it was built for.
    pub(crate) conditions: Conditions,
    /// The workspace that other builds are made of.
    pub(crate) tree: PathBuf,
    /// The folder that they are kept in, if not the usual one.
    pub(crate) others: Option<PathBuf>,
    /// True if cargo has built the track just now, from the tree as it is.
    is_of_tree: bool,
}

impl Prepared {
    /// Has the track built, asks it for its lineup, and describes the programs among the lanes that are asked for; `None` if
    /// it was interrupted.
    ///
    /// # Errors
    ///
    /// One line that says what is missing.
    pub(crate) fn of(
        selection: &SelectionArguments,
        conditions: &Conditions,
        track: &TrackArguments,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Option<Prepared>> {
        let threads: Vec<usize> = selection::threads(selection, processors()).into_iter().collect();
        let asked = |lane: &LaneEntry| selection::is_asked_for(lane, selection);
        Prepared::with(&threads, &asked, selection.lineup.as_deref(), conditions, track, interrupted)
    }

    /// Does the same as [`of`](Self::of), for these numbers of workers and the lanes of a lineup that are `asked` for.
    ///
    /// # Errors
    ///
    /// The same.
    pub(crate) fn with(
        threads: &[usize],
        asked: &dyn Fn(&LaneEntry) -> bool,
        lineup: Option<&str>,
        conditions: &Conditions,
        given: &TrackArguments,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Option<Prepared>> {
        let limits = Limits {
            time: INTRODUCTION,
            interrupted: interrupted.clone(),
            guard: guard(),
            standstills: Standstills::watch(),
        };
        let workspace = Path::new(WORKSPACE);
        let built = match &given.track {
            Some(path) => Some(Programs::beside(path)),
            None => track::build(workspace, lineup, profile(conditions), interrupted)?,
        };
        let Some(built) = built else { return Ok(None) };
        let path = built.track.clone();
        let track = match Track::ask(built, workspace, threads, &limits) {
            Ok(track) => track,
            Err(Trouble::Interrupted) => return Ok(None),
            Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
                return Err(anyhow!("the track {}: {reason}", path.display()));
            }
        };
        let told = &track.lineup.build.profile;
        if conditions.build.as_ref().is_some_and(|build| build != told) {
            let (path, build) = (path.display(), profile(conditions));
            return Err(anyhow!("the track {path} was built with the profile {told}, and not with {build}"));
        }
        let programs: Vec<String> = track
            .lineup
            .lanes
            .iter()
            .filter(|lane| lane.command.is_some() && asked(lane))
            .map(|lane| lane.name.clone())
            .collect();
        let mut descriptions = BTreeMap::new();
        for name in programs {
            let start = Instant::now();
            let description = track.command(&name, 1).and_then(|command| lane::describe(command, &limits));
            if start.elapsed() > NOTICED {
                complain(&format!("{name} took {} s to say what it is", start.elapsed().as_secs()));
            }
            let description = match description {
                Ok(description) => Ok(description),
                Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => Err(reason),
                Err(Trouble::Interrupted) => return Ok(None),
            };
            descriptions.insert(name, description);
        }
        if interrupted.load(SeqCst) {
            return Ok(None);
        }
        let limits = Limits { time: TIME_LIMIT, ..limits };
        Ok(Some(Prepared {
            track,
            descriptions,
            limits,
            threads: threads.to_vec(),
            conditions: conditions.clone(),
            tree: given.tree.clone().unwrap_or_else(|| WORKSPACE.into()),
            others: given.others.clone(),
            is_of_tree: given.track.is_none(),
        }))
    }

    /// Collects the facts of the build, and the marks by which it is known again.
    pub(crate) fn facts(&self) -> (Build, Provenance) {
        let tree = self.is_of_tree.then_some(Path::new(WORKSPACE));
        let programs = self.track.hashes();
        if tree.is_none()
            && let Some(Facts { build, sources }) = Facts::beside(&self.track.path, &programs[TRACK])
        {
            let environment = environment::noted();
            return (build, Provenance { programs, sources, environment, words_of_git: None });
        }
        let (build, words_of_git) = facts::build(&self.track.lineup.build, tree);
        let build = Build { program: programs[TRACK].clone(), ..build };
        let sources = tree.map(|tree| facts::sources(&self.track.lineup, tree)).unwrap_or_default();
        (build, Provenance { programs, sources, environment: environment::noted(), words_of_git })
    }

    /// Makes the quota of the processes of cells; `None` if the conditions have none.
    ///
    /// # Errors
    ///
    /// One line that says why there can be none, and what would help.
    pub(crate) fn quota(&self) -> Result<Option<Quota>, String> {
        let Some(processors) = self.conditions.quota else { return Ok(None) };
        let usher = env::current_exe().map_err(|error| format!("no quota can be set: {error}"))?;
        let quota = Quota::make(processors, &usher, &self.limits.guard);
        quota.map(Some).map_err(|reason| format!("no quota can be set: {reason}"))
    }

    /// Makes the launcher of a run whose processes have this quota, with the tracks of other revisions by their paths; `None` if
    /// it was interrupted.
    ///
    /// # Errors
    ///
    /// If the track does not specify the cells of programs.
    pub(crate) fn launcher(
        self,
        plan: &Plan,
        quota: Option<Quota>,
        others: BTreeMap<PathBuf, Track>,
    ) -> Result<Option<Launcher>> {
        let Prepared { track, limits, .. } = self;
        let limits = Limits { time: plan.time_limit, ..limits };
        let of_programs = plan.cells.iter().filter(|cell| plan.is_program(&cell.executor));
        let of_programs: Vec<CellId> = of_programs.map(|cell| plan.in_lineup(cell)).collect();
        match track.specify(&of_programs, &limits) {
            Ok(specifications) => {
                let tracks = Tracks { this: track, others };
                Ok(Some(Launcher { tracks, specifications, limits, quota }))
            }
            Err(Trouble::Interrupted) => Ok(None),
            Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
                Err(anyhow!("the track does not specify its workloads: {reason}"))
            }
        }
    }

    /// Selects the cells that the arguments ask for.
    ///
    /// # Errors
    ///
    /// One line that names what does not exist, and what does.
    pub(crate) fn select(&self, arguments: &SelectionArguments) -> Result<Selection> {
        let lineup = &self.track.lineup;
        selection::select(lineup, &self.descriptions, arguments, processors()).map_err(usage)
    }
}

/// Stations a guard, which is this program too.
fn guard() -> Guard {
    let Ok(program) = env::current_exe() else { return Guard::default() };
    let mut command = Command::new(program);
    command.arg("guard");
    Guard::station(command)
}

fn processors() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Returns the workspace, in which revisions are found.
pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(WORKSPACE)
}
