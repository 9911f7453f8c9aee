//! The verdicts over many comparisons: over all at a number of threads, and over those of each group of workloads.
//!
//! Their figures are those of the summaries. A ratio is to the best mean, and it is the best that a lane is behind.

use super::{absent_lanes, by_reason, is_program};
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
    /// Whether it is over all but those that are not measured by the clock.
    pub by_the_clock: bool,
    /// What is compared, if it is not time: "lateness of a tick".
    pub measure: Option<String>,
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
            None if self.by_the_clock => format!("{} by the clock", counted(self.comparisons, "comparison")),
            None if self.comparisons == 1 => "One comparison".to_owned(),
            None => format!("All {}", counted(self.comparisons, "comparison")),
        }
    }

    /// What it says: a sentence without its full stop.
    pub fn sentence(&self) -> String {
        match &self.measure {
            Some(measure) => format!("{measure}: {}", self.finding),
            None => self.finding.clone(),
        }
    }
}

/// The verdicts at a number of threads: first over all comparisons, then over each group, unless it is the only one.
pub fn groups(results: &Results, threads: usize) -> Vec<GroupVerdict> {
    let Some(all) = results.summaries.iter().find(|summary| summary.threads == threads) else {
        return Vec::new();
    };
    let groups = results.groups.iter().filter(|group| group.summary.threads == threads);
    let is_all = |summary: &Summary| summary.comparisons == all.comparisons;
    let only_one = groups.clone().count() == 1;
    let groups = groups.filter(|group| !(only_one && is_all(&group.summary)));
    let groups = groups.map(|group| (Some(&*group.group), &group.summary));
    // Where nothing is measured by the clock, only the groups have means.
    let all = Some((None, all)).filter(|_| all.comparisons > 0);
    let readable = all.into_iter().chain(groups).filter(|(_, summary)| is_readable(summary));
    readable.map(|(group, summary)| verdict(results, group, summary)).collect()
}

/// Whether it says what its means are relative to, as all but the oldest results do.
fn is_readable(summary: &Summary) -> bool {
    summary.reference.is_some() || summary.lanes.iter().all(|lane| lane.geomean.is_none())
}

fn verdict(results: &Results, group: Option<&str>, summary: &Summary) -> GroupVerdict {
    let of_group = results.workloads.iter().filter(|workload| Some(&*workload.group) == group);
    let floors = of_group.map(|workload| results.noise_floor(&workload.name));
    let of_all = results.noise.as_ref().filter(|_| group.is_none()).map_or(1.0, |noise| noise.floor);
    let floor = floors.fold(of_all, f64::max);
    GroupVerdict {
        group: group.map(str::to_owned),
        comparisons: summary.comparisons,
        by_the_clock: group.is_none() && leaves_out(results, summary),
        measure: group.and_then(|group| measures(results, group, summary.threads)),
        finding: finding(results, summary, floor),
        missing: missing(results, group, summary),
    }
}

/// Whether a summary over all comparisons has not all of them: those that are not measured by the clock are left out.
pub fn leaves_out(results: &Results, summary: &Summary) -> bool {
    let is_otherwise = |name: &str| !super::measure(results, name).is_empty();
    results.cells.iter().any(|cell| cell.threads == summary.threads && is_otherwise(&cell.workload))
}

/// What the workloads of a group are measured by, unless it is the clock for all of them.
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

