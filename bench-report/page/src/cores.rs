//! Says what a rate of operations costs in cores: the processor time of an operation times the operations a second, and how
//! much more another lane takes than the best.
//!
//! A core is one processor that is busy all the time. `templates/matter.js` writes the same words for the rate of a reader.

use results::{Cell, Estimate, Metric, figures::separated};

/// The least part of a core that is written as a number.
const LEAST: f64 = 0.001;

/// The nanoseconds of a second.
const SECOND: f64 = 1e9;

/// The time that an operation keeps processors busy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// The nanoseconds of an operation.
    ns: Estimate,
    basis: Basis,
}

/// The way in which a cost is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Basis {
    /// It was counted: the processor time of all threads.
    Processors,
    /// It was not counted. It is the time on the clock, in which the only worker is busy at most.
    Clock,
    /// It was not counted either, and there are several workers, each of which is busy at most.
    ClockOfSeveral,
}

impl Cost {
    /// Returns the cost of an operation of a cell, if its figure is a time.
    pub(super) fn of(cell: &Cell) -> Option<Cost> {
        match cell.metrics.get("cpu") {
            Some(Metric::Measured { unit, estimate, .. }) if unit == "ns/op" && estimate.value > 0.0 => {
                return Some(Cost { ns: *estimate, basis: Basis::Processors });
            }
            _ => {}
        }
        let overhead = cell.overhead().filter(|_| cell.unit() == "ns/op")?;
        let basis = if cell.threads > 1 { Basis::ClockOfSeveral } else { Basis::Clock };
        Some(Cost { ns: overhead.times(cell.threads as f64), basis })
    }

    /// Returns the nanoseconds that it is more than another; `None` if one of them is not known as the other is, or only
    /// as a bound.
    pub(super) fn more_than(&self, other: &Cost) -> Option<Estimate> {
        let comparable = self.basis == other.basis && self.basis != Basis::ClockOfSeveral;
        comparable.then(|| self.ns.minus(&other.ns))
    }

    /// Returns the nanoseconds of an operation.
    pub(super) fn value(&self) -> f64 {
        self.ns.value
    }

    /// Writes it at a rate: "0.40 of a core"; if it is more than the machine has, it says so.
    pub(super) fn at(&self, rate: f64, processors: Option<usize>) -> String {
        let bound = if self.basis == Basis::Processors { "" } else { "at most " };
        let cores = format!("{bound}{}", of_a_core(self.ns.value * rate / SECOND));
        match self.excess(rate, processors) {
            Some(excess) => format!("{cores}, {excess}"),
            None => cores,
        }
    }

    /// Says that a rate takes more cores than the machine has, if it surely does.
    pub(super) fn excess(&self, rate: f64, processors: Option<usize>) -> Option<String> {
        let processors = processors?;
        let is_counted = self.basis == Basis::Processors;
        let exceeds = is_counted && self.ns.value * rate / SECOND > processors as f64;
        exceeds.then(|| format!("more than the {processors} of this machine"))
    }
}

/// Writes a number of cores: "0.40 of a core", "1.3 cores", "under 0.001 of a core".
fn of_a_core(cores: f64) -> String {
    let size = cores.abs();
    if size < LEAST {
        return format!("under {LEAST} of a core");
    }
    let (number, is_part) = (number(size, decimals(size)), size * 1.005 < 1.0);
    format!("{number} {}", if is_part { "of a core" } else { "cores" })
}

/// Writes a difference in nanoseconds at a rate: "0.10 of a core more [0.08, 0.13]", or between which it lies if it is not
/// settled which of the two lanes takes more.
pub(super) fn difference(ns: &Estimate, rate: f64) -> String {
    let Estimate { value, low, high } = ns.times(rate / SECOND);
    let is_settled = low > 0.0 || high < 0.0;
    let way = |cores: f64| if cores < 0.0 { "less" } else { "more" };
    if low.abs().max(high.abs()) < LEAST {
        let way = if is_settled { way(value) } else { "either way" };
        return format!("under {LEAST} of a core {way}");
    }
    if !is_settled {
        let side = |cores: f64| match cores.abs() < LEAST {
            true => "nothing".to_owned(),
            false => format!("{} {}", of_a_core(cores), way(cores)),
        };
        return format!("not settled: between {} and {}", side(low), side(high));
    }
    let ends = if value < 0.0 { [-high, -low] } else { [low, high] };
    let decimals = decimals(value.abs().max(LEAST));
    let [low, high] = ends.map(|end| number(end, decimals));
    // A line may break before the interval, but not within it.
    format!("{} {} [{low},\u{a0}{high}]", of_a_core(value), way(value))
}

