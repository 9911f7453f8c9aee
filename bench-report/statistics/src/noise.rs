//! Measures noise: the differences between twins, which are one lane under two names.

/// Returns the noise floor of twin ratios: the smallest factor that 95 % of the pairs stay within, in either
/// direction. With fewer than 20 pairs that is the largest ratio; without any it is 1.
pub fn noise_floor(ratios: &[f64]) -> f64 {
    let mut differences: Vec<f64> = ratios.iter().map(|ratio| ratio.ln().abs()).collect();
    differences.sort_by(f64::total_cmp);
    // The share is computed in whole numbers, because 0.95 × 20 is a little more than 19 in floating point.
    let within = (differences.len() * 95).div_ceil(100);
    within.checked_sub(1).map_or(1.0, |last| differences[last].exp())
}

/// Returns the noise floor of one row: the difference between identical lanes that their intervals do not account for.
///
/// The twins show whether there is one. `of_measure` and `of_row` are their differences as parts of the reach of their own
/// intervals, those of all rows that measure the same and those of this row. As long as 95 % of them stay within, intervals
/// are what they are said to be, and the floor is 1. If twins differ by more, the floor is what has to be added to a `reach` that
/// is typical of the row until it would hold them, as independent errors add up. Few pairs cannot say much against an interval, so
/// they are drawn towards what it says.
pub fn floor_of_row(reach: f64, of_row: &[f64], of_measure: &[f64]) -> f64 {
    /// As many pairs of the measure speak as loud as the intervals themselves.
    const PAIRS_OF_MEASURE: f64 = 20.0;
    /// As many pairs of the row speak as loud as those of its measure.
    const PAIRS_OF_ROW: f64 = 8.0;
    let outermost = noise_floor(&of_measure.iter().map(|part| part.exp()).collect::<Vec<_>>()).ln();
    let count = of_measure.len() as f64;
    let of_measure = (PAIRS_OF_MEASURE + count * outermost.powi(2)) / (PAIRS_OF_MEASURE + count);
    // Squares are asked here, which have a mean where 95 % of so few pairs is the largest.
    let squares: f64 = of_row.iter().map(|part| (WITHIN * part).powi(2)).sum();
    let of_row = (PAIRS_OF_ROW * of_measure + squares) / (PAIRS_OF_ROW + of_row.len() as f64);
    // A floor is a number even where two blocks differ by everything.
    ((of_row - 1.0).max(0.0).sqrt() * reach).min(HIGHEST).exp()
}

/// The logarithm of the highest floor.
const HIGHEST: f64 = 20.0;

/// Returns the noise floor of a mean over rows: the noise of one row has nothing to do with that of another, so they partly
/// cancel out.
pub fn floor_of_mean(floors: &[f64]) -> f64 {
    let squares: f64 = floors.iter().map(|floor| floor.ln().powi(2)).sum();
    (squares.sqrt() / floors.len().max(1) as f64).exp()
}

/// The standard errors that an interval of 95 % reaches.
const WITHIN: f64 = 1.96;

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
    fn a_row_has_a_floor_if_its_twins_differ_by_more_than_intervals_allow() {
        // Of forty pairs two lie beyond this part of their intervals' reach.
        let pairs = |part: f64| -> Vec<f64> {
            (0..40).map(|index| part * (f64::from(index) / 20.0 - 0.975) / 0.925).collect()
        };
        let as_expected = pairs(0.99);
        assert_eq!(floor_of_row(0.02, &[], &as_expected), 1.0);
        assert_eq!(floor_of_row(0.02, &[], &[]), 1.0, "without twins intervals are believed");
        let worse = pairs(2.0);
        let (calm, restless) = (floor_of_row(0.02, &[], &worse), floor_of_row(0.2, &[], &worse));
        // Squares of forty pairs that reach twice as far, and twenty that reach as far as they should: 3 in the mean.
        assert!((calm.ln() / 0.02 - 2f64.sqrt()).abs() < 1e-9, "{calm}");
        assert!((restless.ln() / calm.ln() - 10.0).abs() < 1e-9, "a row has its own scatter: {restless}");
        assert!(floor_of_row(0.02, &[4.0; 8], &as_expected) > 1.1, "those of the row do at once");
        assert_eq!(floor_of_row(0.02, &[0.5; 8], &as_expected), 1.0);
    }

    #[test]
    fn identical_lanes_stay_within_their_intervals_and_the_floor_beyond_them() {
        // Each row has its own error, of which its intervals know a part.
        let pairs = |known: f64| -> Vec<f64> {
            let mut random = fastrand::Rng::with_seed(5);
            let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            (0..4_000).map(|_| normal() / (WITHIN * known)).collect()
        };
        for known in [1.0, 0.7, 0.5] {
            let parts = pairs(known);
            let floor = floor_of_row(1.0, &[], &parts).ln();
            let beyond = parts.iter().filter(|part| part.abs() > (1.0 + floor.powi(2)).sqrt()).count();
            assert!((160..=240).contains(&beyond), "{beyond} of 4,000 if {known} of the error is known");
        }
    }

    #[test]
    fn a_few_pairs_draw_the_floor_less_than_many() {
        let far = |pairs: usize| floor_of_row(0.02, &[], &vec![3.0; pairs]);
        assert!(far(1) < far(5) && far(5) < far(50), "{} {} {}", far(1), far(5), far(50));
        let of_row = |pairs: usize| floor_of_row(0.02, &vec![3.0; pairs], &[0.5; 40]);
        assert!(of_row(0) < of_row(1) && of_row(1) < of_row(8));
    }

    #[test]
    fn a_floor_is_a_number_whatever_two_blocks_say() {
        let lanes: [&[f64]; 2] = [&[1.0, 1e200], &[1e200, 1.0]];
        let comparison = super::super::Scatter::unknown().compare(&lanes);
        let parts = [comparison.in_reaches(1, 0), 1e6, 1e6];
        assert!(floor_of_row(comparison.typical_reach(), &parts, &parts).is_finite());
        let steady: [&[f64]; 2] = [&[1.0, 2.0], &[2.0, 4.0]];
        let comparison = super::super::Scatter::unknown().compare(&steady);
        assert_eq!(comparison.in_reaches(1, 0), 1e6, "without scatter any difference is large");
        let all = super::super::Scatter::unknown().compare(&lanes);
        let standings = all.standings(&[0, 1], 9, 1.0);
        assert!(standings.iter().all(|lane| lane.ratio.high.is_finite()), "{standings:?}");
        assert!(all.ratio(1, 0).high.is_finite());
    }

    #[test]
    fn the_noise_of_rows_partly_cancels_out_in_their_mean() {
        assert!((floor_of_mean(&[1.1; 4]) - 1.1f64.sqrt()).abs() < 1e-9);
        assert_eq!([floor_of_mean(&[1.1]), floor_of_mean(&[])], [1.1, 1.0]);
    }
}
