//! A track that is sound but for its allocator, which is that of the standard library.

use std::process::ExitCode;

use executor_tokio::TokioCurrentThread;
use lane_harness::Suite;
use spawn_join::SpawnJoin;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    suite.enter::<TokioCurrentThread>();
    suite.race::<TokioCurrentThread, SpawnJoin>("tasks");
    lane_harness::serve(&suite, &faults::build())
}
