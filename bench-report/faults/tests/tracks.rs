//! This program as a track, and what the lab says of a track that is none.

use std::{
    fs,
    io::{self, BufRead},
    process::{ExitCode, Output},
};

use crate::run::{Place, SHORTEST, bare_lab, lab, said};

crate::tests![
    a_track_that_is_gone_is_named,
    a_track_that_does_not_start_is_named,
    a_track_that_speaks_another_protocol_is_refused_by_its_number,
    a_track_that_says_nothing_is_named,
    a_track_that_talks_rubbish_is_named,
    a_track_that_is_a_lane_is_named,
    a_lab_without_cargo_and_track_says_what_is_missing,
];

/// The name of the lineup that this program serves as a track, in the environment; or how the track is broken.
pub(crate) const CHOSEN: &str = "FAULTS_TRACK";

/// The lineup of `lanes`.
pub(crate) const LANES: &str = "lanes";

/// Answers the lab.
pub(crate) fn serve(name: &str) -> ExitCode {
    let suite = match name {
        LANES => {
            crate::lanes::look_at_the_first_request();
            crate::lanes::lineup()
        }
        crate::mutants::TRACK => crate::mutants::lineup(),
        crate::grain::TRACK => return crate::grain::serve(),
        crate::sockets::TRACK => crate::sockets::lineup(),
        #[cfg(target_os = "linux")]
        crate::foreign::TRACK => crate::foreign::lineup(),
        broken => {
            // What is said before it is asked for would be a fault of another kind.
            io::stdin().lock().fill_buf().ok();
            if let Some(reply) = reply(broken) {
                println!("{reply}");
            }
            return ExitCode::SUCCESS;
        }
    };
    lane_harness::serve(&suite, &faults::build())
}

/// The answer of a broken track, whatever it is asked.
fn reply(fault: &str) -> Option<&'static str> {
    Some(match fault {
        "numberless" => r#"{"lineup": {"lanes": []}}"#,
        "older" => r#"{"lineup": {"protocol": 1, "lanes": "in another form"}}"#,
        "newer" => r#"{"lineup": {"protocol": 3}}"#,
        "rubbish" => "I am a track",
        "lane" => r#"{"lane": {"protocol": 2, "version": "1.0", "threads": [1, 1], "workloads": {}}}"#,
        _ => return None,
    })
}

/// Starts the lab with a broken track.
fn lab_with(fault: &str) -> (Place, Output) {
    let place = Place::new();
    let output = place.command(SHORTEST).env(CHOSEN, fault).output();
    (place, output.expect("the program starts"))
}

/// Expects exit code 1, one line that has `culprit` in it, and nothing written.
fn expect_error(place: &Place, output: &Output, culprit: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    assert!(said(output).contains(culprit), "{culprit}: {}", said(output));
    assert_eq!(said(output).lines().count(), 1, "one clear line: {}", said(output));
    assert!(!place.out().exists(), "something was written");
}

fn a_track_that_is_gone_is_named() {
    let place = Place::new();
    let mut command = lab("run", "/nowhere/track".as_ref());
    command.args(SHORTEST.split_whitespace()).arg("--out").arg(place.out());
    let output = command.output().expect("the program starts");
    expect_error(&place, &output, "the track /nowhere/track: /nowhere/track is not there");
}

fn a_track_that_does_not_start_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = folder.path().join("text");
    fs::write(&text, "I am no program").expect("the folder is ours");
    let place = Place::new();
    let mut command = lab("run", &text);
    command.args(SHORTEST.split_whitespace()).arg("--out").arg(place.out());
    let output = command.output().expect("the program starts");
    expect_error(&place, &output, &format!("{} did not start", text.display()));
}

fn a_track_that_speaks_another_protocol_is_refused_by_its_number() {
    for (fault, number) in [("numberless", 1), ("older", 1), ("newer", 3)] {
        let (place, output) = lab_with(fault);
        expect_error(&place, &output, &format!("speaks protocol {number}, this lab speaks 2"));
    }
}

fn a_track_that_says_nothing_is_named() {
    let (place, output) = lab_with("silence");
    expect_error(&place, &output, "its process ended with ");
}

fn a_track_that_talks_rubbish_is_named() {
    let (place, output) = lab_with("rubbish");
    expect_error(&place, &output, "sent an invalid reply: `I am a track`");
}

fn a_track_that_is_a_lane_is_named() {
    let (place, output) = lab_with("lane");
    expect_error(&place, &output, "gave no answer to what it was asked: `{\"lane\":");
}

/// Cargo is looked for where cargo itself says, and then on the PATH.
fn a_lab_without_cargo_and_track_says_what_is_missing() {
    let (place, empty) = (Place::new(), tempfile::tempdir().expect("a temporary folder"));
    let mut command = bare_lab();
    command.arg("run").args(SHORTEST.split_whitespace()).arg("--out").arg(place.out());
    command.env_remove("CARGO").env("PATH", empty.path());
    let output = command.output().expect("the program starts");
    expect_error(&place, &output, "cargo does not start");
    assert!(said(&output).contains("install Rust, or put cargo on the PATH"), "{}", said(&output));
}
