//! Runs are found by what they are, their files are whole or absent, and one that is alive is left alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use nix::sys::signal::Signal;
use results::Results;
use serde_json::{Value, json};

use crate::{
    interruption::{ctrl_c, signal, start, until},
    run::{Place, SHORTEST, bare_lab, heats_in, said},
};

crate::tests![
    a_finished_run_does_not_hide_one_that_is_not,
    neither_copies_nor_strange_folders_nor_a_clock_that_was_ahead_hide_a_run,
    a_run_is_resumed_by_its_name,
    runs_begun_in_one_second_are_two,
    results_are_named_by_run_by_folder_and_by_file,
    torn_results_are_made_again,
    room_for_the_results_alone_says_how_to_draw_the_page,
    a_run_that_is_alive_is_not_resumed,
];

const LONG: &str = "--quick --blocks 30 --threads 1 --workloads sound --executors tokio,tokio-current-thread";

/// The folders of the runs, by their names.
fn runs(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.out().join("runs")).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    runs.sort();
    runs
}

fn heats(run: &Path) -> usize {
    let journal = fs::read_to_string(run.join("samples.jsonl")).unwrap_or_default();
    heats_in(&journal)
}

/// Begins a run, interrupts it, and returns its folder.
fn interrupted(place: &Place) -> PathBuf {
    let before = runs(place);
    let new = || runs(place).into_iter().find(|run| !before.contains(run));
    let mut lab = start(place, LONG);
    until("some heats have ended", || new().is_some_and(|run| heats(&run) >= 2));
    signal(&lab, ctrl_c());
    assert_eq!(lab.wait().expect("it is our child").code(), Some(130));
    new().expect("it has its folder")
}

fn finished(place: &Place) -> PathBuf {
    let before = runs(place);
    let output = place.run(SHORTEST);
    assert!(output.status.success(), "{}", said(&output));
    runs(place).into_iter().find(|run| !before.contains(run)).expect("it has its folder")
}

fn name(run: &Path) -> String {
    run.file_name().expect("a folder has its name").to_string_lossy().into_owned()
}

/// Resumes, and expects that it is this run that goes on.
fn resumes(place: &Place, run: &Path) {
    let output = place.run("--resume");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(place.results().run.id, name(run));
    assert!(run.join("results.json").exists());
}

fn change_plan(run: &Path, change: impl Fn(&mut Value)) {
    let path = run.join("plan.json");
    let plan = fs::read_to_string(&path).expect("the plan is there");
    let mut plan = serde_json::from_str(&plan).expect("it is JSON");
    change(&mut plan);
    fs::write(&path, plan.to_string()).expect("the folder is ours");
}

fn copy(run: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(run).expect("the run is there").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("the folder is ours");
    }
}

fn a_finished_run_does_not_hide_one_that_is_not() {
    let place = Place::new();
    let run = interrupted(&place);
    finished(&place);
    resumes(&place, &run);
    let output = place.run("--resume");
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("is finished, so there is none to resume"), "{}", said(&output));
}

fn neither_copies_nor_strange_folders_nor_a_clock_that_was_ahead_hide_a_run() {
    let place = Place::new();
    let other = interrupted(&place);
    let others = place.out().join("runs");
    // Somebody has kept it under a name that comes last, and another begun by a clock that was ahead.
    copy(&other, &others.join("keep-this"));
    fs::create_dir(others.join("20991231-235959")).expect("the folder is ours");
    fs::create_dir(others.join("notes")).expect("the folder is ours");
    fs::write(others.join("notes/plan.json"), "buy milk").expect("the folder is ours");
    let ahead = others.join("20991231-235958");
    fs::rename(&other, &ahead).expect("the folder is ours");
    change_plan(&ahead, |plan| {
        plan["id"] = json!("20991231-235958");
        plan["started"] = json!("2099-12-31T23:59:58Z");
    });
    let run = interrupted(&place);
    resumes(&place, &run);
    resumes(&place, &ahead);
}

fn a_run_is_resumed_by_its_name() {
    let place = Place::new();
    let [older, newer] = [(); 2].map(|()| interrupted(&place));
    let output = place.run(&format!("--resume {}", name(&older)));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(place.results().run.id, name(&older));
    assert!(!newer.join("results.json").exists());
    for (run, complaint) in [(name(&older), "is finished"), ("no-such".to_owned(), "has no run no-such")] {
        let output = place.run(&format!("--resume {run}"));
        assert_eq!(output.status.code(), Some(64));
        assert!(said(&output).contains(complaint), "{}", said(&output));
    }
}

