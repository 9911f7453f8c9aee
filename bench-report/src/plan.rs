//! What a run will do, and in which order.
//!
//! A block is one process for every cell. Within a block the comparisons come in random order, and the lanes of one
//! comparison follow each other, so that they meet the machine in the same mood. The lanes' places are those of a
//! Williams square: over as many blocks as there are lanes (twice as many, if that number is odd) each lane is once at
//! each place and once behind each other lane (Williams 1949).
//!
//! In each comparison one lane races against itself under another name: its twin. What parts the two is noise.

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
    /// How many processes each cell has at least.
    pub blocks: usize,
    /// How many it has at most; no more than `blocks` if that is more.
    #[serde(default)]
    pub most_blocks: usize,
    /// How long all processes together may take; the first `blocks` of each cell may take longer. What was interrupted
    /// does not count.
    #[serde(default)]
    pub budget: Duration,
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
    /// The versions of those lanes of the lineup that are programs, by their names.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// The cells whose memory is measured, apart from the race; those of one lane follow each other.
    #[serde(default)]
    pub memory: Vec<CellId>,
    /// The program that counts allocations, or why there is none.
    #[serde(default = "not_looked_for")]
    pub counting_program: Result<PathBuf, String>,
}

fn not_looked_for() -> Result<PathBuf, String> {
    Err("no counting program was looked for".to_owned())
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

/// In which order comparisons run, and their lanes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// For each comparison the orders of its lanes, to be gone through again and again.
    lanes: Vec<Vec<Vec<CellId>>>,
    /// For each block that all comparisons have, the order of the comparisons.
    comparisons: Vec<Vec<usize>>,
}

impl Plan {
    /// The schedule of the run; the same for the same seed.
    pub fn schedule(&self) -> Schedule {
        let mut random = Rng::with_seed(self.seed);
        let lanes: Vec<_> = self.comparisons().map(|lanes| balanced_orders(lanes, &mut random)).collect();
        let mut comparisons = || {
            let mut comparisons: Vec<usize> = (0..lanes.len()).collect();
            random.shuffle(&mut comparisons);
            comparisons
        };
        let comparisons = (0..self.blocks).map(|_| comparisons()).collect();
        Schedule { lanes, comparisons }
    }

    /// Whether comparisons that are open may have more blocks than all have.
    pub fn goes_on(&self) -> bool {
        self.block_limit() > self.blocks
    }

    /// The cells of each comparison, twins included.
    pub fn comparisons(&self) -> impl Iterator<Item = &[CellId]> {
        self.cells.chunk_by(same_comparison)
    }

    /// Whether the cell is a lane that races against itself.
    pub fn is_twin(&self, cell: &CellId) -> bool {
        self.aliases.get(&cell.executor).is_some_and(|alias| alias.program.is_none())
    }

    /// Whether the lane is a program: it has no rank, and is part of no ratio.
    pub fn is_program(&self, lane: &str) -> bool {
        let executor = self.aliases.get(lane).map_or(lane, |alias| &alias.executor);
        self.programs.contains_key(executor)
    }

    /// Whether the lane is compared with another: in a race an executor, in a gate every lane, with that of the other
    /// revision.
    pub fn is_compared(&self, lane: &str) -> bool {
        !self.is_program(lane)
            || self.aliases.iter().any(|(name, alias)| name == lane || alias.executor == lane)
    }

    /// How many blocks a comparison may have.
    pub fn block_limit(&self) -> usize {
        self.blocks.max(self.most_blocks)
    }

    /// The cell as the program that runs it knows it: under the name of its executor.
    pub fn in_lineup(&self, cell: &CellId) -> CellId {
        let executor = self.aliases.get(&cell.executor).map_or(&cell.executor, |alias| &alias.executor);
        CellId { executor: executor.clone(), ..cell.clone() }
    }
}

impl Schedule {
    /// The comparisons in one of the blocks that all of them have, in their order.
    pub fn comparisons(&self, block: usize) -> &[usize] {
        &self.comparisons[block]
    }

    /// The lanes of a comparison in its block `block`, in their order.
    pub fn lanes(&self, comparison: usize, block: usize) -> &[CellId] {
        let orders = &self.lanes[comparison];
        &orders[block % orders.len()]
    }
}

/// Whether two cells are measured against each other.
pub fn same_comparison(left: &CellId, right: &CellId) -> bool {
    (&left.workload, left.size, left.threads) == (&right.workload, right.size, right.threads)
}

/// Who has a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twins {
    /// One lane of every third comparison, the first among them: of a run that has little time.
    Few,
    /// One lane of each comparison.
    One,
    /// Every lane.
    All,
}

/// Adds twins to `cells`, behind the lanes of their comparison, and says whose they are.
///
/// One lane of each comparison is drawn such that all lanes have a twin equally often, as far as they can. Lanes that are
/// `programs` have none: they are compared with nobody.
pub(crate) fn add_twins(
    cells: &[CellId],
    programs: &BTreeMap<String, String>,
    twins: Twins,
    seed: u64,
) -> (Vec<CellId>, BTreeMap<String, Alias>) {
    let executors = |cells: &[CellId]| -> Vec<CellId> {
        cells.iter().filter(|cell| !programs.contains_key(&cell.executor)).cloned().collect()
    };
    let mut drawn = Draw::new(&executors(cells), seed);
    let mut all = Vec::new();
    let mut aliases = BTreeMap::new();
    for (index, lanes) in cells.chunk_by(same_comparison).enumerate() {
        let doubled = match (twins, executors(lanes)) {
            (Twins::Few, _) if !index.is_multiple_of(3) => Vec::new(),
            (Twins::Few | Twins::One, executors) if !executors.is_empty() => vec![drawn.next(&executors)],
            (_, executors) => executors,
        };
        all.extend_from_slice(lanes);
        for cell in doubled {
            let name = format!("{}-twin", cell.executor);
            aliases.insert(name.clone(), Alias { executor: cell.executor.clone(), program: None });
            all.push(CellId { executor: name, ..cell });
        }
    }
    (all, aliases)
}

