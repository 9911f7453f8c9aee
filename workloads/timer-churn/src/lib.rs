//! Timer churn: measures the cost of timeouts that are set and never expire.
use executor_api::Timer;
use std::{sync::Arc, time::Duration};
use workload_api::{About, Work, Workload, gather};

const TASKS: u64 = 100;
const LIMIT: Duration = Duration::from_secs(3600);

/// 100 tasks do N pieces of work between them, each under a timeout of an hour.
pub struct TimerChurn(u64);

impl<E: Timer> Workload<E> for TimerChurn {
    const ABOUT: About = About {
        name: "timer-churn",
        description: "100 tasks, like those that serve connections, share N pieces of work, each under a timeout of an \
                      hour.",
        group: "Timers",
        operation: "one timeout",
        size: "timeouts",
        shows: "the cost of setting a timer and cancelling it, with 100 requests in flight that are all in time",
        hides: "timeouts that expire (see wait-timeout); the yield in each piece of work is part of every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000, 100_000];
    type Answer = u64; // the sum of the numbers, from 1 to N, of the pieces of work that were in time

    fn prepare(timeouts: u64) -> Self {
        TimerChurn(timeouts)
    }
    async fn run(self: Arc<Self>) -> u64 {
        let work = |number| async move {
            E::yield_now().await; // without it no timer would be set: a timeout polls its future first
            number
        };
        let serve = |numbers| async move {
            let mut served = 0;
            for number in numbers {
                served += E::timeout(LIMIT, work(number)).await.unwrap_or(0);
            }
            served
        };
        let share = |task| (task..=self.0).step_by(TASKS as usize);
        gather((1..=TASKS).map(|task| E::spawn(serve(share(task))))).await.iter().sum()
    }
    fn expected(&self) -> u64 {
        (1..=self.0).sum()
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        // Each piece of work yields once, which suspends its task.
        Work { polls: Some(self.0 + TASKS + 1), ..Work::tasks(TASKS) }
    }
}
