//! Facts about the charts, drawn from a made-up run and from odd ones.

mod extended;
mod fixture;
mod unpacked;

use std::collections::HashSet;

use results::{Cell, Estimate, Growth, Lateness, Metric, Results, Spread, Status, figures};

#[test]
fn every_chart_has_a_role_and_says_what_it_shows() {
    let page = unpacked::render(&rich());
    let charts = charts(&page);
    assert!(charts.len() > 70, "{}", charts.len());
    for chart in charts {
        assert_eq!(attribute(chart, "role"), Some("img"));
        let id = attribute(chart, "aria-labelledby").unwrap();
        let caption = between(&page, &format!("<figcaption id=\"{id}\">"), "</figcaption>");
        let (title, finding) = caption.split_once("</b>").unwrap();
        assert!(title.len() > 8 && finding.len() > 8, "{caption}");
    }
}

#[test]
fn no_two_places_of_the_page_have_one_name() {
    let page = unpacked::render(&rich());
    let mut seen = HashSet::new();
    for id in page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(seen.insert(id), "{id} stands twice");
    }
}

#[test]
fn each_kind_of_chart_is_drawn() {
    let page = unpacked::render(&rich());
    for kind in ["forest", "samples", "lines", "ecdf", "bars"] {
        assert!(page.contains(&format!("class=\"chart {kind}\"")), "{kind}");
    }
}

/// The wait of most sleeps is seen without opening anything, for the sizes whose number of sleeps carries it.
#[test]
fn the_lateness_of_most_sleeps_is_unfolded() {
    let page = page::render(&rich(), None);
    let charts: Vec<&str> = charts(&page).into_iter().filter(|chart| chart.contains("-late\"")).collect();
    assert!(!charts.is_empty());
    for chart in charts {
        let id = attribute(chart, "aria-labelledby").unwrap();
        let caption = between(&page, &format!("<figcaption id=\"{id}\">"), "</figcaption>");
        assert!(caption.contains("Lateness, median and p") && caption.contains(" within "), "{caption}");
        let tips = tips(chart);
        assert!(tips.iter().all(|tip| tip.contains(": p50 ") && tip.contains(", p9")), "{tips:?}");
    }
}

#[test]
fn the_shade_of_a_forest_is_the_noise_floor_of_its_row() {
    let results = extended::run();
    let page = unpacked::render(&results);
    let (workload, threads) = extended::EVERY_KIND;
    let wide = |size: u64| -> f64 {
        let forest = between(
            &page,
            &format!("aria-labelledby=\"workload-{workload}-{size}-{threads}-ratio\""),
            "</svg>",
        );
        between(between(forest, "<rect class=\"shaded\"", "/>"), " width=\"", "\"").parse().unwrap()
    };
    // Both are drawn on one axis, which is logarithmic; places have a digit after the point.
    let floor = |size| results.floor_of_row(workload, size, threads).ln();
    let [open, near] = [extended::OPEN, extended::NEAR].map(|size| wide(size) / floor(size));
    assert!((open / near - 1.0).abs() < 0.03, "{open} and {near}");
    assert!(wide(extended::OPEN) != wide(extended::NEAR));
    let old = Results { rows: Vec::new(), ..results.clone() };
    assert!(!unpacked::render(&old).contains("class=\"shaded\""), "without twins there was no floor");
}

#[test]
fn tooltips_say_every_figure() {
    let results = rich();
    let page = unpacked::render(&results);
    let tips = tips(&page);
    let said = |text: &str| tips.iter().any(|tip| tip.contains(text));
    for cell in results.cells.iter().filter(|cell| cell.status == Status::Ok) {
        if let Some(ratio) = cell.ratio {
            assert!(said(&figures::ratio_with_interval(&ratio)), "{cell:?}");
        }
        let largest = results.cells.iter().filter(|other| other.workload == cell.workload);
        if largest.map(|other| other.size).max() == Some(cell.size) {
            let [least, .., most] = cell.spread.as_ref().unwrap().quantiles;
            let in_unit = |value| figures::in_unit(cell.unit(), value);
            assert!(said(&format!("{} to {}", in_unit(least), in_unit(most))), "{cell:?}");
        }
        let drawn = |name: &str| name == "overhead" || name.starts_with("lateness");
        for (name, metric) in cell.metrics.iter().filter(|(name, _)| drawn(name)) {
            if let Metric::Measured { .. } = metric {
                assert!(said(&figures::metric(metric)), "{name} of {cell:?}");
            }
        }
    }
    for growth in &results.growth {
        assert!(said(&format!("{:.2} [", growth.exponent.value)));
    }
}

