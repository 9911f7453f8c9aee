//! The track of the lineup `options`: runtimes beside what else they offer, and hand-rolled.
//!
//! It is a program of its own, so that the default race neither waits for its build nor shows its lanes. The options of tokio
//! are unstable: `RUSTFLAGS="--cfg tokio_unstable" cargo bench -- --lineup options` has them, each a lane beside
//! `tokio-unstable`, which has that flag and nothing else.

use std::process::ExitCode;

use lane_harness::{Allocator, Suite, serve};
use track::{build, lane};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    lane!(suite, executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
    #[cfg(tokio_unstable)]
    {
        lane!(suite, executor_tokio::TokioNoLifo as executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
        lane!(suite, executor_tokio::TokioAltTimer as executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
        lane!(suite, executor_tokio::TokioEagerDriver as executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
        lane!(suite, executor_tokio::TokioShardedBlocking as executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
    }
    lane!(suite, executor_tokio::TokioPerCore: tasks, remote, timers, blocking);
    lane!(suite, executor_tokio::TokioCurrentThread as executor_tokio::Tokio: tasks, remote, timers, blocking, sockets);
    lane!(suite, executor_tokio::TokioLocalRuntime: tasks, remote, timers, blocking, sockets);
    lane!(suite, executor_smol::Smol: tasks, remote, timers, blocking, sockets);
    lane!(suite, executor_smol::SmolStatic: tasks, remote, timers, blocking, sockets);
    lane!(suite, executor_bevy_tasks::BevyTasks: tasks, remote);
    lane!(suite, executor_futures::Futures: tasks, remote);
    lane!(suite, executor_futures::FuturesLocal: tasks);
    lane!(suite, executor_hand_rolled::HandRolled: tasks, remote, timers, blocking, sockets);
    serve(&suite, &build!())
}
