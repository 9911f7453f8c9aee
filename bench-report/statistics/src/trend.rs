//! Fits lines: memory over the number of tasks, and cost over the size of a workload.

use super::estimate::{Mean, logarithms};
use results::Estimate;

/// A straight line through points, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// The growth of the second coordinate with the first, and its 95 % interval.
    pub slope: Estimate,
    /// The share of the variance of the second coordinate that the line explains, 1 if all.
    pub r_squared: f64,
}

/// Fits a line through `points`. Returns `None` if there are fewer than three, or if the first coordinate
/// never changes.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let [mean_x, mean_y] = [|&(x, _): &(f64, f64)| x, |&(_, y): &(f64, f64)| y]
        .map(|coordinate| points.iter().map(coordinate).sum::<f64>() / count);
    let sum = |product: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|(x, y)| product(x - mean_x, y - mean_y)).sum()
    };
    let squares_of_x = sum(&|x, _| x * x);
    if squares_of_x == 0.0 {
        return None;
    }
    let slope = sum(&|x, y| x * y) / squares_of_x;
    let unexplained = sum(&|x, y| (y - slope * x).powi(2));
    let all = sum(&|_, y| y * y);
    let degrees_of_freedom = count - 2.0;
    let standard_error = (unexplained / degrees_of_freedom / squares_of_x).sqrt();
    let slope = Mean { value: slope, standard_error, degrees_of_freedom }.estimate();
    // A level line explains any value that does not vary.
    let r_squared = if all > 0.0 { 1.0 - unexplained / all } else { 1.0 };
    Some(Line { slope, r_squared })
}

/// Estimates the power of the size with which a cost grows, from the sizes and the cost in each block, all
/// above zero. It is the slope of the logarithms, by least squares through the means of the sizes. Returns
/// `None` if there are fewer than three sizes.
///
/// The slope is a weighted sum of these means, so that its interval follows from the scatter of the blocks of
/// each size. The interval holds for any curve, and for blocks that differ in number or in scatter. The
/// misfit of a line through a curve does not widen it, as it would if all blocks were points of one
/// regression.
///
/// # Panics
///
/// If a size has fewer than two blocks.
pub fn exponent(costs: &[(f64, Vec<f64>)]) -> Option<Estimate> {
    if costs.len() < 3 {
        return None;
    }
    let sizes: Vec<f64> = costs.iter().map(|(size, _)| size.ln()).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let squares: f64 = sizes.iter().map(|size| (size - mean).powi(2)).sum();
    if squares == 0.0 {
        return None;
    }
    let weights = sizes.iter().map(|size| (size - mean) / squares);
    let means = costs.iter().map(|(_, blocks)| Mean::of(&logarithms(blocks)));
    Some(Mean::of_combination(&weights.zip(means).collect::<Vec<_>>()).estimate())
}

#[cfg(test)]
mod tests {
    use super::{super::simulation::Simulation, *};

    #[test]
    fn a_line_through_points_on_it_is_exact() {
        let points = [(1.0, 5.0), (2.0, 7.0), (4.0, 11.0), (8.0, 19.0)];
        let Line { slope, r_squared } = line(&points).unwrap();
        for figure in [slope.value, slope.low, slope.high] {
            assert!((figure - 2.0).abs() < 1e-9, "{slope:?}");
        }
        assert!((r_squared - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_interval_of_a_slope_is_that_of_the_textbook() {
        // Slope 0.6, residuals -0.2 0.2 0.6 -1.0 0.4 ⟹ variance 1.6 / 3, over squares of 10; t of three
        // degrees 3.182.
        let points = [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 3.0), (5.0, 5.0)];
        let Line { slope, r_squared } = line(&points).unwrap();
        let reach = 3.182_446 * (1.6f64 / 3.0 / 10.0).sqrt();
        assert!((slope.value - 0.6).abs() < 1e-9);
        assert!(
            (slope.high - 0.6 - reach).abs() < 1e-5 && (0.6 - slope.low - reach).abs() < 1e-5,
            "{slope:?}"
        );
        assert!((r_squared - (1.0 - 1.6 / 5.2)).abs() < 1e-9, "{r_squared}");
    }

    #[test]
    fn through_too_few_points_there_is_no_line() {
        assert_eq!(line(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(line(&[(3.0, 1.0), (3.0, 2.0), (3.0, 4.0)]), None);
    }

    #[test]
    fn a_level_line_explains_all_there_is() {
        let Line { slope, r_squared } = line(&[(1.0, 7.0), (2.0, 7.0), (3.0, 7.0)]).unwrap();
        assert_eq!((slope.low, slope.high, r_squared), (0.0, 0.0, 1.0));
    }

    const SIZES: [f64; 3] = [1_000.0, 10_000.0, 100_000.0];

    fn exponent_of(cost: impl Fn(f64) -> f64, blocks: usize, simulation: &mut Simulation) -> Estimate {
        let costs =
            SIZES.map(|size| (size, (0..blocks).map(|_| simulation.block(cost(size), 1.0)).collect()));
        exponent(&costs).unwrap()
    }

    #[test]
    fn linear_linearithmic_and_quadratic_costs_are_told_apart() {
        let simulation = &mut Simulation::with_seed(5);
        let [linear, linearithmic, quadratic] =
            [|n: f64| 40.0 * n, |n: f64| 7.0 * n * n.ln(), |n: f64| 0.1 * n * n]
                .map(|cost| exponent_of(cost, 5, simulation));
        assert!(linear.high < linearithmic.low, "{linear:?} {linearithmic:?}");
        assert!(linearithmic.high < quadratic.low, "{linearithmic:?} {quadratic:?}");
        // For n log n, the slope of the logarithm of the logarithm is added to 1.
        let local = 1.0 + (SIZES[2].ln().ln() - SIZES[0].ln().ln()) / (SIZES[2] / SIZES[0]).ln();
        for (estimate, truth) in [(linear, 1.0), (linearithmic, local), (quadratic, 2.0)] {
            assert!((estimate.low..=estimate.high).contains(&truth), "{estimate:?} without {truth}");
        }
    }

    #[test]
    fn the_interval_of_an_exponent_covers_the_truth_as_often_as_it_says() {
        let mut simulation = Simulation::with_seed(6);
        for blocks in [5, 10] {
            let covered = (0..2_000).filter(|_| {
                let estimate = exponent_of(|n| 3.0 * n * n, blocks, &mut simulation);
                (estimate.low..=estimate.high).contains(&2.0)
            });
            let covered = covered.count();
            assert!((1_860..=1_940).contains(&covered), "{blocks} blocks cover {covered} of 2,000");
        }
    }

    #[test]
    fn sizes_may_differ_in_their_number_of_blocks() {
        let blocks = |cost: f64, count: usize| vec![cost; count];
        let costs = [(10.0, blocks(1.0, 3)), (100.0, blocks(100.0, 5)), (1_000.0, blocks(10_000.0, 2))];
        assert!((exponent(&costs).unwrap().value - 2.0).abs() < 1e-9);
        assert_eq!(exponent(&costs[..2]), None);
    }
}
