//! Ranks the lanes of one comparison: the leader, the ties, and the undecided.
//!
//! The best lane is picked from the same figures that it is then compared with, so a plain interval of the
//! ratio to it would promise too much. The remedy is multiple comparisons with the best (Hsu 1984; Edwards
//! and Hsu 1983), with Bonferroni's correction instead of a table, because lanes differ in their scatter.
//! Lanes that are surely behind cannot be the best, so the others are then compared among fewer, step by step (Holm 1979).

use results::{Estimate, LEVEL};

use super::{
    estimate::{CONFIDENCE, Mean},
    scatter::Comparison,
};

/// The confidence with which a lane is called behind another.
///
/// An interval is about one lane after a number of blocks that was fixed beforehand. The order is asked of
/// all lanes at once, and asked again after each block that is added to settle it. With 95 %, one of five
/// identical lanes would be called behind in 12 % of comparisons; with this confidence in less than 5 %,
/// which a test below simulates. It is the flat boundary that Pocock (1977) has for a dozen looks, so that
/// the looks are paid for once.
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
    /// `true` if it shares the first rank and may be more than 10 % behind, but its ratio is known to within
    /// 10 %.
    pub near: bool,
    /// `true` if it shares the first rank only because too little is known: it is shown neither to be behind
    /// the leader nor to be level with it, and its ratio is not known to within 10 %.
    pub undecided: bool,
}

impl Comparison {
    /// Returns the standing of each of `lanes`, smaller figures being better.
    ///
    /// `raced` counts the lanes that were to be raced, including those that failed: a lane that fails must
    /// not make the claims about the others any bolder. Differences below the ratio `floor` tie.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn standings(&self, lanes: &[usize], raced: usize, floor: f64) -> Vec<Standing> {
        let rivals = Rivals::new(self, lanes, raced, floor);
        let leaders = rivals.leaders(lanes);
        let mut remaining = lanes.to_vec();
        let mut standings = Vec::new();
        while !remaining.is_empty() {
            let rank = lanes.len() - remaining.len() + 1;
            let group = rivals.leaders(&remaining);
            let leader = rivals.best(&group);
            for &lane in &group {
                let ratio = rivals.ratio_to_best(lane, &leaders, lanes);
                let level = Some(lane) == leader || ratio.high <= LEVEL;
                let known = ratio.high <= ratio.value * LEVEL && ratio.low >= ratio.value / LEVEL;
                let near = rank == 1 && !level && known;
                let undecided = rank == 1 && !level && !known;
                standings.push((lane, Standing { ratio, rank, tied: group.len() > 1, near, undecided }));
            }
            remaining.retain(|lane| !group.contains(lane));
        }
        let standing =
            |lane: &usize| standings.iter().find(|(of, _)| of == lane).expect("each was in a group").1;
        lanes.iter().map(standing).collect()
    }

    /// Returns those of `lanes` that a lane is surely behind, by the rule of [`standings`](Self::standings): if none of a
    /// selection is among them, the lane shares the first rank of that selection.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn behind(&self, lane: usize, lanes: &[usize], raced: usize, floor: f64) -> Vec<usize> {
        let rivals = Rivals::new(self, lanes, raced, floor);
        let rounds = rivals.rounds(lanes);
        let is_ahead = |other: &&usize| {
            let both = rounds.iter().filter(|round| round.contains(&lane) && round.contains(other));
            **other != lane && both.into_iter().any(|round| rivals.is_behind(lane, **other, round))
        };
        lanes.iter().filter(is_ahead).copied().collect()
    }

    /// Returns `true` if the rule of a race, without a noise floor, would call two lanes different.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn is_different(&self, one: usize, other: usize) -> bool {
        self.standings(&[one, other], 2, 1.0).iter().any(|standing| standing.rank != 1)
    }
}

/// The logarithm of the highest bound that is a number even where two blocks differ by everything.
const MOST: f64 = 300.0;

