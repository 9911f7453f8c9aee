//! The script of a cluster, without one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{HOLD, ROLE};

crate::tests![
    a_script_is_sound_whatever_the_folder_is_called,
    a_script_checks_its_programs,
    bad_input_is_one_line,
    a_cluster_that_is_not_there_is_one_line,
];

/// A folder for a race, whose name is as bad as a name can be.
pub(crate) struct Place {
    folder: TempDir,
    out: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("it's \"out\" of $HOME; a\\b @OUT@ %j `date` *");
        Place { folder, out }
    }

    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    pub(crate) fn script(&self) -> PathBuf {
        self.out.join("race.slurm")
    }

    /// Returns what a step of the script has said.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.out.join(format!("log-{name}.txt"))).unwrap_or_default()
    }

    /// Has the lab write a script, with arguments parted by spaces.
    pub(crate) fn write(&self, arguments: &str) -> Output {
        let this = env::current_exe().expect("a test knows its program");
        let (own, race) = arguments.split_once(" -- ").unwrap_or((arguments, ""));
        let mut lab = lab();
        lab.arg("slurm").arg("--track").arg(this).arg("--out").arg(&self.out).args(own.split_whitespace());
        lab.arg("--").args(race.split_whitespace()).output().expect("the program starts")
    }

    /// Submits the script, or does a step of it.
    pub(crate) fn bash(&self, step: &[&str]) -> Command {
        let mut bash = Command::new("bash");
        bash.arg(self.script()).args(step).stdin(Stdio::null());
        // What the lanes are to have in their environment too.
        bash.env(ROLE, "1").env(HOLD, self.folder.path());
        bash.env("PHOTOFINISH_PASS", format!("{ROLE},{HOLD},SLURMD_NODENAME"));
        bash
    }

    /// Has races wait in their middle, until they are let go.
    pub(crate) fn hold(&self) {
        fs::write(self.folder.path().join("hold"), "").expect("the folder is ours");
    }

    /// Tells whether the race on a node waits.
    pub(crate) fn is_held(&self, node: &str) -> bool {
        self.folder.path().join(format!("{node}-waits")).exists()
    }

    /// Lets races go on.
    pub(crate) fn let_go(&self) {
        fs::remove_file(self.folder.path().join("hold")).expect("they were held");
    }
}

/// This program as the lab, without arguments yet.
fn lab() -> Command {
    let mut lab = Command::new(env::current_exe().expect("a test knows its program"));
    lab.env(ROLE, "1").env("PHOTOFINISH_PASS", ROLE).stdin(Stdio::null());
    lab
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{} {}", output.status, said(output));
}

fn a_script_is_sound_whatever_the_folder_is_called() {
    let place = Place::new();
    let written = place.write("--nodes 3 --partition fast --sbatch=--time=30 -- spawn --quick");
    succeeds(&written);
    let told = String::from_utf8_lossy(&written.stdout);
    assert!(told.contains("Submit it with: bash '"), "{told}");
    let checked = Command::new("bash").arg("-n").arg(place.script()).output().expect("there is a bash");
    succeeds(&checked);
    let text = fs::read_to_string(place.script()).expect("it is written");
    for line in ["#SBATCH --partition=fast", "#SBATCH --time=30", "arguments=('spawn' '--quick')", "nodes=3"]
    {
        assert!(text.lines().any(|written| written == line), "{line}: {text}");
    }
    let again = place.write("--nodes 3");
    assert_eq!(again.status.code(), Some(64));
    assert!(said(&again).contains("has a race of a cluster already"), "{}", said(&again));
}

fn a_script_checks_its_programs() {
    let place = Place::new();
    succeeds(&place.write("--nodes 1 -- --quick"));
    let element = || {
        fs::write(place.out().join("elements"), "here 1 -\n").expect("the folder is ours");
        let mut step = place.bash(&["race"]);
        step.env("SLURM_ARRAY_JOB_ID", "1").env("SLURM_ARRAY_TASK_ID", "0").env("SLURMD_NODENAME", "here");
        let output = step.output().expect("there is a bash");
        (output.status.code(), place.log("1-0"))
    };
    let track = place.out().join("programs/track");
    let bytes = fs::read(&track).expect("it is kept there");
    fs::write(&track, b"#!/bin/sh\n").expect("the folder is ours");
    let refused = element();
    assert_eq!(refused.0, Some(1));
    assert!(refused.1.contains("are not those that this file was written for"), "{}", refused.1);
    fs::write(&track, bytes).expect("the folder is ours");
    let mut elsewhere = place.bash(&["race"]);
    elsewhere.env("SLURM_ARRAY_JOB_ID", "2").env("SLURM_ARRAY_TASK_ID", "0").env("SLURMD_NODENAME", "there");
    assert_eq!(elsewhere.status().expect("there is a bash").code(), Some(1));
    let told = place.log("2-0");
    assert!(told.contains("is to race on here, and was started on there"), "{told}");
}

fn bad_input_is_one_line() {
    for (arguments, culprit) in [
        ("--nodes 0", "it is 1 or more"),
        ("--nodes 2 --parts 2", "--parts"),
        ("--partition a;b", "a name has letters, digits"),
        ("--constraint a,b&c", "a name has letters, digits"),
        ("--sbatch=time", "an option begins with a dash"),
        ("-- --out here", "a race on a node takes no --out"),
        ("-- --part 1/2", "a race on a node takes no --part"),
        ("-- --resume", "a race on a node takes no --resume"),
        ("-- --with tokio@1.51.1", "a race on a node takes no --with"),
        ("-- --no-such-option", "--no-such-option"),
        ("-- --workloads elm", "no workload `elm`"),
    ] {
        let place = Place::new();
        let output = place.write(&format!(" {arguments}"));
        let told = said(&output);
        assert_eq!(output.status.code(), Some(64), "{arguments}: {told}");
        assert!(told.starts_with("error: ") && told.contains(culprit), "{arguments}: {told}");
        assert_eq!(told.lines().count(), 1, "{arguments}: {told}");
        assert!(!place.out().exists(), "{arguments}: nothing is written");
    }
    for (arguments, culprit) in [
        (&["merge", "no-such-run", "--out", "x"][..], "no-such-run is no run, and has none"),
        (&["merge", "--out", "x"], "<RUN>"),
        (&["run", "--part", "4/3"], "a part is a number and the number of all"),
        (&["run", "--part", "1/2", "--resume"], "--part"),
    ] {
        let output = lab().args(arguments).output().expect("the program starts");
        let told = said(&output);
        assert!(matches!(output.status.code(), Some(1 | 64)), "{arguments:?}: {told}");
        assert!(told.contains(culprit) && told.lines().count() == 1, "{arguments:?}: {told}");
    }
}

fn a_cluster_that_is_not_there_is_one_line() {
    let place = Place::new();
    succeeds(&place.write("--nodes 1 -- --quick"));
    let bash = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("bash"))
        .find(|bash| bash.is_file())
        .expect("there is a bash");
    let output = Command::new(bash).arg(place.script()).env("PATH", "").output().expect("there is a bash");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "photofinish: there is no sbatch here: submit it where Slurm is\n");
}
