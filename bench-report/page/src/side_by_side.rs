//! Draws several runs on one page, each beside the others in its own figures, and none ranked against
//! another.
//!
//! A ratio, a rank or a verdict belongs to its own run; no figure here is made from two runs.

mod matrix;

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use askama::Template;

use super::{
    circumstances::{self, Fact},
    data,
    lanes::Look,
    sizes,
    standings::{self, Legend, Standings},
};
use results::{
    Results,
    figures::{counted, listed},
    lookup,
};

use crate::verdict::{self, GroupVerdict};

use matrix::Matrix;

/// The stylesheet: that of a run's page, but with rules of its own for tables.
const STYLE: &str = concat!(
    include_str!("../templates/base.css"),
    include_str!("../templates/tables.css"),
    include_str!("../templates/sections.css"),
    include_str!("../templates/side-by-side.css")
);

/// The name of the group of all workloads.
const ALL: &str = "All comparisons";

/// The text where a run has nothing, not even a reason.
const NOT_IN_THIS_RUN: &str = "not in this run";

/// Draws the page of several runs, each under its name.
pub fn render(runs: &[(String, Results)]) -> String {
    SideBySide::of(runs).render().expect("strings always fit into the template")
}

/// Returns distinct names for the runs in these files: the stem of each, or its folder if it is `results`, with as many
/// folders as tell it from the others.
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

/// The content of the page, in the order of the page.
#[derive(Template)]
#[template(path = "side-by-side.html")]
struct SideBySide {
    policy: String,
    style: &'static str,
    title: String,
    runs: Vec<RunHead>,
    /// The facts that tell the runs apart at first sight.
    facts: Vec<Row>,
    matrix: Matrix,
    circumstances: Vec<Circumstances>,
    /// The number of facts in them, and the number of those that differ.
    known: usize,
    different: usize,
    races: Vec<Race>,
    legend: Legend,
}

/// A run at the head of its columns.
#[derive(Clone)]
struct RunHead {
    letter: String,
    name: String,
    /// The conditions of the run in words; empty for the default ones.
    conditions: String,
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
    /// The runs that have this number of threads.
    runs: Vec<RunHead>,
    /// The runs that do not have it, in a sentence; empty if all have it.
    missing: String,
    /// The verdicts on groups of workloads, and those on each workload.
    groups: Vec<Verdicts>,
    verdicts: Vec<Verdicts>,
    lanes: Vec<LaneHead>,
    /// The number of columns, including that of the sizes.
    width: usize,
    rows: Vec<Group>,
    means: Vec<Square>,
    /// The number of comparisons that a mean is over.
    comparisons: String,
    /// The lanes that apply to no comparison. A sentence each.
    absent: Vec<String>,
    reasons: Vec<Reason>,
}

/// The verdicts of the runs on one workload, or on a group of workloads.
struct Verdicts {
    name: String,
    said: Vec<String>,
}

/// A lane at the head of its columns.
struct LaneHead {
    name: String,
    look: Look,
}

/// The rows of one workload.
struct Group {
    workload: String,
    quantity: String,
    rows: Vec<ComparisonRow>,
}

/// One workload and size, in every run.
struct ComparisonRow {
    number: u64,
    size: String,
    squares: Vec<Square>,
}

/// The square of one lane in one run.
struct Square {
    lane: String,
    /// The letter of the run.
    run: String,
    /// `true` if a lane's columns begin here.
    first: bool,
    class: String,
    mark: String,
    figure: String,
    detail: String,
    /// The place of the full reason, if it did not fit.
    reason: Option<String>,
}

/// The full reason why a cell was not measured.
struct Reason {
    id: String,
    cell: String,
    reason: String,
}

/// A run with its head.
struct NamedRun<'a> {
    head: RunHead,
    results: &'a Results,
}

/// The table of a run at one number of threads, as its own page has it.
struct RunTable<'a> {
    /// `true` for the first run that has this number of threads.
    first: bool,
    run: &'a NamedRun<'a>,
    standings: Standings,
    absent: Vec<(&'a str, &'a str)>,
}

