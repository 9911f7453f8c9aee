//! A built track: its path, its lineup, and the commands that start its lanes.

use std::{
    collections::BTreeMap,
    env::{self, consts::EXE_EXTENSION},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use lane_protocol::{Cell, CellId, LaneEntry, Lineup, Reply, Request, Specification, Specify, TrackBuild};

use crate::{
    cargo::{Build, Built},
    lane::{self, LaneProcess, Limits, Trouble},
    program::{Bytes, files_below},
};

/// The package and the program that are the track.
pub const TRACK: &str = "track";

/// The size of the blocking pool of every cell: that of the post where all this began.
const BLOCKING_THREADS: usize = 3;

/// The lineups besides the default one; the package `track-NAME` is the track of each.
pub const LINEUPS: &[&str] = &["options", "steps"];

/// The packages whose programs are lanes. The `start` of `cargo bench` names them too.
const LANES: &str = "executor-*";

/// A build that takes longer is worth a line.
const NOTICED: Duration = Duration::from_secs(2);

/// A built track.
#[derive(Debug)]
pub struct Track {
    /// Its program.
    pub path: PathBuf,
    /// Its lanes and workloads.
    pub lineup: Lineup,
    /// The folder in which the paths of lanes begin that are programs.
    root: PathBuf,
    /// The programs of lanes that cargo has built, by their names.
    programs: BTreeMap<String, PathBuf>,
    /// The bytes of the track, and those of lanes that are programs, by their names.
    bytes: BTreeMap<String, Bytes>,
}

/// The programs of a race: the track, and those lanes that are programs of the workspace.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The path of the track.
    pub track: PathBuf,
    /// The paths of lanes, by the names of their programs.
    pub lanes: BTreeMap<String, PathBuf>,
}

/// The tracks of a run: this tree's, and those of other revisions by their paths.
#[derive(Debug)]
pub struct Tracks {
    /// The track of this tree.
    pub this: Track,
    /// The others.
    pub others: BTreeMap<PathBuf, Track>,
}

impl Tracks {
    /// Returns the name of a program that has other bytes than when its track was asked, with the path of that track.
    pub(crate) fn replaced(&self) -> Option<(&str, &Path)> {
        let mut tracks = [&self.this].into_iter().chain(self.others.values());
        tracks.find_map(|track| Some((track.replaced()?, &*track.path)))
    }
}

/// Has cargo build the track of a lineup, the default one if absent, and the programs of its lanes, with this profile; `None` if
/// it was interrupted.
///
/// # Errors
///
/// One line that says what is missing.
pub fn build(
    workspace: &Path,
    lineup: Option<&str>,
    profile: &str,
    interrupted: &AtomicBool,
) -> Result<Option<Programs>> {
    if !workspace.join("Cargo.toml").is_file() {
        bail!("the workspace {} is gone, so there is nothing to build the track from", workspace.display());
    }
    let start = Instant::now();
    let build = Build { workspace, manifest: None, profile, target_folder: None, flags: None, log: None };
    let named = lineup.map(|name| format!("{TRACK}-{name}"));
    let (track, packages) = match &named {
        None => (TRACK, vec![TRACK, LANES]),
        Some(package) => (&**package, vec![&**package]),
    };
    let mut paths = match build.run(&packages, interrupted)? {
        Built::Programs(paths) => paths,
        Built::Failed(reason) => bail!("the track does not build: {reason}"),
        Built::Interrupted => return Ok(None),
    };
    if start.elapsed() > NOTICED {
        let seconds = start.elapsed().as_secs();
        // If nobody can read it, nothing else is to be done.
        writeln!(io::stderr(), "built the track in {}:{:02}", seconds / 60, seconds % 60).ok();
    }
    match paths.remove(track) {
        Some(track) => Ok(Some(Programs { track, lanes: paths })),
        None => bail!("cargo has built the track and does not say where"),
    }
}

/// Returns the facts that a track which is built now would tell of its build, as far as the compiler says them.
pub fn expected_build(workspace: &Path) -> TrackBuild {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("-vV").current_dir(workspace).stdin(Stdio::null()).output();
    let words = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut build = TrackBuild::unknown();
    if let Some(version) = words.lines().next() {
        version.clone_into(&mut build.rustc);
    }
    if let Some(target) = words.lines().find_map(|line| line.strip_prefix("host: ")) {
        target.clone_into(&mut build.target);
    }
    build
}

impl Programs {
    /// Finds the programs of lanes beside a track that is built already.
    pub fn beside(track: &Path) -> Programs {
        let mut lanes = BTreeMap::new();
        let folder = track.parent().unwrap_or(Path::new("."));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
            // Cargo writes what a program was built from beside it, as `threads.d`.
            let is_program = path.extension().unwrap_or_default() == EXE_EXTENSION && path.is_file();
            if let Some(name) = name.filter(|_| is_program) {
                lanes.insert(name, path);
            }
        }
        Programs { track: track.to_owned(), lanes }
    }
}

impl Track {
    /// Asks a track what it has, at these numbers of workers.
    ///
    /// # Errors
    ///
    /// [`Trouble::Failed`] if it does not start, or speaks another protocol.
    pub fn ask(
        programs: Programs,
        root: &Path,
        threads: &[usize],
        limits: &Limits,
    ) -> Result<Track, Trouble> {
        let Programs { track: path, lanes: programs } = programs;
        let bytes = Bytes::of(vec![path.clone()]);
        let mut process = LaneProcess::start_as(true, Command::new(&path), limits)?;
        let lineup = match lane::ask_to_describe(&mut process, threads)? {
            Reply::Lineup(lineup) => *lineup,
            other => return Err(process.out_of_turn(&other)),
        };
        process.end()?;
        let bytes = BTreeMap::from([(TRACK.to_owned(), bytes)]);
        let mut track = Track { path, lineup, root: root.to_owned(), programs, bytes };
        for lane in &track.lineup.lanes {
            if let Some(command) = &lane.command {
                track.bytes.insert(lane.name.clone(), Bytes::of(track.files_of_program(command)));
            }
        }
        Ok(track)
    }

