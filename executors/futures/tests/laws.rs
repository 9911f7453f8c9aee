//! Checks the laws of the contract on futures.

mod lane {
    executor_api::conformance!(executor_futures::Futures: tasks, remote, block_on);
}

mod local {
    executor_api::conformance!(executor_futures::FuturesLocal: tasks, block_on);
}
