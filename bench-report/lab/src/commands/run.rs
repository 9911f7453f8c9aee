//! `run`, which is `cargo bench` too: from the command line to the page.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::{Context, Error, Result, anyhow};
use jiff::Timestamp;
use lane_protocol::LaneEntry;
use race::{
    facts,
    folder::{Folder, NothingToResume, write},
    heat::Launcher,
    journal::Past,
    part,
    plan::{Blocks, Plan, Sampling},
    race::{Ending, run as run_race},
    substitute::Wish,
    track::TRACK,
    twins::{Twins, add_twins},
};
use results::{Profile, Results, Status};

use super::{
    command_line, complain, default_out, exact, interruption, list,
    others::{self, Other},
    prepare::Prepared,
};
use crate::{
    arguments::{ListArguments, RunArguments, SelectionArguments, usage},
    exit, others as lanes,
    progress::Bar,
    selection::Selection,
};

/// Races, or goes on with a race, and writes its page.
pub(crate) fn run(arguments: RunArguments) -> Result<u8> {
    if arguments.list {
        return list(&ListArguments {
            selection: arguments.selection,
            conditions: arguments.conditions,
            track: arguments.track,
        });
    }
    if let Some(cell) = &arguments.exact {
        return exact::exact(cell);
    }
    let out = arguments.out.clone().unwrap_or_else(|| match &arguments.selection.lineup {
        None => default_out(),
        // The newest page of the default lineup stays.
        Some(lineup) => default_out().join(lineup),
    });
    let interrupted = interruption()?;
    let begun = match arguments.more {
        Some(more) => go_on(&arguments, more, &out, &interrupted)?,
        None if arguments.resume.is_some() => resume(&arguments, &out, &interrupted)?,
        None => begin(&arguments, &out, &interrupted)?,
    };
    let Some(Begun { launcher, folder, plan, refusal }) = begun else {
        complain("interrupted before anything was measured");
        return Ok(exit::INTERRUPTED);
    };
    let path = folder.path().display();
    launcher.limits.guard.say_at_death(&format!(
        "error: the lab was killed; what was measured is in {path}: --resume goes on from there, and if it has results already, \
         `target/lab/bench-report report {path}` draws the page"
    ));
    let mut bar = Bar::new(plan.goes_on().then_some(plan.budget));
    let ending = run_race(&launcher, &plan, &folder, &mut bar);
    bar.finish();
    match ending? {
        Ending::Finished(results) => {
            let code = publish(&results, &folder, &out, &arguments)?;
            refusal.map_or(Ok(code), |refusal| Err(anyhow!("{refusal}; every cell is n/a")))
        }
        Ending::Interrupted => {
            complain(&format!(
                "interrupted; what was measured is in {}, and --resume goes on from there",
                folder.samples().display()
            ));
            Ok(exit::INTERRUPTED)
        }
    }
}

/// Refuses what a run could not do, as far as that is known before the track is built.
pub(crate) fn foresee(arguments: &RunArguments) -> Result<u8> {
    let begins = arguments.exact.is_none() && arguments.more.is_none() && arguments.resume.is_none();
    if begins && !arguments.list {
        foresee_others(arguments, &*interruption()?)?;
    }
    Ok(exit::OK)
}

fn foresee_others(arguments: &RunArguments, interrupted: &AtomicBool) -> Result<()> {
    let wishes: Vec<Wish> = others::wishes(&arguments.with).into_iter().map(|(wish, _)| wish).collect();
    let conditions = arguments.conditions.asked();
    others::foresee(&wishes, arguments.with.keep_going, &conditions, &arguments.track, interrupted)
}

/// A run that is ready to go on.
struct Begun {
    launcher: Launcher,
    folder: Folder,
    plan: Plan,
    /// The reason why no cell can run under its conditions.
    refusal: Option<String>,
}

