//! Busy neighbours: measures how late tasks tick on a schedule beside tasks that occupy their workers.
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

/// A hundred tasks tick beside one task whose polls take N ms.
pub type BusyNeighbour = Neighbourhood<false>;

/// A hundred tasks tick beside one such task for each worker.
pub type BusyNeighbours = Neighbourhood<true>;

/// A hundred tasks tick beside tasks that do not yield: one, or one for each worker.
pub struct Neighbourhood<const EVERY_WORKER: bool> {
    hogs: u64,
    poll: Duration,
    ticks_of_each: u32,
    late_ns: AtomicU64,
}

const ONE: About = About {
    name: "busy-neighbour",
    description: "100 tasks tick every millisecond on a fixed schedule, while one task computes N ms between \
                  two yields. With N = 0 there is no such task.",
    group: "Busy neighbours",
    operation: "one tick",
    size: "ms of a poll that does not yield",
    shows: "how late the other tasks of a service run while one of its tasks computes, counted from when each was due",
    hides: "services that hand such work to a pool of threads, as they should",
    source: file!(),
};
const ONE_PER_WORKER: About = About {
    name: "busy-neighbours",
    description: "100 tasks tick every millisecond on a fixed schedule, while as many tasks as there are workers \
                  compute N ms each between two yields.",
    shows: "how late tasks run when every worker is busy with a task that does not yield",
    ..ONE
};

impl<E: Timer, const EVERY_WORKER: bool> Workload<E> for Neighbourhood<EVERY_WORKER> {
    const ABOUT: About = if EVERY_WORKER { ONE_PER_WORKER } else { ONE };
    const SIZES: &'static [u64] = if EVERY_WORKER { &[10] } else { &[0, 10] };
    const FULL_SIZES: &'static [u64] = &[1, 100];
    const LONG: bool = true;
    const MEASURE: Measure = Measure::Told("lateness of a tick");
    type Answer = [u64; 2]; // ticks, and those that came early

    fn prepare(poll: u64) -> Self {
        <Self as Workload<E>>::prepare_for(poll, NonZeroUsize::MIN)
    }
    fn prepare_for(poll: u64, workers: NonZeroUsize) -> Self {
        Neighbourhood {
            hogs: if EVERY_WORKER { workers.get() as u64 } else { u64::from(poll > 0) },
            poll: Duration::from_millis(poll),
            // Long enough for three polls of a hog.
            ticks_of_each: poll.saturating_mul(3).clamp(100, u64::from(u32::MAX)) as u32,
            late_ns: AtomicU64::new(0),
        }
    }
    async fn run(self: Arc<Self>) -> [u64; 2] {
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
    fn expected(&self) -> [u64; 2] {
        [TICKERS * u64::from(self.ticks_of_each), 0]
    }
    fn operations(&self) -> u64 {
        TICKERS * u64::from(self.ticks_of_each)
    }
    fn ideal(&self) -> Duration {
        Duration::from_millis(self.ticks_of_each.into())
    }
    fn told(&self) -> Duration {
        Duration::from_nanos(self.late_ns.swap(0, Relaxed))
    }
    fn work(&self) -> Work {
        Work::tasks(TICKERS + self.hogs)
    }
}

/// The ticks of one task.
#[derive(Default)]
struct Ticker {
    ticks: u64,
    early: u64,
    late: Duration,
}

/// Ticks every millisecond from `start` on. A late tick delays and skips none of those after it.
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

/// Computes for the time of a poll and yields, again and again until the last tick.
async fn hog<E: Timer>(poll: Duration, awake: Arc<AtomicU64>) {
    while awake.load(Relaxed) > 0 {
        let start = Instant::now();
        while start.elapsed() < poll {
            hint::spin_loop();
        }
        E::yield_now().await;
    }
}
