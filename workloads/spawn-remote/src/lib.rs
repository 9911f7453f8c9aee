//! From outside: threads that are none of the executor's spawn its tasks, and wake them.

mod spawn;
mod wake;

pub use spawn::SpawnRemote;
pub use wake::WakeRemote;

/// The group of both.
const GROUP: &str = "From outside";
