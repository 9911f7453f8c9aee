//! Busy neighbours: tasks that tick on a schedule, beside tasks that hog their workers.
use executor_api::Timer;
use std::{
    hint,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use workload_api::{About, Measure, Work, Workload, gather};

const TICKERS: u64 = 100;
const MEASURE: Measure = Measure::Told("lateness of a tick");

/// A hundred tasks tick beside one task whose polls take N ms.
pub struct BusyNeighbour(Neighbourhood);

/// A hundred tasks tick beside as many such tasks as there are workers.
pub struct BusyNeighbours(Neighbourhood);

impl<E: Timer> Workload<E> for BusyNeighbour {
    const ABOUT: About = About {
        name: "busy-neighbour",
        description: "100 tasks tick every millisecond on a fixed schedule, while one task computes N ms between \
                      two yields; with 0 there is none.",
        group: "Busy neighbours",
        operation: "one tick",
        size: "ms of a poll that does not yield",
        shows: "how late the other tasks of a service are while one of its tasks computes, from when each was due",
        hides: "a service that hands such work to a pool of threads, as it should",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[0, 10];
    const FULL_SIZES: &'static [u64] = &[1, 100];
    const MEASURE: Measure = MEASURE;
    type Answer = [u64; 2]; // ticks, and those that came early

    fn prepare(poll: u64) -> Self {
        BusyNeighbour(Neighbourhood::new(u64::from(poll > 0), poll))
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        self.0.live::<E>().await
    }
    fn expected(&self) -> [u64; 2] {
        [self.0.ticks(), 0]
    }
    fn operations(&self) -> u64 {
        self.0.ticks()
    }
    fn ideal(&self) -> Duration {
        self.0.schedule()
    }
    fn told(&self) -> Duration {
        self.0.take_lateness()
    }
    fn work(&self) -> Work {
        Work::tasks(TICKERS + self.0.hogs)
    }
}

impl<E: Timer> Workload<E> for BusyNeighbours {
    const ABOUT: About = About {
        name: "busy-neighbours",
        description: "100 tasks tick every millisecond on a fixed schedule, while as many tasks as there are workers \
                      compute N ms each between two yields.",
        shows: "how late tasks are when every worker is kept busy by one that does not yield",
        ..<BusyNeighbour as Workload<E>>::ABOUT
    };
    const SIZES: &'static [u64] = &[10];
    const FULL_SIZES: &'static [u64] = &[1, 100];
    const MEASURE: Measure = MEASURE;
    type Answer = [u64; 2]; // ticks, and those that came early

    fn prepare(poll: u64) -> Self {
        <Self as Workload<E>>::prepare_for(poll, NonZeroUsize::MIN)
    }
    fn prepare_for(poll: u64, workers: NonZeroUsize) -> Self {
        BusyNeighbours(Neighbourhood::new(workers.get() as u64, poll))
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
        self.0.live::<E>().await
    }
    fn expected(&self) -> [u64; 2] {
        [self.0.ticks(), 0]
    }
    fn operations(&self) -> u64 {
        self.0.ticks()
    }
    fn ideal(&self) -> Duration {
        self.0.schedule()
    }
    fn told(&self) -> Duration {
        self.0.take_lateness()
    }
    fn work(&self) -> Work {
        Work::tasks(TICKERS + self.0.hogs)
    }
}

/// Who lives beside whom, and how late ticks were.
struct Neighbourhood {
    hogs: u64,
    poll: Duration,
    ticks_of_each: u32,
    late_ns: AtomicU64,
}

impl Neighbourhood {
    /// The schedule is long enough for three polls of a hog.
    fn new(hogs: u64, poll: u64) -> Self {
        let ticks_of_each = poll.saturating_mul(3).clamp(100, u64::from(u32::MAX)) as u32;
        Neighbourhood { hogs, poll: Duration::from_millis(poll), ticks_of_each, late_ns: AtomicU64::new(0) }
    }

    fn ticks(&self) -> u64 {
        TICKERS * u64::from(self.ticks_of_each)
    }

    fn schedule(&self) -> Duration {
        Duration::from_millis(self.ticks_of_each.into())
    }

    async fn live<E: Timer>(&self) -> [u64; 2] {
        let (start, awake) = (Instant::now(), Arc::new(AtomicU64::new(TICKERS)));
        let tickers = (0..TICKERS).map(|_| E::spawn(tick::<E>(start, self.ticks_of_each, awake.clone())));
        let tickers: Vec<_> = tickers.collect();
        let hogs: Vec<_> = (0..self.hogs).map(|_| E::spawn(hog::<E>(self.poll, awake.clone()))).collect();
        let [mut ticks, mut early] = [0; 2];
        for ticker in gather(tickers).await {
            ticks += ticker.ticks;
            early += ticker.early;
            self.late_ns.fetch_add(ticker.late.as_nanos() as u64, Relaxed);
        }
        gather(hogs).await;
        [ticks, early]
    }

    fn take_lateness(&self) -> Duration {
        Duration::from_nanos(self.late_ns.swap(0, Relaxed))
    }
}

/// What has become of the ticks of one task.
#[derive(Default)]
struct Ticker {
    ticks: u64,
    early: u64,
    late: Duration,
}

/// Ticks every millisecond from `start` on. A tick that is late delays none of those after it, and none is left out.
async fn tick<E: Timer>(start: Instant, ticks: u32, awake: Arc<AtomicU64>) -> Ticker {
    let mut ticker = Ticker::default();
    for number in 1..=ticks {
        let due = start + Duration::from_millis(number.into());
        E::sleep_until(due).await;
        let now = Instant::now();
        ticker.ticks += 1;
        ticker.early += u64::from(now < due);
        ticker.late += now.saturating_duration_since(due);
    }
    awake.fetch_sub(1, Relaxed);
    ticker
}

/// Computes for the time of a poll, yields, and computes again, until nobody ticks any more.
async fn hog<E: Timer>(poll: Duration, awake: Arc<AtomicU64>) {
    while awake.load(Relaxed) > 0 {
        let start = Instant::now();
        while start.elapsed() < poll {
            hint::spin_loop();
        }
        E::yield_now().await;
    }
}
