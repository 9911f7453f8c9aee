//! Facts about the verdicts of several runs: which hold on all machines, which turn, and which runs are left out.

#[allow(dead_code, reason = "of what tests share this needs a part")]
mod extended;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod fixture;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod html;

use html::{HOSTILE, append_hostile, between, tags, text};
use page::side_by_side::render;
use results::{Cell, MEASURED_TOO_LITTLE, NEVER_MEASURED, Results, Status};

/// The comparison that the tests turn.
const ROW: (&str, u64, usize) = ("sleep-fan-out", 10_000, 2);

/// The lanes of the comparison, which is settled on every machine unless a test says otherwise.
fn row(results: &mut Results) -> impl Iterator<Item = &mut Cell> {
    let is_it = |cell: &&mut Cell| (&*cell.workload, cell.size, cell.threads) == ROW && cell.rank.is_some();
    results.cells.iter_mut().filter(is_it)
}

/// Makes the comparison one that these lanes lead, the first of which is the best; all others are behind.
fn led_by(lanes: &[&str]) -> Results {
    let mut results = extended::run();
    for cell in row(&mut results) {
        let place = lanes.iter().position(|lane| *lane == cell.executor);
        (cell.rank, cell.near, cell.undecided) = (Some(if place.is_some() { 1 } else { 9 }), false, false);
        cell.tied = lanes.len() > 1 && place.is_some();
        let results::Metric::Measured { estimate, .. } = cell.metrics.get_mut("overhead").unwrap() else {
            panic!("it was measured")
        };
        estimate.value = 100.0 + place.unwrap_or(100) as f64;
    }
    results
}

fn lane<'a>(results: &'a mut Results, name: &str) -> &'a mut Cell {
    row(results).find(|cell| cell.executor == name).unwrap()
}

/// Returns the page of some runs called a, b, c.
fn page_of(runs: &[Results]) -> String {
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    render(&names.into_iter().zip(runs.iter().cloned()).collect::<Vec<_>>())
}

/// Returns the squares and the outcome of the comparison.
fn verdicts(runs: &[Results]) -> Vec<String> {
    let page = page_of(runs);
    let table = between(&page, "id=\"matrix-2\"", "</table>");
    let (workload, size, _) = ROW;
    let row = between(table, &format!("data-workload=\"{workload}\" data-size=\"{size}\">"), "</tr>");
    row.split("<td").skip(1).map(|cell| text(&format!("<td{cell}"))).collect()
}

fn outcome(runs: &[Results]) -> String {
    verdicts(runs).pop().unwrap()
}

#[test]
fn a_verdict_that_is_the_same_everywhere_holds_on_all() {
    let runs = [led_by(&["hand-rolled"]), led_by(&["hand-rolled"]), led_by(&["hand-rolled", "smol"])];
    let said = verdicts(&runs);
    assert_eq!(
        said,
        ["hand-rolled leads", "hand-rolled leads", "hand-rolled and smol level", "holds on all"]
    );
}

#[test]
fn a_verdict_turns_where_its_leader_is_surely_behind_and_the_page_says_who_leads_there() {
    let [ours, tokio] = [led_by(&["hand-rolled"]), led_by(&["tokio"])];
    assert_eq!(outcome(&[ours.clone(), tokio.clone()]), "turns on B: tokio leads");
    // It is the verdict of most machines that turns.
    assert_eq!(outcome(&[tokio.clone(), ours.clone(), ours.clone()]), "turns on A: tokio leads");
    assert_eq!(
        outcome(&[ours.clone(), tokio, ours, led_by(&["smol", "async-std"])]),
        "turns on B: tokio leads; turns on D: smol and async-std level"
    );
}

#[test]
fn what_is_open_or_near_is_said_and_does_not_turn() {
    let ours = led_by(&["hand-rolled"]);
    let mut open = led_by(&["tokio", "hand-rolled"]);
    lane(&mut open, "hand-rolled").undecided = true;
    let mut near = led_by(&["tokio", "hand-rolled"]);
    lane(&mut near, "hand-rolled").near = true;
    assert_eq!(outcome(&[ours.clone(), open.clone()]), "not settled on B");
    assert_eq!(outcome(&[near.clone(), ours.clone(), ours.clone()]), "not settled on A");
    assert_eq!(outcome(&[open.clone(), near.clone()]), "not settled on any");
    let said = verdicts(&[open.clone(), near]);
    assert_eq!(said[..2], ["open between tokio and hand-rolled", "tokio leads, hand-rolled near"]);
    // Whoever leads there, it is not the one that leads elsewhere.
    assert_eq!(
        outcome(&[led_by(&["smol"]), led_by(&["smol"]), open]),
        "turns on C: open between tokio and hand-rolled"
    );
}

#[test]
fn flavours_of_one_runtime_turn_nothing() {
    let flavours = |lanes: &[&str]| {
        let mut results = led_by(lanes);
        for lane in results.executors.iter_mut().filter(|lane| lane.class != "program") {
            lane.package = if lane.name.starts_with("smol") { "smol" } else { &*lane.name }.to_owned();
        }
        results
    };
    let mut open = flavours(&["smol", "async-std"]);
    open.executors.iter_mut().find(|lane| lane.name == "async-std").unwrap().package = "smol".to_owned();
    lane(&mut open, "async-std").undecided = true;
    assert_eq!(outcome(&[flavours(&["smol"]), open]), "holds on all");
}