/// Plans a new run and makes its folder; `None` if it was interrupted.
fn begin(arguments: &RunArguments, out: &Path, interrupted: &Arc<AtomicBool>) -> Result<Option<Begun>> {
    foresee_others(arguments, interrupted)?;
    let conditions = arguments.conditions.asked();
    let Some(prepared) = Prepared::of(&arguments.selection, &conditions, &arguments.track, interrupted)?
    else {
        return Ok(None);
    };
    let mut asked = arguments.selection.clone();
    if let Some(package) = arguments.with.ladder.as_ref().filter(|_| asked.executors.is_empty()) {
        let lanes = prepared.track.lineup.lanes.iter().filter(|lane| lane.package == *package);
        asked.executors = lanes.map(|lane| lane.name.clone()).collect();
    }
    let mut selection = prepared.select(&asked)?;
    let (quota, refusal) = match prepared.quota() {
        Ok(quota) => (quota, None),
        Err(reason) => (None, Some(reason)),
    };
    if let Some(reason) = &refusal {
        selection.refuse_all(reason);
    }
    let raced = |lane: &str| selection.cells.iter().any(|cell| cell.executor == lane);
    // Nothing is built for a race without cells.
    let wishes = if refusal.is_none() { others::wishes(&arguments.with) } else { Vec::new() };
    let keep_going = arguments.with.keep_going;
    let Some(others) = others::make(&prepared, wishes, &raced, keep_going, interrupted)? else {
        return Ok(None);
    };
    let profile = profile(&arguments.selection);
    let now = Timestamp::now();
    let seed = arguments.seed.unwrap_or_else(|| now.as_microsecond().unsigned_abs());
    let twins = match profile {
        _ if arguments.twins => Twins::All,
        Profile::Quick | Profile::Default => Twins::Few,
        Profile::Full => Twins::One,
    };
    let (cells, mut aliases) = add_twins(&selection.cells, &selection.programs, twins, seed);
    selection.cells = cells;
    let exactly = arguments.blocks.map(|blocks| blocks as usize);
    let Blocks { least, most, budget } =
        Blocks::of(profile, exactly, arguments.budget.map(Duration::from_secs));
    let (build, mut provenance) = prepared.facts();
    let mut substitutes = BTreeMap::new();
    let mut tracks = BTreeMap::new();
    for Other { track, names, substituted } in others {
        aliases.extend(lanes::add(&mut selection, &names, &track.path));
        provenance.programs.insert(substituted.wish.clone(), substituted.substitute.program.clone());
        substitutes.insert(track.path.clone(), substituted);
        tracks.insert(track.path.clone(), track);
    }
    let Selection { cells, not_applicable, memory, programs, baselines } = selection;
    let sampling = Sampling::of(profile, &conditions);
    let mut plan = Plan {
        id: now.strftime("%Y%m%d-%H%M%S").to_string(),
        started: now.to_string(),
        command: command_line(),
        lineup: arguments.selection.lineup.clone(),
        conditions,
        seed,
        blocks: least,
        most_blocks: most,
        budget,
        profile,
        sampling,
        time_limit: Duration::from_secs(arguments.time_limit),
        machine: facts::machine(Path::new("/")),
        build,
        provenance,
        cells,
        not_applicable,
        aliases,
        substitutes,
        programs,
        baselines,
        memory,
        part: None,
        periods: Vec::new(),
    };
    if let Some(share) = arguments.part {
        part::cut(&mut plan, share).map_err(usage)?;
    }
    let Some(launcher) = prepared.launcher(&plan, quota, tracks)? else { return Ok(None) };
    let folder = Folder::create(out, &mut plan)?;
    Ok(Some(Begun { launcher, folder, plan, refusal }))
}

/// Finds the run that was left before its end: the one that is named, or the newest.
fn resume(arguments: &RunArguments, out: &Path, interrupted: &Arc<AtomicBool>) -> Result<Option<Begun>> {
    let name = arguments.resume.as_deref().filter(|name| !name.is_empty());
    let (folder, plan) = Folder::unfinished(out, name).map_err(in_words)?;
    take_up(arguments, folder, plan, interrupted)
}

/// Finds the newest finished run, and plans `more` time for it.
fn go_on(
    arguments: &RunArguments,
    more: Duration,
    out: &Path,
    interrupted: &Arc<AtomicBool>,
) -> Result<Option<Begun>> {
    let (folder, mut plan) = Folder::newest_finished(out).map_err(in_words)?;
    let finished = Results::read(&folder.results())?.run.finished;
    let past = Past::read_and_mend(&folder.samples())?;
    let measured = past.times.values().fold(Duration::ZERO, |sum, time| sum.saturating_add(*time));
    plan.go_on(measured, finished, more, Timestamp::now().to_string());
    let begun = take_up(arguments, folder, plan, interrupted)?;
    begun.map(|begun| begun.folder.rewrite_plan(&begun.plan).map(|()| begun)).transpose()
}

/// Explains to whoever asked for it that there is no such run.
fn in_words(error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(NothingToResume(reason)) => usage(reason),
        Err(error) => error,
    }
}

