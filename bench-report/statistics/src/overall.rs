//! Ranks lanes over several comparisons.
//!
//! The best mean is picked from the same figures that the others are then compared with, as within one
//! comparison. So a lane is called behind with the confidence of an order, corrected for the number of lanes.

use super::{
    estimate::{Mean, exponential},
    scatter::Comparison,
    standings::CONFIDENCE_OF_ORDER,
};
use results::{Estimate, LEVEL, Place};

/// The standing of a lane over several comparisons.
#[derive(Clone, Debug, PartialEq)]
pub struct Overall {
    /// The relation of its mean to the best mean.
    pub place: Place,
    /// The geometric mean of its ratios to each lane, itself included, with its 95 % interval.
    pub ratios: Vec<Estimate>,
    /// The lanes that it is surely behind.
    pub behind: Vec<usize>,
}

/// Returns the standing of each of the lanes of several comparisons, smaller figures being better. Each comparison is given with
/// the places of the lanes in it, in the same order.
///
/// `raced` counts the lanes that were to be raced, including those that were not measured everywhere: a lane
/// that fails must not make the claims about the others any bolder. Differences below the ratio `floor` are
/// level.
///
/// # Panics
///
/// If a comparison does not have such a lane, or has fewer lanes than another.
pub fn overall(comparisons: &[(&Comparison, Vec<usize>)], raced: usize, floor: f64) -> Vec<Overall> {
    let lanes = comparisons.first().map_or(0, |(_, lanes)| lanes.len());
    let best = (0..lanes).min_by(|&one, &other| {
        // The sum of the logarithms of its ratios to the first lane, whichever that is.
        let sum = |lane: usize| {
            comparisons
                .iter()
                .map(|(comparison, lanes)| comparison.difference(lanes[lane], lanes[0]).value)
                .sum::<f64>()
        };
        sum(one).total_cmp(&sum(other))
    });
    let others = raced.max(lanes).saturating_sub(1);
    (0..lanes)
        .map(|lane| {
            let ratios: Vec<Mean> = (0..lanes).map(|reference| ratio(comparisons, lane, reference)).collect();
            let place = match best {
                Some(best) if best != lane => place(&ratios[best], others, floor),
                _ => Place::Best,
            };
            let is_behind = |&other: &usize| other != lane && is_behind(&ratios[other], others, floor);
            Overall {
                place,
                behind: (0..lanes).filter(is_behind).collect(),
                ratios: ratios.iter().map(|ratio| exponential(ratio.estimate())).collect(),
            }
        })
        .collect()
}

/// Returns the logarithm of the geometric mean of a lane's ratios to another, in which all comparisons weigh the same.
///
/// Each comparison keeps a variance of its own, because comparisons share a question but not their scatter
/// (Welch 1947, Satterthwaite 1946).
fn ratio(comparisons: &[(&Comparison, Vec<usize>)], lane: usize, reference: usize) -> Mean {
    let weight = 1.0 / comparisons.len() as f64;
    let terms = comparisons
        .iter()
        .map(|(comparison, lanes)| (weight, comparison.difference(lanes[lane], lanes[reference])));
    Mean::of_combination(&terms.collect::<Vec<_>>())
}

/// Judges a lane that is not the best by its ratio to the best, which is compared with `others` lanes.
fn place(ratio: &Mean, others: usize, floor: f64) -> Place {
    if is_behind(ratio, others, floor) {
        Place::Behind
    } else if ratio.estimate().high <= floor.max(LEVEL).ln() {
        Place::Level
    } else {
        Place::Undecided
    }
}

