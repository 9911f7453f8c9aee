//! The lanes `threads` and, with the argument `loops`, `loops`, as a program.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("loops") => executor_threads::loops(),
        _ => executor_threads::threads(),
    }
}
