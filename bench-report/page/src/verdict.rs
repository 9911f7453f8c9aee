//! Says in words which lane won. Everything is read from the results; nothing is computed anew.

mod groups;
mod lead;
mod reasons;

use std::fmt;

use results::{
    Cell, Estimate, Results, Status,
    figures::{counted, in_unit, listed, ratio_with_interval},
    lookup,
};

use crate::sizes;

pub use groups::{GroupVerdict, groups, leaves_out};
pub(crate) use groups::{floor_of_group, reason_without_mean};
use lead::Lead;
use reasons::by_reason;

/// The lead of one comparison.
#[derive(Clone, Debug)]
pub struct Winner<'a> {
    /// The lanes of rank 1, the best first: one that leads, or several that share the lead.
    pub leaders: Vec<&'a str>,
    /// The same lanes by what is known of them: level, near or open.
    pub(crate) lead: Lead<'a>,
    /// The overhead of the best of them.
    pub overhead: Estimate,
    /// The unit of that: "ns/op", or "×" if it is no time.
    pub unit: &'a str,
    /// The best lane behind them; `None` if no lane is shown to be behind.
    pub runner_up: Option<RunnerUp<'a>>,
}

/// The best lane behind the leaders.
#[derive(Clone, Debug)]
pub struct RunnerUp<'a> {
    /// Its name.
    pub lane: &'a str,
    /// The ratio of its overhead to the best lane's.
    pub behind: Estimate,
}

/// The verdict on one workload at one number of threads, over all its sizes.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Name of the workload.
    pub workload: String,
    /// Workers of the executors.
    pub threads: usize,
    /// The lead at each size, and its margin at the largest one: a sentence without its subject and its full
    /// stop.
    pub finding: String,
    /// The lanes that are missing from it: failed, without a capability, or not run. A sentence each.
    pub missing: Vec<String>,
}

/// The verdicts at one number of threads.
#[derive(Clone, Debug)]
pub struct Race {
    /// Workers of the executors.
    pub threads: usize,
    /// The verdict over all comparisons, then that of each group of workloads, in the order of the lineup.
    pub groups: Vec<GroupVerdict>,
    /// A verdict for each workload, in the order of the lineup.
    pub verdicts: Vec<Verdict>,
    /// The lanes that apply to no comparison of this race, with the reason. A sentence each.
    pub absent: Vec<String>,
}

/// Returns the verdicts of a run: a race for each number of threads, in the order of [`lookup::races`].
pub fn races(results: &Results) -> Vec<Race> {
    lookup::races(results)
        .into_iter()
        .map(|threads| Race {
            threads,
            groups: groups(results, threads),
            verdicts: results
                .workloads
                .iter()
                .filter(|workload| !lookup::sizes(results, &workload.name, threads).is_empty())
                .map(|workload| verdict(results, &workload.name, threads))
                .collect(),
            absent: absent(results, threads),
        })
        .collect()
}

/// Returns the verdict on one workload at one number of threads.
pub fn verdict(results: &Results, workload: &str, threads: usize) -> Verdict {
    Verdict {
        workload: workload.to_owned(),
        threads,
        finding: finding(results, workload, threads),
        missing: missing(results, workload, threads),
    }
}

/// Returns the lead of a comparison; `None` if no lane of it was measured.
pub fn winner<'a>(comparison: impl Iterator<Item = &'a Cell>) -> Option<Winner<'a>> {
    let mut standings: Vec<MeasuredLane<'a>> = comparison.filter_map(MeasuredLane::of).collect();
    standings.sort_by(|one, other| one.overhead.value.total_cmp(&other.overhead.value));
    let (leaders, others): (Vec<_>, Vec<_>) = standings.into_iter().partition(|standing| standing.rank == 1);
    Some(Winner {
        overhead: leaders.first()?.overhead,
        unit: leaders.first()?.unit,
        leaders: leaders.iter().map(|standing| standing.lane).collect(),
        lead: Lead::of(&leaders),
        runner_up: others.first().map(|next| RunnerUp { lane: next.lane, behind: next.ratio }),
    })
}

