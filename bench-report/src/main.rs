//! The same program as `cargo bench`, and what is done with results afterwards.

use std::process::ExitCode;

use bench_report::{lineup::lineup, program::Program};

fn main() -> ExitCode {
    Program::new(lineup()).main()
}
