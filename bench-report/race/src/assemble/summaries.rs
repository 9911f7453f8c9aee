//! The lanes over many comparisons: over all at a number of threads, and over those of each group of workloads.

use std::collections::BTreeMap;

use lane_protocol::{Lineup, Measure};
use results::{Cell, GroupSummary, LaneSummary, Place, Status, Summary};
use statistics::Overall;

use super::comparisons;

/// A summary for each number of threads, smallest first, over what is measured by the clock: the mean of times, lateness
/// and processor time would be one of nothing.
pub(super) fn of_all(lineup: &Lineup, cells: &[Cell], floor: impl Fn(&str) -> f64) -> Vec<Summary> {
    let by_the_clock =
        |workload: &str| lineup.workload(workload).is_none_or(|entry| entry.measure == Measure::Clock);
    let of_threads = |threads| {
        let comparisons = comparisons_at(threads, cells).filter(|lanes| by_the_clock(&lanes[0].workload));
        summary(threads, &comparisons.collect::<Vec<_>>(), &floor)
    };
    threads(cells).into_iter().map(of_threads).collect()
}

/// A summary for each number of threads and each group that has comparisons there.
pub(super) fn of_groups(lineup: &Lineup, cells: &[Cell], floor: impl Fn(&str) -> f64) -> Vec<GroupSummary> {
    let group_of = |workload: &str| lineup.workload(workload).map_or("", |entry| &*entry.group);
    let mut groups: Vec<&str> = Vec::new();
    for group in lineup.workloads.iter().map(|entry| &*entry.group) {
        if !group.is_empty() && !groups.contains(&group) {
            groups.push(group);
        }
    }
    let of_group = |threads: usize, group: &str| {
        let comparisons =
            comparisons_at(threads, cells).filter(|lanes| group_of(&lanes[0].workload) == group);
        let comparisons: Vec<&[Cell]> = comparisons.collect();
        (!comparisons.is_empty()).then(|| GroupSummary {
            group: group.to_owned(),
            summary: summary(threads, &comparisons, &floor),
        })
    };
    let of_threads = |threads| groups.iter().filter_map(move |group| of_group(threads, group));
    threads(cells).into_iter().flat_map(of_threads).collect()
}

fn threads(cells: &[Cell]) -> Vec<usize> {
    let mut threads: Vec<usize> = cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

fn comparisons_at(threads: usize, cells: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    comparisons(cells).filter(move |lanes| lanes[0].threads == threads)
}

/// The means are relative to one lane and not to the best of each comparison: so a cell that is missing takes the mean
/// of its lane away, and changes no other lane's, unless that lane was the reference.
fn summary(threads: usize, comparisons: &[&[Cell]], floor: impl Fn(&str) -> f64) -> Summary {
    let mut lanes: Vec<LaneMeans<'_>> = Vec::new();
    for cell in comparisons.iter().copied().flatten() {
        if !lanes.iter().any(|lane| lane.executor == cell.executor) {
            lanes.push(LaneMeans::of(&cell.executor, comparisons));
        }
    }
    let complete: Vec<&LaneMeans<'_>> =
        lanes.iter().filter(|lane| lane.overheads.len() == comparisons.len()).collect();
    let overheads: Vec<Vec<&[f64]>> = complete.iter().map(|lane| lane.overheads.clone()).collect();
    let floor = comparisons.iter().map(|lanes| floor(&lanes[0].workload)).fold(1.0, f64::max);
    let overall = statistics::overall(&overheads, lanes.len(), floor);
    let names: Vec<&str> = complete.iter().map(|lane| lane.executor).collect();
    let reference = overall.iter().position(|lane| lane.place == Place::Best);
    let of_lane = |lane: &LaneMeans<'_>| {
        let blank = LaneSummary {
            executor: lane.executor.to_owned(),
            geomean: None,
            place: None,
            ratios: BTreeMap::new(),
            cells: lane.overheads.len(),
        };
        match (reference, names.iter().position(|name| *name == lane.executor)) {
            (Some(reference), Some(index)) => {
                let Overall { place, ratios } = &overall[index];
                let to_others = names.iter().zip(ratios).filter(|(name, _)| **name != lane.executor);
                LaneSummary {
                    geomean: Some(ratios[reference]),
                    place: Some(*place),
                    ratios: to_others.map(|(name, ratio)| ((*name).to_owned(), *ratio)).collect(),
                    ..blank
                }
            }
            _ => blank,
        }
    };
    Summary {
        threads,
        comparisons: comparisons.len(),
        reference: reference.map(|reference| names[reference].to_owned()),
        lanes: lanes.iter().map(of_lane).collect(),
    }
}

/// A lane over some comparisons.
struct LaneMeans<'a> {
    executor: &'a str,
    /// In each comparison in which it was measured, of every block.
    overheads: Vec<&'a [f64]>,
}

impl<'a> LaneMeans<'a> {
    fn of(executor: &'a str, comparisons: &[&'a [Cell]]) -> LaneMeans<'a> {
        let cell = |lanes: &&'a [Cell]| lanes.iter().find(|cell| cell.executor == executor);
        let cells = comparisons.iter().filter_map(cell).filter(|cell| cell.status == Status::Ok);
        LaneMeans { executor, overheads: cells.map(Cell::overhead_of_blocks).collect() }
    }
}
