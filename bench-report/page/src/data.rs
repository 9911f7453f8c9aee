//! Prepares the data that the page carries: its results, the files to download, and the policy that restricts
//! it.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use results::Results;

use crate::export;

/// The data of a run in the form in which the page embeds them.
pub(super) struct Data {
    /// `results.json` without white space, packed: unpacked it would be half of the page.
    pub(super) json: String,
    /// The charts of folds, packed: a list of pieces of HTML, one for each place.
    pub(super) folded: String,
    /// A link that contains a packed file.
    pub(super) markdown: String,
}

impl Data {
    /// Packs the data of a run, and the charts of its folds.
    pub(super) fn of(results: &Results, folded: &[String]) -> Data {
        let folded = serde_json::to_string(folded).expect("texts are plain data");
        Data {
            json: STANDARD.encode(packed(&minified(&results.to_json()))),
            folded: STANDARD.encode(packed(&folded)),
            markdown: format!(
                "data:application/gzip;base64,{}",
                STANDARD.encode(packed(&export::markdown(results)))
            ),
        }
    }
}

/// Returns the policy of a page: it may load and run this style, this script if any, and pictures that it
/// contains.
pub(super) fn policy(style: &str, script: Option<&str>) -> String {
    let script = script.map_or(String::new(), |script| format!("script-src '{}'; ", hash(script)));
    format!(
        "default-src 'none'; {script}style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(style)
    )
}

/// Hashes the text between two tags as a browser does.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// Removes the white space between the parts of some JSON.
fn minified(json: &str) -> String {
    let (mut within_text, mut escaped) = (false, false);
    let kept = |character: &char| {
        let kept = within_text || !character.is_ascii_whitespace();
        within_text ^= *character == '"' && !escaped;
        escaped = within_text && *character == '\\' && !escaped;
        kept
    };
    json.chars().filter(kept).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}
