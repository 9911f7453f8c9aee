//! Checks the laws of the contract on smol, with its global executor, a local one and a static one.
//!
//! Without `net_fair`: a task that reads from a socket that is always ready is never interrupted, which the card of the lane
//! says among its limits.

mod global {
    executor_api::conformance!(executor_smol::Smol: tasks, timer, blocking, remote, block_on, net, net_timer, net_readiness);
}

mod local {
    executor_api::conformance!(executor_smol::SmolLocal: tasks, timer, blocking, block_on, net, net_timer, net_readiness);
}

#[cfg(feature = "options")]
mod fixed {
    executor_api::conformance!(executor_smol::SmolStatic: tasks, timer, blocking, remote, net, net_timer, net_readiness);
}
