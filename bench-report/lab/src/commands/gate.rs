//! `gate`: races the track of another revision, or one with another package, against this tree's.

use std::{
    collections::BTreeMap,
    path::{self, Path},
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::{Error, Result};
use jiff::Timestamp;
use race::{
    assemble, cargo,
    facts::{self, Reading},
    folder::{Folder, write},
    heat::Launcher,
    journal::Outcomes,
    lane::{Limits, Trouble},
    plan::{Alias, Plan, Provenance, Sampling, Substituted, TIME_LIMIT},
    race::{add_incidents, conclude, run_heats},
    revision::{Revision, invalid},
    substitute::Wish,
    track::{Programs, Track},
};
use results::{Build, CellId, Conditions, Profile, Results, Substitute, comparison::Side};
use statistics::change;

use super::{
    command_line,
    compare::{or_invalid, tell},
    complain, default_out, interruption,
    others::{self, Other},
    prepare::{Prepared, workspace},
};
use crate::{
    arguments::{GateArguments, JudgingArguments, SelectionArguments, usage},
    exit, gate as pairing,
    others::Names,
    progress::Bar,
    selection::Selection,
};

/// The lane that a gate against another revision is about.
const USUAL: &str = "hand-rolled";

/// Races both tracks and says what has changed; the exit code tells it too.
pub(crate) fn gate(arguments: GateArguments) -> Result<u8> {
    or_invalid(race_and_judge(arguments))
}

/// The track that races against this tree's.
struct Rival {
    track: Track,
    /// Its lanes, with the names that they race under.
    names: Names,
    /// Its side of the comparison, but for the run.
    name: String,
    commit: String,
    /// The package that is another, if that is all.
    substituted: Option<Substituted>,
}

fn race_and_judge(arguments: GateArguments) -> Result<u8> {
    let GateArguments { judging: JudgingArguments { filters, margin, format }, .. } = &arguments;
    let usual = if arguments.with.is_some() { Vec::new() } else { vec![USUAL.to_owned()] };
    let lanes = if arguments.lanes.is_empty() { usual } else { arguments.lanes.clone() };
    let mut selection =
        SelectionArguments { filters: filters.clone(), executors: lanes, ..SelectionArguments::default() };
    let interrupted = interruption()?;
    let revision = arguments.against.as_deref().map(|name| Revision::find(name, Path::new(".")));
    let revision = revision.transpose()?;
    let conditions = arguments.conditions.asked();
    others::foresee(arguments.with.as_slice(), false, &conditions, &arguments.track, &interrupted)?;
    let Some(prepared) = Prepared::of(&selection, &conditions, &arguments.track, &interrupted)? else {
        return Ok(exit::INTERRUPTED);
    };
    let quota = prepared.quota().map_err(Error::msg)?;
    let Selection { cells, .. } = without_baselines(prepared.select(&selection)?);
    if cells.is_empty() {
        return Err(usage("no cell is left to race; `list` shows what there is"));
    }
    let out = arguments.out.clone().unwrap_or_else(default_out).join("gate");
    let rival = match (&revision, &arguments.with) {
        (Some(revision), _) => build_revision(revision, &prepared, &cells, &out, &interrupted)?,
        (None, Some(wish)) => build_other(wish, &prepared, &cells, &interrupted)?,
        (None, None) => return Err(usage("--against or --with says what to race against")),
    };
    let Some(Rival { track: theirs, names, name, commit, substituted }) = rival else {
        return Ok(exit::INTERRUPTED);
    };
    selection.executors = names.keys().cloned().collect();
    let Selection { cells, programs, .. } = without_baselines(prepared.select(&selection)?);
    let (cells, aliases) = pairing::pair(&cells, &names, &theirs.path);
    let budget = Duration::from_secs(arguments.budget);
    let sampling = Sampling::of(Profile::Default, &conditions);
    let plan = plan_of(cells, aliases, prepared.facts());
    let mut plan = Plan { programs, budget, conditions, sampling, ..plan };
    let mut notes = Vec::new();
    let ours = &prepared.track.lineup.build.rustc;
    if theirs.lineup.build.rustc != *ours {
        notes.push(format!("compiler: {}, then {ours}", theirs.lineup.build.rustc));
    }
    if let Some(substituted) = substituted {
        notes.push(in_words(&substituted));
        plan.substitutes.insert(theirs.path.clone(), substituted);
    }
    let others = BTreeMap::from([(theirs.path.clone(), theirs)]);
    let Some(launcher) = prepared.launcher(&plan, quota, others)? else { return Ok(exit::INTERRUPTED) };
    let folder = Folder::create(&out, &mut plan)?;
    launcher.limits.guard.say_at_death("error: the gate was killed: nothing is decided");
    let Some(results) = race_until_decided(&launcher, &plan, &folder, *margin)? else {
        complain("interrupted: nothing is decided");
        return Ok(exit::INTERRUPTED);
    };
    complain(&format!("results: {}", folder.results().display()));
    let this = Side::of("this program", &results);
    let other = Side { name, run: plan.id.clone(), commit };
    // A revision is what there was before, another package what there might be.
    let sides = if plan.substitutes.is_empty() { [other, this] } else { [this, other] };
    notes.splice(0..0, results.warnings.iter().map(|warning| warning.finding.clone()));
    tell(Ok(pairing::comparison(&plan, &results, *margin, sides, notes)), *format)
}

/// Says in a sentence which package is another.
fn in_words(Substituted { substitute, .. }: &Substituted) -> String {
    let Substitute { package, version, instead_of, source, checksum, reason, .. } = substitute;
    if let Some(flag) = reason {
        return format!("{package} {version}, {flag}");
    }
    format!("{package} {version} from {source}, checksum {checksum}, against {instead_of}")
}

/// Has the track of another revision built; `None` if it was interrupted.
fn build_revision(
    revision: &Revision,
    prepared: &Prepared,
    cells: &[CellId],
    out: &Path,
    interrupted: &AtomicBool,
) -> Result<Option<Rival>> {
    if path::absolute(out).is_ok_and(|out| out.to_str().is_none()) {
        return Err(usage(format!(
            "the name of {} is no text, which cargo needs: take another --out",
            out.display()
        )));
    }
    complain(&format!("building the track of {} ({})", revision.name, revision.short()));
    let ours = &prepared.track.lineup.build;
    let flags = if ours.flags == "none" { "" } else { &ours.flags };
    let Some(path) = revision.build(out, flags, cargo::profile(&prepared.conditions), interrupted)? else {
        return Ok(None);
    };
    let Some(track) = ask(&path, cells, &revision.name, &prepared.limits)? else { return Ok(None) };
    let name = |cell: &CellId| (cell.executor.clone(), format!("{}@{}", cell.executor, revision.short()));
    let names = cells.iter().map(name).collect();
    let Revision { name, commit, .. } = revision.clone();
    Ok(Some(Rival { track, names, name, commit, substituted: None }))
}

/// Has a track made in which a package is another; `None` if it was interrupted.
fn build_other(
    wish: &Wish,
    prepared: &Prepared,
    cells: &[CellId],
    interrupted: &AtomicBool,
) -> Result<Option<Rival>> {
    let raced = |lane: &str| cells.iter().any(|cell| cell.executor == lane);
    let others = others::make(prepared, vec![(wish.clone(), None)], &raced, false, interrupted)?;
    let other = others.and_then(|others| others.into_iter().next());
    let (build, _) = prepared.facts();
    Ok(other.map(|Other { track, names, substituted }| Rival {
        track,
        names,
        name: wish.to_string(),
        commit: build.commit,
        substituted: Some(substituted),
    }))
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
    add_incidents(&mut results.run, &folder.samples())?;
    write(&folder.results(), &results.to_json())?;
    Ok(Some(results))
}

/// Leaves out what others are measured by: two revisions are compared with each other.
fn without_baselines(mut selection: Selection) -> Selection {
    let Selection { cells, baselines, .. } = &mut selection;
    cells.retain(|cell| !baselines.contains(&cell.executor));
    selection
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
        conditions: Conditions::default(),
        seed: now.as_microsecond().unsigned_abs(),
        blocks: change::FIRST_LOOK,
        most_blocks: pairing::MOST_BLOCKS,
        budget: Duration::ZERO,
        profile: Profile::Default,
        sampling: Sampling::of(Profile::Default, &Conditions::default()),
        time_limit: TIME_LIMIT,
        machine: facts::machine(Path::new("/")),
        build,
        provenance,
        cells,
        not_applicable: Vec::new(),
        aliases,
        substitutes: BTreeMap::new(),
        programs: BTreeMap::new(),
        baselines: Vec::new(),
        memory: Vec::new(),
        part: None,
        periods: Vec::new(),
    }
}
