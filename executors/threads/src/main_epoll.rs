//! The lane `epoll`, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    executor_threads::epoll()
}
