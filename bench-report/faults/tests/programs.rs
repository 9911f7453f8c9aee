//! One run has one program and one environment: it is known by its bytes.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    interruption::{ctrl_c, signal, until},
    run::{Place, SHORTEST, heats_in, lab, said, this},
};

crate::tests![
    a_program_that_is_replaced_while_it_races_is_noticed,
    a_program_of_other_bytes_does_not_go_on_with_a_run,
    an_environment_that_changes_figures_is_told_and_kept_for_the_whole_run,
    nothing_of_our_environment_reaches_a_cell_by_accident,
];

const LONG: &str = "--quick --blocks 30 --threads 1 --workloads sound --executors tokio,tokio-current-thread";

/// A track of its own, which can be replaced.
struct Copied {
    place: Place,
    folder: tempfile::TempDir,
}

impl Copied {
    fn new() -> Copied {
        let copied = Copied { place: Place::new(), folder: tempfile::tempdir().expect("a temporary folder") };
        fs::copy(this(), copied.track()).expect("the folder is ours");
        copied
    }

    fn track(&self) -> PathBuf {
        self.folder.path().join("track")
    }

    /// Puts another program, which does the same, into its place, and returns a path of the first one.
    fn replace(&self) -> PathBuf {
        let [first, other] = ["first", "other"].map(|name| self.folder.path().join(name));
        fs::copy(self.track(), &other).expect("the folder is ours");
        let file = fs::OpenOptions::new().append(true).open(&other);
        file.and_then(|mut file| file.write_all(b"x")).expect("the folder is ours");
        fs::rename(self.track(), &first).expect("the folder is ours");
        fs::rename(other, self.track()).expect("the folder is ours");
        first
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = lab("run", &self.track());
        command.args(arguments.split_whitespace()).arg("--out").arg(self.place.out());
        command
    }

    fn heats(&self) -> usize {
        heats_in(&self.place.journal())
    }

    fn resume_is_refused(&self) {
        let output = self.command("--resume").output().expect("the program starts");
        assert_eq!(output.status.code(), Some(64), "{}", said(&output));
        assert!(said(&output).contains("the program has changed"), "{}", said(&output));
        assert!(said(&output).contains("track had the bytes "), "{}", said(&output));
    }

    fn resume(&self) {
        let output = self.command("--resume").output().expect("the program starts");
        assert!(output.status.success(), "{}", said(&output));
    }
}

fn a_program_that_is_replaced_while_it_races_is_noticed() {
    let copied = Copied::new();
    let mut lab = copied.command(LONG);
    let lab = lab.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    until("a heat has ended", || copied.heats() >= 1);
    // Between two samples nothing may be half there.
    signal(&lab, Signal::SIGSTOP);
    let first = copied.replace();
    signal(&lab, Signal::SIGCONT);
    let output = lab.wait_with_output().expect("it is our child");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("was replaced while it raced"), "{}", said(&output));
    assert!((1..30).contains(&copied.heats()), "what was measured before is kept");
    copied.resume_is_refused();
    fs::rename(first, copied.track()).expect("the folder is ours");
    copied.resume();
}

fn a_program_of_other_bytes_does_not_go_on_with_a_run() {
    let copied = Copied::new();
    let mut lab = copied.command(LONG);
    let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    until("a heat has ended", || copied.heats() >= 1);
    signal(&lab, ctrl_c());
    lab.wait().expect("it is our child");
    let first = copied.replace();
    copied.resume_is_refused();
    fs::rename(first, copied.track()).expect("the folder is ours");
    copied.resume();
}

fn an_environment_that_changes_figures_is_told_and_kept_for_the_whole_run() {
    let place = Place::new();
    let mut lab = place.command(LONG);
    lab.env("MALLOC_ARENA_MAX", "1").stdout(Stdio::null()).stderr(Stdio::null());
    let mut lab = lab.spawn().expect("the program starts");
    until("a heat has ended", || heats_in(&place.journal()) >= 1);
    signal(&lab, ctrl_c());
    lab.wait().expect("it is our child");
    let refused = place.run("--resume");
    assert_eq!(refused.status.code(), Some(64));
    let difference = "MALLOC_ARENA_MAX was `1`, and now is not set";
    assert!(said(&refused).contains(difference), "{}", said(&refused));
    let output = place.command("--resume").env("MALLOC_ARENA_MAX", "1").output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let results = place.results();
    assert_eq!(results.run.environment["MALLOC_ARENA_MAX"], "1");
    let told = "the environment has MALLOC_ARENA_MAX=1";
    assert!(results.warnings.iter().any(|warning| warning.finding == told), "{:?}", results.warnings);
}

/// A lane of these tests notes its environment when it is asked what it has.
fn nothing_of_our_environment_reaches_a_cell_by_accident() {
    let place = Place::new();
    let notes = tempfile::tempdir().expect("a temporary folder");
    let track = notes.path().join("track");
    let script = format!("#!/bin/sh\nenv > '{}/env'\nexec '{}'\n", notes.path().display(), this().display());
    fs::write(&track, script).expect("the folder is ours");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&track, executable).expect("the file is ours");
    let mut command = lab("run", &track);
    command.args(SHORTEST.split_whitespace()).arg("--out").arg(place.out());
    command.env("CARGO_CRITERION_PORT", "1").env("EDITOR", "vi").env("TOKIO_WORKER_THREADS", "3");
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let environment = fs::read_to_string(notes.path().join("env")).expect("it has noted it");
    let has = |name: &str| environment.lines().any(|line| line.starts_with(&format!("{name}=")));
    assert!(has("PATH") && has("TOKIO_WORKER_THREADS"), "{environment}");
    assert!(!has("CARGO_CRITERION_PORT") && !has("EDITOR") && !has("FAULTS_LAB"), "{environment}");
    let plan = fs::read_to_string(place.only_run().join("plan.json")).expect("the plan is there");
    let plan: Value = serde_json::from_str(&plan).expect("it is JSON");
    assert_eq!(plan["provenance"]["environment"]["TOKIO_WORKER_THREADS"], "3");
}
