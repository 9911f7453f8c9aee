//! Where a process may have few files, each workload ends with the reason. A process of its own, whose limit is low.
#![cfg(unix)]

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use executor_api::{Config, Executor};
use executor_tokio::Tokio;
use nix::sys::resource::{Resource::RLIMIT_NOFILE, setrlimit};
use sockets::{Connect, Echo, EchoUnix, IdleConnections};
use workload_api::Workload;

/// Runs a workload, which fails, and returns the reason.
fn reason<W: Workload<Tokio>>(size: u64) -> String {
    let (send, received) = mpsc::channel();
    thread::spawn(move || {
        let executor = Tokio::start(&Config::new(NonZeroUsize::MIN).with_sockets());
        let workload = Arc::new(W::prepare(size));
        let run = AssertUnwindSafe(|| {
            executor.run(async move {
                W::get_ready(workload.clone()).await;
                W::run(workload).await;
            });
        });
        let panic = catch_unwind(run).expect_err("it takes more files than there are");
        send.send(*panic.downcast::<String>().expect("a formatted reason")).expect("the test waits");
    });
    received.recv_timeout(Duration::from_secs(60)).expect("nothing hangs")
}

#[test]
fn each_workload_ends_with_the_reason_and_leaves_none_open() {
    setrlimit(RLIMIT_NOFILE, 60, 60).expect("a limit can be lowered");
    // Twice: had a failed run left sockets open, nothing would be left for the second.
    for _ in 0..2 {
        for reason in [
            reason::<Echo>(100),
            reason::<EchoUnix>(100),
            reason::<Connect>(1_000),
            reason::<IdleConnections>(500),
        ] {
            assert!(reason.contains("Too many open files"), "{reason}");
        }
    }
}