fn finding(results: &Results, summary: &Summary, floor: f64) -> String {
    let standings = Standing::all(summary, floor);
    let executors = summary.lanes.iter().filter(|lane| !is_program(results, &lane.executor));
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

/// Those without a mean, save programs and the lanes that are absent from the whole race.
fn missing(results: &Results, group: Option<&str>, summary: &Summary) -> Option<String> {
    let absent = absent_lanes(results, summary.threads);
    let has_mean =
        |name: &str| summary.lanes.iter().any(|lane| lane.executor == name && lane.geomean.is_some());
    let names = results.executors.iter().map(|lane| lane.name.as_str());
    let names = names.filter(|name| {
        !is_program(results, name) && !has_mean(name) && !absent.iter().any(|(absent, _)| absent == name)
    });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::{GroupSummary, Noise};

    /// The made-up run, in which these lanes have these means at one thread: a lane without a mean failed somewhere.
    fn run(lanes: &[(&str, f64, Option<Place>)]) -> Results {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/results.json"));
        let mut results: Results = serde_json::from_str(fixture).unwrap();
        results.summaries.truncate(1);
        results.groups.clear();
        let estimate = |value: f64| Estimate { value, low: value * 0.96, high: value * 1.04 };
        let ratios = |value: f64| {
            lanes.iter().map(move |(name, other, _)| ((*name).to_owned(), estimate(value / other)))
        };
        let summary = |&(name, value, place): &(&str, f64, Option<Place>)| LaneSummary {
            executor: name.to_owned(),
            geomean: place.map(|_| estimate(value)),
            place,
            ratios: ratios(value).collect(),
            cells: 9,
        };
        let best = lanes.iter().find(|(.., place)| *place == Some(Place::Best));
        results.summaries[0].reference = best.map(|(name, ..)| (*name).to_owned());
        results.summaries[0].lanes = lanes.iter().map(summary).collect();
        results
    }

    fn finding_of(lanes: &[(&str, f64, Option<Place>)]) -> String {
        groups(&run(lanes), 1)[0].finding.clone()
    }

    const BEST: Option<Place> = Some(Place::Best);
    const LEVEL: Option<Place> = Some(Place::Level);
    const OPEN: Option<Place> = Some(Place::Undecided);
    const BEHIND: Option<Place> = Some(Place::Behind);

    #[test]
    fn the_leader_is_ahead_of_the_first_and_the_others_follow() {
        let lanes = [("c", 3.11, BEHIND), ("a", 1.0, BEST), ("d", 2.77, BEHIND), ("b", 2.4, BEHIND)];
        assert_eq!(finding_of(&lanes), "a, 2.40× [2.30, 2.50] ahead of b; then d 2.77×, c 3.11×");
        assert_eq!(finding_of(&lanes[..2]), "a, 3.11× [2.99, 3.23] ahead of c");
    }

    #[test]
    fn leaders_are_level_or_undecided() {
        let lanes = |one, other| {
            finding_of(&[("a", 1.0, BEST), ("b", 1.02, one), ("c", 1.04, other), ("d", 2.0, BEHIND)])
        };
        let ahead = "2.00× [1.92, 2.08] ahead of d";
        assert_eq!(lanes(LEVEL, LEVEL), format!("a, b and c level, {ahead}"));
        assert_eq!(lanes(LEVEL, OPEN), format!("a and b level, c undecided, {ahead}"));
        assert_eq!(lanes(OPEN, OPEN), format!("undecided between a, b and c, {ahead}"));
        assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.02, LEVEL)]), "a and b level");
        assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.2, OPEN)]), "undecided between a and b");
    }

    #[test]
    fn of_many_undecided_lanes_two_are_named() {
        let lanes = ["b", "c", "d", "e"].map(|name| (name, 1.1, OPEN));
        let lanes = [&[("a", 1.0, BEST)], &lanes[..]].concat();
        assert_eq!(finding_of(&lanes), "undecided between a, b and 3 more");
        let level = [&lanes[..], &[("f", 1.0, LEVEL)]].concat();
        assert_eq!(finding_of(&level), "a and f level, b, c and 2 more undecided");
    }

    #[test]
    fn lanes_that_are_level_with_each_other_tie() {
        let lanes = |ratios: [f64; 4]| {
            let [b, c, d, e] = ratios.map(|ratio| move |name| (name, ratio, BEHIND));
            finding_of(&[("a", 1.0, BEST), b("b"), c("c"), d("d"), e("e")])
        };
        let ahead = "a, 2.00× [1.92, 2.08] ahead of b";
        assert_eq!(lanes([2.0, 3.0, 3.1, 4.0]), format!("{ahead}; then c and d tie at 3.00–3.10×, e 4.00×"));
        assert_eq!(lanes([2.0, 3.0, 3.0, 3.0]), format!("{ahead}; then c, d and e tie at 3.00×"));
        assert_eq!(lanes([2.0, 2.02, 4.0, 5.0]), format!("{ahead} and c, which tie; then d 4.00×, e 5.00×"));
        // Each is level with the next, but the first is not with the last.
        assert_eq!(lanes([2.0, 3.0, 3.15, 3.3]), format!("{ahead}; then c and d tie at 3.00–3.15×, e 3.30×"));
    }

    #[test]
    fn the_noise_floor_widens_a_tie() {
        let mut results =
            run(&[("a", 1.0, BEST), ("b", 2.0, BEHIND), ("c", 3.0, BEHIND), ("d", 3.5, BEHIND)]);
        assert!(groups(&results, 1)[0].finding.ends_with("; then c 3.00×, d 3.50×"));
        results.noise = Some(Noise { floor: 1.3, floors: BTreeMap::new(), different: 0, pairs: Vec::new() });
        assert!(groups(&results, 1)[0].finding.ends_with("; then c and d tie at 3.00–3.50×"));
    }

    #[test]
    fn results_without_places_are_read_by_their_intervals() {
        let lanes = [("a", 1.0, BEST), ("b", 1.02, LEVEL), ("c", 1.08, OPEN), ("d", 2.0, BEHIND)];
        let mut results = run(&lanes);
        for lane in &mut results.summaries[0].lanes {
            (lane.place, lane.ratios) = (None, BTreeMap::new());
        }
        // 1.02 may be 1.06, which is level; this may be 1.12.
        results.summaries[0].lanes[2].geomean = Some(Estimate { value: 1.08, low: 0.99, high: 1.12 });
        let finding = |results: &Results| groups(results, 1)[0].finding.clone();
        assert_eq!(finding(&results), "a and b level, c undecided, 2.00× [1.92, 2.08] ahead of d");
        results.summaries[0].reference = None;
        assert_eq!(groups(&results, 1), [], "older still: nobody knows what the means are relative to");
    }

    #[test]
    fn a_race_without_rivals_has_a_verdict_too() {
        assert_eq!(finding_of(&[("a", 1.0, BEST)]), "a raced alone");
        assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.0, None)]), "only a was measured in each of them");
        assert_eq!(finding_of(&[("a", 1.0, None), ("b", 1.0, None)]), "no lane was measured in each of them");
        let mut results = run(&[("a", 1.0, BEST), ("b", 1.0, None)]);
        results.summaries[0].comparisons = 1;
        let [verdict] = &groups(&results, 1)[..] else { panic!("there are no groups") };
        assert_eq!((&*verdict.title(), &*verdict.finding), ("One comparison", "only a was measured"));
        assert_eq!(groups(&results, 7), []);
    }

    #[test]
    fn all_comparisons_come_first_and_a_group_that_is_all_of_them_is_left_out() {
        let mut results = run(&[("a", 1.0, BEST), ("b", 2.0, BEHIND)]);
        let group = |comparisons, group: &str| GroupSummary {
            group: group.to_owned(),
            summary: Summary { comparisons, ..results.summaries[0].clone() },
        };
        let several = vec![group(4, "Timers"), group(5, "Jobs")];
        let only = vec![group(9, "Timers")];
        let titles = |results: &Results| -> Vec<String> {
            groups(results, 1).iter().map(GroupVerdict::title).collect()
        };
        results.groups = several;
        assert_eq!(titles(&results), ["All 9 comparisons", "Timers", "Jobs"]);
        results.groups = only;
        assert_eq!(titles(&results), ["All 9 comparisons"]);
    }

    #[test]
    fn who_has_no_mean_is_said_with_the_reason() {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/results.json"));
        let results: Results = serde_json::from_str(fixture).unwrap();
        let missing = |results: &Results| -> Vec<Option<String>> {
            groups(results, 2).into_iter().map(|verdict| verdict.missing).collect()
        };
        let of = |comparisons: usize| {
            Some(format!("No mean: async-std (failed in 1 of {comparisons}), rayon (needs a timer)."))
        };
        assert_eq!(
            missing(&results),
            [of(9), of(5), None],
            "lanes of one thread are absent from the whole race"
        );
        let mut results = results;
        let failed = |cell: &&mut Cell| (&*cell.executor, &*cell.workload) == ("rayon", "blocking-squares");
        results.cells.iter_mut().filter(failed).for_each(|cell| cell.status = Status::Failed);
        for group in results.groups.iter_mut().filter(|group| group.group == "Blocking jobs") {
            group.summary.lanes.retain(|lane| lane.executor != "rayon");
        }
        let rayon = missing(&results).into_iter().map(|sentence| sentence.unwrap());
        let rayon: Vec<String> =
            rayon.map(|sentence| sentence[sentence.find("rayon").unwrap()..].to_owned()).collect();
        assert_eq!(
            rayon,
            ["rayon (failed in 2 of 9).", "rayon (needs a timer).", "rayon (failed in 2 of 4)."]
        );
        results.cells.iter_mut().filter(failed).for_each(|cell| cell.status = Status::Ok);
        results.cells.retain(|cell| (&*cell.executor, &*cell.workload) != ("rayon", "sleep-fan-out"));
        results.cells.retain(|cell| (&*cell.executor, &*cell.workload) != ("rayon", "wait-timeout"));
        assert!(missing(&results)[0].as_ref().unwrap().ends_with("rayon (ran 4 of 9)."));
    }

    #[test]
    fn nine_lanes_fit_two_lines_of_130_characters() {
        let names = [
            "hand-rolled-current-thread",
            "hand-rolled",
            "smol-local",
            "async-std",
            "smol",
            "tokio-current-thread",
            "tokio",
            "glommio",
            "async-executor",
        ];
        let lanes = |place: &dyn Fn(usize) -> (f64, Option<Place>)| -> Vec<(&str, f64, Option<Place>)> {
            let lane = |(index, name)| (name, place(index).0, place(index).1);
            let best = (names[0], 1.0, BEST);
            [best].into_iter().chain(names.into_iter().enumerate().skip(1).map(lane)).collect()
        };
        let all_apart = lanes(&|index| (1.5 * index as f64, BEHIND));
        let in_pairs = lanes(&|index| (10.0 * (index / 2 + 1) as f64, BEHIND));
        let all_open = lanes(&|_| (1.1, OPEN));
        let all_level = lanes(&|_| (1.01, LEVEL));
        for lanes in [all_apart, in_pairs, all_open, all_level] {
            let verdict = &groups(&run(&lanes), 1)[0];
            let sentence = format!("{}: {}.", verdict.title(), verdict.finding);
            assert!(sentence.chars().count() <= 260, "{sentence}");
        }
    }
}