impl SideBySide {
    fn of<'a>(runs: &'a [(String, Results)]) -> SideBySide {
        let runs: Vec<NamedRun<'a>> = runs
            .iter()
            .enumerate()
            .map(|(index, (name, results))| NamedRun {
                head: RunHead {
                    letter: letter(index),
                    name: name.clone(),
                    conditions: circumstances::conditions(results),
                },
                results,
            })
            .collect();
        let circumstances = in_full(&runs);
        let rows = || circumstances.iter().flat_map(|group| &group.rows);
        let mut threads: Vec<usize> = runs.iter().flat_map(|run| lookup::threads(run.results)).collect();
        threads.sort_unstable_by(|one, other| other.cmp(one));
        threads.dedup();
        let names: Vec<&str> = runs.iter().map(|run| run.head.name.as_str()).collect();
        SideBySide {
            policy: data::policy(STYLE, None),
            style: STYLE,
            title: format!("Photofinish: {} side by side", listed(&names)),
            runs: runs.iter().map(|run| run.head.clone()).collect(),
            facts: at_first_sight(&runs),
            matrix: Matrix::of(&runs),
            known: rows().count(),
            different: rows().filter(|row| row.differs).count(),
            circumstances,
            races: threads.into_iter().map(|threads| Race::of(&runs, threads)).collect(),
            legend: standings::legend(),
        }
    }
}

impl Race {
    fn of(runs: &[NamedRun<'_>], threads: usize) -> Race {
        let (here, elsewhere): (Vec<&NamedRun<'_>>, Vec<&NamedRun<'_>>) =
            runs.iter().partition(|run| lookup::threads(run.results).contains(&threads));
        let tables: Vec<RunTable<'_>> =
            here.iter().enumerate().map(|(place, run)| RunTable::of(run, threads, place == 0)).collect();
        let lineup = lineup(runs);
        let races = |lane: &&str| tables.iter().any(|table| table.column(lane).is_some());
        let lanes = programs_last(&here, lineup.iter().copied().filter(races).collect());
        let workloads = union(tables.iter().flat_map(|table| table.workloads(threads)));
        Race {
            id: threads,
            threads: counted(threads, "thread"),
            runs: here.iter().map(|run| run.head.clone()).collect(),
            missing: missing(&elsewhere, threads),
            groups: of_groups(&tables, threads),
            verdicts: workloads
                .iter()
                .map(|workload| Verdicts {
                    name: (*workload).to_owned(),
                    said: tables.iter().map(|table| table.verdict(workload, threads)).collect(),
                })
                .collect(),
            lanes: lanes.iter().map(|lane| LaneHead::of(lane, &lineup)).collect(),
            width: lanes.len() * tables.len() + 1,
            rows: workloads.iter().map(|workload| group(&tables, workload, threads, &lanes)).collect(),
            means: pairs(&lanes, &tables).map(|(lane, table)| table.mean(lane)).collect(),
            comparisons: comparisons(&tables),
            absent: tables
                .iter()
                .flat_map(|table| {
                    let sentences = table.standings.absent.iter();
                    sentences.map(move |sentence| format!("{}: {sentence}", table.run))
                })
                .collect(),
            reasons: tables.iter().flat_map(RunTable::reasons).collect(),
        }
    }
}

impl LaneHead {
    fn of(lane: &str, lineup: &[&str]) -> LaneHead {
        let place = lineup.iter().position(|known| *known == lane);
        LaneHead { name: lane.to_owned(), look: Look::at(place.unwrap_or(0)) }
    }
}

/// Pairs each lane with each run, in the order of the columns.
fn pairs<'a, 'b>(
    lanes: &'b [&'b str],
    tables: &'b [RunTable<'a>],
) -> impl Iterator<Item = (&'b str, &'b RunTable<'a>)> {
    lanes.iter().flat_map(|lane| tables.iter().map(move |table| (*lane, table)))
}

