//! Talks to the user: on the standard output it says what was asked for, on the standard error all else.
//!
//! The macros that print panic if nobody can be reached, and a terminal may be gone, a pipe closed or a disk full.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes to the standard output; a reader who leaves early is no error.
///
/// # Errors
///
/// If it cannot be written: a full disk.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("failed to write to the standard output")
        }
        _ => Ok(()),
    }
}

/// Writes a line to the standard error; if nobody can read it, nothing else is to be done.
pub(crate) fn complain(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}
