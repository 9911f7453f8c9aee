//! The lab: the command line that plans a race, has cargo build the track, judges and draws.
//!
//! It holds no executor: what is measured is another program, which it talks to in the lines of `lane-protocol`.
//!
//! # Layout
//!
//! - `arguments`: the command line, as clap takes it; `selection`: the cells that it asks for
//! - `commands`: a file for each command
//! - `compare`, `gate`: two runs, or two tracks in one run; `others`: lanes of other builds
//! - `programs`: what is raced where nothing is built
//! - `output`, `progress`: what is said, and the bar; `signals`: what ends a command before its time

mod arguments;
mod selection;

mod commands;

mod compare;
mod gate;
mod others;
mod output;
mod programs;
mod progress;
mod signals;

use std::{env, ffi::OsString, io, process::ExitCode};

use anyhow::Result;

use crate::{
    arguments::{BenchReport, Subcommands, Usage, parse},
    output::{complain, say},
};

pub use crate::{
    commands::LIMITS,
    compare::{Options, compare},
};

/// The exit codes of every command.
mod exit {
    /// All of them, for people.
    pub(super) const ALL: &str = "\
0    All is well. compare, gate: nothing has regressed, and nothing is open
1    The command could not be carried out, and one line says why; also a run whose quota cannot be set, so that every cell is n/a. compare, gate: a cell has regressed
2    A cell has failed; the others are measured. compare, gate: the two cannot be compared, as under other conditions, and one line says why
3    compare, gate: nothing has regressed, and something is undecided or not comparable
64   The command line makes no sense, or there is no such run
130  Interrupted by Ctrl-C, by a kill that asks, or because the terminal or a batch system's time is gone; `--resume` goes on with a run
";
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

    #[cfg(test)]
    mod tests {
        use results::comparison::Outcome;

        use super::*;

        #[test]
        fn every_code_is_told() {
            let outcomes = [Outcome::Ok, Outcome::Regressed, Outcome::Invalid, Outcome::Undecided];
            let codes = [OK, ERROR, CELL_FAILED, USAGE, INTERRUPTED].into_iter();
            for code in codes.chain(outcomes.map(Outcome::code)) {
                assert!(ALL.lines().any(|line| line.starts_with(&format!("{code} "))), "{code}");
            }
        }
    }
}

/// The folder of the workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs `bench-report`, with the arguments of this process.
pub fn main() -> ExitCode {
    signals::bear_limit_of_files();
    conclude(|arguments| {
        let Some(BenchReport { command }) = parse(arguments)? else { return Ok(exit::OK) };
        match command {
            Subcommands::Run(arguments) => commands::run(*arguments),
            Subcommands::Foresee(arguments) => commands::foresee(&arguments),
            Subcommands::Check(arguments) => commands::check(&arguments),
            Subcommands::Report(arguments) => commands::report(arguments),
            Subcommands::Show(arguments) => commands::show(arguments),
            Subcommands::Export(arguments) => commands::export(arguments),
            Subcommands::Compare(arguments) => commands::compare(arguments),
            Subcommands::Gate(arguments) => commands::gate(arguments),
            Subcommands::Slurm(arguments) => commands::slurm(arguments),
            Subcommands::Merge(arguments) => commands::merge(&arguments),
            Subcommands::List(arguments) => commands::list(&arguments),
            Subcommands::Specify(arguments) => commands::specify(&arguments),
            Subcommands::CheckLane(arguments) => commands::check_lane(&arguments),
            Subcommands::ExitCodes => say(exit::ALL).map(|()| exit::OK),
            Subcommands::Enter(arguments) => Ok(race::quota::enter(&arguments.words)),
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
            complain(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { exit::USAGE } else { exit::ERROR })
        },
        ExitCode::from,
    )
}
