//! Builds tracks with another package, and keeps them.

use std::{
    collections::BTreeSet,
    env::consts::EXE_EXTENSION,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    mem,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use lane_protocol::{LaneEntry, Lineup, TrackBuild};
use results::Substitute;
use sha2::{Digest, Sha256};

use super::{
    Origin, Wish, clone,
    lock::{Lock, Locked},
    metadata::{Metadata, Package},
    tree::{self, Asked, LOCK, MANIFEST},
};
use crate::{
    cargo::{self, Build, Built},
    program,
    track::TRACK,
};

/// The file beside a track that is kept, with what it was built from.
const FACTS: &str = "substitute.json";

/// The pause between two tries to take the lock.
const GLANCE: Duration = Duration::from_millis(100);

/// The place where tracks with another package are built and kept: a folder, with one tree for all of them.
#[derive(Debug)]
pub struct Workshop<'a> {
    workspace: PathBuf,
    folder: PathBuf,
    /// The build of the track that they are raced against.
    like: &'a TrackBuild,
    /// The profile of cargo that it was built with.
    profile: &'a str,
    metadata: Metadata,
    /// The lock file of the workspace.
    lock: Lock,
    /// Held as long as this works: two that use one tree would build each other's tracks.
    _alone: File,
}

/// A package that was found, before anything is built.
#[derive(Debug)]
pub struct Resolved {
    /// The wish of the user.
    pub wish: Wish,
    /// Its version.
    pub version: String,
    /// The folder that has it, if one does.
    folder: Option<PathBuf>,
    /// A hash of the files in that folder.
    hash: Option<String>,
    /// The place in which its track is kept.
    place: PathBuf,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It was built before.
    Kept(Made),
    /// It is to be built with this lock file, with this package and what the track needs besides.
    ToBuild { lock: String, id: String, needed: usize, also: Vec<String> },
}

/// A track that is built.
#[derive(Clone, Debug)]
pub struct Made {
    /// The path of its program.
    pub track: PathBuf,
    /// The facts of the build.
    pub substitute: Substitute,
}

