//! The page: results as one HTML file that needs no network, and no script to be read.
//!
//! The modules below turn results into structs of ready strings; the templates put those into HTML and do no arithmetic.
//! The words come from `verdict`, the form of the figures from `figures`, the look from the stylesheets of `templates`.

mod chart;
mod circumstances;
mod controls;
mod data;
mod lanes;
mod links;
mod memory;
mod race;
mod sections;
pub(crate) mod standings;

use std::path::Path;

use askama::Template;

use crate::{
    figures::counted,
    results::{Profile, Results},
};
use circumstances::{Fact, Facts};
use controls::Controls;
use data::Data;
use lanes::LaneCard;
use links::{Links, Source};
use memory::Slope;
use race::Race;
use sections::Section;
use standings::Legend;

/// What the page looks like.
const STYLE: &str = concat!(
    include_str!("../templates/base.css"),
    include_str!("../templates/tables.css"),
    include_str!("../templates/sections.css")
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
    seen: [&'static str; 11],
    lanes: Vec<LaneCard>,
    memory: Vec<Slope>,
    blocks: String,
    noise: String,
    again: String,
    methodology: Source,
    circumstances: Vec<Facts>,
    packages: Vec<Fact>,
    data: Data,
}

impl Report {
    fn of(results: &Results, links: &Links) -> Report {
        Report {
            policy: data::policy(STYLE, SCRIPT),
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
            seen: sections::SEEN,
            lanes: results.executors.iter().map(|executor| LaneCard::of(results, executor, links)).collect(),
            memory: results.memory.iter().map(|memory| Slope::of(results, memory)).collect(),
            blocks: circumstances::blocks(results),
            noise: noise(results),
            again: circumstances::again(&results.run),
            methodology: links.to("METHODOLOGY.md"),
            circumstances: circumstances::all(results),
            packages: circumstances::packages(&results.build),
            data: Data::of(results),
        }
    }
}

/// What the lanes that raced against themselves showed.
fn noise(results: &Results) -> String {
    let Some(noise) = &results.noise else {
        return "No lane raced against itself, so there is no noise floor.".to_owned();
    };
    format!(
        "In {} a lane raced against itself under another name; {} would be called different, which none is. All but one in twenty differed by no more than {}: that is the noise floor, and what lies below it is a tie.",
        counted(noise.pairs.len(), "comparison"),
        noise.different,
        circumstances::noise_floor(results)
    )
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
