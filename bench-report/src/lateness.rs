//! How late sleeps end: gathered while tasks run, merged over the blocks, and what of it can be said.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{figures, results::Lateness};

/// The figures of a distribution: name, what a percentile is called in a sentence, the quantile, and how many sleeps can
/// carry it: ten of them are to lie beyond it, on average.
const QUANTILES: [(&str, &str, f64, u64); 4] = [
    ("lateness-p50", "p50", 0.5, 20),
    ("lateness-p90", "p90", 0.9, 100),
    ("lateness-p99", "p99", 0.99, 1_000),
    ("lateness-p99.9", "p99.9", 0.999, 10_000),
];
const MAX: &str = "lateness-max";
const NO_SLEEPS: &str = "no sleep was watched";

/// So many sleeps carry every figure.
pub(crate) const ENOUGH: u64 = QUANTILES[3].3;

/// The histogram of each thread on which sleeps have ended: workers must not wait for each other to write theirs.
static OF_THREADS: Mutex<Vec<Arc<Mutex<Histogram<u64>>>>> = Mutex::new(Vec::new());

/// How much too early the earliest sleep ended, in ns.
static EARLIEST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Mutex<Histogram<u64>>>>> = const { RefCell::new(None) };
}

/// Takes note of a sleep that was to end at `due` and whose task went on at `now`.
pub(crate) fn woken(due: Instant, now: Instant) {
    if now < due {
        EARLIEST.fetch_max(nanoseconds(due - now), Relaxed);
        return;
    }
    late(nanoseconds(now - due));
}

/// Takes note of a sleep that ended so many ns late.
pub(crate) fn late(nanoseconds: u64) {
    OF_THIS_THREAD.with_borrow_mut(|mine| {
        let mine = mine.get_or_insert_with(|| {
            let histogram = Arc::new(Mutex::new(empty()));
            lock(&OF_THREADS).push(histogram.clone());
            histogram
        });
        lock(mine).saturating_record(nanoseconds);
    });
}

/// How many sleeps have been gathered since the last time that they were taken, those that ended early left out.
pub(crate) fn gathered() -> u64 {
    lock(&OF_THREADS).iter().map(|histogram| lock(histogram).len()).sum()
}

/// Takes what has been gathered since the last time; none if no sleep has ended.
///
/// # Errors
///
/// If a sleep ended early.
pub(crate) fn take() -> Result<Option<Lateness>, String> {
    let early = EARLIEST.swap(0, Relaxed);
    if early > 0 {
        return Err(format!("a sleep ended {} early", figures::ns(early as f64)));
    }
    let mut all = empty();
    for histogram in lock(&OF_THREADS).iter() {
        let mut histogram = lock(histogram);
        add(&mut all, &pairs(&histogram));
        histogram.reset();
    }
    Ok(published(&all))
}

/// The distribution over all blocks, to one digit, which is as fine as a curve can be seen; none if no sleep ended in any.
pub(crate) fn merge<'a>(blocks: impl IntoIterator<Item = &'a Lateness>) -> Option<Lateness> {
    let mut all = with_digits(1);
    for block in blocks {
        add(&mut all, &block.histogram);
    }
    published(&all)
}

/// The figures of every block, or why there are none: each needs enough sleeps in every block to carry it.
pub(crate) fn figures_of(blocks: &[Option<&Lateness>]) -> BTreeMap<&'static str, Result<Vec<f64>, String>> {
    let histograms: Vec<Histogram<u64>> = blocks
        .iter()
        .map(|block| {
            let mut histogram = empty();
            add(&mut histogram, block.map_or(&[], |block| &block.histogram));
            histogram
        })
        .collect();
    let fewest = histograms.iter().map(Histogram::len).min().unwrap_or(0);
    let figure = |needed: u64, name: &str, value: &dyn Fn(&Histogram<u64>) -> u64| {
        if fewest == 0 {
            return Err(NO_SLEEPS.to_owned());
        }
        if fewest < needed {
            let [sleeps, needed] = [fewest, needed].map(figures::whole);
            return Err(format!("{sleeps} sleeps cannot carry a {name}, it takes {needed}"));
        }
        Ok(histograms.iter().map(|histogram| value(histogram) as f64).collect())
    };
    let mut all = BTreeMap::from([(MAX, figure(1, "maximum", &Histogram::max))]);
    for (metric, name, quantile, needed) in QUANTILES {
        let value = |histogram: &Histogram<u64>| histogram.value_at_quantile(quantile);
        all.insert(metric, figure(needed, name, &value));
    }
    all
}

/// The highest quantile, up to p99, that so many sleeps carry: its name and its share. The median is always given.
pub(crate) fn carried(sleeps: u64) -> (&'static str, f64) {
    let mut carried = QUANTILES[..3].iter().rev().filter(|(.., needed)| sleeps >= *needed);
    let &(_, name, share, _) = carried.next().unwrap_or(&QUANTILES[0]);
    (name, share)
}

