//! The order of a run: comparisons within a block, lanes within a comparison, samples within a heat.
//!
//! A block is one process for every cell. Within a block the comparisons come in random order, and the lanes of one
//! comparison follow each other, so that they meet the machine in the same mood. The lanes' places are those of a
//! Williams square: over as many blocks as there are lanes (twice as many, if that number is odd) each lane is once at
//! each place and once behind each other lane (Williams 1949).

use fastrand::Rng;
use results::CellId;

use crate::plan::Plan;

/// The order in which comparisons run, and their lanes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// For each comparison the orders of its lanes, to be gone through again and again.
    lanes: Vec<Vec<Vec<CellId>>>,
    /// For each block that all comparisons have, the order of the comparisons.
    comparisons: Vec<Vec<usize>>,
}

impl Schedule {
    /// Draws the schedule of a run; the same for the same seed.
    pub fn of(plan: &Plan) -> Schedule {
        let mut random = Rng::with_seed(plan.seed);
        let lanes: Vec<_> = plan.comparisons().map(|lanes| balanced_orders(lanes, &mut random)).collect();
        let comparisons = (0..plan.blocks).map(|_| {
            let mut comparisons: Vec<usize> = (0..lanes.len()).collect();
            random.shuffle(&mut comparisons);
            comparisons
        });
        let comparisons = comparisons.collect();
        Schedule { lanes, comparisons }
    }

    /// Returns the comparisons in one of the blocks that all of them have, in their order.
    pub fn comparisons(&self, block: usize) -> &[usize] {
        &self.comparisons[block]
    }

    /// Returns the lanes of a comparison in its block `block`, in their order.
    pub fn lanes(&self, comparison: usize, block: usize) -> &[CellId] {
        let orders = &self.lanes[comparison];
        &orders[block % orders.len()]
    }
}

/// Returns orders of `lanes`, one for each block, such that no lane is more often early than another.
fn balanced_orders(lanes: &[CellId], random: &mut Rng) -> Vec<Vec<CellId>> {
    let mut lanes = lanes.to_vec();
    random.shuffle(&mut lanes);
    let mut square = williams_square(lanes.len());
    random.shuffle(&mut square);
    square.iter().map(|row| row.iter().map(|&lane| lanes[lane].clone()).collect()).collect()
}

/// Returns the order of `lanes` in each of so many rounds of samples: each lane is at each place, and behind each other lane,
/// equally often or nearly so.
pub fn turns(lanes: usize, rounds: usize) -> impl Iterator<Item = Vec<usize>> {
    let square = if lanes == 0 { vec![Vec::new()] } else { williams_square(lanes) };
    square.into_iter().cycle().take(rounds)
}

/// Tells whether a lane of so many samples takes one in a round: a lane of few, slow samples spreads them over all rounds.
pub fn has_turn(samples: usize, round: usize, rounds: usize) -> bool {
    (round + 1) * samples / rounds > round * samples / rounds
}

/// Returns the rows of a Williams square of `lanes`; for an odd number, of the square and its mirror image.
fn williams_square(lanes: usize) -> Vec<Vec<usize>> {
    // 0, 1, n-1, 2, n-2, ...: neighbours differ by every number once.
    let zigzag =
        (0..lanes).map(|place| if place % 2 == 1 { place.div_ceil(2) } else { (lanes - place / 2) % lanes });
    let zigzag: Vec<usize> = zigzag.collect();
    let row = |shift: usize| zigzag.iter().map(|lane| (lane + shift) % lanes).collect::<Vec<_>>();
    let mut rows: Vec<_> = (0..lanes).map(row).collect();
    if lanes % 2 == 1 {
        let mirrored: Vec<_> = rows.iter().map(|row| row.iter().rev().copied().collect()).collect();
        rows.extend(mirrored);
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn lanes(count: usize) -> Vec<CellId> {
        let cell =
            |index| CellId { workload: "w".into(), size: 1, threads: 1, executor: format!("lane-{index}") };
        (0..count).map(cell).collect()
    }

    #[test]
    fn each_lane_is_at_each_place_equally_often() {
        for count in 1..=9 {
            let orders = balanced_orders(&lanes(count), &mut Rng::with_seed(3));
            let blocks = orders.len();
            let mut seen = HashMap::new();
            for order in orders {
                for (place, cell) in order.into_iter().enumerate() {
                    *seen.entry((cell.executor, place)).or_insert(0) += 1;
                }
            }
            assert_eq!(seen.len(), count * count, "every lane was at every place");
            assert!(seen.values().all(|&times| times == blocks / count), "{count} lanes: {seen:?}");
        }
    }

    #[test]
    fn each_lane_follows_each_other_lane_equally_often() {
        for count in 2..=9 {
            let orders = balanced_orders(&lanes(count), &mut Rng::with_seed(3));
            let blocks = orders.len();
            let mut seen = HashMap::new();
            for order in orders {
                for pair in order.windows(2) {
                    *seen.entry((pair[0].clone(), pair[1].clone())).or_insert(0) += 1;
                }
            }
            assert_eq!(seen.len(), count * (count - 1), "every pair was seen");
            assert!(seen.values().all(|&times| times == blocks / count), "{count} lanes");
        }
    }

    #[test]
    fn every_lane_has_as_many_turns_as_samples_and_no_long_wait_between_them() {
        for samples in 1..=30 {
            let turns: Vec<usize> = (0..30).filter(|&round| has_turn(samples, round, 30)).collect();
            assert_eq!(turns.len(), samples);
            let longest = turns.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(longest <= 30_usize.div_ceil(samples), "{samples} samples: {turns:?}");
        }
    }

    #[test]
    fn over_fewer_blocks_than_lanes_no_lane_is_twice_at_a_place() {
        let orders = balanced_orders(&lanes(8), &mut Rng::with_seed(3));
        for place in 0..8 {
            let mut at_place: Vec<_> = orders.iter().take(5).map(|order| &order[place]).collect();
            at_place.sort();
            at_place.dedup();
            assert_eq!(at_place.len(), 5);
        }
    }
}
