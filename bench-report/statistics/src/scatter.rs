//! Learns from a whole run how much the figures of each comparison may scatter.
//!
//! Three blocks know little of their own scatter, and Student's t makes up for that with wide intervals. But the lanes of
//! one comparison meet the same work and the same machine, and scatter much alike. So the variance of each pair of lanes is
//! moderated: drawn towards what is typical of its comparison, as far as the run shows that pairs are alike there. The idea
//! is that of Smyth (2004, "Linear models and empirical Bayes methods"); there genes are what pairs of lanes are here. Where
//! lanes differ a lot in their scatter little is learned, and the intervals stay as wide as they were.

use results::Estimate;
use statrs::function::gamma::digamma;

use super::estimate::{CONFIDENCE, Mean, exponential, logarithms};

/// Holds the knowledge that a run gives of its own scatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    /// The variance of the logarithms of true variances, within a comparison: it is zero if all its pairs scatter alike.
    within: f64,
    /// Smaller variances are taken for this one: clocks that tick slowly make them.
    least: f64,
}

/// The differences of the logarithms of the lanes of one comparison, paired by block, with moderated standard errors.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// By lane and reference.
    differences: Vec<Vec<Mean>>,
    /// The reach of the interval that is typical of the pairs.
    typical_reach: f64,
}

/// The variances of the differences between the lanes of one comparison.
struct Variances {
    /// By lane and reference.
    of_pairs: Vec<Vec<f64>>,
    degrees_of_freedom: f64,
}

/// A part of the median variance below which none is believed, as in limma's `fitFDist`.
const LEAST_PART: f64 = 1e-5;

impl Scatter {
    /// Learns from the comparisons of a run, each given as a figure above zero per block for every lane.
    ///
    /// Comparisons with fewer than four lanes or two blocks teach nothing. It takes time in proportion to the pairs of lanes.
    ///
    /// # Panics
    ///
    /// If the lanes of a comparison differ in their number of blocks.
    pub fn of(comparisons: &[Vec<&[f64]>]) -> Scatter {
        let comparisons = comparisons.iter().map(|lanes| lanes.iter().map(|lane| logarithms(lane)).collect());
        let comparisons = comparisons.filter_map(|lanes: Vec<Vec<f64>>| Variances::of(&lanes));
        let comparisons: Vec<Variances> = comparisons.collect();
        let mut all: Vec<f64> = comparisons.iter().flat_map(Variances::each).collect();
        all.sort_by(f64::total_cmp);
        let least = all.get(all.len() / 2).map_or(0.0, |median| median * LEAST_PART);
        if least <= 0.0 {
            return Scatter::unknown();
        }
        let (mut weights, mut sum) = (0.0, 0.0);
        for (excess, _, weight) in comparisons.iter().filter_map(|comparison| comparison.excess(least)) {
            weights += weight;
            sum += weight * excess;
        }
        // Where no comparison has lanes enough to tell, nothing is believed to be alike.
        let within = if weights > 0.0 { sum / weights } else { f64::INFINITY };
        Scatter { within, least }
    }

    /// Returns the scatter of which nothing is known: each pair keeps its own.
    pub fn unknown() -> Scatter {
        Scatter { within: f64::INFINITY, least: 0.0 }
    }

    /// Compares lanes that are given as a figure above zero per block.
    ///
    /// # Panics
    ///
    /// If the lanes differ in their number of blocks, or have fewer than two.
    pub fn compare(&self, lanes: &[&[f64]]) -> Comparison {
        let lanes: Vec<Vec<f64>> = lanes.iter().map(|lane| logarithms(lane)).collect();
        let of_lane = |lane: &Vec<f64>| lanes.iter().map(|other| difference(lane, other)).collect();
        let mut differences: Vec<Vec<Mean>> = lanes.iter().map(of_lane).collect();
        let Some(variances) = Variances::of(&lanes) else {
            return Comparison { differences, typical_reach: 0.0 };
        };
        let blocks = variances.degrees_of_freedom + 1.0;
        let typical = variances.typical(self.least);
        let (prior, worth) = self.prior(&variances, typical);
        // A lane does not differ from itself, whatever the others do.
        let pairs = differences.iter_mut().enumerate().flat_map(|(lane, differences)| {
            differences.iter_mut().enumerate().filter(move |(other, _)| *other != lane)
        });
        for (_, mean) in pairs.filter(|_| worth > 0.0) {
            let own = mean.degrees_of_freedom;
            let variance = mean.standard_error.powi(2) * blocks;
            let moderated = (own * variance + worth * prior) / (own + worth);
            mean.standard_error = (moderated / blocks).sqrt();
            mean.degrees_of_freedom = own + worth;
        }
        let typical = Mean {
            value: 0.0,
            standard_error: (typical / blocks).sqrt(),
            degrees_of_freedom: variances.degrees_of_freedom + worth,
        };
        Comparison { differences, typical_reach: reach(&typical) }
    }

