//! The lane `threads`, as a program beside this one.

use std::process::ExitCode;

fn main() -> ExitCode {
    executor_threads::main()
}
