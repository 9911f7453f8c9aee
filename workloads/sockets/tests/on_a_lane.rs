//! Each workload answers right on a lane, again and again, and ends with a reason where it cannot go on.

use std::{
    num::NonZeroUsize,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use executor_api::{Config, Executor};
use executor_tokio::{Tokio, TokioCurrentThread};
use sockets::{Connect, Echo, EchoUnderTimeout, EchoUnix, IdleConnections};
use workload_api::Workload;

/// The time after which a run hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a workload so many times on one executor, and checks each answer.
fn runs<E: Executor, W: Workload<E>>(size: u64, times: usize, threads: usize) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let config = Config::new(NonZeroUsize::new(threads).expect("a worker")).with_sockets();
        let executor = E::start(&config);
        let workload = Arc::new(W::prepare(size));
        for _ in 0..times {
            let workload = workload.clone();
            executor.run(async move {
                W::get_ready(workload.clone()).await;
                assert_eq!(W::run(workload.clone()).await, workload.expected());
            });
        }
        // Sockets may outlive their executor.
        drop(executor);
        drop(workload);
        done.send(()).expect("the test waits");
    });
    if let Err(error) = ended.recv_timeout(PATIENCE) {
        panic!("{}/{size}: {error}", W::ABOUT.name);
    }
}

#[test]
fn echoes_come_back_over_connections_that_runs_share() {
    for connections in [1, 2, 100] {
        runs::<Tokio, Echo>(connections, 3, 2);
        runs::<TokioCurrentThread, Echo>(connections, 3, 1);
        runs::<Tokio, EchoUnix>(connections, 3, 2);
        runs::<TokioCurrentThread, EchoUnix>(connections, 3, 1);
        runs::<Tokio, EchoUnderTimeout>(connections, 3, 2);
    }
}

#[test]
fn more_connections_are_made_than_there_are_ports() {
    // 28,000 on Linux, each of which would be kept for a minute by a client that closes first.
    runs::<Tokio, Connect>(1_000, 60, 2);
    runs::<TokioCurrentThread, Connect>(7, 3, 1);
}

#[test]
fn connections_wait_until_all_of_them_do() {
    runs::<Tokio, IdleConnections>(200, 2, 2);
    runs::<TokioCurrentThread, IdleConnections>(1, 2, 1);
}
