//! Facts about the verdicts over many comparisons.

mod fixture;

use std::collections::BTreeMap;

use page::verdict::{GroupVerdict, groups};
use results::{Cell, Estimate, GroupSummary, LaneSummary, Noise, Place, Results, Row, Status, Summary};

/// Reads the made-up run and gives these lanes these means at one thread; a lane without a mean failed
/// somewhere.
fn run(lanes: &[(&str, f64, Option<Place>)]) -> Results {
    let mut results = fixture::read();
    results.summaries.truncate(1);
    results.groups.clear();
    let estimate = |value: f64| Estimate { value, low: value * 0.96, high: value * 1.04 };
    let ratios =
        |value: f64| lanes.iter().map(move |(name, other, _)| ((*name).to_owned(), estimate(value / other)));
    let summary = |&(name, value, place): &(&str, f64, Option<Place>)| LaneSummary {
        executor: name.to_owned(),
        geomean: place.map(|_| estimate(value)),
        place,
        ratios: ratios(value).collect(),
        behind: Vec::new(),
        cells: 9,
    };
    let best = lanes.iter().find(|(.., place)| *place == Some(Place::Best));
    results.summaries[0].reference = best.map(|(name, ..)| (*name).to_owned());
    results.summaries[0].lanes = lanes.iter().map(summary).collect();
    results
}

fn finding_of(lanes: &[(&str, f64, Option<Place>)]) -> String {
    groups(&run(lanes), 1)[0].finding.clone()
}

const BEST: Option<Place> = Some(Place::Best);
const LEVEL: Option<Place> = Some(Place::Level);
const OPEN: Option<Place> = Some(Place::Undecided);
const BEHIND: Option<Place> = Some(Place::Behind);

#[test]
fn the_leader_is_ahead_of_the_first_and_the_others_follow() {
    let lanes = [("c", 3.11, BEHIND), ("a", 1.0, BEST), ("d", 2.77, BEHIND), ("b", 2.4, BEHIND)];
    assert_eq!(finding_of(&lanes), "a, 2.40× [2.30, 2.50] ahead of b; then d 2.77×, c 3.11×");
    assert_eq!(finding_of(&lanes[..2]), "a, 3.11× [2.99, 3.23] ahead of c");
}

#[test]
fn leaders_are_level_or_open() {
    let lanes = |one, other| {
        finding_of(&[("a", 1.0, BEST), ("b", 1.02, one), ("c", 1.04, other), ("d", 2.0, BEHIND)])
    };
    let ahead = "2.00× [1.92, 2.08] ahead of d";
    assert_eq!(lanes(LEVEL, LEVEL), format!("a, b and c level, {ahead}"));
    assert_eq!(lanes(LEVEL, OPEN), format!("a and b level, c (1.04×) open, {ahead}"));
    assert_eq!(lanes(OPEN, OPEN), format!("open between a, b (1.02×) and c (1.04×), {ahead}"));
    assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.02, LEVEL)]), "a and b level");
    assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.2, OPEN)]), "open between a and b (1.20×)");
}

#[test]
fn of_many_open_lanes_two_are_named() {
    let lanes = ["b", "c", "d", "e"].map(|name| (name, 1.1, OPEN));
    let lanes = [&[("a", 1.0, BEST)], &lanes[..]].concat();
    assert_eq!(finding_of(&lanes), "open between a, b (1.10×) and 3 more");
    let level = [&lanes[..], &[("f", 1.0, LEVEL)]].concat();
    assert_eq!(finding_of(&level), "a and f level, b (1.10×), c (1.10×) and 2 more open");
}

