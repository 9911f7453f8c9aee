//! Lanes of other builds, from a scratch workspace: its runtime is a package of a few lines, in several versions, which a
//! real cargo finds in a folder in place of the registry. Its track is this program, told to pause as the package says.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use results::{Executor, Results, Status, Substitute};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    lanes,
    run::{bare_lab, lab, said, this},
};

crate::tests![
    a_version_races_beside_that_of_the_lock_file,
    whoever_waits_for_another_that_builds_says_so,
    a_folder_takes_the_place_of_the_registry,
    a_revision_of_a_repository_is_fetched,
    a_flag_is_all_that_is_other,
    what_was_built_is_kept_until_a_source_changes,
    a_version_has_the_build_that_is_asked_for,
    what_cannot_be_had_is_one_line_before_anything_is_measured,
    what_cannot_be_had_is_told_before_there_is_a_track,
    the_others_go_on_if_asked_to,
    a_run_goes_on_with_the_same_builds_and_no_others,
    a_gate_judges_the_other_version,
    a_gate_passes_the_same_version,
];

/// A workspace, the versions of its runtime, and what the lab leaves behind.
struct Scratch {
    folder: TempDir,
}

/// The versions of the runtime, each with its manifest's further lines, and its source.
const VERSIONS: [(&str, &str, &str); 4] = [
    ("1.0.0", "", "pub const PAUSE: &str = \"30\";"),
    ("1.1.0", "", "pub const PAUSE: &str = if cfg!(tokio_unstable) { \"30\" } else { \"2\" };"),
    ("1.1.1", "", "pub const PAUSE: u8 = 2;"),
    ("1.1.2", "rust-version = \"1.999\"\n", "pub const PAUSE: &str = \"2\";"),
];

const FILES: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"executors/*\", \"track\"]\n\
         [workspace.dependencies]\ntokio = \"=1.1.0\"\n[profile.track]\ninherits = \"dev\"\n",
    ),
    (
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n[net]\noffline = true\n",
    ),
    (
        "executors/tokio/Cargo.toml",
        "[package]\nname = \"executor-tokio\"\nedition = \"2024\"\n[dependencies]\ntokio.workspace = true\n",
    ),
    ("executors/tokio/src/lib.rs", "pub const PAUSE: &str = tokio::PAUSE;\n"),
    (
        "track/Cargo.toml",
        "[package]\nname = \"track\"\nedition = \"2024\"\n[dependencies]\nexecutor-tokio = { path = \"../executors/tokio\" }\n",
    ),
    (
        "track/src/main.rs",
        "use std::{env, os::unix::process::CommandExt, process::Command};\n\
         fn main() {\n\
             let program = env::var_os(\"PROGRAM\").expect(\"the test says which\");\n\
             panic!(\"{}\", Command::new(program).env(\"PAUSE\", executor_tokio::PAUSE).exec());\n\
         }\n",
    ),
];

/// The shortest run of a lane that sleeps as long as it is told, and of another that stands on the same package.
const RUN: &str = "--quick --blocks 2 --threads 1 --workloads obeys";

impl Scratch {
    fn new() -> Scratch {
        let scratch = Scratch { folder: tempfile::tempdir().expect("a temporary folder") };
        for (file, text) in FILES {
            scratch.write(&format!("workspace/{file}"), text);
        }
        for (version, more, source) in VERSIONS {
            scratch.package(&format!("workspace/vendor/tokio-{version}"), version, more, source);
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["generate-lockfile", "--quiet"]).current_dir(scratch.path("workspace"));
        assert!(cargo.status().expect("cargo starts").success());
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file has its folder")).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    }

    /// Writes a package of the runtime into a folder, as a folder in place of the registry has it.
    fn package(&self, folder: &str, version: &str, more: &str, source: &str) {
        let manifest =
            format!("[package]\nname = \"tokio\"\nversion = \"{version}\"\nedition = \"2024\"\n{more}");
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(&format!("{folder}/src/lib.rs"), source);
        let checksum = version.replace('.', "").repeat(32)[..64].to_owned();
        let checksums = format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}");
        self.write(&format!("{folder}/.cargo-checksum.json"), &checksums);
    }

    fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// A command of the lab, with arguments parted by spaces; the lane of the run's own build pauses two milliseconds.
    fn command(&self, command: &str, arguments: &str) -> Command {
        let mut process = lab(command, &this());
        process.args(arguments.split_whitespace()).current_dir(self.folder.path());
        process.arg("--tree").arg(self.path("workspace")).arg("--others").arg(self.path("others"));
        process.arg("--out").arg(self.out()).env(lanes::OUT, self.out());
        process.env("PROGRAM", this()).env("PAUSE", "2").env_remove("CARGO_TARGET_DIR");
        process
    }

    fn lab(&self, command: &str, arguments: &str) -> Output {
        self.command(command, arguments).output().expect("the program starts")
    }

    /// Runs a command of the lab that would first have the track built.
    fn without_track(&self, command: &str, with: &str) -> Output {
        let mut process = bare_lab();
        process.args([command, "--with", with]).current_dir(self.folder.path());
        process.arg("--tree").arg(self.path("workspace")).arg("--others").arg(self.path("others"));
        process.env_remove("CARGO_TARGET_DIR").output().expect("the program starts")
    }

    fn results(&self) -> Results {
        Results::read(&self.out().join("results.json")).expect("the run has left its results")
    }
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, said(output));
}

fn executor<'a>(results: &'a Results, name: &str) -> &'a Executor {
    let names: Vec<&str> = results.executors.iter().map(|executor| &*executor.name).collect();
    results.executors.iter().find(|executor| executor.name == name).unwrap_or_else(|| panic!("{names:?}"))
}

fn whoever_waits_for_another_that_builds_says_so() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("others")).expect("the folder is ours");
    let lock = fs::File::create(scratch.path("others/lock")).expect("the folder is ours");
    lock.lock().expect("nobody else has it");
    let mut lab = scratch.command("run", &format!("--with tokio@9.9.9 {RUN}"));
    let mut lab = lab.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    let said = BufReader::new(lab.stderr.take().expect("it is piped"));
    let mut lines = said.lines().map(|line| line.expect("it says text"));
    let waits = lines.find(|line| line.starts_with("waiting for another program, which builds in "));
    assert!(waits.is_some());
    drop(lock);
    assert!(lines.last().is_some_and(|line| line.contains("tokio@9.9.9")));
    assert_eq!(lab.wait().expect("it is our child").code(), Some(1));
}

fn a_version_races_beside_that_of_the_lock_file() {
    let scratch = Scratch::new();
    succeed(&scratch.lab("run", &format!("{RUN} --with tokio@1.0.0")));
    let results = scratch.results();
    let names: Vec<&str> = results.executors.iter().map(|executor| &*executor.name).collect();
    // The other lane has its source in the same package.
    assert_eq!(names, ["tokio", "tokio@1.0.0", "tokio-current-thread", "tokio-current-thread@tokio-1.0.0"]);
    assert!(results.cells.iter().all(|cell| cell.status == Status::Ok && cell.rank.is_some()));
    assert!(executor(&results, "tokio").other_build.is_none());
    let build = executor(&results, "tokio@1.0.0").other_build.as_ref().expect("it is another build");
    assert_eq!((&*build.lane, &*build.substitute.source), ("tokio", "crates.io"));
    let substitute = &build.substitute;
    assert_eq!((&*substitute.version, &*substitute.instead_of), ("1.0.0", "1.1.0"));
    assert_eq!(executor(&results, "tokio@1.0.0").version, "1.0.0");
    assert!(substitute.checksum.starts_with("100100") && substitute.program.len() == 16, "{substitute:?}");
    let slower = results.cells.iter().find(|cell| cell.executor == "tokio@1.0.0").expect("it raced");
    assert!(slower.ratios["tokio"].value > 2.0, "it pauses fifteen times as long: {:?}", slower.ratios);
    let page = fs::read_to_string(scratch.out().join("report.html")).expect("there is a page");
    assert!(page.contains("tokio over versions of tokio") && page.contains(&substitute.checksum));
}

