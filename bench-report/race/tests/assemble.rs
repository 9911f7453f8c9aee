//! Facts about what results make of outcomes: made-up processes go in, cells, summaries and noise come out.

mod trees;

use std::{fs, path::Path, time::Duration};

use lane_protocol::{CellId, Costs, Count, Counts, Lineup, Measure, MemoryUse, Tally, WorkloadEntry};
use race::{
    assemble::{self, Order},
    journal::{CountingJob, Fault, Outcome, Outcomes, Tallies},
    plan::{Alias, Plan},
};
use results::{Cell, Estimate, LaneSummary, Metric, Place, Results, Status, Summary};
use serde_json::{Value, json};

const IDEAL: f64 = 1e6;
const OPERATIONS: u64 = 1_000;
const LANES: [&str; 5] = ["ash", "birch", "cedar", "elder", "fir"];

/// The workloads, each with its group.
const WORKLOADS: [(&str, &str); 5] =
    [("grow", "Life"), ("rot", "Death"), ("bud", "Life"), ("wait", ""), (BY_LATENESS, "Patience")];

/// The workload that is not measured by the clock.
const BY_LATENESS: &str = "ripen";

const NO_TIME: Duration = Duration::ZERO;

/// A run that never was, and what its processes brought.
struct Race {
    plan: Plan,
    outcomes: Outcomes,
}

impl Race {
    fn new() -> Race {
        let plan = json!({
            "id": "made-up", "started": "unknown", "command": "unknown", "seed": 1, "blocks": 3, "profile": "default",
            "sampling": {"warm_up": NO_TIME, "measurement": NO_TIME, "samples": 10, "most_samples": 10},
            "time_limit": NO_TIME,
            "machine": {
                "cpu": "unknown", "cores": "unknown", "memory": "unknown", "kernel": "unknown", "os": "unknown",
                "architecture": "unknown", "governor": "unknown", "virtualised": "unknown", "load": "unknown",
            },
            "build": {
                "rustc": "unknown", "profile": "unknown", "flags": "unknown", "allocator": "unknown",
                "commit": "unknown", "dirty": "unknown", "packages": {},
            },
            "cells": [], "not_applicable": [],
        });
        let plan = serde_json::from_value(plan).expect("a plan has such fields");
        Race { plan, outcomes: Outcomes::new() }
    }

    /// Adds a comparison, with the overhead of each lane in ns per operation; blocks scatter by a percent or two.
    fn comparison(mut self, workload: &str, size: u64, blocks: usize, lanes: &[(&str, f64)]) -> Race {
        for (index, &(lane, overhead)) in lanes.iter().enumerate() {
            let cell = cell(workload, size, lane);
            self.plan.cells.push(cell.clone());
            for block in 0..blocks {
                let mood = 1.0 + 0.2 * ((block * 7 + size as usize) % 4) as f64;
                let scatter = 1.0 + 0.01 * ((index * 5 + block * 3 + workload.len()) % 7) as f64;
                self.outcomes.insert((cell.clone(), block), process(overhead * mood * scatter, 1.0));
            }
        }
        self
    }

    /// Lets a cell fail in its second block, after which it is not run again.
    fn fail(mut self, workload: &str, size: u64, lane: &str) -> Race {
        let cell = cell(workload, size, lane);
        self.outcomes.retain(|(other, block), _| *other != cell || *block == 0);
        self.outcomes.insert((cell, 1), Outcome::Faulty(Fault::Failed("hung".to_owned())));
        self
    }

    /// Gives a run as many times the operations as its size says, each of which takes as long as before.
    fn grows(mut self) -> Race {
        for ((cell, _), outcome) in &mut self.outcomes {
            let Outcome::Measured(checked, samples, _) = outcome else { continue };
            checked.operations *= cell.size;
            for sample in samples {
                sample.wall_ns = IDEAL as u64 + (sample.wall_ns - IDEAL as u64) * cell.size;
            }
        }
        self
    }

    /// Makes a lane a program.
    fn program(mut self, lane: &str) -> Race {
        self.plan.programs.insert(lane.to_owned(), "Tree 1.0".to_owned());
        self
    }

    fn twin(mut self, twin: &str, lane: &str) -> Race {
        self.plan.aliases.insert(twin.to_owned(), Alias { executor: lane.to_owned(), track: None });
        self
    }

    /// Has a cell take so many times the processor time that it takes on the clock.
    fn burns(mut self, workload: &str, size: u64, lane: &str, times: f64) -> Race {
        for ((_, _), outcome) in
            self.outcomes.iter_mut().filter(|((id, _), _)| *id == cell(workload, size, lane))
        {
            let Outcome::Measured(_, samples, _) = outcome else { continue };
            for sample in samples {
                sample.cpu_ns = Some((sample.wall_ns as f64 * times) as u64);
            }
        }
        self
    }

    /// Makes the results, which rank the lanes as the order that a race is led by.
    fn results(&self) -> Results {
        let results = assemble::results(&lineup(), &self.plan, &self.outcomes, "today".to_owned());
        let Order { cells, rows } = assemble::order(&lineup(), &self.plan, &self.outcomes);
        assert_eq!(rows, results.rows);
        let standing = |cell: &Cell| {
            let Cell { status, reason, rank, tied, near, undecided, .. } = cell.clone();
            (cell.id().to_string(), cell.ratio, (status, reason, rank, tied, near, undecided))
        };
        let ranked = results.cells.iter().filter(|cell| cell.status != Status::NotApplicable || cell.spoiled);
        let ranked = ranked.filter(|cell| !self.plan.is_program(&cell.executor));
        let [mut of_order, mut of_results]: [Vec<_>; 2] =
            [cells.iter().map(standing).collect(), ranked.map(standing).collect()];
        of_order.sort_by(|one, other| one.0.cmp(&other.0));
        of_results.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(of_order, of_results);
        results
    }
}

