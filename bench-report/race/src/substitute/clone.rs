//! Has git fetch a revision of a repository, into a folder that is kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};

use crate::{git::git, program::hash_of_text};

/// Returns a folder below `place` with the files of a revision: a branch or a tag as it is now, or a commit.
///
/// # Errors
///
/// Returns git's words: it does not reach the repository, or there is no such revision.
pub(super) fn check_out(url: &str, revision: &str, place: &Path) -> Result<PathBuf> {
    fs::create_dir_all(place).with_context(|| format!("failed to make {}", place.display()))?;
    // One for each revision: several are built in one run.
    let folder = place.join(hash_of_text(&format!("{url}#{revision}")));
    let path = folder.display().to_string();
    let in_words = |words: String| anyhow!("{words}");
    if folder.join(".git").exists() {
        git(&folder, &["fetch", "--quiet", "--force", "--tags", "origin"]).map_err(in_words)?;
    } else {
        git(place, &["clone", "--quiet", "--no-checkout", url, &path]).map_err(in_words)?;
    }
    // A branch is what it is at the origin; anything else has one meaning only.
    let found = [format!("origin/{revision}"), revision.to_owned()].into_iter().find_map(|name| {
        git(&folder, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).ok()
    });
    let commit = found.ok_or_else(|| anyhow!("{url} has no revision {revision}"))?;
    git(&folder, &["checkout", "--quiet", "--force", "--detach", &commit]).map_err(in_words)?;
    Ok(folder)
}

/// Returns the commit whose files are in a folder.
pub(super) fn commit(folder: &Path) -> String {
    git(folder, &["rev-parse", "HEAD"]).unwrap_or_else(|_| "unknown".to_owned())
}
