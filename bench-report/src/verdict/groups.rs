//! The verdicts over many comparisons: over all at a number of threads, and over those of each group of workloads.
//!
//! Their figures are those of the summaries. A ratio is to the best mean, and it is the best that a lane is behind.

use super::{absent_lanes, by_reason};
use crate::{
    figures::{counted, listed, ratio, ratio_with_interval},
    results::{Cell, Estimate, LaneSummary, Place, Results, Status, Summary},
    statistics::LEVEL,
};

/// From how many undecided lanes on not all are named.
const MANY: usize = 4;

/// The verdict over all comparisons at one number of threads, or over those of a group of workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVerdict {
    /// The group, as its workloads name it; none if it is over all comparisons.
    pub group: Option<String>,
    /// How many comparisons it is over.
    pub comparisons: usize,
    /// Who leads, by how much, and where the others are: a sentence without its full stop.
    pub finding: String,
    /// Who has no mean, and why: a sentence, if anybody has none.
    pub missing: Option<String>,
}

impl GroupVerdict {
    /// What it is over: "Timers", or "All 15 comparisons".
    pub fn title(&self) -> String {
        match &self.group {
            Some(group) => group.clone(),
            None if self.comparisons == 1 => "One comparison".to_owned(),
            None => format!("All {}", counted(self.comparisons, "comparison")),
        }
    }
}

/// The verdicts at a number of threads: first over all comparisons, then over each group, unless it is the only one.
pub fn groups(results: &Results, threads: usize) -> Vec<GroupVerdict> {
    let Some(all) = results.summaries.iter().find(|summary| summary.threads == threads) else {
        return Vec::new();
    };
    let groups = results
        .groups
        .iter()
        .filter(|group| group.summary.threads == threads && group.summary.comparisons < all.comparisons);
    let groups = groups.map(|group| (Some(&*group.group), &group.summary));
    let readable = [(None, all)].into_iter().chain(groups).filter(|(_, summary)| is_readable(summary));
    readable.map(|(group, summary)| verdict(results, group, summary)).collect()
}

/// Whether it says what its means are relative to, as all but the oldest results do.
fn is_readable(summary: &Summary) -> bool {
    summary.reference.is_some() || summary.lanes.iter().all(|lane| lane.geomean.is_none())
}

fn verdict(results: &Results, group: Option<&str>, summary: &Summary) -> GroupVerdict {
    let floor = results.noise.as_ref().map_or(1.0, |noise| noise.floor.max(1.0));
    GroupVerdict {
        group: group.map(str::to_owned),
        comparisons: summary.comparisons,
        finding: finding(summary, floor),
        missing: missing(results, group, summary),
    }
}

/// A lane that has a mean.
struct Standing<'a> {
    summary: &'a LaneSummary,
    mean: Estimate,
    place: Place,
}

impl<'a> Standing<'a> {
    /// All that have one, the best first.
    fn all(summary: &'a Summary, floor: f64) -> Vec<Standing<'a>> {
        let is_reference = |lane: &LaneSummary| summary.reference.as_ref() == Some(&lane.executor);
        let standing = |lane: &'a LaneSummary| {
            let mean = lane.geomean?;
            let place = match lane.place {
                Some(place) => place,
                // Results that are older than places have nothing but the interval.
                None if is_reference(lane) => Place::Best,
                None if mean.low > floor => Place::Behind,
                None if mean.high <= floor.max(LEVEL) => Place::Level,
                None => Place::Undecided,
            };
            Some(Standing { summary: lane, mean, place })
        };
        let mut standings: Vec<Standing<'a>> = summary.lanes.iter().filter_map(standing).collect();
        standings.sort_by(|one, other| {
            let key = |standing: &Standing<'_>| standing.place != Place::Best;
            key(one).cmp(&key(other)).then(one.mean.value.total_cmp(&other.mean.value))
        });
        standings
    }

    fn lane(&self) -> &'a str {
        &self.summary.executor
    }

    /// Whether the two are shown to be level with each other.
    fn is_level_with(&self, other: &Standing<'_>, floor: f64) -> bool {
        [(self, other), (other, self)].iter().all(|(one, other)| {
            let ratio = one.summary.ratios.get(other.lane());
            ratio.is_some_and(|ratio| ratio.high <= floor.max(LEVEL))
        })
    }
}

fn finding(summary: &Summary, floor: f64) -> String {
    let standings = Standing::all(summary, floor);
    match (&standings[..], summary.lanes.len(), summary.comparisons) {
        ([], _, 1) => return "no lane was measured".to_owned(),
        ([], ..) => return "no lane was measured in each of them".to_owned(),
        ([alone], 1, _) => return format!("{} raced alone", alone.lane()),
        ([only], _, 1) => return format!("only {} was measured", only.lane()),
        ([only], ..) => return format!("only {} was measured in each of them", only.lane()),
        _ => {}
    }
    let (behind, leaders): (Vec<_>, Vec<_>) =
        standings.into_iter().partition(|standing| standing.place == Place::Behind);
    let ties = ties(&behind, floor);
    let [first, others @ ..] = &ties[..] else { return lead(&leaders) };
    let margin = format!("{}, {}", lead(&leaders), ahead_of(first));
    if others.is_empty() {
        return margin;
    }
    let others: Vec<String> = others.iter().map(|tie| further_behind(tie)).collect();
    format!("{margin}; then {}", others.join(", "))
}