/// Writes the sentences on the lanes that apply to no comparison at a number of threads.
pub fn absent(results: &Results, threads: usize) -> Vec<String> {
    not_applicable(&lookup::absent_lanes(results, threads))
}

impl Winner<'_> {
    /// Writes the lead with `list` for the names of several lanes: "hand-rolled wins".
    pub(crate) fn lead_in_words(&self, list: impl Fn(&[&str]) -> String) -> String {
        // A lane that others are near leads, but to call that a win would be too much.
        self.lead.words(if self.leaders.len() == 1 { "wins" } else { "leads" }, list)
    }

    /// Writes the lead without ratios: "hand-rolled and tokio level, smol near".
    pub(crate) fn lead_in_short(&self) -> String {
        self.lead.words_without_ratios("leads", all)
    }

    /// Writes the ratio of the best lane behind them, after a semicolon: "; smol takes 5.10× [4.80, 5.40]".
    pub(crate) fn margin_in_words(&self) -> String {
        let takes =
            |next: &RunnerUp<'_>| format!("; {} takes {}", next.lane, ratio_with_interval(&next.behind));
        self.runner_up.as_ref().map_or(String::new(), takes)
    }
}

impl fmt::Display for Winner<'_> {
    /// Writes the verdict on one comparison: "hand-rolled wins; smol takes 5.10× [4.80, 5.40]".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.lead_in_words(all), self.margin_in_words())
    }
}

impl fmt::Display for Verdict {
    /// Writes the whole verdict, as a sentence that needs no heading.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}: {}.", self.workload, counted(self.threads, "thread"), self.finding)?;
        self.missing.iter().try_for_each(|sentence| write!(formatter, " {sentence}"))
    }
}

/// A measured lane of a comparison.
struct MeasuredLane<'a> {
    lane: &'a str,
    overhead: Estimate,
    unit: &'a str,
    ratio: Estimate,
    rank: usize,
    near: bool,
    undecided: bool,
}

impl<'a> MeasuredLane<'a> {
    fn of(cell: &'a Cell) -> Option<MeasuredLane<'a>> {
        Some(MeasuredLane {
            lane: &cell.executor,
            overhead: *cell.overhead()?,
            unit: cell.unit(),
            ratio: cell.ratio?,
            rank: cell.rank?,
            near: cell.near,
            undecided: cell.undecided,
        })
    }
}

/// The sizes at which the same lanes lead.
struct LeadAt<'a> {
    lead: Lead<'a>,
    sizes: Vec<u64>,
}

fn finding(results: &Results, workload: &str, threads: usize) -> String {
    let sizes = lookup::sizes(results, workload, threads);
    let mut leads: Vec<LeadAt<'_>> = Vec::new();
    let mut unmeasured = Vec::new();
    let mut largest = None;
    for &size in &sizes {
        let Some(winner) = winner(results.comparison(workload, size, threads)) else {
            unmeasured.push(size);
            continue;
        };
        let lead = winner.lead.clone().sorted();
        match leads.iter_mut().find(|known| known.lead.has_the_lanes_of(&lead)) {
            Some(known) => known.sizes.push(size),
            None => leads.push(LeadAt { lead, sizes: vec![size] }),
        }
        largest = Some((size, winner));
    }
    let at = |places: &[u64]| at(results, workload, places, sizes.len());
    let clause = |lead: &LeadAt<'_>| format!("{}{}", lead.words(), at(&lead.sizes));
    let mut clauses: Vec<String> = leads.iter().map(clause).collect();
    if !unmeasured.is_empty() {
        let place = at(&unmeasured);
        clauses.push(format!("{}{place}", none_measured(results, workload, &unmeasured, threads)));
    }
    if let Some((size, winner)) = largest {
        let figure = Figure {
            size: sizes::sized(results, workload, size),
            quantity: lookup::quantity(results, workload),
            is_time: lookup::measure(results, workload).is_empty(),
        };
        clauses.push(margin(&figure, &winner, leads.len() == 1));
    }
    clauses.join("; ")
}

