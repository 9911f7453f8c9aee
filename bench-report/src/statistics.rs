//! Estimates over blocks, with no input and no output.
//!
//! The block is the unit: samples inside one process are not independent of each other, so they count as one value.
//! Intervals are Student's t, on the logarithms where a figure is a ratio or is compared as one: exact for values that
//! scatter log-normally, and honest about few blocks, where they become wide.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::results::Estimate;

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// The middle of `values`, or the mean of the two in the middle.
///
/// # Panics
///
/// If there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The mean of `values`, one of each block.
///
/// # Panics
///
/// If there are fewer than two: one block has no interval.
pub fn mean(values: &[f64]) -> Estimate {
    assert!(values.len() >= 2, "an interval takes two blocks");
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let reach = quantile_of_t(count - 1.0) * (variance / count).sqrt();
    Estimate { value: mean, low: mean - reach, high: mean + reach }
}

/// The geometric mean of `values`, one of each block and all above zero.
///
/// # Panics
///
/// If there are fewer than two.
pub fn geometric_mean(values: &[f64]) -> Estimate {
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let Estimate { value, low, high } = mean(&logarithms);
    Estimate { value: value.exp(), low: low.exp(), high: high.exp() }
}

/// How many times `reference` the `values` are, paired by block: what a block did to both cancels out.
///
/// # Panics
///
/// If the two differ in length, or there are fewer than two blocks.
pub fn ratio(values: &[f64], reference: &[f64]) -> Estimate {
    geometric_mean(&ratios(values, reference))
}

/// The ratio of each block.
///
/// # Panics
///
/// If the two differ in length.
pub fn ratios(values: &[f64], reference: &[f64]) -> Vec<f64> {
    assert_eq!(values.len(), reference.len(), "ratios are paired by block");
    values.iter().zip(reference).map(|(value, reference)| value / reference).collect()
}

fn quantile_of_t(degrees_of_freedom: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("there are degrees of freedom");
    distribution.inverse_cdf((1.0 + CONFIDENCE) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-3 * right.abs().max(1e-9)
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn quantiles_of_t_are_those_of_the_published_table() {
        for (degrees, quantile) in [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (9.0, 2.262), (30.0, 2.042)] {
            assert!(close(quantile_of_t(degrees), quantile), "{degrees} degrees of freedom");
        }
    }

    #[test]
    fn an_interval_is_the_t_interval_of_the_blocks() {
        let estimate = mean(&[9.0, 10.0, 11.0]);
        assert!(close(estimate.value, 10.0));
        assert!(close(estimate.high - estimate.value, 4.303 / 3f64.sqrt()));
        assert!(close(estimate.value - estimate.low, 4.303 / 3f64.sqrt()));
    }

    #[test]
    fn a_drift_that_hits_both_lanes_leaves_their_ratio_alone() {
        let fast = [100.0, 130.0, 90.0, 170.0, 110.0];
        let slow = fast.map(|value| 2.0 * value);
        let ratio = ratio(&slow, &fast);
        assert!(close(ratio.value, 2.0) && close(ratio.low, 2.0) && close(ratio.high, 2.0), "{ratio:?}");
    }

    #[test]
    fn an_interval_covers_the_truth_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(7);
        // Log-normal: the sum of twelve uniform numbers is normal enough.
        let mut block = |truth: f64| {
            let normal: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            truth * (0.03 * normal).exp()
        };
        for blocks in [3, 5, 10] {
            let covered = (0..2_000).filter(|_| {
                let values: Vec<f64> = (0..blocks).map(|_| block(50.0)).collect();
                let estimate = geometric_mean(&values);
                (estimate.low..=estimate.high).contains(&50.0)
            });
            let covered = covered.count();
            assert!((1_860..=1_940).contains(&covered), "{blocks} blocks cover {covered} of 2,000");
        }
    }
}
