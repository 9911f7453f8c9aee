//! `show`: a run on the terminal.

use anyhow::Result;
use page::{table::verdict_table, terminal::ending};
use results::Results;

use super::{default_out, named_or_newest, say};
use crate::{arguments::ShowArguments, exit};

/// Writes every comparison of a run, and behind them what the run ended with.
pub(crate) fn show(arguments: ShowArguments) -> Result<u8> {
    let ShowArguments { results, out } = arguments;
    let out = out.unwrap_or_else(default_out);
    let results = Results::read(&named_or_newest(results.as_deref(), &out)?)?;
    say(&format!("{}\n{}", verdict_table(&results), ending(&results)))?;
    Ok(exit::OK)
}