#[test]
fn a_tooltip_is_there_without_scripts() {
    let page = unpacked::render(&rich());
    for chart in charts(&page) {
        assert_eq!(chart.matches(" data-tip").count(), chart.matches("<title>").count());
    }
}

#[test]
fn every_lane_that_is_drawn_is_named() {
    let page = unpacked::render(&rich());
    for chart in charts(&page) {
        for group in chart.split("<g ").skip(1).map(|group| group.replace("#r", "#m")) {
            let group = group.as_str();
            let mark = between(group, "<use href=\"#m", "\"");
            assert!(group.starts_with("class=\"hue-"), "{group}");
            assert!(page.contains(&format!("<path id=\"m{mark}\" data-name=\"")), "{group}");
        }
    }
}

#[test]
fn a_program_is_drawn_among_figures_and_never_among_ratios() {
    let page = unpacked::render(&rich());
    let place = rich().executors.iter().position(|lane| lane.name == extended::PROGRAM).unwrap();
    let marks = ['m', 'r'].map(|kind| format!("href=\"#{kind}{place}\""));
    for (kind, drawn) in
        [("forest", false), ("samples", true), ("lines", true), ("bars", true), ("ecdf", true)]
    {
        let of_kind = format!("class=\"chart {kind}\"");
        // A lateness is drawn as a ratio is, and is none.
        let found = charts(&page)
            .iter()
            .filter(|chart| !chart.contains("-late\""))
            .any(|chart| chart.contains(&of_kind) && marks.iter().any(|mark| chart.contains(mark)));
        assert_eq!(found, drawn, "{kind}");
    }
}

#[test]
fn an_axis_says_what_it_counts_and_measures() {
    let page = unpacked::render(&rich());
    assert!(
        page.contains(">tasks n, log; the exponents are of a whole run<") && page.contains(">tasks, log<")
    );
    assert!(page.contains(">time per task over the ideal, log<"));
    let section =
        between(&page, &format!("<section id=\"workload-{}\"", extended::BY_PROCESSOR), "</section>");
    assert!(section.contains(">processor time per job, log<") && !section.contains("over the ideal"));
}

#[test]
fn the_exponent_stands_in_the_label_of_the_line() {
    assert!(unpacked::render(&rich()).contains(">tokio n^1.02<"));
}

#[test]
fn more_threads_than_processors_are_marked() {
    let mut results = rich();
    results.machine.cores = "2".to_owned();
    assert!(!unpacked::render(&results).contains("class=\"over\""));
    results.machine.cores = "1 of 4".to_owned();
    let page = unpacked::render(&results);
    assert!(page.contains("class=\"over\"") && page.contains("2 threads, more than there are processors:"));
    results.machine.cores = "unknown".to_owned();
    assert!(!unpacked::render(&results).contains("class=\"over\""));
}

#[test]
fn a_metric_that_no_lane_has_is_named_once_and_not_drawn() {
    let page = unpacked::render(&rich());
    let costs =
        between(&page, "<summary>costs<span class=\"of\"> of wait-timeout</span></summary>", "</details>");
    assert!(!costs.contains("<b>allocations"));
    assert_eq!(costs.matches("counted only by a build with the counting allocator").count(), 1);
}

#[test]
fn an_old_file_has_dots_and_estimates_but_no_boxes() {
    let mut results = results();
    results.cells.iter_mut().for_each(|cell| cell.spread = None);
    let page = unpacked::render(&results);
    assert!(page.contains("class=\"dots\"") && page.contains("<use href=\"#estimate\""));
    assert!(!page.contains("class=\"box\"") && !page.contains("class=\"chart ecdf\""));
}

#[test]
fn the_path_of_the_lateness_rises_to_the_top() {
    let page = unpacked::render(&rich());
    let chart = *charts(&page).iter().find(|chart| chart.contains("chart ecdf")).unwrap();
    let line = between(chart, "class=\"line\" d=\"M", "\"");
    let mut height = line.split_once(' ').unwrap().1.split('v').next().unwrap().parse::<f64>().unwrap();
    let bottom = height;
    for step in line.split('v').skip(1) {
        let step: f64 = step.split('h').next().unwrap().parse().unwrap();
        assert!(step <= 0.0, "it falls by {step}");
        height += step;
    }
    assert!((bottom - height - 165.0).abs() < 0.01, "{bottom} to {height}");
}

