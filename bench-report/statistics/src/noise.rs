//! Measures noise: the differences between twins, which are one lane under two names.

use super::standings::standings;

/// Returns the noise floor of twin ratios: the smallest factor that 95 % of the pairs stay within, in either
/// direction. With fewer than 20 pairs that is the largest ratio; without any it is 1.
pub fn noise_floor(ratios: &[f64]) -> f64 {
    let mut differences: Vec<f64> = ratios.iter().map(|ratio| ratio.ln().abs()).collect();
    differences.sort_by(f64::total_cmp);
    // The share is computed in whole numbers, because 0.95 × 20 is a little more than 19 in floating point.
    let within = (differences.len() * 95).div_ceil(100);
    within.checked_sub(1).map_or(1.0, |last| differences[last].exp())
}

/// Returns `true` if the rule of a race, without a noise floor, would call two lanes different.
///
/// # Panics
///
/// If the two differ in their number of blocks, or have fewer than two.
pub fn is_different(one: &[f64], other: &[f64]) -> bool {
    standings(&[one, other], 2, 1.0).iter().any(|standing| standing.rank != 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_twins_the_floor_is_1() {
        assert_eq!(noise_floor(&[]), 1.0);
    }

    #[test]
    fn the_floor_of_few_pairs_is_their_largest_difference_in_either_direction() {
        let nineteen: Vec<f64> =
            (1..=18).map(|percent| 1.0 + f64::from(percent) / 1000.0).chain([0.5]).collect();
        assert!((noise_floor(&nineteen) - 2.0).abs() < 1e-9);
        assert!((noise_floor(&[1.25]) - 1.25).abs() < 1e-9);
    }

    #[test]
    fn of_many_pairs_one_in_twenty_may_differ_by_more() {
        let ratios =
            |count: u32| (1..=count).map(|index| 1.0 + f64::from(index) / 1000.0).collect::<Vec<f64>>();
        assert!((noise_floor(&ratios(20)) - 1.019).abs() < 1e-9);
        assert!((noise_floor(&ratios(21)) - 1.020).abs() < 1e-9);
        assert!((noise_floor(&ratios(100)) - 1.095).abs() < 1e-9);
    }

    #[test]
    fn two_lanes_are_different_if_one_is_surely_behind() {
        let steady = [1.0, 1.01, 0.99, 1.0];
        assert!(
            is_different(&steady, &[2.0, 2.01, 1.99, 2.02]) && is_different(&[2.0, 2.1, 1.9, 2.0], &steady)
        );
        assert!(!is_different(&steady, &[0.9, 1.2, 1.0, 1.1]) && !is_different(&steady, &steady));
    }
}