impl<'a> RunTable<'a> {
    fn of(run: &'a NamedRun<'a>, threads: usize, first: bool) -> RunTable<'a> {
        RunTable {
            first,
            run,
            standings: Standings::of(run.results, threads),
            absent: lookup::absent_lanes(run.results, threads),
        }
    }

    fn workloads(&self, threads: usize) -> impl Iterator<Item = &'a str> {
        let results = self.run.results;
        let names = results.workloads.iter().map(|workload| workload.name.as_str());
        names.filter(move |name| !lookup::sizes(results, name, threads).is_empty())
    }

    /// Writes the verdict of the run on a workload, as its own page does.
    fn verdict(&self, workload: &str, threads: usize) -> String {
        if lookup::sizes(self.run.results, workload, threads).is_empty() {
            return NOT_IN_THIS_RUN.to_owned();
        }
        let verdict = verdict::verdict(self.run.results, workload, threads);
        let sentences = [format!("{}.", verdict.finding)].into_iter().chain(verdict.missing);
        sentences.collect::<Vec<_>>().join(" ")
    }

    /// Returns the column of a lane in the run's own table.
    fn column(&self, lane: &str) -> Option<usize> {
        self.standings.columns.iter().position(|column| column.name == lane)
    }

    /// Makes the square of a lane in one comparison.
    fn square(&self, workload: &str, size: u64, lane: &str) -> Square {
        let of_workload = |group: &&standings::Group| group.workload == workload;
        let rows = self.standings.groups.iter().find(of_workload).map_or(&[][..], |group| &group.rows);
        let row = rows.iter().find(|row| row.number == size);
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
                self.empty(lane, "n/a", "applies to no workload")
            }
            None => self.empty(lane, "—", NOT_IN_THIS_RUN),
        }
    }

    /// Takes a square from the run's own table.
    fn placed(&self, lane: &str, square: &standings::Square) -> Square {
        // A line may break before an interval, but not within it.
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
            run: self.run.head.letter.clone(),
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
            cell: format!("{}: {}", self.run, reason.cell),
            reason: reason.reason.clone(),
        })
    }

    /// Makes the name of a place distinct for each run.
    fn own(&self, id: &str) -> String {
        format!("{}-{id}", self.run.head.letter)
    }
}

impl fmt::Display for NamedRun<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.head.letter, self.head.name)
    }
}

