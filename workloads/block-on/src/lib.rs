//! Block on: measures the cost of a thread that hands an executor a future and waits for its output.
//!
//! It measures [`Executor::run`](executor_api::Executor::run) of the contract: its future is spawned and runs on a worker, and the caller only waits, in every
//! lane. Where a lane has a thread that drives the executor, as those with an event loop do, that thread is the worker. So each
//! call goes to another thread and back, and the figure is mostly that of the two wake-ups.
//!
//! It is not what `block_on` of tokio, smol or hand-rolled does, which polls its future on the thread that calls. That is cheaper, because
//! a future that is ready at once meets no other thread, and it is no comparison of schedulers: the workers have no part in it,
//! and where the caller becomes a worker itself, as in hand-rolled, the number of workers is another one.
use executor_api::{Config, Restart};
use std::{num::NonZeroUsize, sync::Arc, thread};

use async_channel::{Receiver, Sender, bounded};
use workload_api::{About, Measure, Work, Workload, part};

/// The calls of each thread.
const CALLS: u64 = 100;

/// N threads each call `run` 100 times, with a future that is ready at once.
pub struct BlockOn {
    callers: u64,
    config: Config,
}

impl<E: Restart> Workload<E> for BlockOn {
    const ABOUT: About = About {
        name: "block-on",
        description: "N threads outside an executor each hand it a future that is ready at once, and wait for its output, 100 \
                      times. The executor is started for them, with as many workers as the one that waits for the threads, \
                      which is idle meanwhile.",
        group: "Calls from threads",
        operation: "one call",
        size: "threads that call",
        shows: "the cost of a call from code that is not async: there to a worker, and back to the thread that waits",
        hides: "a `block_on` that polls its future on the thread that calls, as that of most runtimes does: here each future is \
                a task on a worker, in every lane. With several threads it is the time of all calls together by their number",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1, 4];
    // Not the clock: few lanes can be started again, and the others would have no mean over all comparisons.
    const MEASURE: Measure = Measure::Part("time of a call");
    /// The number of outputs, and their sum.
    type Answer = (u64, u64);

    fn prepare(callers: u64) -> Self {
        <Self as Workload<E>>::prepare_for(callers, NonZeroUsize::MIN)
    }
    fn prepare_for(callers: u64, workers: NonZeroUsize) -> Self {
        BlockOn { callers, config: Config::new(workers) }
    }
    async fn run(self: Arc<Self>) -> (u64, u64) {
        let (started, ready) = bounded(1);
        let (go, begin) = bounded(self.callers as usize);
        let (ended, end) = bounded(self.callers as usize);
        // A worker must not start executors, so a thread does.
        let host = thread::spawn({
            let this = self.clone();
            move || this.host::<E>(&started, &begin, &ended)
        });
        ready.recv().await.expect("the thread says when the executor has started");
        let calls = async {
            let mut outputs = (0, 0);
            for first in 0..self.callers {
                go.try_send(first * CALLS).expect("there is room for a message to each caller");
            }
            for _ in 0..self.callers {
                let (count, sum) = end.recv().await.expect("each caller sends its outputs");
                outputs = (outputs.0 + count, outputs.1 + sum);
            }
            outputs
        };
        let outputs = part(calls).await;
        host.join().expect("the callers have ended");
        outputs
    }
    fn expected(&self) -> (u64, u64) {
        let calls = self.callers * CALLS;
        (calls, (0..calls).sum())
    }
    fn operations(&self) -> u64 {
        self.callers * CALLS
    }
    fn work(&self) -> Work {
        // Only the root: what the callers hand to the executor that is started for them does not count.
        Work::tasks(0)
    }
}

impl BlockOn {
    /// Starts an executor, has threads call it, and ends it when they have ended.
    fn host<E: Restart>(&self, started: &Sender<()>, begin: &Receiver<u64>, ended: &Sender<(u64, u64)>) {
        let executor = E::start(&self.config);
        // A first call finds out what only the first one has to do.
        executor.run(async {});
        thread::scope(|scope| {
            for _ in 0..self.callers {
                scope.spawn(|| {
                    let first = begin.recv_blocking().expect("the root sends a message to each caller");
                    let outputs = (first..first + CALLS).map(|number| executor.run(async move { number }));
                    let outputs = outputs.fold((0, 0), |(count, sum), output| (count + 1, sum + output));
                    ended.try_send(outputs).expect("there is room for a message of each caller");
                });
            }
            started.try_send(()).expect("there is room for the one message");
        });
    }
}