impl Workshop<'_> {
    /// Opens the workshop in a folder, for tracks that are raced against one that is built as said, with this profile; `None` if
    /// it was interrupted while another process had it, which `busy` is told once.
    ///
    /// # Errors
    ///
    /// If cargo does not tell of the workspace, or the folder cannot be made.
    pub fn open<'a>(
        workspace: &Path,
        like: &'a TrackBuild,
        profile: &'a str,
        folder: &Path,
        interrupted: &AtomicBool,
        busy: &dyn Fn(&Path),
    ) -> Result<Option<Workshop<'a>>> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let absolute = |folder: &Path| {
            folder.canonicalize().with_context(|| format!("failed to find {}", folder.display()))
        };
        let (workspace, folder) = (absolute(workspace)?, absolute(folder)?);
        let busy = || busy(&folder);
        let Some(alone) = lock(&folder.join("lock"), interrupted, &busy)? else { return Ok(None) };
        let metadata = Metadata::of(&workspace, &workspace.join(MANIFEST), &like.target)?;
        let lock = Lock::read(&workspace.join(LOCK))?;
        Ok(Some(Workshop { workspace, folder, like, profile, metadata, lock, _alone: alone }))
    }

    /// Returns the lanes whose packages depend on the package that is asked for.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn lanes<'l>(&self, wish: &Wish, lineup: &'l Lineup) -> Result<Vec<&'l LaneEntry>> {
        let Wish { package, .. } = wish;
        self.check_package(wish)?;
        let lanes = lineup.lanes.iter().filter(|lane| lane.command.is_none());
        let lanes: Vec<&LaneEntry> =
            lanes.filter(|lane| self.metadata.stands_on(lane, package, &self.workspace)).collect();
        if lanes.is_empty() {
            bail!("{wish}: no lane depends on a package `{package}`");
        }
        Ok(lanes)
    }

    /// Checks that a package can be another: that a program needs it, and that it is not our own.
    ///
    /// # Errors
    ///
    /// One line that says which of them it is.
    pub fn check_package(&self, wish: &Wish) -> Result<()> {
        let Wish { package, .. } = wish;
        if self.metadata.member(package).is_some() {
            bail!("{wish}: {package} is part of this repository, whose revisions `gate --against` races");
        }
        let track = self.metadata.member(TRACK).context("the workspace has no package track")?;
        if !self.metadata.needed_by(track).iter().any(|needed| needed.name == *package) {
            bail!("{wish}: no lane depends on a package `{package}`");
        }
        Ok(())
    }

    /// Finds the package that is asked for, and what it needs; nothing is built.
    ///
    /// # Errors
    ///
    /// One line: there is no such version, or something else of the program cannot be built with it, or it needs a newer
    /// compiler.
    pub fn resolve(&self, wish: &Wish) -> Result<Resolved> {
        self.resolve_quietly(wish).map_err(|error| anyhow!("{wish}: {error:#}"))
    }

    fn resolve_quietly(&self, wish: &Wish) -> Result<Resolved> {
        let (version, folder, hash) = match &wish.origin {
            Origin::Version(version) => (version.clone(), None, None),
            Origin::Folder(folder) => self.folder_of(folder, &wish.package)?,
            Origin::Git { url, revision } => {
                let folder = clone::check_out(url, revision, &self.folder.join("git"))?;
                self.folder_of(&folder, &wish.package)?
            }
            Origin::Flag(flag) => (self.version_with(&wish.package, flag)?, None, None),
        };
        let key = self.key(wish, hash.as_deref())?;
        let place = self.folder.join("kept").join(format!("{}-{version}-{key}", wish.package));
        let mut resolved =
            Resolved { wish: wish.clone(), version, folder, hash, place, stage: Stage::nothing() };
        resolved.stage = match Made::kept(&resolved.place) {
            Some(made) => Stage::Kept(made),
            None => self.with_lock(&resolved)?,
        };
        Ok(resolved)
    }

    /// Finds a package in a folder, and returns its version, its own folder, and the hash of that.
    fn folder_of(&self, folder: &Path, package: &str) -> Result<(String, Option<PathBuf>, Option<String>)> {
        let (version, folder) = self.package_in(folder, package)?;
        let hash = hash_of(&program::files_below(&folder)?, &folder)?;
        Ok((version, Some(folder), Some(hash)))
    }

    /// Returns the version of a package that the track has.
    ///
    /// # Errors
    ///
    /// If the sources of the package do not mention the flag: the build would be the same.
    fn version_with(&self, name: &str, flag: &str) -> Result<String> {
        let track = self.metadata.member(TRACK).context("the workspace has no package track")?;
        let needed = self.metadata.needed_by(track);
        let packages = || needed.iter().filter(|needed| needed.name == name);
        for package in packages() {
            for file in program::files_below(package.folder())? {
                let content =
                    fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
                if String::from_utf8_lossy(&content).contains(flag) {
                    return Ok(package.version.clone());
                }
            }
        }
        let version = packages().map(|package| &*package.version).collect::<Vec<_>>().join(" and ");
        bail!("nothing in {name} {version} depends on a flag `{flag}`")
    }

    /// Finds the package of this name in a folder, or in the workspace that it holds, and returns its version and folder.
    fn package_in(&self, folder: &Path, name: &str) -> Result<(String, PathBuf)> {
        let manifest = folder.join(MANIFEST);
        if !manifest.is_file() {
            bail!("there is no {}", manifest.display());
        }
        let manifest =
            manifest.canonicalize().with_context(|| format!("failed to find {}", manifest.display()))?;
        let members = Metadata::of_members(&self.workspace, &manifest)?;
        let package = members.member(name);
        let package = package.with_context(|| format!("{} has no package {name}", folder.display()))?;
        Ok((package.version.clone(), package.folder().to_owned()))
    }

    /// Returns a mark of everything that a track is built from, but for the version of the package.
    fn key(&self, wish: &Wish, hash_of_package: Option<&str>) -> Result<String> {
        let track = self.metadata.member(TRACK).context("the workspace has no package track")?;
        let mut files = vec![self.workspace.join(MANIFEST), self.workspace.join(LOCK)];
        let needed: BTreeSet<&str> =
            self.metadata.needed_by(track).iter().map(|package| &*package.id).collect();
        for member in self.metadata.members().filter(|member| needed.contains(&*member.id)) {
            files.extend(program::files_below(member.folder())?);
        }
        let sources = hash_of(&files, &self.workspace)?;
        let TrackBuild { rustc, target, .. } = self.like;
        let hash = hash_of_package.unwrap_or_default();
        let facts = [&sources, hash, rustc, target, &self.flags(wish), self.profile];
        Ok(short(Sha256::new_with_prefix(facts.join("\n"))))
    }

    /// Returns the flags of the compiler: those of the track that these are raced against, and the one that is asked for.
    fn flags(&self, wish: &Wish) -> String {
        let like = if self.like.flags == "none" { "" } else { &self.like.flags };
        match &wish.origin {
            Origin::Flag(flag) => format!("{like} --cfg {flag}").trim_start().to_owned(),
            Origin::Version(_) | Origin::Folder(_) | Origin::Git { .. } => like.to_owned(),
        }
    }

    /// Makes the tree ask for a package, and has cargo change the lock file for it as little as it can.
    fn with_lock(&self, resolved: &Resolved) -> Result<Stage> {
        let Resolved { wish, version, .. } = resolved;
        self.copy(resolved)?;
        let manifest = self.tree().join(MANIFEST);
        let specification = self.lock.specification(&wish.package, version);
        let arguments = ["update", "--quiet", "--package", &specification, "--precise", version];
        let arguments = arguments.map(OsStr::new);
        let arguments = [&arguments[..], &[OsStr::new("--manifest-path"), manifest.as_os_str()]].concat();
        cargo::ask(&self.workspace, &arguments).map_err(|error| {
            let words = format!("{error:#}");
            // Cargo says so of a version as well.
            let Wish { package, .. } = wish;
            let lacks = [
                format!("no matching package named `{package}` found"),
                format!("failed to select a version for the requirement `{package} = \"={version}\"`"),
            ];
            if lacks.iter().any(|lacks| words.starts_with(lacks)) {
                anyhow!("the registry has no version {version} of {}", wish.package)
            } else {
                error
            }
        })?;
        let file = self.tree().join(LOCK);
        let lock = Lock::read(&file)?;
        let metadata = Metadata::of(&self.workspace, &manifest, &self.like.target)?;
        let track = metadata.member(TRACK).context("the workspace has no package track")?;
        let needed = metadata.needed_by(track);
        let package = needed.iter().find(|needed| needed.name == wish.package && needed.version == *version);
        let package =
            package.with_context(|| format!("cargo takes another {} all the same", wish.package))?;
        needed.iter().try_for_each(|package| self.check_compiler(package))?;
        let other = |locked: &&Locked| locked.name != wish.package && !self.lock.has(locked);
        let is_built = |locked: &&Locked| {
            needed.iter().any(|needed| needed.name == locked.name && needed.version == locked.version)
        };
        let also = lock.packages.iter().filter(other).filter(is_built);
        Ok(Stage::ToBuild {
            id: package.id.clone(),
            needed: needed.len(),
            also: also.map(|locked| format!("{} {}", locked.name, locked.version)).collect(),
            lock: fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?,
        })
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn copy(&self, resolved: &Resolved) -> Result<()> {
        let Resolved { wish, version, folder, .. } = resolved;
        let asked = Asked { package: &wish.package, version, folder: folder.as_deref() };
        tree::copy(&self.workspace, &self.metadata, &self.tree(), &asked)
    }

    /// Checks that the compiler is as new as a package says that it needs.
    fn check_compiler(&self, package: &Package) -> Result<()> {
        let ours = self.like.rustc.split(' ').nth(1).and_then(numbers);
        let (Some(ours), Some(needs)) = (ours, package.rust_version.as_deref()) else { return Ok(()) };
        if numbers(needs).is_some_and(|needs| needs > ours) {
            let Package { name, version, .. } = package;
            bail!("{name} {version} needs rustc {needs}, and this is {}", self.like.rustc);
        }
        Ok(())
    }

    /// Builds the track, or finds the one that is kept; `None` if it was interrupted. While it builds it tells how many
    /// packages are ready, of about how many.
    ///
    /// # Errors
    ///
    /// One line that says why it does not build, and where the compiler's words are.
    pub fn make(
        &self,
        resolved: &Resolved,
        interrupted: &AtomicBool,
        ready: &mut dyn FnMut(usize, usize),
    ) -> Result<Option<Made>> {
        let (lock, id, needed, also) = match &resolved.stage {
            Stage::Kept(made) => return Ok(Some(made.clone())),
            Stage::ToBuild { lock, id, needed, also } => (lock, id, *needed, also),
        };
        let Resolved { wish, version, place, .. } = resolved;
        self.copy(resolved)?;
        tree::write_if_other(&self.tree().join(LOCK), lock.as_bytes())?;
        fs::create_dir_all(place).with_context(|| format!("failed to make {}", place.display()))?;
        let log = place.join("cargo.log");
        let build = Build {
            workspace: &self.workspace,
            manifest: Some(&self.tree().join(MANIFEST)),
            profile: self.profile,
            target_folder: Some(&self.folder.join("target")),
            flags: Some(&self.flags(wish)),
            log: Some(&log),
        };
        let mut features = Vec::new();
        let mut seen = BTreeSet::new();
        let mut tell = |artifact: cargo::Artifact| {
            if artifact.package == *id && !artifact.target.starts_with("build-script") {
                features = artifact.features;
            }
            seen.insert(artifact.package);
            ready(seen.len(), needed);
        };
        let reason = match build.run_and_tell(&[TRACK], interrupted, &mut tell)? {
            Built::Interrupted => return Ok(None),
            Built::Programs(mut programs) => match programs.remove(TRACK) {
                Some(track) => {
                    let substitute = self.substitute(resolved, lock, features, also.clone())?;
                    return Made::keep(&track, place, substitute).map(Some);
                }
                None => "cargo does not say where its track is".to_owned(),
            },
            Built::Failed(reason) => reason,
        };
        bail!("{wish}: {} {version} does not build: {reason}; see {}", wish.package, log.display())
    }

    /// Describes what was built; the bytes of the program are added by whoever keeps it.
    fn substitute(
        &self,
        resolved: &Resolved,
        lock: &str,
        features: Vec<String>,
        also: Vec<String>,
    ) -> Result<Substitute> {
        let Resolved { wish, version, folder, hash, .. } = resolved;
        let Wish { package, origin } = wish;
        let lock: Lock = toml::from_str(lock).context("cargo has written no lock file")?;
        let of_registry =
            lock.packages.iter().find(|locked| locked.name == *package && locked.version == *version);
        let of_registry = of_registry.and_then(|locked| locked.checksum.clone());
        Ok(Substitute {
            package: package.clone(),
            version: version.clone(),
            instead_of: self.lock.alike(package, version).unwrap_or("unknown").to_owned(),
            source: match (origin, folder) {
                (Origin::Git { url, .. }, Some(folder)) => format!("{url} at {}", clone::commit(folder)),
                (_, Some(folder)) => folder.display().to_string(),
                (_, None) => "crates.io".to_owned(),
            },
            checksum: hash.clone().or(of_registry).unwrap_or_else(|| "unknown".to_owned()),
            features,
            flags: match self.flags(wish) {
                none if none.is_empty() => self.like.flags.clone(),
                flags => flags,
            },
            program: String::new(),
            also,
            reason: match origin {
                Origin::Flag(flag) => Some(format!("the one of the lock file, compiled with --cfg {flag}")),
                Origin::Version(_) | Origin::Folder(_) | Origin::Git { .. } => None,
            },
        })
    }
}

