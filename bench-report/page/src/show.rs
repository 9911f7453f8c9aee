//! Shows a change report, of two runs or of two revisions: as text, as Markdown and as JSON.

use std::str::FromStr;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use results::{
    comparison::{ANSWERS, Change, ChangeReport, ComparedCell, Invalid, Outcome, SCHEMA, Side, counts},
    figures::{counted, in_unit, ratio_with_interval},
};
use serde::Serialize;

use crate::{export::escaped, table::WIDTH};

/// The form in which a change report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for a terminal of 80 columns.
    Text,
    /// Markdown for a pull request: changed cells in a table, the rest folded.
    Markdown,
    /// JSON for other software.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        match name {
            "text" => Ok(Format::Text),
            "markdown" => Ok(Format::Markdown),
            "json" => Ok(Format::Json),
            _ => Err("a format is text, markdown or json".to_owned()),
        }
    }
}

/// Writes a change report as a text that ends with a line break.
pub fn change(report: &ChangeReport, format: Format) -> String {
    match format {
        Format::Text => text(report),
        Format::Markdown => markdown(report),
        Format::Json => json(report),
    }
}

/// Writes the reasons why two runs cannot be compared. Only the JSON has them, because a reader of JSON
/// expects a document in any case; the other forms are empty.
pub fn invalid(invalid: &Invalid, format: Format) -> String {
    match format {
        Format::Text | Format::Markdown => String::new(),
        Format::Json => invalid_json(invalid),
    }
}

/// The document that `--format json` writes.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    outcome: Outcome,
    exit: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<std::collections::BTreeMap<&'static str, usize>>,
    #[serde(flatten)]
    comparison: Option<&'a ChangeReport>,
}

fn json(report: &ChangeReport) -> String {
    let outcome = report.outcome();
    let counts = Some(counts(report));
    let comparison = Some(report);
    document(&Document { schema: SCHEMA, outcome, exit: outcome.code(), reasons: vec![], counts, comparison })
}

fn invalid_json(invalid: &Invalid) -> String {
    let outcome = Outcome::Invalid;
    let reasons = invalid.0.iter().map(String::as_str).collect();
    let exit = outcome.code();
    document(&Document { schema: SCHEMA, outcome, exit, reasons, counts: None, comparison: None })
}

fn document(document: &Document<'_>) -> String {
    serde_json::to_string_pretty(document).expect("a comparison is plain data") + "\n"
}

fn text(report: &ChangeReport) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["cell", "new/old [95 %]", ""]);
    for cell in &report.cells {
        table.add_row([cell.cell.to_string(), finding(cell), name(cell.change).to_owned()]);
    }
    // A long name is broken after a slash, and not within a word.
    if let Some(column) = table.column_mut(0) {
        column.set_delimiter('/');
    }
    if let Some(column) = table.column_mut(2) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let notes = report.notes.iter().map(|note| format!("note: {}\n", one_line(note)));
    let [old, new] = [&report.old, &report.new].map(|side| one_line(&in_a_line(side)));
    format!("old: {old}\nnew: {new}\n{}{table}\n{}\n", notes.collect::<String>(), summary(report))
}

fn markdown(report: &ChangeReport) -> String {
    let (same, changed): (Vec<_>, Vec<_>) = report.cells.iter().partition(|cell| cell.change == Change::Same);
    let headline = match report.outcome() {
        Outcome::Ok => "No regression",
        Outcome::Regressed => "Regressed",
        Outcome::Undecided | Outcome::Invalid => "Undecided",
    };
    let mut text = format!("**{headline}**: {}\n", summary(report));
    let [old, new] = [&report.old, &report.new].map(|side| escaped(&in_a_line(side)));
    text += &format!("\n{old} → {new}\n");
    if !changed.is_empty() {
        text += &format!("\n{}", markdown_table(&changed));
    }
    if !same.is_empty() {
        let title = format!("{} as before", counted(same.len(), "cell"));
        let table = markdown_table(&same);
        text += &format!("\n<details><summary>{title}</summary>\n\n{table}\n</details>\n");
    }
    if !report.notes.is_empty() {
        text.push('\n');
    }
    for note in &report.notes {
        text += &format!("- {}\n", escaped(note));
    }
    text
}

fn markdown_table(cells: &[&ComparedCell]) -> String {
    let mut text = "| Cell | Old | New | New/old [95 %] | |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for cell in cells {
        let overhead =
            |value: Option<f64>| value.map_or("n/a".to_owned(), |value| in_unit(&cell.unit, value));
        let [old, new] = [cell.old, cell.new].map(overhead);
        let (id, finding) = (escaped(&cell.cell.to_string()), escaped(&finding(cell)));
        text += &format!("| {id} | {old} | {new} | {finding} | {} |\n", name(cell.change));
    }
    text
}

/// Writes the ratio, the reason, or both.
fn finding(cell: &ComparedCell) -> String {
    let ratio = cell.ratio.as_ref().map(ratio_with_interval);
    let parts = ratio.into_iter().chain(cell.reason.as_deref().map(one_line));
    parts.collect::<Vec<_>>().join(", ")
}

/// Writes the number of cells with each answer: `1 regressed, 2 improved, 0 undecided, 9 same (margin 5 %)`.
fn summary(report: &ChangeReport) -> String {
    let counts = ANSWERS.map(|(change, name)| format!("{} {name}", report.count(change)));
    // These digits suffice for a margin that was typed, and hide those that the multiplication by 100 made
    // up.
    let percent = (report.margin * 1e8).round() / 1e6;
    format!("{} (margin {percent} %)", counts.join(", "))
}

fn in_a_line(side: &Side) -> String {
    let (hash, changes) = side.commit.split_once(' ').unwrap_or((&side.commit, ""));
    let hash: String = hash.chars().take(10).collect();
    let space = if changes.is_empty() { "" } else { " " };
    format!("{} (run {}, commit {hash}{space}{changes})", side.name, side.run)
}

fn name(change: Change) -> &'static str {
    ANSWERS.iter().find(|(known, _)| *known == change).map_or("", |(_, name)| name)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
