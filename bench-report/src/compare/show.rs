//! A comparison as text, as Markdown and as JSON.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;

use super::{ANSWERS, ComparedCell, Comparison, Invalid, Outcome, SCHEMA, Side, counts};
use crate::{
    change::Change,
    export::escaped,
    figures::{counted, ns, ratio_with_interval},
    terminal::WIDTH,
};

/// What `--format json` writes.
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
    comparison: Option<&'a Comparison>,
}

pub(super) fn json(comparison: &Comparison) -> String {
    let outcome = comparison.outcome();
    let counts = Some(counts(comparison));
    let comparison = Some(comparison);
    document(&Document { schema: SCHEMA, outcome, exit: outcome.code(), reasons: vec![], counts, comparison })
}

pub(super) fn invalid_json(invalid: &Invalid) -> String {
    let outcome = Outcome::Invalid;
    let reasons = invalid.0.iter().map(String::as_str).collect();
    let exit = outcome.code();
    document(&Document { schema: SCHEMA, outcome, exit, reasons, counts: None, comparison: None })
}

fn document(document: &Document<'_>) -> String {
    serde_json::to_string_pretty(document).expect("a comparison is plain data") + "\n"
}

pub(super) fn text(comparison: &Comparison) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["cell", "new/old [95 %]", ""]);
    for cell in &comparison.cells {
        table.add_row([cell.cell.to_string(), finding(cell), name(cell.change).to_owned()]);
    }
    // A long name goes on in the next line after a slash, and not within a word.
    if let Some(column) = table.column_mut(0) {
        column.set_delimiter('/');
    }
    if let Some(column) = table.column_mut(2) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let notes = comparison.notes.iter().map(|note| format!("note: {}\n", one_line(note)));
    let [old, new] = [&comparison.old, &comparison.new].map(|side| one_line(&in_a_line(side)));
    format!("old: {old}\nnew: {new}\n{}{table}\n{}\n", notes.collect::<String>(), summary(comparison))
}

pub(super) fn markdown(comparison: &Comparison) -> String {
    let (same, changed): (Vec<_>, Vec<_>) =
        comparison.cells.iter().partition(|cell| cell.change == Change::Same);
    let headline = match comparison.outcome() {
        Outcome::Ok => "No regression",
        Outcome::Regressed => "Regressed",
        Outcome::Undecided | Outcome::Invalid => "Undecided",
    };
    let mut text = format!("**{headline}**: {}\n", summary(comparison));
    let [old, new] = [&comparison.old, &comparison.new].map(|side| escaped(&in_a_line(side)));
    text += &format!("\n{old} → {new}\n");
    if !changed.is_empty() {
        text += &format!("\n{}", markdown_table(&changed));
    }
    if !same.is_empty() {
        let title = format!("{} as before", counted(same.len(), "cell"));
        let table = markdown_table(&same);
        text += &format!("\n<details><summary>{title}</summary>\n\n{table}\n</details>\n");
    }
    if !comparison.notes.is_empty() {
        text.push('\n');
    }
    for note in &comparison.notes {
        text += &format!("- {}\n", escaped(note));
    }
    text
}

fn markdown_table(cells: &[&ComparedCell]) -> String {
    let mut text = "| Cell | Old | New | New/old [95 %] | |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for cell in cells {
        let overhead = |value: Option<f64>| value.map_or("n/a".to_owned(), ns);
        let [old, new] = [cell.old, cell.new].map(overhead);
        let (id, finding) = (escaped(&cell.cell.to_string()), escaped(&finding(cell)));
        text += &format!("| {id} | {old} | {new} | {finding} | {} |\n", name(cell.change));
    }
    text
}

/// The ratio, or what stands in its place.
fn finding(cell: &ComparedCell) -> String {
    let ratio = cell.ratio.as_ref().map(ratio_with_interval);
    let parts = ratio.into_iter().chain(cell.reason.as_deref().map(one_line));
    parts.collect::<Vec<_>>().join(", ")
}

/// How many cells had which answer: `1 regressed, 2 improved, 0 undecided, 9 same (margin 5 %)`.
fn summary(comparison: &Comparison) -> String {
    let counts = ANSWERS.map(|(change, name)| format!("{} {name}", comparison.count(change)));
    // Enough digits for a margin that was typed, none that the multiplication by 100 made up.
    let percent = (comparison.margin * 1e8).round() / 1e6;
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
