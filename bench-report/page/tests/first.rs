//! Facts about the first screen, drawn from a made-up run whose lanes say how they stand.

#[allow(dead_code, reason = "of what tests share this needs a part")]
mod extended;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod fixture;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod html;
mod served;

use std::collections::BTreeSet;

use html::{between, text};
use results::{Known, LaneSummary, Metric, Results, Standing, figures};

fn served() -> Results {
    let mut results = extended::run();
    served::serve(&mut results);
    results
}

/// Returns the first screen at a number of threads.
fn screen(results: &Results, threads: usize) -> String {
    let page = page::render(results, None);
    between(&page, &format!("<div class=\"first-of\" data-threads=\"{threads}\">"), "</div>\n</div>")
        .to_owned()
}

/// Returns the squares of a row, each with its class.
fn squares(results: &Results, threads: usize, key: &str) -> Vec<String> {
    let screen = screen(results, threads);
    let row = between(&screen, &format!("data-key=\"{key}\""), "</tr>").to_owned();
    let square = |cell: &str| {
        let class = if cell.starts_with(" class=") { between(cell, "class=\"", "\"") } else { "" };
        let shown = between(&cell[cell.find("<a ").unwrap()..], ">", "</a>");
        format!("{shown}|{class}")
    };
    row.split("<td").skip(1).map(square).collect()
}

fn lane<'a>(results: &'a mut Results, group: &str, threads: usize, name: &str) -> &'a mut LaneSummary {
    let mut groups = results.groups.iter_mut();
    let group = groups.find(|one| one.group == group && one.summary.threads == threads).unwrap();
    group.summary.lanes.iter_mut().find(|lane| lane.executor == name).unwrap()
}

#[test]
fn those_that_can_serve_come_first_and_the_others_say_why_they_cannot() {
    let heads = text(between(&screen(&served(), 2), "<thead>", "</thead>"));
    let order = ["tokio 1.", "smol 2.", "hand-rolled ours", "async-std discontinued", "rayon no timer"];
    let places: Vec<usize> =
        order.iter().map(|head| heads.find(head).unwrap_or_else(|| panic!("{head} in {heads}"))).collect();
    assert!(places.is_sorted(), "{heads}");
    assert!(!heads.contains("asyncio"), "a program is compared with no lane");
}

#[test]
fn ratios_are_to_the_best_that_can_serve_and_yardsticks_have_no_colour() {
    let mut results = served();
    let ratio =
        |lane: &LaneSummary| figures::ratio(lane.ratios["tokio"].value).trim_end_matches('×').to_owned();
    let [smol, ours] = ["smol", "hand-rolled"].map(|name| ratio(lane(&mut results, "Timers", 2, name)));
    let squares = squares(&results, 2, "group:Timers");
    assert_eq!(squares[0], "best|lead");
    assert!(squares[1].starts_with(&format!("{smol}|shade-")), "{squares:?}");
    assert_eq!(squares[2], format!("{ours}|"));
    assert_eq!(squares[4], "–|", "rayon has no timer");
}

#[test]
fn the_only_one_that_can_serve_is_not_called_the_best() {
    let mut results = served();
    lane(&mut results, "Timers", 2, "smol").geomean = None;
    assert_eq!(squares(&results, 2, "group:Timers")[0], "only one|");
}

#[test]
fn figures_of_a_row_have_one_unit() {
    let mut results = served();
    // By itself it would be written in another unit.
    let lateness = results.cells.iter_mut().filter(|cell| cell.executor == "smol");
    let lateness = lateness.filter_map(|cell| cell.metrics.get_mut("lateness-p99"));
    let memory = results.memory.iter_mut().filter(|memory| memory.executor == "smol");
    for metric in lateness.chain(memory.map(|memory| &mut memory.bytes_a_task)) {
        if let Metric::Measured { estimate, .. } = metric {
            estimate.value *= 2_000.0;
        }
    }
    let page = page::render(&results, None);
    let keys = page.split("data-key=\"").skip(1).filter_map(|row| row.split('"').next());
    let keys: Vec<&str> = keys.filter(|key| key.starts_with("p99:") || key.starts_with("memory:")).collect();
    assert!(!keys.is_empty());
    for key in keys {
        let squares = squares(&results, 2, key);
        let texts = squares.iter().filter_map(|square| square.split('|').next());
        let units: BTreeSet<&str> = texts.filter_map(|text| Some(text.split_once(' ')?.1)).collect();
        assert_eq!(units.len(), 1, "{key}: {squares:?}");
    }
}