#[test]
fn texts_never_overlap_and_numbers_are_numbers() {
    for (name, results) in odd() {
        let page = unpacked::render(&results);
        for chart in charts(&page) {
            for place in [" d=\"", " x=\"", " y=\"", " width=\"", "transform=\"", "viewBox=\""] {
                for value in chart.split(place).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                    assert!(!value.contains("NaN") && !value.contains("inf"), "{name}: {place}{value}");
                }
            }
            let texts = texts(chart);
            for (index, one) in texts.iter().enumerate() {
                for other in &texts[index + 1..] {
                    assert!(!one.overlaps(other), "{name}: {} and {} in {chart}", one.text, other.text);
                }
            }
        }
    }
}

/// Makes runs that are unlike any real one, each with its name.
fn odd() -> Vec<(&'static str, Results)> {
    let rich = rich();
    let with = |change: &dyn Fn(&mut Results)| {
        let mut results = rich.clone();
        change(&mut results);
        results
    };
    let figures = |change: &dyn Fn(&mut f64)| {
        with(&|results| results.cells.iter_mut().for_each(|cell| each_figure(cell, change)))
    };
    vec![
        ("rich", rich.clone()),
        ("old", self::results()),
        ("one lane", with(&|results| results.cells.retain(|cell| cell.executor == "smol"))),
        ("one size", with(&|results| results.cells.retain(|cell| cell.size == 100))),
        ("one number of threads", with(&|results| results.cells.retain(|cell| cell.threads == 1))),
        (
            "one block",
            with(&|results| {
                for cell in &mut results.cells {
                    for metric in cell.metrics.values_mut() {
                        if let Metric::Measured { blocks, .. } = metric {
                            blocks.truncate(1);
                        }
                    }
                }
            }),
        ),
        ("zeroes", figures(&|figure| *figure = 0.0)),
        ("all equal", figures(&|figure| *figure = 5.0)),
        ("below zero", figures(&|figure| *figure = -*figure)),
        ("huge", figures(&|figure| *figure *= 1e280)),
        ("tiny", figures(&|figure| *figure *= 1e-290)),
        ("wide", figures(&|figure| *figure = figure.powi(40).clamp(1e-290, 1e290))),
        (
            "all failed",
            with(&|results| {
                for cell in &mut results.cells {
                    (cell.status, cell.reason) = (Status::Failed, Some("hung".to_owned()));
                    (cell.ratio, cell.rank, cell.spread, cell.lateness) = (None, None, None, None);
                    cell.metrics.clear();
                }
            }),
        ),
        (
            "a lane that failed at one size",
            with(&|results| {
                for cell in
                    results.cells.iter_mut().filter(|cell| cell.executor == "tokio" && cell.size == 10_000)
                {
                    (cell.status, cell.ratio) = (Status::Failed, None);
                    cell.metrics.clear();
                }
            }),
        ),
        ("long names", renamed(&rich, |name| format!("{name}-{}", "of-the-W漢-workshop".repeat(20)))),
        ("hostile names", renamed(&rich, |name| format!("\u{202e}\"'><script>{name}"))),
        ("many lanes", many_lanes(&rich)),
    ]
}

fn each_figure(cell: &mut Cell, change: &dyn Fn(&mut f64)) {
    let of_estimate = |estimate: &mut Estimate| {
        [&mut estimate.value, &mut estimate.low, &mut estimate.high].into_iter().for_each(change);
    };
    for metric in cell.metrics.values_mut() {
        if let Metric::Measured { estimate, blocks, .. } = metric {
            of_estimate(estimate);
            blocks.iter_mut().for_each(change);
        }
    }
    cell.ratio.iter_mut().for_each(of_estimate);
    cell.spread.iter_mut().flat_map(|spread| &mut spread.quantiles).for_each(change);
}

fn renamed(results: &Results, name: impl Fn(&str) -> String) -> Results {
    let mut results = results.clone();
    results.executors.iter_mut().for_each(|executor| executor.name = name(&executor.name));
    results.cells.iter_mut().for_each(|cell| cell.executor = name(&cell.executor));
    results.growth.iter_mut().for_each(|growth| growth.executor = name(&growth.executor));
    results
}