fn runs_begun_in_one_second_are_two() {
    let place = Place::new();
    let mut labs = [(); 3].map(|()| start(&place, SHORTEST));
    for lab in &mut labs {
        assert_eq!(lab.wait().expect("it is our child").code(), Some(0));
    }
    let runs = runs(&place);
    assert_eq!(runs.len(), 3);
    for run in runs {
        let results = Results::read(&run.join("results.json")).expect("it has its results");
        assert_eq!(results.run.id, name(&run));
    }
}

fn results_are_named_by_run_by_folder_and_by_file() {
    let place = Place::new();
    let output = place.run(&format!("{SHORTEST} --save before"));
    assert!(output.status.success(), "{}", said(&output));
    let run = runs(&place).remove(0);
    // In a folder that has one of the same name.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(elsewhere.path().join("before")).expect("the folder is ours");
    let lab = |arguments: &[&str]| -> Output {
        let mut lab = bare_lab();
        lab.args(arguments).arg("--out").arg(place.out()).current_dir(elsewhere.path());
        lab.output().expect("the program starts")
    };
    let file = run.join("results.json");
    let [folder, file] = [&run, &file].map(|path| path.to_str().expect("it is text"));
    for named in ["before", &name(&run), folder, file] {
        let output = lab(&["export", named, "--format", "csv"]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{named}: {}", said(&output));
        let output = lab(&["compare", named, file, "--margin", "100%"]);
        assert_eq!(output.status.code(), Some(0), "{named}: {}", said(&output));
        let page = elsewhere.path().join("page.html");
        let output = lab(&["report", named, "--to", page.to_str().expect("it is text")]);
        assert!(output.status.success() && page.exists(), "{named}: {}", said(&output));
        fs::remove_file(page).expect("the folder is ours");
    }
    let output = lab(&["compare", "after", file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no run or saved run of this name"), "{}", said(&output));
}

fn torn_results_are_made_again() {
    let place = Place::new();
    let run = finished(&place);
    let whole = fs::read(run.join("results.json")).expect("they are there");
    let file = fs::OpenOptions::new().write(true).open(run.join("results.json")).expect("the folder is ours");
    file.set_len(whole.len() as u64 / 2).expect("the folder is ours");
    let heats_before = heats(&run);
    resumes(&place, &run);
    assert_eq!(heats(&run), heats_before, "all was measured");
    assert_eq!(place.results().cells.len(), 1);
}

/// The samples fit, and the results, and the page does not.
fn room_for_the_results_alone_says_how_to_draw_the_page() {
    let place = Place::new();
    let run = place.command(SHORTEST);
    let output = Command::new("sh")
        // In units of 512 bytes, or of 1,024.
        .args(["-c", "ulimit -f 40; trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args())
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let run = runs(&place).remove(0);
    let results = run.join("results.json");
    assert!(
        said(&output).contains(&format!("the results are in {}", results.display())),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("failed to write") && said(&output).contains("draws the page"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("sound"), "the verdict is shown all the same");
    assert!(!run.join("report.html").exists(), "no half page");
    let left = fs::read_dir(&run).expect("the run has its folder").count();
    assert_eq!(left, 3, "plan, samples and results");
    let report = bare_lab().arg("report").arg(&results).output().expect("the program starts");
    assert!(report.status.success() && run.join("report.html").exists(), "{}", said(&report));
}

fn a_run_that_is_alive_is_not_resumed() {
    let place = Place::new();
    let mut lab = start(&place, LONG);
    until("some heats have ended", || runs(&place).first().is_some_and(|run| heats(run) >= 2));
    signal(&lab, Signal::SIGSTOP);
    let output = place.run("--resume");
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    let holder = format!("is being measured by process {}", lab.id());
    assert!(said(&output).contains(&holder), "{}", said(&output));
    // What it leaves behind is no obstacle.
    signal(&lab, Signal::SIGKILL);
    lab.wait().expect("it is our child");
    resumes(&place, &runs(&place)[0]);
}
