//! The conditions of a run: a quota of processor time and another build, how they are kept, and what is refused.
//!
//! Control groups are those of this machine. Where there can be none the tests that need them are skipped, with a line.

use std::{
    fs,
    io::{self, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use results::{Conditions, Status};
use serde_json::Value;

use crate::{
    bad_input::expect_refusal,
    interruption::{ctrl_c, of_cells, signal, until},
    run::{LAB, Place, SHORTEST, bare_lab, said},
};

crate::tests![
    every_process_of_a_cell_has_the_quota_and_the_lab_has_none,
    a_quota_limits_and_the_run_says_how_often,
    a_group_goes_with_a_lab_that_is_interrupted,
    a_group_goes_with_a_lab_that_is_killed,
    a_group_whose_guard_was_killed_too_goes_with_the_next_run,
    a_quota_that_makes_no_sense_is_refused,
    where_no_quota_can_be_set_every_cell_says_why,
    a_build_that_is_none_is_refused_with_those_there_are,
    a_track_of_another_build_is_refused,
    a_run_goes_on_under_its_conditions_and_no_others,
    runs_under_other_conditions_are_shown_and_not_compared,
];

/// The shortest run under a quota of half a processor.
const HALVED: &str = "--quick --blocks 2 --threads 1 --workloads sound --executors tokio --quota 0.5";

/// Tells whether this user may make control groups here; says it if not.
fn has_groups() -> bool {
    let mut list = crate::run::lab("list", &crate::run::this());
    let output = list.args(["--quota", "0.5", "sound/1/t1"]).output().expect("the program starts");
    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(listed.contains("(conditions: quota of 0.5 processors)"), "{listed}{}", said(&output));
    let refused = listed.contains("n/a: no quota can be set");
    if refused {
        writeln!(io::stderr(), "skipped: {}", listed.lines().next().unwrap_or_default()).ok();
    }
    !refused
}

/// The folder of a process's group in which it has a quota; `None` if it has none of ours.
fn group_of(process: u32) -> Option<PathBuf> {
    const MOUNTS: [&str; 4] = ["", "unified", "cpu", "cpu,cpuacct"];
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let group = groups.lines().find(|line| line.contains("/photofinish-"))?.splitn(3, ':').nth(2)?;
    let folders = MOUNTS.map(|mount| Path::new("/sys/fs/cgroup").join(mount).join(&group[1..]));
    folders.into_iter().find(|folder| folder.is_dir())
}

/// Waits for a process of a cell, and returns the folder of its group.
fn group_of_a_cell(lab: &Child, place: &Place) -> PathBuf {
    let mut found = None;
    until("a process of a cell is in a group", || {
        found = of_cells(lab, &place.out()).into_iter().find_map(group_of);
        found.is_some()
    });
    found.expect("it was found a moment ago")
}

/// The folder of a run's group, from that of a process in it.
fn of_run(group: &Path) -> PathBuf {
    group.parent().expect("it lies in that of its run").to_owned()
}

fn start(place: &Place, arguments: &str) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

fn every_process_of_a_cell_has_the_quota_and_the_lab_has_none() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    let mut lab = start(&place, HALVED);
    let (mut group, mut quota) = (PathBuf::new(), String::new());
    // The group goes when its process has ended.
    until("the quota of a process is read", || {
        group = group_of_a_cell(&lab, &place);
        let read = |file: &str| fs::read_to_string(group.join(file));
        let of_first = || Ok(read("cpu.cfs_quota_us")?.trim().to_owned() + " " + &read("cpu.cfs_period_us")?);
        quota = read("cpu.max").or_else(|_| of_first()).unwrap_or_else(|_: io::Error| String::new());
        !quota.is_empty()
    });
    assert_eq!(quota.trim(), "50000 100000");
    assert_eq!(group_of(lab.id()), None, "the lab has all the time there is");
    assert!(lab.wait().expect("it is our child").success());
    assert!(!of_run(&group).exists(), "its group went with the run");
    let run = place.results().run;
    assert_eq!(run.conditions, Conditions { quota: Some(0.5), build: None });
    let throttled = run.throttled.expect("the run had a quota");
    assert!(throttled.periods > 0, "{throttled:?}");
    let page = fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    assert!(page.contains("<dd>quota of 0.5 processors</dd>"));
    let plan = fs::read_to_string(place.only_run().join("plan.json")).expect("there is a plan");
    let plan: Value = serde_json::from_str(&plan).expect("it is JSON");
    assert_eq!(plan["conditions"]["quota"], 0.5);
}

/// To start takes a process more than the five milliseconds of a period.
fn a_quota_limits_and_the_run_says_how_often() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    let output = place.run(&HALVED.replace("0.5", "0.05"));
    assert!(output.status.success(), "{}", said(&output));
    let throttled = place.results().run.throttled.expect("the run had a quota");
    assert!(throttled.throttled > 0 && throttled.seconds > 0.0, "{throttled:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("under quota of 0.05 processors"), "{told}");
}

fn a_group_goes_with_a_lab_that_is_interrupted() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    let mut lab = start(&place, HALVED);
    let group = of_run(&group_of_a_cell(&lab, &place));
    signal(&lab, ctrl_c());
    assert_eq!(lab.wait().expect("it is our child").code(), Some(130));
    assert!(!group.exists());
}

