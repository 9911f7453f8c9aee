//! `gate`: races the track of another revision against this tree's.

use std::{
    collections::BTreeMap,
    path::{self, Path},
    time::Duration,
};

use anyhow::Result;
use jiff::Timestamp;
use race::{
    assemble,
    facts::{self, Reading},
    folder::{Folder, write},
    heat::Launcher,
    journal::Outcomes,
    lane::{Limits, Trouble},
    plan::{Alias, Plan, Provenance, Sampling, TIME_LIMIT},
    race::{conclude, run_heats, stood_still},
    revision::{Revision, invalid},
    track::{Programs, Track},
};
use results::{Build, CellId, Profile, Results, comparison::Side};
use statistics::change;

use super::{
    command_line,
    compare::{or_invalid, tell},
    complain, default_out, interruption,
    prepare::{Prepared, workspace},
};
use crate::{
    arguments::{GateArguments, JudgingArguments, SelectionArguments, usage},
    exit, gate as pairing,
    progress::Bar,
    selection::Selection,
};

/// Races both tracks and says what has changed; the exit code tells it too.
pub(crate) fn gate(arguments: GateArguments) -> Result<u8> {
    or_invalid(race_and_judge(arguments))
}

fn race_and_judge(arguments: GateArguments) -> Result<u8> {
    let GateArguments { against, judging: JudgingArguments { filters, margin, format }, .. } = &arguments;
    let selection = SelectionArguments {
        filters: filters.clone(),
        executors: arguments.lanes.clone(),
        ..SelectionArguments::default()
    };
    let interrupted = interruption()?;
    let revision = Revision::find(against, Path::new("."))?;
    let Some(prepared) = Prepared::of(&selection, &arguments.track, &interrupted)? else {
        return Ok(exit::INTERRUPTED);
    };
    let Selection { cells, programs, .. } = prepared.select(&selection)?;
    if cells.is_empty() {
        return Err(usage("no cell is left to race; `list` shows what there is"));
    }
    let out = arguments.out.clone().unwrap_or_else(default_out).join("gate");
    if path::absolute(&out).is_ok_and(|out| out.to_str().is_none()) {
        return Err(usage(format!(
            "the name of {} is no text, which cargo needs: take another --out",
            out.display()
        )));
    }
    complain(&format!("building the track of {against} ({})", revision.short()));
    let ours = prepared.track.lineup.build.clone();
    let flags = if ours.flags == "none" { "" } else { &ours.flags };
    let Some(path) = revision.build(&out, flags, &interrupted)? else { return Ok(exit::INTERRUPTED) };
    let Some(theirs) = ask(&path, &cells, against, &prepared.limits)? else { return Ok(exit::INTERRUPTED) };
    let (cells, aliases) = pairing::pair(&cells, revision.short(), &path);
    let budget = Duration::from_secs(arguments.budget);
    let mut plan = Plan { programs, budget, ..plan_of(cells, aliases, prepared.facts()) };
    let mut notes = Vec::new();
    if theirs.lineup.build.rustc != ours.rustc {
        notes.push(format!("compiler: {}, then {}", theirs.lineup.build.rustc, ours.rustc));
    }
    let others = BTreeMap::from([(theirs.path.clone(), theirs)]);
    let Some(launcher) = prepared.launcher(&plan, others)? else { return Ok(exit::INTERRUPTED) };
    let folder = Folder::create(&out, &mut plan)?;
    launcher.limits.guard.say_at_death("error: the gate was killed: nothing is decided");
    let Some(results) = race_until_decided(&launcher, &plan, &folder, *margin)? else {
        complain("interrupted: nothing is decided");
        return Ok(exit::INTERRUPTED);
    };
    complain(&format!("results: {}", folder.results().display()));
    let old = Side { name: against.clone(), run: plan.id.clone(), commit: revision.commit };
    let sides = [old, Side::of("this program", &results)];
    notes.splice(0..0, results.warnings.iter().map(|warning| warning.finding.clone()));
    tell(Ok(pairing::comparison(&plan, &results, *margin, sides, notes)), *format)
}

/// Asks the other track what it has; `None` if it was interrupted.
fn ask(path: &Path, cells: &[CellId], against: &str, limits: &Limits) -> Result<Option<Track>> {
    let mut threads: Vec<usize> = cells.iter().map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let programs = Programs { track: path.to_owned(), lanes: BTreeMap::new() };
    match Track::ask(programs, &workspace(), &threads, limits) {
        Ok(track) => Ok(Some(track)),
        Err(Trouble::Interrupted) => Ok(None),
        Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
            Err(invalid(format!("{against} cannot race with this program: {reason}")))
        }
    }
}

/// Races both tracks until every cell is decided or the time is over; `None` if it was interrupted.
fn race_until_decided(
    launcher: &Launcher,
    plan: &Plan,
    folder: &Folder,
    margin: f64,
) -> Result<Option<Results>> {
    let lineup = &launcher.tracks.this.lineup;
    let before = Reading::take(Path::new("/"));
    let judge = |outcomes: &Outcomes| {
        let results = assemble::results(lineup, plan, outcomes, String::new());
        pairing::blocks_to_go(plan, &results, margin)
    };
    let mut bar = Bar::new(Some(plan.budget));
    let raced = run_heats(launcher, plan, folder, &mut bar, &judge);
    bar.finish();
    let Some(raced) = raced? else { return Ok(None) };
    let mut results = conclude(lineup, plan, raced, &before);
    results.run.stood_still = stood_still(&folder.samples())?;
    write(&folder.results(), &results.to_json())?;
    Ok(Some(results))
}

/// Plans a race of these cells, without programs and within no budget yet: as many blocks as a gate may take.
pub(super) fn plan_of(
    cells: Vec<CellId>,
    aliases: BTreeMap<String, Alias>,
    (build, provenance): (Build, Provenance),
) -> Plan {
    let now = Timestamp::now();
    Plan {
        id: now.strftime("%Y%m%d-%H%M%S").to_string(),
        started: now.to_string(),
        command: command_line(),
        lineup: None,
        seed: now.as_microsecond().unsigned_abs(),
        blocks: change::FIRST_LOOK,
        most_blocks: pairing::MOST_BLOCKS,
        budget: Duration::ZERO,
        profile: Profile::Default,
        sampling: Sampling::of(Profile::Default),
        time_limit: TIME_LIMIT,
        machine: facts::machine(Path::new("/")),
        build,
        provenance,
        cells,
        not_applicable: Vec::new(),
        aliases,
        programs: BTreeMap::new(),
        memory: Vec::new(),
        periods: Vec::new(),
    }
}