#[test]
fn lanes_that_are_level_with_each_other_tie() {
    let lanes = |ratios: [f64; 4]| {
        let [b, c, d, e] = ratios.map(|ratio| move |name| (name, ratio, BEHIND));
        finding_of(&[("a", 1.0, BEST), b("b"), c("c"), d("d"), e("e")])
    };
    let ahead = "a, 2.00× [1.92, 2.08] ahead of b";
    assert_eq!(lanes([2.0, 3.0, 3.1, 4.0]), format!("{ahead}; then c and d level at 3.00–3.10×, e 4.00×"));
    assert_eq!(lanes([2.0, 3.0, 3.0, 3.0]), format!("{ahead}; then c, d and e level at 3.00×"));
    assert_eq!(
        lanes([2.0, 2.02, 4.0, 5.0]),
        format!("{ahead} and c, which are level; then d 4.00×, e 5.00×")
    );
    // Each lane is level with the next, but the first is not level with the last.
    assert_eq!(lanes([2.0, 3.0, 3.15, 3.3]), format!("{ahead}; then c and d level at 3.00–3.15×, e 3.30×"));
}

#[test]
fn the_noise_floor_widens_a_tie() {
    let mut results = run(&[("a", 1.0, BEST), ("b", 2.0, BEHIND), ("c", 3.0, BEHIND), ("d", 3.5, BEHIND)]);
    assert!(groups(&results, 1)[0].finding.ends_with("; then c 3.00×, d 3.50×"));
    results.noise = Some(Noise { floor: 1.3, floors: BTreeMap::new(), different: 0, pairs: Vec::new() });
    assert!(groups(&results, 1)[0].finding.ends_with("; then c and d level at 3.00–3.50×"));
}

#[test]
fn the_floors_of_rows_partly_cancel_out_in_their_mean() {
    let mut results = run(&[("a", 1.0, BEST), ("b", 2.0, BEHIND), ("c", 3.0, BEHIND), ("d", 3.5, BEHIND)]);
    let row = |(size, floor)| Row {
        workload: "sleep-fan-out".to_owned(),
        size,
        threads: 1,
        blocks: 5,
        floor,
        open: Vec::new(),
    };
    let finding = |results: &Results| groups(results, 1)[0].finding.clone();
    let tie = "; then c and d level at 3.00–3.50×";
    // The ratio of d to c ends at 1.21.
    results.rows = [(1, 1.3)].map(row).to_vec();
    assert!(finding(&results).ends_with(tie), "one row has the floor of its mean");
    results.rows = [(1, 1.3), (2, 1.3), (3, 1.3), (4, 1.3)].map(row).to_vec();
    assert!(!finding(&results).ends_with(tie), "of four rows, half the logarithm is left");
    results.rows = [(1, 1.5), (2, 1.5), (3, 1.5), (4, 1.5)].map(row).to_vec();
    assert!(finding(&results).ends_with(tie));
    results.rows.iter_mut().for_each(|row| row.threads = 2);
    assert!(!finding(&results).ends_with(tie), "rows at another number of threads count for nothing");
}

#[test]
fn results_without_places_are_read_by_their_intervals() {
    let lanes = [("a", 1.0, BEST), ("b", 1.02, LEVEL), ("c", 1.08, OPEN), ("d", 2.0, BEHIND)];
    let mut results = run(&lanes);
    for lane in &mut results.summaries[0].lanes {
        (lane.place, lane.ratios) = (None, BTreeMap::new());
    }
    // The interval of 1.02 ends at 1.06, which is level; this one ends at 1.12.
    results.summaries[0].lanes[2].geomean = Some(Estimate { value: 1.08, low: 0.99, high: 1.12 });
    let finding = |results: &Results| groups(results, 1)[0].finding.clone();
    assert_eq!(finding(&results), "a and b level, c (1.08×) open, 2.00× [1.92, 2.08] ahead of d");
    results.summaries[0].reference = None;
    assert_eq!(groups(&results, 1), [], "older results do not name the reference of their means");
}

#[test]
fn a_race_without_rivals_has_a_verdict_too() {
    assert_eq!(finding_of(&[("a", 1.0, BEST)]), "a raced alone");
    assert_eq!(finding_of(&[("a", 1.0, BEST), ("b", 1.0, None)]), "only a was measured in each of them");
    assert_eq!(finding_of(&[("a", 1.0, None), ("b", 1.0, None)]), "no lane was measured in each of them");
    let mut results = run(&[("a", 1.0, BEST), ("b", 1.0, None)]);
    results.summaries[0].comparisons = 1;
    let [verdict] = &groups(&results, 1)[..] else { panic!("there are no groups") };
    assert_eq!((&*verdict.title(), &*verdict.finding), ("One comparison", "only a was measured"));
    assert_eq!(groups(&results, 7), []);
}

