//! `list`: the cells of a run.

use anyhow::Result;

use super::{interruption, prepare::Prepared, say};
use crate::{arguments::ListArguments, exit, selection::Selection};

/// Lists the cells that the arguments ask for.
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
    Ok(exit::OK)
}
