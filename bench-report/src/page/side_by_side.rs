//! Several runs on one page: each beside the others in its own figures, and none ranked against another.
//!
//! A ratio, a rank or a verdict is that of its own run; no figure here is made from two of them.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use askama::Template;

use super::{
    circumstances::{self, Fact},
    data,
    lanes::Look,
    standings::{self, Legend, Standings},
};
use crate::{
    figures::{counted, listed, whole},
    results::Results,
    verdict::{self, GroupVerdict},
};

/// What the page looks like: as that of a run, but for its own tables.
const STYLE: &str = concat!(
    include_str!("../../templates/base.css"),
    include_str!("../../templates/tables.css"),
    include_str!("../../templates/sections.css"),
    include_str!("../../templates/side-by-side.css")
);

/// What the group of all workloads is called.
const ALL: &str = "All comparisons";

/// What stands where a run has nothing, not even a reason.
const NOT_IN_THIS_RUN: &str = "not in this run";

/// Draws the page of several runs, each under its name.
pub fn render(runs: &[(String, Results)]) -> String {
    SideBySide::of(runs).render().expect("strings always fit into the template")
}

/// Names for the runs in these files, no two alike: the stem of each, with as many folders as tell it from the others.
pub fn names(files: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let name = shortest_name(file, files);
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let free = [name.clone()].into_iter().chain(numbered).find(|name| !names.contains(name));
        names.push(free.unwrap_or(name));
    }
    names
}

/// Everything the page says, in the order of the page.
#[derive(Template)]
#[template(path = "side-by-side.html")]
struct SideBySide {
    policy: String,
    style: &'static str,
    title: String,
    runs: Vec<Run>,
    /// What tells the runs apart at first sight.
    facts: Vec<Row>,
    circumstances: Vec<Circumstances>,
    /// How many facts there are in them, and how many differ.
    known: usize,
    different: usize,
    races: Vec<Race>,
    legend: Legend,
}

/// A run at the head of its columns.
#[derive(Clone)]
struct Run {
    letter: String,
    name: String,
}

/// A fact of each run.
struct Row {
    name: String,
    values: Vec<String>,
    differs: bool,
}

/// Facts that belong together.
struct Circumstances {
    title: &'static str,
    rows: Vec<Row>,
}

/// One number of threads.
struct Race {
    id: usize,
    threads: String,
    /// Those that have this number of threads.
    runs: Vec<Run>,
    /// Which have not, in a sentence; empty if all have.
    missing: String,
    /// First those on groups of workloads, then those on each.
    groups: Vec<Verdicts>,
    verdicts: Vec<Verdicts>,
    lanes: Vec<Lane>,
    /// All columns, with that of the sizes.
    width: usize,
    rows: Vec<Group>,
    means: Vec<Square>,
    /// How many comparisons a mean is over.
    comparisons: String,
    /// Lanes that apply to nothing. A sentence each.
    absent: Vec<String>,
    reasons: Vec<Reason>,
}

/// What the runs say on one workload, or on a group of them.
struct Verdicts {
    name: String,
    said: Vec<String>,
}

/// A lane at the head of its columns.
struct Lane {
    name: String,
    look: Look,
}

/// The rows of one workload.
struct Group {
    workload: String,
    quantity: String,
    rows: Vec<Comparison>,
}

/// One workload and size, in every run.
struct Comparison {
    number: u64,
    size: String,
    squares: Vec<Square>,
}

/// What one lane did in one run.
struct Square {
    lane: String,
    /// The letter of the run.
    run: String,
    /// Whether a lane begins here.
    first: bool,
    class: String,
    mark: String,
    figure: String,
    detail: String,
    /// Where the full reason stands, if it did not fit.
    reason: Option<String>,
}

/// Why a cell was not measured, in full.
struct Reason {
    id: String,
    cell: String,
    reason: String,
}

/// A run with what is drawn of it.
struct Side<'a> {
    run: Run,
    results: &'a Results,
}

/// A run at one number of threads.
struct Entry<'a> {
    /// Whether it stands first of those that have this number of threads.
    first: bool,
    side: &'a Side<'a>,
    standings: Standings,
    absent: Vec<(&'a str, &'a str)>,
}