fn a_folder_takes_the_place_of_the_registry() {
    let scratch = Scratch::new();
    scratch.package("fork/tokio", "1.1.0", "", "pub const PAUSE: &str = \"6\";");
    // The folder of a workspace does too, and one whose version is not what the lock file has.
    scratch.write("whole/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"tokio\"]\n");
    scratch.package("whole/tokio", "1.7.0", "", "pub const PAUSE: &str = \"4\";");
    succeed(
        &scratch.lab("run", &format!("{RUN} --executors tokio --with tokio=fork/tokio --with tokio=whole")),
    );
    let results = scratch.results();
    let source = |name: &str| {
        let build = executor(&results, name).other_build.clone().expect("it is another build");
        (build.substitute.source, build.substitute.version)
    };
    let folder = |name: &str| scratch.path(name).canonicalize().expect("it is there").display().to_string();
    assert_eq!(source("tokio@path"), (folder("fork/tokio"), "1.1.0".to_owned()));
    assert_eq!(source("tokio@whole"), (folder("whole/tokio"), "1.7.0".to_owned()));
}

fn a_revision_of_a_repository_is_fetched() {
    let scratch = Scratch::new();
    let repository = scratch.path("repository");
    let commit = |pause: &str, branch: &str| {
        let source = format!("pub const PAUSE: &str = \"{pause}\";");
        scratch.package("repository/tokio", "1.1.0", "", &source);
        git(&repository, &["add", "--all"]);
        git(&repository, &["commit", "--quiet", "--message", branch]);
        git(&repository, &["branch", "--force", branch]);
    };
    scratch.write("repository/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"tokio\"]\n");
    git(&repository, &["init", "--quiet"]);
    commit("30", "slow/er");
    commit("2", "now");
    let url = format!("file://{}", repository.display());
    let arguments = format!("{RUN} --executors tokio --with tokio={url}#slow/er --with tokio={url}#now");
    succeed(&scratch.lab("run", &arguments));
    let results = scratch.results();
    let slower = results.cells.iter().find(|cell| cell.executor == "tokio@slow_er").expect("it raced");
    assert!(slower.ratios["tokio"].value > 2.0, "it pauses fifteen times as long: {:?}", slower.ratios);
    let build = executor(&results, "tokio@now").other_build.clone().expect("it is another build");
    let head = git(&repository, &["rev-parse", "now"]);
    assert_eq!(build.substitute.source, format!("{url} at {head}"));
    // A branch that goes on is another build.
    commit("3", "now");
    let output = scratch.lab("run", &arguments);
    succeed(&output);
    assert_eq!(said(&output).lines().filter(|line| line.starts_with("building ")).count(), 1);
    for (with, culprit) in [
        (format!("{url}#nowhere"), "has no revision nowhere"),
        (format!("{url}-gone#now"), "does not appear to be a git repository"),
    ] {
        let output = scratch.lab("run", &format!("{RUN} --with tokio={with}"));
        assert_eq!(output.status.code(), Some(1), "{with}: {}", said(&output));
        let said = said(&output);
        assert!(said.lines().count() == 1 && said.contains(culprit), "{said}");
    }
}

/// Has git do something in a folder, and returns its answer.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]);
    let output = git.args(arguments).output().expect("git starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn a_flag_is_all_that_is_other() {
    let scratch = Scratch::new();
    succeed(&scratch.lab("run", &format!("{RUN} --executors tokio --with tokio+tokio_unstable")));
    let results = scratch.results();
    let build = executor(&results, "tokio@tokio_unstable").other_build.clone().expect("it is another build");
    let Substitute { version, instead_of, flags, .. } = build.substitute;
    assert_eq!((&*version, &*instead_of), ("1.1.0", "1.1.0"));
    assert!(flags.ends_with("--cfg tokio_unstable"), "{flags}");
    let slower = results.cells.iter().find(|cell| cell.executor == "tokio@tokio_unstable").expect("it raced");
    assert!(slower.ratios["tokio"].value > 2.0, "it pauses fifteen times as long: {:?}", slower.ratios);
    let page = fs::read_to_string(scratch.out().join("report.html")).expect("there is a page");
    assert!(page.contains("the one of the lock file, compiled with --cfg tokio_unstable"));
    let output = scratch.lab("gate", "--with tokio+tokio_unstable --format markdown obeys/1/t1/tokio");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let markdown = String::from_utf8_lossy(&output.stdout);
    assert!(markdown.contains("tokio 1.1.0, the one of the lock file, compiled with --cfg"), "{markdown}");
}

