//! Another revision of this repository: finds it, and builds its track in a worktree of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result};
use lane_protocol::check_protocol;
use results::comparison::Invalid;

use crate::{
    cargo::{Build, Built},
    git::{git, is_no_repository},
    track::TRACK,
};

/// A commit under the name that the user gave it.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The name as typed: a branch, a tag, a hash.
    pub name: String,
    /// Its commit.
    pub commit: String,
    repository: PathBuf,
}

/// The switches of a track that is built otherwise than ours, to be raced against it: a slower hand-rolled, to see whether
/// the gate notices, and an allocator that cannot count. The track that it is compared with must not have them.
const SWITCHES: [&str; 2] = ["--cfg planted_slowdown", "--cfg plain_allocator"];

impl Revision {
    /// Finds a revision of the repository that `directory` is in.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the revision.
    pub fn find(name: &str, directory: &Path) -> Result<Revision> {
        let repository = git(directory, &["rev-parse", "--show-toplevel"]).map_err(|words| {
            let directory = directory.display();
            invalid(if is_no_repository(&words) {
                format!("{directory} is in no git repository")
            } else {
                format!("git does not tell of {directory}: {words}")
            })
        })?;
        match git(directory, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]) {
            Ok(commit) => Ok(Revision { name: name.to_owned(), commit, repository: repository.into() }),
            Err(_) => {
                let is_shallow = git(directory, &["rev-parse", "--is-shallow-repository"]);
                let remedy = match is_shallow.as_deref() {
                    Ok("true") => "; the clone is shallow, and `git fetch --unshallow` fetches the rest",
                    _ => "",
                };
                Err(invalid(format!("there is no revision `{name}` in {repository}{remedy}")))
            }
        }
    }

    /// The first letters of its commit, enough to tell it from others.
    pub fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    /// Builds its track below `folder`, with its own lock file, and our `flags` and `profile`; what was built before is used
    /// again.
    ///
    /// # Errors
    ///
    /// [`Invalid`] if it cannot be checked out, speaks another protocol, or does not build.
    pub fn build(
        &self,
        folder: &Path,
        flags: &str,
        profile: &str,
        interrupted: &AtomicBool,
    ) -> Result<Option<PathBuf>> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("failed to find {}", folder.display()))?;
        let worktree = folder.join(&self.commit);
        self.check_out(&worktree)?;
        // A revision from before the track has nothing to build, so that its number is known without asking.
        if !worktree.join("bench-report/track/Cargo.toml").exists() {
            let other = check_protocol(1).expect_err("ours is another");
            return Err(invalid(format!("{} ({}) {other}", self.name, self.short())));
        }
        let log = folder.join(format!("{}.log", self.commit));
        let target_folder = worktree.join("target");
        let flags = SWITCHES.iter().fold(flags.to_owned(), |flags, switch| flags.replace(switch, ""));
        let build = Build {
            workspace: &worktree,
            manifest: None,
            profile,
            target_folder: Some(&target_folder),
            flags: Some(&flags),
            log: Some(&log),
        };
        let reason = match build.run(&[TRACK], interrupted)? {
            Built::Interrupted => return Ok(None),
            Built::Programs(mut programs) => match programs.remove(TRACK) {
                Some(path) => return Ok(Some(path)),
                None => "cargo does not say where its track is".to_owned(),
            },
            Built::Failed(reason) => reason,
        };
        let Revision { name, .. } = self;
        Err(invalid(format!("{name} ({}) does not build: {reason}; see {}", self.short(), log.display())))
    }

    /// Makes the worktree, unless it is there.
    fn check_out(&self, worktree: &Path) -> Result<()> {
        let is_there = worktree.join(".git").exists();
        let head = is_there.then(|| git(worktree, &["rev-parse", "HEAD"])).and_then(Result::ok);
        if head.as_ref() == Some(&self.commit) {
            return match git(worktree, &["status", "--porcelain", "--untracked-files=no"]).as_deref() {
                Ok("") => Ok(()),
                _ => Err(invalid(format!("{} has been changed: remove it", worktree.display()))),
            };
        }
        if worktree.exists() {
            fs::remove_dir_all(worktree)
                .with_context(|| format!("failed to remove {}", worktree.display()))?;
        }
        // Of one whose folder is gone git still knows.
        git(&self.repository, &["worktree", "prune"]).ok();
        let path = worktree.display().to_string();
        match git(&self.repository, &["worktree", "add", "--detach", &path, &self.commit]) {
            Ok(_) => Ok(()),
            Err(words) => Err(invalid(format!("failed to check {} out into {path}: {words}", self.name))),
        }
    }
}

/// An error that says why nothing can be compared.
pub fn invalid(reason: String) -> anyhow::Error {
    Invalid::because(reason).into()
}