/// Tells whether a lane with this ratio to another is surely behind it, if it is compared with `others` lanes.
fn is_behind(ratio: &Mean, others: usize, floor: f64) -> bool {
    let tail = (1.0 - CONFIDENCE_OF_ORDER) / 2.0 / others.max(1) as f64;
    2.0 * ratio.value - ratio.beyond(tail) > floor.max(1.0).ln()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{scatter::Scatter, simulation::Simulation},
        *,
    };

    /// Judges lanes that are given as a figure per block and comparison.
    fn overall(lanes: &[Vec<&[f64]>], raced: usize, floor: f64) -> Vec<Overall> {
        let comparisons = lanes.first().map_or(0, Vec::len);
        let of = |comparison: usize| lanes.iter().map(|lane| lane[comparison]).collect::<Vec<_>>();
        let compared = (0..comparisons).map(|comparison| Scatter::unknown().compare(&of(comparison)));
        let compared: Vec<Comparison> = compared.collect();
        let all: Vec<_> =
            compared.iter().map(|comparison| (comparison, (0..lanes.len()).collect())).collect();
        super::overall(&all, raced, floor)
    }

    /// The number of blocks of each of six comparisons.
    const BLOCKS: [usize; 6] = [3, 6, 4, 3, 5, 3];

    /// Returns the places of lanes with the given figures in a run over six comparisons.
    fn run(figures: &[f64], simulation: &mut Simulation) -> Vec<Place> {
        let mut lane = |&figure: &f64| BLOCKS.map(|blocks| simulation.blocks(figure, blocks));
        let lanes: Vec<_> = figures.iter().map(&mut lane).collect();
        let lanes: Vec<Vec<&[f64]>> =
            lanes.iter().map(|lane| lane.iter().map(Vec::as_slice).collect()).collect();
        overall(&lanes, lanes.len(), 1.0).iter().map(|lane| lane.place).collect()
    }

    #[test]
    fn one_of_five_identical_lanes_is_called_behind_in_no_more_than_5_percent_of_runs() {
        let mut simulation = Simulation::with_seed(14);
        let runs = (0..600).filter(|_| run(&[50.0; 5], &mut simulation).contains(&Place::Behind)).count();
        assert!(runs <= 30, "{runs} of 600 runs call identical lanes different");
    }

    /// Returns a comparison of five identical lanes, with blocks added until it is settled.
    fn settled(simulation: &mut Simulation) -> Vec<Vec<f64>> {
        let mut lanes: Vec<Vec<f64>> = (0..5).map(|_| simulation.blocks(50.0, 3)).collect();
        let is_open = |lanes: &[Vec<f64>]| {
            let lanes: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
            let standings = Scatter::unknown().compare(&lanes).standings(&[0, 1, 2, 3, 4], 5, 1.0);
            standings.iter().any(|standing| standing.undecided)
        };
        while lanes[0].len() < 10 && is_open(&lanes) {
            lanes.iter_mut().for_each(|lane| lane.push(simulation.block(50.0, 1.0)));
        }
        lanes
    }

    #[test]
    fn identical_lanes_are_as_seldom_called_behind_where_blocks_are_added_until_comparisons_are_settled() {
        let mut simulation = Simulation::with_seed(16);
        let is_behind = |_: &usize| {
            let comparisons: Vec<Vec<Vec<f64>>> = (0..6).map(|_| settled(&mut simulation)).collect();
            let lane = |lane: usize| comparisons.iter().map(|lanes| &lanes[lane][..]).collect();
            let lanes: Vec<Vec<&[f64]>> = (0..5).map(lane).collect();
            overall(&lanes, 5, 1.0).iter().any(|lane| lane.place == Place::Behind)
        };
        let runs = (0..300).filter(is_behind).count();
        assert!(runs <= 15, "{runs} of 300 runs call identical lanes different");
    }

    #[test]
    fn a_lane_that_takes_half_as_long_again_is_behind_nearly_always() {
        let mut simulation = Simulation::with_seed(15);
        let behind = |places: Vec<Place>| places.iter().position(|&place| place == Place::Behind) == Some(4);
        let figures = [50.0, 50.0, 50.0, 50.0, 75.0];
        let runs = (0..200).filter(|_| behind(run(&figures, &mut simulation))).count();
        assert!(runs >= 196, "{runs} of 200 runs");
    }

    /// Returns the place of a lane with these ratios to the best in two comparisons.
    fn place_of(ratios: [f64; 3], raced: usize, floor: f64) -> Place {
        let steady: Vec<&[f64]> = vec![&[1.0; 3]; 2];
        overall(&[steady, vec![&ratios; 2]], raced, floor)[1].place
    }

    #[test]
    fn a_lane_is_behind_or_level_or_neither_is_known() {
        assert_eq!(place_of([1.5, 1.51, 1.49], 2, 1.0), Place::Behind);
        assert_eq!(place_of([1.02, 1.0, 1.01], 2, 1.0), Place::Level);
        assert_eq!(place_of([1.4, 1.0, 1.2], 2, 1.0), Place::Undecided);
    }

    #[test]
    fn what_differs_by_less_than_the_noise_floor_is_level() {
        assert_eq!(place_of([1.2, 1.21, 1.19], 2, 1.0), Place::Behind);
        assert_eq!(place_of([1.2, 1.21, 1.19], 2, 1.3), Place::Level);
        assert_eq!(place_of([1.2, 1.21, 1.19], 2, 1.2), Place::Undecided);
        assert_eq!(place_of([1.2, 1.21, 1.19], 2, 0.5), Place::Behind, "a floor below 1 is none");
    }

    #[test]
    fn the_more_lanes_race_the_surer_one_has_to_be_behind() {
        assert_eq!(place_of([1.3, 1.0, 1.25], 2, 1.0), Place::Undecided);
        assert_eq!(place_of([1.1, 1.13, 1.16], 2, 1.0), Place::Behind);
        assert_eq!(place_of([1.1, 1.13, 1.16], 40, 1.0), Place::Undecided);
    }

    #[test]
    fn each_lane_has_its_ratio_to_each() {
        let [one, two, four] = [1.0, 2.0, 4.0].map(|figure| vec![figure; 3]);
        // Twice as slow in one comparison and four times in the other: between the two in the mean.
        let lanes: [Vec<&[f64]>; 2] = [vec![&one, &one], vec![&two, &four]];
        let lanes = overall(&lanes, 2, 1.0);
        assert_eq!([lanes[0].place, lanes[1].place], [Place::Best, Place::Behind]);
        let ratios = lanes.iter().flat_map(|lane| &lane.ratios).map(|ratio| ratio.value);
        for (ratio, expected) in ratios.zip([1.0, 8f64.sqrt().recip(), 8f64.sqrt(), 1.0]) {
            assert!((ratio - expected).abs() < 1e-9, "{ratio} and not {expected}");
        }
    }

    #[test]
    fn the_mean_covers_the_truth_though_the_blocks_of_comparisons_differ_in_number() {
        let mut simulation = Simulation::with_seed(10);
        let covered = (0..2_000).filter(|_| {
            let lane = |truth: f64, simulation: &mut Simulation| -> Vec<Vec<f64>> {
                BLOCKS.iter().map(|&blocks| simulation.blocks(truth, blocks)).collect()
            };
            let lanes = [lane(1.0, &mut simulation), lane(1.2, &mut simulation)];
            let lanes: Vec<Vec<&[f64]>> =
                lanes.iter().map(|lane| lane.iter().map(Vec::as_slice).collect()).collect();
            let Estimate { low, high, .. } = overall(&lanes, 2, 1.0)[1].ratios[0];
            (low..=high).contains(&1.2)
        });
        let covered = covered.count();
        assert!((1_860..=1_940).contains(&covered), "covers {covered} of 2,000");
    }

    #[test]
    fn one_lane_is_the_best_and_without_lanes_there_is_none() {
        let one = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        let alone: [Vec<&[f64]>; 1] = [vec![&[5.0, 6.0]]];
        assert_eq!(
            overall(&alone, 1, 1.0),
            [Overall { place: Place::Best, ratios: vec![one], behind: Vec::new() }]
        );
        assert_eq!(overall(&[], 3, 1.0), []);
    }
}
