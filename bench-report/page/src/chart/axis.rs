//! Log axes: they turn values into places in a chart, and choose the ticks between.

use std::ops::RangeInclusive;

use results::figures::whole;

/// A line of the grid, in the units of a view box.
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
    pub(crate) class: &'static str,
}

/// A log axis. Its ends are logarithms; values beyond an end are drawn at that end.
#[derive(Clone)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

/// The logarithms of the smallest and the largest number, less the margins.
const NUMBERS: (f64, f64) = (-660.0, 660.0);

/// An axis that spans a larger factor than this has ticks at 1, 2 and 5 of each power of ten, or fewer;
/// others have ticks at even steps.
const EVEN_STEPS: f64 = 5.0;

impl Axis {
    /// Makes an axis with room for all of the values above zero. It spans at least from 1 to `least`, so that
    /// noise does not look like a difference.
    pub(super) fn of(values: impl IntoIterator<Item = f64>, least: f64) -> Axis {
        let logarithms = values.into_iter().filter(|&value| value > 0.0).map(|value| clamped(value.ln()));
        let (low, high) = logarithms
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let lacking = (least.ln() - (high - low)).max(0.0) / 2.0;
        let margin = (high - low + 2.0 * lacking) * 0.03;
        Axis { low: low - lacking - margin, high: high + lacking + margin, start: 0.0, end: 1.0 }
    }

    /// Puts the axis between two places of a chart; the first may lie above the second.
    pub(super) fn between(&self, start: f64, end: f64) -> Axis {
        Axis { start, end, ..*self }
    }