#[test]
fn all_comparisons_come_first_and_a_group_that_is_all_of_them_is_left_out() {
    let mut results = run(&[("a", 1.0, BEST), ("b", 2.0, BEHIND)]);
    let group = |comparisons, group: &str| GroupSummary {
        group: group.to_owned(),
        about: String::new(),
        summary: Summary { comparisons, ..results.summaries[0].clone() },
    };
    let several = vec![group(4, "Timers"), group(5, "Jobs")];
    let only = vec![group(9, "Timers")];
    let titles =
        |results: &Results| -> Vec<String> { groups(results, 1).iter().map(GroupVerdict::title).collect() };
    results.groups = several;
    assert_eq!(titles(&results), ["All 9 comparisons", "Timers", "Jobs"]);
    results.groups = only;
    assert_eq!(titles(&results), ["All 9 comparisons"]);
}

#[test]
fn who_has_no_mean_is_said_with_the_reason() {
    let results = fixture::read();
    let missing = |results: &Results| -> Vec<Option<String>> {
        groups(results, 2).into_iter().map(|verdict| verdict.missing).collect()
    };
    let of = |comparisons: usize| {
        Some(format!("No mean: async-std (failed in 1 of {comparisons}), rayon (needs a timer)."))
    };
    assert_eq!(missing(&results), [of(9), of(5), None], "lanes of one thread are absent from the whole race");
    let mut results = results;
    let failed = |cell: &&mut Cell| (&*cell.executor, &*cell.workload) == ("rayon", "blocking-squares");
    results.cells.iter_mut().filter(failed).for_each(|cell| cell.status = Status::Failed);
    for group in results.groups.iter_mut().filter(|group| group.group == "Blocking jobs") {
        group.summary.lanes.retain(|lane| lane.executor != "rayon");
    }
    let rayon = missing(&results).into_iter().map(|sentence| sentence.unwrap());
    let rayon: Vec<String> =
        rayon.map(|sentence| sentence[sentence.find("rayon").unwrap()..].to_owned()).collect();
    assert_eq!(rayon, ["rayon (failed in 2 of 9).", "rayon (needs a timer).", "rayon (failed in 2 of 4)."]);
    results.cells.iter_mut().filter(failed).for_each(|cell| cell.status = Status::Ok);
    results.cells.retain(|cell| (&*cell.executor, &*cell.workload) != ("rayon", "sleep-fan-out"));
    results.cells.retain(|cell| (&*cell.executor, &*cell.workload) != ("rayon", "wait-timeout"));
    assert!(missing(&results)[0].as_ref().unwrap().ends_with("rayon (ran 4 of 9)."));
}

#[test]
fn nine_lanes_fit_two_lines_of_130_characters() {
    let names = [
        "hand-rolled-current-thread",
        "hand-rolled",
        "smol-local",
        "async-std",
        "smol",
        "tokio-current-thread",
        "tokio",
        "glommio",
        "async-executor",
    ];
    let lanes = |place: &dyn Fn(usize) -> (f64, Option<Place>)| -> Vec<(&str, f64, Option<Place>)> {
        let lane = |(index, name)| (name, place(index).0, place(index).1);
        let best = (names[0], 1.0, BEST);
        [best].into_iter().chain(names.into_iter().enumerate().skip(1).map(lane)).collect()
    };
    let all_apart = lanes(&|index| (1.5 * index as f64, BEHIND));
    let in_pairs = lanes(&|index| (10.0 * (index / 2 + 1) as f64, BEHIND));
    let all_open = lanes(&|_| (1.1, OPEN));
    let all_level = lanes(&|_| (1.01, LEVEL));
    for lanes in [all_apart, in_pairs, all_open, all_level] {
        let verdict = &groups(&run(&lanes), 1)[0];
        let sentence = format!("{}: {}.", verdict.title(), verdict.finding);
        assert!(sentence.chars().count() <= 260, "{sentence}");
    }
}
