//! The published quantiles of lateness, and the number of sleeps that each needs.

/// A quantile of lateness that is published.
#[derive(Clone, Copy, Debug)]
pub struct Quantile {
    /// The name of its metric: "lateness-p99".
    pub metric: &'static str,
    /// Its name in a sentence: "p99".
    pub name: &'static str,
    /// The share of sleeps that end no later.
    pub share: f64,
    /// The number of sleeps that it needs: on average ten of them lie beyond it.
    pub sleeps: u64,
}

/// The published quantiles, ascending.
pub const QUANTILES: [Quantile; 4] = [
    Quantile { metric: "lateness-p50", name: "p50", share: 0.5, sleeps: 20 },
    Quantile { metric: "lateness-p90", name: "p90", share: 0.9, sleeps: 100 },
    Quantile { metric: "lateness-p99", name: "p99", share: 0.99, sleeps: 1_000 },
    Quantile { metric: "lateness-p99.9", name: "p99.9", share: 0.999, sleeps: 10_000 },
];

/// Returns the name and the share of the highest quantile, up to p99, that `sleeps` sleeps are enough for; at
/// least the median.
pub fn carried(sleeps: u64) -> (&'static str, f64) {
    let carried = QUANTILES[..3].iter().rev().find(|quantile| sleeps >= quantile.sleeps);
    let Quantile { name, share, .. } = carried.unwrap_or(&QUANTILES[0]);
    (name, *share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_given_if_there_are_sleeps_to_carry_it() {
        let names = [0, 19, 20, 99, 100, 999, 1_000, 1_000_000].map(|sleeps| carried(sleeps).0);
        assert_eq!(names, ["p50", "p50", "p50", "p50", "p90", "p90", "p99", "p99"]);
    }
}