/// Prepares the track that a run was begun with.
fn take_up(
    arguments: &RunArguments,
    folder: Folder,
    plan: Plan,
    interrupted: &Arc<AtomicBool>,
) -> Result<Option<Begun>> {
    let lineup = plan.lineup.as_deref();
    if let Some(other) = arguments.selection.lineup.as_deref().filter(|asked| Some(*asked) != lineup) {
        return Err(usage(format!("{} is no run of the lineup {other}", plan.id)));
    }
    arguments.conditions.check(&plan.id, &plan.conditions)?;
    let mut threads: Vec<usize> = plan.cells.iter().chain(&plan.memory).map(|cell| cell.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let asked = |lane: &LaneEntry| plan.programs.contains_key(&lane.name);
    let prepared = Prepared::with(&threads, &asked, lineup, &plan.conditions, &arguments.track, interrupted)?;
    let Some(prepared) = prepared else { return Ok(None) };
    let Some(others) = others::again(&prepared, &plan, interrupted)? else { return Ok(None) };
    let (build, mut provenance) = prepared.facts();
    for (path, track) in &others {
        let programs = track.hashes();
        provenance.programs.insert(plan.substitutes[path].wish.clone(), programs[TRACK].clone());
    }
    let mut differences = plan.provenance.differences(&provenance);
    // A run from before there were hashes has its compiler and its flags.
    if plan.provenance.programs.is_empty() && plan.build.rustc != build.rustc {
        differences.push(format!("it was compiled by {}, and now by {}", plan.build.rustc, build.rustc));
    }
    if !differences.is_empty() {
        return Err(usage(format!(
            "the program has changed since {} was measured ({}), and one run has one program: start a new run",
            plan.id,
            differences.join("; ")
        )));
    }
    let quota = prepared.quota().map_err(Error::msg)?;
    let launcher = prepared.launcher(&plan, quota, others)?;
    Ok(launcher.map(|launcher| Begun { launcher, folder, plan, refusal: None }))
}

/// Writes results and page, for the run and as the newest, and shows the answers.
fn publish(results: &Results, folder: &Folder, out: &Path, arguments: &RunArguments) -> Result<u8> {
    let json = results.to_json();
    // From the text, whose numbers are rounded: who draws the page again gets the same.
    let results = &Results::parse(&json).expect("it was written a moment ago");
    let written = write_all(results, &json, folder, out, arguments.save.as_deref());
    if arguments.table {
        say(&format!("{}\n", page::table::verdict_table(results)));
    }
    for warning in &results.warnings {
        say(&format!("warning: {}; {}\n", warning.finding, warning.remedy));
    }
    let failed: Vec<_> = results.cells.iter().filter(|cell| cell.status == Status::Failed).collect();
    for cell in &failed {
        say(&format!("failed: {}: {}\n", cell.id(), cell.reason.as_deref().unwrap_or("unknown")));
    }
    say(&page::terminal::ending(results));
    written?;
    say(&format!("Report: {}\n", out.join("report.html").display()));
    Ok(if failed.is_empty() { exit::OK } else { exit::CELL_FAILED })
}

/// Shows a part of the answers. What was measured is in the files: that nobody sees it here is no failure of the run.
fn say(text: &str) {
    if let Err(error) = super::say(text) {
        complain(&format!("warning: {error:#}"));
    }
}

/// Writes the files of a finished run, and says of those that cannot be written how to get them later.
fn write_all(results: &Results, json: &str, folder: &Folder, out: &Path, save: Option<&str>) -> Result<()> {
    write(&folder.results(), json).map_err(|error| {
        let samples = folder.samples();
        anyhow!("{error:#}; what was measured is in {}, and --resume makes results of it", samples.display())
    })?;
    let copies = || {
        write(&out.join("results.json"), json)?;
        if let Some(name) = save {
            let saved = out.join("saved");
            fs::create_dir_all(&saved).with_context(|| format!("failed to make {}", saved.display()))?;
            write(&saved.join(format!("{name}.json")), json)?;
        }
        write(&folder.report(), &page::render(results, folder.report().parent()))?;
        write(&out.join("report.html"), &page::render(results, Some(out)))
    };
    copies().map_err(|error| {
        let results = folder.results();
        let results = results.display();
        anyhow!("{error:#}; the results are in {results}, and `target/lab/bench-report report {results}` draws the page")
    })
}

fn profile(selection: &SelectionArguments) -> Profile {
    match (selection.quick, selection.full) {
        (true, _) => Profile::Quick,
        (_, true) => Profile::Full,
        _ => Profile::Default,
    }
}