fn lineup() -> Lineup {
    let workload = |(name, group): (&str, &str)| {
        let measure = if name == BY_LATENESS { Measure::Told("lateness".to_owned()) } else { Measure::Clock };
        WorkloadEntry { measure, ..trees::workload(name, group) }
    };
    trees::lineup(&LANES, WORKLOADS.map(workload).into())
}

fn cell(workload: &str, size: u64, lane: &str) -> CellId {
    CellId { workload: workload.to_owned(), size, threads: 1, executor: lane.to_owned() }
}

/// A process whose ten samples scatter a little, the first and the last a lot.
fn process(overhead: f64, cpu: f64) -> Outcome {
    let scatter = [0.5, 0.99, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.01, 9.0];
    let sample = |scatter: f64| {
        let wall = IDEAL + overhead * scatter * OPERATIONS as f64;
        let sample = json!({"iterations": 1, "wall-ns": wall as u64, "cpu-ns": (wall * cpu) as u64});
        serde_json::from_value(sample).expect("a sample has such fields")
    };
    let checked = json!({
        "operations": OPERATIONS, "ideal-ns": IDEAL as u64,
        "observed": {
            "threads": 1, "spawned": 0, "finished": 0, "cancelled": 0, "polls": 1, "jobs": 0, "jobs-at-once": 0,
        },
    });
    let checked = serde_json::from_value(checked).expect("a check has such fields");
    let rest = serde_json::from_value(json!({"peak-rss": null})).expect("an end has such fields");
    Outcome::Measured(checked, scatter.map(sample).to_vec(), rest)
}

/// Five lanes in three comparisons, the largest of which has more blocks.
fn race() -> Race {
    let lanes = |best: f64| LANES.into_iter().zip([1.0, 1.5, 2.0, 3.0, 3.0].map(|ratio| ratio * best));
    let lanes = |best| lanes(best).collect::<Vec<_>>();
    Race::new().comparison("grow", 10, 4, &lanes(100.0)).comparison("grow", 100, 4, &lanes(200.0)).comparison(
        "rot",
        10,
        9,
        &lanes(700.0),
    )
}

fn find<'a>(results: &'a Results, workload: &str, size: u64, lane: &str) -> &'a Cell {
    results.cells.iter().find(|found| found.id() == cell(workload, size, lane)).expect("the cell is there")
}

fn mean<'a>(results: &'a Results, lane: &str) -> &'a LaneSummary {
    of_lane(&results.summaries[0], lane)
}

fn of_lane<'a>(summary: &'a Summary, lane: &str) -> &'a LaneSummary {
    summary.lanes.iter().find(|known| known.executor == lane).expect("the lane raced")
}

/// All that is said of a lane, for comparing two results to the last digit.
fn said_of(results: &Results, lane: &str) -> String {
    let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.executor == lane).collect();
    let growth: Vec<_> = results.growth.iter().filter(|growth| growth.executor == lane).collect();
    let groups: Vec<_> = results.groups.iter().map(|group| of_lane(&group.summary, lane)).collect();
    format!("{cells:#?}\n{:#?}\n{groups:#?}\n{growth:#?}", mean(results, lane))
}

#[test]
fn a_block_is_the_midmean_of_its_samples() {
    let results = Race::new().comparison("grow", 10, 3, &[("ash", 100.0)]).results();
    let blocks = find(&results, "grow", 10, "ash").overhead_of_blocks();
    // The mood of the size's blocks times their scatter, and not the outer samples, which would be far off.
    let expected = [100.0 * 1.4 * 1.04, 100.0 * 1.2 * 1.0, 100.0 * 1.0 * 1.03];
    for (block, expected) in blocks.iter().zip(expected) {
        assert!((block / expected - 1.0).abs() < 1e-3, "{blocks:?}");
    }
}

#[test]
fn comparisons_may_differ_in_their_number_of_blocks() {
    let results = race().results();
    assert_eq!(results.run.blocks, 3, "what each cell has at least");
    assert_eq!(find(&results, "grow", 10, "ash").overhead_of_blocks().len(), 4);
    assert_eq!(find(&results, "rot", 10, "ash").overhead_of_blocks().len(), 9);
    assert!(mean(&results, "fir").geomean.is_some());
}

#[test]
fn blocks_need_not_follow_each_other() {
    // Some comparisons had more blocks, and this one its fourth when others had their seventh.
    let mut race = race();
    let moved: Vec<_> =
        race.outcomes.keys().filter(|(cell, block)| cell.size == 100 && *block == 3).cloned().collect();
    for (cell, block) in moved {
        let outcome = race.outcomes.remove(&(cell.clone(), block)).unwrap();
        race.outcomes.insert((cell, 6), outcome);
    }
    for lane in LANES {
        assert_eq!(said_of(&race.results(), lane), said_of(&self::race().results(), lane));
    }
}

#[test]
fn only_blocks_that_all_sound_lanes_have_are_compared() {
    let mut race = race();
    race.outcomes.remove(&(cell("rot", 10, "fir"), 8));
    let results = race.results();
    for lane in LANES {
        assert_eq!(find(&results, "rot", 10, lane).overhead_of_blocks().len(), 8);
    }
}

#[test]
fn ranks_have_ties_and_the_next_one_counts_them() {
    let results = race().results();
    let cells = LANES.map(|lane| find(&results, "rot", 10, lane));
    assert_eq!(cells.map(|cell| cell.rank.unwrap()), [1, 2, 3, 4, 4]);
    assert_eq!(cells.map(|cell| cell.tied), [false, false, false, true, true]);
    assert_eq!(cells.map(|cell| cell.undecided), [false; 5]);
    let ratio = cells[0].ratio.unwrap();
    assert_eq!((ratio.value, ratio.low), (1.0, 1.0));
}

