//! What a run will do, and in which order.
//!
//! A block is one process for every cell. Within a block the comparisons come in random order, and the lanes of one
//! comparison follow each other, so that they meet the machine in the same mood. The lanes' places are those of a
//! Williams square: over as many blocks as there are lanes (twice as many, if that number is odd) each lane is once at
//! each place and once behind each other lane (Williams 1949).

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    protocol::{CellId, Sampling},
    results::{Build, Machine, Profile},
};

/// Everything that is decided before the first process starts; enough to resume the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The name of the run.
    pub id: String,
    /// When it started, in UTC (RFC 3339).
    pub started: String,
    /// The arguments it was started with.
    pub command: String,
    /// What the order is drawn from.
    pub seed: u64,
    /// How many processes each cell has.
    pub blocks: usize,
    /// How thorough the run is.
    pub profile: Profile,
    /// How long a process measures.
    pub sampling: Sampling,
    /// How long a process may take.
    pub time_limit: Duration,
    /// The machine when the run started.
    pub machine: Machine,
    /// The program.
    pub build: Build,
    /// The cells that apply, in the order of the lineup.
    pub cells: Vec<CellId>,
    /// The cells that do not, and why.
    pub not_applicable: Vec<(CellId, String)>,
    /// Lanes that race under another name than their executor's, by that name.
    #[serde(default)]
    pub aliases: BTreeMap<String, Alias>,
}

/// What a lane is that is not in the lineup under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The executor of the lineup that it is.
    pub executor: String,
    /// The program that runs it; this program if absent: then it is a twin, raced to show what noise looks like.
    #[serde(default)]
    pub program: Option<PathBuf>,
}

impl Plan {
    /// The cells of every block in the order in which they run; the same for the same seed.
    pub fn blocks(&self) -> Vec<Vec<CellId>> {
        let mut random = Rng::with_seed(self.seed);
        let mut blocks = vec![Vec::new(); self.blocks];
        let comparisons = self.cells.chunk_by(same_comparison);
        let orders: Vec<Vec<Vec<CellId>>> =
            comparisons.map(|lanes| balanced_orders(lanes, self.blocks, &mut random)).collect();
        for (index, block) in blocks.iter_mut().enumerate() {
            let mut comparisons: Vec<&Vec<CellId>> = orders.iter().map(|order| &order[index]).collect();
            random.shuffle(&mut comparisons);
            block.extend(comparisons.into_iter().flatten().cloned());
        }
        blocks
    }
}

/// Whether two cells are measured against each other.
pub fn same_comparison(left: &CellId, right: &CellId) -> bool {
    (&left.workload, left.size, left.threads) == (&right.workload, right.size, right.threads)
}

/// An order of `lanes` for every block, such that no lane is more often early than another.
fn balanced_orders(lanes: &[CellId], blocks: usize, random: &mut Rng) -> Vec<Vec<CellId>> {
    let mut lanes = lanes.to_vec();
    random.shuffle(&mut lanes);
    let mut square = williams_square(lanes.len());
    random.shuffle(&mut square);
    let rows = square.iter().cycle().take(blocks);
    rows.map(|row| row.iter().map(|&lane| lanes[lane].clone()).collect()).collect()
}

/// The order of `lanes` in each of so many rounds of samples: each lane is at each place, and behind each other lane,
/// equally often or nearly so.
pub fn turns(lanes: usize, rounds: usize) -> impl Iterator<Item = Vec<usize>> {
    let square = if lanes == 0 { vec![Vec::new()] } else { williams_square(lanes) };
    square.into_iter().cycle().take(rounds)
}

/// Whether a lane of so many samples takes one in a round: a lane of few, slow samples spreads them over all rounds.
pub fn has_turn(samples: usize, round: usize, rounds: usize) -> bool {
    (round + 1) * samples / rounds > round * samples / rounds
}

/// The rows of a Williams square of `lanes`; for an odd number, of the square and its mirror image.
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
            let blocks = if count % 2 == 0 { count } else { 2 * count };
            let mut seen = HashMap::new();
            for order in balanced_orders(&lanes(count), blocks, &mut Rng::with_seed(3)) {
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
            let blocks = if count % 2 == 0 { count } else { 2 * count };
            let mut seen = HashMap::new();
            for order in balanced_orders(&lanes(count), blocks, &mut Rng::with_seed(3)) {
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
        let orders = balanced_orders(&lanes(8), 5, &mut Rng::with_seed(3));
        for place in 0..8 {
            let mut at_place: Vec<_> = orders.iter().map(|order| &order[place]).collect();
            at_place.sort();
            at_place.dedup();
            assert_eq!(at_place.len(), 5);
        }
    }
}
