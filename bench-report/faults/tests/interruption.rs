//! Ctrl-C, a kill of the parent, and what is resumed afterwards.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::run::{Place, journal, said, this};

crate::tests![
    ctrl_c_keeps_what_was_measured_and_resume_goes_on,
    a_killed_parent_leaves_no_process_and_resume_goes_on,
    a_lab_without_memory_says_where_its_samples_are,
    a_kill_that_asks_ends_a_cell_that_hangs,
    a_batch_system_that_asks_the_cells_first_fails_none,
    a_signal_that_was_ignored_at_the_start_stays_ignored,
    a_terminal_that_is_gone_keeps_what_was_measured,
    a_disk_without_room_is_named_and_resume_goes_on,
    a_limit_of_processor_time_ends_a_run_in_order,
    a_corrupt_line_stops_the_resuming_and_is_named,
    a_finished_run_is_not_resumed,
    a_changed_program_does_not_resume,
    nothing_to_resume_is_said,
];

/// Long enough to be interrupted: many blocks of a cell that is quick.
const LONG: &str = "--quick --blocks 20 --threads 1 --workloads sound --executors tokio,tokio-current-thread";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn start(place: &Place, arguments: &str) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().expect("a process number")), signal).expect("it is our child");
}

/// Ctrl-C; or a kill that asks, if these tests were started with Ctrl-C ignored, which the lab then does too.
pub(crate) fn ctrl_c() -> Signal {
    if is_ignored(Signal::SIGINT) { Signal::SIGTERM } else { Signal::SIGINT }
}

/// Tells whether this process ignores a signal, and with it what it starts.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    let set = u64::from_str_radix(set.trim(), 16).expect("the kernel writes a number");
    set & (1 << (signal as i32 - 1)) != 0
}

pub(crate) fn until(expectation: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {expectation}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn measured(place: &Place) -> usize {
    place.journal().lines().filter(|line| line.contains("\"kind\":\"process\"")).count()
}

/// The processes of cells that `parent` has started and that have not ended, in a run whose results go to `out`.
pub(crate) fn of_cells(parent: &Child, out: &Path) -> Vec<u32> {
    // What it starts before there is a journal is asked what it has, and for no cell.
    if journal(out).is_none() {
        return Vec::new();
    }
    let tasks = format!("/proc/{}/task", parent.id());
    let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let children = children.filter_map(|pid| pid.parse().ok());
    // It also starts git, for the commit. A track is this program without arguments.
    let track = format!("{}\0", this().display());
    children
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == track))
        .collect()
}

pub(crate) fn is_gone(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // Nobody is there to take the exit code of an orphan's orphan: a zombie has ended.
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    }
}

fn resume(place: &Place) {
    let before = place.journal();
    let output = place.run("--resume");
    assert!(output.status.success(), "{}", said(&output));
    let after = place.journal();
    // But for the samples of a process that did not come to its end.
    let last_end = before.rfind("{\"kind\":\"heat\"").unwrap_or(0);
    let complete = last_end + before[last_end..].find('\n').map_or(0, |end| end + 1);
    assert!(after.starts_with(&before[..complete]), "what was measured is kept");
    let results = place.results();
    for executor in ["tokio", "tokio-current-thread"] {
        let cell = results.cells.iter().find(|cell| cell.executor == executor).expect("it raced");
        assert_eq!(cell.overhead_of_blocks().len(), 20, "{executor} has every block once");
    }
}

fn ctrl_c_keeps_what_was_measured_and_resume_goes_on() {
    let place = Place::new();
    let mut parent = start(&place, LONG);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&parent, ctrl_c());
    assert_eq!(parent.wait().expect("it is our child").code(), Some(130));
    assert!((3..60).contains(&measured(&place)));
    assert!(!place.out().join("results.json").exists(), "an unfinished run has no results");
    resume(&place);
}

fn a_killed_parent_leaves_no_process_and_resume_goes_on() {
    let place = Place::new();
    let mut command = place.command(LONG);
    let parent = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    until("a few cells are measured", || measured(&place) >= 3);
    until("a cell's process is there", || !of_cells(&parent, &place.out()).is_empty());
    let orphans = of_cells(&parent, &place.out());
    signal(&parent, Signal::SIGKILL);
    let output = parent.wait_with_output().expect("it is our child");
    until("the processes of cells have ended", || orphans.iter().all(|&pid| is_gone(pid)));
    let expected = format!("what was measured is in {}", place.only_run().display());
    assert!(said(&output).contains(&expected), "the guard says it: {}", said(&output));
    resume(&place);
}

/// It aborts, within std more often than not, where it cannot say anything any more; its guard can.
fn a_lab_without_memory_says_where_its_samples_are() {
    let place = Place::new();
    let mut command = place.command(LONG);
    let lab = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    until("a few cells are measured", || measured(&place) >= 3);
    let pid = format!("--pid={}", lab.id());
    let limited = Command::new("prlimit").args([&pid, "--as=1000000"]).status();
    if !limited.is_ok_and(|status| status.success()) {
        writeln!(io::stderr(), "skipped: there is no prlimit").ok();
        signal(&lab, Signal::SIGKILL);
    }
    let output = lab.wait_with_output().expect("it is our child");
    let said = said(&output);
    // With what is left cells may fail, and the run come to an end.
    if output.status.code().is_none() {
        let expected = format!("what was measured is in {}", place.only_run().display());
        assert!(said.contains(&expected), "{}: {said}", output.status);
    }
    let before = place.journal();
    assert!(before.lines().filter(|line| line.contains("\"kind\":\"process\"")).count() >= 3);
    let output = place.run("--resume");
    assert!(matches!(output.status.code(), Some(0 | 2 | 64)), "{}", crate::run::said(&output));
}

