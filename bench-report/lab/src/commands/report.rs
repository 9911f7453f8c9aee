//! `report`: draws the page again, or several runs side by side.

use anyhow::Result;
use page::side_by_side;
use race::folder::write;
use results::Results;

use super::{default_out, named, named_or_newest, say};
use crate::{arguments::ReportArguments, exit};

/// Draws what stands in a results.json, or in several of them.
pub(crate) fn report(arguments: ReportArguments) -> Result<u8> {
    let ReportArguments { results: names, out, to } = arguments;
    let out = out.unwrap_or_else(default_out);
    let mut files = names.iter().map(|name| named(name, &out)).collect::<Result<Vec<_>>>()?;
    if files.is_empty() {
        files.push(named_or_newest(None, &out)?);
    }
    let runs = files.iter().map(|file| Results::read(file)).collect::<Result<Vec<_>>>()?;
    let name = if runs.len() == 1 { "report.html" } else { "side-by-side.html" };
    let to = to.unwrap_or_else(|| files[0].with_file_name(name));
    let page = match runs.as_slice() {
        [results] => page::render(results, to.parent()),
        _ => {
            let runs: Vec<_> = side_by_side::names(&files).into_iter().zip(runs).collect();
            side_by_side::render(&runs)
        }
    };
    write(&to, &page)?;
    say(&format!("Report: {}\n", to.display()))?;
    Ok(exit::OK)
}
