//! Has the tracks of other builds made before anything is measured, and says how far they are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Instant,
};

use anyhow::{Result, anyhow};
use lane_protocol::{LaneEntry, Lineup};
use race::{
    cargo, ladder,
    lane::Trouble,
    plan::{Plan, Substituted},
    substitute::{Made, Origin, Resolved, Wish, Workshop},
    track::{Programs, Track},
};
use results::Conditions;

use super::{complain, default_out, prepare::Prepared};
use crate::{
    WORKSPACE,
    arguments::{TrackArguments, WithArguments, usage},
    others::{self, Names},
    progress::Building,
};

/// A track in which a package is another.
pub(super) struct Other {
    pub(super) track: Track,
    /// Its lanes, with the names that they race under.
    pub(super) names: Names,
    pub(super) substituted: Substituted,
}

/// A wish, with the reason that the list has for it.
type Reasoned = (Wish, Option<&'static str>);

/// Returns what is asked for, the versions of a ladder first.
pub(super) fn wishes(arguments: &WithArguments) -> Vec<Reasoned> {
    let ladder = arguments.ladder.as_deref().and_then(ladder::ladder);
    let rungs = ladder.iter().flat_map(|ladder| {
        let origin = |version: &str| Origin::Version(version.to_owned());
        ladder.rungs.iter().map(move |rung| {
            (Wish { package: ladder.package.to_owned(), origin: origin(rung.version) }, Some(rung.reason))
        })
    });
    let mut wishes: Vec<Reasoned> = rungs.collect();
    for wish in &arguments.with {
        if !wishes.iter().any(|(known, _)| known == wish) {
            wishes.push((wish.clone(), None));
        }
    }
    wishes
}

/// Finds all packages that are asked for, before the track is built that they are raced against: that takes minutes, and a
/// version that does not exist is told in seconds. It goes on if it was interrupted; whoever builds sees that.
///
/// # Errors
///
/// One line that says what cannot be had; never if the others are to go on.
pub(super) fn foresee(
    wishes: &[Wish],
    keep_going: bool,
    conditions: &Conditions,
    given: &TrackArguments,
    interrupted: &AtomicBool,
) -> Result<()> {
    if wishes.is_empty() || keep_going || given.track.is_some() {
        return Ok(());
    }
    let tree = given.tree.as_deref().unwrap_or(Path::new(WORKSPACE));
    let build = race::track::expected_build(tree);
    let folder = given.others.clone().unwrap_or_else(folder);
    let profile = cargo::profile(conditions);
    let Some(workshop) = Workshop::open(tree, &build, profile, &folder, interrupted, &wait_for)? else {
        return Ok(());
    };
    for wish in wishes {
        if interrupted.load(SeqCst) {
            return Ok(());
        }
        workshop.check_package(wish)?;
        workshop.resolve(wish)?;
    }
    Ok(())
}

/// Says that it waits for another process that builds there.
fn wait_for(folder: &Path) {
    complain(&format!("waiting for another program, which builds in {}", folder.display()));
}

/// Returns the folder that other builds are kept in.
fn folder() -> PathBuf {
    default_out().join("with")
}

/// Has the tracks made that are asked for, with those of their lanes that are `raced`; `None` if it was interrupted. First
/// all packages are found, then the tracks are built.
///
/// # Errors
///
/// One line that says what of it cannot be had, unless the others are to go on: then it is said, and they do.
pub(super) fn make(
    prepared: &Prepared,
    wishes: Vec<Reasoned>,
    raced: &dyn Fn(&str) -> bool,
    keep_going: bool,
    interrupted: &AtomicBool,
) -> Result<Option<Vec<Other>>> {
    if wishes.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let lineup = &prepared.track.lineup;
    let folder = prepared.others.clone().unwrap_or_else(folder);
    let profile = cargo::profile(&prepared.conditions);
    let opened = Workshop::open(&prepared.tree, &lineup.build, profile, &folder, interrupted, &wait_for)?;
    let Some(workshop) = opened else { return Ok(None) };
    let mut taken: Vec<String> = lineup.lanes.iter().map(|lane| lane.name.clone()).collect();
    let mut found = Vec::new();
    for (wish, reason) in wishes {
        let resolved =
            lanes_of(&workshop, &wish, lineup, raced).and_then(|lanes| Ok((workshop.resolve(&wish)?, lanes)));
        match resolved {
            Ok((resolved, lanes)) => found.push((resolved, others::names(&wish, &lanes, &mut taken), reason)),
            Err(error) => go_on(error, keep_going)?,
        }
        if interrupted.load(SeqCst) {
            return Ok(None);
        }
    }
    let mut others = Vec::new();
    let to_build = found.iter().filter(|(resolved, ..)| !resolved.is_kept()).count();
    let mut built = 0;
    for (resolved, names, reason) in found {
        if !resolved.is_kept() {
            built += 1;
            complain(&format!("building the track with {} ({built} of {to_build})", resolved.wish));
        }
        match one(prepared, &workshop, &resolved, interrupted) {
            Ok(None) => return Ok(None),
            Ok(Some((mut made, track))) => {
                made.substitute.reason = reason.map(str::to_owned).or(made.substitute.reason);
                let wish = absolute(&resolved.wish).to_string();
                let substituted = Substituted { wish, substitute: made.substitute };
                others.push(Other { track, names, substituted });
            }
            Err(error) => go_on(error, keep_going)?,
        }
    }
    Ok(Some(others))
}

/// Returns the lanes of a wish that are raced.
///
/// # Errors
///
/// If there is none.
fn lanes_of<'l>(
    workshop: &Workshop<'_>,
    wish: &Wish,
    lineup: &'l Lineup,
    raced: &dyn Fn(&str) -> bool,
) -> Result<Vec<&'l LaneEntry>> {
    let mut lanes = workshop.lanes(wish, lineup)?;
    let all: Vec<&str> = lanes.iter().map(|lane| &*lane.name).collect();
    let all = all.join(", ");
    lanes.retain(|lane| raced(&lane.name));
    if lanes.is_empty() {
        return Err(usage(format!("{wish}: none of the lanes that stand on it is asked for: {all}")));
    }
    Ok(lanes)
}

