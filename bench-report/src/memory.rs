//! What a task costs in memory: what one run adds to the peak of a fresh process, and the line through several sizes.
//!
//! The line's slope is the answer: the executor, its threads and the program itself weigh the same at each size, and go
//! into where the line begins.

use anyhow::{Context, Result, anyhow};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{case::OpenCase, platform, protocol::MemoryUse, results::Estimate, statistics::CONFIDENCE};

/// Runs a case once, in a process that has done nothing else, and says what that added to its peak.
///
/// # Errors
///
/// If the answer was wrong, or the system does not say.
pub(crate) fn measure(case: &dyn OpenCase) -> Result<MemoryUse> {
    let peak = || platform::peak_rss().context("this system does not say how much memory a process has");
    // What it took to get here, and was given back, does not hide what the run takes.
    platform::forget_peak_rss();
    let before = peak()?;
    case.sample(1).map_err(|complaint| anyhow!(complaint))?;
    Ok(MemoryUse { before, after: peak()? })
}

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    /// How steep it is.
    pub slope: Estimate,
    /// How much of the variance it explains.
    pub r_squared: f64,
}

/// The line of least squares; none through fewer than three points, or through points one above the other.
pub(crate) fn line(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    let [mean_x, mean_y] = [points.iter().map(|point| point.0).sum::<f64>() / count, mean(points)];
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|&(x, y)| term(x - mean_x, y - mean_y)).sum()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if points.len() < 3 || xx <= 0.0 {
        return None;
    }
    let value = xy / xx;
    let unexplained = sum(&|x, y| (y - value * x).powi(2));
    let distribution = StudentsT::new(0.0, 1.0, count - 2.0).expect("there are three points");
    let reach =
        distribution.inverse_cdf((1.0 + CONFIDENCE) / 2.0) * (unexplained / (count - 2.0) / xx).sqrt();
    let r_squared = if yy > 0.0 { 1.0 - unexplained / yy } else { 1.0 };
    Some(Line { slope: Estimate { value, low: value - reach, high: value + reach }, r_squared })
}

fn mean(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_points_on_a_line_is_that_line() {
        let line = line(&[(1.0, 12.0), (2.0, 14.0), (4.0, 18.0), (8.0, 26.0)]).expect("it is one");
        assert_eq!(line.slope, Estimate { value: 2.0, low: 2.0, high: 2.0 });
        assert_eq!(line.r_squared, 1.0);
    }

    /// Anscombe's first set, with the figures that every textbook gives: slope 0.5001, its standard error 0.1179, R² 0.67.
    #[test]
    fn slope_and_interval_are_those_of_the_textbook() {
        let points = [
            (10.0, 8.04),
            (8.0, 6.95),
            (13.0, 7.58),
            (9.0, 8.81),
            (11.0, 8.33),
            (14.0, 9.96),
            (6.0, 7.24),
            (4.0, 4.26),
            (12.0, 10.84),
            (7.0, 4.82),
            (5.0, 5.68),
        ];
        let Line { slope, r_squared } = line(&points).expect("there is one");
        assert!((slope.value - 0.5001).abs() < 1e-4 && (r_squared - 0.6665).abs() < 1e-4);
        assert!((slope.high - slope.value - 2.262 * 0.1179).abs() < 1e-3, "{slope:?}");
        assert!((slope.value - slope.low - 2.262 * 0.1179).abs() < 1e-3, "{slope:?}");
    }

    #[test]
    fn too_few_points_have_no_line() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }
}
