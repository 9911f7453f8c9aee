//! Facts about the answers: whom the ratios are relative to, and what is known of them.

#[allow(dead_code, reason = "of the made-up run this needs the results")]
mod extended;
mod fixture;

use page::answers::{AnsweringLane, Answers, Kind, Mark, Pair, Place};
use results::{Capability, Estimate, Results, Standing};

/// The lanes that can serve in these tests.
const SERVING: [&str; 2] = ["tokio", "smol"];

/// Returns the answers at two threads if only those lanes can serve.
fn answers(results: &Results) -> Answers {
    let mut results = results.clone();
    for lane in &mut results.executors {
        lane.standing = Some(Standing::Ours);
        if SERVING.contains(&&*lane.name) {
            lane.standing = Some(Standing::Published);
            lane.has = vec![Capability::Timer, Capability::Sockets];
        }
    }
    Answers::of(&results, 2)
}

/// Returns the place of a lane in a kind of work.
fn place<'a>(answers: &'a Answers, kind: &'a Kind, lane: &str) -> &'a Place {
    let lane = answers.lanes.iter().position(|known| known.name == lane).expect("it was measured");
    &kind.places[lane]
}

/// Sets the mean ratio of two lanes in the first group at two threads.
fn set_ratio(results: &mut Results, lane: &str, to: &str, value: f64, width: f64) {
    let group = results.groups.iter_mut().find(|group| group.summary.threads == 2).expect("there is one");
    let lane = group.summary.lanes.iter_mut().find(|known| known.executor == lane).expect("it raced");
    let estimate = Estimate { value, low: value / width, high: value * width };
    lane.ratios.insert(to.to_owned(), estimate);
}

#[test]
fn lanes_that_can_serve_come_first_and_the_best_is_one_of_them() {
    let results = extended::run();
    let answers = answers(&results);
    let names: Vec<&str> = answers.lanes.iter().map(|lane| &*lane.name).collect();
    assert_eq!(names, ["tokio", "smol", "hand-rolled", "async-std", "rayon"]);
    let timers = &answers.kinds[0];
    assert_eq!((&*timers.name, timers.comparisons), ("Timers", 5));
    assert_eq!(answers.with_mark(timers, Mark::Best), Some("tokio"));
    let group = results.groups.iter().find(|group| group.summary.threads == 2).unwrap();
    let lane = |name: &str| group.summary.lanes.iter().find(|lane| lane.executor == name).unwrap();
    assert_eq!(*place(&answers, timers, "smol"), Place::Known(lane("smol").ratios["tokio"], Mark::Behind));
    assert_eq!(
        *place(&answers, timers, "hand-rolled"),
        Place::Known(lane("hand-rolled").ratios["tokio"], Mark::Ahead)
    );
    assert!(matches!(place(&answers, timers, "rayon"), Place::Missing(reason) if reason.contains("timer")));
}

#[test]
fn without_a_lane_that_can_serve_the_best_of_all_is_the_best() {
    let answers = Answers::of(&extended::run(), 2);
    assert!(answers.lanes.iter().all(|lane| lane.can_serve));
    assert_eq!(answers.with_mark(&answers.kinds[0], Mark::Best), Some("hand-rolled"));
    let all = answers.all.expect("there are two kinds");
    assert_eq!((&*all.name, all.comparisons), ("All in time", 9));
}

#[test]
fn a_mark_is_what_is_known_of_the_ratio() {
    for (value, width, mark) in [
        (1.5, 1.05, Mark::Behind),
        (1.02, 1.02, Mark::Level),
        (1.08, 1.07, Mark::Near),
        (1.3, 1.25, Mark::Open),
    ] {
        let mut results = extended::run();
        // Without rows and noise there is no floor.
        (results.rows, results.noise) = (Vec::new(), None);
        set_ratio(&mut results, "smol", "tokio", value, width);
        // These results tell who is behind, so that the interval does not.
        results.cells[0].behind = vec!["tokio".to_owned()];
        let group = results.groups.iter_mut().find(|group| group.summary.threads == 2).expect("there is one");
        let smol = group.summary.lanes.iter_mut().find(|lane| lane.executor == "smol").expect("it raced");
        smol.behind.extend((mark == Mark::Behind).then(|| "tokio".to_owned()));
        let answers = answers(&results);
        let Place::Known(_, known) = place(&answers, &answers.kinds[0], "smol") else { panic!("it raced") };
        assert_eq!(*known, mark, "{value} within {width}");
    }
}

#[test]
fn what_is_within_the_noise_floor_is_level() {
    let mut results = extended::run();
    results.rows.iter_mut().for_each(|row| row.floor = 4.0);
    set_ratio(&mut results, "smol", "tokio", 1.3, 1.02);
    let answers = answers(&results);
    assert!(matches!(place(&answers, &answers.kinds[0], "smol"), Place::Known(_, Mark::Level)));
}

#[test]
fn one_kind_of_work_is_shown_row_by_row() {
    let mut results = extended::run();
    results.workloads.retain(|workload| workload.group == "Timers");
    results.groups.retain(|group| group.group == "Timers");
    results.cells.retain(|cell| results.workloads.iter().any(|known| known.name == cell.workload));
    let answers = answers(&results);
    let names: Vec<&str> = answers.kinds.iter().map(|kind| &*kind.name).collect();
    let rows = ["sleep-fan-out/100", "sleep-fan-out/10000", "sleep-fan-out/100000", "wait-timeout/100"];
    assert_eq!((&names[..4], names.len()), (&rows[..], 5));
    assert!(answers.all.is_some());
    assert!(matches!(place(&answers, &answers.kinds[0], "hand-rolled"), Place::Known(_, Mark::Ahead)));
}

#[test]
fn a_pair_is_counted_row_by_row_and_the_other_way_round() {
    let results = extended::run();
    let lanes = answers(&results).lanes;
    let lane = |name: &str| lanes.iter().find(|lane| lane.name == name).unwrap();
    let pair = Pair::of(&results, 2, lane("tokio"), lane("smol"));
    assert_eq!(pair.rows, pair.first + pair.second + pair.level + pair.open);
    assert!(pair.rows == 9 && pair.first > 0, "{pair:?}");
    let other = Pair::of(&results, 2, lane("smol"), lane("tokio"));
    assert_eq!((other.first, other.second, other.level), (pair.second, pair.first, pair.level));
    let nobody = AnsweringLane { flavours: Vec::new(), ..lane("smol").clone() };
    assert_eq!(Pair::of(&results, 2, lane("tokio"), &nobody), Pair::default());
}

#[test]
fn a_run_without_cells_has_no_answers() {
    let mut results = extended::run();
    results.cells.clear();
    results.groups.clear();
    results.summaries.clear();
    let answers = answers(&results);
    assert!(answers.lanes.is_empty() && answers.kinds.is_empty() && answers.all.is_none());
}