fn published(histogram: &Histogram<u64>) -> Option<Lateness> {
    (!histogram.is_empty()).then(|| Lateness { samples: histogram.len(), histogram: pairs(histogram) })
}

fn pairs(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let values = histogram.iter_recorded();
    values.map(|value| (value.value_iterated_to(), value.count_since_last_iteration())).collect()
}

fn add(histogram: &mut Histogram<u64>, pairs: &[(u64, u64)]) {
    for &(value, count) in pairs {
        histogram.saturating_record_n(value, count);
    }
}

fn empty() -> Histogram<u64> {
    with_digits(3)
}

/// Up to an hour, to so many significant digits; what is later still counts as an hour.
fn with_digits(digits: u8) -> Histogram<u64> {
    const AN_HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_max(AN_HOUR, digits)
        .expect("a few digits up to an hour are within what the crate allows")
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many sleeps, the first 1 µs late, the second 2 µs, and so on.
    fn staircase(sleeps: u64) -> Lateness {
        Lateness { samples: sleeps, histogram: (1..=sleeps).map(|lateness| (lateness * 1_000, 1)).collect() }
    }

    #[test]
    fn percentiles_are_those_of_the_sleeps_to_three_digits() {
        let block = staircase(10_000);
        let figures = figures_of(&[Some(&block)]);
        for (metric, expected) in [
            ("lateness-p50", 5_000_000.0),
            ("lateness-p90", 9_000_000.0),
            ("lateness-p99", 9_900_000.0),
            ("lateness-p99.9", 9_990_000.0),
            ("lateness-max", 10_000_000.0),
        ] {
            let value = figures[metric].as_ref().expect("10,000 sleeps carry all of them")[0];
            assert!((value / expected - 1.0).abs() < 1e-3, "{metric}: {value}, expected {expected}");
        }
    }

    #[test]
    fn a_percentile_needs_ten_sleeps_beyond_it_in_every_block() {
        let (few, many) = (staircase(999), staircase(100_000));
        let figures = figures_of(&[Some(&many), Some(&few)]);
        assert!(figures["lateness-p90"].is_ok() && figures["lateness-max"].is_ok());
        assert_eq!(
            figures["lateness-p99"].as_ref().expect_err("one short"),
            "999 sleeps cannot carry a p99, it takes 1,000"
        );
        assert!(figures_of(&[Some(&staircase(1_000))])["lateness-p99"].is_ok());
        for (_, name, quantile, needed) in QUANTILES {
            assert!((needed as f64 * (1.0 - quantile) - 10.0).abs() < 1e-6, "{name}");
        }
    }

    #[test]
    fn a_block_without_sleeps_leaves_no_figure() {
        let sleeps = staircase(100);
        for figure in figures_of(&[Some(&sleeps), None]).values() {
            assert_eq!(figure.as_ref().expect_err("a block has none"), "no sleep was watched");
        }
        assert_eq!(merge([]), None);
    }

    #[test]
    fn blocks_are_merged_without_a_sleep_lost_or_moved() {
        let (one, other) = (staircase(500), staircase(2_000));
        let merged = merge([&one, &other]).expect("there are sleeps");
        assert_eq!(merged.samples, 2_500);
        assert_eq!(merged.histogram.iter().map(|(_, count)| count).sum::<u64>(), 2_500);
        assert!(merged.histogram.is_sorted(), "ascending");
        assert_eq!(merge([&merged]), Some(merged), "what was published once stays as it is");
    }

    /// The one test that gathers: what is gathered is ambient.
    #[test]
    fn what_tasks_report_is_gathered_from_all_threads_and_an_early_one_is_an_error() {
        let due = Instant::now();
        let late = |lateness| woken(due, due + Duration::from_micros(lateness));
        std::thread::scope(|threads| {
            for lateness in [0, 10, 20] {
                threads.spawn(move || late(lateness));
            }
        });
        assert_eq!(gathered(), 3);
        let gathered = take().expect("none was early").expect("three were reported");
        assert_eq!(gathered.samples, 3);
        assert_eq!((self::gathered(), take()), (0, Ok(None)), "taken is taken");
        woken(due + Duration::from_micros(1_200), due);
        assert_eq!(take(), Err("a sleep ended 1.20 ms early".to_owned()));
    }

    #[test]
    fn a_quantile_is_given_if_there_are_sleeps_to_carry_it() {
        let names = [0, 19, 20, 99, 100, 999, 1_000, 1_000_000].map(|sleeps| carried(sleeps).0);
        assert_eq!(names, ["p50", "p50", "p50", "p50", "p90", "p90", "p99", "p99"]);
    }
}
