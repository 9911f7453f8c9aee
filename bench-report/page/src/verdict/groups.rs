//! Writes the verdicts over many comparisons: over all at a number of threads, and over those of each group
//! of workloads.
//!
//! Their figures are those of the summaries. Ratios are to the best mean, and "behind" means behind the best.

use super::reasons::by_reason;
use results::{
    Cell, Estimate, LEVEL, LaneSummary, Place, Results, Row, Status, Summary, Workload,
    figures::{counted, listed, ratio, ratio_with_interval},
    lookup,
};

/// From this number of open lanes on, not all are named.
const MANY: usize = 4;

/// The verdict over all comparisons at one number of threads, or over those of a group of workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVerdict {
    /// The group, as its workloads name it; `None` for the verdict over all comparisons.
    pub group: Option<String>,
    /// The number of comparisons that it is over.
    pub comparisons: usize,
    /// `true` if it is over all comparisons except those that are not measured by the clock.
    pub by_the_clock: bool,
    /// The quantity that is compared, if it is not time: "lateness of a tick".
    pub measure: Option<String>,
    /// The lead, its margin, and the places of the other lanes: a sentence without its full stop.
    pub finding: String,
    /// The lanes without a mean, and the reasons: a sentence, if there are any.
    pub missing: Option<String>,
}

impl GroupVerdict {
    /// Names the comparisons that it is over: "Timers", or "All 15 comparisons".
    pub fn title(&self) -> String {
        match &self.group {
            Some(group) => group.clone(),
            None if self.by_the_clock => {
                format!("{} measured in time", counted(self.comparisons, "comparison"))
            }
            None if self.comparisons == 1 => "One comparison".to_owned(),
            None => format!("All {}", counted(self.comparisons, "comparison")),
        }
    }

    /// Writes the verdict: a sentence without its full stop.
    pub fn sentence(&self) -> String {
        match &self.measure {
            Some(measure) => format!("{measure}: {}", self.finding),
            None => self.finding.clone(),
        }
    }
}

/// Returns the verdicts at a number of threads: first over all comparisons, then over each group, unless it
/// is the only one.
pub fn groups(results: &Results, threads: usize) -> Vec<GroupVerdict> {
    let Some(all) = results.summaries.iter().find(|summary| summary.threads == threads) else {
        return Vec::new();
    };
    let groups = results.groups.iter().filter(|group| group.summary.threads == threads);
    let is_all = |summary: &Summary| summary.comparisons == all.comparisons;
    let only_one = groups.clone().count() == 1;
    let groups = groups.filter(|group| !(only_one && is_all(&group.summary)));
    let groups = groups.map(|group| (Some(&*group.group), &group.summary));
    // If nothing is measured by the clock, only the groups have means.
    let all = Some((None, all)).filter(|_| all.comparisons > 0);
    let readable = all.into_iter().chain(groups).filter(|(_, summary)| is_readable(summary));
    readable.map(|(group, summary)| verdict(results, group, summary)).collect()
}

/// Returns `true` if it names the reference of its means, as all but the oldest results do.
fn is_readable(summary: &Summary) -> bool {
    summary.reference.is_some() || summary.lanes.iter().all(|lane| lane.geomean.is_none())
}

fn verdict(results: &Results, group: Option<&str>, summary: &Summary) -> GroupVerdict {
    let floor = floor_of_group(results, group, summary.threads);
    GroupVerdict {
        group: group.map(str::to_owned),
        comparisons: summary.comparisons,
        by_the_clock: group.is_none() && leaves_out(results, summary),
        measure: group.and_then(|group| measures(results, group, summary.threads)),
        finding: finding(results, summary, floor),
        missing: missing(results, group, summary),
    }
}

