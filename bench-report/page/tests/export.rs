//! Facts about the exports: they, the page and the results agree to the last digit, and names are only names.

mod extended;
mod fixture;

use std::collections::HashMap;

use page::export;
use results::{Cell, Estimate, Metric, Results, Status, figures};

const HOSTILE: &str = "a|b,\"c\"\n<script>[x](y) `z` *w*\r; d\\|";

#[test]
fn every_row_of_the_csv_has_the_numbers_of_the_results_and_stands_on_the_page() {
    let results = results();
    let page = text(&page::render(&results, None));
    // The text of the results, as a run writes it.
    let json = serde_json::to_string_pretty(&results).unwrap();
    let (of_curves, rows): (Vec<_>, Vec<_>) =
        rows(&export::csv(&results)).into_iter().partition(|row| row["size"].is_empty());
    assert_eq!(of_curves.len(), 2 * results.grain.iter().map(|curve| curve.lanes.len()).sum::<usize>());
    let mut measured = 0;
    for row in &rows {
        let cell = cell_of(&results, row);
        let Some(metric) = cell.metrics.get(&row["metric"]) else {
            assert!(cell.metrics.is_empty() && row["value"].is_empty(), "{row:?}");
            assert_eq!(row["reason"], *cell.reason.as_ref().unwrap());
            continue;
        };
        let Metric::Measured { unit, estimate, blocks } = metric else {
            assert!(row["value"].is_empty() && !row["reason"].is_empty(), "{row:?}");
            continue;
        };
        measured += 1;
        for column in ["value", "low", "high"] {
            assert!(json.contains(&format!("\"{column}\": {}", row[column])), "{column} of {row:?}");
        }
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let written = Estimate { value: number("value"), low: number("low"), high: number("high") };
        assert_eq!(written, *estimate);
        assert_eq!(row["unit"], *unit);
        let in_blocks: Vec<f64> = row["blocks"].split(' ').map(|value| value.parse().unwrap()).collect();
        assert_eq!(in_blocks, *blocks);
        let figure = Metric::Measured { unit: row["unit"].clone(), estimate: written, blocks: in_blocks };
        assert!(page.contains(&figures::metric(&figure)), "{row:?} reads {}", figures::metric(&figure));
    }
    let metrics = |cell: &Cell| cell.metrics.values().filter(|metric| is_measured(metric)).count();
    assert_eq!(measured, results.cells.iter().map(metrics).sum::<usize>());
}

#[test]
fn the_csv_has_the_work_that_makes_a_task_worth_it() {
    let results = results();
    let rows = rows(&export::csv(&results));
    for curve in &results.grain {
        for lane in &curve.lanes {
            for (name, metric) in [("metg-50", &lane.metg_50), ("metg-90", &lane.metg_90)] {
                let is_its = |row: &&HashMap<String, String>| {
                    row["metric"] == name
                        && row["executor"] == lane.executor
                        && row["threads"] == curve.threads.to_string()
                };
                let row = rows.iter().find(is_its).expect("it has a row");
                assert_eq!((&*row["workload"], &*row["size"]), (&*curve.workload, ""));
                match metric {
                    Metric::Measured { unit, estimate, .. } => {
                        assert_eq!((&row["unit"], row["value"].parse()), (unit, Ok(estimate.value)));
                    }
                    Metric::Unavailable { unavailable } => {
                        assert_eq!((&row["reason"], &*row["value"]), (unavailable, ""));
                    }
                }
            }
        }
    }
}

