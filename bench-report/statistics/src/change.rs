//! Decides if a figure has changed between two revisions: regressed, improved, the same, or undecided.
//!
//! The unit is the block, and everything is computed on logarithms, as in the whole [crate]. *Same*
//! needs the plain 95 % interval of the ratio to lie within the margin. *Regressed* and *improved* need two
//! things: a wider interval, corrected for the number of cells and looks (so false alarms stay rare), that
//! excludes 1; and an estimate closer to the margin than to 1.

use results::{Estimate, comparison::Change};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The error rates of the intervals, and the smallest difference that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The margin: 0.05 ignores differences below 5 %.
    pub margin: f64,
    /// The probability that any cell of a comparison raises a false alarm.
    pub false_alarms: f64,
    /// The number of cells that share that probability (Bonferroni).
    pub cells: usize,
}

/// The answer for a cell at the look that decided it, or at the last look so far.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The answer.
    pub change: Change,
    /// The difference that the answer is based on.
    pub difference: Difference,
    /// The number of blocks at this look.
    pub blocks: usize,
}

/// The probability that the plain interval misses the truth: every interval is a 95 % one.
const MISSES: f64 = 0.05;

/// A gate first looks after this many blocks, then each time that their number has doubled.
///
/// Real samples have two modes and are not normal. After 5 and 10 blocks, which may agree by chance, 3 of 10
/// revisions that were 5 % slower were called the same.
pub const FIRST_LOOK: usize = 20;

/// The logarithm of a ratio of two figures, with its standard error.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    logarithm: f64,
    error: f64,
    degrees_of_freedom: f64,
}

impl Difference {
    /// Compares two independent samples (Welch's t).
    ///
    /// Returns `None` if a side has fewer than two values, or a value that is not above zero.
    pub fn of_independent(old: &[f64], new: &[f64]) -> Option<Difference> {
        let [old, new] = [Moments::of(&logarithms(old)?)?, Moments::of(&logarithms(new)?)?];
        let [a, b] = [old.variance / old.count, new.variance / new.count];
        // Without any scatter Welch's formula would divide zero by zero.
        let welch = (a + b).powi(2) / (a.powi(2) / (old.count - 1.0) + b.powi(2) / (new.count - 1.0));
        let degrees_of_freedom = if a + b > 0.0 { welch } else { old.count + new.count - 2.0 };
        Some(Difference { logarithm: new.mean - old.mean, error: (a + b).sqrt(), degrees_of_freedom })
    }

    /// Compares `new` with `old`, paired by block: an influence on both in one block cancels out.
    ///
    /// Returns `None` if there are fewer than two blocks, if the sides differ in length, or if a value is not
    /// above zero.
    pub fn of_pairs(old: &[f64], new: &[f64]) -> Option<Difference> {
        if old.len() != new.len() {
            return None;
        }
        let [old, new] = [logarithms(old)?, logarithms(new)?];
        let differences: Vec<f64> = new.iter().zip(&old).map(|(new, old)| new - old).collect();
        let Moments { count, mean, variance } = Moments::of(&differences)?;
        Some(Difference {
            logarithm: mean,
            error: (variance / count).sqrt(),
            degrees_of_freedom: count - 1.0,
        })
    }

    /// Returns the ratio new/old with an interval that misses the truth with the probability `misses`.
    pub fn ratio(&self, misses: f64) -> Estimate {
        let distribution = StudentsT::new(0.0, 1.0, self.degrees_of_freedom);
        let distribution = distribution.expect("there are degrees of freedom");
        let reach = distribution.inverse_cdf(1.0 - misses / 2.0) * self.error;
        let Difference { logarithm, .. } = self;
        Estimate { value: logarithm.exp(), low: (logarithm - reach).exp(), high: (logarithm + reach).exp() }
    }

    /// Returns the ratio new/old with its 95 % interval.
    pub fn plain_ratio(&self) -> Estimate {
        self.ratio(MISSES)
    }
}

impl Rules {
    /// Judges a cell that is looked at once.
    pub fn judge(&self, difference: &Difference) -> Change {
        self.judge_with(difference, self.false_alarms / self.cells.max(1) as f64)
    }

    /// Judges a cell whose blocks arrive one after the other, in pairs; `None` if they cannot be compared.
    ///
    /// The cell is looked at after 20 blocks, and each time that their number has doubled; the first look
    /// that decides is the last. Once the time is over, it is looked at one last time. The first look may
    /// spend half of the probability of a false alarm, and each further look half of what is left, so that
    /// all looks together stay within it.
    pub fn judge_pairs(&self, old: &[f64], new: &[f64], is_over: bool) -> Option<Look> {
        let blocks = old.len();
        let mut looks: Vec<usize> = looks().take_while(|&due| due <= blocks).collect();
        if is_over && looks.last() != Some(&blocks) {
            looks.push(blocks);
        }
        let mut last = None;
        for (index, &blocks) in looks.iter().enumerate() {
            let difference = Difference::of_pairs(&old[..blocks], new.get(..blocks)?)?;
            let share = 0.5_f64.powi(index as i32 + 1);
            let change = self.judge_with(&difference, self.false_alarms * share / self.cells.max(1) as f64);
            last = Some(Look { change, difference, blocks });
            if change != Change::Undecided {
                break;
            }
        }
        last
    }