    /// Returns the variance that a pair is expected to have beforehand, and the degrees of freedom that this is worth.
    fn prior(&self, variances: &Variances, typical: f64) -> (f64, f64) {
        if !self.within.is_finite() {
            return (typical, 0.0);
        }
        // A comparison whose pairs differ more than those of the run do, by more than chance, learns less.
        let own = variances.excess(self.least).map_or(0.0, |(excess, error, _)| excess - error);
        let worth = worth(self.within.max(own));
        // Smyth's location is lower than the geometric mean by this factor, if true variances have the shape that he assumes.
        // Half of it, in logarithms, is where no shape that is simulated below leaves 93 to 97 %.
        let half = worth / 2.0;
        let prior = typical * ((digamma(half) - half.ln()) / 2.0).exp();
        (prior, worth.min(variances.worth()))
    }
}

impl Comparison {
    /// Returns the ratio of a lane to a reference, with its 95 % interval.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn ratio(&self, lane: usize, reference: usize) -> Estimate {
        exponential(self.differences[lane][reference].estimate())
    }

    /// Returns the reach that is typical of the interval of such a ratio: from its logarithm to that of an end.
    pub fn typical_reach(&self) -> f64 {
        self.typical_reach
    }

    /// Returns the difference of two lanes as a part of the reach of its 95 % interval, a million at most: of identical lanes it
    /// lies beyond 1 in one case of twenty.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn in_reaches(&self, lane: usize, reference: usize) -> f64 {
        let mean = self.differences[lane][reference];
        /// Without scatter any difference is infinitely many, which is no number to go on with.
        const MOST: f64 = 1e6;
        if mean.value == 0.0 { 0.0 } else { (mean.value / reach(&mean)).clamp(-MOST, MOST) }
    }

    /// Returns the logarithm of the ratio of a lane to a reference.
    pub(crate) fn difference(&self, lane: usize, reference: usize) -> Mean {
        self.differences[lane][reference]
    }
}

/// Returns the reach of the 95 % interval of a mean.
fn reach(mean: &Mean) -> f64 {
    mean.beyond((1.0 - CONFIDENCE) / 2.0) - mean.value
}

impl Variances {
    /// Computes the variances of lanes that are given as logarithms; `None` if there are fewer than two lanes or blocks.
    fn of(lanes: &[Vec<f64>]) -> Option<Variances> {
        let blocks = lanes.first()?.len();
        if lanes.len() < 2 || blocks < 2 {
            return None;
        }
        let variance = |lane: &Vec<f64>, other| {
            let mean = difference(lane, other);
            mean.standard_error.powi(2) * blocks as f64
        };
        let of_lane = |lane| lanes.iter().map(|other| variance(lane, other)).collect();
        let of_pairs = lanes.iter().map(of_lane).collect();
        Some(Variances { of_pairs, degrees_of_freedom: blocks as f64 - 1.0 })
    }

    fn lanes(&self) -> usize {
        self.of_pairs.len()
    }

    /// Returns the variance of each pair.
    fn each(&self) -> impl Iterator<Item = f64> {
        self.of_pairs.iter().enumerate().flat_map(|(lane, variances)| variances[..lane].iter().copied())
    }

    /// Returns the typical variance: the geometric mean, without the bias that the logarithm of an estimate has.
    fn typical(&self, least: f64) -> f64 {
        let logarithms = self.each().map(|variance| variance.max(least).ln());
        let mean = logarithms.sum::<f64>() / self.each().count() as f64;
        let half = self.degrees_of_freedom / 2.0;
        (mean - digamma(half) + half.ln()).exp()
    }

    /// Returns the degrees of freedom that the other lanes of the comparison add to those of a pair, if all are alike.
    fn worth(&self) -> f64 {
        // A mean of logarithms has the variance of one by their number, and 2/d is that of a variance of d degrees.
        (self.lanes() as f64 - 2.0) * 2.0 / trigamma(self.degrees_of_freedom / 2.0)
    }

