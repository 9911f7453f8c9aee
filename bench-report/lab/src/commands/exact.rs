//! `--exact CELL`: one cell as a Criterion benchmark, which compares it with the last time.

use std::{env, path::Path, process::Command};

use anyhow::{Context, Result, anyhow};
use race::cargo::PROFILE;
use results::CellId;

use crate::{WORKSPACE, exit};

/// Has cargo run the Criterion benchmark of a cell, built as everything that is measured.
pub(super) fn exact(cell: &CellId) -> Result<u8> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(Path::new(WORKSPACE));
    command.args(["bench", "--locked", "--profile", PROFILE, "-p", "track", "--bench", "criterion"]);
    command.args(["--", "--exact", &cell.to_string()]);
    let status = command.status().with_context(|| format!("{} does not start", cargo.display()))?;
    match status.code() {
        Some(0) => Ok(exit::OK),
        // Cargo gives the exit code of the benchmark, or its own 101.
        Some(code @ 1..=255) => Ok(code as u8),
        _ => Err(anyhow!("cargo {status}")),
    }
}
