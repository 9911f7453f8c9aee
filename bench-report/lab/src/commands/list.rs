//! `list`: the cells of a run.

use anyhow::Result;

use super::{interruption, prepare::Prepared};
use crate::{arguments::ListArguments, exit, selection::Selection};

/// Lists the cells that the arguments ask for.
pub(crate) fn list(arguments: &ListArguments) -> Result<u8> {
    let Some(prepared) = Prepared::of(&arguments.selection, &arguments.track, &interruption()?)? else {
        return Ok(exit::INTERRUPTED);
    };
    let Selection { cells, not_applicable, memory, .. } = prepared.select(&arguments.selection)?;
    for cell in cells {
        println!("{cell}");
    }
    for cell in memory {
        println!("{cell} (memory)");
    }
    for (cell, reason) in not_applicable {
        println!("{cell} (n/a: {reason})");
    }
    Ok(exit::OK)
}
