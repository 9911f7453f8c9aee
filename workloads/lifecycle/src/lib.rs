//! Lifecycle: an executor starts, runs one task, and ends.
use async_channel::bounded;
use executor_api::{Config, Restart};
use std::{collections::HashSet, num::NonZeroUsize, sync::Arc, thread};
use workload_api::{About, Measure, Work, Workload, part};

/// N executors, one after the other, beside the one that waits for them.
pub struct Lifecycle {
    lives: u64,
    config: Config,
}

impl<E: Restart> Workload<E> for Lifecycle {
    const ABOUT: About = About {
        name: "lifecycle",
        description: "N executors, one after the other, each with the workers of its cell: started, given one task, ended. A \
                      thread outside does it, while the executor that waits for that is idle.",
        group: "Start and end",
        operation: "one executor",
        size: "executors",
        shows: "what it costs to start an executor and its threads and to end them: in tests, in tools that run for a moment",
        hides: "the first start in a process, and the threads of blocking pools, which start with the first job",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10];
    /// Of its own, because few lanes have an end: the others would have no mean over all comparisons.
    const MEASURE: Measure = Measure::Part("time from start to end");
    /// The sum of what the tasks returned, and how many threads have run them: never one twice.
    type Answer = (u64, usize);

    fn prepare(lives: u64) -> Self {
        <Self as Workload<E>>::prepare_for(lives, NonZeroUsize::MIN)
    }
    fn prepare_for(lives: u64, workers: NonZeroUsize) -> Self {
        Lifecycle { lives, config: Config::new(workers) }
    }
    async fn run(self: Arc<Self>) -> (u64, usize) {
        let (send, lived) = bounded(1);
        let live_all = move || {
            let live = |number| E::once(&self.config, async move { (number, thread::current().id()) });
            let (numbers, threads): (Vec<u64>, HashSet<_>) = (1..=self.lives).map(live).unzip();
            send.try_send((numbers.iter().sum(), threads.len())).expect("there is room for the one answer");
        };
        let lives = async {
            // A worker must not start an executor; a thread may, and its own start is small beside those of N executors.
            let thread = thread::spawn(live_all);
            // Waits as a task does, so that its workers sleep: to join the thread at once would block one of them.
            (lived.recv().await.expect("the thread sends its answer"), thread)
        };
        let (answer, thread) = part(lives).await;
        thread.join().expect("the thread has sent its answer");
        answer
    }
    fn expected(&self) -> (u64, usize) {
        ((1..=self.lives).sum(), self.lives as usize)
    }
    fn operations(&self) -> u64 {
        self.lives
    }
    fn work(&self) -> Work {
        // Only the root: what runs on the executors that it has started is not its own.
        Work::tasks(0)
    }
}
