//! Facts about the page that puts several runs beside each other.

mod fixture;
mod html;

use std::{collections::BTreeSet, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use fixture::read as results;
use html::{HOSTILE, append_hostile, between, expected, tags, text};
use page::{
    side_by_side::{names, render},
    verdict,
};
use results::{Cell, Estimate, Metric, Results, Status, figures, lookup};
use sha2::{Digest, Sha256};

#[test]
fn every_cell_of_every_run_stands_under_its_own_run() {
    let runs = two_runs();
    let page = render(&runs);
    for (letter, (_, results)) in ["A", "B"].into_iter().zip(&runs) {
        for cell in &results.cells {
            let Some(square) = square(&page, cell, letter) else {
                // Lanes that apply to no workload at this number of threads, in no run, have a sentence
                // instead.
                assert!(
                    lookup::absent_lanes(results, cell.threads)
                        .iter()
                        .any(|(lane, _)| *lane == cell.executor)
                );
                continue;
            };
            for part in expected(cell) {
                assert!(square.contains(&part), "{letter} {}: {square:?} lacks {part:?}", cell.id());
            }
        }
    }
}

#[test]
fn the_same_lane_of_both_runs_stands_side_by_side() {
    let page = render(&two_runs());
    let row = row(&page, 2, "blocking-squares", 10_000);
    let order: Vec<(&str, &str)> = row
        .split("<td ")
        .skip(1)
        .map(|square| (attribute(square, "data-lane"), attribute(square, "data-run")))
        .collect();
    let lanes: Vec<&str> = order.iter().step_by(2).map(|(lane, _)| *lane).collect();
    assert_eq!(lanes, ["hand-rolled", "tokio", "async-std", "smol", "rayon"]);
    let expected: Vec<(&str, &str)> = lanes.iter().flat_map(|lane| [(*lane, "A"), (*lane, "B")]).collect();
    assert_eq!(order, expected);
}

/// All ratios are those of the runs themselves: the second run is 40 times as fast, but no figure shows it.
#[test]
fn nothing_ranks_across_runs() {
    let (slow, mut fast) = (results(), results());
    for cell in &mut fast.cells {
        if let Some(Metric::Measured { estimate, .. }) = cell.metrics.get_mut("overhead") {
            *estimate = Estimate {
                value: estimate.value / 40.0,
                low: estimate.low / 40.0,
                high: estimate.high / 40.0,
            };
        }
    }
    let page = render(&[("slow".to_owned(), slow), ("fast".to_owned(), fast.clone())]);
    for cell in fast.cells.iter().filter(|cell| cell.status == Status::Ok) {
        let [slow, fast] = ["A", "B"].map(|letter| squares_of(&page, cell, letter));
        let classes = [&slow, &fast].map(|square| square.as_ref().map(|(class, _)| *class));
        assert_eq!(classes[0], classes[1], "{}", cell.id());
        let words = [slow, fast].map(|square| square.map(|(_, text)| without_figure(&text)));
        assert_eq!(words[0], words[1], "{}", cell.id());
    }
    assert!(text(&page).contains("nothing here compares a figure of one run with one of another"));
    assert!(text(&page).contains("bench-report compare OLD NEW"));
    assert!(text(&page).contains("bench-report gate --against REV"));
}

#[test]
fn each_run_has_its_own_means_and_verdicts() {
    let runs = two_runs();
    let page = render(&runs);
    for (column, (_, results)) in runs.iter().enumerate() {
        let verdict = verdict::verdict(results, "blocking-squares", 2).finding;
        let said = between(&page, "id=\"verdicts-2\"", "</table>");
        let said =
            between(said, "<tr data-workload=\"blocking-squares\">", "</tr>").split("<td>").nth(column + 1);
        assert!(text(&format!("<td>{}", said.unwrap())).contains(&verdict), "{verdict}");
    }
    for verdict in verdict::groups(&runs[0].1, 2) {
        assert!(text(&page).contains(&format!("{}.", verdict.finding)), "{}", verdict.finding);
    }
    assert!(text(&page).contains("All comparisons Over 9 comparisons:"));
    let means = between(table(&page, 2), "<tfoot>", "</tfoot>");
    let geomean = runs[0].1.summaries[1].lanes[0].geomean.unwrap();
    assert!(text(means).contains(&figures::ratio_interval(&geomean)));
    // The second run lacks a workload.
    assert!(text(means).contains("Geometric mean of A 9, B 7"), "{}", text(means));
}

#[test]
fn what_only_one_run_has_is_not_in_the_other() {
    let runs = two_runs();
    let page = render(&runs);
    let (_, first) = &runs[0];
    let here = |workload: &str, size, lane: &str| {
        let cell = first.comparison(workload, size, 2).find(|cell| cell.executor == lane).unwrap();
        square(&page, cell, "B").unwrap()
    };
    let sizes = lookup::sizes(first, "sleep-fan-out", 2);
    // The second run lacks a lane, a workload and a size.
    assert!(here("blocking-squares", 100, "async-std").contains("not in this run"));
    assert!(here("wait-timeout", 100, "tokio").contains("not in this run"));
    assert!(here("sleep-fan-out", sizes[0], "tokio").contains("not in this run"));
    assert!(!here("sleep-fan-out", sizes[1], "tokio").contains("not in this run"));
    let said = between(
        between(&page, "id=\"verdicts-2\"", "</table>"),
        "<tr data-workload=\"wait-timeout\">",
        "</tr>",
    );
    assert!(text(said).ends_with("not in this run"));
    assert!(
        text(between(&page, "id=\"runs\"", "</table>"))
            .contains("version of async-std ≠ 1.13.2 not in this run")
    );
}

#[test]
fn a_number_of_threads_that_a_run_has_not_has_no_columns_of_it() {
    let (two, mut eight) = (results(), results());
    for cell in eight.cells.iter_mut().filter(|cell| cell.threads == 2) {
        cell.threads = 8;
    }
    let page = render(&[("two".to_owned(), two), ("eight".to_owned(), eight)]);
    assert!(text(&page).contains("Not in A (two), which did not race at 8 threads."));
    assert!(text(&page).contains("Not in B (eight), which did not race at 2 threads."));
    assert!(!table(&page, 8).contains("data-run=\"A\""));
    assert!(!table(&page, 2).contains("data-run=\"B\""));
    assert!(table(&page, 1).contains("data-run=\"A\"") && table(&page, 1).contains("data-run=\"B\""));
}

#[test]
fn what_differs_between_the_runs_is_marked() {
    let (first, mut second) = (results(), results());
    second.machine.cpu = "Another processor".to_owned();
    second.build.rustc = "rustc 2.0.0".to_owned();
    let page = render(&[("a".to_owned(), first), ("b".to_owned(), second)]);
    let differing = |table: &str| -> Vec<String> {
        let rows = table.split("<tr class=\"differs\">").skip(1);
        rows.map(|row| text(row.split("<td>").next().unwrap()).replace(" ≠", "")).collect()
    };
    assert_eq!(differing(between(&page, "id=\"runs\"", "</table>")), ["machine", "compiler"]);
    assert_eq!(differing(between(&page, "id=\"circumstances\"", "</table>")), ["processor", "compiler"]);
    assert!(text(&page).contains("Run, machine and build in full: 2 of "));
}

#[test]
fn three_runs_and_a_run_beside_itself_have_a_page() {
    let run = |name: &str| (name.to_owned(), results());
    let page = render(&[run("a"), run("b"), run("c")]);
    let cell = &results().cells[0];
    for letter in ["A", "B", "C"] {
        assert!(squares_of(&page, cell, letter).is_some());
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "two places with one name");
    for link in page.split("href=\"#").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]) {
        assert!(ids.contains(&link), "{link} leads nowhere");
    }
}