fn a_group_goes_with_a_lab_that_is_killed() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    let mut lab = start(&place, HALVED);
    let group = of_run(&group_of_a_cell(&lab, &place));
    signal(&lab, Signal::SIGKILL);
    lab.wait().expect("it is our child");
    until("the guard has removed the group", || !group.exists());
    let output = place.run("--resume");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(place.results().run.conditions.quota, Some(0.5));
}

fn a_group_whose_guard_was_killed_too_goes_with_the_next_run() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    let mut lab = start(&place, HALVED);
    let group = of_run(&group_of_a_cell(&lab, &place));
    // Between two of its steps, so that nothing is half there.
    signal(&lab, Signal::SIGSTOP);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", lab.id()));
    let children = children.expect("the lab is there");
    let guard = children.split_whitespace().find(|child| {
        fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.ends_with("\0guard\0"))
    });
    let guard = guard.expect("it has a guard").parse().expect("a process number");
    kill(Pid::from_raw(guard), Signal::SIGKILL).expect("it is the child of our child");
    signal(&lab, Signal::SIGKILL);
    lab.wait().expect("it is our child");
    assert!(group.exists(), "nobody was there to remove it");
    // Whoever comes next removes it: this, or a test beside this one.
    assert!(has_groups());
    assert!(!group.exists());
}

fn a_quota_that_makes_no_sense_is_refused() {
    for quota in ["0", "-1", "nan", "inf", "1e9", "2,5", "0.001", "", "half"] {
        let place = Place::new();
        let output = place.command(SHORTEST).args(["--quota", quota]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(64), "{quota}: {}", said(&output));
        assert!(said(&output).contains("a quota is a number of processors from 0.01 to the "), "{quota}");
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        assert!(!place.out().exists(), "{quota}: something was written");
    }
    expect_refusal("--exact sound/1/t1/tokio --quota 1", "--quota");
}

/// A run in a namespace of mounts of its own, after these words of a shell, or as a user without rights.
fn elsewhere(place: &Place, words: &str, user: Option<u32>) -> Option<Output> {
    let run = place.command(HALVED);
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", &format!("set -e; {words}; exec \"$@\""), "sh"]);
    shell.arg(run.get_program()).args(run.get_args());
    if let Some(user) = user {
        let everybody = fs::Permissions::from_mode(0o777);
        let folder = place.out().parent().expect("it lies in a folder").to_owned();
        fs::set_permissions(folder, everybody).expect("the folder is ours");
        shell = Command::new(run.get_program());
        shell.args(run.get_args()).uid(user).gid(user);
    }
    shell.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?)))).env(LAB, "1");
    let output = shell.stdin(Stdio::null()).output().ok()?;
    // 32 is the exit code of mount, which this user may not.
    (output.status.code() != Some(32)).then_some(output)
}