/// Has one track made, and asks it for its lineup; `None` if it was interrupted.
fn one(
    prepared: &Prepared,
    workshop: &Workshop<'_>,
    resolved: &Resolved,
    interrupted: &AtomicBool,
) -> Result<Option<(Made, Track)>> {
    let start = Instant::now();
    let mut bar = Building::new();
    let made = workshop.make(resolved, interrupted, &mut |ready, all| bar.show(ready, all));
    bar.finish();
    let Some(made) = made? else { return Ok(None) };
    if !resolved.is_kept() {
        let seconds = start.elapsed().as_secs();
        complain(&format!("built it in {}:{:02}", seconds / 60, seconds % 60));
    }
    let programs = Programs { track: made.track.clone(), lanes: BTreeMap::new() };
    match Track::ask(programs, &prepared.tree, &prepared.threads, &prepared.limits) {
        Ok(track) => Ok(Some((made, track))),
        Err(Trouble::Interrupted) => Ok(None),
        Err(Trouble::Failed(reason) | Trouble::Spoiled(reason)) => {
            Err(anyhow!("{}: its track {reason}", resolved.wish))
        }
    }
}

/// Says why one of several cannot be had, if the others are to go on.
fn go_on(error: anyhow::Error, keep_going: bool) -> Result<()> {
    if !keep_going {
        return Err(error);
    }
    complain(&format!("warning: {error:#}; the others go on"));
    Ok(())
}

/// Has the tracks made with which a run was begun, by the paths that they had in it; `None` if it was interrupted.
///
/// # Errors
///
/// If one cannot be had any more.
pub(super) fn again(
    prepared: &Prepared,
    plan: &Plan,
    interrupted: &AtomicBool,
) -> Result<Option<BTreeMap<PathBuf, Track>>> {
    let wish = |substituted: &Substituted| substituted.wish.parse().map_err(|words: String| anyhow!(words));
    let wishes: Vec<Wish> = plan.substitutes.values().map(wish).collect::<Result<_>>()?;
    let wishes = wishes.into_iter().map(|wish| (wish, None)).collect();
    let others = make(prepared, wishes, &|_| true, false, interrupted)?;
    Ok(others.map(|others| {
        plan.substitutes.keys().cloned().zip(others.into_iter().map(|other| other.track)).collect()
    }))
}

/// Returns the wish with the whole path of its folder: whoever resumes a run may be in another one.
fn absolute(wish: &Wish) -> Wish {
    let origin = match &wish.origin {
        Origin::Folder(folder) => Origin::Folder(canonical(folder)),
        other => other.clone(),
    };
    Wish { origin, ..wish.clone() }
}

fn canonical(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