#[test]
fn the_csv_has_the_place_of_every_cell() {
    let results = results();
    for row in rows(&export::csv(&results)).iter().filter(|row| row["metric"] == "overhead") {
        let cell = cell_of(&results, row);
        let Some(ratio) = cell.ratio else {
            assert_eq!(cell.executor, extended::PROGRAM);
            assert!(row["ratio"].is_empty() && row["rank"].is_empty() && !row["value"].is_empty(), "{row:?}");
            continue;
        };
        let ratios = ["ratio", "ratio-low", "ratio-high"].map(|column| row[column].parse::<f64>().unwrap());
        assert_eq!(ratios, [ratio.value, ratio.low, ratio.high]);
        assert_eq!(row["rank"], cell.rank.unwrap().to_string());
        let said = ["tied", "undecided", "near"].map(|column| &*row[column]);
        assert_eq!(said, [cell.tied, cell.undecided, cell.near].map(|is| if is { "true" } else { "false" }));
        assert_eq!(row["status"], "ok");
        let measure = match &*cell.workload {
            extended::BY_PROCESSOR => "processor time",
            extended::BY_RATIO => "spread of turns",
            _ => "",
        };
        assert_eq!((&*row["measure"], &*row["unit"]), (measure, cell.unit()));
        assert_eq!(row["size-counts"], "tasks");
        let lane = results.executors.iter().find(|lane| lane.name == cell.executor).unwrap();
        assert_eq!((&*row["package"], &*row["version"]), (&*lane.package, &*lane.version));
        let words = [("hand-rolled", "ours"), ("tokio", "published"), ("async-std", "discontinued")];
        let known = words.iter().find(|(name, _)| *name == lane.package);
        assert!(known.is_none_or(|(_, standing)| row["standing"] == *standing), "{row:?}");
    }
}

#[test]
fn every_figure_of_the_markdown_stands_on_the_page() {
    let results = results();
    // Only the page has marks of known issues.
    let page = text(&page::render(&results, None)).replace("† ", "").replace("× ,", "×,");
    let markdown = export::markdown(&results);
    let mut figures = 0;
    for line in markdown.lines().filter(|line| {
        let is_head = ["| ---", "| Size"].iter().any(|head| line.starts_with(head));
        line.starts_with("| ") && !is_head && !line.contains("times as long as the best")
    }) {
        for square in line.trim_matches('|').split(" | ").skip(1) {
            let plain = unescaped(&square.replace("**", "")).trim().to_owned();
            // The page has a dash there, and the reason once below the table.
            let said = plain.strip_prefix("n/a ").unwrap_or(&plain);
            assert!(page.contains(said), "{plain:?} of {line:?}");
            figures += usize::from(plain.contains('×'));
        }
    }
    let measured = results.cells.iter().filter(|cell| cell.status == Status::Ok).count();
    assert!(figures >= measured, "{figures} of {measured} cells that were measured");
}

#[test]
fn every_cell_stands_in_the_markdown_to_the_digits_of_the_page() {
    let results = results();
    let markdown = unescaped(&export::markdown(&results)).replace("**", "");
    for cell in &results.cells {
        match (cell.overhead(), cell.ratio) {
            (Some(overhead), Some(ratio)) if cell.undecided => {
                let written = format!(
                    "{} {}, between ",
                    figures::in_unit(cell.unit(), overhead.value),
                    figures::ratio(ratio.value)
                );
                assert!(markdown.contains(&format!("open {written}")), "{written}");
            }
            (Some(overhead), Some(ratio)) if ratio.low != ratio.high => {
                let written = format!(
                    "{} {}",
                    figures::in_unit(cell.unit(), overhead.value),
                    figures::ratio_with_interval(&ratio)
                );
                assert!(markdown.contains(&written), "{written}");
            }
            (Some(overhead), _) => assert!(markdown.contains(&figures::in_unit(cell.unit(), overhead.value))),
            (None, _) => {
                let reason = cell.reason.as_ref().unwrap();
                assert!(markdown.contains(reason), "{reason}");
            }
        }
    }
}

#[test]
fn a_program_stands_beside_in_the_markdown() {
    let markdown = export::markdown(&results());
    assert!(markdown.contains("rayon | asyncio (program, beside) |"), "{markdown}");
    let means = markdown.lines().filter(|line| line.contains("Geometric mean"));
    assert!(
        means.clone().count() == 2 && means.clone().all(|line| line.ends_with("| beside |")),
        "{markdown}"
    );
    assert!(markdown.contains("**blocking-squares-slow** processor time per job"), "{markdown}");
}

#[test]
fn the_markdown_begins_with_the_answers_of_the_first_screen() {
    let results = results();
    let markdown = export::markdown(&results);
    let (_, from_answers) = markdown.split_once("## 2 threads: which runtime, for what?\n\n").unwrap();
    assert!(from_answers.starts_with(&export::answers(&results)), "{from_answers}");
    assert!(from_answers.contains("| Timers (5) |"), "{from_answers}");
}

