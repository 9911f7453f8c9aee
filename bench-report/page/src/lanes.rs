//! Prepares the lanes: their look, which is the same everywhere, and their cards.

use super::{
    chart::{MARKER, in_column},
    links::{Links, Source},
};
use results::{
    Capability, Cell, Executor, Metric, Observed, OtherBuild, Results, Standing, Substitute,
    figures::{bytes, counted, listed},
    lookup,
};

use crate::verdict;

/// The number of colours of executors in the stylesheet.
const HUES: usize = 8;

/// Outlines around the origin that are told apart without colour: circle, square, diamond, and triangles up
/// and down.
const MARKERS: [&str; 5] = [
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "M-4 -4h8v8h-8z",
    "M0 -5.5L5.5 0L0 5.5L-5.5 0z",
    "M0 -5L5 4H-5z",
    "M0 5L5 -4H-5z",
];

/// The colour and the marker of a lane: the same everywhere on the page.
#[derive(Clone)]
pub(crate) struct Look {
    /// The name of its colour in the stylesheet: "2", "2-light" for a flavour, or "program".
    pub(super) hue: String,
    pub(super) marker: &'static str,
}

/// A lane in the form in which charts draw it.
#[derive(Clone)]
pub(crate) struct ChartLane {
    pub(crate) name: String,
    pub(crate) hue: String,
    /// The names of its marker and of its head of a row, which are defined once on the page.
    pub(crate) mark: String,
    pub(crate) head: String,
}

/// The definition of a lane's marker, and of its head of a row: its name with the marker beside it.
pub(crate) struct Marker {
    pub(crate) id: String,
    pub(crate) head: String,
    /// The name of the lane, by which the script finds the lane of a mark.
    pub(crate) lane: String,
    pub(crate) outline: &'static str,
    pub(crate) label: String,
    /// The distance from the end of the label to the marker.
    pub(crate) beside: f64,
}

/// The card of a lane.
pub(super) struct LaneCard {
    pub(super) look: Look,
    pub(super) name: String,
    pub(super) about: String,
    pub(super) class: String,
    pub(super) version: String,
    /// Its capabilities beside tasks; `None` if the results do not say.
    pub(super) has: Option<String>,
    /// The party that answers for it; empty if the results do not say.
    pub(super) standing: String,
    /// The rows in which it is the best, level, near, open and behind, a sentence for each number of threads.
    pub(super) did: Vec<String>,
    /// The memory of a task that waits; empty if it was not measured.
    pub(super) memory: String,
    /// The workers that were requested and those that were seen, for each number of them.
    pub(super) workers: Vec<String>,
    pub(super) jobs: String,
    pub(super) processors: String,
    /// The mechanism by which it waited for sockets, if tasks used any.
    pub(super) sockets: Option<String>,
    /// The package that is another than in the run's own build, and how it was built; `None` if none is.
    pub(super) build: Option<Vec<String>>,
    pub(super) limits: String,
    pub(super) dependencies: String,
    pub(super) homepage: String,
    /// `true` if the home page is a web address; anything else stays text.
    pub(super) linked: bool,
    pub(super) source: Source,
}

impl Look {
    /// Returns the look of a lane: the colour of its executor, lighter if it is a flavour of that, and a marker by its
    /// place in the lineup.
    pub(super) fn of(results: &Results, lane: &str) -> Look {
        let place = results.executors.iter().position(|executor| executor.name == lane).unwrap_or(0);
        let names: Vec<&str> = results.executors.iter().map(|executor| &*executor.name).collect();
        let executors: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !lookup::is_program(results, name) && executor_of(&names, name) == *name)
            .collect();
        let executor = executor_of(&names, lane);
        let hue = executors.iter().position(|known| *known == executor).map_or(0, |hue| hue % HUES);
        let hue = match () {
            () if lookup::is_program(results, lane) => "program".to_owned(),
            () if executor == lane => hue.to_string(),
            () => format!("{hue}-light"),
        };
        Look { hue, ..Look::at(place) }
    }

    /// Returns the look at a place; five markers and eight hues repeat after forty lanes.
    pub(super) fn at(place: usize) -> Look {
        Look { hue: (place % HUES).to_string(), marker: MARKERS[place % MARKERS.len()] }
    }
}

impl ChartLane {
    pub(crate) fn of(results: &Results, name: &str) -> ChartLane {
        let place = results.executors.iter().position(|executor| executor.name == name).unwrap_or(0);
        ChartLane {
            name: name.to_owned(),
            hue: Look::of(results, name).hue,
            mark: mark(place),
            head: head(place),
        }
    }
}

