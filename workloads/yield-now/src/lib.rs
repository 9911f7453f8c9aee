//! Yield: measures the cost of taking turns, with tasks that are always ready.
use executor_api::Executor;
use std::{future::poll_fn, pin::pin, sync::Arc};
use workload_api::{About, Work, Workload, gather};

const TASKS: u64 = 100;

/// 100 tasks each yield N times.
pub struct YieldNow(u64);

impl<E: Executor> Workload<E> for YieldNow {
    const ABOUT: About = About {
        name: "yield-now",
        description: "100 tasks each yield N times, with the yield of their executor; the root gathers them.",
        group: "Scheduling",
        operation: "one yield",
        size: "tasks",
        shows: "the cost of putting a task back into the queue and polling it again",
        hides: "tasks that wake each other (see ping-pong), and the fairness of the turns",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[100];
    const FULL_SIZES: &'static [u64] = &[1_000];
    const OVERSUBSCRIBED: bool = true;
    type Answer = Vec<u64>; // the polls of each task

    fn prepare(yields: u64) -> Self {
        YieldNow(yields)
    }
    async fn run(self: Arc<Self>) -> Vec<u64> {
        let take_turns = |yields| async move {
            let mut turns = pin!(async {
                for _ in 0..yields {
                    E::yield_now().await;
                }
            });
            // A yield that does not suspend would save polls. Counting them costs an addition each.
            let mut polls = 0;
            poll_fn(|context| (polls += 1, turns.as_mut().poll(context)).1).await;
            polls
        };
        gather((0..TASKS).map(|_| E::spawn(take_turns(self.0)))).await
    }
    fn expected(&self) -> Vec<u64> {
        vec![self.0 + 1; TASKS as usize]
    }
    fn operations(&self) -> u64 {
        TASKS * self.0
    }
    fn work(&self) -> Work {
        Work { polls: Some(TASKS * (self.0 + 1) + 1), ..Work::tasks(TASKS) }
    }
}
