//! Each workload answers right on a lane, again and again, and tells how late each request was.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use executor_api::{Config, Executor};
use executor_tokio::{Tokio, TokioCurrentThread};
use requests::{Requests, RequestsAmongWork};
use workload_api::Workload;

/// The time after which a run hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The requests told of, and the sum of their lateness in ns.
static TOLD: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Runs a workload twice on one executor, and checks each answer and what it tells.
fn two_runs<E: Executor, W: Workload<E>>(size: u64, threads: usize) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let threads = NonZeroUsize::new(threads).expect("a worker");
        let executor = E::start(&Config::new(threads).with_sockets());
        let workload = Arc::new(W::prepare_for(size, threads));
        for _ in 0..2 {
            let before = TOLD.each_ref().map(|told| told.load(SeqCst));
            let run = workload.clone();
            executor.run(async move {
                W::get_ready(run.clone()).await;
                assert_eq!(W::run(run.clone()).await, run.expected());
            });
            let [requests, late_ns] = TOLD.each_ref().map(|told| told.load(SeqCst));
            assert_eq!(requests - before[0], workload.operations());
            let told = workload.told();
            assert!(told > Duration::ZERO && told == Duration::from_nanos(late_ns - before[1]), "{told:?}");
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

/// One test: what is told is gathered for the whole process.
#[test]
fn every_request_is_handled_and_told_of() {
    workload_api::gather_lateness(|lateness| {
        TOLD[0].fetch_add(1, SeqCst);
        TOLD[1].fetch_add(lateness.as_nanos() as u64, SeqCst);
    });
    two_runs::<Tokio, Requests>(1_000, 2);
    two_runs::<Tokio, Requests>(10_000, 1);
    two_runs::<TokioCurrentThread, Requests>(10_000, 1);
    two_runs::<Tokio, RequestsAmongWork>(20, 1);
    two_runs::<TokioCurrentThread, RequestsAmongWork>(20, 1);
}