#[test]
fn a_lane_says_which_lanes_it_is_behind() {
    let results = race().results();
    let behind = |lane| find(&results, "grow", 10, lane).behind.clone();
    assert_eq!(LANES.map(|lane| behind(lane).len()), [0, 1, 2, 3, 3]);
    assert_eq!(behind(LANES[2]), LANES[..2]);
    assert_eq!(mean(&results, LANES[2]).behind, LANES[..2]);
}

#[test]
fn each_lane_is_compared_with_each_other_one_that_was_measured() {
    let results = race().fail("rot", 10, "birch").results();
    let cedar = find(&results, "rot", 10, "cedar");
    assert_eq!(cedar.ratios.keys().collect::<Vec<_>>(), ["ash", "elder", "fir"]);
    let ratio = cedar.ratios["elder"];
    assert!(ratio.low < 2.0 / 3.0 && 2.0 / 3.0 < ratio.high, "{ratio:?}");
    assert!(find(&results, "rot", 10, "birch").ratios.is_empty());
}

#[test]
fn a_lane_that_lacks_one_cell_changes_no_other_lanes_figures_and_does_not_gain() {
    let whole = || race().results();
    // A lane that is gone teaches nothing of the scatter.
    let forget_interval = |estimate: &mut Estimate| (estimate.low, estimate.high) = (0.0, 0.0);
    for gone in ["birch", "cedar", "fir"] {
        for (workload, size) in [("grow", 10), ("grow", 100), ("rot", 10)] {
            let without = || race().fail(workload, size, gone).results();
            for lane in LANES.into_iter().filter(|lane| *lane != gone) {
                // In the comparison that the cell is gone from there is a rank less, and a ratio; in the means too.
                let forget_place = |mut results: Results| {
                    for cell in results.cells.iter_mut().filter(|cell| cell.executor == lane) {
                        (cell.rank, cell.tied, cell.near, cell.undecided) = (None, false, false, false);
                        cell.ratio.iter_mut().chain(cell.ratios.values_mut()).for_each(forget_interval);
                    }
                    for cell in results
                        .cells
                        .iter_mut()
                        .filter(|cell| (&*cell.workload, cell.size) == (workload, size))
                    {
                        cell.ratios.remove(gone);
                        cell.behind.retain(|other| other != gone);
                    }
                    let groups = results.groups.iter_mut().map(|group| &mut group.summary);
                    for summary in results.summaries.iter_mut().chain(groups) {
                        for lane in &mut summary.lanes {
                            lane.ratios.remove(gone);
                            lane.behind.retain(|other| other != gone);
                            lane.geomean.iter_mut().chain(lane.ratios.values_mut()).for_each(forget_interval);
                        }
                    }
                    said_of(&results, lane)
                };
                assert_eq!(forget_place(without()), forget_place(whole()), "{lane} without {gone}");
            }
            let own = without();
            let summary = mean(&own, gone);
            assert_eq!((summary.geomean, summary.cells), (None, 2));
            assert_eq!(own.summaries[0].comparisons, 3);
            assert_eq!(own.summaries[0].reference.as_deref(), Some("ash"));
        }
    }
}

#[test]
fn a_comparison_that_nobody_finished_does_not_improve_a_mean() {
    // All of a lane's slow cells fail, where it raced alone: what is left of it is no mean.
    let race = Race::new()
        .comparison("grow", 10, 4, &[("ash", 100.0), ("birch", 110.0)])
        .comparison("rot", 10, 4, &[("birch", 900.0)])
        .fail("rot", 10, "birch");
    let results = race.results();
    assert_eq!(results.summaries[0].comparisons, 2);
    assert!(results.summaries[0].lanes.iter().all(|lane| lane.geomean.is_none() && lane.cells == 1));
    assert_eq!(results.summaries[0].reference, None);
}

#[test]
fn a_mean_is_relative_to_the_best_lane_that_raced_everywhere() {
    let results = race().fail("rot", 10, "ash").results();
    assert_eq!(results.summaries[0].reference.as_deref(), Some("birch"));
    let one = Estimate { value: 1.0, low: 1.0, high: 1.0 };
    assert_eq!(mean(&results, "birch").geomean, Some(one));
    let geomean = mean(&results, "cedar").geomean.unwrap();
    assert!(geomean.low < 2.0 / 1.5 && 2.0 / 1.5 < geomean.high, "{geomean:?}");
    assert_eq!(mean(&results, "ash").geomean, None);
}

#[test]
fn a_mean_has_a_place_and_a_ratio_to_each_other_mean() {
    let results = race().fail("rot", 10, "birch").results();
    let places = LANES.map(|lane| mean(&results, lane).place);
    let behind = Some(Place::Behind);
    assert_eq!(places, [Some(Place::Best), None, behind, behind, behind]);
    let elder = mean(&results, "elder");
    assert_eq!(elder.ratios.keys().collect::<Vec<_>>(), ["ash", "cedar", "fir"]);
    assert_eq!(elder.ratios.get("ash"), elder.geomean.as_ref());
    let ratio = elder.ratios["cedar"];
    assert!(ratio.low < 1.5 && 1.5 < ratio.high, "{ratio:?}");
    assert!(mean(&results, "birch").ratios.is_empty());
}

#[test]
fn a_mean_is_level_undecided_or_behind() {
    let place = |blocks, other| {
        let lanes = [("ash", 100.0), ("birch", other)];
        let race = Race::new().comparison("grow", 10, blocks, &lanes).comparison("rot", 10, blocks, &lanes);
        mean(&race.results(), "birch").place.unwrap()
    };
    assert_eq!(place(9, 102.0), Place::Level);
    assert_eq!(place(2, 108.0), Place::Undecided);
    assert_eq!(place(4, 200.0), Place::Behind);
}

