//! Writes figures for people, in the terminal and on the page: three significant digits, a unit, separators.

use crate::cell::{Estimate, Metric};

/// Units of a quantity, smallest first: the size of each, and its name.
type Units = &'static [(f64, &'static str)];

const TIME: Units = &[(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const MEMORY: Units = &[(1.0, "B"), (1024.0, "KiB"), (1048576.0, "MiB"), (1073741824.0, "GiB")];
const RATIO: Units = &[(1.0, "×")];
const COUNT: Units = &[(1.0, "")];

/// Writes a time that is given in nanoseconds: `72.4 ns`, `1.23 µs`.
pub fn ns(value: f64) -> String {
    Scale::of(value, TIME).with_unit(value)
}

/// Writes such a time in the unit of another one, so that the two can be compared at sight: `2,547 µs` beside `340 µs`.
pub fn ns_beside(other: f64, value: f64) -> String {
    Scale::beside(other, value, TIME).with_unit(value)
}

/// Writes the interval of such a time, in the unit and the digits of the time: `[70.1, 75.2]`.
pub fn ns_interval(estimate: &Estimate) -> String {
    Scale::of(estimate.value, TIME).interval(estimate)
}

/// Writes a value in a form that suits the unit of its metric: `1.23 µs`, `1.23×`.
pub fn in_unit(unit: &str, value: f64) -> String {
    let (units, suffix) = form(unit);
    Scale::of(value, units).with_unit(value) + &suffix
}

/// Writes the interval of such a value, in the unit and the digits of the value: `[70.1, 75.2]`.
pub fn interval_in_unit(unit: &str, estimate: &Estimate) -> String {
    Scale::of(estimate.value, form(unit).0).interval(estimate)
}

/// Writes a size in memory: `12.3 MiB`.
pub fn bytes(value: f64) -> String {
    Scale::of(value, MEMORY).with_unit(value)
}

/// Writes a size in memory in the unit of another one.
pub fn bytes_beside(other: f64, value: f64) -> String {
    Scale::beside(other, value, MEMORY).with_unit(value)
}

/// Writes a ratio: `1.23×`.
pub fn ratio(value: f64) -> String {
    Scale::of(value, RATIO).with_unit(value)
}

/// Writes a ratio and its interval: `1.23× [1.18, 1.27]`.
pub fn ratio_with_interval(estimate: &Estimate) -> String {
    with_interval(estimate, RATIO)
}

/// Writes the interval of a ratio, in the digits of the ratio: `[1.18, 1.27]`.
pub fn ratio_interval(estimate: &Estimate) -> String {
    Scale::of(estimate.value, RATIO).interval(estimate)
}

/// Writes a plain number: `0.0123`, `1,234`.
pub fn count(value: f64) -> String {
    Scale::of(value, COUNT).with_unit(value)
}

/// Writes a whole number with separators: `100,000`.
pub fn whole(value: u64) -> String {
    separated(&value.to_string())
}

/// Writes a noun with its number: `1 thread`, `5 blocks`.
pub fn counted(many: usize, noun: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", whole(many as u64))
}

/// Lists names as in a sentence: `a`, `a and b`, `a, b and c`.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// Writes a metric's estimate and interval in a unit that suits it, or the reason why there is none.
pub fn metric(metric: &Metric) -> String {
    match metric {
        Metric::Measured { unit, estimate, .. } => {
            let (units, suffix) = form(unit);
            with_interval(estimate, units) + &suffix
        }
        Metric::Unavailable { unavailable } => format!("n/a: {unavailable}"),
    }
}

/// Returns the units in which a metric of this unit is written, and what follows the number.
fn form(unit: &str) -> (Units, String) {
    match unit {
        "ns" | "ns/op" => (TIME, String::new()),
        "bytes" | "bytes/op" => (MEMORY, String::new()),
        "1" | "1/op" => (COUNT, String::new()),
        "×" => (RATIO, String::new()),
        other => (COUNT, format!(" {other}")),
    }
}

fn with_interval(estimate: &Estimate, units: Units) -> String {
    let scale = Scale::of(estimate.value, units);
    format!("{} {}", scale.with_unit(estimate.value), scale.interval(estimate))
}

/// The form of a value. Its interval is written in the same form, so that the three can be compared at sight.
struct Scale {
    divisor: f64,
    unit: &'static str,
    decimals: usize,
}

impl Scale {
    /// Chooses three significant digits, in the largest unit that leaves one before the point; never more
    /// than four decimals.
    fn of(value: f64, units: Units) -> Scale {
        Scale::beside(value, value, units)
    }

    /// Chooses the unit that suits another value, and as many digits for this one.
    fn beside(other: f64, value: f64, units: Units) -> Scale {
        // A value that rounds to 1,000 belongs to the next unit, so the comparison is with 0.9995 of it.
        let fits = |(size, _): &&(f64, &str)| other.abs() >= size * 0.9995;
        let &(divisor, unit) = units.iter().rev().find(fits).unwrap_or(&units[0]);
        let scaled = value.abs() / divisor;
        let digits_before_point = if scaled > 0.0 { (scaled * 1.0005).log10().floor() as i32 + 1 } else { 1 };
        Scale { divisor, unit, decimals: (3 - digits_before_point).clamp(0, 4) as usize }
    }

    fn with_unit(&self, value: f64) -> String {
        let space = if matches!(self.unit, "" | "×") { "" } else { " " };
        format!("{}{space}{}", self.number(value), self.unit)
    }

    fn interval(&self, estimate: &Estimate) -> String {
        format!("[{}, {}]", self.number(estimate.low), self.number(estimate.high))
    }

    fn number(&self, value: f64) -> String {
        separated(&format!("{:.*}", self.decimals, value / self.divisor))
    }
}

/// Puts a comma before every third digit that precedes the point.
pub fn separated(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut written = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            written.push(',');
        }
        written.push(digit);
    }
    written + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_the_unit_that_suits_it() {
        let written =
            [0.0, 0.0523, 7.0, 72.44, 999.4, 999.6, 1_234.0, 12_345_678.0, 1.5e9, 1.2345e12].map(ns);
        let expected = [
            "0.00 ns",
            "0.0523 ns",
            "7.00 ns",
            "72.4 ns",
            "999 ns",
            "1.00 µs",
            "1.23 µs",
            "12.3 ms",
            "1.50 s",
            "1,234 s",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn a_figure_beside_another_has_its_unit() {
        let written = [340_000.0, 2_547_000.0, 999_600.0, 118.0].map(|value| ns_beside(340_000.0, value));
        assert_eq!(written, ["340 µs", "2,547 µs", "1,000 µs", "0.118 µs"]);
        assert_eq!(bytes_beside(1_320.0, 471.0), "0.460 KiB");
    }

    #[test]
    fn a_ratio_has_the_multiplication_sign() {
        assert_eq!(
            [1.0, 1.234, 9.996, 12.34, 1234.5].map(ratio),
            ["1.00×", "1.23×", "10.0×", "12.3×", "1,234×"]
        );
    }

    #[test]
    fn a_value_is_written_in_the_form_of_its_unit() {
        let written = ["ns/op", "bytes", "1/op", "×", "turns"].map(|unit| in_unit(unit, 2.0));
        assert_eq!(written, ["2.00 ns", "2.00 B", "2.00", "2.00×", "2.00 turns"]);
        let estimate = Estimate { value: 1.234, low: 1.2, high: 1.3 };
        assert_eq!(interval_in_unit("×", &estimate), "[1.20, 1.30]");
        let measured = Metric::Measured { unit: "×".to_owned(), estimate, blocks: Vec::new() };
        assert_eq!(metric(&measured), "1.23× [1.20, 1.30]");
    }

    #[test]
    fn an_interval_has_the_unit_and_the_decimals_of_its_value() {
        let estimate = Estimate { value: 998.0, low: 985.4, high: 1_012.0 };
        assert_eq!(with_interval(&estimate, TIME), "998 ns [985, 1,012]");
        let estimate = Estimate { value: 1.02, low: 0.971, high: 1.0699 };
        assert_eq!(ratio_with_interval(&estimate), "1.02× [0.97, 1.07]");
    }

    #[test]
    fn a_figure_may_be_below_zero() {
        assert_eq!(ns(-1_234.0), "-1.23 µs");
        assert_eq!(separated("-123456.5"), "-123,456.5");
    }

    #[test]
    fn memory_is_counted_in_powers_of_two() {
        assert_eq!([512.0, 2048.0, 3.5 * 1048576.0].map(bytes), ["512 B", "2.00 KiB", "3.50 MiB"]);
    }

    #[test]
    fn whole_numbers_have_separators() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "thread"), counted(5, "block")], ["1 thread", "5 blocks"]);
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
