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

/// Returns the noise floor of one row: the factor that identical lanes stay within in 95 % of all cases there.
///
/// That follows from the standard error that is `typical` of the row, if errors are what they are said to be. The twins
/// show whether they are: `of_measure` and `of_row` are their differences in standard errors, those of all rows that measure
/// the same and those of this row. Few pairs cannot say much against the error, so they are drawn towards what it says.
pub fn floor_of_row(typical: f64, of_row: &[f64], of_measure: &[f64]) -> f64 {
    /// As many pairs of the measure speak as loud as the errors themselves.
    const PAIRS_OF_MEASURE: f64 = 20.0;
    /// As many pairs of the row speak as loud as those of its measure.
    const PAIRS_OF_ROW: f64 = 8.0;
    let outermost =
        noise_floor(&of_measure.iter().map(|difference| difference.exp()).collect::<Vec<_>>()).ln();
    let count = of_measure.len() as f64;
    let of_measure = (PAIRS_OF_MEASURE + count * (outermost / WITHIN).powi(2)) / (PAIRS_OF_MEASURE + count);
    let sum: f64 = of_row.iter().map(|difference| difference.powi(2)).sum();
    let of_row = (PAIRS_OF_ROW * of_measure + sum) / (PAIRS_OF_ROW + of_row.len() as f64);
    // A floor is a number even where two blocks differ by everything.
    (WITHIN * of_row.sqrt() * typical).min(HIGHEST).exp()
}

/// The logarithm of the highest floor.
const HIGHEST: f64 = 20.0;

/// Returns the noise floor of a mean over rows: the noise of one row has nothing to do with that of another, so they partly
/// cancel out.
pub fn floor_of_mean(floors: &[f64]) -> f64 {
    let squares: f64 = floors.iter().map(|floor| floor.ln().powi(2)).sum();
    (squares.sqrt() / floors.len().max(1) as f64).exp()
}

/// The standard errors within which 95 % of differences lie.
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
    fn the_floor_of_a_row_follows_from_its_errors_and_grows_if_twins_differ_by_more() {
        let as_expected: Vec<f64> = (0..40).map(|index| f64::from(index) / 20.0 - 1.0).collect();
        let calm = floor_of_row(0.01, &[], &as_expected);
        assert!((1.01..1.03).contains(&calm), "{calm}");
        let restless = floor_of_row(0.1, &[], &as_expected);
        assert!((restless.ln() / calm.ln() - 10.0).abs() < 1e-9, "a row has its own scatter: {restless}");
        let worse: Vec<f64> = as_expected.iter().map(|error| 4.0 * error).collect();
        assert!(floor_of_row(0.01, &[], &worse) > 1.03, "twins that differ by more than errors raise it");
        assert!(floor_of_row(0.01, &[8.0; 8], &as_expected) > 1.1, "those of the row do at once");
        assert!(
            (floor_of_row(0.01, &[], &[]) - 0.0196f64.exp()).abs() < 1e-9,
            "without twins errors are believed"
        );
    }

    #[test]
    fn a_few_pairs_draw_the_floor_less_than_many() {
        let far = |pairs: usize| floor_of_row(0.01, &[], &vec![6.0; pairs]);
        assert!(far(1) < far(5) && far(5) < far(50), "{} {} {}", far(1), far(5), far(50));
        let of_row = |pairs: usize| floor_of_row(0.01, &vec![6.0; pairs], &[1.0; 40]);
        assert!(of_row(0) < of_row(1) && of_row(1) < of_row(8));
    }

    #[test]
    fn a_floor_is_a_number_whatever_two_blocks_say() {
        let lanes: [&[f64]; 2] = [&[1.0, 1e200], &[1e200, 1.0]];
        let comparison = super::super::Scatter::unknown().compare(&lanes);
        let errors = [comparison.in_errors(1, 0); 3];
        assert!(floor_of_row(comparison.typical_error(), &errors, &errors).is_finite());
        let steady: [&[f64]; 2] = [&[1.0, 2.0], &[2.0, 4.0]];
        let comparison = super::super::Scatter::unknown().compare(&steady);
        assert_eq!(comparison.in_errors(1, 0), 1e6, "without scatter any difference is large");
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