#[test]
fn a_mean_within_the_noise_floor_is_level() {
    let lanes = [("ash", 100.0), ("birch", 150.0), ("ash-again", 900.0)];
    let place = |race: Race| mean(&race.results(), "birch").place.unwrap();
    assert_eq!(place(Race::new().comparison("grow", 10, 8, &lanes[..2])), Place::Behind);
    assert_eq!(place(Race::new().comparison("grow", 10, 8, &lanes).twin("ash-again", "ash")), Place::Level);
}

#[test]
fn a_lane_that_fails_does_not_make_a_mean_bolder() {
    // How often birch is behind, from a little to a lot, beside others that end the race or do not.
    let behind = |others: &[(&str, f64)], fail: bool| {
        let is_behind = |percent: &u32| {
            let lanes = [&[("ash", 100.0), ("birch", 100.0 + f64::from(*percent))], others].concat();
            let race = Race::new().comparison("grow", 10, 3, &lanes).comparison("rot", 10, 3, &lanes);
            let fail = others.iter().filter(|_| fail);
            let race = fail.fold(race, |race, (other, _)| race.fail("rot", 10, other));
            mean(&race.results(), "birch").place == Some(Place::Behind)
        };
        (0..40).filter(is_behind).count()
    };
    let others = [("cedar", 900.0), ("elder", 900.0), ("fir", 900.0)];
    // Those that were measured teach how much the lanes scatter; those that fail teach nothing, and count as raced.
    assert!(behind(&others, true) <= behind(&others, false), "three more were raced");
}

#[test]
fn groups_have_summaries_of_their_own_in_the_order_of_the_lineup() {
    let lanes = |ash, birch| [("ash", ash), ("birch", birch)];
    let race = Race::new()
        .comparison("rot", 10, 4, &lanes(100.0, 300.0))
        .comparison("bud", 10, 4, &lanes(200.0, 100.0))
        .comparison("wait", 10, 4, &lanes(100.0, 900.0))
        .comparison("grow", 10, 4, &lanes(200.0, 100.0));
    let results = race.results();
    assert_eq!(results.summaries[0].comparisons, 4);
    let groups = results.groups.iter().map(|group| (&*group.group, group.summary.comparisons));
    assert_eq!(groups.collect::<Vec<_>>(), [("Life", 2), ("Death", 1)], "and none without a name");
    let references = results.groups.iter().map(|group| group.summary.reference.as_deref().unwrap());
    assert_eq!(references.collect::<Vec<_>>(), ["birch", "ash"]);
    let ash = of_lane(&results.groups[0].summary, "ash");
    let geomean = ash.geomean.unwrap();
    assert!(geomean.low < 2.0 && 2.0 < geomean.high && ash.place == Some(Place::Behind), "{ash:?}");
}

#[test]
fn a_gap_costs_a_lane_the_mean_of_its_group_and_of_all() {
    let results = race().fail("rot", 10, "cedar").results();
    assert_eq!(mean(&results, "cedar").geomean, None);
    let [life, death] = [0, 1].map(|group: usize| of_lane(&results.groups[group].summary, "cedar"));
    assert!(life.geomean.is_some() && life.cells == 2, "{life:?}");
    assert!(death.geomean.is_none() && death.place.is_none() && death.cells == 0, "{death:?}");
}

#[test]
fn groups_are_told_apart_by_threads() {
    let mut race = race();
    for cell in race.plan.cells.iter_mut().filter(|cell| cell.size == 100) {
        cell.threads = 2;
    }
    let outcomes = race.outcomes.into_iter().map(|((cell, block), outcome)| {
        let threads = if cell.size == 100 { 2 } else { 1 };
        ((CellId { threads, ..cell }, block), outcome)
    });
    race.outcomes = outcomes.collect();
    let results = race.results();
    let groups = results.groups.iter().map(|group| (group.summary.threads, &*group.group));
    assert_eq!(groups.collect::<Vec<_>>(), [(1, "Life"), (1, "Death"), (2, "Life")]);
}

#[test]
fn a_cell_says_how_the_samples_of_all_its_blocks_scatter() {
    let results = Race::new().comparison("grow", 10, 3, &[("ash", 100.0)]).results();
    let spread = find(&results, "grow", 10, "ash").spread.clone().unwrap();
    assert_eq!(spread.samples, 30);
    // The blocks are at 145.6, 120 and 103; of their samples one takes half of it and one nine times.
    let [least, .., upper_quartile, _, most] = spread.quantiles;
    assert!((least - 51.5).abs() < 0.01 && (most - 9.0 * 145.6).abs() < 0.01, "{spread:?}");
    assert!(
        (spread.quantiles[3] - 120.0).abs() < 1e-6 && (upper_quartile - 145.6).abs() < 1e-6,
        "{spread:?}"
    );
    let failed = race().fail("rot", 10, "ash").results();
    assert_eq!(find(&failed, "rot", 10, "ash").spread, None);
}

#[test]
fn a_lane_says_how_many_packages_it_needs() {
    assert_eq!(race().results().executors[0].dependencies, Some(8), "tokio needs mio and others");
}