/// Returns the noise floor of the means of a group, or of all comparisons by the clock.
pub(crate) fn floor_of_group(results: &Results, group: Option<&str>, threads: usize) -> f64 {
    let is_meant = |workload: &Workload| match group {
        Some(group) => workload.group == group,
        None => workload.measure.is_empty(),
    };
    let meant = || results.workloads.iter().filter(|workload| is_meant(workload));
    let is_in = |row: &&Row| row.threads == threads && meant().any(|workload| workload.name == row.workload);
    let floors: Vec<f64> = results.rows.iter().filter(is_in).map(|row| row.floor.ln()).collect();
    if floors.is_empty() {
        // Older files have a floor for each measure; the highest holds for all.
        return meant().map(|workload| results.noise_floor(&workload.name)).fold(1.0, f64::max);
    }
    // The noise of one row has nothing to do with that of another, so they partly cancel out.
    let squares: f64 = floors.iter().map(|floor| floor.powi(2)).sum();
    (squares.sqrt() / floors.len() as f64).exp()
}

/// Returns `true` if a summary over all comparisons leaves some out: those that are not measured by the
/// clock.
pub fn leaves_out(results: &Results, summary: &Summary) -> bool {
    let is_otherwise = |name: &str| !lookup::measure(results, name).is_empty();
    results.cells.iter().any(|cell| cell.threads == summary.threads && is_otherwise(&cell.workload))
}

/// Names the quantities that the workloads of a group measure, unless all measure time on the clock.
fn measures(results: &Results, group: &str, threads: usize) -> Option<String> {
    let ran = |name: &str| results.cells.iter().any(|cell| cell.threads == threads && cell.workload == name);
    let of_group = results.workloads.iter().filter(|workload| workload.group == group && ran(&workload.name));
    let mut measures: Vec<&str> = of_group.map(|workload| &*workload.measure).collect();
    measures.sort_unstable();
    measures.dedup();
    let named = measures.iter().map(|measure| if measure.is_empty() { "time" } else { measure });
    let named: Vec<&str> = named.collect();
    measures.iter().any(|measure| !measure.is_empty()).then(|| listed(&named))
}

/// A lane that has a mean.
struct LaneMean<'a> {
    summary: &'a LaneSummary,
    mean: Estimate,
    place: Place,
}

