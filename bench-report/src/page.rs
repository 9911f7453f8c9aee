//! The page: results as one HTML file that needs neither network nor scripts.
//!
//! The modules below turn results into structs of ready strings; the templates put those into HTML and do no arithmetic.
//! The words come from `verdict`, the form of the figures from `figures`, the look from the stylesheets of `templates`.

mod chart;
mod circumstances;
mod lanes;
mod memory;
mod sections;
pub(crate) mod standings;

use askama::Template;

use crate::{
    figures::counted,
    results::{Profile, Results},
    verdict,
};
use chart::Marker;
use circumstances::{Fact, Facts};
use lanes::LaneCard;
use memory::Slope;
use sections::Section;
use standings::{Standings, Swatch};

/// From the folder of the newest page, `target/bench-report`, to the top of the repository.
const REPOSITORY: &str = "../../";

/// Draws the page of a run.
pub fn render(results: &Results) -> String {
    Report::of(results).render().expect("strings always fit into the template")
}

/// Everything the page says, in the order of the page.
#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    style: &'static str,
    title: String,
    strip: Vec<Fact>,
    caution: &'static str,
    warnings: Vec<String>,
    races: Vec<Race>,
    swatches: Vec<Swatch>,
    standings: Vec<Standings>,
    sections: Vec<Section>,
    markers: Vec<Marker>,
    seen: [&'static str; 11],
    lanes: Vec<LaneCard>,
    memory: Vec<Slope>,
    blocks: String,
    noise: String,
    again: String,
    methodology: String,
    circumstances: Vec<Facts>,
    packages: Vec<Fact>,
}

/// The verdicts at one number of threads.
struct Race {
    threads: String,
    verdicts: Vec<Finding>,
    absent: Vec<String>,
}

/// One verdict, beside the name of its workload.
struct Finding {
    workload: String,
    anchor: String,
    finding: String,
    missing: Vec<String>,
}

impl Report {
    fn of(results: &Results) -> Report {
        Report {
            style: concat!(
                include_str!("../templates/base.css"),
                include_str!("../templates/tables.css"),
                include_str!("../templates/sections.css")
            ),
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
            races: verdict::races(results).into_iter().map(Race::of).collect(),
            swatches: standings::swatches(),
            standings: verdict::threads(results)
                .into_iter()
                .map(|threads| Standings::of(results, threads))
                .collect(),
            sections: results.workloads.iter().map(|workload| Section::of(results, workload)).collect(),
            markers: chart::markers(results),
            seen: sections::SEEN,
            lanes: results.executors.iter().map(|executor| LaneCard::of(results, executor)).collect(),
            memory: results.memory.iter().map(|memory| Slope::of(results, memory)).collect(),
            blocks: circumstances::blocks(results),
            noise: noise(results),
            again: circumstances::again(&results.run),
            methodology: format!("{REPOSITORY}METHODOLOGY.md"),
            circumstances: circumstances::all(results),
            packages: circumstances::packages(&results.build),
        }
    }
}

impl Race {
    fn of(race: verdict::Race) -> Race {
        Race {
            threads: counted(race.threads, "thread"),
            verdicts: race.verdicts.into_iter().map(Finding::of).collect(),
            absent: race.absent,
        }
    }
}

impl Finding {
    fn of(verdict: verdict::Verdict) -> Finding {
        Finding {
            anchor: anchor(&verdict.workload),
            workload: verdict.workload,
            finding: verdict.finding,
            missing: verdict.missing,
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

/// A link to a file of the repository.
fn source_link(path: &str) -> String {
    format!("{REPOSITORY}{path}")
}