#[test]
fn the_markdown_counts_blocks_as_the_page_does() {
    let mut results = results();
    results.run.blocks = 3;
    let head = |results: &Results| export::markdown(results).lines().nth(2).unwrap().to_owned();
    assert!(head(&results).contains("profile, 3 to 5 blocks."), "{}", head(&results));
}

#[test]
fn every_row_of_the_markdown_has_its_floor() {
    let results = results();
    let markdown = export::markdown(&results);
    for row in &results.rows {
        let head = format!("| {} tasks, floor {} |", figures::whole(row.size), figures::ratio(row.floor));
        assert!(markdown.contains(&head), "{head}");
    }
    assert!(!export::markdown(&fixture::read()).contains("floor"), "older files have no rows");
}

#[test]
fn hostile_names_are_names_in_the_csv() {
    let hostile = hostile();
    let rows = rows(&export::csv(&hostile));
    assert_eq!(rows.len(), self::rows(&export::csv(&results())).len());
    let of_cells = rows.iter().filter(|row| !row["size"].is_empty());
    assert!(
        of_cells
            .into_iter()
            .all(|row| row["workload"].ends_with(HOSTILE) && row["executor"].ends_with(HOSTILE))
    );
    assert!(rows.iter().any(|row| row["reason"].ends_with(HOSTILE)));
}

#[test]
fn hostile_names_leave_the_tables_of_the_markdown_alone() {
    let [clean, hostile] = [results(), hostile()].map(|results| export::markdown(&results));
    assert!(!hostile.contains("<script>") && !hostile.contains("](") && !hostile.contains('\r'));
    let shape = |markdown: &str| -> Vec<usize> {
        let table = markdown.lines().filter(|line| line.starts_with('|'));
        table.map(|line| line.replace("\\\\", "").replace("\\|", "").matches('|').count()).collect()
    };
    assert_eq!(shape(&clean), shape(&hostile));
    let headings = |markdown: &str| markdown.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings(&clean), headings(&hostile));
}

#[test]
fn an_empty_run_is_exported_too() {
    let mut results = results();
    results.cells.clear();
    results.summaries.clear();
    results.grain.clear();
    assert_eq!(export::csv(&results).lines().count(), 1);
    assert!(export::markdown(&results).starts_with("# Photofinish"));
}

fn results() -> Results {
    extended::run()
}

fn hostile() -> Results {
    let mut results = results();
    for cell in &mut results.cells {
        for text in [&mut cell.workload, &mut cell.executor].into_iter().chain(&mut cell.reason) {
            text.push_str(HOSTILE);
        }
    }
    let lanes = results.summaries.iter_mut().flat_map(|summary| &mut summary.lanes);
    for name in lanes.map(|lane| &mut lane.executor) {
        name.push_str(HOSTILE);
    }
    results.executors.iter_mut().for_each(|executor| executor.name.push_str(HOSTILE));
    for workload in &mut results.workloads {
        workload.name.push_str(HOSTILE);
        workload.operation.push_str(HOSTILE);
    }
    results
}

fn is_measured(metric: &Metric) -> bool {
    matches!(metric, Metric::Measured { .. })
}

fn rows(csv: &str) -> Vec<HashMap<String, String>> {
    csv::Reader::from_reader(csv.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

fn cell_of<'a>(results: &'a Results, row: &HashMap<String, String>) -> &'a Cell {
    let is_it = |cell: &&Cell| {
        let size = [cell.size.to_string(), cell.threads.to_string()];
        [&cell.workload, &size[0], &size[1], &cell.executor]
            == ["workload", "size", "threads", "executor"].map(|column| &row[column])
    };
    results.cells.iter().find(is_it).unwrap()
}

/// Returns the visible text of some Markdown without links.
fn unescaped(markdown: &str) -> String {
    let escapes = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("\\|", "|"),
        ("\\_", "_"),
        ("\\`", "`"),
        ("\\~", "~"),
    ];
    escapes.iter().fold(markdown.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

/// Returns the visible text of a page, its words separated by single spaces.
fn text(html: &str) -> String {
    let shown = html.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, shown)| shown);
    let shown: String = shown.collect::<Vec<_>>().join(" ");
    let escapes = [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#38;", "&"),
    ];
    let shown = escapes.iter().fold(shown, |shown, (escape, character)| shown.replace(escape, character));
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}