/// Returns the lane that a lane is a flavour of, by its name: `smol` for `smol-local`; itself if there is none.
fn executor_of<'a>(names: &[&'a str], lane: &'a str) -> &'a str {
    let is_flavour = |name: &str| lane.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    names.iter().copied().filter(|name| is_flavour(name)).min_by_key(|name| name.len()).unwrap_or(lane)
}

/// Defines the markers of all lanes.
pub(super) fn markers(results: &Results) -> Vec<Marker> {
    results
        .executors
        .iter()
        .enumerate()
        .map(|(place, executor)| Marker {
            id: mark(place),
            head: head(place),
            lane: executor.name.clone(),
            outline: Look::of(results, &executor.name).marker,
            label: in_column(&executor.name),
            beside: MARKER / 2.0,
        })
        .collect()
}

fn mark(place: usize) -> String {
    format!("m{place}")
}

fn head(place: usize) -> String {
    format!("r{place}")
}

impl LaneCard {
    pub(super) fn of(results: &Results, executor: &Executor, links: &Links) -> LaneCard {
        let cells = results.cells.iter().filter(|cell| cell.executor == executor.name);
        let seen: Vec<&Observed> = cells.filter_map(|cell| cell.observed.as_ref()).collect();
        LaneCard {
            look: Look::of(results, &executor.name),
            name: executor.name.clone(),
            about: executor.about.clone(),
            class: class(results, executor),
            version: executor.version.clone(),
            has: has(executor),
            standing: standing(executor),
            did: lookup::races(results)
                .into_iter()
                .filter_map(|threads| did(results, &executor.name, threads))
                .collect(),
            memory: memory(results, &executor.name),
            workers: workers(results, &executor.name),
            jobs: jobs(&seen),
            processors: processors(&seen),
            sockets: sockets(&seen),
            build: executor.other_build.as_ref().map(build),
            limits: if executor.limits.is_empty() {
                "none noted".to_owned()
            } else {
                executor.limits.clone()
            },
            dependencies: dependencies(executor.dependencies),
            homepage: executor.homepage.clone(),
            linked: ["https://", "http://"].iter().any(|scheme| executor.homepage.starts_with(scheme)),
            source: links.to(&executor.source),
        }
    }
}

/// Lists what a lane has beside tasks, in the order of the contract.
fn has(executor: &Executor) -> Option<String> {
    let name = |capability: &Capability| match capability {
        Capability::Timer => "timers",
        Capability::BlockingPool => "a blocking pool",
        Capability::Remote => "tasks from other threads",
        Capability::BlockOn => "block_on",
        Capability::Restart => "an end",
        Capability::Sockets => "sockets",
    };
    let names: Vec<&str> = executor.has.iter().map(name).collect();
    let tells = executor.standing.is_some();
    tells.then(|| if names.is_empty() { "tasks alone".to_owned() } else { listed(&names) })
}

fn standing(executor: &Executor) -> String {
    match &executor.standing {
        None => String::new(),
        Some(Standing::Published) => "published and maintained".to_owned(),
        Some(Standing::Discontinued(advisory)) => format!("discontinued: {advisory}"),
        Some(Standing::Ours) => "ours: a yardstick, which nobody else uses".to_owned(),
        Some(Standing::Experiment) => "an experiment".to_owned(),
    }
}

/// Counts the rows of a lane by its place: "2 threads: best 2, level 2, open 9, behind 16 of 29"; `None` if it has no
/// place in any.
fn did(results: &Results, lane: &str, threads: usize) -> Option<String> {
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let rows = results.cells.chunk_by(same).filter(|row| row[0].threads == threads);
    let rows: Vec<&[Cell]> = rows.filter(|row| row.iter().any(|cell| cell.rank.is_some())).collect();
    let place = |row: &&[Cell]| {
        let cell = row.iter().find(|cell| cell.executor == lane && cell.rank.is_some())?;
        let best = verdict::winner(row.iter()).map(|winner| winner.leaders[0]);
        Some(match cell.rank {
            _ if best == Some(lane) => "best",
            Some(1) if cell.undecided => "open",
            Some(1) if cell.near => "near",
            Some(1) => "level",
            _ => "behind",
        })
    };
    let places: Vec<&str> = rows.iter().filter_map(place).collect();
    let count = |word: &str| match places.iter().filter(|place| **place == word).count() {
        0 => None,
        many => Some(format!("{word} {many}")),
    };
    let counts: Vec<String> =
        ["best", "level", "near", "open", "behind"].into_iter().filter_map(count).collect();
    let threads = counted(threads, "thread");
    (!places.is_empty())
        .then(|| format!("{threads}: {} of {}", counts.join(", "), counted(rows.len(), "row")))
}

