//! A cell that goes wrong is a result: failed, with its reason; the others go on, and the exit code tells.

use std::collections::BTreeSet;

use results::Status;

use crate::run::{Place, cell, said};

crate::tests![
    a_panic_is_a_failed_cell,
    a_hang_is_a_failed_cell,
    a_wrong_answer_is_a_failed_cell,
    a_wrong_answer_inside_the_clock_is_a_failed_cell,
    rubbish_is_a_failed_cell,
    a_task_left_behind_is_a_failed_cell,
    a_run_faster_than_its_waiting_is_a_failed_cell,
    a_run_of_no_operations_is_a_failed_cell,
    a_run_without_the_part_that_is_measured_is_a_failed_cell,
    a_failed_cell_is_not_run_again,
    a_lane_fails_with_its_twin,
];

/// A death whose name is a signal.
#[cfg(unix)]
pub(crate) const UNIX_TESTS: crate::Tests =
    &[("a_killed_process_is_a_failed_cell", a_killed_process_is_a_failed_cell)];

/// Races the workload beside a sound one, and expects it to fail for `reason` and the sound one to be well.
fn expect_failure(workload: &str, reason: &str) {
    let place = Place::new();
    let output = place.run(&format!(
        "--quick --blocks 2 --threads 1 --executors tokio --time-limit 5 --workloads sound,{workload}"
    ));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let results = place.results();
    assert_eq!(cell(&results, "sound").status, Status::Ok);
    let failed = cell(&results, workload);
    assert_eq!(failed.status, Status::Failed);
    let given = failed.reason.as_deref().expect("a failed cell has its reason");
    assert!(given.contains(reason), "{given}");
    assert!(failed.metrics.is_empty() && failed.rank.is_none(), "a failed cell has no figures");
    for printed in [&output.stdout, &output.stderr] {
        let printed = String::from_utf8_lossy(printed);
        assert!(
            printed.contains(workload) && printed.contains(reason),
            "the terminal says it too: {printed}"
        );
    }
    let page = std::fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    assert!(page.contains("failed"), "the page says it too");
}

/// The reason is the panic's own, without what it writes to the standard error.
fn a_panic_is_a_failed_cell() {
    expect_failure("panics", "panicked: on purpose");
    let place = Place::new();
    place.run("--quick --blocks 2 --threads 1 --executors tokio --workloads panics");
    let reason = cell(&place.results(), "panics").reason.clone();
    assert_eq!(reason.as_deref(), Some("panicked: on purpose"));
}

fn a_hang_is_a_failed_cell() {
    expect_failure("hangs", "exceeded its time limit of 5s");
}

#[cfg(unix)]
fn a_killed_process_is_a_failed_cell() {
    expect_failure("is-killed", "was killed by SIGKILL");
}

fn a_wrong_answer_is_a_failed_cell() {
    expect_failure("lies", "wrong answer: 4, expected 3");
}

fn a_wrong_answer_inside_the_clock_is_a_failed_cell() {
    expect_failure("lies-later", "wrong answer: 4, expected 3");
}

fn rubbish_is_a_failed_cell() {
    expect_failure("talks-rubbish", "sent an invalid reply: `{\"sample\": rubbish`");
}

fn a_task_left_behind_is_a_failed_cell() {
    expect_failure("leaves-a-task", "1 of 1 tasks were left behind");
}

fn a_run_faster_than_its_waiting_is_a_failed_cell() {
    expect_failure("does-not-wait", "of waiting in them");
}

fn a_run_of_no_operations_is_a_failed_cell() {
    expect_failure("counts-nothing", "the workload reports 0 operations per run");
}

fn a_run_without_the_part_that_is_measured_is_a_failed_cell() {
    expect_failure("marks-no-part", "1 runs marked 0 parts to be measured, it takes one each");
}

fn a_failed_cell_is_not_run_again() {
    let place = Place::new();
    place.run("--quick --blocks 3 --threads 1 --executors tokio --workloads panics,sound --twins");
    let samples = place.journal();
    let failed = samples.lines().filter(|line| line.contains("\"kind\":\"failed\""));
    assert_eq!(failed.count(), 2, "the cell once and its twin once");
}

fn a_lane_fails_with_its_twin() {
    let mut culprits = BTreeSet::new();
    // Of the lane and its twin the second panics, whichever the seed makes the second.
    for seed in 1..=6 {
        let place = Place::new();
        let arguments =
            "--quick --blocks 2 --threads 1 --executors tokio --sizes 1 --workloads panics-second";
        assert_eq!(place.run(&format!("{arguments} --seed {seed}")).status.code(), Some(2));
        let results = place.results();
        let cell = cell(&results, "panics-second");
        assert_eq!(cell.status, Status::Failed);
        let reason = cell.reason.as_deref().expect("a failed cell has its reason");
        assert!(reason.contains("on purpose"), "{reason}");
        culprits.insert(if reason.ends_with("(as tokio-twin)") { "twin" } else { "lane" });
    }
    assert_eq!(culprits.len(), 2, "seeds make the one or the other second");
}
