//! `show`: a run on the terminal.

use anyhow::Result;
use page::{table::verdict_table, terminal::ending};
use results::Results;

use super::{default_out, named, say};
use crate::{arguments::ShowArguments, exit};

/// Writes every comparison of a run, and behind them what the run ended with.
pub(crate) fn show(arguments: ShowArguments) -> Result<u8> {
    let ShowArguments { results, out } = arguments;
    let out = out.unwrap_or_else(default_out);
    let path = match results {
        Some(name) => named(&name, &out)?,
        None => out.join("results.json"),
    };
    let results = Results::read(&path)?;
    say(&format!("{}\n{}", verdict_table(&results), ending(&results)))?;
    Ok(exit::OK)
}
