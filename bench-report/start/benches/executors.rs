//! `cargo bench`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    start::main()
}
