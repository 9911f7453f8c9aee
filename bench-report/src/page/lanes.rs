//! The lanes: how each is drawn wherever it appears, and what is known about it.

use super::links::{Links, Source};
use crate::{
    results::{Executor, Results},
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
    pub(super) homepage: String,
    /// Whether the home page may be a link: anything but a web address stays text.
    pub(super) linked: bool,
    pub(super) source: Source,
    pub(super) observed: String,
}

impl Look {
    /// The look of a lane by its place in the lineup; five markers and eight hues repeat after forty lanes.
    pub(super) fn of(results: &Results, lane: &str) -> Look {
        let place = results.executors.iter().position(|executor| executor.name == lane).unwrap_or(0);
        Look { hue: place % HUES, marker: MARKERS[place % MARKERS.len()] }
    }
}

impl LaneCard {
    pub(super) fn of(results: &Results, executor: &Executor, links: &Links) -> LaneCard {
        LaneCard {
            look: Look::of(results, &executor.name),
            name: executor.name.clone(),
            about: executor.about.clone(),
            class: executor.class.clone(),
            version: executor.version.clone(),
            homepage: executor.homepage.clone(),
            linked: ["https://", "http://"].iter().any(|scheme| executor.homepage.starts_with(scheme)),
            source: links.to(&executor.source),
            observed: observed(results, &executor.name),
        }
    }
}

/// On how many threads the lane was seen to poll tasks, for each number that was asked for.
fn observed(results: &Results, lane: &str) -> String {
    let seen = |asked: usize| {
        let cells = results.cells.iter().filter(|cell| cell.executor == lane && cell.threads == asked);
        let threads: Vec<usize> =
            cells.filter_map(|cell| cell.observed.as_ref()).map(|seen| seen.threads).collect();
        let (fewest, most) = (threads.iter().min()?, threads.iter().max()?);
        let range = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
        Some(format!("{range} of {asked}"))
    };
    let seen: Vec<String> = verdict::threads(results).into_iter().filter_map(seen).collect();
    if seen.is_empty() { "not observed".to_owned() } else { seen.join(", ") }
}
