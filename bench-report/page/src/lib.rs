//! Draws results: the page, which is one HTML file that needs no network and can be read without scripts, and
//! the other forms in which results are shown.
//!
//! The private modules turn results into structs of ready strings; the templates put those into HTML and do
//! no arithmetic. The words come from [`verdict`], the form of the figures from [`results::figures`], the
//! look from the stylesheets in `templates`.

mod added;
pub mod answers;
mod chart;
mod circumstances;
mod controls;
mod cores;
mod data;
pub mod export;
mod first;
mod folded;
mod grain;
mod known;
mod lanes;
mod links;
mod matter;
mod memory;
mod method;
mod metrics;
mod race;
mod sections;
pub mod show;
pub mod side_by_side;
pub(crate) mod sizes;
pub(crate) mod standings;
mod synonyms;
pub mod table;
pub mod terminal;
pub mod verdict;
mod versions;

use std::path::Path;

use askama::Template;

use results::{Profile, Results, figures::counted};

use circumstances::{Fact, Facts, Settled};
use controls::Controls;
use data::Data;
use first::First;
use grain::GrainOfThreads;
use lanes::{LaneCard, Marker};
use links::Links;
use matter::Matter;
use memory::MemoryOfTasks;
use method::Method;
use race::Race;
use sections::Section;
use standings::Legend;
use versions::OverVersions;

/// The stylesheet of the page.
const STYLE: &str = concat!(
    include_str!("../templates/base.css"),
    include_str!("../templates/first.css"),
    include_str!("../templates/matter.css"),
    include_str!("../templates/tables.css"),
    include_str!("../templates/sections.css"),
    include_str!("../templates/versions.css"),
    include_str!("../templates/grain.css"),
    include_str!("../templates/end.css")
);

/// The script of the page.
const SCRIPT: &str = concat!(
    include_str!("../templates/report.js"),
    include_str!("../templates/first.js"),
    include_str!("../templates/matter.js")
);

/// Draws the page of a run. Links to files of the repository start from `folder`, the folder that the page
/// goes into.
pub fn render(results: &Results, folder: Option<&Path>) -> String {
    let links = Links::of(&results.build, folder);
    Report::of(results, &links).render().expect("strings always fit into the template")
}

/// The content of the page, in the order of the page.
#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    policy: String,
    style: &'static str,
    script: &'static str,
    title: String,
    subject: String,
    strip: Vec<Fact>,
    settled: Option<Settled>,
    caution: &'static str,
    warnings: Vec<String>,
    warned: String,
    first: First,
    matter: Matter,
    controls: Controls,
    races: Vec<Race>,
    legend: Legend,
    /// Words to search for.
    suggested: &'static str,
    /// `true` if each row has a noise floor of its own, as it has but in older files.
    by_row: bool,
    sections: Vec<Section>,
    markers: Vec<Marker>,
    grain: Vec<GrainOfThreads>,
    versions: Vec<OverVersions>,
    lanes: Vec<LaneCard>,
    memory: MemoryOfTasks,
    method: Method,
    circumstances: Vec<Facts>,
    packages: Vec<Fact>,
    data: Data,
}

impl Report {
    fn of(results: &Results, links: &Links) -> Report {
        let workloads = results.workloads.iter();
        let sections: Vec<Section> =
            workloads.map(|workload| Section::of(results, workload, links)).collect();
        Report {
            policy: data::policy(STYLE, Some(SCRIPT)),
            style: STYLE,
            script: SCRIPT,
            title: format!(
                "Photofinish: {}{} run, {}",
                results.run.lineup.as_ref().map_or(String::new(), |name| format!("{name}, ")),
                results.run.profile,
                circumstances::date(&results.run.started)
            ),
            subject: subject(results),
            strip: circumstances::strip(results),
            settled: Settled::of(results),
            caution: caution(results),
            warnings: results
                .warnings
                .iter()
                .map(|warning| format!("{}: {}.", warning.finding, warning.remedy))
                .collect(),
            warned: counted(results.warnings.len(), "warning"),
            first: First::of(results),
            matter: Matter::of(results),
            controls: Controls::of(results),
            races: race::races(results),
            legend: standings::legend(),
            suggested: synonyms::SUGGESTED,
            by_row: !results.rows.is_empty(),
            markers: lanes::markers(results),
            grain: GrainOfThreads::all(results),
            versions: OverVersions::all(results),
            lanes: results.executors.iter().map(|executor| LaneCard::of(results, executor, links)).collect(),
            memory: MemoryOfTasks::of(results),
            method: Method::of(results, links),
            circumstances: circumstances::all(results),
            packages: circumstances::packages(&results.build),
            data: Data::of(results, &folded::pieces(&sections)),
            sections,
        }
    }
}

/// Returns the line beside the title.
fn subject(results: &Results) -> String {
    match &results.run.lineup {
        None => "the same asynchronous workloads on several executors".to_owned(),
        Some(name) => format!("the same asynchronous workloads on the lineup {name}"),
    }
}

/// Returns the caution that a reader should keep in mind before quoting figures; empty unless the run is a
/// quick one.
fn caution(results: &Results) -> &'static str {
    match results.run.profile {
        Profile::Quick => {
            "A quick run shows that everything works, and which differences are large. It leaves out the workloads whose runs are long."
        }
        Profile::Default | Profile::Full => "",
    }
}
