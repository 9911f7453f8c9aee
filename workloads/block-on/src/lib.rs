//! Block on: measures the cost of a thread that has a future polled until it is ready, from code that is not async.
//!
//! It measures the `block_on` of each lane, as its documentation has it ([`BlockOn`](executor_api::BlockOn)): the future is
//! polled on the thread that calls, and is ready at once, so what is left is the way into the executor and out again. An executor
//! for several threads is one that all callers share; a lane with one thread has an event loop for each of them.
//!
//! It is no comparison of schedulers: no worker has a part in it. `run` of the contract, whose future is a task on a worker and
//! whose caller only waits, is in no row of its own: each workload calls it once a run.

use std::{num::NonZeroUsize, sync::Arc, thread};

use async_channel::{Receiver, Sender, bounded};
use executor_api::Config;
use workload_api::{About, Measure, Work, Workload, part};

/// The calls of each thread.
const CALLS: u64 = 100;

/// N threads each call `block_on` 100 times, with a future that is ready at once.
pub struct BlockOn {
    callers: u64,
    config: Config,
}

impl<E: executor_api::BlockOn> Workload<E> for BlockOn {
    const ABOUT: About = About {
        name: "block-on",
        description: "N threads that are no workers each call the executor's block_on 100 times, with a future that is ready at \
                      once. Threads share an executor if it is made for several, with as many workers as the one that waits for \
                      them, and otherwise have one each.",
        group: "Calls from threads",
        operation: "one call",
        size: "threads that call",
        shows: "the cost of a call from code that is not async: into the executor, one poll on the thread that calls, and out \
                again",
        hides: "a future that has to wait, for which a thread goes to sleep and is woken, and tasks that run meanwhile. Some \
                lanes enter a runtime, so that spawn and sleep work inside; others only poll. With several threads it is the \
                time of all calls together by their number",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[1, 4];
    // Not the clock: the executor and the threads are started first.
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
        let (started, ready) = bounded(self.callers as usize);
        let (go, begin) = bounded(self.callers as usize);
        let (ended, end) = bounded(self.callers as usize);
        // A worker must not call `block_on`, so threads do.
        let host = thread::spawn({
            let this = self.clone();
            move || this.host::<E>(&started, &begin, &ended)
        });
        for _ in 0..self.callers {
            ready.recv().await.expect("each thread says when it is ready");
        }
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
        // Only the root: a future that is blocked on is no task.
        Work::tasks(0)
    }
}

impl BlockOn {
    /// Starts the threads that call, and waits until they have ended.
    fn host<E: executor_api::BlockOn>(
        &self,
        started: &Sender<()>,
        begin: &Receiver<u64>,
        ended: &Sender<(u64, u64)>,
    ) {
        thread::scope(|scope| {
            for caller in E::callers(&self.config, self.callers as usize) {
                scope.spawn(move || {
                    // A first call finds out what only the first one has to do.
                    E::block_on(&caller, async {});
                    started.try_send(()).expect("there is room for a message of each caller");
                    let first = begin.recv_blocking().expect("the root sends a message to each caller");
                    let outputs =
                        (first..first + CALLS).map(|number| E::block_on(&caller, async move { number }));
                    let outputs = outputs.fold((0, 0), |(count, sum), output| (count + 1, sum + output));
                    ended.try_send(outputs).expect("there is room for a message of each caller");
                });
            }
        });
    }
}
