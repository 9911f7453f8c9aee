//! Blocking squares, slow: measures how well the blocking pool keeps its threads at work.

use std::{sync::Arc, thread, time::Duration};

use executor_api::BlockingPool;
use workload_api::{About, Work, Workload, gather};

const PAUSE: Duration = Duration::from_millis(1);
/// The number of threads in every lane's pool; the laws of the contract check it.
const POOL: u64 = 3;

/// N jobs on the blocking pool each block for 1 ms and square their number.
pub struct BlockingSquaresSlow(u64);

impl<E: BlockingPool> Workload<E> for BlockingSquaresSlow {
    const ABOUT: About = About {
        name: "blocking-squares-slow",
        description: "Like blocking-squares, but each job first blocks its thread for 1 ms.",
        group: "Blocking jobs",
        operation: "one job",
        size: "jobs",
        shows: "that the pool keeps exactly three threads at work all the time",
        hides: "the cost of a job, which is tiny beside the pause: see blocking-squares",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[30];
    const FULL_SIZES: &'static [u64] = &[300];
    type Answer = Vec<u64>;

    fn prepare(jobs: u64) -> Self {
        BlockingSquaresSlow(jobs)
    }
    async fn run(self: Arc<Self>) -> Vec<u64> {
        let square = |number| {
            thread::sleep(PAUSE);
            number * number
        };
        gather((0..self.0).map(|number| E::spawn_blocking(move || square(number)))).await
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
    fn ideal(&self) -> Duration {
        PAUSE * self.0.div_ceil(POOL) as u32
    }
}
