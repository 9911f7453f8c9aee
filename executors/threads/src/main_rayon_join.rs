//! The lane `rayon-join`, as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    executor_threads::rayon_join()
}