/// Returns the decimals that leave two significant digits.
fn decimals(size: f64) -> usize {
    let before_point = (size * 1.005).log10().floor() as i32 + 1;
    (2 - before_point).clamp(0, 4) as usize
}

fn number(value: f64, decimals: usize) -> String {
    separated(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use results::Status;

    use super::*;

    fn estimate([value, low, high]: [f64; 3]) -> Estimate {
        Estimate { value, low, high }
    }

    #[test]
    fn a_number_of_cores_has_two_digits() {
        let written = [0.0004, 0.001, 0.0123, 0.4, 0.994, 0.996, 1.26, 12.4, 12_345.0].map(of_a_core);
        let expected = [
            "under 0.001 of a core",
            "0.0010 of a core",
            "0.012 of a core",
            "0.40 of a core",
            "0.99 of a core",
            "1.0 cores",
            "1.3 cores",
            "12 cores",
            "12,345 cores",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn a_difference_that_is_settled_has_its_interval() {
        let written = |figures| difference(&estimate(figures), 1e6);
        assert_eq!(written([100.0, 80.0, 130.0]), "0.10 of a core more [0.08,\u{a0}0.13]");
        assert_eq!(written([-100.0, -130.0, -80.0]), "0.10 of a core less [0.08,\u{a0}0.13]");
        assert_eq!(written([1_500.0, 900.0, 2_000.0]), "1.5 cores more [0.9,\u{a0}2.0]");
        assert_eq!(written([0.4, 0.2, 0.6]), "under 0.001 of a core more");
        assert_eq!(written([0.9, 0.2, 1.6]), "under 0.001 of a core more [0.0002,\u{a0}0.0016]");
    }

    #[test]
    fn a_difference_that_is_not_settled_says_so() {
        let written = |figures| difference(&estimate(figures), 1e6);
        assert_eq!(
            written([50.0, -20.0, 130.0]),
            "not settled: between 0.020 of a core less and 0.13 of a core more"
        );
        assert_eq!(written([5.0, -0.2, 11.0]), "not settled: between nothing and 0.011 of a core more");
        assert_eq!(written([0.1, -0.2, 0.4]), "under 0.001 of a core either way");
    }

    #[test]
    fn processor_time_is_taken_where_it_was_counted_and_else_a_bound() {
        let counted = cell(2, Some(900.0), 500.0);
        assert_eq!(Cost::of(&counted).unwrap().at(1e6, Some(2)), "0.90 of a core");
        let [one, two] = [1, 2].map(|threads| Cost::of(&cell(threads, None, 500.0)).unwrap());
        assert_eq!(one.at(1e6, Some(2)), "at most 0.50 of a core");
        assert_eq!(two.at(1e6, Some(2)), "at most 1.0 cores", "both workers may be busy all the time");
        assert_eq!(two.more_than(&two), None, "bounds have no difference");
        assert_eq!(one.more_than(&Cost::of(&counted).unwrap()), None);
        assert!(one.more_than(&one).is_some());
    }

    #[test]
    fn a_rate_that_the_machine_cannot_serve_is_said() {
        let cost = Cost::of(&cell(2, Some(900.0), 500.0)).unwrap();
        assert_eq!(cost.at(3e6, Some(2)), "2.7 cores, more than the 2 of this machine");
        assert_eq!(cost.at(3e6, None), "2.7 cores");
        assert_eq!(cost.at(2e6, Some(2)), "1.8 cores");
    }

    fn cell(threads: usize, cpu: Option<f64>, overhead: f64) -> Cell {
        let metric = |value: f64| Metric::Measured {
            unit: "ns/op".to_owned(),
            estimate: estimate([value, value * 0.9, value * 1.1]),
            blocks: vec![value; 3],
        };
        let cpu = cpu.map_or(Metric::Unavailable { unavailable: "it does not say".to_owned() }, metric);
        Cell {
            workload: "spawn-join".to_owned(),
            size: 100,
            threads,
            executor: "tokio".to_owned(),
            status: Status::Ok,
            reason: None,
            spoiled: false,
            metrics: BTreeMap::from([("cpu".to_owned(), cpu), ("overhead".to_owned(), metric(overhead))]),
            ratio: None,
            rank: None,
            tied: false,
            undecided: false,
            near: false,
            ratios: BTreeMap::new(),
            behind: Vec::new(),
            flags: Vec::new(),
            spread: None,
            lateness: None,
            observed: None,
        }
    }
}
