//! Asks git, and passes on what it says.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

/// Variables by which git finds another repository than that of the folder: a hook has them, for its own.
const OF_ANOTHER: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Returns the answer of git about a folder, without the line break.
///
/// # Errors
///
/// The words of git, in a line; they are the remedy too, where it knows one. Empty if it said nothing.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
    for variable in OF_ANOTHER {
        command.env_remove(variable);
    }
    // Its words are read here, and a look at a repository writes nothing into it.
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    // Nobody sits at a terminal to be asked for a password.
    command.env("GIT_TERMINAL_PROMPT", "0");
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "git is not on the PATH".to_owned(),
        _ => format!("git does not start: {error}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(words.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned())
}

/// Tells whether git has said no more than that there is no repository.
pub(crate) fn is_no_repository(words: &str) -> bool {
    words.starts_with("not a git repository")
}
