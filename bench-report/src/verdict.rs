//! Who won, in words. Everything is read from the results; nothing is computed anew.

mod groups;

use std::fmt;

use crate::{
    figures::{counted, listed, ns, ratio_with_interval, whole},
    results::{Cell, Estimate, Results, Status},
};

pub use groups::{GroupVerdict, groups, leaves_out};

/// The class of a lane that is a program.
const PROGRAM: &str = "program";

/// The measure of a workload that counts the time of the processors; one operation has a share of it.
const PROCESSOR: &str = "processor time";

/// Who leads one comparison, and by how much.
#[derive(Clone, Debug)]
pub struct Winner<'a> {
    /// The lanes of rank 1, the best first: one that leads, or several that share the lead.
    pub leaders: Vec<&'a str>,
    /// Whether they share it because too little was measured to part them, and not because they are level.
    pub undecided: bool,
    /// Overhead of the best of them, in ns per operation.
    pub overhead: Estimate,
    /// The best lane that does not tie with them; none if nobody else was measured.
    pub runner_up: Option<RunnerUp<'a>>,
}

/// The best lane behind the leaders.
#[derive(Clone, Debug)]
pub struct RunnerUp<'a> {
    /// Its name.
    pub lane: &'a str,
    /// How many times the best lane's overhead it has.
    pub behind: Estimate,
}

/// The verdict on one workload at one number of threads, over all its sizes.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Name of the workload.
    pub workload: String,
    /// Workers of the executors.
    pub threads: usize,
    /// Who leads where, and by how much at the largest size: a sentence without its subject and its full stop.
    pub finding: String,
    /// Who is missing from it: failed, without a capability, or not run. A sentence each.
    pub missing: Vec<String>,
}

/// The verdicts at one number of threads.
#[derive(Clone, Debug)]
pub struct Race {
    /// Workers of the executors.
    pub threads: usize,
    /// Over all comparisons, then over each group of workloads, in the order of the lineup.
    pub groups: Vec<GroupVerdict>,
    /// One for each workload, in the order of the lineup.
    pub verdicts: Vec<Verdict>,
    /// Lanes that do not apply to any comparison of this race, and why. A sentence each.
    pub absent: Vec<String>,
}

/// The verdicts of a run: a race for each number of threads, smallest first.
pub fn races(results: &Results) -> Vec<Race> {
    let race = |threads| Race {
        threads,
        groups: groups(results, threads),
        verdicts: results
            .workloads
            .iter()
            .filter(|workload| !sizes(results, &workload.name, threads).is_empty())
            .map(|workload| verdict(results, &workload.name, threads))
            .collect(),
        absent: absent(results, threads),
    };
    threads(results).into_iter().map(race).collect()
}

/// The verdict on one workload at one number of threads.
pub fn verdict(results: &Results, workload: &str, threads: usize) -> Verdict {
    Verdict {
        workload: workload.to_owned(),
        threads,
        finding: finding(results, workload, threads),
        missing: missing(results, workload, threads),
    }
}

/// Who leads a comparison; none if no lane of it was measured.
pub fn winner<'a>(comparison: impl Iterator<Item = &'a Cell>) -> Option<Winner<'a>> {
    let mut standings: Vec<Standing<'a>> = comparison.filter_map(Standing::of).collect();
    standings.sort_by(|one, other| one.overhead.value.total_cmp(&other.overhead.value));
    let (leaders, others): (Vec<_>, Vec<_>) = standings.into_iter().partition(|standing| standing.rank == 1);
    Some(Winner {
        overhead: leaders.first()?.overhead,
        leaders: leaders.iter().map(|standing| standing.lane).collect(),
        undecided: leaders.iter().any(|standing| standing.undecided),
        runner_up: others.first().map(|next| RunnerUp { lane: next.lane, behind: next.ratio }),
    })
}

