//! The gate between two tracks: this program, and one that a stub of cargo "builds" from a scratch repository.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    interruption::{ctrl_c, is_gone, of_cells, signal, until},
    lanes,
    run::{lab, this},
};

crate::tests![
    the_same_program_passes,
    a_slower_program_is_caught,
    a_faster_program_passes_and_is_called_improved,
    a_gate_that_is_out_of_time_is_never_ok,
    what_was_built_is_used_again,
    both_sides_have_the_build_that_is_asked_for,
    what_lies_between_two_builds_is_not_shared,
    a_cell_that_fails_only_now_has_regressed,
    an_unknown_revision_is_invalid_and_named,
    a_folder_without_repository_is_invalid,
    what_git_says_is_passed_on,
    a_shallow_clone_says_what_would_fetch_the_rest,
    a_hook_does_not_turn_the_gate_to_its_repository,
    a_revision_that_does_not_build_is_invalid,
    a_cargo_that_does_not_say_where_the_track_is_is_invalid,
    a_revision_whose_track_is_none_is_invalid,
    a_revision_that_speaks_another_protocol_is_refused_by_its_number,
    a_revision_from_before_the_track_is_refused_by_its_number,
    a_gate_that_makes_no_sense_is_refused,
    ctrl_c_ends_the_building,
    ctrl_c_ends_the_race,
];

/// A repository with one commit, a cargo that builds anything at once, and a folder for what the gate leaves behind.
pub(crate) struct Scratch {
    folder: TempDir,
}

/// Builds a track that is this program, but for what it finds in its environment; or one that is none.
const CARGO: &str = r##"#!/bin/sh
echo building "$@" >> "$STUB_LOG"
echo "$CARGO_BUILD_BUILD_DIR" >> "$STUB_LOG.folders"
case "$STUB" in
fails) echo 'warning: unused' >&2; echo 'error[E0425]: cannot find value `x`' >&2; exit 101;;
hangs) sleep 1000 & echo $! > "$STUB_LOG.sleeper"; wait;;
esac
while [ "$1" != --target-dir ]; do shift; done
mkdir -p "$2/track"
track="$2/track/track"
case "$STUB" in
speaks) echo '#!/bin/sh
read request; echo "{\"lineup\": {\"protocol\": 3}}"; read more' ;;
talks) echo '#!/bin/sh
read request; echo "{\"done\":{}}"; read more' ;;
refuses) echo '#!/bin/sh
echo "error: unexpected argument" >&2; exit 64' ;;
*) echo "#!/bin/sh
PAUSE=$OLD_PAUSE exec \"$PROGRAM\"" ;;
esac > "$track"
chmod +x "$track"
if [ "$STUB" != silent ]; then
    echo "{\"reason\": \"compiler-artifact\", \"target\": {\"name\": \"track\"}, \"executable\": \"$track\"}"
fi
"##;

/// Where a revision has its track.
const MANIFEST: &str = "bench-report/track/Cargo.toml";

/// One cell that sleeps as long as the environment says.
const CELL: &str = "--lanes tokio obeys/1/t1/";

impl Scratch {
    pub(crate) fn new() -> Scratch {
        Scratch::with(&["file", MANIFEST])
    }