    /// Returns the place of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        place(self.exactly(value))
    }

    /// Returns the place of a value to a tenth of a unit, for lines of many small steps.
    pub(super) fn finely(&self, value: f64) -> f64 {
        fine(self.exactly(value))
    }

    fn exactly(&self, value: f64) -> f64 {
        let logarithm = if value > 0.0 { value.ln().clamp(self.low, self.high) } else { self.low };
        self.start + (logarithm - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Returns `true` if a value lies beyond the ends and is drawn at one of them.
    pub(super) fn cuts(&self, value: f64) -> bool {
        value <= 0.0 || !(self.low..=self.high).contains(&value.ln())
    }

    /// Returns ticks as close as their labels allow; `room` is the space that a label takes along the axis.
    pub(super) fn ticks(&self, label: fn(f64) -> String, room: impl Fn(&str) -> f64) -> Vec<Tick> {
        let mut only = Vec::new();
        for values in self.candidates() {
            let mut ticks: Vec<Tick> = values
                .into_iter()
                .map(|value: f64| Tick { at: self.at(value), label: label(value), class: "grid" })
                .collect();
            if ticks.len() > 1 && are_apart(&ticks, &room) {
                return ticks;
            }
            if !ticks.is_empty() {
                ticks.truncate(1);
                only = ticks;
            }
        }
        only
    }

    /// Lists values for ticks, densest first.
    fn candidates(&self) -> Vec<Vec<f64>> {
        let (low, high) = (self.low.exp(), self.high.exp());
        if high / low < EVEN_STEPS { even_steps(low..=high) } else { decades(low..=high) }
    }
}

/// Thins ticks: the last stays, and the others stay if they leave room for it and each other.
pub(super) fn thinned(ticks: Vec<Tick>, room: impl Fn(&str) -> f64) -> Vec<Tick> {
    let mut kept: Vec<Tick> = Vec::new();
    for tick in ticks.into_iter().rev() {
        if kept.last().is_none_or(|next| touch(&tick, next, &room).is_none()) {
            kept.push(tick);
        }
    }
    kept.reverse();
    kept
}

/// Rounds a place: a unit is about a pixel, and a whole number is short to write.
pub(super) fn place(value: f64) -> f64 {
    // Adding zero turns a negative zero, which is written "-0", into a plain one.
    value.round() + 0.0
}

/// Rounds a place to a tenth of a unit.
pub(super) fn fine(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// Writes a time on an axis, given in nanoseconds: `50 µs`.
pub(super) fn time(value: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (size, unit) = units.into_iter().find(|(size, _)| value >= size * 0.999).unwrap_or((1.0, "ns"));
    format!("{} {unit}", plain(value / size))
}

/// Returns the way in which values of this unit are written on an axis: times, or ratios.
pub(super) fn writer(unit: &str) -> fn(f64) -> String {
    if unit == "×" { times } else { time }
}

/// Writes a ratio on an axis: `1.5×`.
pub(super) fn times(value: f64) -> String {
    format!("{}×", plain(value))
}

/// Writes a number on an axis, without the noise of its binary form: `0.2`, `10,000`, `1e9`.
pub(super) fn plain(value: f64) -> String {
    let value = format!("{value:.6e}").parse::<f64>().unwrap_or(value);
    match value {
        _ if !(1e-4..1e7).contains(&value) => format!("{value:e}"),
        _ if value >= 1e3 => whole(value as u64),
        _ => value.to_string(),
    }
}

fn clamped(logarithm: f64) -> f64 {
    logarithm.clamp(NUMBERS.0, NUMBERS.1)
}

fn even_steps(range: RangeInclusive<f64>) -> Vec<Vec<f64>> {
    let (low, high) = range.into_inner();
    let first = (high - low).log10().floor() as i32 - 1;
    let steps = (first..first + 3).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
    steps
        .map(|step: f64| {
            let (first, last) = ((low / step).ceil(), (high / step).floor());
            let many = (last - first).max(-1.0) as i64;
            (0..=many.min(200)).map(|index| (first + index as f64) * step).collect()
        })
        .collect()
}

fn decades(range: RangeInclusive<f64>) -> Vec<Vec<f64>> {
    let powers = range.start().log10().floor() as i32..=range.end().log10().ceil() as i32;
    let at = |digits: &[f64], apart: i32| -> Vec<f64> {
        let powers = powers.clone().filter(|power| power.rem_euclid(apart) == 0);
        let values = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        values.filter(|value| range.contains(value)).collect()
    };
    let dense = [[1.0, 2.0, 5.0].as_slice(), &[1.0, 5.0], &[1.0, 2.0], &[2.0, 5.0], &[1.0]]
        .map(|digits| at(digits, 1));
    let sparse = [2, 3, 5, 10, 20, 50, 100, 200].map(|apart| at(&[1.0], apart));
    dense.into_iter().chain(sparse).collect()
}

fn are_apart(ticks: &[Tick], room: impl Fn(&str) -> f64) -> bool {
    ticks.windows(2).all(|pair| touch(&pair[0], &pair[1], &room).is_none())
}

/// Returns the overlap of two labels, if they come too close to each other.
fn touch(one: &Tick, other: &Tick, room: impl Fn(&str) -> f64) -> Option<f64> {
    let needed = (room(&one.label) + room(&other.label)) / 2.0;
    let gap = (one.at - other.at).abs();
    (gap < needed).then_some(needed - gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges of any kind that results may hold.
    const RANGES: [(f64, f64); 12] = [
        (1.0, 1.0),
        (1.0, 1.02),
        (71.3, 84.9),
        (1.03, 4.4),
        (0.02, 0.09),
        (1.0, 6.0),
        (3.0, 900.0),
        (12.0, 42_438.0),
        (0.5, 3e9),
        (1e-300, 1e300),
        (f64::MIN_POSITIVE, f64::MAX),
        (-5.0, 0.0),
    ];

    fn room(label: &str) -> f64 {
        label.chars().count() as f64 * 7.0 + 8.0
    }

    #[test]
    fn ticks_are_within_the_axis_and_their_labels_apart() {
        for (low, high) in RANGES {
            for (start, end) in [(174.0, 344.0), (150.0, 10.0), (0.0, 40.0)] {
                let axis = Axis::of([low, high], 1.5).between(start, end);
                let ticks = axis.ticks(time, room);
                assert!(!ticks.is_empty(), "{low} to {high}");
                for tick in &ticks {
                    assert!(
                        (start.min(end)..=start.max(end)).contains(&tick.at),
                        "{low} to {high}: {}",
                        tick.at
                    );
                    assert!(!tick.label.contains("NaN") && tick.label.len() < 12, "{}", tick.label);
                }
                for pair in ticks.windows(2) {
                    let gap = (pair[0].at - pair[1].at).abs();
                    let needed = (room(&pair[0].label) + room(&pair[1].label)) / 2.0;
                    assert!(gap >= needed, "{low} to {high}: {} and {}", pair[0].label, pair[1].label);
                }
            }
        }
    }

    #[test]
    fn a_wide_axis_has_several_ticks_and_all_begin_with_1_2_or_5() {
        for (low, high) in [(3.0, 900.0), (12.0, 42_438.0), (1.0, 6.0), (0.5, 3e9)] {
            let ticks = Axis::of([low, high], 1.5).between(0.0, 200.0).ticks(time, room);
            assert!(ticks.len() >= 2, "{low} to {high}");
            for tick in ticks {
                assert!(tick.label.starts_with(['1', '2', '5', '0']), "{}", tick.label);
            }
        }
    }

    #[test]
    fn a_value_that_has_no_logarithm_stands_at_the_low_end() {
        let axis = Axis::of([10.0, 100.0, 0.0, -3.0], 1.5).between(0.0, 100.0);
        assert_eq!([0.0, -3.0, f64::NAN, 1e-9].map(|value| axis.at(value)), [0.0; 4]);
        assert_eq!(axis.at(f64::INFINITY), 100.0);
        assert!(axis.cuts(0.0) && axis.cuts(5.0) && !axis.cuts(50.0));
    }

    #[test]
    fn ticks_are_written_as_people_write_them() {
        assert_eq!(
            [0.5, 200.0, 1_000.0, 2e4, 5e7, 1e9].map(time),
            ["0.5 ns", "200 ns", "1 µs", "20 µs", "50 ms", "1 s"]
        );
        assert_eq!([3.0 * 0.1, 1.1, 20_000.0, 1e9].map(times), ["0.3×", "1.1×", "20,000×", "1e9×"]);
    }

    #[test]
    fn thinned_ticks_keep_the_last_and_do_not_touch() {
        let tick = |at: f64| Tick { at, label: "100,000".to_owned(), class: "grid" };
        let kept = thinned([0.0, 50.0, 60.0, 100.0, 110.0].map(tick).into(), room);
        assert_eq!(kept.iter().map(|tick| tick.at).collect::<Vec<_>>(), [50.0, 110.0]);
    }
}