impl<'a> LaneMean<'a> {
    /// Returns all lanes that have a mean, the best first.
    fn all(summary: &'a Summary, floor: f64) -> Vec<LaneMean<'a>> {
        let reference = summary.reference.as_deref();
        let lanes = summary.lanes.iter();
        let mut standings: Vec<LaneMean<'a>> =
            lanes.filter_map(|lane| LaneMean::of(lane, reference, floor)).collect();
        standings.sort_by(|one, other| {
            let key = |standing: &LaneMean<'_>| standing.place != Place::Best;
            key(one).cmp(&key(other)).then(one.mean.value.total_cmp(&other.mean.value))
        });
        standings
    }

    fn of(lane: &'a LaneSummary, reference: Option<&str>, floor: f64) -> Option<LaneMean<'a>> {
        let mean = lane.geomean?;
        let place = match lane.place {
            Some(place) => place,
            // Results of an older draft have no places, only the interval.
            None if reference == Some(&lane.executor) => Place::Best,
            None if mean.low > floor => Place::Behind,
            None if mean.high <= floor.max(LEVEL) => Place::Level,
            None => Place::Undecided,
        };
        Some(LaneMean { summary: lane, mean, place })
    }

    fn lane(&self) -> &'a str {
        &self.summary.executor
    }

    /// Returns `true` if the two are shown to be level with each other.
    fn is_level_with(&self, other: &LaneMean<'_>, floor: f64) -> bool {
        [(self, other), (other, self)].iter().all(|(one, other)| {
            let ratio = one.summary.ratios.get(other.lane());
            ratio.is_some_and(|ratio| ratio.high <= floor.max(LEVEL))
        })
    }
}

fn finding(results: &Results, summary: &Summary, floor: f64) -> String {
    let standings = LaneMean::all(summary, floor);
    let executors = summary.lanes.iter().filter(|lane| !lookup::is_program(results, &lane.executor));
    match (&standings[..], executors.count(), summary.comparisons) {
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

/// Names the lanes that are not shown to be behind: "a and b level, c (1.30×) open".
fn lead(leaders: &[LaneMean<'_>]) -> String {
    let (open, level): (Vec<_>, Vec<_>) = leaders.iter().partition(|lane| lane.place == Place::Undecided);
    let level: Vec<&str> = level.iter().map(|lane| lane.lane()).collect();
    let open = open.iter().map(|lane| format!("{} ({})", lane.lane(), ratio(lane.mean.value)));
    let open: Vec<String> = open.collect();
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    match (&level[..], open.is_empty()) {
        ([best], true) => (*best).to_owned(),
        (_, true) => format!("{} level", listed(&level)),
        ([_], false) => format!("open between {}", some_of(&[level, open].concat())),
        (_, false) => format!("{} level, {} open", listed(&level), some_of(&open)),
    }
}

/// Lists names as in a sentence; of many only the first two, and the number of the others.
fn some_of(names: &[&str]) -> String {
    if names.len() < MANY {
        return listed(names);
    }
    listed(&[names[0], names[1], &format!("{} more", names.len() - 2)])
}

/// Writes the margin to the first lanes behind the leaders.
fn ahead_of(first: &[LaneMean<'_>]) -> String {
    let ratio = ratio_with_interval(&first[0].mean);
    let which_tie = if first.len() > 1 { ", which are level" } else { "" };
    format!("{ratio} ahead of {}{which_tie}", names(first))
}

/// Writes a lane with its ratio: "tokio 3.11×"; or several: "smol and async-std level at 2.40–2.44×".
fn further_behind(tie: &[LaneMean<'_>]) -> String {
    let [least, most] =
        [tie.first(), tie.last()].map(|lane| lane.map_or(String::new(), |lane| ratio(lane.mean.value)));
    match tie {
        [lane] => format!("{} {least}", lane.lane()),
        _ if least == most => format!("{} level at {least}", names(tie)),
        _ => format!("{} level at {}–{most}", names(tie), least.trim_end_matches('×')),
    }
}

fn names(standings: &[LaneMean<'_>]) -> String {
    listed(&standings.iter().map(LaneMean::lane).collect::<Vec<_>>())
}

/// Splits lanes in their order into ties, in which each lane is level with each other.
fn ties<'a, 'b>(mut lanes: &'b [LaneMean<'a>], floor: f64) -> Vec<&'b [LaneMean<'a>]> {
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

/// Writes the lanes without a mean, except programs and the lanes that are absent from the whole race.
fn missing(results: &Results, group: Option<&str>, summary: &Summary) -> Option<String> {
    let absent = lookup::absent_lanes(results, summary.threads);
    let has_mean =
        |name: &str| summary.lanes.iter().any(|lane| lane.executor == name && lane.geomean.is_some());
    let names = results.executors.iter().map(|lane| lane.name.as_str());
    let names = names.filter(|name| {
        !lookup::is_program(results, name)
            && !has_mean(name)
            && !absent.iter().any(|(absent, _)| absent == name)
    });
    let reasons: Vec<(&str, String)> =
        names.map(|name| (name, reason_without_mean(results, group, summary, name))).collect();
    let reasons: Vec<(&str, &str)> = reasons.iter().map(|(name, reason)| (*name, &**reason)).collect();
    let reasons: Vec<String> =
        by_reason(&reasons).iter().map(|(reason, lanes)| format!("{} ({reason})", listed(lanes))).collect();
    (!reasons.is_empty()).then(|| format!("No mean: {}.", reasons.join(", ")))
}

/// Returns the reason why a lane has no mean.
pub(crate) fn reason_without_mean(
    results: &Results,
    group: Option<&str>,
    summary: &Summary,
    lane: &str,
) -> String {
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
        Some(cell) => lookup::reason(cell).to_owned(),
        None => format!("ran {} of {comparisons}", cells.len()),
    }
}
