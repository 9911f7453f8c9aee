//! `list`: the cells of a run, and the lanes that it does not race.

use anyhow::Result;
use lane_protocol::Tier;

use super::{interruption, prepare::Prepared, say};
use crate::{
    arguments::ListArguments,
    exit,
    selection::{Selection, is_asked_for},
};

/// Lists the cells that the arguments ask for, and the lanes of other tiers unless lanes are named.
pub(crate) fn list(arguments: &ListArguments) -> Result<u8> {
    let Some(prepared) = Prepared::of(&arguments.selection, &arguments.track, &interruption()?)? else {
        return Ok(exit::INTERRUPTED);
    };
    let Selection { cells, not_applicable, memory, .. } = prepared.select(&arguments.selection)?;
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
    Ok(exit::OK)
}
