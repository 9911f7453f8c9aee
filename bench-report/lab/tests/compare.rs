//! Facts about `compare` and `export` as programs: what they say of two runs, and with which exit code they end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use bench_report::{Options, compare};
use fastrand::Rng;
use page::show::{self, Format};
use results::{
    Cell, Estimate, Metric, Results, Status, Warning,
    comparison::{Change, ChangeReport, Outcome},
};
use serde_json::Value;
use tempfile::TempDir;

const HOSTILE: &str = "a|b,\"c\"\n<script>[x](y)";

#[test]
fn two_runs_of_the_same_program_are_the_same() {
    let [old, new] = [1, 2].map(|seed| run(seed, 30));
    let comparison = compared(&old, &new);
    assert_eq!(comparison.outcome(), Outcome::Ok, "{}", show::change(&comparison, Format::Text));
    let measured = old.cells.iter().filter(|cell| cell.status == Status::Ok).count();
    assert_eq!(comparison.count(Change::Same), measured);
    assert_eq!(program(&old, &new, "").status.code(), Some(0));
}

#[test]
fn a_run_compared_with_itself_is_the_same_run() {
    let run = run(1, 3);
    let output = program(&run, &run, "");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("both are the run "), "{}", said(&output));
}

#[test]
fn a_workload_that_is_not_the_same_any_more_is_not_comparable() {
    type Mutation = fn(&mut Results);
    let mutations: [(Mutation, &str); 4] = [
        (|new| new.workloads[0].operation = "a byte".to_owned(), "then a byte"),
        (|new| new.workloads[0].measure = "luck".to_owned(), "it measured nothing else, then luck"),
        (|new| new.workloads[0].source_hash = "2".to_owned(), "its source had the hash 1, then 2"),
        (|new| first(new).observed.as_mut().expect("it was measured").spawned += 1, "a run was "),
    ];
    let [mut old, mut new] = [1, 2].map(|seed| run(seed, 30));
    for results in [&mut old, &mut new] {
        results.workloads[0].source_hash = "1".to_owned();
    }
    let workload = old.workloads[0].name.clone();
    assert_eq!(first(&mut old).workload, workload);
    for (mutate, reason) in mutations {
        let mut new = new.clone();
        mutate(&mut new);
        let comparison = compared(&old, &new);
        assert_eq!(comparison.outcome(), Outcome::Undecided, "{reason}");
        let open: Vec<_> = comparison.cells.iter().filter(|cell| cell.change != Change::Same).collect();
        for cell in &open {
            let told = cell.reason.as_deref().unwrap_or_default();
            assert!(told.starts_with("not comparable: ") && told.contains(reason), "{cell:?}");
            assert!(cell.cell.workload == workload && cell.ratio.is_none(), "{cell:?}");
        }
        assert!(!open.is_empty(), "{reason}");
    }
}

#[test]
fn another_build_or_environment_is_a_note() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    let mut old = old;
    old.build.opt_level = "3".to_owned();
    new.build.opt_level = "0".to_owned();
    new.run.environment.insert("LD_PRELOAD".to_owned(), "fast.so".to_owned());
    let notes = compared(&old, &new).notes;
    for note in ["level of optimisation: 3, then 0", "LD_PRELOAD in the environment: not set, then fast.so"] {
        assert!(notes.iter().any(|known| known == note), "{notes:?}");
    }
}

#[test]
fn few_blocks_alarm_for_nothing_in_hardly_any_run() {
    let alarms = (0..100).filter(|seed| {
        let comparison = compared(&run(2 * seed, 5), &run(2 * seed + 1, 5));
        assert_ne!(comparison.outcome(), Outcome::Ok, "so much cannot be known of five blocks");
        comparison.outcome() == Outcome::Regressed
    });
    let alarms = alarms.count();
    assert!(alarms <= 8, "{alarms} of 100 runs");
}

#[test]
fn a_fifth_more_is_found_in_one_lane_and_named() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 10));
    slow_down(&mut new, "hand-rolled", 1.2);
    let output = program(&old, &new, "--lanes hand-rolled");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let comparison = compared(&old, &new);
    for cell in &comparison.cells {
        let slower = cell.cell.executor == "hand-rolled";
        assert_eq!(cell.change == Change::Regressed, slower, "{cell:?}");
    }
    let others = program(&old, &new, "--lanes tokio,smol");
    assert_ne!(others.status.code(), Some(1), "{}", said(&others));
    assert!(!said(&others).contains("hand-rolled"), "{}", said(&others));
}