impl SideBySide {
    fn of<'a>(runs: &'a [(String, Results)]) -> SideBySide {
        let side = |(index, (name, results)): (usize, &'a (String, Results))| Side {
            run: Run { letter: letter(index), name: name.clone() },
            results,
        };
        let sides: Vec<Side<'a>> = runs.iter().enumerate().map(side).collect();
        let circumstances = in_full(&sides);
        let rows = || circumstances.iter().flat_map(|group| &group.rows);
        let mut threads: Vec<usize> = sides.iter().flat_map(|side| verdict::threads(side.results)).collect();
        threads.sort_unstable_by(|one, other| other.cmp(one));
        threads.dedup();
        let names: Vec<&str> = sides.iter().map(|side| side.run.name.as_str()).collect();
        SideBySide {
            policy: data::policy(STYLE, None),
            style: STYLE,
            title: format!("Photofinish: {} side by side", listed(&names)),
            runs: sides.iter().map(|side| side.run.clone()).collect(),
            facts: at_first_sight(&sides),
            known: rows().count(),
            different: rows().filter(|row| row.differs).count(),
            circumstances,
            races: threads.into_iter().map(|threads| Race::of(&sides, threads)).collect(),
            legend: standings::legend(),
        }
    }
}

impl Race {
    fn of(sides: &[Side<'_>], threads: usize) -> Race {
        let (here, elsewhere): (Vec<&Side<'_>>, Vec<&Side<'_>>) =
            sides.iter().partition(|side| verdict::threads(side.results).contains(&threads));
        let entries: Vec<Entry<'_>> =
            here.iter().enumerate().map(|(place, side)| Entry::of(side, threads, place == 0)).collect();
        let lineup = lineup(sides);
        let races = |lane: &&str| entries.iter().any(|entry| entry.column(lane).is_some());
        let lanes = programs_last(&here, lineup.iter().copied().filter(races).collect());
        let lane = |name: &&str| Lane {
            name: (*name).to_owned(),
            look: Look::at(lineup.iter().position(|known| known == name).unwrap_or(0)),
        };
        let workloads = union(entries.iter().flat_map(|entry| entry.workloads(threads)));
        let pairs = lanes.iter().flat_map(|lane| entries.iter().map(move |entry| (*lane, entry)));
        Race {
            id: threads,
            threads: counted(threads, "thread"),
            runs: here.iter().map(|side| side.run.clone()).collect(),
            missing: missing(&elsewhere, threads),
            groups: of_groups(&entries, threads),
            verdicts: workloads
                .iter()
                .map(|workload| Verdicts {
                    name: (*workload).to_owned(),
                    said: entries.iter().map(|entry| entry.verdict(workload, threads)).collect(),
                })
                .collect(),
            lanes: lanes.iter().map(lane).collect(),
            width: lanes.len() * entries.len() + 1,
            rows: workloads.iter().map(|workload| group(&entries, workload, threads, &lanes)).collect(),
            means: pairs.map(|(lane, entry)| entry.mean(lane)).collect(),
            comparisons: comparisons(&entries),
            absent: entries
                .iter()
                .flat_map(|entry| {
                    let sentences = entry.standings.absent.iter();
                    sentences.map(move |sentence| format!("{}: {sentence}", entry.side))
                })
                .collect(),
            reasons: entries.iter().flat_map(Entry::reasons).collect(),
        }
    }
}

impl<'a> Entry<'a> {
    fn of(side: &'a Side<'a>, threads: usize, first: bool) -> Entry<'a> {
        Entry {
            first,
            side,
            standings: Standings::of(side.results, threads),
            absent: verdict::absent_lanes(side.results, threads),
        }
    }