/// Writes the bytes of a lane's task that sleeps, for each number of threads: "448 B a task of sleepers".
fn memory(results: &Results, lane: &str) -> String {
    let of_lane = results.memory.iter().filter(|memory| memory.executor == lane);
    let written = of_lane.filter_map(|memory| match &memory.bytes_a_task {
        Metric::Measured { estimate, .. } => {
            let threads = counted(memory.threads, "thread");
            Some(format!("{} a task of {}, {threads}", bytes(estimate.value), memory.workload))
        }
        Metric::Unavailable { .. } => None,
    });
    written.collect::<Vec<_>>().join("; ")
}

fn class(results: &Results, executor: &Executor) -> String {
    let beside = if lookup::is_program(results, &executor.name) { ", beside the others" } else { "" };
    format!("{}{beside}", executor.class)
}

/// Names exactly what a lane of another build was built with, a sentence for each part.
fn build(OtherBuild { lane, substitute }: &OtherBuild) -> Vec<String> {
    let Substitute { package, version, instead_of, source, checksum, features, flags, program, also, .. } =
        substitute;
    let features = if features.is_empty() { "none".to_owned() } else { listed(features) };
    let place = if source == "crates.io" && version == instead_of {
        "as in the lock file".to_owned()
    } else {
        format!("in the place of {instead_of}")
    };
    let mut sentences = vec![
        format!("{package} {version} from {source}, {place}; else as {lane}"),
        format!("checksum {checksum}"),
        format!("features {features}; compiled with the flags: {flags}; program {program}"),
    ];
    if !also.is_empty() {
        sentences.push(format!("needs {}", listed(also)));
    }
    sentences
}

fn dependencies(packages: Option<usize>) -> String {
    match packages {
        None => "unknown".to_owned(),
        Some(0) => "nothing but std".to_owned(),
        Some(packages) => counted(packages, "other package"),
    }
}

/// Tells how many workers were requested, and how many were seen: `2 requested: 2 came, 1 to 2 polled`.
fn workers(results: &Results, lane: &str) -> Vec<String> {
    let requests = lookup::threads(results).into_iter();
    let sentences: Vec<String> =
        requests.filter_map(|requested| workers_of(results, lane, requested)).collect();
    if sentences.is_empty() { vec!["not observed".to_owned()] } else { sentences }
}

/// Tells how many of the requested workers were seen; `None` if nothing was observed.
fn workers_of(results: &Results, lane: &str, requested: usize) -> Option<String> {
    let cells = results.cells.iter().filter(|cell| cell.executor == lane && cell.threads == requested);
    let seen: Vec<&Observed> = cells.filter_map(|cell| cell.observed.as_ref()).collect();
    let came = range(seen.iter().map(|seen| seen.workers))?;
    let polled = range(seen.iter().map(|seen| seen.threads))?;
    // Results of an older draft do not say how many came.
    let came = if came == "0" { String::new() } else { format!("{came} came, ") };
    Some(format!("{requested} requested: {came}{polled} polled"))
}

fn jobs(seen: &[&Observed]) -> String {
    match seen.iter().filter_map(|seen| seen.jobs_at_once).max() {
        None => "not observed".to_owned(),
        Some(0) => "none".to_owned(),
        Some(most) => format!("up to {most} at once, in addition to the workers"),
    }
}

/// Lists the processors that the workers of a lane might run on, as its cells saw them.
fn processors(seen: &[&Observed]) -> String {
    let mut processors: Vec<&str> = seen.iter().map(|seen| seen.cpus.as_str()).collect();
    processors.sort_unstable();
    processors.dedup();
    if processors.is_empty() { "not observed".to_owned() } else { listed(&processors) }
}

/// Names the mechanism by which the cells of a lane waited for sockets; `None` if no task used any.
fn sockets(seen: &[&Observed]) -> Option<String> {
    let mut drivers: Vec<&str> = seen.iter().filter_map(|seen| seen.driver.as_deref()).collect();
    drivers.sort_unstable();
    drivers.dedup();
    (!drivers.is_empty()).then(|| listed(&drivers))
}

/// Writes `2`, or `1 to 2` if the numbers differ; `None` without numbers.
fn range(numbers: impl Iterator<Item = usize> + Clone) -> Option<String> {
    let (fewest, most) = (numbers.clone().min()?, numbers.max()?);
    Some(if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") })
}