/// Repeats each lane three times, all level.
fn many_lanes(results: &Results) -> Results {
    let mut many = results.clone();
    (many.executors, many.cells, many.growth) = (Vec::new(), Vec::new(), Vec::new());
    for place in 0..3 {
        let lanes = renamed(results, |name| format!("{name}-{place}"));
        many.executors.extend(lanes.executors);
        many.cells.extend(lanes.cells);
        many.growth.extend(lanes.growth);
    }
    many
}

/// Returns the made-up run with what newer runs have besides.
fn rich() -> Results {
    let mut results = extended::run();
    for cell in results.cells.iter_mut().filter(|cell| cell.status == Status::Ok) {
        let overhead = cell.overhead().unwrap().value;
        let quantiles = [0.7, 0.8, 0.9, 1.01, 1.1, 1.4, 9.0].map(|factor| factor * overhead);
        cell.spread = Some(Spread { samples: 150, quantiles });
        if cell.workload == "sleep-fan-out" {
            let histogram: Vec<(u64, u64)> =
                (0..300).map(|index| (index * index * 40, 1 + index % 7)).collect();
            let samples = histogram.iter().map(|(_, many)| many).sum();
            cell.lateness = Some(Lateness { samples, histogram });
            let estimate = Estimate { value: overhead * 31.0, low: overhead * 30.0, high: overhead * 33.0 };
            let p99 = Metric::Measured { unit: "ns".to_owned(), estimate, blocks: Vec::new() };
            cell.metrics.insert("lateness-p99".to_owned(), p99);
        }
    }
    let mut lanes: Vec<(usize, String)> = Vec::new();
    for cell in
        results.cells.iter().filter(|cell| cell.status == Status::Ok && cell.workload == "sleep-fan-out")
    {
        lanes.push((cell.threads, cell.executor.clone()));
    }
    lanes.dedup();
    lanes.sort();
    lanes.dedup();
    for (threads, executor) in lanes {
        results.growth.push(Growth {
            workload: "sleep-fan-out".to_owned(),
            threads,
            executor,
            sizes: vec![100, 10_000, 100_000],
            exponent: Estimate { value: 1.02, low: 0.97, high: 1.08 },
        });
    }
    results
}

fn results() -> Results {
    fixture::read()
}

/// A text of a chart, with an estimate of its place.
struct Text {
    left: f64,
    right: f64,
    baseline: f64,
    text: String,
}

impl Text {
    fn overlaps(&self, other: &Text) -> bool {
        let apart = self.right <= other.left || other.right <= self.left;
        !apart && (self.baseline - other.baseline).abs() < 10.0
    }
}

fn texts(chart: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut row = 0.0;
    for tag in chart.split('<').skip(1) {
        if tag.starts_with("g ") {
            let moved = attribute(tag, "transform").and_then(|moved| moved.strip_prefix("translate(0 "));
            row = moved.map_or(0.0, |moved| moved.trim_end_matches(')').parse().unwrap());
        } else if tag.starts_with("/g") {
            row = 0.0;
        } else if tag.starts_with("text ") {
            let number = |name| attribute(tag, name).map_or(0.0, |number| number.parse::<f64>().unwrap());
            let text = tag.split_once('>').unwrap().1.to_owned();
            // The estimate is narrower than the text may be on the page, so that only texts that touch
            // overlap here.
            let wide = shown(&text) as f64 * 6.3;
            let left = match attribute(tag, "class") {
                Some("x") => number("x") - wide / 2.0,
                Some("y" | "t end") => number("x") - wide,
                _ => number("x"),
            };
            let baseline = row + number("y") + number("dy");
            texts.push(Text { left, right: left + wide, baseline, text });
        }
    }
    texts
}

/// Counts the visible characters of a text with escapes.
fn shown(text: &str) -> usize {
    let mut pieces = text.split('&');
    let plain = pieces.next().unwrap().chars().count();
    plain + pieces.map(|piece| piece.split_once(';').unwrap().1.chars().count() + 1).sum::<usize>()
}

fn charts(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<svg class=\"chart");
    starts.map(|(start, _)| &page[start..start + page[start..].find("</svg>").unwrap()]).collect()
}

fn tips(page: &str) -> HashSet<&str> {
    page.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap()).collect()
}

/// Returns the first attribute of a name.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let tag = tag.split('>').next().unwrap();
    let value = tag.split_once(&format!(" {name}=\""))?.1;
    value.split('"').next()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = &text[text.find(start).unwrap_or_else(|| panic!("no {start}")) + start.len()..];
    &rest[..rest.find(end).unwrap()]
}