#[test]
fn a_fifth_less_is_an_improvement_and_passes() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    slow_down(&mut new, "smol", 1.0 / 1.2);
    let comparison = compared(&old, &new);
    assert_eq!(comparison.outcome(), Outcome::Ok);
    assert!(comparison.cells[0].change == Change::Improved && comparison.cells[0].cell.executor == "smol");
}

#[test]
fn what_stays_open_is_never_ok() {
    let [old, new] = [1, 2].map(|seed| run(seed, 3));
    let output = program(&old, &new, "");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    // One open cell among many that are decided is enough.
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    set_blocks(first(&mut new), vec![1_000.0, 2_000.0]);
    assert_eq!(program(&old, &new, "").status.code(), Some(3));
    set_blocks(first(&mut new), vec![2_000.0]);
    assert_eq!(program(&old, &new, "").status.code(), Some(3), "one block has no interval");
}

#[test]
fn runs_of_three_blocks_are_said_to_be_too_short() {
    let [old, new] = [1, 2].map(|seed| run(seed, 3));
    let told = |notes: &[String]| notes.iter().any(|note| note.starts_with("3 blocks cannot be compared"));
    let notes = compared(&old, &new).notes;
    assert!(told(&notes) && notes.iter().any(|note| note.contains("bench-report gate")), "{notes:?}");
    let [old, new] = [1, 2].map(|seed| run(seed, 30));
    assert!(!told(&compared(&old, &new).notes), "thirty are enough");
}

#[test]
fn a_cell_that_fails_has_regressed_for_its_reason() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    fail(first(&mut new), Status::Failed, "panicked: on purpose");
    let output = program(&old, &new, "");
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&program(&old, &new, "--format json").stdout).unwrap();
    assert_eq!(json["cells"][0]["reason"], "failed: panicked: on purpose");
    fail(first(&mut new), Status::NotApplicable, "needs a timer");
    assert_eq!(program(&old, &new, "").status.code(), Some(1), "a capability is gone");
    // The other way round it is repaired.
    assert_eq!(program(&new, &old, "").status.code(), Some(0));
    let mut broken = run(1, 30);
    fail(first(&mut broken), Status::Failed, "hung");
    assert_eq!(compared(&broken, &old).cells[0].reason.as_deref(), Some("failed: hung before"));
}

#[test]
fn a_cell_that_is_missing_is_undecided() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    let missing = new.cells.remove(0).id();
    let comparison = compared(&old, &new);
    assert_eq!(comparison.outcome(), Outcome::Undecided);
    assert_eq!(comparison.cells[0].cell, missing);
    assert_eq!(comparison.cells[0].reason.as_deref(), Some("not run in new"));
    // What is new has nothing to be compared with; it is said, and decides nothing.
    let comparison = compared(&new, &old);
    assert_eq!(comparison.outcome(), Outcome::Ok);
    let note = format!("only new has {missing}: nothing to compare with");
    assert!(comparison.notes.contains(&note), "{:?}", comparison.notes);
}

#[test]
fn another_machine_is_invalid_and_another_kernel_a_note() {
    let [old, new] = [1, 2].map(|seed| run(seed, 30));
    let spoil: [fn(&mut Results); 4] = [
        |results| results.machine.cpu = "Slow CPU".to_owned(),
        |results| results.machine.cores = "64".to_owned(),
        |results| results.machine.architecture = "aarch64".to_owned(),
        |results| results.machine.memory = "15.6 GiB".to_owned(),
    ];
    for spoil in spoil {
        let mut other = new.clone();
        spoil(&mut other);
        slow_down(&mut other, "hand-rolled", 2.0);
        let output = program(&old, &other, "");
        assert_eq!(output.status.code(), Some(2), "invalid beats regressed");
        assert!(said(&output).contains("another machine"), "{}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
    }
    let mut other = new.clone();
    other.machine.memory = "7.7 GiB".to_owned();
    other.machine.kernel = "9.9".to_owned();
    other.machine.cpu = "unknown".to_owned();
    let comparison = compared(&old, &other);
    assert_eq!(comparison.outcome(), Outcome::Ok);
    assert!(comparison.notes.iter().any(|note| note.contains("kernel") && note.contains("9.9")));
}

#[test]
fn what_cannot_be_compared_is_invalid() {
    let [old, new] = [1, 2].map(|seed| run(seed, 30));
    let mut debug = new.clone();
    debug.build.profile = "debug".to_owned();
    let mut foreign = new.clone();
    foreign.cells.iter_mut().for_each(|cell| cell.size += 1);
    for (other, complaint) in
        [(debug, "new.json is of a debug build"), (foreign, "no measured cell in common")]
    {
        let output = program(&old, &other, "");
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(complaint), "{}", said(&output));
        let output = program(&old, &other, "--format json");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((json["outcome"].as_str(), json["exit"].as_u64()), (Some("invalid"), Some(2)));
        assert!(json["reasons"][0].as_str().unwrap().contains(complaint));
    }
}