#[test]
fn a_runtime_that_did_not_run_somewhere_is_not_behind_there() {
    let mut without = led_by(&["tokio"]);
    let cell = lane(&mut without, "hand-rolled");
    (cell.status, cell.rank, cell.reason) = (Status::Failed, None, Some("hung".to_owned()));
    let ours = led_by(&["hand-rolled"]);
    assert_eq!(outcome(&[ours.clone(), ours.clone(), without]), "without hand-rolled on C");
    let mut elsewhere = led_by(&["hand-rolled"]);
    elsewhere.cells.retain(|cell| (&*cell.workload, cell.size, cell.threads) != ROW);
    elsewhere.rows.retain(|row| (&*row.workload, row.size, row.threads) != ROW);
    let runs = [ours.clone(), ours.clone(), elsewhere.clone()];
    assert_eq!(verdicts(&runs)[2..], ["not in this run", "holds on all that have it"]);
    assert_eq!(outcome(&[ours, elsewhere]), "only on A");
}

#[test]
fn what_is_not_complete_is_left_out_and_the_page_says_why() {
    let whole = || led_by(&["hand-rolled"]);
    let left_out = |spoil: &dyn Fn(&mut Results)| {
        let mut part = led_by(&["tokio"]);
        spoil(&mut part);
        let runs = [whole(), part, whole()];
        assert_eq!(outcome(&runs), "holds on all", "what is left out turns nothing");
        assert_eq!(verdicts(&runs).len(), 3);
        text(between(&page_of(&runs), "<p class=\"note left-out\"", "</p>"))
    };
    let failed = |reason: &str| {
        let reason = reason.to_owned();
        move |results: &mut Results| {
            let cell = lane(results, "smol");
            (cell.status, cell.rank, cell.reason) = (Status::Failed, None, Some(reason.clone()));
        }
    };
    let measured = "Left out: B (b): 1 cell is not measured.";
    assert_eq!(left_out(&failed(NEVER_MEASURED)), measured);
    assert_eq!(left_out(&failed(MEASURED_TOO_LITTLE)), measured);
    assert_eq!(
        left_out(&|part| part.rows.clear()),
        "Left out: B (b): it does not say which rows are settled."
    );
    assert_eq!(left_out(&|part| drop(part.rows.pop())), "Left out: B (b): it lacks 1 row.");
    assert_eq!(
        left_out(&|part| part.run.finished = "unknown".to_owned()),
        "Left out: B (b): it has not ended."
    );
    assert_eq!(
        left_out(&|part| part.rows[0].blocks = part.run.blocks - 1),
        "Left out: B (b): 1 row is short of 5 blocks."
    );
    // A lane that has failed by itself makes no run incomplete.
    let mut hung = whole();
    failed("hung")(&mut hung);
    let page = page_of(&[whole(), hung.clone()]);
    assert!(!page.contains("left-out"));
    // One run is no matrix.
    hung.rows.clear();
    let page = page_of(&[whole(), hung]);
    assert!(
        text(&page).contains("Fewer than two of these runs are complete")
            && !page.contains("id=\"matrix-2\"")
    );
}

#[test]
fn the_verdicts_are_counted_and_each_column_names_its_machine() {
    let mut other = led_by(&["tokio"]);
    other.machine.cpu = "Another processor".to_owned();
    let page = page_of(&[led_by(&["hand-rolled"]), other.clone()]);
    let table = between(&page, "id=\"matrix-2\"", "</table>");
    let [holds, turns, open] =
        ["holds", "turns", "open"].map(|class| table.matches(&format!("<tr class=\"{class}\"")).count());
    assert!(turns == 1 && holds > 1 && open > 0, "{holds}, {turns}, {open}");
    let counts = format!("Of {} verdicts {holds} hold on all, 1 turns and {open}", holds + turns + open);
    assert!(text(table).contains(&counts), "{}", text(table));
    let heads = text(between(table, "<thead>", "</thead>"));
    assert!(heads.contains("B b Another processor 2 processors"), "{heads}");
    assert!(page.contains("<h2>Does the verdict travel?</h2>"));
    // Runs of one machine differ in their conditions.
    let mut under_quota = led_by(&["tokio"]);
    under_quota.run.conditions.quota = Some(1.5);
    let same = page_of(&[led_by(&["hand-rolled"]), under_quota]);
    assert!(same.contains("<h2>Which verdicts does it turn?</h2>"));
    let heads = text(between(between(&same, "id=\"matrix-2\"", "</table>"), "<thead>", "</thead>"));
    assert!(heads.contains("2 processors quota of 1.5 processors"), "{heads}");
}

/// Nothing is divided across machines: the matrix has words, and no figure of a lane.
#[test]
fn the_matrix_has_no_ratio() {
    let page = page_of(&[led_by(&["hand-rolled"]), led_by(&["tokio"])]);
    let matrix = between(&page, "<section id=\"matrix\">", "</section>");
    assert!(!text(matrix).contains('×'));
}

#[test]
fn hostile_names_in_the_matrix_are_text() {
    let clean = page_of(&[led_by(&["hand-rolled"]), led_by(&["tokio"])]);
    let poisoned = |results: Results| -> Results {
        let finished = results.run.finished.clone();
        let mut value = serde_json::to_value(results).unwrap();
        append_hostile(&mut value);
        value["run"]["finished"] = finished.into();
        serde_json::from_value(value).unwrap()
    };
    let page = page_of(&[led_by(&["hand-rolled"]), led_by(&["tokio"])].map(poisoned));
    assert!(page.contains("id=\"matrix-2\"") && !page.contains(HOSTILE.trim()));
    assert_eq!(tags(&page), tags(&clean));
}
