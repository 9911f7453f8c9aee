//! Pipes that close, terminals of all sorts, and folders with strange names.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use crate::{
    run::{Place, SHORTEST, bare_lab, lab, said, this},
    tracks,
};

crate::tests![
    a_reader_who_leaves_early_ends_a_listing_in_silence,
    an_output_that_is_full_is_one_line,
    a_race_goes_on_though_nobody_reads,
    a_terminal_without_cursor_gets_lines,
    every_comparison_is_shown_on_demand,
    folders_have_any_names,
    a_gate_in_a_folder_that_cargo_cannot_name_is_refused,
    exit_codes_are_told,
];

/// The most lines that a run ends with.
const LINES: usize = 30;

const CELLS: &str = "--quick --threads 1 --workloads sound --executors tokio";

/// The writing end of a pipe that nobody reads.
fn nobody() -> io::PipeWriter {
    io::pipe().expect("there is a pipe").1
}

/// Starts a command whose standard output is `stdout`.
fn start_into(stdout: impl Into<Stdio>, command: &str, arguments: &str) -> Output {
    let mut lab = lab(command, &this());
    lab.args(arguments.split_whitespace()).stdout(stdout).output().expect("the program starts")
}

fn a_reader_who_leaves_early_ends_a_listing_in_silence() {
    for command in ["list", "check"] {
        let output = start_into(nobody(), command, CELLS);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", said(&output));
        assert_eq!(said(&output), "", "{command}");
    }
    for arguments in [["--help", ""], ["run", "--help"], ["help", "exit-codes"], ["exit-codes", ""]] {
        let arguments = arguments.iter().filter(|argument| !argument.is_empty());
        let output = bare_lab().args(arguments).stdout(nobody()).output().expect("the program starts");
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    }
}

fn an_output_that_is_full_is_one_line() {
    for command in ["list", "check"] {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = start_into(full, command, CELLS);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        assert!(said(&output).contains("failed to write to the standard output"), "{}", said(&output));
    }
}

fn a_race_goes_on_though_nobody_reads() {
    let full = || File::options().write(true).open("/dev/full").expect("Linux has it");
    let outputs: [[Stdio; 2]; 3] = [
        [nobody().into(), nobody().into()],
        [full().into(), full().into()],
        [nobody().into(), full().into()],
    ];
    for [stdout, stderr] in outputs {
        let place = Place::new();
        let mut lab = place.command(SHORTEST);
        let status = lab.stdout(stdout).stderr(stderr).status().expect("the program starts");
        assert_eq!(status.code(), Some(0));
        assert_eq!(place.results().cells.len(), 1);
    }
}

fn a_terminal_without_cursor_gets_lines() {
    let place = Place::new();
    let run = place.command(SHORTEST);
    let words = [run.get_program()].into_iter().chain(run.get_args());
    let words = words.map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ");
    for term in [Some("dumb"), None] {
        let mut script = Command::new("script");
        script.args(["-qec", &words, "/dev/null"]).stdin(Stdio::null()).env_remove("TERM");
        script.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.envs(term.map(|term| ("TERM", term)));
        let Ok(output) = script.output() else {
            writeln!(io::stderr(), "skipped: there is no `script`, which makes a terminal").ok();
            return;
        };
        let seen = String::from_utf8_lossy(&output.stdout);
        assert!(seen.contains(" left"), "{term:?}: {seen}");
        assert!(!seen.contains('\u{1b}'), "{term:?}: {seen}");
        let (_, end) = seen.split_once("Photofinish: ").expect("it ends with the answers");
        assert!(end.lines().count() <= LINES && end.contains("Report: "), "{term:?}: {seen}");
    }
}

fn every_comparison_is_shown_on_demand() {
    for (arguments, tables) in [(SHORTEST.to_owned(), 0), (format!("{SHORTEST} --table"), 1)] {
        let place = Place::new();
        let output = place.command(&arguments).output().expect("the program starts");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(shown.matches("│ sound").count(), tables, "{shown}");
        assert!(shown.lines().last().is_some_and(|line| line.starts_with("Report: ")), "{shown}");
    }
}

fn folders_have_any_names() {
    let long = "x".repeat(255);
    let names: [&[u8]; 4] = [b"caf\xe9", b"two words", long.as_bytes(), "-\u{1f3c1}".as_bytes()];
    for name in names {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = |arguments: &str| {
            let mut lab = lab("run", &this());
            lab.current_dir(folder.path()).args(arguments.split_whitespace());
            let mut out = OsStr::new("--out=").to_owned();
            out.push(OsStr::from_bytes(name));
            lab.arg(out).output().expect("the program starts")
        };
        let output = run(SHORTEST);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        // Relative to where the user stands.
        let out: PathBuf = folder.path().join(OsStr::from_bytes(name));
        assert!(out.join("report.html").exists() && out.join("results.json").exists());
        let output = run("--resume");
        assert_eq!(output.status.code(), Some(64), "{}", said(&output));
        assert!(said(&output).contains("is finished"), "{}", said(&output));
        let report = bare_lab().arg("report").arg(out.join("results.json")).output();
        assert!(report.expect("the program starts").status.success());
    }
}

fn a_gate_in_a_folder_that_cargo_cannot_name_is_refused() {
    let scratch = crate::gate::Scratch::new();
    let command = scratch.command("builds", ["2", "2"], "--against main --lanes tokio obeys/1/t1/");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let strange = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&strange).expect("the folder is ours");
    let mut words: Vec<_> = command.get_args().map(OsStr::to_owned).collect();
    let out = words.iter().position(|word| word == "--out").expect("it has one");
    words[out + 1] = strange.clone().into();
    let mut gate = bare_lab();
    gate.args(words).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    gate.current_dir(command.get_current_dir().expect("it has one")).env(tracks::CHOSEN, tracks::LANES);
    let output = gate.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(said(&output).contains("take another --out"), "{}", said(&output));
    assert!(std::fs::read_dir(strange).expect("it is there").next().is_none(), "nothing was written");
}

fn exit_codes_are_told() {
    for arguments in [&["help", "exit-codes"][..], &["exit-codes"]] {
        let output = bare_lab().args(arguments).output().expect("the program starts");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        for code in ["0  ", "1  ", "2  ", "3  ", "64 ", "130"] {
            assert!(told.lines().any(|line| line.starts_with(code)), "{code}: {told}");
        }
    }
}