impl Resolved {
    /// Tells whether its track was built before.
    pub fn is_kept(&self) -> bool {
        matches!(self.stage, Stage::Kept(_))
    }
}

impl Stage {
    fn nothing() -> Stage {
        Stage::ToBuild { lock: String::new(), id: String::new(), needed: 0, also: Vec::new() }
    }
}

impl Made {
    /// Finds the track that is kept in a folder; `None` if there is none, or it is not what was kept.
    fn kept(place: &Path) -> Option<Made> {
        let substitute: Substitute = serde_json::from_slice(&fs::read(place.join(FACTS)).ok()?).ok()?;
        let track = path_of_track(place);
        (program::hash([&track])? == substitute.program).then_some(Made { track, substitute })
    }

    /// Keeps a track in a folder: the tree makes the next one in its place.
    fn keep(track: &Path, place: &Path, substitute: Substitute) -> Result<Made> {
        let kept = path_of_track(place);
        // One of the same name may be racing.
        let beside = place.join("track.new");
        fs::copy(track, &beside)
            .and_then(|_| fs::rename(&beside, &kept))
            .with_context(|| format!("failed to keep {}", kept.display()))?;
        let program = program::hash([&kept]);
        let program = program.with_context(|| format!("failed to read {}", kept.display()))?;
        let substitute = Substitute { program, ..substitute };
        let facts = place.join(FACTS);
        let text = serde_json::to_vec_pretty(&substitute).context("failed to write down what was built")?;
        fs::write(&facts, text).with_context(|| format!("failed to write {}", facts.display()))?;
        Ok(Made { track: kept, substitute })
    }
}

