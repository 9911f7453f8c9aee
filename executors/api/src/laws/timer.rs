//! Checks the laws of [`Timer`].

use std::{
    future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::{Duration, Instant},
};

use crate::{Config, Timer};

use super::{PATIENCE, lock};

/// No sleep ends early, even among a thousand sleeps of different lengths.
pub fn a_sleep_is_never_early<E: Timer>(config: &Config) {
    E::start(config).run(async {
        let spawn = |index: u64| {
            // Up to 20 ms, in steps that coincide with no clock's tick.
            let duration = Duration::from_nanos(index * 97_003 % 20_000_000);
            E::spawn(async move {
                let start = Instant::now();
                E::sleep(duration).await;
                (duration, start.elapsed())
            })
        };
        let tasks: Vec<_> = (0..1_000).map(spawn).collect();
        for task in tasks {
            let (asked, slept) = task.await;
            assert!(slept >= asked, "a sleep of {asked:?} ended after {slept:?}");
        }
    });
}

/// `sleep_until` never ends early, and does not suspend its task if the deadline has passed.
pub fn a_sleep_until_a_deadline_ends_after_it_or_at_once<E: Timer>(config: &Config) {
    E::start(config).run(async {
        let spawn = |index: u64| {
            let deadline = Instant::now() + Duration::from_nanos(index * 97_003 % 20_000_000);
            E::spawn(async move {
                E::sleep_until(deadline).await;
                (deadline, Instant::now())
            })
        };
        let tasks: Vec<_> = (0..1_000).map(spawn).collect();
        for task in tasks {
            let (deadline, end) = task.await;
            assert!(end >= deadline, "a sleep ended {:?} before its deadline", deadline - end);
        }
        let mut past = pin!(E::sleep_until(Instant::now()));
        let polled = future::poll_fn(|context| Poll::Ready(past.as_mut().poll(context))).await;
        assert!(polled.is_ready(), "a sleep until now suspends its task");
    });
}

/// Sleeps end in the order of their deadlines. The law needs a single worker: with more, two wakes race.
pub fn sleeps_end_in_the_order_of_their_deadlines<E: Timer>(config: &Config) {
    if config.threads.get() > 1 {
        return;
    }
    let woken = Arc::new(Mutex::new(Vec::new()));
    let log = woken.clone();
    E::start(config).run(async move {
        let spawn = |millis| {
            let log = log.clone();
            E::spawn(async move {
                E::sleep(Duration::from_millis(millis)).await;
                lock(&log).push(millis);
            })
        };
        let tasks = [70, 10, 50, 30, 90].map(spawn);
        for task in tasks {
            task.await;
        }
    });
    assert_eq!(*lock(&woken), [10, 30, 50, 70, 90]);
}

/// A timeout that expires drops the future and returns `None`.
pub fn a_timeout_gives_none_and_drops_the_future<E: Timer>(config: &Config) {
    E::start(config).run(async {
        let gone = Arc::new(AtomicBool::new(false));
        let guard = SetOnDrop(gone.clone());
        let late = async move {
            let _guard = guard;
            future::pending::<()>().await;
        };
        assert_eq!(E::timeout(Duration::from_millis(5), late).await, None);
        assert!(gone.load(SeqCst), "the timeout ended before the future was dropped");
    });
}

/// A timeout returns the output of a future that ends in time.
pub fn a_timeout_gives_the_output_of_a_future_that_is_in_time<E: Timer>(config: &Config) {
    E::start(config).run(async {
        let in_time = async {
            E::sleep(Duration::from_millis(1)).await;
            7
        };
        assert_eq!(E::timeout(PATIENCE, in_time).await, Some(7));
    });
}

/// `Duration::MAX` never ends and never overflows, as a sleep and as a timeout.
pub fn the_longest_duration_never_ends_and_never_overflows<E: Timer>(config: &Config) {
    E::start(config).run(async {
        let forever = E::sleep(Duration::MAX);
        assert_eq!(E::timeout(Duration::from_millis(20), forever).await, None);
        assert_eq!(E::timeout(Duration::MAX, E::sleep(Duration::from_millis(1))).await, Some(()));
    });
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