#[test]
fn files_that_are_no_results_are_invalid_and_named() {
    let place = tempfile::tempdir().unwrap();
    let good = write(&place, "good.json", &json(&run(1, 5)));
    let whole = json(&run(1, 5));
    for (name, text) in [
        ("empty.json", ""),
        ("corrupt.json", "{\"schema\": 1, \"run\": "),
        ("cut.json", &whole[..whole.len() / 2]),
        ("schema.json", "{\"schema\": 99}"),
        ("other.json", "[1, 2]"),
    ] {
        let bad = write(&place, name, text);
        for [old, new] in [[&good, &bad], [&bad, &good]] {
            let output = start(&["compare".as_ref(), old, new]);
            assert_eq!(output.status.code(), Some(2), "{name}");
            assert!(said(&output).contains(name), "{}", said(&output));
            assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        }
    }
    let output = start(&["compare".as_ref(), &good, Path::new("no-such-run")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no-such-run"), "{}", said(&output));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let [old, new] = [1, 2].map(|seed| run(seed, 5));
    for (arguments, culprit) in [
        ("--lanes hand-roled", "no lane `hand-roled` in these runs; there are async-std, hand-rolled,"),
        ("no-such-thing", "`no-such-thing`"),
        ("--margin 5", "'5'"),
        ("--margin 0%", "'0%'"),
        ("--margin -5%", "-5"),
        ("--format pdf", "'pdf'"),
    ] {
        let output = program(&old, &new, arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments}: {}", said(&output));
        assert!(said(&output).contains(culprit), "{}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
    }
}

#[test]
fn saved_runs_are_found_by_their_names() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("saved")).unwrap();
    write(&place, "saved/before.json", &json(&run(1, 30)));
    write(&place, "saved/after.json", &json(&run(2, 30)));
    let mut command = command();
    command.args(["compare", "before", "after", "--out"]).arg(place.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("old: before (run "), "{}", said(&output));
}

#[test]
fn the_text_fits_a_terminal_and_counts() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 10));
    slow_down(&mut new, "hand-rolled", 1.5);
    let text = show::change(&compared(&old, &new), Format::Text);
    let widest =
        text.lines().filter(|line| line.starts_with(['│', '┌', '╞', '└'])).map(|line| line.chars().count());
    assert_eq!(widest.max(), Some(80), "{text}");
    let count = compared(&old, &new).count(Change::Regressed);
    assert!(text.contains(&format!("{count} regressed, 0 improved")), "{text}");
    assert!(text.trim_end().ends_with("(margin 5 %)"));
}

#[test]
fn the_markdown_shows_what_changed_and_folds_the_rest() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    slow_down(&mut new, "hand-rolled", 1.5);
    let markdown = show::change(&compared(&old, &new), Format::Markdown);
    assert!(markdown.starts_with("**Regressed**: "), "{markdown}");
    let (changed, folded) = markdown.split_once("<details><summary>").unwrap();
    assert!(changed.contains("/hand-rolled | ") && !folded.contains("/hand-rolled | "));
    assert!(!changed.contains("/tokio | ") && folded.contains("/tokio | "));
    assert!(folded.contains("</summary>\n\n| Cell |") && folded.contains("|\n\n</details>\n"));
}

#[test]
fn hostile_names_leave_the_markdown_alone() {
    let hostile = |seed| {
        let mut results = run(seed, 5);
        results.cells.iter_mut().for_each(|cell| cell.executor.push_str(HOSTILE));
        fail(first(&mut results), Status::Failed, HOSTILE);
        results.warnings.push(Warning { finding: HOSTILE.to_owned(), remedy: HOSTILE.to_owned() });
        results.build.commit = HOSTILE.to_owned();
        results
    };
    let markdown = show::change(&compared(&hostile(1), &hostile(2)), Format::Markdown);
    assert!(!markdown.contains("<script>") && !markdown.contains("]("), "{markdown}");
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    let bars = |row: &str| row.replace("\\|", "").matches('|').count();
    assert!(rows.clone().all(|row| bars(row) == 6), "{markdown}");
    assert!(
        show::change(&compared(&hostile(1), &hostile(2)), Format::Text)
            .lines()
            .all(|line| !line.starts_with('<'))
    );
}