fn path_of_track(place: &Path) -> PathBuf {
    place.join(TRACK).with_extension(EXE_EXTENSION)
}

/// Returns the first two numbers of a version of the compiler.
fn numbers(version: &str) -> Option<[u32; 2]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??])
}

/// Hashes files with their paths below a folder.
fn hash_of(files: &[PathBuf], folder: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
        let path = file.strip_prefix(folder).unwrap_or(file).display().to_string();
        // With their lengths, so that no two lists of files are one text.
        hash.update(format!("{} {} {path}\n", path.len(), content.len()));
        hash.update(content);
    }
    Ok(short(hash))
}

/// Returns a hash in letters, long enough to tell things apart.
fn short(hash: Sha256) -> String {
    const BYTES: usize = 8;
    hash.finalize()[..BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the lock of a folder, and waits as long as another process has it, which `busy` is told; `None` if it was interrupted.
fn lock(file: &Path, interrupted: &AtomicBool, busy: &dyn Fn()) -> Result<Option<File>> {
    let lock = File::create(file).with_context(|| format!("failed to make {}", file.display()))?;
    let mut told = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::WouldBlock) if interrupted.load(SeqCst) => return Ok(None),
            Err(TryLockError::WouldBlock) => {
                if !mem::replace(&mut told, true) {
                    busy();
                }
                thread::sleep(GLANCE);
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("failed to lock {}", file.display()));
            }
        }
    }
}