/// Goes round the lanes in random order.
struct Draw {
    /// The lanes, whose turn it is first.
    lanes: Vec<String>,
}

impl Draw {
    fn new(cells: &[CellId], seed: u64) -> Draw {
        let mut lanes: Vec<String> = cells.iter().map(|cell| cell.executor.clone()).collect();
        lanes.sort_unstable();
        lanes.dedup();
        // The seed draws the order too; what it draws here must not be the same numbers.
        Rng::with_seed(seed).fork().shuffle(&mut lanes);
        Draw { lanes }
    }

    /// Takes the lane of a comparison that has waited longest.
    fn next(&mut self, lanes: &[CellId]) -> CellId {
        let of_comparison = |name: &String| lanes.iter().find(|cell| cell.executor == *name);
        let mut waiting = self.lanes.iter().enumerate();
        let found = waiting.find_map(|(place, name)| Some((place, of_comparison(name)?.clone())));
        let (place, cell) = found.expect("every lane of a comparison is drawn from");
        let name = self.lanes.remove(place);
        self.lanes.push(name);
        cell
    }
}

/// Orders of `lanes`, one for each block, such that no lane is more often early than another.
fn balanced_orders(lanes: &[CellId], random: &mut Rng) -> Vec<Vec<CellId>> {
    let mut lanes = lanes.to_vec();
    random.shuffle(&mut lanes);
    let mut square = williams_square(lanes.len());
    random.shuffle(&mut square);
    square.iter().map(|row| row.iter().map(|&lane| lanes[lane].clone()).collect()).collect()
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

    /// Comparisons of `lanes` lanes each, as many as said.
    fn comparisons(comparisons: u64, lanes: usize) -> Vec<CellId> {
        let sized = |size| self::lanes(lanes).into_iter().map(move |cell| CellId { size, ..cell });
        (0..comparisons).flat_map(sized).collect()
    }

    /// The lanes that have a twin, in the order of their comparisons.
    fn doubled(cells: &[CellId], twins: Twins, seed: u64) -> Vec<String> {
        let (all, aliases) = add_twins(cells, &BTreeMap::new(), twins, seed);
        all.into_iter().filter_map(|cell| Some(aliases.get(&cell.executor)?.executor.clone())).collect()
    }

    #[test]
    fn each_comparison_has_one_twin_behind_its_lanes() {
        let (all, aliases) = add_twins(&comparisons(20, 5), &BTreeMap::new(), Twins::One, 3);
        for lanes in all.chunk_by(same_comparison) {
            let [lanes @ .., twin] = lanes else { panic!("there are lanes") };
            let executor = &aliases[&twin.executor].executor;
            assert_eq!(twin.executor, format!("{executor}-twin"));
            assert!(lanes.iter().any(|cell| cell.executor == *executor), "it is a lane of the comparison");
            assert!(lanes.iter().all(|cell| !aliases.contains_key(&cell.executor)), "there is one");
        }
    }

    #[test]
    fn all_lanes_have_a_twin_equally_often() {
        let doubled = doubled(&comparisons(40, 8), Twins::One, 3);
        for lane in 0..8 {
            let name = format!("lane-{lane}");
            assert_eq!(doubled.iter().filter(|doubled| **doubled == name).count(), 5, "{name}");
        }
    }

    #[test]
    fn a_lane_that_sits_out_often_has_a_twin_when_it_runs() {
        let mut cells = comparisons(32, 8);
        cells.retain(|cell| cell.executor != "lane-3" || cell.size % 8 == 0);
        let doubled = doubled(&cells, Twins::One, 3);
        let times = doubled.iter().filter(|name| *name == "lane-3").count();
        assert!(times >= 3, "all four times, but for the first, where it has not waited: {times}");
    }

    #[test]
    fn the_seed_draws_the_twins() {
        let cells = comparisons(8, 8);
        assert_eq!(doubled(&cells, Twins::One, 3), doubled(&cells, Twins::One, 3));
        assert_ne!(doubled(&cells, Twins::One, 3), doubled(&cells, Twins::One, 4));
    }

    #[test]
    fn every_lane_has_a_twin_if_asked_for() {
        let cells = comparisons(3, 4);
        let lanes: Vec<String> = cells.iter().map(|cell| cell.executor.clone()).collect();
        assert_eq!(doubled(&cells, Twins::All, 3), lanes);
    }

    #[test]
    fn a_program_has_no_twin() {
        let programs = BTreeMap::from([("lane-1".to_owned(), "1.0".to_owned())]);
        for twins in [Twins::One, Twins::All] {
            let (all, aliases) = add_twins(&comparisons(20, 2), &programs, twins, 3);
            assert_eq!(all.len(), 20 * 3);
            assert_eq!(aliases.keys().collect::<Vec<_>>(), ["lane-0-twin"]);
        }
        let mut alone = comparisons(3, 2);
        alone.retain(|cell| programs.contains_key(&cell.executor));
        assert_eq!(add_twins(&alone, &programs, Twins::One, 3), (alone, BTreeMap::new()));
    }

    #[test]
    fn a_lane_alone_has_its_twin() {
        assert_eq!(doubled(&comparisons(1, 1), Twins::One, 3), ["lane-0"]);
    }
}
