//! Futures keeps the laws of the contract.

mod lane {
    // Add `timer` once there is one.
    executor_api::conformance!(executor_futures::Futures: tasks, blocking);
}
