//! Idle: measures the cost of a second in which all tasks sleep.
use executor_api::Timer;
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use workload_api::{About, Measure, Work, Workload, cancel_all, part};

const A_SECOND: Duration = Duration::from_secs(1);

/// N tasks sleep, and so does the root, for a second.
pub struct Idle(u64);

impl<E: Timer> Workload<E> for Idle {
    const ABOUT: About = About {
        name: "idle",
        description: "N tasks sleep for an hour; once all sleep, the root sleeps for a second, then cancels them.",
        group: "Idling",
        operation: "one second",
        size: "sleeping tasks",
        shows: "the processor time of a process that has nothing to do; its switches show how often it wakes up",
        hides: "the cost of waking up when there is work again",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[0, 10_000];
    const FULL_SIZES: &'static [u64] = &[1];
    const LONG: bool = true;
    const MEASURE: Measure = Measure::Processor;
    const OVERSUBSCRIBED: bool = true;
    type Answer = u64; // tasks that were cancelled

    fn prepare(sleepers: u64) -> Self {
        Idle(sleepers)
    }
    async fn run(self: Arc<Self>) -> u64 {
        let asleep = Arc::new(AtomicU64::new(0));
        let sleepers: Vec<_> = (0..self.0).map(|_| E::spawn(sleep::<E>(asleep.clone()))).collect();
        loop {
            // Gives workers that have found no work the time to park.
            E::sleep(Duration::from_millis(10)).await;
            if asleep.load(SeqCst) == self.0 {
                break;
            }
        }
        part(E::sleep(A_SECOND)).await;
        cancel_all(sleepers).await
    }
    fn expected(&self) -> u64 {
        self.0
    }
    fn operations(&self) -> u64 {
        1
    }
    fn ideal(&self) -> Duration {
        A_SECOND
    }
    fn work(&self) -> Work {
        Work {
            finished: Some(0),
            cancelled: Some(self.0),
            at_once: Some(self.0), // none of them ends before it is cancelled
            ..Work::tasks(self.0)
        }
    }
}

/// Sleeps for an hour, and adds one to `asleep` once the timer is registered.
async fn sleep<E: Timer>(asleep: Arc<AtomicU64>) {
    let mut sleep = pin!(E::sleep(Duration::from_secs(3600)));
    let mut told = false;
    poll_fn(|context| {
        let poll = sleep.as_mut().poll(context);
        if poll == Poll::Pending && !told {
            told = true;
            asleep.fetch_add(1, SeqCst);
        }
        poll
    })
    .await;
}