#[test]
fn a_lane_is_behind_if_the_results_say_so_and_else_level_or_open() {
    let place = |behind: &[&str], [value, low, high]: [f64; 3]| {
        let mut results = served();
        let lane = lane(&mut results, "Timers", 2, "smol");
        lane.behind = behind.iter().map(|&name| name.to_owned()).collect();
        // A file whose cells say nothing of the kind is from before.
        results.cells[0].behind = behind.iter().map(|&name| name.to_owned()).collect();
        let lane = self::lane(&mut results, "Timers", 2, "smol");
        lane.ratios.insert("tokio".to_owned(), results::Estimate { value, low, high });
        squares(&results, 2, "group:Timers")[1].clone()
    };
    assert_eq!(place(&["hand-rolled", "tokio"], [1.3, 1.1, 1.5]), "1.30|shade-1");
    assert_eq!(place(&["hand-rolled"], [1.3, 1.1, 1.5]), "1.30 ~|shade-1 open");
    assert_eq!(place(&["hand-rolled"], [1.01, 0.98, 1.04]), "1.01 =|lead");
    assert_eq!(place(&[], [1.3, 1.2, 1.5]), "1.30|shade-1", "a file from before has the interval alone");
}

#[test]
fn a_runtime_has_its_best_flavour_in_each_row() {
    let results = served();
    let squares = squares(&results, 1, "group:Timers");
    assert_eq!(squares.len(), 5, "flavours have no columns of their own: {squares:?}");
    let ratio = lane(&mut results.clone(), "Timers", 1, "smol-local").ratios["tokio-current-thread"].value;
    assert!(squares[1].starts_with(figures::ratio(ratio).trim_end_matches('×')), "{squares:?}");
    assert!(screen(&results, 1).contains("(smol-local)"), "the square says which");
}

#[test]
fn the_latest_sleeps_and_the_memory_have_rows_whose_least_is_bold() {
    let squares = squares(&served(), 2, "p99:sleep-fan-out/100000");
    let least = squares.iter().filter(|square| square.ends_with("|least")).count();
    assert!(least == 1 && squares[..2].iter().any(|square| square.ends_with("least")), "{squares:?}");
    assert!(squares[0].contains("µs"), "{squares:?}");
}

#[test]
fn every_square_leads_to_its_rows_without_a_script() {
    let page = page::render(&served(), None);
    for threads in [1, 2] {
        let screen = screen(&served(), threads);
        let body = between(&screen, "<tbody>", "</tbody>");
        for row in body.split("<tr ").skip(1) {
            let (head, squares) = row.split_once("</th>").unwrap();
            let place = between(head, "<a href=\"#", "\"");
            assert!(page.contains(&format!("id=\"{place}\"")), "{place} is nowhere");
            let squares: Vec<&str> = squares.split("<td").skip(1).collect();
            assert_eq!(squares.len(), 5);
            for square in squares {
                assert!(square.contains(&format!("><a href=\"#{place}\" tabindex=\"-1\">")), "{square}");
            }
        }
    }
}

#[test]
fn a_pair_is_counted_row_by_row() {
    let said = text(between(&screen(&served(), 2), "<ul class=\"pairs-said\">", "</ul>"));
    let numbers =
        said.split(|character: char| !character.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    assert!(said.starts_with("Of ") && said.contains("tokio leads") && said.contains("smol"), "{said}");
    assert_eq!(numbers[0], numbers[1..].iter().sum::<usize>(), "{said}");
}

#[test]
fn what_decides_most_rows_is_what_is_known_of_those_that_lose_them() {
    let mut results = served();
    let known = |workload: &str, lane: &str, says: &str, issue: &str| Known {
        workload: workload.to_owned(),
        executors: vec![lane.to_owned()],
        says: says.to_owned(),
        issue: issue.to_owned(),
        link: String::new(),
    };
    results.known = vec![
        known("sleep-fan-out", "tokio", "It leads there. And more.", "tokio#1"),
        known("sleep-fan-out", "smol", "A lock is held. It may cost.", "smol#2"),
        known("sleep-fan-out", "rayon", "It cannot serve.", "rayon#3"),
    ];
    let said = text(&screen(&results, 2));
    assert!(said.contains("smol: A lock is held. A known cause in 2 rows that it loses ("), "{said}");
    assert!(!said.contains("tokio#1") && !said.contains("rayon#3"), "{said}");
}

#[test]
fn a_lane_that_can_serve_and_does_not_race_is_named() {
    let mut results = served();
    for lane in results.executors.iter_mut().filter(|lane| lane.name == "smol") {
        lane.standing = Some(Standing::Experiment);
        lane.package = "another".to_owned();
    }
    assert!(text(&screen(&results, 2)).contains("smol-local can serve too, and has 1 thread only."));
    assert!(!text(&screen(&results, 1)).contains("can serve too"));
}

#[test]
fn a_file_that_does_not_say_how_lanes_stand_has_answers_about_all() {
    let results = extended::run();
    let screen = screen(&results, 2);
    assert!(screen.contains("times as long as the best:") && !screen.contains("yardstick"), "{screen}");
    assert!(!page::render(&results, None).contains(">can serve<"));
    assert_eq!(squares(&results, 2, "group:Timers")[0], "best|lead");
}

#[test]
fn the_page_says_what_it_does_not() {
    let page = page::render(&served(), None);
    let silent = text(between(&page, "<p class=\"silent\">", "</p>"));
    assert!(silent.starts_with("Not measured: sockets, files, more than"), "{silent}");
}
