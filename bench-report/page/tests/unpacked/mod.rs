//! Draws pages as they are once their script has unpacked the charts of folds.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use results::Results;

const PLACE: &str = "<p class=\"note\" data-packed>A script unpacks these charts.</p>";

/// Draws the page of some results, and puts each piece that it carries into its place.
pub(crate) fn render(results: &Results) -> String {
    let page = page::render(results, None);
    let (_, packed) = page.split_once("<script type=\"application/gzip\" id=\"folded\">").expect("charts");
    let packed = STANDARD.decode(packed.split_once('<').expect("an end").0).expect("base64");
    let mut pieces = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut pieces).expect("a packed text");
    let pieces: Vec<String> = serde_json::from_str(&pieces).expect("a list of texts");
    let (notes, charts) = pieces.split_at(pieces.len() / 2);
    assert_eq!(
        [notes.len(), charts.len()],
        [page.matches(PLACE).count(); 2],
        "a note and charts for each place"
    );
    let mut parts = page.split(PLACE);
    let first = parts.next().expect("a text has a part").to_owned();
    notes
        .iter()
        .zip(charts)
        .zip(parts)
        .fold(first, |page, ((note, charts), part)| page + note + charts + part)
}