fn group(tables: &[RunTable<'_>], workload: &str, threads: usize, lanes: &[&str]) -> Group {
    let results = tables.iter().map(|table| table.run.results);
    let mut sizes: Vec<u64> =
        results.clone().flat_map(|results| lookup::sizes(results, workload, threads)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let known = results.clone().find(|results| results.workloads.iter().any(|known| known.name == workload));
    Group {
        workload: workload.to_owned(),
        quantity: known
            .map_or("per operation".to_owned(), |results| lookup::quantity_in_short(results, workload)),
        rows: sizes
            .into_iter()
            .map(|number| {
                let squares = pairs(lanes, tables).map(|(lane, table)| table.square(workload, number, lane));
                let size = sizes::of_runs(results.clone(), workload, number);
                ComparisonRow { number, squares: squares.collect(), size }
            })
            .collect(),
    }
}

/// Returns the verdicts of the runs on each group of workloads, starting with that on all of them.
fn of_groups(tables: &[RunTable<'_>], threads: usize) -> Vec<Verdicts> {
    let of_runs: Vec<Vec<GroupVerdict>> =
        tables.iter().map(|table| verdict::groups(table.run.results, threads)).collect();
    let names = union(of_runs.iter().flatten().map(name_of)).into_iter();
    names
        .map(|name| Verdicts {
            name: name.to_owned(),
            said: of_runs.iter().map(|verdicts| sentence_on(name, verdicts)).collect(),
        })
        .collect()
}

/// Writes the verdict on a group of workloads, if a run has one.
fn sentence_on(group: &str, verdicts: &[GroupVerdict]) -> String {
    let found = verdicts.iter().find(|verdict| name_of(verdict) == group);
    found.map_or(NOT_IN_THIS_RUN.to_owned(), sentence)
}

fn name_of(verdict: &GroupVerdict) -> &str {
    verdict.group.as_deref().unwrap_or(ALL)
}

/// Writes a verdict with the number of its comparisons, which two runs may differ in.
fn sentence(verdict: &GroupVerdict) -> String {
    let missing = verdict.missing.iter().map(|missing| format!(" {missing}")).collect::<String>();
    let clock = if verdict.by_the_clock { " by the clock" } else { "" };
    format!("Over {}{clock}: {}.{missing}", counted(verdict.comparisons, "comparison"), verdict.sentence())
}

fn missing(runs: &[&NamedRun<'_>], threads: usize) -> String {
    let names: Vec<String> = runs.iter().map(|run| run.to_string()).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("Not in {}, which did not race at {}.", listed(&names), counted(threads, "thread"))
}

/// Writes the number of comparisons that the means are over: `15`, or `A 15, B 9` if the runs differ.
fn comparisons(tables: &[RunTable<'_>]) -> String {
    let each = tables.iter().map(|table| table.standings.comparisons.as_str());
    match union(each).as_slice() {
        [same] => (*same).to_owned(),
        _ => tables
            .iter()
            .map(|table| format!("{} {}", table.run.head.letter, table.standings.comparisons))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn at_first_sight(runs: &[NamedRun<'_>]) -> Vec<Row> {
    let of_run = runs.iter().map(|run| circumstances::at_first_sight(run.results)).collect();
    let version = |run: &NamedRun<'_>, lane: &str| {
        let executor = run.results.executors.iter().find(|executor| executor.name == lane);
        executor.map_or(NOT_IN_THIS_RUN, |executor| &executor.version).to_owned()
    };
    let versions = lineup(runs).into_iter().map(|lane| {
        let values = runs.iter().map(|run| version(run, lane)).collect();
        Row::new(format!("version of {lane}"), values)
    });
    // Versions that are the same everywhere would only hide the others.
    rows(of_run).into_iter().chain(versions.filter(|row| row.differs)).collect()
}

fn in_full(runs: &[NamedRun<'_>]) -> Vec<Circumstances> {
    let mut groups: Vec<(&'static str, Vec<Vec<Fact>>)> = Vec::new();
    for facts in runs.iter().flat_map(|run| circumstances::all(run.results)) {
        match groups.iter_mut().find(|(title, _)| *title == facts.title) {
            Some((_, of_runs)) => of_runs.push(facts.facts),
            None => groups.push((facts.title, vec![facts.facts])),
        }
    }
    groups.into_iter().map(|(title, of_runs)| Circumstances { title, rows: rows(of_runs) }).collect()
}

/// Makes a row for each fact, from the lists of all runs, which name the same facts in the same order.
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

/// Returns the lanes of all runs, in the order of the first lineup that has them.
fn lineup<'a>(runs: &[NamedRun<'a>]) -> Vec<&'a str> {
    union(runs.iter().flat_map(|run| run.results.executors.iter().map(|lane| lane.name.as_str())))
}

/// Moves programs to the end.
fn programs_last<'a>(runs: &[&NamedRun<'a>], lanes: Vec<&'a str>) -> Vec<&'a str> {
    let is_program = |lane: &&str| runs.iter().any(|run| lookup::is_program(run.results, lane));
    let (programs, mut lanes): (Vec<&str>, Vec<&str>) = lanes.into_iter().partition(is_program);
    lanes.extend(programs);
    lanes
}

/// Returns each name once, in the order of first appearance.
fn union<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// Returns `A`, `B`, ... `Z`, `AA`, `BB`: a number would look like a rank.
fn letter(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    String::from(letter).repeat(index / 26 + 1)
}

/// Returns the end of a file's path that no other file has, without the extension; all of it if another file
/// has that too.
fn shortest_name(file: &Path, files: &[PathBuf]) -> String {
    let parts = parts(file);
    let others: Vec<Vec<String>> =
        files.iter().map(|other| self::parts(other)).filter(|other| *other != parts).collect();
    let end = |parts: &[String], length: usize| parts[parts.len().saturating_sub(length)..].join("/");
    let alone = |length: &usize| others.iter().all(|other| end(other, *length) != end(&parts, *length));
    let length = (1..=parts.len()).find(alone).unwrap_or(parts.len());
    end(&parts, length)
}

/// Returns the folders of a path and the stem of its file, but for one that all files of results have.
fn parts(file: &Path) -> Vec<String> {
    let is_packed = file.extension().is_some_and(|extension| extension == "gz");
    let stem = if is_packed { file.with_extension("").with_extension("") } else { file.with_extension("") };
    let mut parts: Vec<String> = stem
        .components()
        .filter_map(|part: Component<'_>| match part {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    if parts.len() > 1 && parts.last().is_some_and(|stem| stem == "results") {
        parts.pop();
    }
    parts
}
