//! A race that stands still for a while: nobody fails of it, and nothing of it is in the figures.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use results::Status;
use serde_json::Value;

use crate::{
    interruption::{measured, of_cells, signal, start, until},
    run::Place,
};

crate::tests![
    a_lab_that_is_stopped_fails_no_lane,
    a_stop_of_a_moment_is_noticed_too,
    a_race_that_is_frozen_as_a_whole_fails_no_lane,
    a_container_that_is_paused_for_a_moment_is_noticed,
    a_machine_that_sleeps_is_noticed_though_the_clock_does_not_go_on,
];

/// Runs that last a while, with a time limit that is shorter than the standstill.
const RUN: &str = "--quick --blocks 40 --threads 1 --workloads sound --executors tokio,tokio-current-thread \
                   --time-limit 3";
const STANDSTILL: Duration = Duration::from_secs(5);

fn a_lab_that_is_stopped_fails_no_lane() {
    stand_still(|_, _| Vec::new());
}

/// Nobody who looks now and then would have seen it.
fn a_stop_of_a_moment_is_noticed_too() {
    let place = Place::new();
    let mut lab = start(&place, RUN);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&lab, Signal::SIGSTOP);
    until("it has stopped", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", lab.id())).expect("it is our child");
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    });
    signal(&lab, Signal::SIGCONT);
    assert_eq!(lab.wait().expect("it is our child").code(), Some(0));
    assert!(place.results().run.stood_still.expect("it is told").times >= 1);
    assert!(place.journal().contains("\"kind\":\"stood-still\""));
}

/// A freezer: its folder, the file that freezes and thaws with its words for both, and the file that says what has happened.
struct Freezer {
    groups: &'static str,
    switch: &'static str,
    words: [&'static str; 2],
    state: &'static str,
    frozen: &'static str,
    /// The shortest freeze that is noticed for sure.
    moment: Duration,
}

const FREEZERS: [Freezer; 3] = [
    Freezer {
        groups: "/sys/fs/cgroup/freezer",
        switch: "freezer.state",
        words: ["FROZEN", "THAWED"],
        state: "freezer.state",
        frozen: "FROZEN",
        moment: Duration::from_millis(500),
    },
    Freezer::of_version_2("/sys/fs/cgroup"),
    Freezer::of_version_2("/sys/fs/cgroup/unified"),
];

impl Freezer {
    const fn of_version_2(groups: &'static str) -> Freezer {
        Freezer {
            groups,
            switch: "cgroup.freeze",
            words: ["1", "0"],
            state: "cgroup.events",
            frozen: "frozen 1",
            // It wakes a thread first, which then waits elsewhere, frozen: so the shortest freeze is noticed.
            moment: Duration::ZERO,
        }
    }
}

fn a_container_that_is_paused_for_a_moment_is_noticed() {
    let mut tried = 0;
    for freezer in FREEZERS {
        let group = Path::new(freezer.groups).join(format!("photofinish-test-{}", std::process::id()));
        if fs::create_dir(&group).is_ok() {
            if group.join(freezer.switch).exists() {
                pause_for_a_moment(&freezer, &group);
                tried += 1;
            }
            fs::remove_dir(&group).expect("all in it have ended");
        }
    }
    if tried == 0 {
        writeln!(io::stderr(), "skipped: control groups that freeze are for root").ok();
    }
}

fn pause_for_a_moment(freezer: &Freezer, group: &Path) {
    let place = Place::new();
    let mut lab = start(&place, RUN);
    fs::write(group.join("cgroup.procs"), lab.id().to_string()).expect("it may join");
    until("a few cells are measured", || measured(&place) >= 3);
    let [freeze, thaw] = freezer.words;
    let write = |word| fs::write(group.join(freezer.switch), word).expect("the group is ours");
    write(freeze);
    until("it is frozen", || {
        fs::read_to_string(group.join(freezer.state)).expect("the group is ours").contains(freezer.frozen)
    });
    thread::sleep(freezer.moment);
    write(thaw);
    assert_eq!(lab.wait().expect("it is our child").code(), Some(0));
    let stood_still = place.results().run.stood_still;
    assert!(stood_still.is_some_and(|stood| stood.times >= 1), "{}", freezer.groups);
    assert!(place.journal().contains("\"kind\":\"stood-still\""));
}

/// As a container that is paused.
fn a_race_that_is_frozen_as_a_whole_fails_no_lane() {
    stand_still(|lab, place| of_cells(lab, &place.out()));
}

/// Plays the sleep of a machine as a program sees it: only the time since boot goes on. A test can make no machine sleep.
const SLEEP: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int error = syscall(SYS_clock_gettime, clock, now);
    char *slept = getenv("PHOTOFINISH_SLEPT");
    if (clock == CLOCK_BOOTTIME && slept && !access(slept, F_OK)) now->tv_sec += 100;
    return error;
}
"#;

fn a_machine_that_sleeps_is_noticed_though_the_clock_does_not_go_on() {
    let place = Place::new();
    let folder = place.out().parent().expect("it lies in a folder").to_owned();
    let [source, library, slept] = ["sleep.c", "sleep.so", "slept"].map(|name| folder.join(name));
    fs::write(&source, SLEEP).expect("the folder is ours");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !compiled.is_ok_and(|status| status.success()) {
        writeln!(io::stderr(), "skipped: there is no compiler for C").ok();
        return;
    }
    let mut command = place.command(RUN);
    command.env("LD_PRELOAD", &library).env("PHOTOFINISH_SLEPT", &slept);
    let mut lab = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    until("a few cells are measured", || measured(&place) >= 3);
    fs::write(&slept, "").expect("the folder is ours");
    assert_eq!(lab.wait().expect("it is our child").code(), Some(0));
    let results = place.results();
    assert!(results.cells.iter().all(|cell| cell.status == Status::Ok), "{:?}", results.cells);
    let stood_still = results.run.stood_still.expect("it is told");
    assert!(stood_still.times >= 1 && stood_still.seconds > 95.0, "{stood_still:?}");
}

fn stand_still(with_it: impl Fn(&Child, &Place) -> Vec<u32>) {
    let place = Place::new();
    let mut lab = start(&place, RUN);
    until("a few cells are measured", || measured(&place) >= 3);
    signal(&lab, Signal::SIGSTOP);
    let lanes = with_it(&lab, &place);
    let send = |signal| {
        for lane in &lanes {
            // One may have ended meanwhile.
            kill(Pid::from_raw((*lane).try_into().expect("a process number")), signal).ok();
        }
    };
    send(Signal::SIGSTOP);
    thread::sleep(STANDSTILL);
    send(Signal::SIGCONT);
    signal(&lab, Signal::SIGCONT);
    assert_eq!(lab.wait().expect("it is our child").code(), Some(0));
    let results = place.results();
    assert!(results.cells.iter().all(|cell| cell.status == Status::Ok), "{:?}", results.cells);
    let stood_still = results.run.stood_still.expect("it is told");
    assert!(stood_still.times >= 1 && stood_still.seconds > 3.0, "{stood_still:?}");
    let page = fs::read_to_string(place.out().join("report.html")).expect("there is a page");
    assert!(
        page.contains(" s in all; what ran meanwhile was measured again"),
        "the page says that it happened"
    );
    let journal = place.journal();
    let longest = journal.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        line["wall-ns"].as_u64().or_else(|| line["took_ns"].as_u64())
    });
    let longest = longest.max().expect("there are samples");
    assert!(u128::from(longest) < STANDSTILL.as_nanos(), "no time has the standstill in it: {longest} ns");
}
