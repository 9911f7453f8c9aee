//! `export`: results for other programs.

use anyhow::Result;
use race::folder::write;
use results::Results;

use super::{default_out, named, say};
use crate::{
    arguments::{ExportArguments, ExportFormat},
    exit,
};

/// Writes results as CSV or Markdown.
pub(crate) fn export(arguments: ExportArguments) -> Result<u8> {
    let out = arguments.out.unwrap_or_else(default_out);
    let path = match arguments.results {
        Some(name) => named(&name, &out)?,
        None => out.join("results.json"),
    };
    let results = Results::read(&path)?;
    let text = match arguments.format {
        ExportFormat::Csv => page::export::csv(&results),
        ExportFormat::Markdown => page::export::markdown(&results),
    };
    match arguments.to {
        Some(file) => write(&file, &text)?,
        None => say(&text)?,
    }
    Ok(exit::OK)
}