fn a_kill_that_asks_ends_a_cell_that_hangs() {
    let place = Place::new();
    let mut parent = start(&place, "--quick --blocks 2 --threads 1 --workloads hangs --executors tokio");
    until("a cell's process is there", || !of_cells(&parent, &place.out()).is_empty());
    let orphans = of_cells(&parent, &place.out());
    signal(&parent, Signal::SIGTERM);
    assert_eq!(parent.wait().expect("it is our child").code(), Some(130));
    until("the processes of cells have ended", || orphans.iter().all(|&pid| is_gone(pid)));
}

/// Under `nohup`, and beside a script, whose shell ignores Ctrl-C for what runs there.
/// It sends its signal to every process of a job, in any order.
fn a_batch_system_that_asks_the_cells_first_fails_none() {
    let place = Place::new();
    let mut parent = start(&place, LONG);
    until("a few cells are measured", || measured(&place) >= 3);
    let mut cells = Vec::new();
    until("a cell's process is there", || {
        cells = of_cells(&parent, &place.out());
        !cells.is_empty()
    });
    for cell in cells {
        // One that has ended by now is none.
        kill(Pid::from_raw(cell.try_into().expect("a process number")), Signal::SIGTERM).ok();
    }
    thread::sleep(Duration::from_millis(200));
    signal(&parent, Signal::SIGTERM);
    assert_eq!(parent.wait().expect("it is our child").code(), Some(130));
    assert!(!place.journal().contains("\"kind\":\"failed\""), "{}", place.journal());
    resume(&place);
}

fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for (name, ignored) in [("HUP", Signal::SIGHUP), ("INT", Signal::SIGINT)] {
        let place = Place::new();
        let mut shell = in_a_shell(&format!("trap '' {name}"), &place);
        let mut lab = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("there is a shell");
        until("a few cells are measured", || measured(&place) >= 3);
        signal(&lab, ignored);
        assert_eq!(lab.wait().expect("it is our child").code(), Some(0), "{name}");
    }
}

fn a_terminal_that_is_gone_keeps_what_was_measured() {
    if is_ignored(Signal::SIGHUP) {
        writeln!(io::stderr(), "skipped: these tests were started with SIGHUP ignored").ok();
        return;
    }
    let place = Place::new();
    let mut lab = start(&place, LONG);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&lab, Signal::SIGHUP);
    assert_eq!(lab.wait().expect("it is our child").code(), Some(130));
    resume(&place);
}

/// The kernel refuses what goes beyond the limit of a file's size, as it does on a full disk; unless its signal is ignored it
/// would end the process.
fn a_disk_without_room_is_named_and_resume_goes_on() {
    for prelude in ["ulimit -f 100; trap '' XFSZ", "ulimit -f 100"] {
        let place = Place::new();
        let output = in_a_shell(prelude, &place).output().expect("there is a shell");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{prelude}: {said}");
        assert!(said.contains("failed to write to") && said.contains("samples.jsonl"), "{said}");
        assert!((3..60).contains(&measured(&place)), "what was measured before is kept");
        resume(&place);
    }
}

/// A batch system asks for the end when the time of its processors is used up.
fn a_limit_of_processor_time_ends_a_run_in_order() {
    let place = Place::new();
    let mut lab = start(&place, LONG);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&lab, Signal::SIGXCPU);
    assert_eq!(lab.wait().expect("it is our child").code(), Some(130));
    resume(&place);
}

/// A run that is long, as a shell starts it after some words.
fn in_a_shell(prelude: &str, place: &Place) -> Command {
    let run = place.command(LONG);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{prelude}; exec \"$@\""), "sh"]).arg(run.get_program()).args(run.get_args());
    shell.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn interrupted_run() -> Place {
    let place = Place::new();
    let mut parent = start(&place, LONG);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&parent, ctrl_c());
    parent.wait().expect("it is our child");
    place
}

fn refused(place: &Place, code: i32, reason: &str) {
    let output = place.run("--resume");
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(said(&output).contains(reason), "{}", said(&output));
}

fn a_corrupt_line_stops_the_resuming_and_is_named() {
    let place = interrupted_run();
    let path = place.only_run().join("samples.jsonl");
    insert_line(&path, 3, "{\"kind\":\"sample\",\"block\":");
    let corrupt = fs::read(&path).expect("the samples are there");
    refused(&place, 1, "samples.jsonl is corrupt: line 3");
    assert_eq!(corrupt, fs::read(&path).expect("the samples are there"), "nothing measured is lost");
}

fn insert_line(path: &Path, number: usize, line: &str) {
    let text = fs::read_to_string(path).expect("the samples are there");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(number - 1, line);
    let mut file = fs::File::create(path).expect("the folder is ours");
    writeln!(file, "{}", lines.join("\n")).expect("the folder is ours");
}

fn a_finished_run_is_not_resumed() {
    let place = Place::new();
    assert!(place.run(crate::run::SHORTEST).status.success());
    refused(&place, 64, "is finished");
}

fn a_changed_program_does_not_resume() {
    let place = interrupted_run();
    let path = place.only_run().join("plan.json");
    let plan = fs::read_to_string(&path).expect("the plan is there");
    let mut plan: Value = serde_json::from_str(&plan).expect("it is JSON");
    plan["provenance"]["programs"]["track"] = "of another".into();
    fs::write(&path, plan.to_string()).expect("the folder is ours");
    refused(&place, 64, "the program has changed");
}

fn nothing_to_resume_is_said() {
    refused(&Place::new(), 64, "no run to resume");
}
