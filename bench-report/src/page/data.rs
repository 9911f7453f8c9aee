//! What the page carries besides what it shows: its results, the files to download, and the policy that fences it in.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{export, results::Results};

/// The data of a run as the page embeds them.
pub(super) struct Data {
    /// `results.json` without white space, with nothing in it that could end the element around it.
    pub(super) json: String,
    /// Links that hold a file.
    pub(super) csv: String,
    pub(super) markdown: String,
}

impl Data {
    pub(super) fn of(results: &Results) -> Data {
        let json = serde_json::to_string(results).expect("results are plain data");
        Data {
            json: json.replace('<', "\\u003c"),
            // As it is, it would be a third of the page.
            csv: link("application/gzip", &packed(&export::csv(results))),
            markdown: link("text/markdown;charset=utf-8", export::markdown(results).as_bytes()),
        }
    }
}

/// What the page may load and run: this style, this script, and pictures that it holds itself.
pub(super) fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

/// What a browser computes of the text between two tags.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

fn link(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}
