//! Workloads with sockets whose both ends are tasks of the lane: what a round trip costs, a connection, and one that waits.
//!
//! All are closed loops: the next message is sent when the last has come back, so they measure a cost and no latency. The
//! crate `requests` has a load that waits for nothing.

mod connect;
mod echo;
mod end;
mod idle;
mod kept;

pub use connect::Connect;
pub use echo::{Echo, EchoUnderTimeout, EchoUnix};
pub use idle::IdleConnections;