fn what_was_built_is_kept_until_a_source_changes() {
    let scratch = Scratch::new();
    scratch.package("fork", "1.1.0", "", "pub const PAUSE: &str = \"3\";");
    let arguments = format!("{RUN} --executors tokio --with tokio@1.0.0 --with tokio=fork");
    let builds = || {
        let output = scratch.lab("run", &arguments);
        succeed(&output);
        said(&output).lines().filter(|line| line.starts_with("building ")).count()
    };
    assert_eq!([builds(), builds()], [2, 0]);
    scratch.package("fork", "1.1.0", "", "pub const PAUSE: &str = \"4\";");
    assert_eq!([builds(), builds()], [1, 0]);
    scratch.write("workspace/executors/tokio/src/lib.rs", "pub const PAUSE: &str = \"5\";\n");
    assert_eq!([builds(), builds()], [2, 0]);
}

fn a_version_has_the_build_that_is_asked_for() {
    let scratch = Scratch::new();
    let arguments = format!("{RUN} --executors tokio --with tokio@1.0.0");
    succeed(&scratch.lab("run", &arguments));
    let mut command = scratch.command("run", &format!("{arguments} --build release"));
    let output = command.env(faults::PROFILE, "release").output().expect("the program starts");
    succeed(&output);
    assert!(said(&output).contains("building the track with tokio@1.0.0 (1 of 1)"), "{}", said(&output));
    let programs =
        ["track", "release"].map(|profile| scratch.path("others/target").join(profile).join("track"));
    assert!(programs.iter().all(|program| program.is_file()), "{programs:?}");
}

fn what_cannot_be_had_is_one_line_before_anything_is_measured() {
    let scratch = Scratch::new();
    scratch.package("fork", "1.1.0", "", "");
    for (with, culprit) in [
        ("tokio@1.0.7", "tokio@1.0.7: the registry has no version 1.0.7 of tokio"),
        ("tokoi@1.0.0", "tokoi@1.0.0: no lane depends on a package `tokoi`"),
        ("executor-tokio@1.0.0", "executor-tokio is part of this repository"),
        ("tokio=nowhere", "tokio=nowhere: there is no nowhere/Cargo.toml"),
        ("tokio=workspace", "tokio=workspace: workspace has no package tokio"),
        ("tokio@1.1.1", "tokio@1.1.1: tokio 1.1.1 does not build: error[E0308]: mismatched types"),
        ("tokio=fork", "tokio=fork: tokio 1.1.0 does not build: error[E0425]"),
        ("tokio@1.1.2", "requires rustc 1.999"),
    ] {
        let output = scratch.lab("run", &format!("{RUN} --with {with}"));
        assert_eq!(output.status.code(), Some(1), "{with}: {}", said(&output));
        let words = said(&output);
        let errors: Vec<&str> = words
            .lines()
            .filter(|line| !line.starts_with("building ") && !line.contains(" ready, "))
            .collect();
        assert!(matches!(errors[..], [only] if only.contains(culprit)), "{with}: {words}");
        assert!(!scratch.out().exists(), "{with}: nothing was measured");
    }
    for (with, culprit) in [("tokio@1.0", "no complete version"), ("tokio", "PACKAGE@VERSION")] {
        let output = scratch.lab("run", &format!("{RUN} --with {with}"));
        assert_eq!(output.status.code(), Some(64), "{with}");
        assert!(said(&output).contains(culprit), "{with}: {}", said(&output));
    }
}

