//! Checks the laws of the contract on the flavours of tokio.

mod multi_thread {
    executor_api::conformance!(executor_tokio::Tokio: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

mod current_thread {
    executor_api::conformance!(executor_tokio::TokioCurrentThread: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

#[cfg(feature = "options")]
mod local_runtime {
    executor_api::conformance!(executor_tokio::TokioLocalRuntime: tasks, timer, blocking, remote, restart, net, net_timer, net_readiness, net_fair);
}

mod per_core {
    executor_api::conformance!(executor_tokio::TokioPerCore: tasks, timer, blocking, remote, restart);
}

#[cfg(tokio_unstable)]
mod no_lifo {
    executor_api::conformance!(executor_tokio::TokioNoLifo: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

#[cfg(tokio_unstable)]
mod alt_timer {
    executor_api::conformance!(executor_tokio::TokioAltTimer: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

#[cfg(tokio_unstable)]
mod eager_driver {
    executor_api::conformance!(executor_tokio::TokioEagerDriver: tasks, timer, blocking, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}

/// Without `blocking`: tokio's workers start as jobs of the same pool, which others may overtake in another queue. So now and
/// then four jobs run at once on three threads, in 1.54.1.
#[cfg(tokio_unstable)]
mod sharded_blocking {
    executor_api::conformance!(executor_tokio::TokioShardedBlocking: tasks, timer, remote, block_on, restart, net, net_timer, net_readiness, net_fair);
}
