//! What differences look like where there are none.

use super::standings;

/// The noise floor, from how many times the figure of a lane its twin has, a ratio for each pair of the two: the
/// smallest ratio by which at least 95 % of the pairs differ at most, in either direction. That is the largest of fewer
/// than twenty. Without twins nothing is known, and the floor is 1.
pub fn noise_floor(ratios: &[f64]) -> f64 {
    let mut differences: Vec<f64> = ratios.iter().map(|ratio| ratio.ln().abs()).collect();
    differences.sort_by(f64::total_cmp);
    // In whole numbers: 0.95 × 20 is a little more than 19 to a computer.
    let within = (differences.len() * 95).div_ceil(100);
    within.checked_sub(1).map_or(1.0, |last| differences[last].exp())
}

/// Whether two lanes would be called different, by the same rule as in a race but without a noise floor.
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
