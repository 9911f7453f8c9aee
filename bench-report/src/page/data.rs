//! What the page carries besides what it shows: its results, the files to download, and the policy that fences it in.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{export, results::Results};

/// The data of a run as the page embeds them.
pub(super) struct Data {
    /// `results.json` without white space, packed: as it is, it would be half of the page.
    pub(super) json: String,
    /// Links that hold a packed file.
    pub(super) csv: String,
    pub(super) markdown: String,
}

impl Data {
    pub(super) fn of(results: &Results) -> Data {
        Data {
            json: STANDARD.encode(packed(&minified(&results.to_json()))),
            csv: link(&export::csv(results)),
            markdown: link(&export::markdown(results)),
        }
    }
}

/// What a page may load and run: this style, this script if any, and pictures that it holds itself.
pub(super) fn policy(style: &str, script: Option<&str>) -> String {
    let script = script.map_or(String::new(), |script| format!("script-src '{}'; ", hash(script)));
    format!(
        "default-src 'none'; {script}style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(style)
    )
}

/// What a browser computes of the text between two tags.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn link(file: &str) -> String {
    format!("data:application/gzip;base64,{}", STANDARD.encode(packed(file)))
}

/// JSON without the white space between its parts.
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