#[test]
fn twins_make_the_noise_floor_and_nothing_else() {
    let lanes = [("ash", 100.0), ("birch", 102.0), ("ash-again", 106.0)];
    let plain = Race::new().comparison("grow", 10, 5, &lanes[..2]);
    let race = Race::new().comparison("grow", 10, 5, &lanes).twin("ash-again", "ash");
    let results = race.results();
    let noise = results.noise.as_ref().expect("there was a twin");
    let pair = &noise.pairs[0];
    assert_eq!((&*pair.workload, pair.size, pair.threads, &*pair.executor), ("grow", 10, 1, "ash"));
    assert!(pair.ratio.value > 1.05 && pair.ratio.value < 1.12, "{pair:?}");
    assert!((noise.floor / pair.ratio.value - 1.0).abs() < 1e-9, "{noise:?}");
    assert_eq!(noise.different, usize::from(pair.different));
    assert!(results.cells.iter().all(|cell| cell.executor != "ash-again" && cell.rank == Some(1)));
    assert!(results.executors.iter().all(|lane| lane.name != "ash-again"));
    assert!(results.summaries[0].lanes.iter().all(|lane| lane.executor != "ash-again"));
    assert!(!find(&results, "grow", 10, "ash").ratios.contains_key("ash-again"));
    for lane in ["ash", "birch"] {
        assert_eq!(find(&results, "grow", 10, lane).ratio, find(&plain.results(), "grow", 10, lane).ratio);
    }
    assert!(plain.results().noise.is_none());
}

#[test]
fn what_is_under_the_noise_floor_ties() {
    let lanes = [("ash", 100.0), ("birch", 150.0)];
    let apart = Race::new().comparison("grow", 10, 8, &lanes).results();
    assert_eq!(find(&apart, "grow", 10, "birch").rank, Some(2));
    let twin = [lanes[0], lanes[1], ("ash-again", 900.0)];
    let race = Race::new().comparison("grow", 10, 8, &twin).twin("ash-again", "ash");
    let birch = find(&race.results(), "grow", 10, "birch").clone();
    assert!(birch.rank == Some(1) && birch.tied && !birch.undecided, "{birch:?}");
}

#[test]
fn a_ratio_is_told_and_is_no_time() {
    let mut race = race();
    for ((id, _), outcome) in &mut race.outcomes {
        let Outcome::Measured(_, samples, _) = outcome else { continue };
        // A sample of two runs, whose ratios come to three: whatever else it took.
        for sample in samples.iter_mut().filter(|_| id.workload == "rot") {
            (sample.iterations, sample.told_ratio) = (2, Some(3.0));
        }
    }
    let results = race.results();
    let told = find(&results, "rot", 10, "ash");
    assert_eq!(told.unit(), "×");
    assert!(told.overhead_of_blocks().iter().all(|block| (block - 1.5).abs() < 1e-9), "{told:?}");
    assert_eq!(told.spread.as_ref().map(|spread| spread.quantiles), Some([1.5; 7]));
    // Lanes that tell the same in each run are level, though nothing scatters.
    assert!(results.cells.iter().filter(|cell| cell.workload == "rot").all(|cell| cell.rank == Some(1)));
    assert!(results.rows.iter().all(|row| row.floor.is_finite()), "{:?}", results.rows);
    assert_eq!(find(&results, "grow", 10, "ash").unit(), "ns/op");
}

#[test]
fn what_is_measured_in_another_way_has_a_noise_floor_of_its_own() {
    let lanes = |twin| [("ash", 100.0), ("birch", 150.0), ("ash-again", twin)];
    let race = |by_the_clock, by_lateness| {
        let race = Race::new().comparison("grow", 10, 8, &lanes(by_the_clock));
        let race = race.comparison(BY_LATENESS, 10, 8, &lanes(by_lateness));
        race.twin("ash-again", "ash").results()
    };
    let is_tied = |results: &Results, workload| find(results, workload, 10, "birch").tied;
    let place = |results: &Results, group: usize| {
        results.groups[group].summary.lanes.iter().find(|lane| lane.executor == "birch").unwrap().place
    };
    let late = race(101.0, 900.0);
    assert!(!is_tied(&late, "grow") && is_tied(&late, BY_LATENESS));
    assert_eq!([place(&late, 0), place(&late, 1)], [Some(Place::Behind), Some(Place::Level)]);
    let slow = race(900.0, 101.0);
    assert!(is_tied(&slow, "grow") && !is_tied(&slow, BY_LATENESS));
    assert_eq!([place(&slow, 0), place(&slow, 1)], [Some(Place::Level), Some(Place::Behind)]);
    // Who has no twin of its own kind takes the clock's, and who has nothing else the other one.
    let noise = slow.noise.unwrap();
    assert_eq!(noise.floor_of("processor time"), noise.floor);
    let only = Race::new().comparison(BY_LATENESS, 10, 8, &lanes(190.0)).twin("ash-again", "ash").results();
    assert_eq!(only.noise.as_ref().unwrap().floor, only.noise_floor(BY_LATENESS));
}

#[test]
fn a_lane_of_another_track_is_a_lane_beside_its_executor() {
    let mut race =
        Race::new().comparison("grow", 10, 4, &[("birch", 100.0), ("ash", 200.0), ("ash-before", 300.0)]);
    let before = Alias { executor: "ash".to_owned(), track: Some("ash-before".into()) };
    race.plan.aliases.insert("ash-before".to_owned(), before);
    let results = race.results();
    assert!(results.noise.is_none());
    assert_eq!(
        results.cells.iter().map(|cell| &*cell.executor).collect::<Vec<_>>(),
        ["ash", "ash-before", "birch"]
    );
    assert_eq!(
        results.executors.iter().map(|lane| &*lane.name).collect::<Vec<_>>(),
        ["ash", "ash-before", "birch"]
    );
    assert_eq!(find(&results, "grow", 10, "ash-before").rank, Some(3));
}