#[test]
fn hostile_names_are_text_and_nothing_refers_to_the_network() {
    let clean = render(&[("a".to_owned(), results()), ("b".to_owned(), results())]);
    let mut value = serde_json::to_value(results()).unwrap();
    append_hostile(&mut value);
    let hostile: Results = serde_json::from_value(value).unwrap();
    let page = render(&[(format!("a{HOSTILE}"), hostile.clone()), (format!("b{HOSTILE}"), hostile)]);
    assert!(!page.contains(HOSTILE.trim()));
    assert_eq!(tags(&page), tags(&clean));
    assert!(page.contains("default-src 'none'"));
    for loading in ["<img", "srcset=", "<script", "<iframe", "@import", "url(", " style=", "href=\"http"] {
        assert!(!page.contains(loading), "the page has {loading}");
    }
}

#[test]
fn the_policy_lets_in_the_style_and_no_script() {
    let page = render(&two_runs());
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let style = STANDARD.encode(Sha256::digest(between(&page, "<style>", "</style>")));
    assert!(policy.contains(&format!("style-src 'sha256-{style}';")), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_large_run_stays_small() {
    let many = |results: &Results| {
        let mut many = results.clone();
        for copy in 0..12 {
            let rename = |name: &str| format!("{name}-{copy}");
            many.workloads.extend(results.workloads.iter().cloned().map(|mut workload| {
                workload.name = rename(&workload.name);
                workload
            }));
            many.cells.extend(results.cells.iter().cloned().map(|mut cell| {
                cell.workload = rename(&cell.workload);
                cell
            }));
        }
        many
    };
    let page = render(&[("a".to_owned(), many(&results())), ("b".to_owned(), many(&results()))]);
    assert!(page.len() < 2 * 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn files_of_one_name_are_told_apart_by_their_folders() {
    let named = |files: &[&str]| names(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
    assert_eq!(named(&["desk.json", "runs/laptop.json"]), ["desk", "laptop"]);
    assert_eq!(named(&["a/results.json", "b/results.json", "c.json"]), ["a", "b", "c"]);
    assert_eq!(named(&["/x/a/results.json", "/y/a/results.json"]), ["x/a", "y/a"]);
    assert_eq!(named(&["results.json", "b/results.json"]), ["results", "b"]);
    assert_eq!(named(&["results.json", "results.json"]), ["results", "results (2)"]);
    assert_eq!(named(&["results/vm-2/results.json.gz", "mine.json.gz"]), ["vm-2", "mine"]);
    assert_eq!(named(&["./a.json", "a.json", "../a.json"]), ["a", "a (2)", "a (3)"]);
}

/// Returns the run of the fixture, and one on another machine without async-std, wait-timeout and the
/// smallest sleep-fan-out.
fn two_runs() -> Vec<(String, Results)> {
    let (first, mut second) = (results(), results());
    let smallest = lookup::sizes(&first, "sleep-fan-out", 2)[0];
    second.machine.cpu = "Another processor".to_owned();
    second.executors.retain(|lane| lane.name != "async-std");
    second.workloads.retain(|workload| workload.name != "wait-timeout");
    second.cells.retain(|cell| {
        let gone = [cell.executor == "async-std", cell.workload == "wait-timeout"];
        !gone.contains(&true) && (&*cell.workload, cell.size) != ("sleep-fan-out", smallest)
    });
    for (place, cell) in second.cells.iter_mut().enumerate() {
        if let Some(Metric::Measured { estimate, .. }) = cell.metrics.get_mut("overhead") {
            estimate.value *= 1.7 + place as f64;
        }
        if let Some(ratio) = cell.ratio.as_mut().filter(|ratio| ratio.value > 1.0) {
            (ratio.value, ratio.high) = (ratio.value + 1.0 + place as f64, ratio.high + 3.0 + place as f64);
        }
    }
    for summary in &mut second.summaries {
        summary.comparisons = 7;
    }
    vec![("desk".to_owned(), first), ("laptop".to_owned(), second)]
}

/// Returns the text of the square of a cell in one run, if its lane has a column.
fn square(page: &str, cell: &Cell, run: &str) -> Option<String> {
    squares_of(page, cell, run).map(|(_, text)| text)
}

/// Returns the class and the text of a cell's square.
fn squares_of<'a>(page: &'a str, cell: &Cell, run: &str) -> Option<(&'a str, String)> {
    let row = row(page, cell.threads, &cell.workload, cell.size);
    let of_cell = |square: &&str| {
        attribute(square, "data-lane") == cell.executor && attribute(square, "data-run") == run
    };
    let square = row.split("<td ").skip(1).find(of_cell)?;
    let class = attribute(square, "class").trim_end_matches(" first");
    Some((class, text(&format!("<td {square}"))))
}

/// Removes the figure, in which two runs may differ.
fn without_figure(square: &str) -> String {
    let is_figure = |word: &&str| ["ns", "µs", "ms", "s"].contains(word) || word.parse::<f64>().is_ok();
    square.split(' ').filter(|word| !is_figure(word)).collect::<Vec<_>>().join(" ")
}

fn row<'a>(page: &'a str, threads: usize, workload: &str, size: u64) -> &'a str {
    between(table(page, threads), &format!("<tr data-workload=\"{workload}\" data-size=\"{size}\">"), "</tr>")
}

fn table(page: &str, threads: usize) -> &str {
    between(page, &format!("id=\"standings-{threads}\""), "</table>")
}

fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    between(tag, &format!("{name}=\""), "\"")
}
