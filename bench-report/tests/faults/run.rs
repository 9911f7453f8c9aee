//! Starts this program as `bench-report` in a folder of its own, and the facts of a run in which nothing goes wrong.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use bench_report::results::{Cell, Results};
use serde_json::Value;
use tempfile::TempDir;

crate::tests![
    a_run_leaves_the_files_of_the_design,
    results_fit_the_published_schema,
    the_published_schema_is_that_of_the_types,
    the_same_seed_gives_the_same_order,
    a_page_is_drawn_again_from_its_results,
    saved_results_stand_under_their_name,
    one_cell_runs_in_place,
    a_cell_that_does_not_apply_says_why,
];

/// A folder for the results of runs; gone with the value.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The command `run`, with arguments parted by spaces, into this place.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env::current_exe().expect("a test knows its program"));
        command.arg("run").args(arguments.split_whitespace()).arg("--out").arg(self.out());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    pub(crate) fn results(&self) -> Results {
        Results::read(&self.out().join("results.json")).expect("the run has left its results")
    }

    /// The folder of the only run.
    pub(crate) fn only_run(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.out().join("runs")).expect("there was a run");
        let run = runs.next().expect("there was a run").expect("the folder is ours").path();
        assert!(runs.next().is_none(), "there was one run");
        run
    }
}

/// The shortest run there is: two blocks of one cell, and of its twin.
pub(crate) const SHORTEST: &str = "--quick --blocks 2 --threads 1 --workloads sound --executors tokio";

pub(crate) fn cell<'a>(results: &'a Results, workload: &str) -> &'a Cell {
    results.cells.iter().find(|cell| cell.workload == workload).expect("the cell is in the results")
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

fn a_run_leaves_the_files_of_the_design() {
    let place = Place::new();
    succeed(&place.run(SHORTEST));
    let run = place.only_run();
    for file in ["report.html", "results.json"] {
        let newest = fs::read(place.out().join(file)).expect("the newest run is at hand");
        assert!(!newest.is_empty());
        assert_eq!(newest, fs::read(run.join(file)).expect("the run has its own"));
    }
    let samples = fs::read_to_string(run.join("samples.jsonl")).expect("the samples are there");
    let kinds = samples.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        line["kind"].as_str().expect("a line has its kind").to_owned()
    });
    let kinds: Vec<String> = kinds.collect();
    let samples = kinds.iter().filter(|kind| *kind == "sample").count();
    assert!((40..=120).contains(&samples), "ten to thirty samples of two lanes in two blocks: {samples}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "process").count(), 4, "two processes each");
    assert!(!run.join("scratch").exists(), "nothing else stays behind");
}

fn results_fit_the_published_schema() {
    let place = Place::new();
    let output = place.run("--quick --blocks 2 --threads 1,2 --workloads sound,panics");
    assert_eq!(output.status.code(), Some(2), "one workload panics");
    let read = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path).expect("the file is there")).expect("it is JSON")
    };
    let schema = read(&schema_path());
    let results = read(&place.out().join("results.json"));
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .expect("the schema is one")
        .iter_errors(&results)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut wrong = results.clone();
    wrong["cells"][0]["status"] = "fine".into();
    assert!(!jsonschema::is_valid(&schema, &wrong), "the schema would accept anything");
}

/// With UPDATE_SCHEMA in the environment, writes the schema instead.
fn the_published_schema_is_that_of_the_types() {
    let schema =
        serde_json::to_string_pretty(&schemars::schema_for!(Results)).expect("a schema is plain data") + "\n";
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(schema_path(), &schema).expect("the repository can be written to");
    }
    let published = fs::read_to_string(schema_path()).expect("the schema is in the repository");
    assert_eq!(published, schema, "the types have changed: run the tests with UPDATE_SCHEMA=1");
}

fn schema_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results.schema.json")
}

fn the_same_seed_gives_the_same_order() {
    let order = |seed: u64| {
        let place = Place::new();
        succeed(
            &place.run(&format!(
                "--quick --blocks 4 --threads 1 --workloads sound --sizes 1,2,3 --seed {seed}"
            )),
        );
        let samples =
            fs::read_to_string(place.only_run().join("samples.jsonl")).expect("the samples are there");
        let lines = samples.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        let processes = lines.filter(|line| line["kind"] == "process");
        let cell = |line: Value| format!("{} {} {}", line["block"], line["size"], line["executor"]);
        processes.map(cell).collect::<Vec<_>>()
    };
    let first = order(7);
    assert_eq!(
        first.len(),
        4 * (3 * 2 + 1),
        "two lanes each, and one twin of a quick run's three comparisons"
    );
    assert_eq!(first, order(7));
    assert_ne!(first, order(8));
}

fn a_page_is_drawn_again_from_its_results() {
    let place = Place::new();
    succeed(&place.run(SHORTEST));
    let page = place.out().join("report.html");
    let drawn = fs::read_to_string(&page).expect("there is a page");
    fs::remove_file(&page).expect("the folder is ours");
    let program = env::current_exe().expect("a test knows its program");
    let output = Command::new(program).arg("report").arg(place.out().join("results.json")).output();
    succeed(&output.expect("the program starts"));
    assert_eq!(drawn, fs::read_to_string(&page).expect("there is a page again"));
}

fn saved_results_stand_under_their_name() {
    let place = Place::new();
    succeed(&place.run(&format!("{SHORTEST} --save before-change")));
    let saved = fs::read(place.out().join("saved/before-change.json")).expect("they are saved");
    assert_eq!(saved, fs::read(place.out().join("results.json")).expect("the run has left its results"));
}

fn one_cell_runs_in_place() {
    let place = Place::new();
    let output = place.run("--exact sound/1/t1/tokio");
    succeed(&output);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("sound/1/t1/tokio") && printed.contains("time:"), "{printed}");
}

fn a_cell_that_does_not_apply_says_why() {
    let place = Place::new();
    succeed(&place.run("--quick --blocks 2 --threads 2 --workloads sound"));
    let results = place.results();
    let cell = results
        .cells
        .iter()
        .find(|cell| cell.executor == "tokio-current-thread")
        .expect("it is in the results");
    assert_eq!(cell.reason.as_deref(), Some("runs on one thread only"));
}
