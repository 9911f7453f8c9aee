//! Checks the laws of the contract on compio.

executor_api::conformance!(executor_compio::Compio: tasks, timer, block_on, restart, net, net_timer, net_fair);
