//! Facts about the section "Does it matter?", drawn from a made-up run.

#[allow(dead_code, reason = "of what tests share this needs a part")]
mod extended;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod fixture;
#[allow(dead_code, reason = "of what tests share this needs a part")]
mod html;

use html::{between, text};
use results::{Cell, Estimate, Metric, Results};

/// Returns the text of the rows of a kind of work at a number of threads, one for each lane.
fn lanes(results: &Results, threads: usize, group: &str) -> Vec<String> {
    let page = page::render(results, None);
    let table = between(&page, &format!("<div class=\"matter-of\" data-threads=\"{threads}\">"), "</table>");
    let body = between(table, &format!("<tbody data-group=\"{group}\">"), "</tbody>");
    body.split("<tr").skip(2).map(|row| text(&format!("<tr{row}"))).collect()
}

/// Returns the row of a kind of work at a number of threads.
fn row(results: &Results, threads: usize, group: &str) -> String {
    let page = page::render(results, None);
    let table = between(&page, &format!("<div class=\"matter-of\" data-threads=\"{threads}\">"), "</table>");
    text(between(table, &format!("<tbody data-group=\"{group}\">"), "</tr>"))
}

fn cell<'a>(results: &'a mut Results, workload: &str, size: u64, lane: &str) -> &'a mut Cell {
    let mut cells = results.cells.iter_mut();
    let is_it = |cell: &Cell| (&*cell.workload, cell.size, cell.threads) == (workload, size, 2);
    cells.find(|cell| is_it(cell) && cell.executor == lane).unwrap()
}

/// Sets the processor time of an operation, in nanoseconds.
fn set(results: &mut Results, workload: &str, size: u64, lane: &str, [value, low, high]: [f64; 3]) {
    let estimate = Estimate { value, low, high };
    let metric = Metric::Measured { unit: "ns/op".to_owned(), estimate, blocks: vec![value; 5] };
    cell(results, workload, size, lane).metrics.insert("cpu".to_owned(), metric);
}

/// Returns the made-up run in which the row `sleep-fan-out/10000` has these processor times.
fn costly() -> Results {
    let mut results = extended::run();
    for lane in ["async-std", "smol"] {
        set(&mut results, "sleep-fan-out", 10_000, lane, [2_000.0, 1_900.0, 2_100.0]);
    }
    set(&mut results, "sleep-fan-out", 10_000, "hand-rolled", [1_000.0, 1_000.0, 1_000.0]);
    set(&mut results, "sleep-fan-out", 10_000, "tokio", [900_000.0, 850_000.0, 940_000.0]);
    results
}

#[test]
fn the_best_the_common_and_the_dearest_lane_have_three_rates() {
    let mut results = costly();
    set(&mut results, "sleep-fan-out", 10_000, "smol", [1_000_000.0, 900_000.0, 1_100_000.0]);
    assert!(row(&results, 2, "Timers").starts_with("Timers sleep-fan-out 10,000 tasks"));
    let lanes = lanes(&results, 2, "Timers");
    let [best, tokio, dearest] = &lanes[..] else { panic!("{lanes:?}") };
    assert_eq!(best, "hand-rolled best 0.0010 of a core 0.010 of a core 0.10 of a core");
    let too_many = "more than the 2 of this machine";
    assert_eq!(
        *tokio,
        format!(
            "tokio 0.90 of a core more [0.85, 0.94] 9.0 cores more [8.5, 9.4]: 9.0 cores, {too_many} 90 cores more [85, 94]: 90 cores, {too_many}"
        )
    );
    assert!(dearest.starts_with("smol dearest 1.0 cores more [0.9, 1.1]"), "{dearest}");
}

#[test]
fn a_common_lane_that_is_dearest_has_one_line() {
    let lanes = lanes(&costly(), 2, "Timers");
    assert_eq!(lanes.len(), 2);
    assert!(lanes[1].starts_with("tokio dearest 0.90 of a core more"), "{lanes:?}");
}

#[test]
fn a_lane_that_takes_less_than_the_best_or_may_do_so_says_it() {
    let mut results = costly();
    set(&mut results, "sleep-fan-out", 10_000, "hand-rolled", [500_000.0, 480_000.0, 520_000.0]);
    set(&mut results, "sleep-fan-out", 10_000, "tokio", [400_000.0, 390_000.0, 410_000.0]);
    set(&mut results, "sleep-fan-out", 10_000, "smol", [510_000.0, 410_000.0, 610_000.0]);
    // No other row of the group may have more at stake.
    results.cells.retain(|cell| {
        (&*cell.workload, cell.size) == ("sleep-fan-out", 10_000) || cell.workload != "sleep-fan-out"
    });
    let lanes = lanes(&results, 2, "Timers");
    assert!(lanes[1].starts_with("tokio 0.10 of a core less [0.08, 0.12]"), "{lanes:?}");
    assert!(
        lanes[2].starts_with(
            "smol dearest not settled: between 0.092 of a core less and 0.11 of a core more not settled:"
        ),
        "{lanes:?}"
    );
}

#[test]
fn what_is_not_measured_on_the_clock_costs_nothing_to_speak_of() {
    let mut results = costly();
    for workload in &mut results.workloads {
        workload.measure = "lateness of a tick".to_owned();
    }
    let page = page::render(&results, None);
    assert!(!page.contains("id=\"matter\"") && !page.contains("href=\"#matter\""));
}

#[test]
fn without_processor_time_there_are_bounds_and_no_difference_at_two_threads() {
    let mut results = costly();
    for cell in &mut results.cells {
        let without = Metric::Unavailable { unavailable: "this system does not say".to_owned() };
        cell.metrics.insert("cpu".to_owned(), without);
    }
    assert_eq!(lanes(&results, 2, "Timers").len(), 1, "only the best has a bound");
    assert!(lanes(&results, 2, "Timers")[0].contains("best at most"));
    assert!(lanes(&results, 1, "Timers").len() > 1, "one thread is busy as long as the clock says, at most");
}

/// Five kinds of work with three lanes at two numbers of threads.
#[test]
fn the_section_is_small() {
    let page = page::render(&costly(), None);
    let section = between(&page, "<section id=\"matter\"", "</section>");
    let kinds = section.matches("<tbody").count();
    assert!(section.len() < 2_500 + 1_600 * kinds, "{} bytes for {kinds} kinds", section.len());
}
