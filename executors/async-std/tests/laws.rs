//! async-std keeps the laws of the contract.

mod global {
    executor_api::conformance!(executor_async_std::AsyncStd: tasks, timer, blocking, remote);
}
