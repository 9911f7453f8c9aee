//! The lanes: how each is drawn wherever it appears, and what is known about it.

use super::links::{Links, Source};
use crate::{
    figures::{counted, listed},
    results::{Executor, Observed, Results},
    verdict,
};

/// The number of lane colours in the stylesheet.
const HUES: usize = 8;

/// Outlines about the origin, told apart without colour: circle, square, diamond, and triangles up and down.
const MARKERS: [&str; 5] = [
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "M-4 -4h8v8h-8z",
    "M0 -5.5L5.5 0L0 5.5L-5.5 0z",
    "M0 -5L5 4H-5z",
    "M0 5L5 -4H-5z",
];

/// Colour and marker of a lane: the same everywhere on the page.
#[derive(Clone)]
pub(crate) struct Look {
    pub(super) hue: usize,
    pub(super) marker: &'static str,
}

/// What is known about a lane.
pub(super) struct LaneCard {
    pub(super) look: Look,
    pub(super) name: String,
    pub(super) about: String,
    pub(super) class: String,
    pub(super) version: String,
    /// How many it was asked to have and how many were seen, for each number of them.
    pub(super) workers: Vec<String>,
    pub(super) jobs: String,
    pub(super) processors: String,
    pub(super) limits: String,
    pub(super) dependencies: String,
    pub(super) homepage: String,
    /// Whether the home page may be a link: anything but a web address stays text.
    pub(super) linked: bool,
    pub(super) source: Source,
}

impl Look {
    /// The look of a lane by its place in the lineup.
    pub(super) fn of(results: &Results, lane: &str) -> Look {
        Look::at(results.executors.iter().position(|executor| executor.name == lane).unwrap_or(0))
    }

    /// The look at a place; five markers and eight hues repeat after forty lanes.
    pub(super) fn at(place: usize) -> Look {
        Look { hue: place % HUES, marker: MARKERS[place % MARKERS.len()] }
    }
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
            workers: workers(results, &executor.name),
            jobs: jobs(&seen),
            processors: processors(&seen),
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

fn class(results: &Results, executor: &Executor) -> String {
    let beside = if verdict::is_program(results, &executor.name) { ", beside the others" } else { "" };
    format!("{}{beside}", executor.class)
}

fn dependencies(packages: Option<usize>) -> String {
    match packages {
        None => "unknown".to_owned(),
        Some(0) => "nothing but std".to_owned(),
        Some(packages) => counted(packages, "other package"),
    }
}

/// How many workers were asked for, and what of them was seen: `2 asked for: 2 came, 1 to 2 polled`.
fn workers(results: &Results, lane: &str) -> Vec<String> {
    let sentence = |asked: usize| {
        let cells = results.cells.iter().filter(|cell| cell.executor == lane && cell.threads == asked);
        let seen: Vec<&Observed> = cells.filter_map(|cell| cell.observed.as_ref()).collect();
        let came = range(seen.iter().map(|seen| seen.workers))?;
        let polled = range(seen.iter().map(|seen| seen.threads))?;
        // Older results do not say how many came.
        let came = if came == "0" { String::new() } else { format!("{came} came, ") };
        Some(format!("{asked} asked for: {came}{polled} polled"))
    };
    let sentences: Vec<String> = verdict::threads(results).into_iter().filter_map(sentence).collect();
    if sentences.is_empty() { vec!["not observed".to_owned()] } else { sentences }
}

fn jobs(seen: &[&Observed]) -> String {
    match seen.iter().filter_map(|seen| seen.jobs_at_once).max() {
        None => "not observed".to_owned(),
        Some(0) => "none".to_owned(),
        Some(most) => format!("up to {most} at once, beside the workers"),
    }
}

/// The processors that the workers of a lane might run on, as each cell saw them.
fn processors(seen: &[&Observed]) -> String {
    let mut processors: Vec<&str> = seen.iter().map(|seen| seen.cpus.as_str()).collect();
    processors.sort_unstable();
    processors.dedup();
    if processors.is_empty() { "not observed".to_owned() } else { listed(&processors) }
}

/// `2`, or `1 to 2` if they differ; none of nothing.
fn range(numbers: impl Iterator<Item = usize> + Clone) -> Option<String> {
    let (fewest, most) = (numbers.clone().min()?, numbers.max()?);
    Some(if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") })
}