#[test]
fn a_lane_that_is_neither_behind_nor_level_is_undecided() {
    let undecided = |race: Race| race.results().cells.iter().filter(|cell| cell.undecided).count();
    let race =
        |blocks, other| Race::new().comparison("grow", 10, blocks, &[("ash", 100.0), ("birch", other)]);
    assert_eq!(undecided(race(2, 108.0)), 1, "two blocks are not enough");
    assert_eq!(undecided(race(4, 200.0)), 0, "behind");
    assert_eq!(undecided(race(9, 100.0)), 0, "level");
    assert_eq!(undecided(race(2, 108.0).fail("grow", 10, "ash")), 0, "nobody is left to part from");
    let with_twin = [("ash", 100.0), ("birch", 200.0), ("ash-again", 108.0)];
    assert_eq!(undecided(Race::new().comparison("grow", 10, 4, &with_twin).twin("ash-again", "ash")), 0);
}

#[test]
fn a_lane_that_takes_the_processor_while_it_ties_is_flagged() {
    let lanes = [("ash", 1_000.0), ("birch", 1_010.0), ("cedar", 3_000.0)];
    let race = Race::new().comparison("grow", 10, 5, &lanes);
    let results = race.burns("grow", 10, "birch", 2.0).results();
    let flags = &find(&results, "grow", 10, "birch").flags;
    assert!(flags[0].starts_with("takes 2.0") && flags[0].contains("× ["), "{flags:?}");
    assert!(flags[0].ends_with("] the processor time of ash, more than its time accounts for"), "{flags:?}");
    for lane in ["ash", "cedar"] {
        assert_eq!(
            find(&results, "grow", 10, lane).flags,
            [""; 0],
            "{lane} takes what its time accounts for"
        );
    }
}

#[test]
fn a_processor_time_of_nothing_is_no_measure_for_others() {
    let lanes = [("ash", 1_000.0), ("birch", 1_010.0), ("cedar", 1_020.0)];
    let race = Race::new().comparison("grow", 10, 5, &lanes).burns("grow", 10, "ash", 0.0);
    let results = race.burns("grow", 10, "cedar", 4.0).results();
    let flags = ["ash", "birch", "cedar"].map(|lane| find(&results, "grow", 10, lane).flags.len());
    assert_eq!(flags, [0, 0, 1]);
    assert!(find(&results, "grow", 10, "cedar").flags[0].contains("processor time of birch"));
}

#[test]
fn growth_takes_three_sizes_that_are_all_ok() {
    let lanes = |size: f64| [("ash", 50.0), ("birch", 50.0 * size)];
    let race = || {
        [10, 100, 1_000]
            .into_iter()
            .fold(Race::new(), |race, size| race.comparison("grow", size, 5, &lanes(size as f64)))
    };
    let two_sizes =
        |race: Race| race.comparison("rot", 10, 5, &lanes(1.0)).comparison("rot", 100, 5, &lanes(1.0));
    assert_eq!(two_sizes(race()).results().growth, [], "a larger size that does no more has no growth");
    let results = two_sizes(race()).grows().results();
    let [ash, birch] = &results.growth[..] else { panic!("{:?}", results.growth) };
    assert_eq!((&*ash.workload, ash.threads, &*ash.executor), ("grow", 1, "ash"));
    assert_eq!(ash.sizes, [10, 100, 1_000]);
    // An operation of one takes as long at every size, of the other in step with it.
    assert!(ash.exponent.low < 1.0 && 1.0 < ash.exponent.high, "{ash:?}");
    assert!(birch.exponent.low < 2.0 && 2.0 < birch.exponent.high, "{birch:?}");
    let failed = race().grows().fail("grow", 100, "ash").results();
    assert_eq!(failed.growth.iter().map(|growth| &*growth.executor).collect::<Vec<_>>(), ["birch"]);
}

#[test]
fn growth_is_of_the_cost_of_a_run() {
    let mut race = [10, 100, 1_000]
        .into_iter()
        .fold(Race::new(), |race, size| race.comparison("grow", size, 5, &[("ash", 1_000.0)]));
    for ((cell, _), outcome) in &mut race.outcomes {
        let Outcome::Measured(checked, samples, _) = outcome else { continue };
        // As long an operation, and ten times as many of them.
        checked.operations = OPERATIONS * cell.size;
        for sample in samples {
            sample.wall_ns = IDEAL as u64 + (sample.wall_ns - IDEAL as u64) * cell.size;
        }
    }
    let exponent = race.results().growth[0].exponent;
    assert!(exponent.low < 1.0 && 1.0 < exponent.high, "{exponent:?}");
}

#[test]
fn a_block_that_took_no_longer_than_its_ideal_is_a_failure_and_no_number() {
    let mut race = race();
    race.outcomes.insert((cell("rot", 10, "ash"), 2), process(0.0, 1.0));
    let results = race.results();
    let ash = find(&results, "rot", 10, "ash");
    assert_eq!(
        (ash.status, ash.reason.as_deref()),
        (Status::Failed, Some("took no longer than the waiting in it"))
    );
    assert_eq!(find(&results, "rot", 10, "birch").rank, Some(1));
}

#[test]
fn one_block_alone_is_a_failure_and_no_panic() {
    let results = Race::new().comparison("grow", 10, 1, &[("ash", 100.0), ("birch", 100.0)]).results();
    for cell in &results.cells {
        assert_eq!(cell.reason.as_deref(), Some("was measured in fewer than two blocks"));
        assert!(!cell.metrics.contains_key("overhead"));
    }
    let mut none = race();
    none.outcomes.clear();
    assert_eq!(none.results().cells[0].reason.as_deref(), Some("was never measured"));
}

#[test]
fn every_number_of_the_results_is_one() {
    let results = race().twin("fir", "elder").results();
    let text = serde_json::to_string(&results).unwrap();
    assert!(!text.contains("null"), "what is no number would be null: {text}");
    let read: Results = serde_json::from_str(&text).unwrap();
    assert_eq!(read.noise, results.noise);
    let metric = |cell: &Cell| matches!(cell.metrics["overhead"], Metric::Measured { .. });
    assert!(read.cells.iter().all(metric));
}

