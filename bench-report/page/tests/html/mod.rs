//! Reads HTML for the tests of pages.

use std::collections::BTreeSet;

use results::{Cell, Estimate, LEVEL, Status, figures, lookup};
use serde_json::Value;

/// A text that tries to become an element.
pub(crate) const HOSTILE: &str = r#" "><script>alert('x')</script><img src=x onerror=alert(1)>"#;

/// Returns the text between two others, at their first occurrence.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = &text[text.find(start).unwrap_or_else(|| panic!("no {start}")) + start.len()..];
    &rest[..rest.find(end).unwrap()]
}

/// Returns the visible text of some HTML, which may begin within a tag.
pub(crate) fn text(html: &str) -> String {
    let html = if html.starts_with('<') { html.to_owned() } else { format!("<{html}") };
    let shown = html.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, shown)| shown);
    let shown: String = shown.collect::<Vec<_>>().join(" ");
    let escapes =
        [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&lt;", "<"), ("&gt;", ">")];
    let shown = escapes.iter().fold(shown, |shown, (escape, character)| shown.replace(escape, character));
    let shown = shown.replace("&#38;", "&").replace("&amp;", "&");
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the parts of the text that the square of a cell must have.
pub(crate) fn expected(cell: &Cell) -> Vec<String> {
    match cell.status {
        Status::Ok if cell.ratio.is_none() => vec![figure(cell)],
        Status::Ok if cell.undecided => {
            let Estimate { value, low, high } = cell.ratio.unwrap();
            let low = if low <= LEVEL { "level".to_owned() } else { figures::ratio(low) };
            let known = format!("{}, between {low} and {}", figures::ratio(value), figures::ratio(high));
            vec!["open".to_owned(), figure(cell), known]
        }
        Status::Ok => {
            let Estimate { value, low, high } = cell.ratio.unwrap();
            let interval = (low != high).then(|| figures::ratio_interval(&cell.ratio.unwrap()));
            let value = [figure(cell), figures::ratio(value)];
            value.into_iter().chain(interval).collect()
        }
        Status::Failed => vec!["failed".to_owned(), lookup::reason(cell)[..20].to_owned()],
        Status::NotApplicable => vec!["n/a".to_owned(), lookup::reason(cell).to_owned()],
    }
}

/// Returns the figure that a cell is ranked by.
fn figure(cell: &Cell) -> String {
    figures::in_unit(cell.unit(), cell.overhead().unwrap().value)
}

/// Returns the names of all tags.
pub(crate) fn tags(html: &str) -> BTreeSet<&str> {
    let name = |tag: &'_ str| tag.find(|character: char| !character.is_alphanumeric()).unwrap_or(tag.len());
    html.split('<').skip(1).map(|tag| &tag[..name(tag)]).collect()
}

/// Makes every text of the results hostile, except the words that the format fixes.
pub(crate) fn append_hostile(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(HOSTILE),
        Value::Array(values) => values.iter_mut().for_each(append_hostile),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, value)| {
                let is_fixed = ["status", "profile", "place"].contains(&name.as_str());
                !(is_fixed && value.is_string() || **value == "program")
            })
            .for_each(|(_, value)| append_hostile(value)),
        _ => {}
    }
}
