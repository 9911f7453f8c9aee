//! Estimates figures from blocks: values of blocks, means, ratios, and the intervals of all of them.

use results::Estimate;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Returns the value of a block: the mean of the middle half of its samples, geometric if all of them are
/// above zero.
///
/// While a neighbour computes on the other half of a core, everything on this half takes half as long again.
/// So the samples of a process have two modes, and the share of samples in each mode differs from block to
/// block. A median jumps from one mode to the other when that share passes one half. A mean follows the
/// share, which the lanes of a block have in common, so that it cancels out in their ratio. The outer
/// quarters are left out, because one sample that the system held up for long would move a plain mean.
///
/// # Panics
///
/// If there are no samples.
pub fn midmean(samples: &[f64]) -> f64 {
    assert!(!samples.is_empty(), "a block has samples");
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let outer = sorted.len() / 4;
    let middle = &sorted[outer..sorted.len() - outer];
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / middle.len() as f64;
    if samples.iter().all(|&sample| sample > 0.0) {
        mean(&mut middle.iter().map(|value| value.ln())).exp()
    } else {
        mean(&mut middle.iter().copied())
    }
}

/// Returns the least of the samples, their quantiles at 5, 25, 50, 75 and 95 %, and the most.
///
/// A quantile that lies between two samples is interpolated linearly: the quantile of p stands at the place 1
/// + p (n − 1) of the n samples in order, which is definition 7 of Hyndman and Fan (1996).
///
/// # Panics
///
/// If there are no samples.
pub fn quantiles(samples: &[f64]) -> [f64; 7] {
    assert!(!samples.is_empty(), "a cell has samples");
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|share| {
        let place = share * (sorted.len() - 1) as f64;
        let [below, above] = [place.floor(), place.ceil()].map(|place| sorted[place as usize]);
        below + (above - below) * place.fract()
    })
}

/// Estimates the mean of `values`, one per block.
///
/// # Panics
///
/// If there are fewer than two: one block has no interval.
pub fn mean(values: &[f64]) -> Estimate {
    Mean::of(values).estimate()
}

/// Estimates the geometric mean of `values`, one per block and all above zero.
///
/// # Panics
///
/// If there are fewer than two.
pub fn geometric_mean(values: &[f64]) -> Estimate {
    exponential(mean(&logarithms(values)))
}

/// Estimates the ratio of `values` to `reference`, paired by block: an influence on both in one block cancels
/// out.
///
/// # Panics
///
/// If the two differ in length, or there are fewer than two blocks.
pub fn ratio(values: &[f64], reference: &[f64]) -> Estimate {
    geometric_mean(&ratios(values, reference))
}

/// Returns the ratio of each block.
///
/// # Panics
///
/// If the two differ in length.
pub fn ratios(values: &[f64], reference: &[f64]) -> Vec<f64> {
    assert_eq!(values.len(), reference.len(), "ratios are paired by block");
    values.iter().zip(reference).map(|(value, reference)| value / reference).collect()
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    pub(crate) value: f64,
    pub(crate) standard_error: f64,
    pub(crate) degrees_of_freedom: f64,
}

impl Mean {
    pub(crate) fn of(values: &[f64]) -> Mean {
        assert!(values.len() >= 2, "an interval needs two blocks");
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|of_block| (of_block - value).powi(2)).sum::<f64>() / (count - 1.0);
        Mean { value, standard_error: (variance / count).sqrt(), degrees_of_freedom: count - 1.0 }
    }

    /// Adds independent means, each times its weight; the degrees of freedom are Welch's and Satterthwaite's.
    pub(crate) fn of_combination(terms: &[(f64, Mean)]) -> Mean {
        assert!(!terms.is_empty(), "a mean has terms");
        let squares = terms.iter().map(|(weight, mean)| (weight * mean.standard_error).powi(2));
        let variance: f64 = squares.clone().sum();
        let freedoms = terms.iter().map(|(_, mean)| mean.degrees_of_freedom);
        let scatter: f64 = squares.zip(freedoms).map(|(square, freedom)| square.powi(2) / freedom).sum();
        Mean {
            value: terms.iter().map(|(weight, mean)| weight * mean.value).sum(),
            standard_error: variance.sqrt(),
            // Without scatter any number of degrees of freedom will do.
            degrees_of_freedom: if scatter > 0.0 { variance.powi(2) / scatter } else { 1.0 },
        }
    }

    pub(crate) fn estimate(&self) -> Estimate {
        let high = self.beyond((1.0 - CONFIDENCE) / 2.0);
        Estimate { value: self.value, low: 2.0 * self.value - high, high }
    }

    /// Returns the upper bound that the true mean exceeds with the probability `tail`.
    pub(crate) fn beyond(&self, tail: f64) -> f64 {
        self.value + self.standard_error * quantile_of_t(self.degrees_of_freedom, tail)
    }
}