    /// The repository has these files.
    fn with(files: &[&str]) -> Scratch {
        let scratch = Scratch { folder: tempfile::tempdir().expect("a temporary folder") };
        for file in files {
            let path = scratch.repository().join(file);
            fs::create_dir_all(path.parent().expect("a file has its folder")).expect("the folder is ours");
            fs::write(path, "text").expect("the folder is ours");
        }
        scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        scratch.git(&["add", "."]);
        scratch.git(&["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "x"]);
        let cargo = scratch.path("cargo");
        fs::write(&cargo, CARGO).expect("the folder is ours");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// The files that the gate leaves behind.
    fn out(&self) -> PathBuf {
        self.path("out/gate")
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git").arg("-C").arg(self.repository()).args(arguments).status();
        assert!(status.expect("git is installed").success(), "{arguments:?}");
    }

    /// The gate, in which the old track pauses so many milliseconds and this one so many.
    pub(crate) fn command(&self, stub: &str, [old, new]: [&str; 2], arguments: &str) -> Command {
        let mut command = lab("gate", &this());
        command.current_dir(self.repository()).args(arguments.split_whitespace());
        command.arg("--out").arg(self.path("out")).env(lanes::OUT, self.out());
        command.env("CARGO", self.path("cargo")).env("PROGRAM", this());
        command.env("STUB", stub).env("STUB_LOG", self.path("stub-log"));
        command.env("OLD_PAUSE", old).env("PAUSE", new);
        command
    }

    fn gate(&self, stub: &str, pauses: [&str; 2], arguments: &str) -> Output {
        self.command(stub, pauses, arguments).output().expect("the program starts")
    }

    fn start(&self, stub: &str, pauses: [&str; 2], arguments: &str) -> Child {
        let mut command = self.command(stub, pauses, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    /// The arguments of each call of cargo.
    fn builds(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("stub-log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

pub(crate) fn said(output: &Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{stdout}{stderr}")
}

/// Expects exit code 2, and one line that has `culprit` in it after what is told of the building.
fn expect_invalid(output: &Output, culprit: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", said(output));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("building ")).collect();
    assert!(matches!(errors[..], [only] if only.contains(culprit)), "{}", said(output));
    assert!(output.stdout.is_empty(), "{}", said(output));
}

fn the_same_program_passes() {
    let scratch = Scratch::new();
    let arguments = format!("--against main --margin 100% --format json {CELL}");
    let output = scratch.gate("builds", ["2", "2"], &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["counts"]["same"], 1, "{json}");
    assert_eq!(json["cells"][0]["executor"], "tokio");
    assert!(json["cells"][0]["blocks"][0].as_u64() >= Some(5));
}

fn a_slower_program_is_caught() {
    let scratch = Scratch::new();
    let output = scratch.gate("builds", ["2", "6"], &format!("--against main {CELL}"));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("regressed") && said(&output).contains("obeys/1/t1/tokio"));
}

fn a_faster_program_passes_and_is_called_improved() {
    let scratch = Scratch::new();
    let output = scratch.gate("builds", ["6", "2"], &format!("--against HEAD --format markdown {CELL}"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("0 regressed, 1 improved"), "{}", said(&output));
}

/// Each is in every other block ten times as fast as the other.
fn a_gate_that_is_out_of_time_is_never_ok() {
    let scratch = Scratch::new();
    let output = scratch.gate("builds", ["odd", "even"], &format!("--against main --budget 1 {CELL}"));
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("1 undecided"), "{}", said(&output));
}

fn what_was_built_is_used_again() {
    let scratch = Scratch::new();
    let arguments = format!("--against main --margin 100% {CELL}");
    for _ in 0..2 {
        assert_eq!(scratch.gate("builds", ["2", "2"], &arguments).status.code(), Some(0));
    }
    let worktrees = fs::read_dir(scratch.out()).expect("the gate was there").flatten();
    let worktrees: Vec<_> = worktrees.filter(|entry| entry.path().join("file").exists()).collect();
    assert_eq!(worktrees.len(), 1, "one commit, one worktree");
    // Somebody has worked in it: then it is not that commit any more.
    fs::write(worktrees[0].path().join("file"), "other text").expect("the folder is ours");
    expect_invalid(&scratch.gate("builds", ["2", "2"], &arguments), "has been changed");
    fs::remove_dir_all(worktrees[0].path()).expect("the folder is ours");
    assert_eq!(scratch.gate("builds", ["2", "2"], &arguments).status.code(), Some(0));
    let builds = scratch.builds();
    assert_eq!(builds.len(), 3, "cargo is asked each time, and knows what is fresh");
    let expected = "building build --locked --profile track --message-format json-render-diagnostics \
                    --package track --bins --target-dir ";
    assert!(builds.iter().all(|build| build.starts_with(expected)), "{builds:?}");
}

fn both_sides_have_the_build_that_is_asked_for() {
    let scratch = Scratch::new();
    let arguments = format!("--against main --margin 100% --build release {CELL}");
    let output = scratch.gate("builds", ["2", "2"], &arguments);
    expect_invalid(&output, "was built with the profile dev, and not with release");
    let output = scratch.command("builds", ["2", "2"], &arguments).env(faults::PROFILE, "release").output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let builds = scratch.builds();
    assert!(matches!(&builds[..], [build] if build.contains("--profile release")), "{builds:?}");
}

/// Cargo takes what another tree has built for its own if both have one folder for it.
fn what_lies_between_two_builds_is_not_shared() {
    let scratch = Scratch::new();
    let mut command = scratch.command("builds", ["2", "2"], &format!("--against main --margin 100% {CELL}"));
    command.env("CARGO_BUILD_BUILD_DIR", scratch.path("shared"));
    assert_eq!(command.output().expect("the program starts").status.code(), Some(0));
    let folders = fs::read_to_string(scratch.path("stub-log.folders")).expect("cargo was called");
    let out = scratch.out().canonicalize().expect("the gate was there");
    assert!(folders.lines().all(|folder| Path::new(folder).starts_with(&out)), "{folders}");
}

fn a_cell_that_fails_only_now_has_regressed() {
    let scratch = Scratch::new();
    let output = scratch.gate("builds", ["2", "panics"], &format!("--against main --format json {CELL}"));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["cells"][0]["reason"], "failed: panicked: told to", "{json}");
}

fn an_unknown_revision_is_invalid_and_named() {
    let scratch = Scratch::new();
    let output = scratch.gate("builds", ["2", "2"], &format!("--against no-such-branch {CELL}"));
    expect_invalid(&output, "no revision `no-such-branch`");
    assert!(scratch.builds().is_empty());
}

fn a_folder_without_repository_is_invalid() {
    let scratch = Scratch::new();
    let mut command = scratch.command("builds", ["2", "2"], &format!("--against main {CELL}"));
    // Git would go on looking further up.
    command.current_dir(scratch.folder.path()).env("GIT_CEILING_DIRECTORIES", "/");
    expect_invalid(&command.output().expect("the program starts"), "no git repository");
}

/// As in a container whose user does not own what is mounted.
fn what_git_says_is_passed_on() {
    let scratch = Scratch::new();
    let mut command = scratch.command("builds", ["2", "2"], &format!("--against main {CELL}"));
    command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    let output = command.output().expect("the program starts");
    expect_invalid(&output, "detected dubious ownership");
    assert!(said(&output).contains("git config --global --add safe.directory"), "{}", said(&output));
    // Nothing can be written where a file stands in the way, not even by root.
    fs::write(scratch.repository().join(".git/worktrees"), "in the way").expect("the folder is ours");
    let output = scratch.gate("builds", ["2", "2"], &format!("--against main {CELL}"));
    expect_invalid(&output, "failed to check main out into ");
    assert!(said(&output).contains(".git/worktrees"), "{}", said(&output));
}

fn a_shallow_clone_says_what_would_fetch_the_rest() {
    let scratch = Scratch::new();
    let clone = scratch.path("clone");
    let address = format!("file://{}", scratch.repository().display());
    let status =
        Command::new("git").args(["clone", "--quiet", "--depth", "1", &address]).arg(&clone).status();
    assert!(status.expect("git is installed").success());
    let mut command = scratch.command("builds", ["2", "2"], &format!("--against HEAD~1 {CELL}"));
    let output = command.current_dir(clone).output().expect("the program starts");
    expect_invalid(&output, "the clone is shallow, and `git fetch --unshallow` fetches the rest");
}

fn a_hook_does_not_turn_the_gate_to_its_repository() {
    let scratch = Scratch::new();
    let mut command = scratch.command("builds", ["2", "2"], &format!("--against main --margin 100% {CELL}"));
    command.env("GIT_DIR", "/nowhere").env("GIT_WORK_TREE", "/nowhere").env("GIT_INDEX_FILE", "/nowhere");
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

fn a_revision_that_does_not_build_is_invalid() {
    let scratch = Scratch::new();
    let output = scratch.gate("fails", ["2", "2"], &format!("--against main {CELL}"));
    expect_invalid(&output, "does not build: error[E0425]: cannot find value `x`; see ");
}

fn a_cargo_that_does_not_say_where_the_track_is_is_invalid() {
    let scratch = Scratch::new();
    let output = scratch.gate("silent", ["2", "2"], &format!("--against main {CELL}"));
    expect_invalid(&output, "does not build: cargo does not say where its track is; see ");
}

fn a_revision_whose_track_is_none_is_invalid() {
    for (stub, reason) in [("talks", "sent an invalid reply: "), ("refuses", "ended with exit status: 64")] {
        let scratch = Scratch::new();
        let output = scratch.gate(stub, ["2", "2"], &format!("--against main {CELL}"));
        expect_invalid(&output, "main cannot race with this program: ");
        assert!(said(&output).contains(reason), "{}", said(&output));
    }
}

fn a_revision_that_speaks_another_protocol_is_refused_by_its_number() {
    let scratch = Scratch::new();
    let output = scratch.gate("speaks", ["2", "2"], &format!("--against main {CELL}"));
    let refusal = "main cannot race with this program: speaks protocol 3, this lab speaks 2";
    expect_invalid(&output, refusal);
}

fn a_revision_from_before_the_track_is_refused_by_its_number() {
    let scratch = Scratch::with(&["file", "bench-report/Cargo.toml"]);
    let output = scratch.gate("builds", ["2", "2"], &format!("--against main {CELL}"));
    expect_invalid(&output, " speaks protocol 1, this lab speaks 2");
    assert!(scratch.builds().is_empty(), "there is nothing to build");
}

fn a_gate_that_makes_no_sense_is_refused() {
    let scratch = Scratch::new();
    for (arguments, culprit) in [
        ("", "--against"),
        ("--against main --lanes tokoi", "no executor `tokoi`"),
        ("--against main", "no executor `hand-rolled`"),
        ("--against main --lanes tokio no-such-cell", "`no-such-cell`"),
        ("--against main --budget 0", "0 is not in 1.."),
        ("--against main --margin 5", "'5'"),
    ] {
        let output = scratch.gate("builds", ["2", "2"], arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments}: {}", said(&output));
        assert!(said(&output).contains(culprit), "{}", said(&output));
    }
    assert!(!scratch.path("out").exists(), "nothing was written");
}

fn ctrl_c_ends_the_building() {
    let scratch = Scratch::new();
    let mut gate = scratch.start("hangs", ["2", "2"], &format!("--against main {CELL}"));
    let sleeper = scratch.path("stub-log.sleeper");
    let pid = |path: &Path| fs::read_to_string(path).ok()?.trim().parse().ok();
    until("cargo is at work", || pid(&sleeper).is_some());
    signal(&gate, ctrl_c());
    assert_eq!(gate.wait().expect("it is our child").code(), Some(130));
    let sleeper: u32 = pid(&sleeper).expect("it was there before");
    until("what cargo has started has ended", || is_gone(sleeper));
}

fn ctrl_c_ends_the_race() {
    let scratch = Scratch::new();
    let mut gate = scratch.start("builds", ["odd", "even"], &format!("--against main {CELL}"));
    until("a cell's process is there", || !of_cells(&gate, &scratch.out()).is_empty());
    let orphans = of_cells(&gate, &scratch.out());
    signal(&gate, Signal::SIGTERM);
    assert_eq!(gate.wait().expect("it is our child").code(), Some(130));
    until("the processes of cells have ended", || orphans.iter().all(|&pid| is_gone(pid)));
}