impl LeadAt<'_> {
    /// Writes the lead, with the ratios if it holds at one size.
    fn words(&self) -> String {
        match self.sizes.as_slice() {
            [_] => self.lead.words("leads", all),
            _ => self.lead.words_without_ratios("leads", all),
        }
    }
}

/// Lists all names.
fn all(names: &[&str]) -> String {
    listed(names)
}

/// The meaning of a figure.
struct Figure {
    size: String,
    quantity: String,
    is_time: bool,
}

/// Writes the margin at the largest size: the figure of the best, and the ratio of the runner-up to it.
fn margin(figure: &Figure, winner: &Winner<'_>, same_everywhere: bool) -> String {
    let takes = if figure.is_time { "takes" } else { "has" };
    let subject = match winner.lead.level.as_slice() {
        [_] if same_everywhere && winner.lead.is_level() => "it",
        [best] => best,
        _ => "the best of them",
    };
    let overhead = in_unit(winner.unit, winner.overhead.value);
    let overhead = match figure.quantity.strip_prefix("time ") {
        Some(per) if figure.is_time => format!("{overhead} {per}"),
        _ => format!("a {} of {overhead}", figure.quantity),
    };
    let next = match &winner.runner_up {
        Some(next) => format!("{} {takes} {} as much", next.lane, ratio_with_interval(&next.behind)),
        None if winner.leaders.len() == 1 => "no other lane was measured".to_owned(),
        None if winner.lead.is_level() => "all lanes are level".to_owned(),
        None => "no lane is shown to be behind".to_owned(),
    };
    format!("at {}, {subject} {takes} {overhead}; {next}", figure.size)
}

/// Names the lanes without a figure where no lane has a rank: all lanes, or all but the programs beside.
fn none_measured(results: &Results, workload: &str, sizes: &[u64], threads: usize) -> &'static str {
    let mut cells = sizes.iter().flat_map(|&size| results.comparison(workload, size, threads));
    if cells.any(|cell| cell.overhead().is_some() && lookup::is_program(results, &cell.executor)) {
        "no executor was measured"
    } else {
        "no lane was measured"
    }
}

/// Writes the sizes at which something holds: some of a workload's sizes, or all of them.
fn at(results: &Results, workload: &str, places: &[u64], sizes: usize) -> String {
    match places.len() == sizes {
        true if sizes == 1 => String::new(),
        true => " at every size".to_owned(),
        false => format!(" at {}", sizes::listed(results, workload, places)),
    }
}

/// Lists the lanes that a verdict lacks, except those that are absent from the whole race, and programs.
fn missing(results: &Results, workload: &str, threads: usize) -> Vec<String> {
    let sizes = lookup::sizes(results, workload, threads);
    let absent = lookup::absent_lanes(results, threads);
    let mut failed = Vec::new();
    let mut without = Vec::new();
    let executors = results.executors.iter().map(|lane| lane.name.as_str());
    for lane in executors.filter(|lane| !lookup::is_program(results, lane)) {
        if absent.iter().any(|(name, _)| *name == lane) {
            continue;
        }
        let cell = |size| results.comparison(workload, size, threads).find(|cell| cell.executor == lane);
        let has_failed = |&size: &u64| cell(size).is_some_and(|cell| cell.status == Status::Failed);
        let failures: Vec<u64> = sizes.iter().copied().filter(has_failed).collect();
        if !failures.is_empty() {
            failed.push(format!("{lane} failed{}.", at(results, workload, &failures, sizes.len())));
        }
        let gap = sizes.iter().find_map(|&size| match cell(size) {
            None => Some("not run"),
            Some(cell) => (cell.status == Status::NotApplicable).then(|| lookup::reason(cell)),
        });
        without.extend(gap.map(|reason| (lane, reason)));
    }
    failed.extend(not_applicable(&without));
    failed
}

/// Writes a sentence for each reason that something does not apply.
fn not_applicable(missing: &[(&str, &str)]) -> Vec<String> {
    let sentence = |(reason, lanes): &(&str, Vec<&str>)| format!("n/a: {} ({reason}).", listed(lanes));
    by_reason(missing).iter().map(sentence).collect()
}
