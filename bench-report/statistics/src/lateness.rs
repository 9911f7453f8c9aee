//! Computes lateness over blocks: the distribution of all of them, and the figures of each.

use std::collections::BTreeMap;

use lane_protocol::{Lateness, histogram};
use results::{
    figures,
    lateness::{QUANTILES, Quantile},
};

const MAX: &str = "lateness-max";
const NO_SLEEPS: &str = "no sleep was watched";

/// Merges the distributions of all blocks into one, to one significant digit, which is as fine as a curve can
/// be seen.
///
/// Returns `None` if no sleep ended in any block.
pub fn merge<'a>(blocks: impl IntoIterator<Item = &'a Lateness>) -> Option<Lateness> {
    let mut all = histogram(1);
    for block in blocks {
        block.add_to(&mut all);
    }
    Lateness::of(&all)
}

/// Returns the figures of every block, by the names of their metrics; an error says why there are none.
///
/// A quantile needs enough sleeps in every block to carry it.
pub fn figures_of(blocks: &[Option<&Lateness>]) -> BTreeMap<&'static str, Result<Vec<f64>, String>> {
    let histograms: Vec<_> = blocks
        .iter()
        .map(|block| {
            let mut histogram = histogram(3);
            if let Some(block) = block {
                block.add_to(&mut histogram);
            }
            histogram
        })
        .collect();
    let fewest = histograms.iter().map(|histogram| histogram.len()).min().unwrap_or(0);
    if fewest == 0 {
        let metrics = QUANTILES.iter().map(|quantile| quantile.metric).chain([MAX]);
        return metrics.map(|metric| (metric, Err(NO_SLEEPS.to_owned()))).collect();
    }
    let maxima = histograms.iter().map(|histogram| histogram.max() as f64).collect();
    let mut all = BTreeMap::from([(MAX, Ok(maxima))]);
    for Quantile { metric, name, share, sleeps } in QUANTILES {
        let values = histograms.iter().map(|histogram| histogram.value_at_quantile(share) as f64);
        all.insert(
            metric,
            if fewest < sleeps { Err(too_few(fewest, name, sleeps)) } else { Ok(values.collect()) },
        );
    }
    all
}

fn too_few(sleeps: u64, name: &str, needed: u64) -> String {
    let [sleeps, needed] = [sleeps, needed].map(figures::whole);
    format!("{sleeps} in a block cannot carry a {name}, which needs {needed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes `sleeps` sleeps, the first 1 µs late, the second 2 µs, and so on.
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
            "999 in a block cannot carry a p99, which needs 1,000"
        );
        assert!(figures_of(&[Some(&staircase(1_000))])["lateness-p99"].is_ok());
        for Quantile { name, share, sleeps, .. } in QUANTILES {
            assert!((sleeps as f64 * (1.0 - share) - 10.0).abs() < 1e-6, "{name}");
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
}
