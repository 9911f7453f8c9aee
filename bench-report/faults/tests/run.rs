//! Starts this program as the lab in a folder of its own, and the facts of a run in which nothing goes wrong.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use results::{Cell, Results};
use serde_json::Value;
use tempfile::TempDir;

use crate::{lanes, tracks};

crate::tests![
    a_run_leaves_the_files_of_the_design,
    the_same_seed_gives_the_same_order,
    a_page_is_drawn_again_from_its_results,
    saved_results_stand_under_their_name,
    a_cell_that_does_not_apply_says_why,
    a_lineup_is_named_in_what_a_run_leaves,
];

/// With this in the environment this program is the lab.
pub(crate) const LAB: &str = "FAULTS_LAB";

/// This program.
pub(crate) fn this() -> PathBuf {
    env::current_exe().expect("a test knows its program")
}

/// The variables that the lanes of these tests read.
const PASSED: &str = "FAULTS_PROFILE,FAULTS_TRACK,FAULTS_OUT,PAUSE,OLD_PAUSE,PROGRAM,PHOTOFINISH_HANG,FAULTS_PROGRAMS,STARTED_BY_PEERS";

/// Names another build of the lab to be tested in place of this program, such as one from before a mend.
const OTHER_LAB: &str = "FAULTS_OTHER_LAB";

/// This program as the lab, without arguments yet.
pub(crate) fn bare_lab() -> Command {
    let mut process = Command::new(env::var_os(OTHER_LAB).map_or_else(this, PathBuf::from));
    process.env(LAB, "1").env("PHOTOFINISH_PASS", PASSED).stdin(Stdio::null());
    process
}

/// This program as the lab, with a command and a track; and as a track, if that is this program too.
pub(crate) fn lab(command: &str, track: &Path) -> Command {
    let mut process = bare_lab();
    process.arg(command).arg("--track").arg(track).env(tracks::CHOSEN, tracks::LANES);
    process
}

/// Returns the text that a program has written to its standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder for the results of runs; gone with the value.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The command `run`, with arguments parted by spaces, into this place.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = lab("run", &this());
        command.args(arguments.split_whitespace()).arg("--out").arg(self.out());
        command.env(lanes::OUT, self.out());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    pub(crate) fn results(&self) -> Results {
        Results::read(&self.out().join("results.json")).expect("the run has left its results")
    }

    /// Returns what the only run has written down; nothing until it has begun to.
    ///
    /// A run in another process makes the folder of runs, then its own, then its journal: any of them may be missing.
    pub(crate) fn journal(&self) -> String {
        journal(&self.out()).unwrap_or_default()
    }

    /// The folder of the only run, once it has ended.
    pub(crate) fn only_run(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.out().join("runs")).expect("there was a run");
        let run = runs.next().expect("there was a run").expect("the folder is ours").path();
        assert!(runs.next().is_none(), "there was one run");
        run
    }
}

/// Returns the journal of the only run into a folder, once there is one.
pub(crate) fn journal(out: &Path) -> Option<String> {
    let run = fs::read_dir(out.join("runs")).ok()?.next()?.ok()?;
    fs::read_to_string(run.path().join("samples.jsonl")).ok()
}

/// Returns how many heats have ended, as a journal says.
pub(crate) fn heats_in(journal: &str) -> usize {
    journal.lines().filter(|line| line.contains("\"kind\":\"heat\"")).count()
}

/// The shortest run there is: two blocks of one cell, and of its twin.
pub(crate) const SHORTEST: &str = "--quick --blocks 2 --threads 1 --workloads sound --executors tokio";

pub(crate) fn cell<'a>(results: &'a Results, workload: &str) -> &'a Cell {
    results.cells.iter().find(|cell| cell.workload == workload).expect("the cell is in the results")
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

