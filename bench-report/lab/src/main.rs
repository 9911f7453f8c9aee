//! `bench-report`: everything that `cargo bench` does, and what is done with results afterwards.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_report::main()
}
