//! Twins in every comparison; further blocks for comparisons that are open, and for no others; how samples are taken.

use std::{collections::BTreeMap, fs, path::Path};

use results::{Metric, Results, Status};
use serde_json::{Value, json};

use crate::{
    interruption::{ctrl_c, signal, start, until},
    lanes::{MOMENTS, lines_in},
    run::{Place, SHORTEST, heats_in, said},
};

crate::tests![
    every_third_comparison_races_one_lane_against_itself,
    every_lane_races_against_itself_if_asked_for,
    a_lane_alone_races_against_itself,
    the_twins_are_noise_in_the_results_and_no_cells,
    open_comparisons_have_further_blocks_up_to_the_limit_and_settled_ones_have_none,
    a_run_resumed_in_a_round_goes_on_in_its_order,
    a_run_out_of_budget_leaves_open_comparisons_undecided,
    a_slow_run_is_one_check_and_one_sample_in_each_process,
    what_a_run_tells_is_that_of_its_samples_alone,
    a_ratio_that_a_run_tells_is_its_figure,
    lanes_that_only_wait_do_it_together,
    a_heat_that_misses_a_deadline_is_run_again_and_one_that_always_does_fails,
    a_heat_that_is_spoiled_is_run_again_and_one_that_always_is_blames_no_lane,
    only_the_first_blocks_are_checked,
    a_finished_run_goes_on_and_keeps_all_that_it_has_measured,
    only_a_finished_run_goes_on,
];

/// The lines of one kind in the samples of the only run.
fn lines(place: &Place, kind: &str) -> Vec<Value> {
    let text = place.journal();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.filter(|line| line["kind"] == kind).collect()
}

/// The lanes that were measured in each comparison, sorted.
fn lanes(place: &Place) -> BTreeMap<String, Vec<String>> {
    let mut lanes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines(place, "process") {
        let comparison = format!("{}/{}/t{}", line["workload"], line["size"], line["threads"]);
        lanes.entry(comparison).or_default().push(line["executor"].as_str().expect("its lane").to_owned());
    }
    for lanes in lanes.values_mut() {
        lanes.sort();
        lanes.dedup();
    }
    lanes
}

fn every_third_comparison_races_one_lane_against_itself() {
    let place = Place::new();
    let arguments = "--blocks 2 --threads 1 --workloads sound --sizes 1,2,3,4 --seed 3";
    assert!(place.run(arguments).status.success());
    let lanes = lanes(&place);
    let doubled = |twin: &str| lanes.values().filter(|lanes| lanes.iter().any(|lane| lane == twin)).count();
    assert_eq!(lanes.values().map(Vec::len).collect::<Vec<_>>(), [3, 2, 2, 3], "{lanes:?}");
    assert_eq!((doubled("tokio-twin"), doubled("tokio-current-thread-twin")), (1, 1), "{lanes:?}");
}

fn every_lane_races_against_itself_if_asked_for() {
    let place = Place::new();
    assert!(place.run("--quick --blocks 2 --threads 1 --workloads sound --sizes 1 --twins").status.success());
    let expected = ["tokio", "tokio-current-thread", "tokio-current-thread-twin", "tokio-twin"];
    assert_eq!(lanes(&place).into_values().collect::<Vec<_>>(), [expected]);
}

fn a_lane_alone_races_against_itself() {
    let place = Place::new();
    assert!(place.run(SHORTEST).status.success());
    assert_eq!(lanes(&place).into_values().collect::<Vec<_>>(), [["tokio", "tokio-twin"]]);
}

fn the_twins_are_noise_in_the_results_and_no_cells() {
    let place = Place::new();
    assert!(place.run(SHORTEST).status.success());
    let results = place.results();
    assert_eq!(results.cells.iter().map(|cell| &*cell.executor).collect::<Vec<_>>(), ["tokio"]);
    assert_eq!(results.executors.len(), 1);
    let noise = results.noise.expect("a twin raced");
    assert_eq!(noise.pairs.iter().map(|pair| &*pair.executor).collect::<Vec<_>>(), ["tokio"]);
}

/// Which block of which comparison ended when, in the order of the file.
fn heats(place: &Place) -> Vec<(String, u64)> {
    let heat = |line: Value| {
        let comparison = line["comparison"].as_str().expect("its comparison").to_owned();
        (comparison, line["block"].as_u64().expect("its block"))
    };
    lines(place, "heat").into_iter().map(heat).collect()
}

