//! The lane `threads`, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    executor_threads::threads()
}