/// The numbers of threads of a run, smallest first.
pub fn threads(results: &Results) -> Vec<usize> {
    let mut threads: Vec<usize> = results.cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

/// The sizes of a workload at a number of threads, smallest first.
pub fn sizes(results: &Results, workload: &str, threads: usize) -> Vec<u64> {
    let same = |cell: &&Cell| cell.workload == workload && cell.threads == threads;
    let mut sizes: Vec<u64> = results.cells.iter().filter(same).map(|cell| cell.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The sentences on the lanes that apply to no comparison at a number of threads.
pub fn absent(results: &Results, threads: usize) -> Vec<String> {
    not_applicable(&absent_lanes(results, threads))
}

/// The lanes that apply to no comparison at a number of threads, each with its reason.
pub fn absent_lanes(results: &Results, threads: usize) -> Vec<(&str, &str)> {
    let absence = |lane: &str| {
        let mut cells = results.cells.iter().filter(|cell| cell.threads == threads && cell.executor == lane);
        let first = cells.next().filter(|cell| cell.status == Status::NotApplicable)?;
        let same = |cell: &Cell| cell.status == Status::NotApplicable && cell.reason == first.reason;
        cells.all(same).then(|| reason(first))
    };
    let lanes = results.executors.iter();
    lanes.filter_map(|lane| Some((lane.name.as_str(), absence(&lane.name)?))).collect()
}

/// Whether a lane is a program of another kind, which is shown beside the others and compared with nobody.
pub fn is_program(results: &Results, lane: &str) -> bool {
    results.executors.iter().any(|executor| executor.name == lane && executor.class == PROGRAM)
}

/// What the figures of a workload are, for an axis or a heading: "time per task over the ideal", "lateness of a tick".
pub fn quantity(results: &Results, workload: &str) -> String {
    let operation = operation(results, workload);
    match measure(results, workload) {
        "" => format!("time per {operation} over the ideal"),
        PROCESSOR => format!("{PROCESSOR} per {operation}"),
        told => told.to_owned(),
    }
}

/// The same where time is taken for granted: "per task", "lateness of a tick".
pub fn quantity_in_short(results: &Results, workload: &str) -> String {
    match measure(results, workload) {
        "" => format!("per {}", operation(results, workload)),
        _ => quantity(results, workload),
    }
}

/// What the overhead of a workload is, if it is not time on the clock; else empty.
pub fn measure<'a>(results: &'a Results, workload: &str) -> &'a str {
    results.workloads.iter().find(|known| known.name == workload).map_or("", |known| &known.measure)
}

/// What a workload calls its operation, without the article: "task".
pub fn operation<'a>(results: &'a Results, workload: &str) -> &'a str {
    let found = results.workloads.iter().find(|known| known.name == workload);
    found.map_or("operation", |known| known.operation.strip_prefix("one ").unwrap_or(&known.operation))
}

/// Why a cell was not measured, in the words of the results.
pub fn reason(cell: &Cell) -> &str {
    cell.reason.as_deref().unwrap_or("no reason was given")
}

impl fmt::Display for Winner<'_> {
    /// The verdict on one comparison: "hand-rolled wins; smol takes 5.10× [4.80, 5.40]".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leaders.as_slice() {
            [leader] => write!(formatter, "{leader} wins")?,
            several => write!(formatter, "{} {}", draw(self.undecided), listed(several))?,
        }
        match &self.runner_up {
            Some(next) => write!(formatter, "; {} takes {}", next.lane, ratio_with_interval(&next.behind)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    /// The whole verdict, as a sentence that needs no heading.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}: {}.", self.workload, counted(self.threads, "thread"), self.finding)?;
        self.missing.iter().try_for_each(|sentence| write!(formatter, " {sentence}"))
    }
}

/// A measured lane of a comparison.
struct Standing<'a> {
    lane: &'a str,
    overhead: Estimate,
    ratio: Estimate,
    rank: usize,
    undecided: bool,
}

impl<'a> Standing<'a> {
    fn of(cell: &'a Cell) -> Option<Standing<'a>> {
        let (overhead, ratio, rank) = (*cell.overhead()?, cell.ratio?, cell.rank?);
        Some(Standing { lane: &cell.executor, overhead, ratio, rank, undecided: cell.undecided })
    }
}

/// Sizes at which the same lanes lead.
struct Lead<'a> {
    /// In alphabetical order, so that the same tie is found again at another size.
    leaders: Vec<&'a str>,
    undecided: bool,
    sizes: Vec<u64>,
}

/// How several lanes share a lead.
fn draw(undecided: bool) -> &'static str {
    if undecided { "undecided between" } else { "tie between" }
}

fn finding(results: &Results, workload: &str, threads: usize) -> String {
    let sizes = sizes(results, workload, threads);
    let mut leads: Vec<Lead<'_>> = Vec::new();
    let mut unmeasured = Vec::new();
    let mut largest = None;
    for &size in &sizes {
        let Some(winner) = winner(results.comparison(workload, size, threads)) else {
            unmeasured.push(size);
            continue;
        };
        let mut leaders = winner.leaders.clone();
        leaders.sort_unstable();
        let undecided = winner.undecided;
        match leads.iter_mut().find(|lead| lead.leaders == leaders && lead.undecided == undecided) {
            Some(lead) => lead.sizes.push(size),
            None => leads.push(Lead { leaders, undecided, sizes: vec![size] }),
        }
        largest = Some((size, winner));
    }
    let mut clauses: Vec<String> = leads.iter().map(|lead| lead.clause(sizes.len())).collect();
    if !unmeasured.is_empty() {
        let place = at(&unmeasured, sizes.len());
        clauses.push(format!("{}{place}", nobody(results, workload, &unmeasured, threads)));
    }
    if let Some((size, winner)) = largest {
        let figure = Figure {
            size,
            quantity: quantity(results, workload),
            is_time: measure(results, workload).is_empty(),
        };
        clauses.push(margin(&figure, &winner, leads.len() == 1));
    }
    clauses.join("; ")
}

