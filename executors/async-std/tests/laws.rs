//! Checks the laws of the contract on async-std.
//!
//! Without `net_fair`: a task that reads from a socket that is always ready is never interrupted, which the card of the lane
//! says among its limits.

mod global {
    executor_api::conformance!(executor_async_std::AsyncStd: tasks, timer, blocking, remote, block_on, net, net_timer, net_readiness);
}