#[test]
fn a_program_has_its_figures_and_changes_nothing_for_the_others() {
    let others = |lanes: &[(&'static str, f64)]| {
        [("ash", 100.0), ("birch", 150.0), ("twin", 100.0)]
            .into_iter()
            .chain(lanes.iter().copied())
            .collect::<Vec<_>>()
    };
    let race = |lanes: &[(&'static str, f64)]| {
        let race =
            Race::new().comparison("grow", 10, 4, &others(lanes)).comparison("rot", 10, 5, &others(lanes));
        race.twin("twin", "ash").burns("grow", 10, "birch", 40.0).program("elder")
    };
    let alone = race(&[]).results();
    // It is faster than all, burns less, and has had fewer blocks.
    let mut joined = race(&[("elder", 1.0)]).burns("grow", 10, "elder", 0.01);
    joined.outcomes.retain(|(cell, block), _| cell.executor != "elder" || *block < 3);
    let joined = joined.results();
    for lane in ["ash", "birch"] {
        assert_eq!(said_of(&alone, lane), said_of(&joined, lane));
    }
    assert_eq!(alone.noise, joined.noise);
    assert!(!find(&alone, "grow", 10, "birch").flags.is_empty(), "it is flagged with and without");
    let program = find(&joined, "grow", 10, "elder");
    assert_eq!((program.status, program.overhead_of_blocks().len()), (Status::Ok, 3));
    assert!(program.spread.is_some() && program.rank.is_none() && program.ratio.is_none());
    assert!(program.ratios.is_empty() && !program.undecided && !program.tied && program.flags.is_empty());
    assert!(joined.summaries[0].lanes.iter().all(|lane| lane.executor != "elder"));
    let lane = joined.executors.iter().find(|lane| lane.name == "elder").expect("it is a lane");
    assert_eq!((&*lane.class, &*lane.version), ("program", "Tree 1.0"));
}

#[test]
fn a_program_that_fails_takes_no_block_from_the_others() {
    let lanes = [("ash", 100.0), ("birch", 150.0), ("elder", 1.0)];
    let results =
        Race::new().comparison("grow", 10, 4, &lanes).program("elder").fail("grow", 10, "elder").results();
    assert_eq!(find(&results, "grow", 10, "elder").status, Status::Failed);
    assert_eq!(find(&results, "grow", 10, "ash").overhead_of_blocks().len(), 4);
}

#[test]
fn a_program_and_itself_in_another_revision_have_their_blocks_in_common() {
    let lanes = [("ash", 100.0), ("elder", 1.0), ("elder@abc", 2.0)];
    let mut race = Race::new().comparison("grow", 10, 4, &lanes).program("elder");
    let alias = Alias { executor: "elder".to_owned(), track: Some("/old".into()) };
    race.plan.aliases.insert("elder@abc".to_owned(), alias);
    race.outcomes.retain(|(cell, block), _| cell.executor != "elder@abc" || *block > 0);
    let results = race.results();
    for (lane, blocks) in [("ash", 4), ("elder", 3), ("elder@abc", 3)] {
        assert_eq!(find(&results, "grow", 10, lane).overhead_of_blocks().len(), blocks, "{lane}");
    }
}

/// A run of tasks that compute at several sizes, each the work of a task in ns, on two lanes and beside loops. A task costs a lane
/// as much as it says; and the lane does that `part` of the work.
fn grains(lanes: [(&str, f64, f64); 2]) -> Race {
    let sizes = [0, 300, 1_000, 3_000, 10_000, 30_000];
    let mut race = sizes.into_iter().fold(Race::new(), |race, size| {
        let work = size as f64 + 1.0;
        let lanes = lanes.map(|(lane, cost, part)| (lane, cost + work * part));
        race.comparison("grow", size, 4, &[&lanes[..], &[("elder", work)]].concat())
    });
    race = race.program("elder");
    race.plan.baselines.push("elder".to_owned());
    race
}

fn value(metric: &Metric) -> Result<f64, &str> {
    match metric {
        Metric::Measured { estimate, .. } => Ok(estimate.value),
        Metric::Unavailable { unavailable } => Err(unavailable),
    }
}

#[test]
fn lanes_that_race_beside_a_baseline_have_a_curve_and_the_work_that_makes_a_task_worth_it() {
    let results =
        grains([("ash", 100.0, 1.0), ("birch", 1_000.0, 1.0)]).twin("birch-twin", "birch").results();
    let [curve] = &results.grain[..] else { panic!("there is one curve: {:#?}", results.grain) };
    assert_eq!((&*curve.workload, curve.threads, &*curve.baseline), ("grow", 1, "elder"));
    assert_eq!(curve.work.len(), 6);
    let [ash, birch] = &curve.lanes[..] else { panic!("the baseline is no lane of it") };
    for (lane, cost) in [(ash, 100.0), (birch, 1_000.0)] {
        let near = |metric: &Metric, expected: f64| {
            let value = value(metric).unwrap_or_else(|reason| panic!("{}: {reason}", lane.executor));
            // Moods of blocks, which its sizes do not share, move the granularity by some ten percent.
            assert!((expected / 1.5..expected * 1.7).contains(&value), "{}: {value}", lane.executor);
        };
        near(&lane.overhead, cost);
        near(&lane.metg_50, 2.0 * cost);
        near(&lane.metg_90, 10.0 * cost);
    }
    assert_eq!(curve.work_at(300).map(|work| work.value > 300.0), Some(true));
}

#[test]
fn a_curve_says_from_which_work_on_lanes_are_level() {
    let of = |cost| grains([("ash", 100.0, 1.0), ("birch", cost, 1.0)]).results().grain[0].clone();
    let curve = of(1_000.0);
    assert_eq!(curve.lanes[0].level_from, Some(0), "the leader always is");
    assert_eq!((curve.lanes[1].level_from, curve.level_from), (Some(30_000), Some(30_000)));
    let never = of(100_000.0);
    assert_eq!((never.level_from, never.never_level()), (None, vec!["birch"]));
}

#[test]
fn a_lane_that_does_half_the_work_has_no_metg_and_the_reason_is_said() {
    let results = grains([("ash", 100.0, 1.0), ("birch", 100.0, 0.5)]).results();
    let birch = &results.grain[0].lanes[1];
    for metric in [&birch.metg_50, &birch.metg_90] {
        let reason = value(metric).expect_err("it cannot be true");
        assert!(reason.contains("it did less work, or the loops were disturbed"), "{reason}");
    }
    assert!(value(&results.grain[0].lanes[0].metg_50).is_ok());
}

#[test]
fn a_curve_that_does_not_come_so_far_says_so() {
    let results = grains([("ash", 100.0, 1.0), ("birch", 10_000.0, 1.0)]).results();
    let birch = &results.grain[0].lanes[1];
    assert!(value(&birch.metg_50).is_ok());
    let reason = value(&birch.metg_90).expect_err("75 % are the most");
    assert!(reason.starts_with("above ") && reason.ends_with("% at the most work that raced"), "{reason}");
}

#[test]
fn a_curve_takes_part_in_its_group_and_in_no_mean_over_all() {
    let race = grains([("ash", 100.0, 1.0), ("birch", 1_000.0, 1.0)]);
    let results = race.comparison("rot", 10, 4, &[("ash", 1.0), ("birch", 2.0)]).results();
    assert_eq!(results.summaries[0].comparisons, 1, "one that is no place of a curve");
    let group = results.groups.iter().find(|group| group.group == "Life").expect("it has comparisons");
    assert_eq!(group.summary.comparisons, 6);
}

#[test]
fn one_size_is_no_curve() {
    let mut race = Race::new().comparison("grow", 0, 4, &[("ash", 100.0), ("birch", 150.0), ("elder", 1.0)]);
    race = race.program("elder");
    race.plan.baselines.push("elder".to_owned());
    assert!(race.results().grain.is_empty());
}

#[test]
fn without_a_baseline_there_is_no_curve() {
    let mut race = grains([("ash", 100.0, 1.0), ("birch", 1_000.0, 1.0)]);
    race.plan.baselines.clear();
    assert!(race.results().grain.is_empty());
    let failed = grains([("ash", 100.0, 1.0), ("birch", 1_000.0, 1.0)]);
    let failed = failed.fail("grow", 300, "elder").results();
    assert_eq!(
        failed.grain[0].lanes[0].points.len(),
        5,
        "where the loops failed there is no place of the curve"
    );
}

/// A run in which everything is that results can have: failed cells and such as do not apply, a program, a twin, growth,
/// figures that were counted and figures that were not, memory.
#[test]
fn results_fit_the_published_schema() {
    let lanes = [("ash", 100.0), ("birch", 150.0), ("cedar", 101.0), ("twin", 110.0), ("elder", 1.0)];
    let sizes = [10, 100, 1_000].into_iter();
    let race = sizes.fold(Race::new(), |race, size| race.comparison("grow", size, 5, &lanes)).grows();
    let race = race.comparison(BY_LATENESS, 10, 5, &lanes[..2]).burns("grow", 10, "cedar", 2.0);
    let mut race = race.twin("twin", "ash").program("elder").fail("grow", 100, "birch");
    race.plan.not_applicable.push((cell("rot", 10, "fir"), "needs a timer".to_owned()));
    race.plan.memory = [10, 20, 40].map(|size| cell("bud", size, "ash")).to_vec();
    let mut results = race.results();
    assemble::add_counts(&mut results, &lineup(), &race.plan, &tallies(&race.plan));

    let is_in = |status| results.cells.iter().any(|cell| cell.status == status);
    assert!([Status::Ok, Status::Failed, Status::NotApplicable].into_iter().all(is_in));
    assert!(results.noise.is_some() && !results.growth.is_empty() && !results.memory.is_empty());
    assert!(results.cells.iter().any(|cell| !cell.flags.is_empty()));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/results.schema.json");
    let schema = fs::read_to_string(schema).expect("the schema is in the repository");
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    let results: Value = serde_json::from_str(&results.to_json()).expect("it is JSON");
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .expect("the schema is one")
        .iter_errors(&results)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = results.clone();
    wrong["cells"][0]["status"] = "fine".into();
    assert!(!jsonschema::is_valid(&schema, &wrong), "the schema would accept anything");
}

/// The counts of one cell, the reason why there are none of another, and the memory of all.
fn tallies(plan: &Plan) -> Tallies {
    let costs = Costs {
        operations: OPERATIONS,
        allocations: vec![2_000; 5],
        allocated_bytes: vec![64_000; 5],
        instructions: Tally::Counted { unit: "1/op".to_owned(), runs: vec![500_000; 5] },
        system_calls: Tally::Refused("the kernel refuses".to_owned()),
    };
    let of = |cell: CellId, count, turn| CountingJob { cell, count, turn };
    let memory = plan.memory.iter().flat_map(|cell| {
        let used = MemoryUse { before: 1 << 20, after: (1 << 20) + 1_000 * cell.size };
        [0, 1].map(|turn| (of(cell.clone(), Count::Memory, turn), Ok(Counts::Memory(used))))
    });
    let costs = [
        (of(cell("grow", 1_000, "ash"), Count::Costs, 0), Ok(Counts::Costs(costs))),
        (of(cell("grow", 1_000, "birch"), Count::Costs, 0), Err("died".to_owned())),
    ];
    memory.chain(costs).collect()
}