    /// Returns how much more the variances of pairs differ than they would by chance, as the variance of their logarithms,
    /// with its standard error and its weight; `None` if there are too few lanes to tell.
    ///
    /// Pairs that share a lane are not independent. So the lanes meet as in a tournament, each with each other once, and the
    /// variance is taken within each round, in which no lane is in two pairs.
    fn excess(&self, least: f64) -> Option<(f64, f64, f64)> {
        let pairs = self.lanes() / 2;
        if pairs < 2 {
            return None;
        }
        let rounds = rounds_of_a_tournament(self.lanes());
        let of_rounds = rounds.iter().map(|round| {
            let logarithm = |&(lane, other): &(usize, usize)| self.of_pairs[lane][other].max(least).ln();
            variance(&round.iter().map(logarithm).collect::<Vec<_>>())
        });
        let mean = of_rounds.sum::<f64>() / rounds.len() as f64;
        let half = self.degrees_of_freedom / 2.0;
        let (by_chance, fourth) = (trigamma(half), polygamma(3, half));
        let weight = pairs as f64 - 1.0;
        // The error of one round; their mean has a smaller one, but they are not independent.
        let error = (2.0 * by_chance.powi(2) / weight + fourth / pairs as f64).sqrt();
        Some((mean - by_chance, error, weight))
    }
}

/// Returns the difference of two logarithms, paired by block.
fn difference(lane: &[f64], reference: &[f64]) -> Mean {
    assert_eq!(lane.len(), reference.len(), "ratios are paired by block");
    Mean::of(&lane.iter().zip(reference).map(|(lane, reference)| lane - reference).collect::<Vec<_>>())
}

fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)
}

/// Returns the pairs of each round of a tournament in which each player meets each other once (the circle method); with an
/// odd number, one pauses in each round.
fn rounds_of_a_tournament(players: usize) -> Vec<Vec<(usize, usize)>> {
    let seats = players.next_multiple_of(2);
    let turning = seats - 1;
    let round = |round: usize| {
        let seat = |place: usize| (round + place) % turning;
        let pairs = (1..seats / 2).map(|place| (seat(place), seat(turning - place)));
        let pairs = pairs.chain([(seat(0), turning)]);
        pairs.filter(|&(one, other)| one < players && other < players).collect()
    };
    (0..turning).map(round).collect()
}

/// Returns the degrees of freedom of a scaled inverse chi-squared distribution whose logarithm has this variance.
fn worth(variance: f64) -> f64 {
    /// More makes no difference.
    const MOST: f64 = 1e3;
    if variance <= trigamma(MOST / 2.0) {
        return MOST;
    }
    // Trigamma falls from infinity to zero: the place where it has the value is between these.
    let (mut low, mut high) = (1e-9, MOST / 2.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if trigamma(middle) > variance { low = middle } else { high = middle }
    }
    2.0 * high
}

/// Returns the derivative of the digamma function at a place above zero.
fn trigamma(place: f64) -> f64 {
    polygamma(1, place)
}

/// Returns the derivative of digamma of an odd order, 1 or 3, at a place above zero.
///
/// It goes up to where the asymptotic series is exact enough, by recurrence (Abramowitz and Stegun 1964, 6.4.6 and 6.4.11).
fn polygamma(order: i32, place: f64) -> f64 {
    let factorial = if order == 1 { 1.0 } else { 6.0 };
    let (mut place, mut sum) = (place, 0.0);
    while place < 20.0 {
        sum += factorial / place.powi(order + 1);
        place += 1.0;
    }
    let series = match order {
        1 => 1.0 / place + 0.5 / place.powi(2) + 1.0 / (6.0 * place.powi(3)) - 1.0 / (30.0 * place.powi(5)),
        _ => 2.0 / place.powi(3) + 3.0 / place.powi(4) + 2.0 / place.powi(5) - 1.0 / place.powi(7),
    };
    sum + series
}

#[cfg(test)]
mod tests {
    use super::{
        super::simulation::{Pattern, Simulation},
        *,
    };

