//! Blocking squares: measures the cost of a job for the blocking pool that has nothing to do.

use std::sync::Arc;

use executor_api::BlockingPool;
use workload_api::{About, Work, Workload, gather};

/// N jobs on the blocking pool each square their number.
pub struct BlockingSquares(u64);

impl<E: BlockingPool> Workload<E> for BlockingSquares {
    const ABOUT: About = About {
        name: "blocking-squares",
        description: "N jobs on a blocking pool of three threads square a number each; the root gathers the squares in \
                      order.",
        group: "Blocking jobs",
        operation: "one job",
        size: "jobs",
        shows: "the cost of handing a job to another thread and getting its result back",
        hides: "the cost of jobs that block: see blocking-squares-slow",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[100];
    const FULL_SIZES: &'static [u64] = &[10_000, 100_000];
    type Answer = Vec<u64>;

    fn prepare(jobs: u64) -> Self {
        BlockingSquares(jobs)
    }
    async fn run(self: Arc<Self>) -> Vec<u64> {
        gather((0..self.0).map(|number| E::spawn_blocking(move || number * number))).await
    }
    fn expected(&self) -> Vec<u64> {
        (0..self.0).map(|number| number * number).collect()
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work::jobs(self.0)
    }
}