pub(crate) fn logarithms(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

pub(crate) fn exponential(Estimate { value, low, high }: Estimate) -> Estimate {
    /// Two blocks may differ so much that the end of their interval is no number any more.
    const MOST: f64 = 300.0;
    let [value, low, high] = [value, low, high].map(|logarithm| logarithm.clamp(-MOST, MOST).exp());
    Estimate { value, low, high }
}

/// Returns the value that Student's t exceeds with the probability `tail`.
pub(crate) fn quantile_of_t(degrees_of_freedom: f64, tail: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("there are degrees of freedom");
    distribution.inverse_cdf(1.0 - tail)
}

#[cfg(test)]
mod tests {
    use super::{super::simulation::Simulation, *};

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-3 * right.abs().max(1e-9)
    }

    /// Checks that an interval held the truth in 93 to 97 % of 2,000 simulations.
    fn covers(subject: &str, mut interval: impl FnMut() -> Estimate, truth: f64) {
        let holds = |Estimate { low, high, .. }| (low..=high).contains(&truth);
        let covered = (0..2_000).filter(|_| holds(interval())).count();
        assert!((1_860..=1_940).contains(&covered), "{subject}: covers {covered} of 2,000");
    }

    #[test]
    fn the_midmean_is_the_geometric_mean_of_the_middle_half() {
        assert!(close(midmean(&[1.0, 2.0, 8.0, 1000.0]), 4.0));
        assert!(close(midmean(&[1000.0, 8.0, 2.0, 0.001]), 4.0), "in any order");
        assert!(close(midmean(&[2.0, 4.0, 8.0]), 4.0), "of three none is left out");
        assert!(close(midmean(&[5.0]), 5.0));
        assert!(close(midmean(&[-1.0, 1.0, 2.0, 70.0]), 1.5), "below zero there is no logarithm");
        assert!(close(midmean(&[0.0, 0.0, 0.0, 0.0]), 0.0));
    }

    #[test]
    fn a_midmean_goes_along_where_a_median_would_jump() {
        // Of ten samples five and then six were taken while the other half of the core was busy.
        let of = |slow: usize| -> Vec<f64> { [vec![68.0; slow], vec![45.0; 10 - slow]].concat() };
        let step = midmean(&of(6)) / midmean(&of(5));
        assert!(close(step, (68.0f64 / 45.0).powf(1.0 / 6.0)), "{step}");
    }

    #[test]
    fn quantiles_between_samples_are_interpolated() {
        let samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(quantiles(&samples), [0.0, 5.0, 25.0, 50.0, 75.0, 95.0, 100.0]);
        let of_two = [10.0, 10.5, 12.5, 15.0, 17.5, 19.5, 20.0];
        assert!(quantiles(&[20.0, 10.0]).into_iter().zip(of_two).all(|(ours, exact)| close(ours, exact)));
        assert_eq!(quantiles(&[5.0]), [5.0; 7]);
    }

    #[test]
    fn quantiles_of_t_are_those_of_the_published_table() {
        // Degrees of freedom, and the values that t exceeds in 5, 2.5, 1, 0.5, 0.1 and 0.05 % (NIST/SEMATECH
        // e-Handbook, 1.3.6.7.2).
        let table = [
            (1.0, [6.314, 12.706, 31.821, 63.657, 318.309, 636.619]),
            (2.0, [2.920, 4.303, 6.965, 9.925, 22.327, 31.599]),
            (3.0, [2.353, 3.182, 4.541, 5.841, 10.215, 12.924]),
            (4.0, [2.132, 2.776, 3.747, 4.604, 7.173, 8.610]),
            (9.0, [1.833, 2.262, 2.821, 3.250, 4.297, 4.781]),
            (19.0, [1.729, 2.093, 2.539, 2.861, 3.579, 3.883]),
            (30.0, [1.697, 2.042, 2.457, 2.750, 3.385, 3.646]),
        ];
        for (degrees, quantiles) in table {
            for (tail, quantile) in [0.05, 0.025, 0.01, 0.005, 0.001, 0.0005].into_iter().zip(quantiles) {
                let ours = quantile_of_t(degrees, tail);
                assert!(close(ours, quantile), "{ours} and not {quantile}: {degrees} degrees, tail {tail}");
            }
        }
    }

    #[test]
    fn quantiles_of_t_are_where_the_distribution_has_them_for_broken_degrees_and_thin_tails_too() {
        for degrees in [1.0, 1.7, 2.0, 4.0, 7.25, 19.0, 133.3] {
            let distribution = StudentsT::new(0.0, 1.0, degrees).unwrap();
            for others in 1..=12 {
                let tail = 0.005 / f64::from(others);
                let found = 1.0 - distribution.cdf(quantile_of_t(degrees, tail));
                assert!(close(found, tail), "{degrees} degrees, tail {tail}: {found}");
            }
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
    fn the_interval_of_a_cell_covers_the_truth_as_often_as_it_says() {
        let mut simulation = Simulation::with_seed(7);
        for blocks in [5, 10, 20] {
            covers(&format!("{blocks} blocks"), || geometric_mean(&simulation.blocks(50.0, blocks)), 50.0);
        }
    }

    #[test]
    fn the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says() {
        let mut simulation = Simulation::with_seed(8);
        for blocks in [5, 10, 20] {
            let ratio = || ratio(&simulation.blocks(60.0, blocks), &simulation.blocks(50.0, blocks));
            covers(&format!("{blocks} blocks"), ratio, 1.2);
        }
    }

    #[test]
    fn samples_are_no_blocks() {
        // The contrast: ten processes, ten samples each, all taken for a hundred blocks.
        let mut simulation = Simulation::with_seed(9);
        let pooled = |simulation: &mut Simulation| geometric_mean(&simulation.samples(50.0, 10));
        let holds = |Estimate { low, high, .. }| (low..=high).contains(&50.0);
        let covered = (0..1_000).filter(|_| holds(pooled(&mut simulation))).count();
        assert!(covered < 600, "pooled samples cover {covered} of 1,000, which they cannot");
    }
}
