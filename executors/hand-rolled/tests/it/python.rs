//! Programs that are run twice, here and by CPython: both must print the same lines.

use std::{path::Path, process::Command};

use crate::Log;

/// Runs `program` and the script of this name in `tests/python`, and compares the lines of both.
///
/// Without a `python3` it says so, and only runs `program`.
pub(crate) fn same_as_python(script: &str, program: impl FnOnce(Log)) {
    let log = Log::default();
    program(log.clone());
    let ours = crate::lock(&log.0).clone();
    let Some(theirs) = lines_of(&Path::new("tests/python").join(script)) else { return };
    assert_eq!(ours, theirs, "ours is on the left, CPython's on the right");
}

/// Returns the lines that a script of this crate prints; `None` if there is no Python to run it.
pub(crate) fn lines_of(script: &Path) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    if cfg!(miri) {
        eprintln!("{} was not compared with: Miri starts no programs", script.display());
        return None;
    }
    let output = match Command::new("python3").arg(&script).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("{} was not compared with: python3 does not start: {error}", script.display());
            return None;
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{} failed: {}", script.display(), text(&output.stderr));
    Some(text(&output.stdout).lines().map(String::from).collect())
}
