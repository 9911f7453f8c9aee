//! Where the page finds the files of the repository: at its commit on the web, beside the page, or nowhere.

use std::path::Path;

use super::circumstances::UNKNOWN;
use crate::results::Build;

/// What stands before the path of a file to make a link of it, if anything does.
pub(super) struct Links {
    base: Option<String>,
}

/// A file of the repository.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) link: Option<String>,
}

impl Links {
    /// The links of a page that goes into `folder`: to the commit if it is published, else to the files of this workspace.
    pub(super) fn of(build: &Build, folder: Option<&Path>) -> Links {
        let published = build.repository.starts_with("https://") && build.commit != UNKNOWN;
        let at_commit = || format!("{}/blob/{}/", build.repository.trim_end_matches('/'), build.commit);
        Links { base: published.then(at_commit).or_else(|| to_workspace(folder?)) }
    }

    /// A file, by its path in the repository.
    pub(super) fn to(&self, path: &str) -> Source {
        Source { path: path.to_owned(), link: self.base.as_ref().map(|base| format!("{base}{path}")) }
    }
}

/// The way from a folder to the top of this workspace, if it is inside.
fn to_workspace(folder: &Path) -> Option<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.canonicalize().ok()?;
    // The folder that a bare file name lies in has no name.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().ok()?;
    let depth = folder.strip_prefix(top).ok()?.components().count();
    Some(if depth == 0 { "./".to_owned() } else { "../".repeat(depth) })
}
