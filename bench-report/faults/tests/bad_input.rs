//! Bad input is refused with one clear line that names the culprit, before anything is run or overwritten.

use std::{fs, process::Output};

use crate::run::{Place, SHORTEST, bare_lab, lab, said, this};

crate::tests![
    an_unknown_option_is_refused,
    an_unknown_filter_is_refused,
    an_unknown_executor_is_refused_with_those_there_are,
    an_unknown_workload_is_refused_with_those_there_are,
    an_unknown_lineup_is_refused_with_those_there_are,
    no_threads_are_refused,
    bad_numbers_are_refused,
    a_selection_of_nothing_is_refused,
    a_cell_whose_name_makes_no_sense_is_refused,
    a_name_that_is_no_file_name_is_refused,
    quick_and_full_at_once_are_refused,
    a_budget_for_a_fixed_number_of_blocks_is_refused,
    an_output_folder_that_cannot_be_made_is_named,
    an_output_folder_that_cannot_be_written_to_is_named,
    a_missing_argument_is_named_in_one_sentence,
    where_there_are_no_results_yet_it_is_said_how_to_have_some,
    results_that_cannot_be_read_are_named,
    results_of_another_schema_are_refused,
];

/// Expects exit code 64, `culprit` in what is said, and nothing written.
pub(crate) fn expect_refusal(arguments: &str, culprit: &str) {
    let place = Place::new();
    let output = place.run(arguments);
    assert_eq!(output.status.code(), Some(64), "{arguments}: {}", said(&output));
    assert!(said(&output).contains(culprit), "{arguments}: {}", said(&output));
    assert_eq!(said(&output).lines().count(), 1, "{arguments}: one clear line: {}", said(&output));
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
    assert!(!place.out().exists(), "{arguments}: something was written");
}

fn an_unknown_option_is_refused() {
    expect_refusal("--fast", "--fast");
}

fn an_unknown_filter_is_refused() {
    expect_refusal("sound no-such-thing", "`no-such-thing`");
}

fn an_unknown_executor_is_refused_with_those_there_are() {
    expect_refusal("--executors tokio,tokoi", "no executor `tokoi`; there are tokio, tokio-current-thread");
}

fn an_unknown_workload_is_refused_with_those_there_are() {
    expect_refusal("--workloads sond", "no workload `sond`; there are sound, panics");
}

fn an_unknown_lineup_is_refused_with_those_there_are() {
    expect_refusal("--lineup stepz", "no lineup `stepz`; there are options, steps");
    expect_refusal("--lineup steps --exact sound/1/t1/tokio", "--lineup");
}

fn no_threads_are_refused() {
    expect_refusal("--threads 0", "'0'");
}

fn bad_numbers_are_refused() {
    for (arguments, culprit) in [
        ("--threads two", "'two'"),
        ("--sizes 0", "'0'"),
        ("--sizes 1,x", "'x'"),
        ("--blocks 1", "1 is not in 2.."),
        ("--seed -1", "-1"),
        ("--time-limit 0", "0 is not in 1.."),
        ("--budget 0", "0 is not in 1.."),
        ("--budget soon", "'soon'"),
    ] {
        expect_refusal(arguments, culprit);
    }
}

fn a_selection_of_nothing_is_refused() {
    expect_refusal("--executors tokio-current-thread --threads 2", "no cell is left");
}

fn a_cell_whose_name_makes_no_sense_is_refused() {
    for cell in ["sound", "sound/1/1/tokio", "sound/one/t1/tokio", "sound/1/t1/tokio/more"] {
        expect_refusal(&format!("--exact {cell}"), "WORKLOAD/SIZE/tTHREADS/EXECUTOR");
    }
    expect_refusal("--exact sound/1/t1/tokio --resume", "--resume");
}

fn a_name_that_is_no_file_name_is_refused() {
    expect_refusal("--save ../mine", "'../mine'");
}

fn quick_and_full_at_once_are_refused() {
    expect_refusal("--quick --full", "--full");
}

fn a_budget_for_a_fixed_number_of_blocks_is_refused() {
    expect_refusal("--blocks 3 --budget 60", "'--blocks <N>' cannot be used with '--budget <SECONDS>'");
    expect_refusal("--quick --budget 60", "--budget <SECONDS>");
    expect_refusal("--resume --budget 60", "--budget <SECONDS>");
    expect_refusal("--resume --twins", "--twins");
}

fn an_output_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    fs::write(place.out(), "a file").expect("the folder is ours");
    let output = place.run(SHORTEST);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&*place.out().to_string_lossy()), "{}", said(&output));
    assert_eq!(fs::read(place.out()).expect("it is still there"), b"a file");
}

/// Nobody may make a folder in /proc, not even root.
fn an_output_folder_that_cannot_be_written_to_is_named() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let output = lab("run", &this()).args(["--quick", "--out", "/proc/photofinish"]).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("/proc/photofinish"), "{}", said(&output));
}

fn report_on(text: &str) -> (Place, Output) {
    let place = Place::new();
    let path = place.out();
    fs::write(&path, text).expect("the folder is ours");
    let output = bare_lab().arg("report").arg(path).output().expect("the program starts");
    (place, output)
}

fn a_missing_argument_is_named_in_one_sentence() {
    let output = bare_lab().arg("export").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(64));
    let complaint = "the following required arguments were not provided: --format <FORMAT>; see --help";
    assert!(said(&output).contains(complaint), "{}", said(&output));
}

fn where_there_are_no_results_yet_it_is_said_how_to_have_some() {
    let place = Place::new();
    for command in ["show", "report", "export --format csv"] {
        let mut lab = bare_lab();
        lab.args(command.split(' ')).arg("--out").arg(place.out());
        let output = lab.output().expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(said(&output).contains("yet: `cargo bench` makes some"), "{command}: {}", said(&output));
    }
}

fn results_that_cannot_be_read_are_named() {
    let (place, output) = report_on("{\"schema\":");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&*place.out().to_string_lossy()), "{}", said(&output));
}

fn results_of_another_schema_are_refused() {
    let (_place, output) = report_on("{\"schema\": 99}");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("schema 99"), "{}", said(&output));
}
