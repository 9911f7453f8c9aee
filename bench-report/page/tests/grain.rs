//! The section on tasks that compute: from how much work on it pays to make a task.

mod extended;
mod fixture;

use results::{Grain, Metric, Results};

fn section(page: &str) -> &str {
    let start = page.find("<section id=\"grain\">").expect("there is a section on tasks that compute");
    let length = page[start..].find("</section>").expect("it ends");
    &page[start..start + length]
}

/// Returns the sentence on one number of threads.
fn sentence(results: &Results, threads: usize) -> String {
    let page = page::render(results, None);
    let begin = format!("<p class=\"level\">At {threads} thread");
    let line = section(&page).lines().find(|line| line.starts_with(&begin));
    line.expect("there is a sentence for each number of threads").to_owned()
}

/// Returns the made-up run with changed curves.
fn with(change: impl Fn(&mut Grain)) -> Results {
    let mut results = extended::run();
    results.grain.iter_mut().for_each(change);
    results
}

#[test]
fn a_run_without_such_tasks_has_no_section_and_no_link_to_one() {
    let page = page::render(&fixture::read(), None);
    assert!(!page.contains("id=\"grain\"") && !page.contains("#grain\""));
}

#[test]
fn every_figure_stands_in_the_table_with_its_interval_or_its_reason() {
    let results = extended::run();
    let page = page::render(&results, None);
    assert!(page.contains("href=\"#grain\""), "the section is linked");
    for curve in &results.grain {
        for lane in &curve.lanes {
            for metric in [&lane.overhead, &lane.metg_50, &lane.metg_90] {
                let [figure, class, small] = match metric {
                    Metric::Measured { estimate, .. } => {
                        let interval = results::figures::ns_interval(estimate);
                        [results::figures::ns(estimate.value), String::new(), interval]
                    }
                    Metric::Unavailable { unavailable } => {
                        ["n/a".to_owned(), " class=\"why\"".to_owned(), unavailable.clone()]
                    }
                };
                let cell = format!("<td>{figure} <small{class}>{small}</small></td>");
                assert!(section(&page).contains(&cell), "{}: {cell}", lane.executor);
            }
        }
    }
}

#[test]
fn each_lane_has_a_curve_whose_points_are_its_efficiencies() {
    let results = extended::run();
    let page = page::render(&results, None);
    let charts: Vec<&str> = section(&page).split("<svg class=\"chart lines\"").skip(1).collect();
    assert_eq!(charts.len(), results.grain.len(), "one for each number of threads");
    for curve in &results.grain {
        for lane in &curve.lanes {
            // Tasks without work have no place on the axis.
            let points = lane.points.len() - 1;
            let begin = format!("<title>{}; ", lane.executor);
            let chart = charts.iter().find(|chart| chart.contains(&begin)).expect("each lane has a line");
            let of_lane = chart.split(&begin).nth(1).and_then(|rest| rest.split("</g>").next());
            assert_eq!(of_lane.map(|drawn| drawn.matches("<use ").count()), Some(points));
        }
    }
}

#[test]
fn the_sentence_says_from_where_on_it_does_not_matter_or_who_is_never_level() {
    let results = extended::run();
    let never = results.grain[0].never_level();
    assert!(!never.is_empty());
    let said = sentence(&results, 2);
    assert!(said.contains("not shown to be level with the best even at 33.0 µs of work in a task"), "{said}");
    let all = with(|curve| {
        curve.level_from = Some(3_000);
        curve.lanes.iter_mut().for_each(|lane| lane.level_from = Some(3_000));
    });
    let said = sentence(&all, 2);
    // The work is that which the loops did, and not the nominal one.
    assert!(
        said.contains("from 3.30 µs of work in a task on, all lanes are level: it does not matter which."),
        "{said}"
    );
    let at_once = with(|curve| {
        curve.level_from = Some(0);
        curve.lanes.iter_mut().for_each(|lane| lane.level_from = Some(0));
    });
    let said = sentence(&at_once, 1);
    assert!(said.contains("from no work at all in a task on"), "{said}");
}

#[test]
fn the_sentence_names_the_least_and_the_most_that_a_task_must_take() {
    let results = extended::run();
    let lanes = &results.grain[1].lanes;
    let said = sentence(&results, 2);
    let words = format!(
        "Half of the time is work if a task takes 800 ns on {} and ",
        lanes.first().map(|lane| &*lane.executor).unwrap()
    );
    assert!(said.contains(&words) && said.contains(&lanes.last().unwrap().executor), "{said}");
}

#[test]
fn a_lane_that_races_alone_is_compared_with_nobody() {
    let alone = with(|curve| curve.lanes.truncate(1));
    assert!(sentence(&alone, 1).contains("there is nothing to compare the lane with"));
    let none = with(|curve| curve.lanes.clear());
    assert!(!page::render(&none, None).contains("id=\"grain\""));
}
