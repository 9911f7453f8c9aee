//! Ranks the lanes of one comparison: the leader, the ties, and the undecided.
//!
//! The best lane is picked from the same figures that it is then compared with, so a plain interval of the
//! ratio to it would promise too much. The remedy is multiple comparisons with the best (Hsu 1984; Edwards
//! and Hsu 1983), with Bonferroni's correction instead of a table, because lanes differ in their scatter.

use results::{Estimate, LEVEL};

use super::estimate::{CONFIDENCE, Mean, logarithms, quantile_of_t};

/// The confidence with which a lane is called behind another.
///
/// An interval is about one lane after a number of blocks that was fixed beforehand. The order is asked of
/// all lanes at once, and asked again after each block that is added to settle it. With 95 %, one of five
/// identical lanes would be called behind in 12 % of comparisons; with this confidence in less than 5 %,
/// which a test below simulates.
pub const CONFIDENCE_OF_ORDER: f64 = 0.99;

/// The standing of a lane in its comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Its ratio to the best lane's figure, with a 95 % interval that is corrected for the best being picked
    /// from the same figures. The best lane itself has 1, and an interval that covers how far it may be
    /// behind.
    pub ratio: Estimate,
    /// 1 for the leader and all lanes that tie with it; two that tie are followed by the third.
    pub rank: usize,
    /// `true` if another lane shares the rank.
    pub tied: bool,
    /// `true` if it shares the first rank only because too little is known: it is shown neither to be behind
    /// the leader nor to be level with it.
    pub undecided: bool,
}

/// Returns the standing of each of `lanes`, which are given as a figure per block, smaller being better.
///
/// `raced` counts the lanes that were to be raced, including those that failed: a lane that fails must not
/// make the claims about the others any bolder. Differences below the ratio `floor` tie.
///
/// # Panics
///
/// If the lanes differ in their number of blocks, or have fewer than two.
pub fn standings(lanes: &[&[f64]], raced: usize, floor: f64) -> Vec<Standing> {
    let pairs = Pairs::of(lanes, raced);
    let floor = floor.max(1.0);
    let mut remaining: Vec<usize> = (0..lanes.len()).collect();
    let ratios: Vec<Estimate> = remaining.iter().map(|&lane| pairs.ratio_to_best(lane, &remaining)).collect();
    let mut standings: Vec<Option<Standing>> = vec![None; lanes.len()];
    while let Some(leader) = pairs.best(&remaining) {
        let rank = lanes.len() - remaining.len() + 1;
        let ties = |&lane: &usize| lane == leader || pairs.surely_behind_best(lane, &remaining) <= floor;
        let (group, behind): (Vec<usize>, Vec<usize>) = remaining.iter().partition(|lane| ties(lane));
        for &lane in &group {
            let ratio = ratios[lane];
            let settled = lane == leader || ratio.high <= floor.max(LEVEL);
            let (tied, undecided) = (group.len() > 1, rank == 1 && !settled);
            standings[lane] = Some(Standing { ratio, rank, tied, undecided });
        }
        remaining = behind;
    }
    standings.into_iter().map(|standing| standing.expect("each lane was in one group")).collect()
}

/// The ratios of all lanes to each other, paired by block, and the reach of their intervals.
struct Pairs {
    /// The logarithms, by lane and reference.
    ratios: Vec<Vec<Mean>>,
    /// The t-quantile for upper bounds. It needs no Bonferroni correction: a lane is compared with one true
    /// best.
    up: f64,
    /// The t-quantile for lower bounds, which hold for all other lanes at once.
    down: f64,
    /// The t-quantile for lower bounds with the confidence of an order.
    down_for_order: f64,
}

