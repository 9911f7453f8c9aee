//! The page: results as one HTML file that needs no network, and no script to be read.
//!
//! The modules below turn results into structs of ready strings; the templates put those into HTML and do no arithmetic.
//! The words come from `verdict`, the form of the figures from `figures`, the look from the stylesheets of `templates`.

mod chart;
mod circumstances;
mod controls;
mod data;
mod known;
mod lanes;
mod links;
mod memory;
mod method;
mod metrics;
mod race;
mod sections;
pub mod side_by_side;
pub(crate) mod standings;

use std::path::Path;

use askama::Template;

use crate::{
    figures::counted,
    results::{Profile, Results},
};
use chart::Marker;
use circumstances::{Fact, Facts};
use controls::Controls;
use data::Data;
use lanes::LaneCard;
use links::Links;
use memory::MemoryOfTasks;
use method::Method;
use race::Race;
use sections::Section;
use standings::Legend;

/// What the page looks like.
const STYLE: &str = concat!(
    include_str!("../templates/base.css"),
    include_str!("../templates/tables.css"),
    include_str!("../templates/sections.css"),
    include_str!("../templates/end.css")
);

/// What it can do besides being read.
const SCRIPT: &str = include_str!("../templates/report.js");

/// Draws the page of a run. The folder is the one that it goes into: links to files lead on from there.
pub fn render(results: &Results, folder: Option<&Path>) -> String {
    let links = Links::of(&results.build, folder);
    Report::of(results, &links).render().expect("strings always fit into the template")
}

/// Everything the page says, in the order of the page.
#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    policy: String,
    style: &'static str,
    script: &'static str,
    title: String,
    strip: Vec<Fact>,
    caution: &'static str,
    warnings: Vec<String>,
    warned: String,
    controls: Controls,
    races: Vec<Race>,
    legend: Legend,
    sections: Vec<Section>,
    markers: Vec<Marker>,
    seen: [&'static str; 11],
    lanes: Vec<LaneCard>,
    memory: MemoryOfTasks,
    method: Method,
    circumstances: Vec<Facts>,
    packages: Vec<Fact>,
    data: Data,
}

impl Report {
    fn of(results: &Results, links: &Links) -> Report {
        Report {
            policy: data::policy(STYLE, Some(SCRIPT)),
            style: STYLE,
            script: SCRIPT,
            title: format!(
                "Photofinish: {} run, {}",
                results.run.profile,
                circumstances::date(&results.run.started)
            ),
            strip: circumstances::strip(results),
            caution: caution(results),
            warnings: results
                .warnings
                .iter()
                .map(|warning| format!("{}: {}.", warning.finding, warning.remedy))
                .collect(),
            warned: counted(results.warnings.len(), "warning"),
            controls: Controls::of(results),
            races: race::races(results),
            legend: standings::legend(),
            sections: results
                .workloads
                .iter()
                .map(|workload| Section::of(results, workload, links))
                .collect(),
            markers: chart::markers(results),
            seen: sections::SEEN,
            lanes: results.executors.iter().map(|executor| LaneCard::of(results, executor, links)).collect(),
            memory: MemoryOfTasks::of(results),
            method: Method::of(results, links),
            circumstances: circumstances::all(results),
            packages: circumstances::packages(&results.build),
            data: Data::of(results),
        }
    }
}

/// What to keep in mind before quoting anything; empty for a thorough run.
fn caution(results: &Results) -> &'static str {
    match results.run.profile {
        Profile::Quick => "A quick run shows that everything works. It is too short to say who wins.",
        Profile::Default | Profile::Full => "",
    }
}

/// The name of a workload as the name of a place on the page.
fn anchor(workload: &str) -> String {
    let safe = |character: char| if character.is_alphanumeric() { character } else { '-' };
    format!("workload-{}", workload.chars().map(safe).collect::<String>())
}
