//! Timer accuracy: measures how late sleeps end, in succession and a thousand at once.
use executor_api::Timer;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use workload_api::{About, Measure, Work, Workload, gather};

const MEASURE: Measure = Measure::Told("lateness of a sleep");

/// A task sleeps N µs ten times in succession.
pub struct TimerAccuracy(Sleeps);

/// A thousand tasks sleep N µs at once.
pub struct TimerAccuracyCrowd(Sleeps);

impl<E: Timer> Workload<E> for TimerAccuracy {
    const ABOUT: About = About {
        name: "timer-accuracy",
        description: "A single task sleeps N µs, ten times in succession.",
        group: "Timer accuracy",
        operation: "one sleep",
        size: "µs of a sleep",
        shows: "how late a sleep ends when there is no other work, and the processor time that precision takes",
        hides: "many timers at once (see timer-accuracy-crowd), and a busy machine",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[50];
    const FULL_SIZES: &'static [u64] = &[200, 1_000, 5_000, 20_000];
    const MEASURE: Measure = MEASURE;
    type Answer = u64; // sleeps that ended early

    fn prepare(micros: u64) -> Self {
        TimerAccuracy(Sleeps::new(10, micros))
    }
    async fn run(self: Arc<Self>) -> u64 {
        let mut slept = Vec::with_capacity(self.0.count as usize);
        for _ in 0..self.0.count {
            slept.push(sleep::<E>(self.0.duration).await);
        }
        self.0.judge(&slept)
    }
    fn expected(&self) -> u64 {
        0
    }
    fn operations(&self) -> u64 {
        self.0.count
    }
    fn ideal(&self) -> Duration {
        self.0.duration * self.0.count as u32
    }
    fn told(&self) -> Duration {
        self.0.take_lateness()
    }
    fn work(&self) -> Work {
        Work::tasks(0)
    }
}

impl<E: Timer> Workload<E> for TimerAccuracyCrowd {
    const ABOUT: About = About {
        name: "timer-accuracy-crowd",
        description: "A thousand tasks each sleep N µs, all at once; the root gathers them.",
        shows: "how late sleeps end when a thousand end in the same instant, and each task has to wait for its turn",
        hides: "a single timer (see timer-accuracy), and timers that end one by one",
        ..<TimerAccuracy as Workload<E>>::ABOUT
    };
    const SIZES: &'static [u64] = &[1_000];
    const FULL_SIZES: &'static [u64] = &[50, 200, 5_000, 20_000];
    const MEASURE: Measure = MEASURE;
    type Answer = u64; // sleeps that ended early

    fn prepare(micros: u64) -> Self {
        TimerAccuracyCrowd(Sleeps::new(1_000, micros))
    }
    async fn run(self: Arc<Self>) -> u64 {
        let sleeps = (0..self.0.count).map(|_| E::spawn(sleep::<E>(self.0.duration)));
        let slept = gather(sleeps).await;
        self.0.judge(&slept)
    }
    fn expected(&self) -> u64 {
        0
    }
    fn operations(&self) -> u64 {
        self.0.count
    }
    fn ideal(&self) -> Duration {
        self.0.duration
    }
    fn told(&self) -> Duration {
        self.0.take_lateness()
    }
    fn work(&self) -> Work {
        Work::tasks(self.0.count)
    }
}

/// Sleeps, and returns the time that it took.
async fn sleep<E: Timer>(duration: Duration) -> Duration {
    let start = Instant::now();
    E::sleep(duration).await;
    start.elapsed()
}

/// The sleeps of a run, and the sum of their lateness.
struct Sleeps {
    count: u64,
    duration: Duration,
    late_ns: AtomicU64,
}

impl Sleeps {
    fn new(count: u64, micros: u64) -> Self {
        Sleeps { count, duration: Duration::from_micros(micros), late_ns: AtomicU64::new(0) }
    }

    /// Adds the lateness of sleeps, and returns the number that ended early.
    fn judge(&self, slept: &[Duration]) -> u64 {
        let late: Duration = slept.iter().map(|slept| slept.saturating_sub(self.duration)).sum();
        self.late_ns.fetch_add(late.as_nanos() as u64, Relaxed);
        slept.iter().filter(|&&slept| slept < self.duration).count() as u64
    }

    fn take_lateness(&self) -> Duration {
        Duration::from_nanos(self.late_ns.swap(0, Relaxed))
    }
}
