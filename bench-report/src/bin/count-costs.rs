//! Counts what runs cost: the same program as `bench-report`, with an allocator that counts. Started by the others.

use std::{alloc::System, process::ExitCode};

use bench_report::{lineup::lineup, program::Program};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    Program::new(lineup()).count()
}
