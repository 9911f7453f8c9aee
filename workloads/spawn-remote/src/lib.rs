//! From outside: measures the cost of threads outside the executor that spawn its tasks, and wake them.

mod spawn;
mod wake;

pub use spawn::SpawnRemote;
pub use wake::WakeRemote;

/// The group of both workloads.
const GROUP: &str = "From outside";