    /// Returns the programs that cargo has built of lanes in the lineup, by their names.
    pub fn programs_of_lanes(&self) -> impl Iterator<Item = (&str, &Path)> {
        let commands = self.lineup.lanes.iter().filter_map(|lane| lane.command.as_ref()?.first());
        let mut names: Vec<&String> = commands.collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| Some((&**name, &**self.programs.get(name)?)))
    }

    /// Returns the hashes of the track and of lanes that are programs, by their names.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.bytes.iter().map(|(name, bytes)| (name.clone(), bytes.hash())).collect()
    }

    /// Returns the name of a program that has other bytes than when this track was asked.
    pub(crate) fn replaced(&self) -> Option<&str> {
        self.bytes.iter().find(|(_, bytes)| bytes.have_changed()).map(|(name, _)| &**name)
    }

    /// Makes the command that starts a lane with so many workers.
    ///
    /// # Errors
    ///
    /// If the lineup has no such lane.
    pub fn command(&self, lane: &str, threads: usize) -> Result<Command, Trouble> {
        let entry = self.lineup.lane(lane);
        let entry = entry.ok_or_else(|| Trouble::Failed(format!("the lineup has no lane {lane}")))?;
        match &entry.command {
            Some(command) => Ok(self.command_of_program(command)),
            None => {
                let mut command = Command::new(&self.path);
                command.envs(variables(entry, threads));
                Ok(command)
            }
        }
    }

    /// Makes the command that starts a program, as it would stand in the lineup.
    ///
    /// A path is one of the workspace if there is such a file; a name without a slash is a program that cargo has built,
    /// or else one on the PATH.
    pub fn command_of_program(&self, command: &[String]) -> Command {
        let [program, arguments @ ..] = command else { return Command::new("") };
        let built = self.programs.get(program).cloned();
        let mut process = Command::new(built.unwrap_or_else(|| self.resolved(program)));
        process.args(arguments.iter().map(|argument| self.resolved(argument)));
        process
    }

    /// Returns the files that a program consists of: those that its command names, and all that are in its folder of `lanes`.
    fn files_of_program(&self, command: &[String]) -> Vec<PathBuf> {
        let process = self.command_of_program(command);
        let parts = [process.get_program()].into_iter().chain(process.get_args()).map(PathBuf::from);
        // What is on the PATH, such as an interpreter, tells its version itself.
        let mut files: Vec<_> =
            parts.filter(|part| part.components().count() > 1 && part.is_file()).collect();
        let folders = command.iter().filter_map(|part| {
            let (lane, _) = part.strip_prefix("lanes/")?.split_once('/')?;
            Some(self.resolved(&format!("lanes/{lane}")))
        });
        for folder in folders {
            files.extend(files_below(&folder).unwrap_or_default());
        }
        files.sort();
        files.dedup();
        files
    }

    fn resolved(&self, part: &str) -> PathBuf {
        let ours = self.root.join(part);
        if part.contains('/') && !Path::new(part).exists() && ours.exists() { ours } else { part.into() }
    }

    /// Asks for the specifications of the cells that are programs': theirs are checked here.
    ///
    /// # Errors
    ///
    /// The errors of [`LaneProcess::ask`].
    pub fn specify<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a CellId>,
        limits: &Limits,
    ) -> Result<Specifications, Trouble> {
        let mut specifications = Specifications::default();
        let mut process = None;
        for cell in cells {
            let asked = Specify::from(cell);
            let key = (asked.workload.clone(), asked.size, asked.threads);
            if specifications.of.contains_key(&key) {
                continue;
            }
            let process = match &mut process {
                Some(process) => process,
                none => none.insert(LaneProcess::start_as(true, Command::new(&self.path), limits)?),
            };
            match process.ask(&Request::Specify(asked))? {
                Reply::Specification(specification) => specifications.of.insert(key, specification),
                other => return Err(process.out_of_turn(&other)),
            };
        }
        match process {
            Some(process) => process.end().map(|()| specifications),
            None => Ok(specifications),
        }
    }
}

/// Specifications by workload, size and number of workers.
#[derive(Debug, Default)]
pub struct Specifications {
    of: BTreeMap<(String, u64, usize), Specification>,
}

impl Specifications {
    /// Finds the specification of a cell.
    pub fn get(&self, cell: &CellId) -> Option<&Specification> {
        self.of.get(&(cell.workload.clone(), cell.size, cell.threads))
    }
}

fn variables(entry: &LaneEntry, threads: usize) -> impl Iterator<Item = (&String, &String)> {
    entry.environment.get(&threads).into_iter().flatten().map(|(name, value)| (name, value))
}

/// Returns a cell as its lane is asked for it.
pub fn request(cell: &CellId) -> Cell {
    Cell {
        lane: cell.executor.clone(),
        workload: cell.workload.clone(),
        size: cell.size,
        threads: cell.threads,
        blocking_threads: BLOCKING_THREADS,
        checked: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_writes_beside_a_program_is_no_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("threads").with_extension(EXE_EXTENSION);
        for path in [&program, &folder.path().join("threads.d"), &folder.path().join("epoll.d")] {
            fs::write(path, "").expect("a file");
        }
        let found = Programs::beside(&folder.path().join("track")).lanes;
        assert_eq!(found, BTreeMap::from([("threads".to_owned(), program)]));
    }
}