impl Pairs {
    fn of(lanes: &[&[f64]], raced: usize) -> Pairs {
        let others = raced.max(lanes.len()).max(2) as f64 - 1.0;
        let degrees_of_freedom = lanes.first().map_or(1.0, |blocks| blocks.len() as f64 - 1.0);
        let lanes: Vec<Vec<f64>> = lanes.iter().map(|lane| logarithms(lane)).collect();
        let quantile = |confidence: f64, comparisons: f64| {
            quantile_of_t(degrees_of_freedom, (1.0 - confidence) / 2.0 / comparisons)
        };
        Pairs {
            ratios: lanes
                .iter()
                .map(|lane| lanes.iter().map(|reference| difference(lane, reference)).collect())
                .collect(),
            up: quantile(CONFIDENCE, 1.0),
            down: quantile(CONFIDENCE, others),
            down_for_order: quantile(CONFIDENCE_OF_ORDER, others),
        }
    }

    /// Returns the lane with the smallest estimate.
    fn best(&self, lanes: &[usize]) -> Option<usize> {
        let value = |lane: usize| self.ratios[lane][0].value;
        lanes.iter().copied().min_by(|&one, &other| value(one).total_cmp(&value(other)))
    }

    fn ratio_to_best(&self, lane: usize, lanes: &[usize]) -> Estimate {
        Estimate {
            value: self.largest(lane, lanes, 0.0),
            low: self.largest(lane, lanes, -self.down),
            high: self.largest(lane, lanes, self.up),
        }
    }

    /// Returns the least ratio to the best of `lanes`, with the confidence of an order.
    fn surely_behind_best(&self, lane: usize, lanes: &[usize]) -> f64 {
        self.largest(lane, lanes, -self.down_for_order)
    }

    /// Returns the largest of a lane's ratios to the other `lanes`, each moved by `standard_errors`; at least
    /// 1, because no lane is better than the best.
    fn largest(&self, lane: usize, lanes: &[usize], standard_errors: f64) -> f64 {
        let others = lanes.iter().filter(|&&other| other != lane).map(|&other| self.ratios[lane][other]);
        others.map(|ratio| ratio.value + standard_errors * ratio.standard_error).fold(0.0, f64::max).exp()
    }
}

