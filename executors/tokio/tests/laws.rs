//! Checks the laws of the contract on both flavours of tokio.

mod multi_thread {
    executor_api::conformance!(executor_tokio::Tokio: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

mod current_thread {
    executor_api::conformance!(executor_tokio::TokioCurrentThread: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}
