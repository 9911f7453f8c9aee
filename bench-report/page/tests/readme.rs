//! The README's table of results is that of the run whose page is docs/example.html.
//!
//! With UPDATE_README in the environment the table is written instead; `scripts/example` does that for a new run.

mod example;

use std::{env, fs};

use example::document;
use page::export;

/// The line above the table.
const BEGIN: &str = "<!-- From docs/example.html, by scripts/example: do not edit. -->\n";

/// The line below it.
const END: &str = "<!-- End of what scripts/example writes. -->\n";

#[test]
fn the_table_of_the_readme_is_that_of_the_example() {
    let path = document("README.md");
    let readme = fs::read_to_string(&path).expect("the README is in the repository");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let answers = export::answers(&example::results());
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
