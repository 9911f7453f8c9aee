//! `cargo bench`: races the executors of the lineup.

use std::process::ExitCode;

use bench_report::{lineup::lineup, program::Program};

fn main() -> ExitCode {
    Program::new(lineup()).bench()
}