/// To build the track takes minutes, and nobody is to wait for them to be told of a slip.
fn what_cannot_be_had_is_told_before_there_is_a_track() {
    let scratch = Scratch::new();
    for (with, culprit) in [
        ("tokio@1.0.7", "tokio@1.0.7: the registry has no version 1.0.7 of tokio"),
        ("tokoi@1.0.0", "tokoi@1.0.0: no lane depends on a package `tokoi`"),
        ("executor-tokio@1.0.0", "executor-tokio is part of this repository"),
        ("tokio=nowhere", "tokio=nowhere: there is no nowhere/Cargo.toml"),
        ("tokio@1.1.2", "needs rustc 1.999"),
        ("tokio+tokoi_unstable", "nothing in tokio 1.1.0 depends on a flag `tokoi_unstable`"),
    ] {
        for (command, code) in [("foresee", 1), ("run", 1), ("gate", 2)] {
            let output = scratch.without_track(command, with);
            assert_eq!(output.status.code(), Some(code), "{command}: {}", said(&output));
            let said = said(&output);
            assert!(said.lines().count() == 1 && said.contains(culprit), "{command} {with}: {said}");
        }
    }
    let output = scratch.without_track("foresee", "tokio@1.0.0");
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    assert!(!scratch.path("others/kept").exists(), "nothing was built");
}

fn the_others_go_on_if_asked_to() {
    let scratch = Scratch::new();
    let wishes = "--with tokio@1.0.7 --with tokio@1.1.1 --with tokio@1.0.0 --keep-going";
    let output = scratch.lab("run", &format!("{RUN} --executors tokio {wishes}"));
    succeed(&output);
    let warnings = said(&output);
    let warnings: Vec<&str> = warnings.lines().filter(|line| line.starts_with("warning: tokio@")).collect();
    assert!(matches!(warnings[..], [one, other] if one.contains("1.0.7") && other.contains("1.1.1")));
    let results = scratch.results();
    let names: Vec<&str> = results.executors.iter().map(|executor| &*executor.name).collect();
    assert_eq!(names, ["tokio", "tokio@1.0.0"]);
}

fn a_run_goes_on_with_the_same_builds_and_no_others() {
    let scratch = Scratch::new();
    scratch.package("fork", "1.1.0", "", "pub const PAUSE: &str = \"3\";");
    succeed(&scratch.lab("run", &format!("{RUN} --executors tokio --with tokio=fork")));
    // From another folder: a path as it was typed would lead nowhere.
    let mut more = scratch.command("run", "--more 1s");
    more.current_dir(Path::new("/"));
    succeed(&more.output().expect("the program starts"));
    assert!(executor(&scratch.results(), "tokio@fork").other_build.is_some());
    scratch.package("fork", "1.1.0", "", "pub const PAUSE: &str = \"4\";");
    let output = scratch.lab("run", "--more 1s");
    // Its track has the same bytes but for the pause, and these are what counts.
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(said(&output).contains("the program has changed") && said(&output).contains("tokio="));
}

fn a_gate_judges_the_other_version() {
    let scratch = Scratch::new();
    let arguments = "--with tokio@1.0.0 --lanes tokio --format markdown obeys/1/t1/";
    let output = scratch.lab("gate", arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let markdown = String::from_utf8_lossy(&output.stdout);
    assert!(markdown.contains("1 regressed") && markdown.contains("tokio@1.0.0"), "{markdown}");
    assert!(markdown.contains("tokio 1.0.0 from crates.io") && markdown.contains("against 1.1.0"));
    let output = scratch.lab("gate", "--with tokio@1.0.7 --lanes tokio obeys/1/t1/");
    assert_eq!(output.status.code(), Some(2), "the two cannot be compared: {}", said(&output));
}

fn a_gate_passes_the_same_version() {
    let scratch = Scratch::new();
    let output = scratch.lab("gate", "--with tokio@1.1.0 --margin 100% --format json obeys/1/t1/tokio");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    // Without --lanes it is about all that stand on the package.
    assert_eq!(json["counts"]["same"], 2, "{json}");
}