/// The lanes of a comparison, as they are told apart.
struct Rivals<'a> {
    comparison: &'a Comparison,
    /// The number of lanes that were to race beside those that did.
    failed: usize,
    /// Differences below this ratio tie.
    floor: f64,
}

impl<'a> Rivals<'a> {
    fn new(comparison: &'a Comparison, lanes: &[usize], raced: usize, floor: f64) -> Rivals<'a> {
        Rivals { comparison, failed: raced.saturating_sub(lanes.len()), floor: floor.max(1.0) }
    }

    /// Returns the lane with the smallest estimate.
    fn best(&self, lanes: &[usize]) -> Option<usize> {
        let value = |lane: usize| self.comparison.difference(lane, lanes[0]).value;
        lanes.iter().copied().min_by(|&one, &other| value(one).total_cmp(&value(other)))
    }

    /// Returns the lanes that may be the best: those that are behind no other.
    fn leaders(&self, lanes: &[usize]) -> Vec<usize> {
        self.rounds(lanes).pop().expect("there is a first round")
    }

    /// Returns the lanes that may be the best in each round: all of them at first, and then those that were not behind any other
    /// of the round before, until none is.
    fn rounds(&self, lanes: &[usize]) -> Vec<Vec<usize>> {
        let mut rounds = vec![lanes.to_vec()];
        loop {
            let round = rounds.last().expect("there is a first round");
            let best = self.best(round);
            let is_ahead = |other: &usize, lane: usize| self.is_behind(lane, *other, round);
            let may_lead =
                |&lane: &usize| Some(lane) == best || !round.iter().any(|other| is_ahead(other, lane));
            let next: Vec<usize> = round.iter().copied().filter(may_lead).collect();
            if next.len() == round.len() {
                return rounds;
            }
            rounds.push(next);
        }
    }

    /// Returns the ratio of a lane to the best of `lanes`, which is one of the `leaders`.
    fn ratio_to_best(&self, lane: usize, leaders: &[usize], lanes: &[usize]) -> Estimate {
        let others = leaders.iter().filter(|&&leader| leader != lane).count() + self.failed;
        Estimate {
            value: self.largest(lane, lanes, |ratio| ratio.value),
            // Of a lane that is behind any other it lies beyond the floor, too: the error of a way is no larger than the sum of
            // those of its steps.
            low: self.largest(lane, leaders, |ratio| surely(ratio, CONFIDENCE, others)),
            // It needs no correction: a lane is compared with one true best.
            high: self.largest(lane, lanes, |ratio| ratio.beyond((1.0 - CONFIDENCE) / 2.0)),
        }
    }

    /// Tells whether a lane is surely behind another, and by more than the floor, if all of a round are asked.
    fn is_behind(&self, lane: usize, other: usize, round: &[usize]) -> bool {
        let others = round.len() + self.failed - 1;
        self.largest(lane, &[other], |ratio| surely(ratio, CONFIDENCE_OF_ORDER, others)) > 1.0
            && self.largest(lane, &[other], |ratio| surely(ratio, CONFIDENCE, others)) > self.floor
    }

    /// Returns the largest of these bounds of a lane's ratios to the other `lanes`; at least 1, because no lane is better
    /// than the best.
    fn largest(&self, lane: usize, lanes: &[usize], bound: impl Fn(&Mean) -> f64) -> f64 {
        let others = lanes.iter().filter(|&&other| other != lane);
        let bounds = others.map(|&other| bound(&self.comparison.difference(lane, other)));
        bounds.fold(0.0, f64::max).min(MOST).exp()
    }
}

/// Returns the lower bound of a ratio that holds for so many other lanes at once.
fn surely(ratio: &Mean, confidence: f64, others: usize) -> f64 {
    2.0 * ratio.value - ratio.beyond((1.0 - confidence) / 2.0 / others.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            scatter::Scatter,
            simulation::{Pattern, Run, Simulation},
        },
        *,
    };

