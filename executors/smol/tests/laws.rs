//! Checks the laws of the contract on smol, with its global executor and with a local one.

mod global {
    executor_api::conformance!(executor_smol::Smol: tasks, timer, blocking, remote, block_on);
}

mod local {
    executor_api::conformance!(executor_smol::SmolLocal: tasks, timer, blocking, block_on);
}
