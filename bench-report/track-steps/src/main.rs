//! The track of the lineup `steps`: the executors that lead to hand-rolled, idea by idea, and hand-rolled.
//!
//! It is a program of its own, so that the default race neither waits for its build nor shows its lanes.

use std::process::ExitCode;

use executor_api::{BlockingPool, Remote, Timer};
use lane_harness::{Allocator, Suite, serve};
use track::{build, lineup};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    enter::<steps::Queue>(&mut suite);
    enter::<steps::OneAllocation>(&mut suite);
    enter::<steps::Stealing>(&mut suite);
    enter::<steps::RationedWakes>(&mut suite);
    enter::<steps::WokenNext>(&mut suite);
    enter::<steps::TimerWheel>(&mut suite);
    enter::<executor_hand_rolled::HandRolled>(&mut suite);
    serve(&suite, &build!())
}

/// Enters an executor in all workloads but those that end executors, which the steps never do.
fn enter<E: Remote + Timer + BlockingPool>(suite: &mut Suite) {
    lineup::tasks::<E, E>(suite);
    lineup::remote::<E, E>(suite);
    lineup::timers::<E, E>(suite);
    lineup::blocking::<E, E>(suite);
}
