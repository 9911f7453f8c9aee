//! Links of the page: to the sections of its workloads, and to the files of the repository.

use std::path::Path;

use super::circumstances::UNKNOWN;
use results::Build;

/// The address before the path of a file, if the files can be linked.
pub(super) struct Links {
    base: Option<String>,
}

/// A file of the repository.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) link: Option<String>,
}

impl Links {
    /// Chooses the address for a page that goes into `folder`: that of the commit if it is published,
    /// otherwise the way to the files of this workspace.
    pub(super) fn of(build: &Build, folder: Option<&Path>) -> Links {
        let published = build.repository.starts_with("https://") && build.commit != UNKNOWN;
        let at_commit = || format!("{}/blob/{}/", build.repository.trim_end_matches('/'), build.commit);
        Links { base: published.then(at_commit).or_else(|| to_workspace(folder?)) }
    }

    /// Links a file, given by its path in the repository.
    pub(super) fn to(&self, path: &str) -> Source {
        Source { path: path.to_owned(), link: self.base.as_ref().map(|base| format!("{base}{path}")) }
    }
}

/// Returns the anchor of a workload's section.
pub(super) fn anchor(workload: &str) -> String {
    let safe = |character: char| if character.is_alphanumeric() { character } else { '-' };
    format!("workload-{}", workload.chars().map(safe).collect::<String>())
}

/// Returns the way from a folder to the top of this workspace, if it is inside.
fn to_workspace(folder: &Path) -> Option<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?.canonicalize().ok()?;
    // The folder of a bare file name is written as an empty text.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().ok()?;
    let depth = folder.strip_prefix(top).ok()?.components().count();
    Some(if depth == 0 { "./".to_owned() } else { "../".repeat(depth) })
}