/// Starts a run, interrupts it when `heats` heats have ended, changes its plan, and resumes it.
///
/// So a run has other limits than those of the command line, which are long.
fn run_with(place: &Place, arguments: &str, ended: usize, change: impl Fn(&mut Value)) {
    let mut parent = start(place, arguments);
    until("some heats have ended", || heats_in(&place.journal()) >= ended);
    signal(&parent, ctrl_c());
    assert_eq!(parent.wait().expect("it is our child").code(), Some(130));
    change_plan(&place.only_run(), change);
    resume(place);
}

fn change_plan(run: &Path, change: impl Fn(&mut Value)) {
    let path = run.join("plan.json");
    let plan = fs::read_to_string(&path).expect("the plan is there");
    let mut plan = serde_json::from_str(&plan).expect("it is JSON");
    change(&mut plan);
    fs::write(&path, plan.to_string()).expect("the folder is ours");
}

fn resume(place: &Place) {
    let output = place.run("--resume");
    assert!(output.status.success(), "{}", said(&output));
}

fn blocks_of(results: &Results, workload: &str) -> Vec<usize> {
    let cells = results.cells.iter().filter(|cell| cell.workload == workload);
    cells.map(|cell| cell.overhead_of_blocks().len()).collect()
}

/// The workloads of the cells that are undecided.
fn undecided(results: &Results) -> Vec<&str> {
    let cells = results.cells.iter().filter(|cell| cell.undecided);
    cells.map(|cell| &*cell.workload).collect()
}

fn open_comparisons_have_further_blocks_up_to_the_limit_and_settled_ones_have_none() {
    let place = Place::new();
    // Interrupted in a further round: there are three blocks of each at least.
    run_with(&place, "--threads 1 --workloads differs,wavers --sizes 1", 7, |plan| {
        plan["most_blocks"] = json!(5)
    });
    let results = place.results();
    assert_eq!(blocks_of(&results, "differs"), [3, 3]);
    assert_eq!(blocks_of(&results, "wavers"), [5, 5]);
    assert_eq!(results.run.blocks, 3);
    assert_eq!(results.run.attention, [["wavers/1/t1"], ["wavers/1/t1"]]);
    assert_eq!(undecided(&results), ["wavers"]);
}

