//! Lifecycle: measures the cost of starting an executor, running one task on it, and ending it.
use async_channel::bounded;
use executor_api::{Config, Restart};
use std::{collections::HashSet, num::NonZeroUsize, sync::Arc, thread};
use workload_api::{About, Measure, Work, Workload, part};

/// N executors start and end in succession, beside the one that waits for them.
pub struct Lifecycle {
    lives: u64,
    config: Config,
}

impl<E: Restart> Workload<E> for Lifecycle {
    const ABOUT: About = About {
        name: "lifecycle",
        description: "A thread outside the executor starts N others in succession, gives each one task, and ends it. Each \
                      has as many workers as the executor that waits for the thread, which is idle meanwhile.",
        group: "Start and end",
        operation: "one executor",
        size: "executors",
        shows: "the cost of starting and ending an executor with its threads, as tests and short-lived tools do",
        hides: "the first start in a process, and the threads of blocking pools, which start with the first job",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10];
    // Not the clock: few lanes can end, and the others would have no mean over all comparisons.
    const MEASURE: Measure = Measure::Part("time from start to end");
    /// The sum of the outputs, and the number of threads that ran the tasks: a new one for each.
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
            // A worker must not start executors, so a thread does. Its own start is small beside theirs.
            let thread = thread::spawn(live_all);
            // Awaits the answer, so that all workers park: joining the thread here would block one of them.
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
        // Only the root: tasks on the executors that it has started do not count.
        Work::tasks(0)
    }
}
