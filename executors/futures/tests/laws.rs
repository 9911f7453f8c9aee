//! Checks the laws of the contract on futures.

mod lane {
    executor_api::conformance!(executor_futures::Futures: tasks, remote, block_on);
}