    fn workloads(&self, threads: usize) -> impl Iterator<Item = &'a str> {
        let results = self.side.results;
        let names = results.workloads.iter().map(|workload| workload.name.as_str());
        names.filter(move |name| !verdict::sizes(results, name, threads).is_empty())
    }

    /// What the run says on a workload, as its own page says it.
    fn verdict(&self, workload: &str, threads: usize) -> String {
        if verdict::sizes(self.side.results, workload, threads).is_empty() {
            return NOT_IN_THIS_RUN.to_owned();
        }
        let verdict = verdict::verdict(self.side.results, workload, threads);
        let sentences = [format!("{}.", verdict.finding)].into_iter().chain(verdict.missing);
        sentences.collect::<Vec<_>>().join(" ")
    }

    /// The column of a lane in the run's own table.
    fn column(&self, lane: &str) -> Option<usize> {
        self.standings.columns.iter().position(|column| column.name == lane)
    }

    /// What a lane did in one comparison.
    fn square(&self, workload: &str, size: &str, lane: &str) -> Square {
        let of_workload = |group: &&standings::Group| group.workload == workload;
        let rows = self.standings.groups.iter().find(of_workload).map_or(&[][..], |group| &group.rows);
        let row = rows.iter().find(|row| row.size == size);
        let absence = self.absent.iter().find(|(absent, _)| *absent == lane);
        match (row, self.column(lane), absence) {
            (Some(row), Some(column), _) => self.placed(lane, &row.squares[column]),
            (Some(_), None, Some((_, reason))) => self.empty(lane, "n/a", reason),
            _ => self.empty(lane, "—", NOT_IN_THIS_RUN),
        }
    }

    fn mean(&self, lane: &str) -> Square {
        match self.column(lane) {
            Some(column) => self.placed(lane, &self.standings.means[column]),
            None if self.absent.iter().any(|(absent, _)| *absent == lane) => {
                self.empty(lane, "n/a", "applies to nothing")
            }
            None => self.empty(lane, "—", NOT_IN_THIS_RUN),
        }
    }

    /// A square of the run's own table.
    fn placed(&self, lane: &str, square: &standings::Square) -> Square {
        // A line may end before an interval, and not within it.
        let detail = square.detail.replace(", ", ",\u{a0}");
        Square {
            class: square.shade.clone(),
            mark: square.mark.clone(),
            reason: square.reason_id.as_ref().map(|id| self.own(id)),
            ..self.empty(lane, &square.figure, &detail)
        }
    }

    fn empty(&self, lane: &str, figure: &str, detail: &str) -> Square {
        Square {
            lane: lane.to_owned(),
            run: self.side.run.letter.clone(),
            first: self.first,
            class: "none".to_owned(),
            mark: String::new(),
            figure: figure.to_owned(),
            detail: detail.to_owned(),
            reason: None,
        }
    }

    fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.standings.reasons.iter().map(|reason| Reason {
            id: self.own(&reason.id),
            cell: format!("{}: {}", self.side, reason.cell),
            reason: reason.reason.clone(),
        })
    }

    /// The name of a place, which each run has for itself.
    fn own(&self, id: &str) -> String {
        format!("{}-{id}", self.side.run.letter)
    }
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.run.letter, self.run.name)
    }
}

