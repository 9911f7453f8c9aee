//! The lanes over many comparisons: over all at a number of threads, and over those of each group of workloads.

use std::collections::BTreeMap;

use lane_protocol::{Lineup, Measure};
use results::{Cell, Grain, GroupSummary, LaneSummary, Place, Summary};
use statistics::Overall;

use super::{
    comparisons,
    rows::{Field, field_of},
};
use crate::groups;

/// A summary for each number of threads, smallest first, over what is measured by the clock: the mean of times, lateness
/// and processor time would be one of nothing. The `curves` are left out too: their sizes are places of one curve, as many as make it
/// smooth, and most of the time in them is work.
pub(super) fn of_all(lineup: &Lineup, cells: &[Cell], fields: &[Field], curves: &[Grain]) -> Vec<Summary> {
    let is_curve = |workload: &str| curves.iter().any(|curve| curve.workload == workload);
    let by_the_clock = |workload: &str| {
        !is_curve(workload) && lineup.workload(workload).is_none_or(|entry| entry.measure == Measure::Clock)
    };
    let of_threads = |threads| {
        let comparisons = comparisons_at(threads, cells).filter(|lanes| by_the_clock(&lanes[0].workload));
        summary(threads, &comparisons.collect::<Vec<_>>(), fields)
    };
    threads(cells).into_iter().map(of_threads).collect()
}

/// A summary for each number of threads and each group that has comparisons there.
pub(super) fn of_groups(lineup: &Lineup, cells: &[Cell], fields: &[Field]) -> Vec<GroupSummary> {
    let group_of = |workload: &str| lineup.workload(workload).map_or("", |entry| &*entry.group);
    let mut names: Vec<&str> = Vec::new();
    for group in lineup.workloads.iter().map(|entry| &*entry.group) {
        if !group.is_empty() && !names.contains(&group) {
            names.push(group);
        }
    }
    let of_group = |threads: usize, group: &str| {
        let comparisons =
            comparisons_at(threads, cells).filter(|lanes| group_of(&lanes[0].workload) == group);
        let comparisons: Vec<&[Cell]> = comparisons.collect();
        (!comparisons.is_empty()).then(|| GroupSummary {
            group: group.to_owned(),
            about: groups::about(group).to_owned(),
            summary: summary(threads, &comparisons, fields),
        })
    };
    let of_threads = |threads| names.iter().filter_map(move |group| of_group(threads, group));
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
fn summary(threads: usize, comparisons: &[&[Cell]], fields: &[Field]) -> Summary {
    let fields: Vec<&Field> =
        comparisons.iter().filter_map(|lanes| field_of(fields, &lanes[0].id())).collect();
    let mut lanes: Vec<&str> = Vec::new();
    for cell in comparisons.iter().copied().flatten() {
        if !lanes.contains(&&*cell.executor) {
            lanes.push(&cell.executor);
        }
    }
    let cells = |lane: &str| fields.iter().filter(|field| field.place(lane).is_some()).count();
    let names: Vec<&str> = lanes.iter().copied().filter(|lane| cells(lane) == comparisons.len()).collect();
    let places = |field: &Field| names.iter().filter_map(|lane| field.place(lane)).collect();
    let compared: Vec<_> = fields.iter().map(|field| (&field.comparison, places(field))).collect();
    let floors: Vec<f64> = fields.iter().map(|field| field.floor).collect();
    let overall = statistics::overall(&compared, lanes.len(), statistics::floor_of_mean(&floors));
    let reference = overall.iter().position(|lane| lane.place == Place::Best);
    let of_lane = |lane: &&str| {
        let blank = LaneSummary {
            executor: (*lane).to_owned(),
            geomean: None,
            place: None,
            ratios: BTreeMap::new(),
            behind: Vec::new(),
            cells: cells(lane),
        };
        match (reference, names.iter().position(|name| name == lane)) {
            (Some(reference), Some(index)) => {
                let Overall { place, ratios, behind } = &overall[index];
                let to_others = names.iter().zip(ratios).filter(|(name, _)| name != &lane);
                LaneSummary {
                    geomean: Some(ratios[reference]),
                    place: Some(*place),
                    ratios: to_others.map(|(name, ratio)| ((*name).to_owned(), *ratio)).collect(),
                    behind: behind.iter().map(|&other| names[other].to_owned()).collect(),
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