fn a_run_leaves_the_files_of_the_design() {
    let place = Place::new();
    succeed(&place.run(SHORTEST));
    let run = place.only_run();
    for file in ["report.html", "results.json"] {
        let newest = fs::read(place.out().join(file)).expect("the newest run is at hand");
        assert!(!newest.is_empty());
        assert_eq!(newest, fs::read(run.join(file)).expect("the run has its own"));
    }
    let samples = fs::read_to_string(run.join("samples.jsonl")).expect("the samples are there");
    let kinds = samples.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        line["kind"].as_str().expect("a line has its kind").to_owned()
    });
    let kinds: Vec<String> = kinds.collect();
    let samples = kinds.iter().filter(|kind| *kind == "sample").count();
    assert!((16..=32).contains(&samples), "four to eight samples of two lanes in two blocks: {samples}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "process").count(), 4, "two processes each");
    let mut left: Vec<_> = fs::read_dir(&run)
        .expect("the run has its folder")
        .map(|entry| entry.expect("the folder is ours").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["plan.json", "report.html", "results.json", "samples.jsonl"]);
}

fn the_same_seed_gives_the_same_order() {
    let order = |seed: u64| {
        let place = Place::new();
        succeed(
            &place.run(&format!(
                "--quick --blocks 4 --threads 1 --workloads sound --sizes 1,2,3 --seed {seed}"
            )),
        );
        let samples = place.journal();
        let lines = samples.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        let processes = lines.filter(|line| line["kind"] == "process");
        let cell = |line: Value| format!("{} {} {}", line["block"], line["size"], line["executor"]);
        processes.map(cell).collect::<Vec<_>>()
    };
    let first = order(7);
    assert_eq!(
        first.len(),
        4 * (3 * 2 + 1),
        "two lanes each, and one twin of a quick run's three comparisons"
    );
    assert_eq!(first, order(7));
    assert_ne!(first, order(8));
}

fn a_page_is_drawn_again_from_its_results() {
    let place = Place::new();
    succeed(&place.run(SHORTEST));
    let page = place.out().join("report.html");
    let drawn = fs::read_to_string(&page).expect("there is a page");
    fs::remove_file(&page).expect("the folder is ours");
    let output = bare_lab().arg("report").arg(place.out().join("results.json")).output();
    succeed(&output.expect("the program starts"));
    assert_eq!(drawn, fs::read_to_string(&page).expect("there is a page again"));
}

fn saved_results_stand_under_their_name() {
    let place = Place::new();
    succeed(&place.run(&format!("{SHORTEST} --save before-change")));
    let saved = fs::read(place.out().join("saved/before-change.json")).expect("they are saved");
    assert_eq!(saved, fs::read(place.out().join("results.json")).expect("the run has left its results"));
}

fn a_cell_that_does_not_apply_says_why() {
    let place = Place::new();
    succeed(&place.run("--quick --blocks 2 --threads 2 --workloads sound"));
    let results = place.results();
    let cell = results
        .cells
        .iter()
        .find(|cell| cell.executor == "tokio-current-thread")
        .expect("it is in the results");
    assert_eq!(cell.reason.as_deref(), Some("runs on one thread only"));
}

fn a_lineup_is_named_in_what_a_run_leaves() {
    let place = Place::new();
    succeed(&place.run(&format!("{SHORTEST} --lineup steps")));
    assert_eq!(place.results().run.lineup.as_deref(), Some("steps"));
    let page = fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    for text in ["<title>Photofinish: steps, quick run", "cargo bench -- --lineup steps --workloads sound"] {
        assert!(page.contains(text), "the page has no `{text}`");
    }
    // The run has its lineup, so that to go on with it takes no name.
    succeed(&place.run("--more 1s"));
    assert_eq!(place.results().run.lineup.as_deref(), Some("steps"));

    let place = Place::new();
    succeed(&place.run(SHORTEST));
    assert_eq!(place.results().run.lineup, None);
    let other = place.run("--more 1s --lineup steps");
    assert_eq!(other.status.code(), Some(64));
    assert!(said(&other).contains("is no run of the lineup steps"), "{}", said(&other));
}
