//! Futures keeps the laws of the contract.

mod lane {
    executor_api::conformance!(executor_futures::Futures: tasks, remote);
}