impl Lead<'_> {
    fn clause(&self, sizes: usize) -> String {
        let place = at(&self.sizes, sizes);
        match self.leaders.as_slice() {
            [leader] => format!("{leader} leads{place}"),
            several => format!("{} {}{place}", draw(self.undecided), listed(several)),
        }
    }
}

/// What a figure is of.
struct Figure {
    size: u64,
    quantity: String,
    is_time: bool,
}

/// By how much at the largest size: the figure of the best, and how many times as much the next one takes.
fn margin(figure: &Figure, winner: &Winner<'_>, same_everywhere: bool) -> String {
    let takes = if figure.is_time { "takes" } else { "has" };
    let subject = match winner.leaders.as_slice() {
        [_] if same_everywhere => "it",
        [leader] => leader,
        _ => "the best of them",
    };
    let overhead = ns(winner.overhead.value);
    let overhead = match figure.quantity.strip_prefix("time ") {
        Some(per) if figure.is_time => format!("{overhead} {per}"),
        _ => format!("a {} of {overhead}", figure.quantity),
    };
    let next = match &winner.runner_up {
        Some(next) => format!("{} {takes} {} as much", next.lane, ratio_with_interval(&next.behind)),
        None if winner.leaders.len() == 1 => "no other lane was measured".to_owned(),
        None if winner.undecided => "no lane is shown to be behind".to_owned(),
        None => "all lanes tie".to_owned(),
    };
    format!("at {} {subject} {takes} {overhead}; {next}", whole(figure.size))
}

/// Who has no figure where nobody has a rank: everybody, or all but the programs beside.
fn nobody(results: &Results, workload: &str, sizes: &[u64], threads: usize) -> &'static str {
    let mut cells = sizes.iter().flat_map(|&size| results.comparison(workload, size, threads));
    if cells.any(|cell| cell.overhead().is_some() && is_program(results, &cell.executor)) {
        "no executor was measured"
    } else {
        "nobody was measured"
    }
}

/// Where something holds: at some of a workload's sizes, or at each of them.
fn at(places: &[u64], sizes: usize) -> String {
    if places.len() == sizes {
        return if sizes == 1 { String::new() } else { " at every size".to_owned() };
    }
    let places: Vec<String> = places.iter().map(|&size| whole(size)).collect();
    format!(" at {}", listed(&places))
}

/// The lanes that a verdict lacks, save those that are absent from the whole race. It is about no program anyway.
fn missing(results: &Results, workload: &str, threads: usize) -> Vec<String> {
    let sizes = sizes(results, workload, threads);
    let absent = absent_lanes(results, threads);
    let mut failed = Vec::new();
    let mut without = Vec::new();
    let executors = results.executors.iter().map(|lane| lane.name.as_str());
    for lane in executors.filter(|lane| !is_program(results, lane)) {
        if absent.iter().any(|(name, _)| *name == lane) {
            continue;
        }
        let cell = |size| results.comparison(workload, size, threads).find(|cell| cell.executor == lane);
        let has_failed = |&size: &u64| cell(size).is_some_and(|cell| cell.status == Status::Failed);
        let failures: Vec<u64> = sizes.iter().copied().filter(has_failed).collect();
        if !failures.is_empty() {
            failed.push(format!("{lane} failed{}.", at(&failures, sizes.len())));
        }
        let gap = sizes.iter().find_map(|&size| match cell(size) {
            None => Some("not run"),
            Some(cell) => (cell.status == Status::NotApplicable).then(|| reason(cell)),
        });
        without.extend(gap.map(|reason| (lane, reason)));
    }
    failed.extend(not_applicable(&without));
    failed
}

/// A sentence for each reason that something does not apply.
fn not_applicable(missing: &[(&str, &str)]) -> Vec<String> {
    let sentence = |(reason, lanes): &(&str, Vec<&str>)| format!("n/a: {} ({reason}).", listed(lanes));
    by_reason(missing).iter().map(sentence).collect()
}

/// The reasons for which lanes are missing, each with its lanes.
fn by_reason<'a>(missing: &[(&'a str, &'a str)]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for &(lane, reason) in missing {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, lanes)) => lanes.push(lane),
            None => reasons.push((reason, vec![lane])),
        }
    }
    reasons
}