    fn judge_with(&self, difference: &Difference, misses: f64) -> Change {
        let plain = difference.plain_ratio();
        let wide = difference.ratio(misses.min(MISSES));
        let margin = 1.0 + self.margin;
        // A few blocks may agree by chance, but rarely on a difference that matters.
        let matters = difference.logarithm.abs() > margin.ln() / 2.0;
        if plain.low >= 1.0 / margin && plain.high <= margin {
            Change::Same
        } else if wide.low > 1.0 && matters {
            Change::Regressed
        } else if wide.high < 1.0 && matters {
            Change::Improved
        } else {
            Change::Undecided
        }
    }
}

/// Returns the number of blocks until the next look.
pub fn to_next_look(blocks: usize) -> usize {
    looks().find(|&due| due > blocks).map_or(0, |due| due - blocks)
}

/// Lists the numbers of blocks after which a cell is looked at.
fn looks() -> impl Iterator<Item = usize> {
    (0..32).map(|doubled| FIRST_LOOK << doubled)
}

/// The count, the mean and the variance of some values.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Option<Moments> {
        if values.len() < 2 {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Some(Moments { count, mean, variance })
    }
}

fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|&value| (value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// The scatter between processes, and the scatter of samples that is left within one.
    const BETWEEN: f64 = 0.03;
    const WITHIN: f64 = 0.01;

    /// The share of gates that may raise a false alarm, as the command has it.
    const FALSE_ALARMS: f64 = 0.01;

    /// Returns the sum of twelve uniform numbers, which is normal enough.
    fn normal(random: &mut Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    /// Returns the value of a block: the midmean of ten samples of one process.
    fn block(random: &mut Rng, truth: f64) -> f64 {
        let process = BETWEEN * normal(random);
        let samples: Vec<f64> = (0..10).map(|_| truth * (process + WITHIN * normal(random)).exp()).collect();
        crate::midmean(&samples)
    }

    fn blocks(random: &mut Rng, count: usize, truth: f64) -> Vec<f64> {
        (0..count).map(|_| block(random, truth)).collect()
    }

    /// Counts the answers of 1,000 cells, compared between two runs of `count` blocks each of which the
    /// second takes `factor` times as long.
    fn compared(count: usize, factor: f64) -> impl Fn(Change) -> usize {
        let mut random = Rng::with_seed(4);
        let rules = Rules { margin: 0.05, false_alarms: 0.05, cells: 6 };
        let answers = (0..1_000).map(|_| {
            let [old, new] = [1.0, factor].map(|truth| blocks(&mut random, count, truth * 70.0));
            rules.judge(&Difference::of_independent(&old, &new).expect("there are blocks"))
        });
        let answers: Vec<Change> = answers.collect();
        move |change| answers.iter().filter(|&&answer| answer == change).count()
    }

    #[test]
    fn of_two_runs_a_fifth_more_is_found_and_nothing_is_seldom_called_something() {
        let slower = compared(5, 1.2);
        assert!(slower(Change::Regressed) >= 950, "{} of 1,000", slower(Change::Regressed));
        assert_eq!(slower(Change::Same) + slower(Change::Improved), 0);
        let faster = compared(5, 1.0 / 1.2);
        assert!(faster(Change::Improved) >= 950, "{} of 1,000", faster(Change::Improved));
        for count in [5, 10, 20] {
            let nothing = compared(count, 1.0);
            // A share of 1/6 of 5 % in each cell, in both directions.
            let alarms = nothing(Change::Regressed) + nothing(Change::Improved);
            assert!(alarms <= 20, "{count} blocks: {alarms} false alarms in 1,000 cells");
        }
    }

    #[test]
    fn few_blocks_leave_open_what_many_decide() {
        let [few, many] = [5, 30].map(|count| compared(count, 1.0));
        assert!(few(Change::Undecided) > 500, "{}", few(Change::Undecided));
        assert!(many(Change::Same) > 980, "{}", many(Change::Same));
    }

    #[test]
    fn the_intervals_cover_the_truth_as_often_as_they_say() {
        let mut random = Rng::with_seed(5);
        let truth = 1.07;
        for count in [5, 10, 20] {
            let mut covered = [0; 2];
            for _ in 0..2_000 {
                let [old, new] = [1.0, truth].map(|truth| blocks(&mut random, count, truth));
                let differences = [Difference::of_independent(&old, &new), Difference::of_pairs(&old, &new)];
                for (covered, difference) in covered.iter_mut().zip(differences) {
                    let Estimate { low, high, .. } = difference.expect("there are blocks").plain_ratio();
                    *covered += usize::from((low..=high).contains(&truth));
                }
            }
            for covered in covered {
                assert!((1_860..=1_950).contains(&covered), "{count} blocks cover {covered} of 2,000");
            }
        }
    }

    #[test]
    fn welch_is_that_of_a_published_example() {
        // "Welch's t-test" in Wikipedia, the first example: t is 2.46 at 25.0 degrees of freedom.
        let old =
            [27.5_f64, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        let new =
            [27.1_f64, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4];
        let exponentials = |values: &[f64]| values.iter().map(|value| value.exp()).collect::<Vec<_>>();
        let difference = Difference::of_independent(&exponentials(&old), &exponentials(&new));
        let difference = difference.expect("there are values");
        let t = difference.logarithm / difference.error;
        assert!((t - 2.46).abs() < 0.01, "{t}");
        assert!((difference.degrees_of_freedom - 25.0).abs() < 0.1, "{}", difference.degrees_of_freedom);
    }

    #[test]
    fn what_cannot_be_compared_is_no_difference() {
        let two = [1.0, 2.0];
        let rules = Rules { margin: 0.05, false_alarms: 0.05, cells: 1 };
        assert!(rules.judge_pairs(&[1.0; 5], &[0.0; 5], true).is_none());
        assert!(rules.judge_pairs(&[1.0; 5], &[1.0; 3], true).is_none());
        for bad in [&[][..], &[1.0], &[1.0, 0.0], &[1.0, -1.0], &[1.0, f64::INFINITY]] {
            assert!(Difference::of_independent(&two, bad).is_none(), "{bad:?}");
            assert!(Difference::of_independent(bad, &two).is_none(), "{bad:?}");
            assert!(Difference::of_pairs(&two, bad).is_none(), "{bad:?}");
        }
        assert!(Difference::of_pairs(&two, &[1.0, 2.0, 3.0]).is_none());
    }

    #[test]
    fn values_that_do_not_scatter_are_judged_too() {
        let rules = Rules { margin: 0.05, false_alarms: 0.05, cells: 1 };
        let judge = |new: f64| {
            rules.judge(&Difference::of_independent(&[10.0; 5], &[new; 5]).expect("there are blocks"))
        };
        assert_eq!([10.0, 10.4, 10.6, 9.0].map(judge), {
            use Change::{Improved, Regressed, Same};
            [Same, Same, Regressed, Improved]
        });
    }

    #[test]
    fn looks_are_due_when_there_are_twice_as_many_blocks() {
        assert_eq!(looks().take(6).collect::<Vec<_>>(), [20, 40, 80, 160, 320, 640]);
        assert_eq!([0, 19, 20, 159, 160].map(to_next_look), [20, 1, 20, 1, 160]);
        // The values alternate, so that the looks at 20 and 40 blocks are undecided; only the end looks at
        // all 48.
        let rules = Rules { margin: 0.05, false_alarms: 0.05, cells: 1 };
        let new: Vec<f64> = (0..48).map(|block| if block % 2 == 0 { 10.0 } else { 20.0 }).collect();
        let blocks = |is_over| rules.judge_pairs(&[14.0; 48], &new, is_over).map(|look| look.blocks);
        assert_eq!((blocks(false), blocks(true)), (Some(40), Some(48)));
        assert!(rules.judge_pairs(&[1.0; 19], &[1.0; 19], false).is_none(), "it is too early");
    }

    #[test]
    fn what_is_decided_stays_decided() {
        let rules = Rules { margin: 0.05, false_alarms: 0.05, cells: 1 };
        let old = [10.0; 80];
        // At first the same, later slower: the first look was the last.
        let new: Vec<f64> = (0..80).map(|block| if block < 20 { 10.0 } else { 20.0 }).collect();
        let look = rules.judge_pairs(&old, &new, true).expect("there are blocks");
        assert_eq!((look.change, look.blocks), (Change::Same, 20));
    }

    /// Simulates a gate of six cells, of which the first `slower` take 5 % longer, and returns the answers
    /// within 40 blocks.
    fn gate(random: &mut Rng, slower: usize) -> [Change; 6] {
        let rules = Rules { margin: 0.05, false_alarms: FALSE_ALARMS, cells: 6 };
        std::array::from_fn(|cell| {
            let truth = if cell < slower { 1.05 } else { 1.0 };
            let (mut old, mut new) = (Vec::new(), Vec::new());
            for _ in 0..40 {
                // A drift that hits both sides of a block.
                let mood = 1.0 + 0.3 * random.f64();
                old.push(mood * block(random, 70.0));
                new.push(mood * block(random, 70.0 * truth));
            }
            rules.judge_pairs(&old, &new, true).expect("there are blocks").change
        })
    }

    #[test]
    fn a_gate_passes_what_is_the_same_and_catches_a_twentieth() {
        const GATES: usize = 400;
        let mut random = Rng::with_seed(6);
        let mut count = |slower: usize, right: fn([Change; 6]) -> bool| {
            (0..GATES).filter(|_| right(gate(&mut random, slower))).count()
        };
        let passes =
            |cells: [Change; 6]| cells.iter().all(|cell| matches!(cell, Change::Same | Change::Improved));
        let passed = count(0, passes);
        assert!(passed * 100 >= GATES * 95, "{passed} of {GATES} pass without a change");
        for slower in [1, 6] {
            let caught = count(slower, |cells| cells.contains(&Change::Regressed));
            assert!(caught * 100 >= GATES * 90, "{caught} of {GATES} caught with {slower} of 6 cells slower");
        }
    }
}
