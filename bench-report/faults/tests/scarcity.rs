//! No more threads, processes or descriptors, for the lab or for a cell: one line or a failed cell, never a panic.

use std::{
    fs,
    io::{self, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use nix::unistd::Uid;

use crate::{
    interruption::{measured, until},
    run::{Place, SHORTEST, said},
};

crate::tests![
    too_few_descriptors_are_no_panic,
    too_few_threads_are_no_panic,
    a_scarcity_that_passes_fails_no_lane,
];

/// A user who has no process yet, so that the kernel counts those of this test alone.
const NOBODY: u32 = 64_321;

/// Runs as a shell limits it, and expects an exit code that is told, few words, and no panic of the lab.
fn limited(limit: &str, user: Option<u32>) -> Output {
    let place = Place::new();
    let everybody = fs::Permissions::from_mode(0o777);
    let folder = place.out().parent().expect("it lies in a folder").to_owned();
    fs::set_permissions(folder, everybody).expect("the folder is ours");
    let run = place.command(SHORTEST);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limit}; exec \"$@\""), "sh"]).arg(run.get_program()).args(run.get_args());
    shell.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    if let Some(user) = user {
        shell.uid(user).gid(user);
    }
    let output = shell.output().expect("there is a shell");
    let code = output.status.code();
    let told = said(&output);
    assert!(matches!(code, Some(0..=2)), "{limit}: {} {told}", output.status);
    // What a cell says of its own panic stands in a line that begins with its name.
    assert!(!told.lines().any(|line| line.starts_with("thread '")), "{limit}: {told}");
    if code == Some(1) {
        let errors = told.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{limit}: {told}");
    }
    output
}

fn too_few_descriptors_are_no_panic() {
    let codes: Vec<_> =
        (5..20).step_by(2).map(|most| limited(&format!("ulimit -n {most}"), None).status.code()).collect();
    assert!(codes.iter().any(|code| *code != Some(0)), "it was scarce: {codes:?}");
}

/// Others have all descriptors for a moment, in which no process can be started.
fn a_scarcity_that_passes_fails_no_lane() {
    let place = Place::new();
    let mut command = place.command("--quick --blocks 20 --threads 1 --workloads sound");
    let lab = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    until("a few cells are measured", || measured(&place) >= 3);
    let limit = |most: &str| {
        let [pid, most] = [format!("--pid={}", lab.id()), format!("--nofile={most}:")];
        Command::new("prlimit").args([pid, most]).status().is_ok_and(|status| status.success())
    };
    let is_scarce = limit("3");
    if is_scarce {
        thread::sleep(Duration::from_millis(300));
        assert!(limit("256"));
    } else {
        writeln!(io::stderr(), "skipped: there is no prlimit").ok();
    }
    let output = lab.wait_with_output().expect("it is our child");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

fn too_few_threads_are_no_panic() {
    let is_reachable = Command::new(crate::run::this()).arg("--list").uid(NOBODY).gid(NOBODY).output();
    if !Uid::effective().is_root() || !is_reachable.is_ok_and(|output| output.status.success()) {
        writeln!(io::stderr(), "skipped: only root can be somebody else, who reaches this program").ok();
        return;
    }
    // Shells name this limit in two ways.
    let limits = (1..16).step_by(2).map(|most| format!("ulimit -u {most} 2>/dev/null || ulimit -p {most}"));
    let codes: Vec<_> = limits.map(|limit| limited(&limit, Some(NOBODY)).status.code()).collect();
    assert!(codes.iter().any(|code| *code != Some(0)), "it was scarce: {codes:?}");
}
