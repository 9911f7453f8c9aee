//! The runtime keeps the laws of the contract, with several workers and as an event loop.

mod multi_thread {
    executor_api::conformance!(executor_hand_rolled::HandRolled: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

mod current_thread {
    executor_api::conformance!(executor_hand_rolled::HandRolledCurrentThread: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}
