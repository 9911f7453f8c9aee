//! The documents name what the lineup has: they are lists of the same facts, and would fall behind.

use std::{fs, path::Path};

use lane_protocol::{Lineup, WorkloadEntry};

fn lineup() -> Lineup {
    track::lineup::lineup().lineup(&track::build!(), &[1])
}

/// Reads a document of the repository, its lines joined.
fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the part of a document from a text up to another.
fn between<'a>(document: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = document.split_once(begin).unwrap_or_else(|| panic!("no {begin:?}"));
    rest.split_once(end).map_or(rest, |(part, _)| part)
}

/// Returns the heads of the rows of a document's tables.
fn rows(document: &str) -> Vec<String> {
    let heads = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    heads.map(str::to_owned).collect()
}

#[test]
fn the_readme_has_a_row_for_each_workload_and_each_lane() {
    let rows = rows(&document("README.md")).join("\n");
    let Lineup { workloads, lanes, .. } = lineup();
    let names = workloads.iter().map(|workload| &workload.name).chain(lanes.iter().map(|lane| &lane.name));
    let missing: Vec<&String> = names.filter(|name| !rows.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "the tables of README.md lack {missing:?}");
}

#[test]
fn the_methodology_says_of_each_workload_that_races_what_it_does_not_show() {
    let text = document("METHODOLOGY.md");
    let section = between(&text, "## What the workloads do not show", "\n## ");
    let is_named = |workload: &&WorkloadEntry| {
        // Some workloads that are akin share a line, under the name of their crate.
        let crate_of = workload.source.split('/').nth(1).unwrap_or_default();
        [&*workload.name, crate_of].iter().any(|name| section.contains(&format!("**{name}**")))
    };
    let workloads = lineup().workloads;
    let racing = workloads.iter().filter(|workload| !workload.sizes.is_empty());
    let missing: Vec<&str> = racing.filter(|one| !is_named(one)).map(|workload| &*workload.name).collect();
    assert!(missing.is_empty(), "METHODOLOGY.md does not say what {missing:?} hide");
}

#[test]
fn contributors_find_every_group_and_no_other() {
    let text = document("CONTRIBUTING.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let listed: Vec<&str> = between(&text, "or a new one: ", ".").split(", ").collect();
    let mut groups: Vec<String> = Vec::new();
    for workload in lineup().workloads.into_iter().filter(|workload| !workload.sizes.is_empty()) {
        if !groups.contains(&workload.group) {
            groups.push(workload.group);
        }
    }
    assert_eq!(listed, groups, "CONTRIBUTING.md lists the groups in the order of the lineup");
}
