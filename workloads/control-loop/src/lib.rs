//! Control loop: measures a tick of bursts and serial stretches, with a gap after it in which nothing happens.
//!
//! The shape and its numbers are those that rayon#1318 (`tick_bench`, the variant `install`) took from the trace of a service:
//! a dozen bursts of a few dozen jobs of some microseconds, serial stretches of 200 µs between them, and 3 ms outside the pool.
//! A pool that spins while it has nothing to do is as fast as the others here, and takes more of the processor.

use std::{hint::black_box, sync::Arc, thread, time::Duration};

use executor_api::Executor;
use workload_api::{About, Measure, Work, Workload, gather};

const BURSTS: u64 = 12;

/// The steps of a job and of a serial stretch, of some 2 ns each: 2 and 200 µs.
const JOB: u64 = 1_000;
const STRETCH: u64 = 100_000;

/// The time between two ticks, as a run is one.
const GAP: Duration = Duration::from_millis(3);

/// The time of a tick.
pub type ControlLoop = Tick<false>;

/// The processor time of the same tick, as the reader pays for that too.
pub type ControlLoopCpu = Tick<true>;

/// A tick of twelve bursts with N jobs each.
pub struct Tick<const CPU: bool> {
    jobs: u64,
}

const TIME: About = About {
    name: "control-loop",
    description: "Twelve bursts of N tasks that compute 2 µs (1,000 steps of xorshift32 from 1); after each the root computes \
                  200 µs (100,000 steps), and after all it sleeps for 3 ms.",
    group: "Control loop",
    operation: "one tick",
    size: "tasks in a burst",
    shows: "how fast workers come for a burst after they had nothing to do",
    hides: "loops that wait for a timer or a socket: the root's own thread sleeps, as that of a control loop does",
    source: file!(),
};

const PROCESSOR_TIME: About = About {
    name: "control-loop-cpu",
    shows: "what the workers do while there is nothing to do: some spin, in order to be there at once for the next burst",
    ..TIME
};

impl<E: Executor, const CPU: bool> Workload<E> for Tick<CPU> {
    const ABOUT: About = if CPU { PROCESSOR_TIME } else { TIME };
    const SIZES: &'static [u64] = &[32];
    const MEASURE: Measure =
        if CPU { Measure::ProcessorOf("processor time of a tick") } else { Measure::Clock };
    type Answer = u64; // the sum of the ends of all chains

    fn prepare(jobs: u64) -> Self {
        Tick { jobs }
    }
    async fn run(self: Arc<Self>) -> u64 {
        let mut sum = 0;
        for _ in 0..BURSTS {
            let burst = gather((0..self.jobs).map(|_| E::spawn(async { chain(JOB) }))).await;
            sum += burst.into_iter().map(u64::from).sum::<u64>() + u64::from(chain(STRETCH));
        }
        // Not a timer of the executor: lanes without one take part, and no worker has anything else to do.
        thread::sleep(GAP);
        sum
    }
    fn expected(&self) -> u64 {
        BURSTS * (self.jobs * u64::from(chain(JOB)) + u64::from(chain(STRETCH)))
    }
    fn operations(&self) -> u64 {
        1
    }
    fn ideal(&self) -> Duration {
        GAP
    }
    fn work(&self) -> Work {
        Work::tasks(BURSTS * self.jobs)
    }
}

/// Computes so many steps of xorshift32 from 1, each of which needs the result of the one before.
#[inline(never)]
fn chain(steps: u64) -> u32 {
    // The compiler may not know that it is always the same: else it would compute one stretch for all.
    let mut number = black_box(1u32);
    for _ in 0..steps {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
    }
    number
}