    /// Ranks lanes of which each keeps the scatter that it has shown itself.
    fn standings_of(lanes: &[Vec<f64>], floor: f64) -> Vec<Standing> {
        standings(lanes, lanes.len(), floor)
    }

    fn standings(lanes: &[Vec<f64>], raced: usize, floor: f64) -> Vec<Standing> {
        let lanes: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
        let all: Vec<usize> = (0..lanes.len()).collect();
        Scatter::unknown().compare(&lanes).standings(&all, raced, floor)
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
    fn the_first_rank_has_the_lanes_that_are_behind_no_other() {
        let mut simulation = Simulation::with_seed(17);
        let all = [0, 1, 2, 3, 4];
        for _ in 0..100 {
            let blocks = |truth: f64| simulation.blocks(truth, 4);
            let lanes: Vec<Vec<f64>> = [1.0, 1.0, 1.05, 1.1, 1.3].map(blocks).to_vec();
            let lanes: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
            let comparison = Scatter::unknown().compare(&lanes);
            let standings = comparison.standings(&all, 5, 1.02);
            let behind = standings.iter().filter(|standing| standing.rank > 1);
            assert!(behind.into_iter().all(|standing| standing.ratio.low > 1.02), "{standings:?}");
            let is_first = all.map(|lane| comparison.behind(lane, &all, 5, 1.02).is_empty());
            assert_eq!(
                is_first.to_vec(),
                ranks(&standings).iter().map(|&rank| rank == 1).collect::<Vec<_>>()
            );
        }
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
    }

    #[test]
    fn a_lane_whose_ratio_is_known_to_within_ten_percent_is_near() {
        let steady = vec![1.0; 4];
        let standing = |behind: [f64; 4]| standings_of(&[steady.clone(), behind.to_vec()], 1.2)[1];
        let near = standing([1.12, 1.13, 1.11, 1.12]);
        assert!(near.near && near.rank == 1 && !near.undecided, "{near:?}");
        let level = standing([1.04, 1.05, 1.03, 1.04]);
        assert!(!level.near && !level.undecided, "level is more than near: {level:?}");
        let open = standing([1.12, 1.3, 1.0, 1.12]);
        assert!(!open.near && open.undecided, "{open:?}");
        let behind = standing([1.5, 1.51, 1.52, 1.5]);
        assert!(!behind.near && behind.rank == 2, "{behind:?}");
    }

    #[test]
    fn a_lane_is_behind_if_its_whole_interval_is_beyond_the_floor() {
        let steady = vec![1.0; 4];
        let behind = [1.10, 1.101, 1.10, 1.099].to_vec();
        let Estimate { low, .. } = standings_of(&[steady.clone(), behind.clone()], 1.0)[1].ratio;
        let rank = |floor| standings_of(&[steady.clone(), behind.clone()], floor)[1].rank;
        assert_eq!([rank(low - 1e-6), rank(low + 1e-6)], [2, 1]);
    }

    #[test]
    fn one_lane_leads_and_without_lanes_there_is_no_standing() {
        let alone = standings_of(&[vec![5.0, 6.0, 7.0]], 1.0);
        let one = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        assert_eq!(alone, [Standing { ratio: one, rank: 1, tied: false, near: false, undecided: false }]);
        assert_eq!(standings(&[], 3, 1.0), []);
    }

    #[test]
    fn the_ends_of_a_ratio_are_those_of_the_method() {
        // Two lanes behind a steady one, by 10 and by 20 %, with scatter of their own.
        let scatter = [0.02, -0.01, 0.01, -0.02, 0.0];
        let behind = |ratio: f64, by: f64| scatter.map(|scatter| ratio * f64::exp(by * scatter)).to_vec();
        let figures = [vec![1.0; 5], behind(1.1, 1.0), behind(1.2, -1.0)];
        // The standard error of the scatter; t of four degrees of freedom beyond 2.5 %, and beyond 2.5 % / 3: of the leader
        // and the two that failed.
        let error = (0.0010f64 / 4.0 / 5.0).sqrt();
        let (up, down) = (2.7764, 3.9608);
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
        let (two, eight) = (standings(&figures, 2, 1.0), standings(&figures, 8, 1.0));
        assert!(eight[1].ratio.low < two[1].ratio.low, "{two:?} {eight:?}");
        assert_eq!(eight[1].ratio.high, two[1].ratio.high);
    }

    #[test]
    fn lanes_that_are_surely_behind_make_no_claim_weaker() {
        let mut simulation = Simulation::with_seed(19);
        let mut lanes: Vec<Vec<f64>> =
            [1.0, 1.1].map(|truth| simulation.blocks(truth, 6)).into_iter().collect();
        let alone = standings_of(&lanes, 1.0);
        lanes.extend((0..7).map(|_| simulation.blocks(50.0, 6)));
        let among_nine = standings_of(&lanes, 1.0);
        assert_eq!(among_nine[..2], alone[..], "as if they were two");
        assert!(among_nine[2..].iter().all(|standing| standing.rank == 3));
        lanes.extend((0..7).map(|_| simulation.blocks(1.05, 6)));
        let among_rivals = standings_of(&lanes, 1.0);
        assert!(among_rivals[1].ratio.low < alone[1].ratio.low, "{among_rivals:?}");
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

    /// Races lanes in each of several comparisons, adds blocks to the first ones where they are not settled, and counts the
    /// comparisons that call any of those behind that are truly the best.
    fn called_behind(run: &mut Run<'_>, first_blocks: usize, truths: &[f64]) -> usize {
        let all: Vec<usize> = (0..truths.len()).collect();
        let mut figures = run.blocks(first_blocks);
        loop {
            let lanes = figures.iter().map(|lanes| lanes.iter().map(Vec::as_slice).collect());
            let lanes: Vec<Vec<&[f64]>> = lanes.collect();
            let scatter = Scatter::of(&lanes);
            let standings = lanes.iter().map(|lanes| scatter.compare(lanes).standings(&all, all.len(), 1.0));
            let standings: Vec<Vec<Standing>> = standings.collect();
            let open = |comparison: &usize| {
                !is_settled(&standings[*comparison]) && figures[*comparison][0].len() < 20
            };
            let open: Vec<usize> = (0..20).filter(open).collect();
            if open.is_empty() {
                let is_wrong = |(lane, truth): (&Standing, &f64)| *truth == 1.0 && lane.rank > 1;
                return standings.iter().filter(|lanes| lanes.iter().zip(truths).any(is_wrong)).count();
            }
            open.into_iter().for_each(|comparison| run.add_block(comparison, &mut figures[comparison]));
        }
    }

    /// Asserts that in fewer than 5 % of the comparisons of so many runs one of the best lanes is called behind.
    fn tells_who_leads(truths: &[f64], patterns: &[Pattern], first_blocks: &[usize], runs: usize) {
        let mut simulation = Simulation::with_seed(13);
        for &pattern in patterns {
            for &blocks in first_blocks {
                let mut called = || called_behind(&mut simulation.run(pattern, 20, truths), blocks, truths);
                let wrong: usize = (0..runs).map(|_| called()).sum();
                let all = 20 * runs;
                assert!(
                    wrong <= runs,
                    "{pattern:?}, {blocks} first blocks: one of the best is called behind in {wrong} of {all} comparisons"
                );
            }
        }
    }

    #[test]
    fn identical_lanes_tie_though_blocks_are_added_until_their_order_is_settled() {
        tells_who_leads(&[1.0; 5], &Pattern::ALL, &[2, 3], 30);
    }

    #[test]
    fn of_nine_identical_lanes_none_is_called_behind_more_often() {
        tells_who_leads(&[1.0; 9], &[Pattern::Alike, Pattern::Unlike], &[3], 15);
    }

    #[test]
    fn lanes_that_lead_tie_though_they_are_told_apart_among_fewer() {
        let truths = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
        tells_who_leads(&truths, &[Pattern::Unlike, Pattern::TwoModes], &[3], 15);
    }
}