fn group(entries: &[Entry<'_>], workload: &str, threads: usize, lanes: &[&str]) -> Group {
    let results = entries.iter().map(|entry| entry.side.results);
    let mut sizes: Vec<u64> =
        results.clone().flat_map(|results| verdict::sizes(results, workload, threads)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let known = results.clone().find(|results| results.workloads.iter().any(|known| known.name == workload));
    let comparison = |number: u64| {
        let size = whole(number);
        let square = |(lane, entry): (&str, &Entry<'_>)| entry.square(workload, &size, lane);
        let pairs = lanes.iter().flat_map(|lane| entries.iter().map(move |entry| (*lane, entry)));
        let squares = pairs.map(square).collect();
        Comparison { number, size, squares }
    };
    Group {
        workload: workload.to_owned(),
        quantity: known
            .map_or("per operation".to_owned(), |results| verdict::quantity_in_short(results, workload)),
        rows: sizes.into_iter().map(comparison).collect(),
    }
}

/// What the runs say on each group of workloads, that on all of them first.
fn of_groups(entries: &[Entry<'_>], threads: usize) -> Vec<Verdicts> {
    let of_run = |entry: &Entry<'_>| verdict::groups(entry.side.results, threads);
    let of_runs: Vec<Vec<GroupVerdict>> = entries.iter().map(of_run).collect();
    let said = |name: &str, verdicts: &Vec<GroupVerdict>| {
        let found = verdicts.iter().find(|verdict| name_of(verdict) == name);
        found.map_or(NOT_IN_THIS_RUN.to_owned(), sentence)
    };
    let verdicts = |name: &str| Verdicts {
        name: name.to_owned(),
        said: of_runs.iter().map(|verdicts| said(name, verdicts)).collect(),
    };
    union(of_runs.iter().flatten().map(name_of)).into_iter().map(verdicts).collect()
}

fn name_of(verdict: &GroupVerdict) -> &str {
    verdict.group.as_deref().unwrap_or(ALL)
}

/// A verdict with what it is over, which two runs may differ in.
fn sentence(verdict: &GroupVerdict) -> String {
    let missing = verdict.missing.iter().map(|missing| format!(" {missing}")).collect::<String>();
    let clock = if verdict.by_the_clock { " by the clock" } else { "" };
    format!("Over {}{clock}: {}.{missing}", counted(verdict.comparisons, "comparison"), verdict.sentence())
}

fn missing(sides: &[&Side<'_>], threads: usize) -> String {
    let names: Vec<String> = sides.iter().map(|side| side.to_string()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("Not in {}, which did not race at {}.", listed(&names), counted(threads, "thread"))
}

/// How many comparisons the means are over: `15`, or `A 15, B 9` if the runs differ.
fn comparisons(entries: &[Entry<'_>]) -> String {
    let each = entries.iter().map(|entry| entry.standings.comparisons.as_str());
    let letter = |entry: &Entry<'_>| format!("{} {}", entry.side.run.letter, entry.standings.comparisons);
    match union(each).as_slice() {
        [same] => (*same).to_owned(),
        _ => entries.iter().map(letter).collect::<Vec<_>>().join(", "),
    }
}

fn at_first_sight(sides: &[Side<'_>]) -> Vec<Row> {
    let of_run = sides.iter().map(|side| circumstances::at_first_sight(side.results)).collect();
    let version = |side: &Side<'_>, lane: &str| {
        let executor = side.results.executors.iter().find(|executor| executor.name == lane);
        executor.map_or(NOT_IN_THIS_RUN, |executor| &executor.version).to_owned()
    };
    let versions = lineup(sides).into_iter().map(|lane| {
        let values = sides.iter().map(|side| version(side, lane)).collect();
        Row::new(format!("version of {lane}"), values)
    });
    // Those that are the same everywhere would only hide the others.
    rows(of_run).into_iter().chain(versions.filter(|row| row.differs)).collect()
}

fn in_full(sides: &[Side<'_>]) -> Vec<Circumstances> {
    let mut groups: Vec<(&'static str, Vec<Vec<Fact>>)> = Vec::new();
    for facts in sides.iter().flat_map(|side| circumstances::all(side.results)) {
        match groups.iter_mut().find(|(title, _)| *title == facts.title) {
            Some((_, of_runs)) => of_runs.push(facts.facts),
            None => groups.push((facts.title, vec![facts.facts])),
        }
    }
    groups.into_iter().map(|(title, of_runs)| Circumstances { title, rows: rows(of_runs) }).collect()
}

/// A row for each fact, from the lists of all runs, which name the same facts in the same order.
fn rows(of_runs: Vec<Vec<Fact>>) -> Vec<Row> {
    let mut of_runs = of_runs.into_iter();
    let first = of_runs.next().unwrap_or_default();
    let mut rows: Vec<(String, Vec<String>)> =
        first.into_iter().map(|fact| (fact.name, vec![fact.value])).collect();
    for facts in of_runs {
        for ((_, values), fact) in rows.iter_mut().zip(facts) {
            values.push(fact.value);
        }
    }
    rows.into_iter().map(|(name, values)| Row::new(name, values)).collect()
}

impl Row {
    fn new(name: String, values: Vec<String>) -> Row {
        Row { differs: values.windows(2).any(|pair| pair[0] != pair[1]), name, values }
    }
}

/// The lanes of all runs, in the order of the first lineup that has them.
fn lineup<'a>(sides: &[Side<'a>]) -> Vec<&'a str> {
    union(sides.iter().flat_map(|side| side.results.executors.iter().map(|lane| lane.name.as_str())))
}

/// The same lanes, programs last.
fn programs_last<'a>(sides: &[&Side<'a>], lanes: Vec<&'a str>) -> Vec<&'a str> {
    let is_program = |lane: &&str| sides.iter().any(|side| verdict::is_program(side.results, lane));
    let (programs, mut lanes): (Vec<&str>, Vec<&str>) = lanes.into_iter().partition(is_program);
    lanes.extend(programs);
    lanes
}

/// Each name once, where it came first.
fn union<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// `A`, `B`, ... `Z`, `AA`, `BB`: a number would look like a rank.
fn letter(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    String::from(letter).repeat(index / 26 + 1)
}

/// The end of a file's path that no other file has, without the extension; all of it if one has that too.
fn shortest_name(file: &Path, files: &[PathBuf]) -> String {
    let parts = parts(file);
    let others: Vec<Vec<String>> =
        files.iter().map(|other| self::parts(other)).filter(|other| *other != parts).collect();
    let end = |parts: &[String], length: usize| parts[parts.len().saturating_sub(length)..].join("/");
    let alone = |length: &usize| others.iter().all(|other| end(other, *length) != end(&parts, *length));
    let length = (1..=parts.len()).find(alone).unwrap_or(parts.len());
    end(&parts, length)
}

/// The folders of a path and the stem of its file.
fn parts(file: &Path) -> Vec<String> {
    let stem = file.with_extension("");
    let plain = |part: Component<'_>| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    };
    stem.components().filter_map(plain).collect()
}
