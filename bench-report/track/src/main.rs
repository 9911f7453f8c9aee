//! Serves the lineup to the lab, in lines of JSON; see `bench-report/protocol/README.md`.

use std::process::ExitCode;

#[cfg(not(plain_allocator))]
use lane_harness::Allocator;
use lane_harness::serve;
use track::{build, lineup::lineup};

// Without it, for whoever doubts that its switch costs nothing; METHODOLOGY.md says how to try.
#[cfg(not(plain_allocator))]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    serve(&lineup(), &build!())
}
