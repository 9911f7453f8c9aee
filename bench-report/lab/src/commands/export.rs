//! `export`: results for other programs.

use anyhow::Result;
use race::folder::write;
use results::Results;

use super::{default_out, named_or_newest, say};
use crate::{
    arguments::{ExportArguments, ExportFormat},
    exit,
};

/// Writes results as CSV or Markdown.
pub(crate) fn export(arguments: ExportArguments) -> Result<u8> {
    let out = arguments.out.unwrap_or_else(default_out);
    let results = Results::read(&named_or_newest(arguments.results.as_deref(), &out)?)?;
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