/// Returns the difference of two logarithms, paired by block.
fn difference(lane: &[f64], reference: &[f64]) -> Mean {
    assert_eq!(lane.len(), reference.len(), "ratios are paired by block");
    Mean::of(&lane.iter().zip(reference).map(|(lane, reference)| lane - reference).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{super::simulation::Simulation, *};

    fn standings_of(lanes: &[Vec<f64>], floor: f64) -> Vec<Standing> {
        let lanes: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
        standings(&lanes, lanes.len(), floor)
    }

    /// Makes lanes of the given figures, with a small scatter that is the same for all.
    fn lanes(figures: &[f64]) -> Vec<Vec<f64>> {
        let lane = |(index, figure): (usize, &f64)| {
            let scatter = |block: usize| 1.0 + 0.001 * ((index * 7 + block * 3) % 5) as f64;
            (0..5).map(|block| figure * scatter(block)).collect()
        };
        figures.iter().enumerate().map(lane).collect()
    }

    fn is_settled(standings: &[Standing]) -> bool {
        standings.iter().all(|standing| !standing.undecided)
    }

    fn ranks(standings: &[Standing]) -> Vec<usize> {
        standings.iter().map(|standing| standing.rank).collect()
    }

    fn tied(standings: &[Standing]) -> Vec<bool> {
        standings.iter().map(|standing| standing.tied).collect()
    }

    #[test]
    fn lanes_that_differ_have_ranks_of_their_own() {
        let standings = standings_of(&lanes(&[3.0, 1.0, 2.0]), 1.0);
        assert_eq!(ranks(&standings), [3, 1, 2]);
        assert_eq!(tied(&standings), [false; 3]);
        assert!(is_settled(&standings));
    }

    #[test]
    fn lanes_that_tie_share_a_rank_and_the_next_one_counts_them() {
        let standings = standings_of(&lanes(&[1.0, 1.0, 2.0, 3.0, 3.0]), 1.0);
        assert_eq!(ranks(&standings), [1, 1, 3, 4, 4]);
        assert_eq!(tied(&standings), [true, true, false, true, true]);
        assert!(is_settled(&standings), "level is settled");
    }

    #[test]
    fn what_differs_by_less_than_the_noise_floor_ties() {
        let figures = lanes(&[1.0, 1.02, 1.2, 1.23]);
        assert_eq!(ranks(&standings_of(&figures, 1.0)), [1, 2, 3, 4]);
        assert_eq!(ranks(&standings_of(&figures, 1.05)), [1, 1, 3, 3]);
        assert_eq!(ranks(&standings_of(&figures, 1.5)), [1, 1, 1, 1]);
        assert_eq!(ranks(&standings_of(&lanes(&[1.0, 1.0]), 0.5)), [1, 1], "a floor below 1 is none");
    }

    #[test]
    fn a_lane_that_scatters_is_undecided_until_it_is_level_or_behind() {
        let steady = vec![1.0; 4];
        let standing = |scattering: [f64; 4]| standings_of(&[steady.clone(), scattering.to_vec()], 1.0);
        let undecided = standing([0.9, 1.3, 1.0, 1.2]);
        assert_eq!(ranks(&undecided), [1, 1]);
        assert_eq!([undecided[0].undecided, undecided[1].undecided], [false, true]);
        assert!(!is_settled(&undecided));
        let level = standing([0.99, 1.02, 1.0, 1.01]);
        assert!(level[1].rank == 1 && is_settled(&level), "{level:?}");
        let behind = standing([1.5, 1.51, 1.52, 1.5]);
        assert!(behind[1].rank == 2 && is_settled(&behind), "{behind:?}");
        // Below the floor nothing is left to be found out.
        let floor = standings_of(&[steady, vec![0.9, 1.3, 1.0, 1.2]], 2.0);
        assert!(floor[1].tied && is_settled(&floor), "{floor:?}");
    }

    #[test]
    fn one_lane_leads_and_without_lanes_there_is_no_standing() {
        let alone = standings_of(&[vec![5.0, 6.0, 7.0]], 1.0);
        let one = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        assert_eq!(alone, [Standing { ratio: one, rank: 1, tied: false, undecided: false }]);
        assert_eq!(standings(&[], 3, 1.0), []);
    }

    #[test]
    fn the_ends_of_a_ratio_are_those_of_the_method() {
        // Two lanes behind a steady one, by 10 and by 20 %, with scatter of their own.
        let scatter = [0.02, -0.01, 0.01, -0.02, 0.0];
        let behind = |ratio: f64, by: f64| scatter.map(|scatter| ratio * f64::exp(by * scatter)).to_vec();
        let figures = [vec![1.0; 5], behind(1.1, 1.0), behind(1.2, -1.0)];
        let figures: Vec<&[f64]> = figures.iter().map(Vec::as_slice).collect();
        // The standard error of the scatter; t of four degrees of freedom beyond 2.5 %, and beyond 2.5 % / 4.
        let error = (0.0010f64 / 4.0 / 5.0).sqrt();
        let (up, down) = (2.7764, 4.3147);
        let standings = standings(&figures, 5, 1.0);
        let close = |left: f64, right: f64| (left - right).abs() < 1e-4;
        let ratio = standings[1].ratio;
        assert!(close(ratio.value, 1.1), "{ratio:?}");
        assert!(close(ratio.low, 1.1 * (-down * error).exp()), "{ratio:?}");
        assert!(close(ratio.high, 1.1 * (up * error).exp()), "{ratio:?}");
        let leader = standings[0].ratio;
        assert!(leader.value == 1.0 && leader.low == 1.0 && leader.high == 1.0, "{leader:?}");
    }

    #[test]
    fn a_leader_has_an_interval_that_says_how_far_it_may_be_behind() {
        let standings = standings_of(&[vec![1.0, 1.0, 1.0], vec![0.9, 1.1, 1.05]], 1.0);
        let Estimate { value, low, high } = standings[0].ratio;
        assert!(value == 1.0 && low == 1.0 && high > 1.1, "{standings:?}");
    }

    #[test]
    fn a_lane_that_failed_makes_no_claim_bolder() {
        let figures = lanes(&[1.0, 1.5]);
        let figures: Vec<&[f64]> = figures.iter().map(Vec::as_slice).collect();
        let (two, eight) = (standings(&figures, 2, 1.0), standings(&figures, 8, 1.0));
        assert!(eight[1].ratio.low < two[1].ratio.low, "{two:?} {eight:?}");
        assert_eq!(eight[1].ratio.high, two[1].ratio.high);
    }

    #[test]
    fn the_ratio_to_the_best_covers_the_truth_with_ties_and_with_a_clear_winner() {
        let mut simulation = Simulation::with_seed(11);
        for truths in [[1.0; 5], [1.0, 1.0, 1.0, 1.1, 1.5], [1.0, 1.3, 1.4, 1.5, 2.0]] {
            for blocks in [5, 10] {
                let mut covered = [0; 5];
                for _ in 0..1_000 {
                    let lanes: Vec<Vec<f64>> =
                        truths.iter().map(|&truth| simulation.blocks(truth, blocks)).collect();
                    for (lane, standing) in standings_of(&lanes, 1.0).iter().enumerate() {
                        let Estimate { low, high, .. } = standing.ratio;
                        covered[lane] += usize::from((low..=high).contains(&truths[lane]));
                    }
                }
                assert!(
                    covered.iter().all(|&covered| covered >= 930),
                    "{truths:?}, {blocks} blocks: {covered:?}"
                );
            }
        }
    }

    /// Ranks five identical lanes over ten blocks, while the machine becomes 20 % slower from the first
    /// process to the last. They run either in blocks, where each lane comes first in turn, or one lane after
    /// another.
    fn under_drift(simulation: &mut Simulation, in_blocks: bool) -> Vec<Standing> {
        let turn = |lane: usize, block: usize| match in_blocks {
            true => block * 5 + (lane + block) % 5,
            false => lane * 10 + block,
        };
        let slow = |lane, block| 1.0 + 0.2 * turn(lane, block) as f64 / 49.0;
        let lane = |lane| (0..10).map(|block| simulation.block(50.0, slow(lane, block))).collect();
        standings_of(&(0..5).map(lane).collect::<Vec<Vec<f64>>>(), 1.0)
    }

    #[test]
    fn identical_lanes_tie_under_a_drift_and_would_not_one_after_another() {
        let mut simulation = Simulation::with_seed(12);
        let mut all_tie = |in_blocks| {
            let runs = (0..200).map(|_| under_drift(&mut simulation, in_blocks));
            runs.filter(|standings| standings.iter().all(|standing| standing.rank == 1)).count()
        };
        let (in_blocks, one_after_another) = (all_tie(true), all_tie(false));
        assert!(in_blocks >= 190, "in blocks they tie in {in_blocks} of 200 runs");
        assert!(one_after_another <= 10, "one after another they tie in {one_after_another} of 200 runs");
    }

    #[test]
    fn identical_lanes_tie_though_blocks_are_added_until_their_order_is_settled() {
        let mut simulation = Simulation::with_seed(13);
        let (mut different, mut blocks) = (0, 0);
        for _ in 0..600 {
            let mut lanes: Vec<Vec<f64>> = (0..5).map(|_| simulation.blocks(50.0, 3)).collect();
            let mut standings = standings_of(&lanes, 1.0);
            while !is_settled(&standings) && lanes[0].len() < 20 {
                lanes.iter_mut().for_each(|lane| lane.push(simulation.block(50.0, 1.0)));
                standings = standings_of(&lanes, 1.0);
            }
            different += usize::from(standings.iter().any(|standing| standing.rank > 1));
            blocks += lanes[0].len();
        }
        assert!(different <= 30, "{different} of 600 comparisons call identical lanes different");
        assert!(blocks > 3 * 600, "some needed more blocks");
    }
}
