//! Where a process may have few files, a workload ends with the reason. A process of its own, whose limit is low.
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
use requests::Requests;
use workload_api::Workload;

#[test]
fn a_workload_ends_with_the_reason() {
    // Enough for the clients, and not for the server; not enough for the clients.
    for limit in [150, 60] {
        setrlimit(RLIMIT_NOFILE, limit, limit).expect("a limit can be lowered");
        let (send, received) = mpsc::channel();
        thread::spawn(move || {
            let executor = Tokio::start(&Config::new(NonZeroUsize::MIN).with_sockets());
            let workload = Arc::new(<Requests as Workload<Tokio>>::prepare(1_000));
            let ready = async move { <Requests as Workload<Tokio>>::get_ready(workload).await };
            let panic = catch_unwind(AssertUnwindSafe(|| executor.run(ready)));
            let panic = panic.expect_err("it takes more files than there are");
            send.send(*panic.downcast::<String>().expect("a formatted reason")).expect("the test waits");
        });
        let reason = received.recv_timeout(Duration::from_secs(60)).expect("nothing hangs");
        assert!(reason.contains("Too many open files"), "{reason}");
    }
}
