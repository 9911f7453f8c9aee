//! Tests of the questions that cargo, other runners of tests and editors ask of every test program.

use std::process::{Command, Stdio};

use crate::run::this;

crate::tests![a_word_that_filters_tests_starts_no_command, the_tests_are_listed_for_other_runners];

fn list(arguments: &[&str]) -> String {
    let mut tests = Command::new(this());
    tests.args(arguments).args(["--list", "--format", "terse"]).stdin(Stdio::null());
    let output = tests.output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are text")
}

fn a_word_that_filters_tests_starts_no_command() {
    for word in [
        "run",
        "check",
        "report",
        "list",
        "export",
        "compare",
        "gate",
        "check-lane",
        "specify",
        "show",
        "slurm",
        "merge",
        "guard",
        "help",
    ] {
        let listed = list(&[word]);
        assert!(
            listed.lines().all(|line| line.contains(word) && line.ends_with(": test")),
            "{word}: {listed}"
        );
    }
}

fn the_tests_are_listed_for_other_runners() {
    let all = list(&[]);
    let name = "a_word_that_filters_tests_starts_no_command";
    assert!(all.lines().any(|line| line == format!("{name}: test")), "{all}");
    assert_eq!(list(&["--exact", name]), format!("{name}: test\n"));
    assert_eq!(list(&["--ignored"]), "", "none is left out");
}
