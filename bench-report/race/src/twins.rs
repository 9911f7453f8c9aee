//! Twins: lanes that race against themselves under another name. The difference between the two is noise.

use std::collections::BTreeMap;

use fastrand::Rng;
use results::CellId;

use crate::plan::{Alias, same_comparison};

/// The lanes that have a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twins {
    /// One lane of every third comparison, the first among them: of a run that has minutes. They say enough of intervals, and
    /// the time of the others settles rows.
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
pub fn add_twins(
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
            aliases.insert(name.clone(), Alias { executor: cell.executor.clone(), track: None });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: usize) -> Vec<CellId> {
        let cell =
            |index| CellId { workload: "w".into(), size: 1, threads: 1, executor: format!("lane-{index}") };
        (0..count).map(cell).collect()
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
