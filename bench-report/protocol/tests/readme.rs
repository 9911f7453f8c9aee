//! The README is the protocol: each of its examples is a line that our own programs read or write.

use std::{env, fs, path::Path};

use lane_protocol::{Reply, Request};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("the README is in the repository")
}

/// Returns the lines of the README that begin with a sign, without it.
fn examples(readme: &str, sign: &str) -> Vec<String> {
    let lines = readme.lines().map(str::trim_start);
    lines.filter_map(|line| line.strip_prefix(sign)).map(str::to_owned).collect()
}

#[test]
fn every_example_is_a_line_of_the_protocol() {
    let readme = readme();
    let [requests, replies] = ["> ", "< "].map(|sign| examples(&readme, sign));
    for line in &requests {
        serde_json::from_str::<Request>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in &replies {
        serde_json::from_str::<Reply>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn every_kind_of_line_has_an_example() {
    let readme = readme();
    let has = |sign: &str, kind: &str| examples(&readme, sign).iter().any(|line| line.starts_with(kind));
    for request in ["describe", "specify", "cell", "count", "rest"] {
        assert!(has("> ", &format!("{{\"{request}\"")), "{request}");
    }
    assert!(has("> ", "1"), "a number of runs");
    let replies = [
        "lineup",
        "lane",
        "specification",
        "observed",
        "sample",
        "counted",
        "rest",
        "failed",
        "not-applicable",
    ];
    for reply in replies {
        assert!(has("< ", &format!("{{\"{reply}\"")), "{reply}");
    }
}

#[test]
fn the_readme_has_the_number_of_the_protocol() {
    assert!(readme().contains(&format!("its number is **{}**", lane_protocol::PROTOCOL)));
}

/// With UPDATE_SCHEMA in the environment, writes the schema instead.
#[test]
fn the_published_schema_is_that_of_the_types() {
    #[derive(schemars::JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    enum Line {
        Request(Request),
        Reply(Reply),
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Line)).expect("plain data") + "\n";
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &schema).expect("the repository can be written to");
    }
    let published = fs::read_to_string(&path).expect("the schema is in the repository");
    assert_eq!(published, schema, "the types have changed: run the tests with UPDATE_SCHEMA=1");
}
