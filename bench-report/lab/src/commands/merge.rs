//! `merge`: puts the parts of a race together.

use std::path::Path;

use anyhow::{Result, ensure};
use lane_protocol::LaneEntry;
use race::{
    folder::{Folder, write},
    merge::{self, Merged, PartRun},
};
use results::Results;

use super::{complain, interruption, prepare::Prepared, say};
use crate::{arguments::MergeArguments, exit};

/// Makes one run of parts, with a journal, results and a page of its own.
pub(crate) fn merge(arguments: &MergeArguments) -> Result<u8> {
    let MergeArguments { parts, out, track } = arguments;
    let parts = parts.iter().map(|name| PartRun::read(name)).collect::<Result<Vec<_>>>()?;
    merge::check(&parts)?;
    let interrupted = interruption()?;
    let plan = &parts[0].plan;
    let mut threads: Vec<usize> = parts
        .iter()
        .flat_map(|run| run.plan.cells.iter().chain(&run.plan.memory))
        .map(|cell| cell.threads)
        .collect();
    threads.sort_unstable();
    threads.dedup();
    let nobody = |_: &LaneEntry| false;
    let lineup = plan.lineup.as_deref();
    let Some(prepared) = Prepared::with(&threads, &nobody, lineup, &plan.conditions, track, &interrupted)?
    else {
        complain("interrupted before anything was merged");
        return Ok(exit::INTERRUPTED);
    };
    let (_, provenance) = prepared.facts();
    let now = &provenance.programs[race::track::TRACK];
    let then = plan.provenance.programs.get(race::track::TRACK);
    ensure!(
        then == Some(now),
        "the parts were measured with a track of the bytes {}, and this one has {now}: merge where they were built",
        then.map_or("unknown", String::as_str)
    );
    let merged = merge::merge(&prepared.track.lineup, parts);
    publish(merged, out)
}

fn publish(Merged { mut plan, results, journal }: Merged, out: &Path) -> Result<u8> {
    let folder = Folder::create(out, &mut plan)?;
    write(&folder.samples(), &journal)?;
    let json = Results { run: results::Run { id: plan.id.clone(), ..results.run }, ..results }.to_json();
    // From the text, whose numbers are rounded: who draws the page again gets the same.
    let results = &Results::parse(&json)?;
    write(&folder.results(), &json)?;
    write(&out.join("results.json"), &json)?;
    write(&folder.report(), &page::render(results, folder.report().parent()))?;
    write(&out.join("report.html"), &page::render(results, Some(out)))?;
    say(&page::terminal::ending(results))?;
    say(&format!("Report: {}\n", out.join("report.html").display()))?;
    Ok(exit::OK)
}