fn where_no_quota_can_be_set_every_cell_says_why() {
    const NOBODY: u32 = 64_322;
    const READ_ONLY: &str = "for mount in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts); \
        do mount -o remount,bind,ro \"$mount\" || exit 32; done";
    const HIDDEN: &str = "mount -t tmpfs none /sys/fs/cgroup || exit 32";
    if !Uid::effective().is_root() || !has_groups() {
        writeln!(io::stderr(), "skipped: only root can take its own rights away").ok();
        return;
    }
    let cases = [
        (READ_ONLY, None, "is mounted read-only, as in most containers"),
        (HIDDEN, None, "no control groups with the controller of processors are mounted"),
        ("", Some(NOBODY), "this user may make no control group in"),
    ];
    for (words, user, reason) in cases {
        let place = Place::new();
        let Some(output) = elsewhere(&place, words, user) else {
            writeln!(io::stderr(), "skipped: this user may mount nothing").ok();
            continue;
        };
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{words}: {told}");
        let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(matches!(errors[..], [only] if only.contains(reason)), "{words}: {told}");
        assert!(errors[0].ends_with("every cell is n/a") && !told.contains("panicked"), "{told}");
        let results = place.results();
        let cell = crate::run::cell(&results, "sound");
        assert_eq!(cell.status, Status::NotApplicable);
        let said = cell.reason.as_deref().unwrap_or_default();
        assert!(said.starts_with("no quota can be set: ") && said.contains(reason), "{said}");
        assert_eq!(results.run.conditions.quota, Some(0.5));
    }
}

fn a_build_that_is_none_is_refused_with_those_there_are() {
    for build in ["debug", "dev", "bench", "Release", ""] {
        let refusal = format!("there is no build `{build}`, only track and release");
        let place = Place::new();
        let output = place.command(SHORTEST).args(["--build", build]).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(64), "{build}: {}", said(&output));
        assert!(said(&output).contains(&refusal), "{build}: {}", said(&output));
        assert!(!place.out().exists(), "{build}: something was written");
    }
    expect_refusal("--exact sound/1/t1/tokio --build release", "--build");
}

fn a_track_of_another_build_is_refused() {
    let place = Place::new();
    let output = place.run(&format!("{SHORTEST} --build release"));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("was built with the profile dev, and not with release"),
        "{}",
        said(&output)
    );
}

/// The shortest run of a track that says that it is of the build `release`.
fn of_release(place: &Place, arguments: &str) -> Output {
    place.command(arguments).env(faults::PROFILE, "release").output().expect("the program starts")
}

fn a_run_goes_on_under_its_conditions_and_no_others() {
    let place = Place::new();
    let output = of_release(&place, &format!("{SHORTEST} --build release"));
    assert!(output.status.success(), "{}", said(&output));
    for (arguments, culprit) in [
        ("--more 1s --build track", "are build release, and not none"),
        ("--more 1s --quota 0.5", "are build release, and not quota of 0.5 processors"),
    ] {
        let output = of_release(&place, arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments}: {}", said(&output));
        assert!(said(&output).contains(culprit), "{arguments}: {}", said(&output));
    }
    for arguments in ["--more 1s", "--more 1s --build release"] {
        let output = of_release(&place, arguments);
        assert!(output.status.success(), "{arguments}: {}", said(&output));
        let conditions = place.results().run.conditions;
        assert_eq!(conditions, Conditions { quota: None, build: Some("release".to_owned()) });
    }
    let page = fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    assert!(page.contains("<dd>build release</dd>"));
}

fn runs_under_other_conditions_are_shown_and_not_compared() {
    let [usual, release] = [Place::new(), Place::new()];
    assert!(usual.run(&format!("{SHORTEST} --build track")).status.success());
    assert_eq!(usual.results().run.conditions, Conditions::default(), "it is the usual build");
    assert!(of_release(&release, &format!("{SHORTEST} --build release")).status.success());
    let [usual, release] = [&usual, &release].map(|place| place.out().join("results.json"));
    let compare = bare_lab().arg("compare").args([&usual, &release]).args(["--margin", "100%"]).output();
    let compare = compare.expect("the program starts");
    assert_eq!(compare.status.code(), Some(2), "{}", said(&compare));
    let expected = "other conditions: none, then build release; only their like are compared, and `target/lab/bench-report report ";
    assert!(said(&compare).contains(expected), "{}", said(&compare));
    let page = usual.with_file_name("both.html");
    let report = bare_lab().arg("report").args([&usual, &release]).arg("--to").arg(&page).output();
    assert!(report.expect("the program starts").status.success());
    let page = fs::read_to_string(page).expect("there is a page");
    assert!(page.contains("<small>build release</small></th>"));
    let like = bare_lab().arg("compare").args([&release, &release]).output().expect("the program starts");
    assert_eq!(like.status.code(), Some(0), "{}", said(&like));
}