/// Which comparison comes next depends on what was measured, so the same measurements are taken for both.
fn a_run_resumed_in_a_round_goes_on_in_its_order() {
    let place = Place::new();
    run_with(&place, "--threads 1 --workloads wavers --sizes 1,2,3,4", 1, |plan| {
        plan["blocks"] = json!(2);
        plan["most_blocks"] = json!(4);
        // So that all of them can be settled in time, whatever they promise.
        plan["budget"] = json!({"secs": 1_000_000_000_000_u64, "nanos": 0});
    });
    let whole = heats(&place);
    let attention = place.results().run.attention;
    assert_eq!(attention.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
    let of_rounds: Vec<String> = whole[8..].iter().map(|(comparison, _)| comparison.clone()).collect();
    assert_eq!(of_rounds, attention.concat());

    // As if it had been interrupted when two of the first round had ended.
    let run = place.only_run();
    fs::remove_file(run.join("results.json")).expect("the folder is ours");
    let samples = fs::read_to_string(run.join("samples.jsonl")).expect("the samples are there");
    let mut ends = samples.match_indices("\"kind\":\"heat\"").map(|(end, _)| end);
    let end = ends.nth(9).expect("there were more");
    let end = end + samples[end..].find('\n').expect("a line has its end") + 1;
    fs::write(run.join("samples.jsonl"), &samples[..end]).expect("the folder is ours");
    resume(&place);
    let again = heats(&place);
    assert_eq!(again[..12], whole[..12], "the round goes on as it would have");
    assert_eq!(place.results().run.attention[0], attention[0]);
    assert_eq!(again.len(), whole.len());
}

fn a_run_out_of_budget_leaves_open_comparisons_undecided() {
    let place = Place::new();
    run_with(&place, "--threads 1 --workloads differs,wavers --sizes 1", 7, |plan| {
        // As if what has run had used it up.
        plan["budget"] = json!({"secs": 0, "nanos": 1});
    });
    let results = place.results();
    assert!(results.run.attention.is_empty(), "{:?}", results.run.attention);
    assert_eq!(blocks_of(&results, "wavers"), [3, 3], "what does not count any more is left out");
    assert_eq!(undecided(&results), ["wavers"]);
    assert_eq!(place.run("--resume").status.code(), Some(64), "the run has come to its end all the same");
}

/// How often workloads have noted that a run began: checks, and those sleeps are watched in; then samples.
fn begun(place: &Place) -> [usize; 2] {
    MOMENTS.map(|moment| {
        fs::read_to_string(place.only_run().join(moment)).map_or(0, |notes| notes.lines().count())
    })
}

fn a_slow_run_is_one_check_and_one_sample_in_each_process() {
    let place = Place::new();
    let arguments = "--quick --blocks 2 --threads 1 --workloads is-slow --executors tokio --sizes";
    assert!(place.run(&format!("{arguments} 1")).status.success());
    let samples = lines(&place, "sample");
    assert_eq!(
        (samples.len(), lines(&place, "process").len()),
        (4, 4),
        "of a lane and its twin, in two blocks"
    );
    assert!(samples.iter().all(|sample| sample["iterations"] == 1), "{samples:?}");
    // A check in the first block, and a look at the sleeps after the samples of both. In the second block, where the time
    // of a run is known, one warms up.
    assert_eq!(begun(&place), [6, 6]);
    let results = place.results();
    let cell = &results.cells[0];
    assert_eq!(cell.overhead_of_blocks().len(), 2);
    let spread = cell.spread.as_ref().expect("it was measured");
    assert!(spread.samples == 2 && spread.quantiles.is_sorted(), "{spread:?}");
}

fn what_a_run_tells_is_that_of_its_samples_alone() {
    let place = Place::new();
    assert!(place.run("--quick --blocks 2 --threads 1 --workloads tells --executors tokio").status.success());
    let samples = lines(&place, "sample");
    let told = |sample: &Value| sample["told-ns"].as_u64().expect("it tells");
    let runs = |sample: &Value| sample["iterations"].as_u64().expect("there are runs");
    assert!(samples.iter().all(|sample| told(sample) == runs(sample) * 1_000_000_000), "{samples:?}");
    let results = place.results();
    assert!(results.cells[0].overhead_of_blocks().iter().all(|block| (block / 1e9 - 1.0).abs() < 1e-9));
}

fn a_ratio_that_a_run_tells_is_its_figure() {
    let place = Place::new();
    let output = place.run("--quick --blocks 2 --threads 1 --workloads tells-a-ratio");
    assert!(output.status.success(), "{}", said(&output));
    let told = |sample: &Value| sample["told-ratio"].as_f64().expect("it tells");
    let runs = |sample: &Value| sample["iterations"].as_f64().expect("there are runs");
    assert!(lines(&place, "sample").iter().all(|sample| told(sample) == 1.5 * runs(sample)));
    let results = place.results();
    assert_eq!(results.workloads[0].measure, "what it compares");
    for cell in &results.cells {
        assert_eq!((cell.unit(), cell.overhead_of_blocks().len()), ("×", 2));
        assert!(cell.overhead_of_blocks().iter().all(|block| (block - 1.5).abs() < 1e-9), "{cell:?}");
        assert_eq!(cell.rank, Some(1), "lanes that scatter nowhere are level");
    }
}

/// Each process waits for the two others, in its check and in its sample.
fn lanes_that_only_wait_do_it_together() {
    let place = Place::new();
    let output = place.run("--blocks 2 --threads 1 --workloads only-waits --time-limit 20");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        begun(&place),
        [3, 6],
        "two lanes and a twin: a check in the first block, a sample in each of two"
    );
    assert!(lines(&place, "sample").iter().all(|sample| sample["told-ns"].is_u64()));
    let results = place.results();
    assert!(results.cells.iter().all(|cell| cell.rank.is_some()), "processor time is compared");
    assert_eq!(results.workloads[0].measure, "processor time");
    // A process that counts would be alone.
    let not_counted = Metric::Unavailable { unavailable: "a run that only waits is not counted".into() };
    assert!(results.cells.iter().all(|cell| cell.metrics["allocations"] == not_counted));
}

