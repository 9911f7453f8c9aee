//! `check`: the answer and the work of every cell, without measuring.

use std::collections::BTreeMap;

use anyhow::{Error, Result};
use race::{lane::Trouble, plan::Plan};

use super::{gate::plan_of, interruption, prepare::Prepared, say};
use crate::{arguments::ListArguments, exit, selection::Selection};

/// Checks each cell in a process of its own, and says which are right.
pub(crate) fn check(arguments: &ListArguments) -> Result<u8> {
    let conditions = arguments.conditions.asked();
    let interrupted = interruption()?;
    let Some(prepared) = Prepared::of(&arguments.selection, &conditions, &arguments.track, &interrupted)?
    else {
        return Ok(exit::INTERRUPTED);
    };
    let quota = prepared.quota().map_err(Error::msg)?;
    let Selection { cells, memory, programs, .. } = prepared.select(&arguments.selection)?;
    let plan = Plan { programs, ..plan_of(cells, BTreeMap::new(), prepared.facts()) };
    let Some(launcher) = prepared.launcher(&plan, quota, BTreeMap::new())? else {
        return Ok(exit::INTERRUPTED);
    };
    let mut code = exit::OK;
    for cell in plan.cells.iter().chain(&memory) {
        match launcher.check(&plan, cell) {
            Ok(()) => say(&format!("{cell}: ok\n"))?,
            Err(Trouble::Spoiled(reason)) => say(&format!("{cell}: n/a: {reason}\n"))?,
            Err(Trouble::Failed(reason)) => {
                say(&format!("{cell}: failed: {reason}\n"))?;
                code = exit::CELL_FAILED;
            }
            Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
        }
    }
    Ok(code)
}
