//! {{Type}}: say what it measures.
use executor_api::Executor;
use std::sync::Arc;
use workload_api::{About, Work, Workload, gather};

/// N tasks each return their index.
pub struct {{Type}}(u64);

// Ask for `E: Timer` or `E: BlockingPool` if the work needs one, and move the line in lineup.rs accordingly.
impl<E: Executor> Workload<E> for {{Type}} {
    const ABOUT: About = About {
        name: "{{name}}",
        description: "N tasks each return their index; the root gathers the outputs.",
        group: "Scheduling",
        operation: "one task",
        size: "tasks",
        shows: "say what a difference between executors means",
        hides: "say what it does not mean",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[100, 10_000];
    type Answer = u64;

    fn prepare(tasks: u64) -> Self {
        {{Type}}(tasks)
    }
    async fn run(self: Arc<Self>) -> u64 {
        let indices = gather((0..self.0).map(|index| E::spawn(async move { index }))).await;
        indices.iter().sum()
    }
    fn expected(&self) -> u64 {
        (0..self.0).sum()
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        Work::tasks(self.0)
    }
}
