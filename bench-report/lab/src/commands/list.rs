//! `list`: the cells of a run, and the lanes that it does not race.

use anyhow::Result;
use lane_protocol::Tier;

use super::{interruption, prepare::Prepared, say};
use crate::{
    arguments::ListArguments,
    exit,
    selection::{Selection, is_asked_for},
};

/// Lists the cells that the arguments ask for, the lanes of other tiers unless lanes are named, and the conditions if they are not
/// the default ones.
pub(crate) fn list(arguments: &ListArguments) -> Result<u8> {
    let conditions = arguments.conditions.asked();
    let interrupted = interruption()?;
    let Some(prepared) = Prepared::of(&arguments.selection, &conditions, &arguments.track, &interrupted)?
    else {
        return Ok(exit::INTERRUPTED);
    };
    let mut selection = prepared.select(&arguments.selection)?;
    if let Err(reason) = prepared.quota() {
        selection.refuse_all(&reason);
    }
    let Selection { cells, not_applicable, memory, .. } = selection;
    for cell in cells {
        say(&format!("{cell}\n"))?;
    }
    for cell in memory {
        say(&format!("{cell} (memory)\n"))?;
    }
    for (cell, reason) in not_applicable {
        say(&format!("{cell} (n/a: {reason})\n"))?;
    }
    let is_named = !arguments.selection.executors.is_empty();
    let lanes = prepared.track.lineup.lanes.iter().filter(|_| !is_named);
    for lane in lanes.filter(|lane| !is_asked_for(lane, &arguments.selection)) {
        let name = &lane.name;
        let tier = if lane.tier == Tier::Full { "--full or " } else { "" };
        say(&format!("{name} (a lane of other runs: {tier}--executors {name})\n"))?;
    }
    if !conditions.is_default() {
        say(&format!("(conditions: {conditions})\n"))?;
    }
    Ok(exit::OK)
}
