//! Facts about the published schema, `results.schema.json`.
//!
//! After a change of the types, `UPDATE_SCHEMA=1 cargo test -p results` writes the schema anew.

use std::{env, fs, path::Path};

use results::Results;
use serde_json::Value;

#[test]
fn the_published_schema_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Results)).unwrap() + "\n";
    let published = crate_file("results.schema.json");
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&published, &schema).unwrap();
    }
    let published = fs::read_to_string(published).unwrap();
    assert!(published == schema, "the types have changed: run the tests with UPDATE_SCHEMA=1");
}

#[test]
fn results_fit_the_published_schema() {
    let [schema, results] = ["results.schema.json", "tests/fixtures/results.json"].map(read);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&results).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);

    let mut wrong = results;
    wrong["cells"][0]["status"] = "fine".into();
    assert!(!validator.is_valid(&wrong), "the schema would accept anything");
}

fn read(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(crate_file(file)).unwrap()).unwrap()
}

fn crate_file(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
