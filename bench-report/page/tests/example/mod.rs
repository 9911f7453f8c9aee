//! The results of the run that the documents show: those that docs/example.html carries.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use results::Results;

/// Returns the path of a document of this repository.
pub(crate) fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Reads the results of the example.
pub(crate) fn results() -> Results {
    let page = fs::read_to_string(document("docs/example.html")).expect("the page is in the repository");
    let (_, packed) = page.split_once("<script type=\"application/gzip\" id=\"results\">").expect("results");
    let packed = STANDARD.decode(packed.split_once('<').expect("an end").0).expect("base64");
    let mut json = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut json).expect("a packed text");
    Results::parse(&json).expect("results of this version")
}
