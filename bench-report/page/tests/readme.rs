//! The README's table of results is that of the run whose page is docs/example.html.
//!
//! With UPDATE_README in the environment the table is written instead; `scripts/example` does that for a new run.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use page::export;
use results::Results;

/// The line above the table.
const BEGIN: &str = "<!-- From docs/example.html, by scripts/example: do not edit. -->\n";

/// The line below it.
const END: &str = "<!-- End of what scripts/example writes. -->\n";

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Reads the results that a page carries.
fn results_of(page: &Path) -> Results {
    let page = fs::read_to_string(page).expect("the page is in the repository");
    let (_, packed) = page.split_once("<script type=\"application/gzip\" id=\"results\">").expect("results");
    let packed = STANDARD.decode(packed.split_once('<').expect("an end").0).expect("base64");
    let mut json = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut json).expect("a packed text");
    Results::parse(&json).expect("results of this version")
}

#[test]
fn the_table_of_the_readme_is_that_of_the_example() {
    let path = document("README.md");
    let readme = fs::read_to_string(&path).expect("the README is in the repository");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let answers = export::answers(&results_of(&document("docs/example.html")));
    let expected = format!("\n{answers}\n");
    if env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("it can be written to");
    } else {
        assert_eq!(
            table, expected,
            "the example is another run: scripts/example RESULTS.JSON, or UPDATE_README=1"
        );
    }
}
