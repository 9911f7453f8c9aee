//! Checks the laws of the contract on async-std.

mod global {
    executor_api::conformance!(executor_async_std::AsyncStd: tasks, timer, blocking, remote, block_on);
}