/// Those who are not shown to be behind: "a and b level, c undecided".
fn lead(leaders: &[Standing<'_>]) -> String {
    let (open, level): (Vec<_>, Vec<_>) = leaders.iter().partition(|lane| lane.place == Place::Undecided);
    let [open, level] = [open, level].map(|lanes| lanes.iter().map(|lane| lane.lane()).collect::<Vec<_>>());
    match (&level[..], open.is_empty()) {
        ([best], true) => (*best).to_owned(),
        (_, true) => format!("{} level", listed(&level)),
        ([_], false) => format!("undecided between {}", some_of(&[level, open].concat())),
        (_, false) => format!("{} level, {} undecided", listed(&level), some_of(&open)),
    }
}

/// Names in a sentence; of many the first two and how many more.
fn some_of(names: &[&str]) -> String {
    if names.len() < MANY {
        return listed(names);
    }
    listed(&[names[0], names[1], &format!("{} more", names.len() - 2)])
}

/// By how much the first behind the leaders are behind.
fn ahead_of(first: &[Standing<'_>]) -> String {
    let ratio = ratio_with_interval(&first[0].mean);
    let which_tie = if first.len() > 1 { ", which tie" } else { "" };
    format!("{ratio} ahead of {}{which_tie}", names(first))
}

/// A lane with its ratio: "tokio 3.11×"; or several: "smol and async-std tie at 2.40–2.44×".
fn further_behind(tie: &[Standing<'_>]) -> String {
    let [least, most] =
        [tie.first(), tie.last()].map(|lane| lane.map_or(String::new(), |lane| ratio(lane.mean.value)));
    match tie {
        [lane] => format!("{} {least}", lane.lane()),
        _ if least == most => format!("{} tie at {least}", names(tie)),
        _ => format!("{} tie at {}–{most}", names(tie), least.trim_end_matches('×')),
    }
}

fn names(standings: &[Standing<'_>]) -> String {
    listed(&standings.iter().map(Standing::lane).collect::<Vec<_>>())
}

/// Parts lanes in their order into those that tie, each with each.
fn ties<'a, 'b>(mut lanes: &'b [Standing<'a>], floor: f64) -> Vec<&'b [Standing<'a>]> {
    let mut ties = Vec::new();
    while let [_, ..] = lanes {
        let joins = |&end: &usize| lanes[..end].iter().all(|lane| lane.is_level_with(&lanes[end], floor));
        let end = (1..lanes.len()).take_while(joins).count() + 1;
        let (tie, rest) = lanes.split_at(end);
        ties.push(tie);
        lanes = rest;
    }
    ties
}

/// Those without a mean, save the lanes that are absent from the whole race.
fn missing(results: &Results, group: Option<&str>, summary: &Summary) -> Option<String> {
    let absent = absent_lanes(results, summary.threads);
    let has_mean =
        |name: &str| summary.lanes.iter().any(|lane| lane.executor == name && lane.geomean.is_some());
    let names = results.executors.iter().map(|lane| lane.name.as_str());
    let names = names.filter(|name| !has_mean(name) && !absent.iter().any(|(absent, _)| absent == name));
    let reasons: Vec<(&str, String)> =
        names.map(|name| (name, without_mean(results, group, summary, name))).collect();
    let reasons: Vec<(&str, &str)> = reasons.iter().map(|(name, reason)| (*name, &**reason)).collect();
    let reasons: Vec<String> =
        by_reason(&reasons).iter().map(|(reason, lanes)| format!("{} ({reason})", listed(lanes))).collect();
    (!reasons.is_empty()).then(|| format!("No mean: {}.", reasons.join(", ")))
}

/// Why a lane has no mean.
fn without_mean(results: &Results, group: Option<&str>, summary: &Summary, lane: &str) -> String {
    let in_group = |cell: &&Cell| {
        let mut workloads = results.workloads.iter().filter(|workload| workload.name == cell.workload);
        group.is_none_or(|group| workloads.any(|workload| workload.group == group))
    };
    let cells = results.cells.iter().filter(|cell| cell.threads == summary.threads && cell.executor == lane);
    let cells: Vec<&Cell> = cells.filter(in_group).collect();
    let comparisons = summary.comparisons;
    let failed = cells.iter().filter(|cell| cell.status == Status::Failed).count();
    if failed > 0 {
        return format!("failed in {failed} of {comparisons}");
    }
    match cells.iter().find(|cell| cell.status == Status::NotApplicable) {
        Some(cell) => super::reason(cell).to_owned(),
        None => format!("ran {} of {comparisons}", cells.len()),
    }
}
