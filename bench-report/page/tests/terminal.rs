//! Facts about the end of a run on a terminal: it answers, and fits.

#[allow(dead_code, reason = "of the made-up run this needs the results")]
mod extended;
mod fixture;
mod served;

use page::{
    table::WIDTH,
    terminal::{LINES, ending},
};
use results::Results;

/// Returns the made-up run, of which tokio and smol can serve.
fn results() -> Results {
    let mut results = extended::run();
    served::serve(&mut results);
    results
}

/// Returns the line that begins with a text, its words separated by single spaces.
fn line(ending: &str, begin: &str) -> String {
    let line = ending.lines().find(|line| line.trim().starts_with(begin));
    let line = line.unwrap_or_else(|| panic!("no line begins with {begin:?}:\n{ending}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks that a text fits into the last lines of a terminal, and writes nothing but text.
fn fits(ending: &str) {
    assert!(ending.lines().count() < LINES, "{} lines:\n{ending}", ending.lines().count());
    for line in ending.lines() {
        assert!(line.chars().count() <= usize::from(WIDTH), "{} columns: {line}", line.chars().count());
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn the_end_has_a_line_for_each_kind_of_work_relative_to_the_best_that_can_serve() {
    let ending = ending(&results());
    fits(&ending);
    assert!(ending.contains("\nbest that can serve ") && ending.contains(" |"), "{ending}");
    let timers = line(&ending, "Timers");
    assert!(timers.starts_with("Timers 5 best 1."), "tokio first, then smol: {ending}");
    let jobs = line(&ending, "Blocking jobs");
    assert!(jobs.starts_with("Blocking jobs 4 best 2."), "{ending}");
    assert!(ending.contains("Second column: rows. Lower is better;"), "{ending}");
    assert!(line(&ending, "Of 9 rows").contains("tokio leads"), "{ending}");
    assert!(line(&ending, "Not measured:").contains("sockets"), "{ending}");
}

#[test]
fn the_end_says_who_is_no_choice() {
    let ending = ending(&results());
    assert!(ending.contains("discontinued") && ending.contains("ours"), "{ending}");
}

#[test]
fn the_end_says_what_goes_on_and_where_every_comparison_is() {
    let ending = ending(&results());
    let said = ending.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("17 of 18 comparisons settled; `cargo bench -- --more 5m` would go on"),
        "{ending}"
    );
    assert!(said.contains("bench-report show"), "{ending}");
}

#[test]
fn wide_names_and_many_kinds_fit_too() {
    let mut results = results();
    let groups: Vec<_> = results.groups.clone();
    for number in 0..40 {
        results.groups.extend(groups.iter().cloned().map(|mut group| {
            group.group = format!("A kind of work that has a long name, number {number}");
            group
        }));
    }
    fits(&ending(&results));
    let long = "a-name-that-does-not-end-and-has-no-end-in-sight-".repeat(3);
    for name in [&long, &"x".repeat(100), &"ü".repeat(40)] {
        let mut results = results.clone();
        let rename = |lane: &mut String| *lane = format!("{lane}{name}");
        results.executors.iter_mut().for_each(|lane| rename(&mut lane.name));
        results.cells.iter_mut().for_each(|cell| rename(&mut cell.executor));
        let lanes = results.groups.iter_mut().flat_map(|group| &mut group.summary.lanes);
        lanes.for_each(|lane| rename(&mut lane.executor));
        fits(&ending(&results));
    }
}

#[test]
fn a_run_without_cells_has_an_end() {
    let mut results = results();
    results.cells.clear();
    results.groups.clear();
    results.summaries.clear();
    results.rows.clear();
    fits(&ending(&results));
    assert!(ending(&results).contains("0 comparisons"));
}

#[test]
fn an_older_run_has_an_end_of_the_same_form() {
    let older = ending(&fixture::read());
    fits(&older);
    assert!(line(&older, "Timers").contains("best"), "{older}");
}
