//! The lab: the command line that plans a race, has cargo build the track, judges and draws.
//!
//! It holds no executor: what is measured is another program, which it talks to in the lines of `lane-protocol`.
//!
//! # Layout
//!
//! - `arguments`: the command line, as clap takes it; `selection`: the cells that it asks for
//! - `commands`: a file for each command
//! - `compare`, `gate`: two runs, or two tracks in one run
//! - `progress`: the bar; `signals`: what ends a command before its time

mod arguments;
mod selection;

mod commands;

mod compare;
mod gate;
mod progress;
mod signals;

use std::{env, ffi::OsString, io, process::ExitCode};

use anyhow::Result;

use crate::arguments::{BenchReport, Subcommands, Usage, parse};

pub use crate::compare::{Options, compare};

/// The exit codes of every command.
mod exit {
    /// All is well.
    pub(super) const OK: u8 = 0;
    /// The command could not be carried out.
    pub(super) const ERROR: u8 = 1;
    /// A cell failed.
    pub(super) const CELL_FAILED: u8 = 2;
    /// The command line makes no sense (EX_USAGE of sysexits.h).
    pub(super) const USAGE: u8 = 64;
    /// Ctrl-C, as a shell says it.
    pub(super) const INTERRUPTED: u8 = 130;
}

/// The folder of the workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs `bench-report`, with the arguments of this process.
pub fn main() -> ExitCode {
    conclude(|arguments| {
        let Some(BenchReport { command }) = parse(arguments)? else { return Ok(exit::OK) };
        match command {
            Subcommands::Run(arguments) => commands::run(arguments),
            Subcommands::Check(arguments) => commands::check(&arguments),
            Subcommands::Report(arguments) => commands::report(arguments),
            Subcommands::Export(arguments) => commands::export(arguments),
            Subcommands::Compare(arguments) => commands::compare(arguments),
            Subcommands::Gate(arguments) => commands::gate(arguments),
            Subcommands::List(arguments) => commands::list(&arguments),
            Subcommands::CheckLane(arguments) => commands::check_lane(&arguments),
            Subcommands::Guard => {
                race::guard::stand(io::stdin().lock());
                Ok(exit::OK)
            }
        }
    })
}

/// Acts, and says in one line what went wrong.
fn conclude(act: impl FnOnce(Vec<OsString>) -> Result<u8>) -> ExitCode {
    act(env::args_os().collect()).map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { exit::USAGE } else { exit::ERROR })
        },
        ExitCode::from,
    )
}