#[test]
fn the_json_says_everything() {
    let [old, mut new] = [1, 2].map(|seed| run(seed, 30));
    slow_down(&mut new, "hand-rolled", 1.5);
    let comparison = compared(&old, &new);
    let json: Value = serde_json::from_str(&show::change(&comparison, Format::Json)).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!((json["outcome"].as_str(), json["exit"].as_u64()), (Some("regressed"), Some(1)));
    assert_eq!(json["counts"]["regressed"], comparison.count(Change::Regressed));
    let cells = json["cells"].as_array().unwrap();
    assert_eq!(cells.len(), comparison.cells.len());
    let first = &cells[0];
    assert_eq!(first["change"], "regressed");
    assert_eq!(first["executor"], "hand-rolled");
    assert_eq!(first["blocks"], serde_json::json!([30, 30]));
    assert!((1.4..1.6).contains(&first["ratio"]["value"].as_f64().unwrap()));
}

#[test]
fn exports_are_written_to_files_and_to_pipes_that_close() {
    let place = tempfile::tempdir().unwrap();
    let results = write(&place, "results.json", &json(&run(1, 5)));
    let to = place.path().join("table.csv");
    for format in ["csv", "markdown"] {
        let arguments = |command: &mut Command| {
            command.arg("export").arg(&results).args(["--format", format]);
        };
        let mut into_file = command();
        arguments(&mut into_file);
        assert!(into_file.arg("--to").arg(&to).status().unwrap().success());
        let mut into_pipe = command();
        arguments(&mut into_pipe);
        let output = into_pipe.output().unwrap();
        assert_eq!(output.stdout, fs::read(&to).unwrap());
        // Nobody reads: the pipe is closed at once.
        let mut child = into_pipe.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    }
    let output = start(&["export".as_ref(), Path::new("no-such-file"), "--format=csv".as_ref()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no-such-file"), "{}", said(&output));
    let output = start(&["export".as_ref(), &results]);
    assert_eq!(output.status.code(), Some(64), "a format is asked for");
}

/// A run of the fixture's grid whose overheads scatter by 3 % between processes and 1 % within.
fn run(seed: u64, blocks: usize) -> Results {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/tests/fixtures/results.json");
    let mut results = Results::read(&fixture).unwrap();
    let mut random = Rng::with_seed(seed);
    // The sum of twelve uniform numbers is normal enough.
    let mut normal = move || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    for cell in results.cells.iter_mut().filter(|cell| cell.status == Status::Ok) {
        let truth = cell.overhead().unwrap().value;
        // The median of ten samples scatters by a third or so of a sample.
        let block = |_| truth * (0.03 * normal() + 0.004 * normal()).exp();
        let blocks = (0..blocks).map(block).collect();
        set_blocks(cell, blocks);
    }
    results
}

fn set_blocks(cell: &mut Cell, blocks: Vec<f64>) {
    let value = (blocks.iter().map(|value| value.ln()).sum::<f64>() / blocks.len() as f64).exp();
    let estimate = Estimate { value, low: value, high: value };
    cell.metrics
        .insert("overhead".to_owned(), Metric::Measured { unit: "ns/op".to_owned(), estimate, blocks });
}

fn slow_down(results: &mut Results, lane: &str, factor: f64) {
    for cell in results.cells.iter_mut().filter(|cell| cell.executor == lane && cell.status == Status::Ok) {
        let blocks = cell.overhead_of_blocks().iter().map(|value| value * factor).collect();
        set_blocks(cell, blocks);
    }
}

fn first(results: &mut Results) -> &mut Cell {
    &mut results.cells[0]
}

fn fail(cell: &mut Cell, status: Status, reason: &str) {
    (cell.status, cell.reason) = (status, Some(reason.to_owned()));
    cell.metrics.clear();
}

fn compared(old: &Results, new: &Results) -> ChangeReport {
    let options = Options { margin: 0.05, lanes: Vec::new(), filters: Vec::new() };
    compare(("old", old), ("new", new), &options).unwrap()
}

/// The program on two runs, in files of their own.
fn program(old: &Results, new: &Results, arguments: &str) -> Output {
    let place = tempfile::tempdir().unwrap();
    let files =
        [("old.json", old), ("new.json", new)].map(|(name, results)| write(&place, name, &json(results)));
    let mut command = command();
    command.current_dir(place.path()).arg("compare").args(&files).args(arguments.split_whitespace());
    command.output().unwrap()
}

fn start(arguments: &[&Path]) -> Output {
    command().args(arguments).output().unwrap()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-report"));
    command.stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if output.status.code() == Some(2) { stderr.into_owned() } else { format!("{stdout}{stderr}") }
}

fn json(results: &Results) -> String {
    serde_json::to_string(results).unwrap()
}

fn write(place: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = place.path().join(name);
    fs::write(&path, text).unwrap();
    path
}