fn a_heat_that_misses_a_deadline_is_run_again_and_one_that_always_does_fails() {
    let place = Place::new();
    let output =
        place.run("--quick --blocks 2 --threads 1 --workloads is-late --sizes 1,2 --executors tokio");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let of_size = |size: u64, kind: &str| -> Vec<Value> {
        lines(&place, kind).into_iter().filter(|line| line["size"] == size).collect()
    };
    assert_eq!(of_size(1, "again").len(), 1, "the second process missed it");
    assert_eq!((of_size(1, "failed").len(), of_size(1, "process").len()), (0, 4));
    // Seven times; the eighth time it is a result.
    assert_eq!((of_size(2, "again").len(), of_size(2, "failed").len()), (7, 1));
    let again = &of_size(2, "again")[0];
    assert!(again["reason"].as_str().expect("a text").contains("wrong answer: 2, expected 3"), "{again}");
}

fn a_heat_that_is_spoiled_is_run_again_and_one_that_always_is_blames_no_lane() {
    let place = Place::new();
    let output = place.run("--quick --blocks 2 --threads 1 --workloads is-spoiled --sizes 1,2");
    assert_eq!(output.status.code(), Some(0), "no lane has failed: {}", said(&output));
    let of_size = |size: u64, kind: &str| -> Vec<Value> {
        lines(&place, kind).into_iter().filter(|line| line["size"] == size).collect()
    };
    assert_eq!((of_size(1, "again").len(), of_size(1, "spoiled").len()), (1, 0), "the second process");
    // Seven times; the eighth time it is a result. Nobody asks for it again.
    assert!(of_size(2, "again").len() >= 7 && of_size(2, "failed").is_empty());
    let results = place.results();
    for cell in &results.cells {
        let status = (cell.executor == "tokio" && cell.size == 2).then_some(Status::NotApplicable);
        assert_eq!(cell.status, status.unwrap_or(Status::Ok), "{}", cell.id());
        assert_eq!(cell.spoiled, status.is_some(), "{}", cell.id());
    }
    let reason = results.cells.iter().find_map(|cell| cell.reason.as_deref());
    assert_eq!(reason, Some("this machine cannot send the load in time"));
    assert!(said(&output).contains("is-spoiled/2/t1/tokio n/a: this machine cannot"), "{}", said(&output));
}

fn only_the_first_blocks_are_checked() {
    let place = Place::new();
    let arguments = "--quick --blocks 4 --threads 1 --workloads is-slow --sizes 7 --executors tokio";
    assert!(place.run(arguments).status.success());
    let moments = MOMENTS.map(|moment| lines_in(&place.only_run().join(moment)));
    // A lane and its twin: a check in the first block, and a look at the sleeps in two; a sample in each of four, and in
    // three of them a run to warm up.
    assert_eq!(moments, [6, 14]);
    let observed = lines(&place, "process").into_iter().map(|line| line["observed"]["spawned"].clone());
    assert_eq!(observed.collect::<Vec<_>>(), vec![json!(7); 8], "what was checked holds for all blocks");
}

fn a_finished_run_goes_on_and_keeps_all_that_it_has_measured() {
    let place = Place::new();
    assert!(place.run("--quick --threads 1 --workloads wavers,differs --sizes 1").status.success());
    let (before, first) = (heats(&place), place.results());
    assert!(first.run.periods.is_empty());
    let output = place.run("--more 2s");
    assert!(output.status.success(), "{}", said(&output));
    let (after, second) = (heats(&place), place.results());
    assert!(after.len() > before.len() && after.starts_with(&before), "{before:?} {after:?}");
    for workload in ["wavers", "differs"] {
        let blocks = after.iter().filter(|(comparison, _)| comparison.starts_with(workload)).count();
        assert_eq!(blocks_of(&second, workload), [blocks; 2], "{workload}: none is lost, none is new");
    }
    let [one, other] = &second.run.periods[..] else { panic!("two periods: {:?}", second.run.periods) };
    assert_eq!([&one.started, &one.finished], [&first.run.started, &first.run.finished]);
    assert!(one.finished < other.started && other.finished == second.run.finished, "{other:?}");
    // And again.
    assert!(place.run("--more 1s").status.success());
    assert!(heats(&place).starts_with(&after));
    assert_eq!(place.results().run.periods.len(), 3);
}

fn only_a_finished_run_goes_on() {
    let place = Place::new();
    let output = place.run("--more 1m");
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("has no finished run to go on with"), "{}", said(&output));
    for time in ["5", "0s", "soon", "-1m"] {
        let output = place.run(&format!("--more={time}"));
        assert_eq!(output.status.code(), Some(64), "{time}: {}", said(&output));
        assert!(said(&output).contains("such as 5m or 90s"), "{time}: {}", said(&output));
    }
}