    /// A way to learn from the comparisons of a run.
    type Learn<'a> = &'a dyn Fn(&[Vec<&[f64]>]) -> Scatter;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-6 * right.abs().max(1e-6)
    }

    /// Returns the share of ratios to the first lane whose interval holds the truth, in runs of 20 comparisons of six lanes.
    fn coverage(simulation: &mut Simulation, pattern: Pattern, blocks: usize, learn: Learn<'_>) -> f64 {
        let truths = [1.0, 1.0, 1.05, 1.2, 2.0, 4.0];
        let (mut covered, mut all) = (0, 0);
        for _ in 0..40 {
            let figures = simulation.run(pattern, 20, &truths).blocks(blocks);
            let lanes = figures.iter().map(|lanes| lanes.iter().map(Vec::as_slice).collect());
            let lanes: Vec<Vec<&[f64]>> = lanes.collect();
            let scatter = learn(&lanes);
            for lanes in &lanes {
                let comparison = scatter.compare(lanes);
                for (lane, truth) in truths.iter().enumerate().skip(1) {
                    let Estimate { low, high, .. } = comparison.ratio(lane, 0);
                    covered += usize::from((low..=high).contains(truth));
                    all += 1;
                }
            }
        }
        f64::from(u32::try_from(covered).unwrap()) / f64::from(all)
    }

    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say_however_processes_scatter() {
        let mut simulation = Simulation::with_seed(17);
        for pattern in Pattern::ALL {
            for blocks in [2, 3, 4, 5, 7, 10, 20] {
                let coverage = coverage(&mut simulation, pattern, blocks, &Scatter::of);
                // Of two blocks, those of a quick run, too little is learned to be less careful.
                let most = if blocks == 2 { 0.985 } else { 0.97 };
                assert!((0.93..=most).contains(&coverage), "{pattern:?}, {blocks} blocks: {coverage}");
            }
        }
    }

    #[test]
    fn a_prior_that_is_too_sure_would_cover_lanes_that_differ_in_their_scatter_less_often() {
        let too_sure = |lanes: &[Vec<&[f64]>]| Scatter { within: 0.0, ..Scatter::of(lanes) };
        let of = |learn: Learn<'_>| coverage(&mut Simulation::with_seed(18), Pattern::Unlike, 3, learn);
        let (learned, too_sure) = (of(&Scatter::of), of(&too_sure));
        assert!(too_sure < learned - 0.01, "{too_sure} {learned}");
    }

    #[test]
    fn what_is_learned_makes_intervals_of_three_blocks_a_third_narrower() {
        let mut simulation = Simulation::with_seed(19);
        let figures = simulation.run(Pattern::Alike, 20, &[1.0; 8]).blocks(3);
        let lanes: Vec<Vec<&[f64]>> =
            figures.iter().map(|lanes| lanes.iter().map(Vec::as_slice).collect()).collect();
        let width = |scatter: Scatter| -> f64 {
            let ratios = lanes.iter().map(|lanes| scatter.compare(lanes).ratio(1, 0));
            ratios.map(|ratio| (ratio.high / ratio.low).ln()).sum()
        };
        let narrower = width(Scatter::of(&lanes)) / width(Scatter::unknown());
        assert!(narrower < 0.67, "{narrower}");
    }

    #[test]
    fn of_two_lanes_nothing_is_learned_and_of_figures_without_scatter_neither() {
        let lanes: [&[f64]; 2] = [&[1.0, 1.1, 1.3], &[2.0, 2.5, 2.1]];
        let learned = Scatter::of(&[lanes.to_vec(), lanes.to_vec()]).compare(&lanes).ratio(1, 0);
        assert_eq!(learned, Scatter::unknown().compare(&lanes).ratio(1, 0));
        assert_eq!(learned, super::super::ratio(lanes[1], lanes[0]));
        let steady = vec![&[1.0, 1.0, 1.0][..]; 6];
        let ratio = Scatter::of(&[steady.clone(), steady.clone()]).compare(&steady).ratio(1, 0);
        assert_eq!(ratio, Estimate { value: 1.0, low: 1.0, high: 1.0 });
    }

    #[test]
    fn in_a_tournament_each_meets_each_other_once_and_nobody_twice_in_a_round() {
        for players in 2..=9 {
            let rounds = rounds_of_a_tournament(players);
            let mut met = Vec::new();
            for round in &rounds {
                let mut seen: Vec<usize> = round.iter().flat_map(|&(one, other)| [one, other]).collect();
                let all = seen.len();
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), all, "{players} players: {round:?}");
                met.extend(round.iter().map(|&(one, other)| (one.min(other), one.max(other))));
            }
            met.sort_unstable();
            met.dedup();
            assert_eq!(met.len(), players * (players - 1) / 2, "{players} players: {rounds:?}");
        }
    }

    #[test]
    fn polygamma_is_that_of_the_tables() {
        // Trigamma of 1 is pi squared / 6, of 1/2 pi squared / 2; the third derivative of 1 is pi to the fourth / 15.
        let pi = std::f64::consts::PI;
        assert!(close(trigamma(1.0), pi.powi(2) / 6.0) && close(trigamma(0.5), pi.powi(2) / 2.0));
        assert!(close(polygamma(3, 1.0), pi.powi(4) / 15.0) && close(polygamma(3, 0.5), pi.powi(4)));
        for degrees in [0.5, 1.0, 3.0, 20.0, 300.0] {
            assert!(close(worth(trigamma(degrees / 2.0)), degrees), "{degrees}");
        }
        assert!(worth(0.0) >= 1e3 && worth(-1.0) >= 1e3 && worth(1e9) < 1e-3);
    }
}
