//! The repository of the source: its commit, its changes, and where it is published, as a web address.

use std::path::Path;

use crate::git::{git, is_no_repository};

/// The facts of a repository.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) commit: Option<String>,
    /// True if a source differs from the commit.
    pub(super) dirty: Option<bool>,
    pub(super) address: Option<String>,
}

/// Changes that are none of the program: texts for people, and whatever nobody has added, such as the output of a run.
const SOURCES: [&str; 6] =
    ["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude,glob)**/*.md"];
const BUT_DOCS: &str = ":(exclude)docs";

impl Repository {
    /// Asks git about a folder; `None` if it is in no repository, or in one that knows nothing of it.
    ///
    /// # Errors
    ///
    /// The words of git.
    pub(super) fn of(folder: &Path) -> Result<Option<Repository>, String> {
        match git(folder, &["rev-parse", "--verify", "HEAD"]) {
            Err(words) if is_no_repository(&words) => Ok(None),
            Err(words) => Err(words),
            // Somebody may have unpacked all of this in a repository of his own.
            Ok(_) if git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"]).is_err() => Ok(None),
            Ok(commit) => {
                let changes = git(folder, &[&SOURCES[..], &[BUT_DOCS]].concat())?;
                let origin = git(folder, &["remote", "get-url", "origin"]).ok();
                let address = origin.and_then(|remote| web_address(&remote));
                Ok(Some(Repository { commit: Some(commit), dirty: Some(!changes.is_empty()), address }))
            }
        }
    }
}

/// The https address of a remote as git writes it, without credentials and without `.git`.
///
/// None if it is no address on the web, such as a folder or a host by a short name, or cannot be told to be one.
fn web_address(remote: &str) -> Option<String> {
    let remote = remote.trim();
    let (host, path) = match remote.split_once("://") {
        Some(("https", rest)) => without_user(rest).split_once('/')?,
        Some(("ssh", rest)) => {
            let (host, path) = without_user(rest).split_once('/')?;
            // The port is that of the shell's server.
            (host.split(':').next()?, path)
        }
        Some(_) => return None,
        None => {
            let (_, rest) = remote.split_once('@')?;
            rest.split_once(':')?
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let of_host = |character: char| character.is_ascii_alphanumeric() || "-.:".contains(character);
    let of_path = |character: char| character.is_ascii_alphanumeric() || "-._~/".contains(character);
    let sound =
        host.contains('.') && host.chars().all(of_host) && !path.is_empty() && path.chars().all(of_path);
    sound.then(|| format!("https://{host}/{path}"))
}

/// The rest of an address, without the user and the password that may stand before its host.
fn without_user(rest: &str) -> &str {
    let end = rest.find('/').unwrap_or(rest.len());
    rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a manifest, a source and a text for people.
    fn scratch() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in ["Cargo.toml", "source.rs", "README.md"] {
            write(folder.path(), file, "text");
        }
        let as_me = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        let commit = [&as_me[..], &["commit", "--quiet", "-m", "x"]].concat();
        for arguments in [&["init", "--quiet"][..], &["add", "."], &commit] {
            git(folder.path(), arguments).expect("git is installed");
        }
        folder
    }

    fn write(folder: &Path, file: &str, text: &str) {
        std::fs::write(folder.join(file), text).expect("the folder is ours");
    }

    fn dirty(folder: &Path) -> bool {
        let repository = Repository::of(folder).expect("git tells").expect("it is a repository");
        repository.dirty.expect("git tells that too")
    }

    #[test]
    fn a_changed_source_makes_a_tree_dirty_and_nothing_else_does() {
        let scratch = scratch();
        let folder = scratch.path();
        assert!(!dirty(folder));
        write(folder, "results.json", "{}");
        write(folder, "README.md", "more text");
        assert!(!dirty(folder));
        write(folder, "source.rs", "other text");
        assert!(dirty(folder));
    }

    #[test]
    fn a_folder_that_git_does_not_know_has_no_commit() {
        let scratch = scratch();
        let inner = scratch.path().join("unpacked");
        std::fs::create_dir(&inner).expect("the folder is ours");
        write(&inner, "Cargo.toml", "text");
        assert!(Repository::of(&inner).expect("git tells").is_none());
    }

    #[test]
    fn remotes_of_every_form_lead_to_one_address() {
        for remote in [
            "https://example.org/owner/repo",
            "https://example.org/owner/repo.git",
            "https://example.org/owner/repo/\n",
            "https://user@example.org/owner/repo.git",
            "https://user:secret@example.org/owner/repo.git",
            "https://user:s@cret@example.org/owner/repo.git",
            "git@example.org:owner/repo.git",
            "git@example.org:/owner/repo",
            "ssh://git@example.org/owner/repo.git",
            "ssh://git@example.org:2222/owner/repo.git",
            "ssh://example.org/owner/repo",
        ] {
            assert_eq!(web_address(remote).as_deref(), Some("https://example.org/owner/repo"), "{remote}");
        }
        let port = "https://example.org:8443/group/owner/repo.git";
        assert_eq!(web_address(port).as_deref(), Some("https://example.org:8443/group/owner/repo"));
    }

    #[test]
    fn what_is_no_place_on_the_web_is_unknown() {
        for remote in [
            "",
            "/srv/git/repo.git",
            "../repo",
            "C:\\repo",
            "file:///srv/git/repo.git",
            "git://example.org/owner/repo",
            "http://user:secret@example.org/owner/repo",
            "https://example.org",
            "https://example.org/",
            "git@work:owner/repo.git",
            "ssh://git@work/owner/repo",
            "https://example.org/owner/repo?token=secret",
            "https://example.org/owner/\"><script>",
        ] {
            assert_eq!(web_address(remote), None, "{remote}");
        }
    }
}
