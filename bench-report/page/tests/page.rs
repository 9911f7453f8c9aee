//! Facts about the page, drawn from a made-up run of the default grid.

mod extended;
mod fixture;
mod html;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use extended::{BY_PROCESSOR, BY_RATIO, EVERY_KIND, NEAR, OPEN, PROGRAM};
use flate2::read::GzDecoder;
use html::{HOSTILE, append_hostile, between, expected, tags, text};
use page::{export, table, verdict};
use results::{
    Capability, Cell, Estimate, Growth, Lateness, Memory, Metric, Noise, NoisePair, Observed, Outlook,
    Period, Results, Standing, Status, Warning, figures, lookup,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The beginning of the block of data.
const DATA: &str = "<script type=\"application/gzip\" id=\"results\">";

#[test]
fn nothing_on_the_page_refers_to_the_network() {
    // The data are text to a browser, whatever they contain; the style and the script have a policy.
    let page = without_data(&page::render(&results(), None));
    for loading in ["src=", "srcset=", "<iframe", "<object", "<base", "@import", "url(", "refresh"] {
        assert!(!page.contains(loading), "the page has {loading}");
    }
    for (index, _) in page.match_indices("href=\"http") {
        assert!(page[..index].ends_with("<a "), "only a link may lead to the network");
    }
    for (index, _) in page.match_indices("<link ") {
        assert!(
            page[index..].starts_with("<link rel=\"icon\" href=\"data:"),
            "an icon that is not on the page"
        );
    }
}

#[test]
fn the_policy_allows_this_style_and_this_script_and_nothing_else() {
    for results in [results(), hostile()] {
        let page = page::render(&results, None);
        let [style, script] = ["style", "script"].map(|tag| {
            assert_eq!(page.matches(&format!("<{tag}>")).count(), 1, "more than one {tag}");
            hash(between(&page, &format!("<{tag}>"), &format!("</{tag}>")))
        });
        let expected = format!(
            "content=\"default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; \
             base-uri 'none'; form-action 'none'\""
        );
        assert!(page.contains(&expected), "not {expected}");
        assert!(!page.contains(" style=\"") && !page.contains(" onclick"), "nothing is inline");
    }
}

#[test]
fn the_page_holds_its_results() {
    for results in [results(), hostile()] {
        let page = page::render(&results, None);
        let data = STANDARD.decode(between(&page, DATA, "</script>")).unwrap();
        let mut held = String::new();
        GzDecoder::new(&data[..]).read_to_string(&mut held).unwrap();
        // The data are the file as a run writes it, to its digits, without its white space.
        let written: Value = serde_json::from_str(&results.to_json()).unwrap();
        assert!(serde_json::from_str::<Value>(&held).unwrap() == written, "not the results");
        let white = |text: &str| text.matches(char::is_whitespace).count();
        assert!(white(&held) == white(&serde_json::to_string(&written).unwrap()), "not the least");
    }
}

#[test]
fn the_table_to_download_is_the_export() {
    let page = page::render(&results(), None);
    let file = |name: &str| {
        let start = format!("<a download=\"{name}\" href=\"data:application/gzip;base64,");
        let packed = STANDARD.decode(between(&page, &start, "\"")).unwrap();
        let mut file = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut file).unwrap();
        file
    };
    assert!(file("standings.md.gz") == export::markdown(&results()), "another table than the export");
}

#[test]
fn hostile_names_and_reasons_are_text() {
    let clean = page::render(&results(), None);
    let page = page::render(&hostile(), None);
    assert!(!page.contains(HOSTILE.trim()));
    assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"));
    assert_eq!(tags(&page), tags(&clean));
}

#[test]
fn a_source_is_a_link_to_its_commit_or_to_the_file_beside_the_page() {
    let mut results = results();
    results.build.repository = "unknown".to_owned();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let inside = page::render(&results, Some(&workspace.join("bench-report/page")));
    assert!(inside.contains("<a href=\"../../METHODOLOGY.md\">METHODOLOGY.md</a>"));
    let outside = tempfile::tempdir().unwrap();
    for folder in [None, Some(outside.path())] {
        let page = page::render(&results, folder);
        assert!(page.contains("METHODOLOGY.md") && !page.contains("METHODOLOGY.md\">"));
    }
    (results.build.repository, results.build.commit) =
        ("https://example.org/a".to_owned(), "c0ffee".to_owned());
    for folder in [None, Some(workspace)] {
        let page = page::render(&results, folder);
        assert!(
            page.contains("<a href=\"https://example.org/a/blob/c0ffee/METHODOLOGY.md\">METHODOLOGY.md</a>")
        );
    }
    results.build.repository = "javascript:alert(1)//".to_owned();
    assert!(!without_data(&page::render(&results, None)).contains("href=\"javascript"));
}

#[test]
fn every_verdict_of_a_group_stands_above_the_table_and_leads_to_its_workloads() {
    let results = results();
    let page = page::render(&results, None);
    for race in verdict::races(&results) {
        let words = between(&page, &format!("id=\"threads-{}\"", race.threads), "<table");
        assert!(!race.groups.is_empty());
        for group in race.groups {
            let expected = format!("{}: {}.", group.title(), group.sentence());
            assert!(text(words).contains(&expected), "{expected} is missing");
            let verdict = between(words, &format!("<b>{}:</b>", group.title()), "</li>");
            for workload in &results.workloads {
                let leads = verdict.contains(&format!("href=\"#workload-{}\"", workload.name));
                assert_eq!(leads, group.group.as_ref() == Some(&workload.group), "{}", workload.name);
            }
        }
    }
}

#[test]
fn the_race_with_most_threads_comes_first() {
    let page = page::render(&results(), None);
    let places = [2, 1].map(|threads| page.find(&format!("id=\"threads-{threads}\"")).unwrap());
    assert!(places.is_sorted());
}

#[test]
fn every_metric_lane_and_workload_can_be_chosen() {
    let results = results();
    let page = page::render(&results, None);
    let controls = between(&page, "<form id=\"controls\"", "</form>");
    for metric in results.cells.iter().flat_map(|cell| cell.metrics.keys()) {
        assert!(controls.contains(&format!("<option value=\"{metric}\">")), "{metric}");
    }
    for lane in &results.executors {
        assert!(
            controls.contains(&format!("name=\"lane\" value=\"{}\" checked", lane.name)),
            "{}",
            lane.name
        );
    }
    for workload in &results.workloads {
        assert!(
            controls.contains(&format!("name=\"workload\" value=\"{}\"", workload.name)),
            "{}",
            workload.name
        );
    }
}

#[test]
fn a_home_page_that_is_no_web_address_is_no_link() {
    let mut results = results();
    results.executors[0].homepage = "javascript:alert(1)".to_owned();
    let page = page::render(&results, None);
    assert!(page.contains(">javascript:alert(1)<"));
    assert!(!page.contains("href=\"javascript"));
}

#[test]
fn every_cell_stands_in_its_row_and_column() {
    let results = results();
    let page = page::render(&results, None);
    for cell in &results.cells {
        let Some(square) = square(&page, &results, cell) else {
            // Lanes that apply to no workload at this number of threads have a sentence instead of a column.
            let absent = lookup::absent_lanes(&results, cell.threads);
            assert!(absent.contains(&(&*cell.executor, lookup::reason(cell))), "{cell:?} is missing");
            assert!(page.contains(&format!("({}).", lookup::reason(cell))));
            continue;
        };
        if cell.status == Status::NotApplicable {
            assert_eq!(square, "–", "{cell:?}");
            continue;
        }
        for part in expected(cell) {
            assert!(square.contains(&part), "{cell:?} reads {square:?}, without {part:?}");
        }
    }
}

#[test]
fn every_reason_is_readable_in_full() {
    let page = page::render(&results(), None);
    // The reason stands beside the table itself, not only in a part that has to be opened.
    let standings = text(between(&page, "id=\"standings\"", "<section id=\"workload-"));
    for cell in results().cells.iter().filter(|cell| cell.status != Status::Ok) {
        assert!(standings.contains(lookup::reason(cell)), "{}", lookup::reason(cell));
    }
    assert!(text(&page).contains("n/a, counted only by a build with the counting allocator"));
    assert!(text(&page).contains("n/a: the pool's threads outlive the run"));
}

#[test]
fn a_metric_that_no_cell_has_is_a_sentence_with_every_reason() {
    let mut results = results();
    let without = |reason: &str| Metric::Unavailable { unavailable: reason.to_owned() };
    let cells = results.cells.iter_mut().filter(|cell| cell.workload == "sleep-fan-out");
    for (cell, reason) in
        cells.filter(|cell| cell.status == Status::Ok).zip(["not here", "nor there"].into_iter().cycle())
    {
        cell.metrics.insert("allocations".to_owned(), without(reason));
        cell.metrics.insert("allocated-bytes".to_owned(), without(reason));
    }
    let page = page::render(&results, None);
    let figures = between(&page, "Every figure of sleep-fan-out", "</details>");
    assert!(text(figures).contains("allocations and allocated bytes: n/a, not here; nor there."));
    assert!(!text(between(figures, "<thead>", "</thead>")).contains("allocat"));
}

#[test]
fn columns_side_by_side_without_a_figure_say_why_once() {
    let mut results = results();
    let without = Metric::Unavailable { unavailable: "not here".to_owned() };
    let cell = results.cells.iter_mut().find(|cell| cell.status == Status::Ok).unwrap();
    cell.metrics.insert("voluntary-switches".to_owned(), without.clone());
    cell.metrics.insert("involuntary-switches".to_owned(), without);
    let page = page::render(&results, None);
    assert_eq!(page.matches("<td class=\"none\" colspan=\"2\">n/a: not here").count(), 1);
    assert_eq!(page.matches("n/a: not here").count(), 1);
}

#[test]
fn what_a_program_does_not_tell_is_not_zero() {
    let mut results = results();
    let [cell, others @ ..] = &mut results.cells[..3] else { panic!("there are more") };
    let silent = Observed { polls: None, jobs_at_once: None, at_once: None, ..observed(1, 1) };
    cell.observed = Some(silent);
    // A sentence says what all that tell it have in common.
    for (count, other) in (7..).zip(others) {
        let counts = Some(count);
        other.observed =
            Some(Observed { polls: counts, jobs_at_once: counts, at_once: counts, ..observed(1, 1) });
    }
    let lane = cell.executor.clone();
    let page = page::render(&results, None);
    let seen = between(&page, "<summary>proof<span", "</table>");
    let row = text(between(seen, &format!("<th>{lane}<td>"), "<tr"));
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words.iter().filter(|word| **word == "n/a").count(), 4, "{row}");
}

#[test]
fn what_all_cells_have_in_common_is_said_once() {
    let mut results = results();
    for cell in results.cells.iter_mut().filter(|cell| cell.status == Status::Ok) {
        cell.observed = Some(observed(cell.threads, 1));
    }
    let page = page::render(&results, None);
    let seen = between(&page, "<summary>proof<span", "</table>");
    let same = "The same in all that tell it: threads that polled 1, tasks 10, finished 10, cancelled 0";
    assert!(text(seen).contains(same), "{}", text(seen));
    let heads = text(between(seen, "<thead>", "</thead>"));
    assert_eq!(heads, "Lane workers threads before and after");
}

#[test]
fn every_metric_of_every_cell_is_on_the_page() {
    let page = text(&without_data(&page::render(&results(), None)));
    for metric in results().cells.iter().flat_map(|cell| cell.metrics.values()) {
        if let Metric::Measured { .. } = metric {
            assert!(page.contains(&figures::metric(metric)), "{metric:?}");
        }
    }
}

#[test]
fn a_lane_without_some_cells_has_no_mean_but_a_count() {
    let page = page::render(&results(), None);
    let means = row(table(&page, 2), "Geometric mean");
    assert!(means.iter().any(|square| square.contains("ran 4 of 9")), "{means:?}");
    assert!(means.iter().any(|square| square.contains("ran 8 of 9")), "{means:?}");
    let geomean = results().summaries[1].lanes[0].geomean.unwrap();
    assert!(means[0].contains(&figures::ratio(geomean.value)));
    assert!(means[0].contains(&figures::ratio_interval(&geomean)));
}

#[test]
fn a_verdict_names_lanes_that_are_level() {
    let verdict = verdict::verdict(&results(), "blocking-squares-slow", 1).to_string();
    assert!(verdict.starts_with(
        "blocking-squares-slow, 1 thread: rayon leads at 30 tasks; hand-rolled and rayon level at 300 tasks;"
    ));
    assert!(
        text(&without_data(&page::render(&results(), None)))
            .contains("hand-rolled and rayon level at 300 tasks")
    );

    let mut results = results();
    for cell in results.cells.iter_mut().filter(|cell| cell.rank.is_some()) {
        (cell.rank, cell.tied) = (Some(1), true);
    }
    let verdict = verdict::verdict(&results, "wait-timeout", 2).finding;
    assert!(!verdict.contains("leads"), "{verdict}");
    assert!(verdict.contains("async-std, hand-rolled, smol and tokio level at 100"), "{verdict}");
    assert!(verdict.ends_with("all lanes are level"), "{verdict}");
}

#[test]
fn what_is_open_is_not_called_level() {
    let mut results = results();
    for cell in results.cells.iter_mut().filter(|cell| cell.rank.is_some()) {
        (cell.rank, cell.tied, cell.undecided) = (Some(1), true, cell.executor == "smol");
    }
    let verdict = verdict::verdict(&results, "wait-timeout", 2).finding;
    let leads = "async-std, hand-rolled and tokio level, smol (4.01×) open at 100";
    assert!(verdict.starts_with(leads), "{verdict}");
    assert!(verdict.ends_with("no lane is shown to be behind"), "{verdict}");
    let page = page::render(&results, None);
    let cell = results.comparison("wait-timeout", 100, 2).find(|cell| cell.executor == "smol").unwrap();
    assert!(square(&page, &results, cell).unwrap().contains("open"));
}

#[test]
fn a_square_says_what_is_known_of_its_lane() {
    let results = results();
    let page = page::render(&results, None);
    let (workload, threads) = EVERY_KIND;
    let said = |size: u64, lane: &str| {
        let cell = results.comparison(workload, size, threads).find(|cell| cell.executor == lane).unwrap();
        let figure = figures::ns(cell.overhead().unwrap().value);
        square(&page, &results, cell).unwrap().replacen(&figure, "-", 1)
    };
    assert!(said(OPEN, "rayon").starts_with("best - 1.00×"));
    assert_eq!(said(OPEN, "tokio"), "level - 1.02× [1.00, 1.06]");
    assert_eq!(said(OPEN, "hand-rolled"), "near - 1.08× [1.03, 1.14]");
    assert_eq!(said(OPEN, "smol"), "open - 1.30×, between level and 1.60×");
    assert_eq!(said(OPEN, "async-std"), "open - 1.80×, between 1.20× and 2.60×");
    assert_eq!(said(NEAR, "hand-rolled"), "near - 1.08× [1.03, 1.14]");
    // The best and what is level with it are blue; what is near or open has the shade of its own ratio.
    let row = between(
        table(&page, threads),
        &format!("<tr data-workload=\"{workload}\" data-size=\"{OPEN}\">"),
        "</tr>",
    );
    let lanes = |class: &str| {
        let squares = row.split("<td ").filter(|square| square.starts_with(&format!("class=\"{class}\"")));
        squares.map(|square| between(square, "data-lane=\"", "\"")).collect::<Vec<_>>()
    };
    assert_eq!(lanes("lead"), ["tokio", "rayon"], "{row}");
    assert_eq!(lanes("shade-0"), ["hand-rolled"]);
    assert_eq!(lanes("shade-1 open"), ["async-std", "smol"]);
}

#[test]
fn a_verdict_knows_who_is_near() {
    let results = results();
    let (workload, threads) = EVERY_KIND;
    let winner = |size| verdict::winner(results.comparison(workload, size, threads)).unwrap().to_string();
    let near = "rayon leads, hand-rolled near (1.08× [1.03, 1.14]); tokio takes 2.00× [1.94, 2.05]";
    assert_eq!(winner(NEAR), near);
    assert_eq!(
        winner(OPEN),
        "rayon and tokio level, smol (1.30×) and async-std (1.80×) open, hand-rolled near (1.08× [1.03, 1.14])"
    );
    let finding = |results: &Results| verdict::verdict(results, workload, threads).finding;
    let said = finding(&results);
    assert!(
        said.contains(
            "; rayon leads, hand-rolled near (1.08× [1.03, 1.14]) at 10,000 tasks; at 10,000 tasks, rayon takes "
        ),
        "{said}"
    );
    // What is the same at every size is said once, without the ratios, which differ.
    let mut alike = results.clone();
    for cell in alike.cells.iter_mut().filter(|cell| cell.rank == Some(1) && cell.size == OPEN) {
        let behind = ["smol", "async-std", "tokio"].contains(&&*cell.executor);
        (cell.undecided, cell.rank) = (false, Some(if behind { 3 } else { 1 }));
    }
    let said = finding(&alike);
    assert!(
        said.starts_with("rayon leads, hand-rolled near at every size; at 10,000 tasks, rayon takes "),
        "{said}"
    );
    // Without a lane behind them, none is said to be behind, nor all to be level.
    for cell in alike.cells.iter_mut().filter(|cell| cell.rank.is_some() && cell.workload == workload) {
        (cell.rank, cell.near) = (Some(1), cell.executor != "rayon");
    }
    let said = finding(&alike);
    assert!(
        said.starts_with("rayon leads, async-std, hand-rolled, smol and tokio near at every size"),
        "{said}"
    );
    assert!(said.ends_with("no lane is shown to be behind"), "{said}");
    let said = verdict::winner(alike.comparison(workload, NEAR, threads)).unwrap().to_string();
    assert_eq!(said, "rayon leads, hand-rolled, tokio, smol and async-std near (1.08× to 6.63×)");
}

#[test]
fn the_terminal_has_the_same_verdicts() {
    let table = table::verdict_table(&results());
    let table = table.split(|character: char| character.is_whitespace() || character == '│');
    let table = table.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    assert!(table.contains("hand-rolled near (1.08×"), "{table}");
    assert!(table::settled(&results()).unwrap().starts_with("17 of 18 comparisons settled; `cargo bench"));
}

#[test]
fn the_strip_says_how_much_is_settled_and_what_goes_on() {
    let strip =
        |results: &Results| text(between(&page::render(results, None), "<div class=\"strip\">", "</header>"));
    let mut results = results();
    let said = strip(&results);
    assert!(
        said.contains("17 of 18 comparisons settled; cargo bench -- --more 5m would go on with this run"),
        "{said}"
    );
    results.run.outlook = Some(Outlook { minutes: 4, settles: 1 });
    assert!(strip(&results).contains("about 4 more minutes would settle the rest: cargo bench -- --more 4m"));
    for (command, out) in [
        ("run --out /tmp/a --quick", "--more 4m --out /tmp/a"),
        ("run --quick --out=my runs/it's", r"--more 4m --out 'my runs/it'\''s'"),
    ] {
        results.run.command = command.to_owned();
        assert!(strip(&results).contains(out), "{}", strip(&results));
    }
    results.run.command = "run".to_owned();
    results.rows[0].open.push("smol".to_owned());
    results.run.outlook = Some(Outlook { minutes: 1, settles: 1 });
    let said = strip(&results);
    let outlook = "16 of 18 comparisons settled; about 1 more minute would settle 1 of the others: cargo bench -- --more 1m";
    assert!(said.contains(outlook), "{said}");
    results.rows.iter_mut().for_each(|row| row.open.clear());
    let said = strip(&results);
    assert!(said.contains("all 18 comparisons settled") && !said.contains("cargo bench"), "{said}");
}

#[test]
fn a_row_has_its_noise_floor_and_the_method_says_what_that_is() {
    let mut results = results();
    let page = page::render(&results, None);
    for row in &results.rows {
        let start = format!("<tr data-workload=\"{}\" data-size=\"{}\">", row.workload, row.size);
        let head = text(between(table(&page, row.threads), &start, "</th>"));
        assert!(head.ends_with(&format!(" floor {}", figures::ratio(row.floor))), "{head}");
    }
    let method = text(between(&page, "<section id=\"method\">", "<section id=\"circumstances\">"));
    assert!(method.contains("Behind, level, near, open"), "{method}");
    assert!(
        method.contains("Here it is 1.10× in the middle, from 1.01× to 1.18×. No lane raced"),
        "{method}"
    );
    assert!(text(&page).contains("noise floor 1.01× to 1.18×"));
    results.noise = Some(Noise { floor: 1.036, floors: BTreeMap::new(), different: 2, pairs: Vec::new() });
    assert!(text(&page::render(&results, None)).contains("these twins differed by no more than 1.04×"));
    results.rows.iter_mut().for_each(|row| row.floor = 1.001);
    let page = text(&page::render(&results, None));
    assert!(page.contains("Here it is 1.00× in every row."), "{page}");
    assert!(!page.contains("1.00× to 1.00×"), "{page}");
}

#[test]
fn a_run_says_in_which_periods_it_was_measured() {
    let mut results = results();
    let measured =
        |results: &Results| text(between(&page::render(results, None), "<dt>measured</dt>", "</div>"));
    assert_eq!(measured(&results), "from start to finish");
    let period = |started: &str, finished: &str| Period {
        started: format!("2026-11-27T{started}:00Z"),
        finished: format!("2026-11-27T{finished}:00Z"),
    };
    results.run.periods = vec![period("08:00", "08:10"), period("09:00", "09:05")];
    assert_eq!(
        measured(&results),
        "2026-11-27 08:00 UTC to 2026-11-27 08:10 UTC, then 2026-11-27 09:00 UTC to 2026-11-27 09:05 UTC"
    );
}

#[test]
fn a_file_from_before_there_were_rows_has_a_page() {
    let mut results = fixture::read();
    let floors = BTreeMap::from([("lateness of a tick".to_owned(), 1.5)]);
    results.noise = Some(Noise { floor: 1.036, floors, different: 0, pairs: Vec::new() });
    let page = page::render(&results, None);
    assert!(!text(between(&page, "<header>", "</header>")).contains("settled"));
    let standings = text(between(&page, "<section id=\"standings\"", "<section id=\"workload-"));
    assert!(!standings.contains("floor 1.") && !standings.contains("A row is settled"), "{standings}");
    assert!(standings.contains("10 % of the best, or within the noise floor; near"), "{standings}");
    let method = text(between(&page, "<section id=\"method\">", "<section id=\"circumstances\">"));
    for expected in ["differed by no more than 3.6 %", "floors of their own: lateness of a tick 50.0 %."] {
        assert!(method.contains(expected), "{method}");
    }
    let rows = text(between(&page, "<select name=\"rows\">", "</select>"));
    assert_eq!(rows, "all what differs", "it does not say what is settled");
    assert_eq!(table::settled(&results), None);
    let cell = results.comparison("sleep-fan-out", 100, 2).next().unwrap();
    assert!(square(&page, &results, cell).is_some());
}

#[test]
fn rows_and_pairs_can_be_chosen() {
    let page = page::render(&results(), None);
    let rows = text(between(&page, "<select name=\"rows\">", "</select>"));
    assert_eq!(rows, "all what differs what is settled what is open");
    for name in ["one", "other"] {
        let lanes = between(&page, &format!("<select name=\"{name}\" form=\"controls\">"), "</select>");
        assert!(lanes.starts_with("<option value=\"\">any"), "{lanes}");
        assert!(lanes.contains("<option>tokio</option>") && !lanes.contains(PROGRAM), "{lanes}");
    }
}

#[test]
fn noise_warnings_growth_memory_and_flags_are_on_the_page() {
    let mut results = results();
    let ratio = Estimate { value: 1.012, low: 0.99, high: 1.04 };
    let pair = NoisePair {
        workload: "spawn-join".to_owned(),
        size: 10_000,
        threads: 1,
        executor: "smol".to_owned(),
        ratio,
        different: false,
    };
    let floors = BTreeMap::from([("lateness of a tick".to_owned(), 1.5)]);
    results.noise = Some(Noise { floor: 1.036, floors, different: 0, pairs: vec![pair] });
    results.warnings =
        vec![Warning { finding: "a battery feeds it".to_owned(), remedy: "plug it in".to_owned() }];
    results.growth = vec![Growth {
        workload: "wait-timeout".to_owned(),
        threads: 2,
        executor: "tokio".to_owned(),
        sizes: vec![1, 10, 100],
        exponent: ratio,
    }];
    results.memory = vec![Memory {
        workload: "sleepers".to_owned(),
        threads: 2,
        executor: "tokio".to_owned(),
        bytes_a_task: Metric::Unavailable { unavailable: "its process died".to_owned() },
        r_squared: None,
        points: vec![(1_000, 2_097_152)],
    }];
    results.cells.iter_mut().find(|cell| cell.status == Status::Ok).unwrap().flags =
        vec!["takes twice the processor time".to_owned()];
    let page = text(&without_data(&page::render(&results, None)));
    for expected in [
        "differed by no more than 1.04×",
        "a battery feeds it: plug it in.",
        "tokio, 2 threads: size to the power of 1.01 [0.99, 1.04]",
        "n/a: its process died",
        "1,000 tasks: 2.00 MiB",
        "takes twice the processor time.",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn a_lane_says_what_was_asked_of_it_and_what_was_seen() {
    let mut results = results();
    let tokio = results.executors.iter_mut().find(|executor| executor.name == "tokio").unwrap();
    (tokio.limits, tokio.dependencies) = ("A sleep ends late.".to_owned(), Some(12));
    let smol = results.executors.iter_mut().find(|executor| executor.name == "smol").unwrap();
    (smol.limits, smol.dependencies) = (String::new(), None);
    for cell in results.cells.iter_mut().filter(|cell| cell.executor == "smol") {
        cell.observed = None;
    }
    let cells = results.cells.iter_mut().filter(|cell| cell.executor == "tokio" && cell.threads == 2);
    for (place, cell) in cells.enumerate() {
        let driver = (place == 0).then(|| "io_uring".to_owned());
        cell.observed = Some(Observed { driver, ..observed(2, 1 + place % 2) });
    }
    let page = page::render(&results, None);
    let [tokio, smol] = ["tokio", "smol"].map(|lane| {
        text(between(
            &page,
            &format!("<li class=\"hue-{}\" data-lane=\"{lane}\">", hue(&page, lane)),
            "</li>",
        ))
    });
    for expected in [
        "Limits A sleep ends late.",
        "2 requested: 2 came, 1 to 2 polled",
        "Processors 0-1",
        "Sockets io_uring",
        "Jobs up to 3 at once",
        "Depends on 12 other packages",
        "https://tokio.rs",
        "executors/tokio/src/lib.rs",
    ] {
        assert!(tokio.contains(expected), "{expected}: {tokio}");
    }
    for expected in
        ["Limits none noted", "Workers not observed", "Processors not observed", "Depends on unknown"]
    {
        assert!(smol.contains(expected), "{expected}: {smol}");
    }
    assert!(!smol.contains("Sockets"), "no task of it used any: {smol}");
}

#[test]
fn the_memory_of_a_task_is_a_bar_from_zero_and_a_line_of_the_table() {
    let mut results = results();
    let estimate = |value| Estimate { value, low: value - 10.0, high: value + 10.0 };
    let memory = |executor: &str, bytes_a_task| Memory {
        workload: "sleepers".to_owned(),
        threads: 2,
        executor: executor.to_owned(),
        bytes_a_task,
        r_squared: Some(0.98765),
        points: vec![(1_000, 2_097_152)],
    };
    let measured =
        |value| Metric::Measured { unit: "bytes".to_owned(), estimate: estimate(value), blocks: vec![] };
    let without = Metric::Unavailable { unavailable: "needs a timer".to_owned() };
    results.memory =
        vec![memory("tokio", measured(400.0)), memory("smol", measured(200.0)), memory("rayon", without)];
    let page = page::render(&results, None);
    let chart = between(&page, "class=\"footprint\"", "</svg>");
    let bar = |lane: &str| between(chart, &format!("data-lane=\"{lane}\""), "</g>");
    let width = |lane| -> f64 { between(bar(lane), " width=\"", "\"").parse().unwrap() };
    assert!((width("tokio") / width("smol") - 2.0).abs() < 0.01, "{} and {}", width("tokio"), width("smol"));
    assert!(text(bar("tokio")).contains("400 B [390, 410]"));
    assert!(!bar("rayon").contains("<rect") && text(bar("rayon")).contains("n/a"));
    let table = text(between(&page, "id=\"memory-caption\"", "</table>"));
    assert!(table.contains("tokio 2 threads 400 B [390, 410] 0.9877 1,000 tasks: 2.00 MiB"), "{table}");
    assert!(table.contains("rayon 2 threads n/a: needs a timer"), "{table}");
}

#[test]
fn the_method_leads_to_chapters_that_there_are() {
    let methodology = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../METHODOLOGY.md");
    let methodology = std::fs::read_to_string(methodology).unwrap();
    let plain = |character: &char| character.is_alphanumeric() || " -".contains(*character);
    let anchor =
        |title: &str| title.to_lowercase().chars().filter(plain).collect::<String>().replace(' ', "-");
    let anchors: BTreeSet<String> =
        methodology.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let page = page::render(&results(), None);
    let links: Vec<&str> =
        page.split("METHODOLOGY.md#").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert!(links.len() > 4);
    assert!(links.iter().all(|link| anchors.contains(*link)), "{links:?} are not all of {anchors:?}");
}

#[test]
fn the_command_of_a_run_makes_it_again() {
    let again = |command: &str| {
        let mut results = results();
        (results.run.command, results.run.seed) = (command.to_owned(), 7);
        text(between(&page::render(&results, None), "<pre>", "</pre>"))
    };
    assert_eq!(again(""), "cargo bench -- --seed 7");
    assert_eq!(again("--quick smol"), "cargo bench -- --quick smol --seed 7");
    assert_eq!(again("--seed 7"), "cargo bench -- --seed 7");
    // `bench-report run` takes what `cargo bench` takes.
    assert_eq!(again("run"), "cargo bench -- --seed 7");
    assert_eq!(again("run --full"), "cargo bench -- --full --seed 7");
}

#[test]
fn a_verdict_names_the_leader_its_figure_and_the_next() {
    let verdict = verdict::verdict(&results(), "sleep-fan-out", 2);
    let cell = |lane| {
        let results = results();
        results.comparison("sleep-fan-out", 100_000, 2).find(|cell| cell.executor == lane).unwrap().clone()
    };
    let (overhead, behind) = (cell("hand-rolled").overhead().unwrap().value, cell("tokio").ratio.unwrap());
    let expected = format!(
        "hand-rolled leads at every size; at 100,000 tasks, it takes {} per task over the ideal; tokio takes {} as much",
        figures::ns(overhead),
        figures::ratio_with_interval(&behind)
    );
    assert_eq!(verdict.finding, expected);
}

#[test]
fn more_threads_than_processors_come_last_and_are_called_so() {
    let mut results = results();
    for cell in results.cells.iter_mut().filter(|cell| cell.threads == 2) {
        cell.threads = 4;
    }
    assert_eq!(lookup::races(&results), [1, 4], "of a machine with two processors");
    let page = page::render(&results, None);
    let [one, four] = [">1 thread</h2>", ">4 threads, oversubscribed: more than there are processors</h2>"]
        .map(|heading| page.find(heading).unwrap_or_else(|| panic!("no {heading}")));
    assert!(one < four);
    results.machine.cores = "unknown".to_owned();
    assert_eq!(lookup::races(&results), [4, 1]);
    assert!(!page::render(&results, None).contains("oversubscribed: more"));
}

#[test]
fn a_ratio_is_written_as_one_wherever_it_stands() {
    let results = extended::run();
    let cell = results.comparison(BY_RATIO, 100, 2).find(|cell| cell.rank == Some(1)).unwrap();
    let figure = figures::ratio(cell.overhead().unwrap().value);
    let page = page::render(&results, None);
    assert!(square(&page, &results, cell).unwrap().contains(&figure), "{figure}");
    let finding = verdict::verdict(&results, BY_RATIO, 2).finding;
    assert!(finding.contains("a spread of turns of ") && !finding.contains(" ns"), "{finding}");
    assert!(table::verdict_table(&results).contains(&figure), "{figure}");
}

#[test]
fn a_verdict_names_who_is_missing() {
    let missing = verdict::verdict(&results(), "wait-timeout", 2).missing;
    assert_eq!(missing, ["async-std failed at 10,000 tasks.", "n/a: rayon (needs a timer)."]);
    let absent = &verdict::races(&results())[0].absent;
    let expected =
        "n/a: hand-rolled-current-thread, tokio-current-thread and smol-local (runs on one thread only).";
    assert_eq!(absent, &[expected]);

    let mut results = results();
    results.cells.retain(|cell| cell.executor != "smol" || cell.workload != "wait-timeout");
    let missing = verdict::verdict(&results, "wait-timeout", 2).missing;
    assert!(missing.contains(&"n/a: smol (not run).".to_owned()), "{missing:?}");
    assert!(page::render(&results, None).contains("not run"));
}

#[test]
fn a_comparison_that_no_lane_finished_has_no_winner() {
    let mut results = results();
    let comparison = |cell: &&mut Cell| cell.workload == "wait-timeout" && cell.size == 100;
    for cell in results.cells.iter_mut().filter(comparison) {
        (cell.status, cell.reason) = (Status::Failed, Some("hung".to_owned()));
        (cell.ratio, cell.rank) = (None, None);
        cell.metrics.clear();
    }
    assert!(verdict::winner(results.comparison("wait-timeout", 100, 1)).is_none());
    let verdict = verdict::verdict(&results, "wait-timeout", 2).finding;
    assert!(verdict.contains("no lane was measured at 100"), "{verdict}");
    assert!(page::render(&results, None).contains("hung"));
}

/// Flavours are lighter, and programs are grey: no two executors of a lineup of up to eight look alike.
#[test]
fn an_executor_has_a_colour_of_its_own() {
    let results = results();
    let page = page::render(&results, None);
    let hue = |lane: &str| hue(&page, lane).to_owned();
    let executors = ["hand-rolled", "tokio", "async-std", "smol", "rayon"];
    assert_eq!(executors.map(hue), ["0", "1", "2", "3", "4"]);
    for (flavour, executor) in [("tokio-current-thread", "tokio"), ("smol-local", "smol")] {
        assert_eq!(hue(flavour), format!("{}-light", hue(executor)));
    }
    assert_eq!(hue(PROGRAM), "program");
}

#[test]
fn a_dash_has_its_reason_in_its_title_and_below_the_table() {
    let results = results();
    let page = page::render(&results, None);
    let standings = between(&page, "id=\"standings-2\"", "<details>");
    let (table, below) = standings.split_once("</table>").unwrap();
    assert!(table.contains("<abbr title=\"needs a timer\">–</abbr>"), "{table}");
    assert!(!text(between(table, "<tbody", "<tfoot>")).contains("n/a"));
    let said = between(below, "<p class=\"note without\">", "</p>");
    assert_eq!(said.matches("needs a timer: rayon").count(), 1, "{said}");
}

/// A neighbour costs what it adds to the lateness that is there without it.
#[test]
fn what_a_size_adds_is_the_difference_to_none() {
    let mut results = results();
    let workload = results.workloads.iter_mut().find(|workload| workload.name == "sleep-fan-out").unwrap();
    workload.measure = "lateness of a tick".to_owned();
    for cell in results.cells.iter_mut().filter(|cell| cell.workload == "sleep-fan-out" && cell.size == 100) {
        cell.size = 0;
    }
    let [none, many] = [0, 10_000].map(|size| {
        let cell = results.comparison("sleep-fan-out", size, 2).find(|cell| cell.executor == "smol").unwrap();
        cell.overhead().unwrap().value
    });
    let page = page::render(&results, None);
    let added = format!("smol {}", figures::ns(many - none));
    let said: Vec<String> = page
        .split("<p class=\"note added\">")
        .skip(1)
        .map(|said| said.split('<').next().unwrap().to_owned())
        .collect();
    assert!(
        said.iter().any(|said| said.starts_with("10,000 tasks, 2 threads: ") && said.contains(&added)),
        "{said:?}"
    );
    assert!(
        !page::render(&self::results(), None).contains("note added"),
        "without a size 0 there is no difference"
    );
}

/// A number without its unit says little, and the whole description of it does not fit into a row.
#[test]
fn a_size_has_its_unit() {
    for (counts, expected) in [
        ("µs of a sleep", "100 µs"),
        ("places in the channel; at 10,000, it is unbounded", "100 places"),
        ("n", "n = 100"),
        ("requests a second", "100 requests a second"),
        ("", "100"),
    ] {
        let mut results = results();
        results.workloads.iter_mut().for_each(|workload| workload.size = counts.to_owned());
        let page = page::render(&results, None);
        let head = between(table(&page, 2), "<span class=\"size\"", "</span>");
        assert_eq!(head.rsplit('>').next().unwrap(), expected);
    }
}

/// A card begins with what a lane has and how it did; what was seen in its run is in a fold.
#[test]
fn a_card_begins_with_what_a_lane_has_and_how_it_did() {
    let mut results = results();
    let tokio = results.executors.iter_mut().find(|executor| executor.name == "tokio").unwrap();
    tokio.standing = Some(Standing::Discontinued("RUSTSEC-2025-0052".to_owned()));
    tokio.has = vec![Capability::Timer, Capability::Sockets];
    let page = page::render(&results, None);
    let card =
        page.split("<li class=\"hue-").find(|card| card.contains("data-lane=\"tokio\">\n<h3>")).unwrap();
    let card = card.split("</li>").next().unwrap();
    let (first, seen) = card.split_once("<details>").unwrap();
    let first = text(&format!("<li {first}"));
    assert!(
        first.contains("Has timers and sockets Standing discontinued: RUSTSEC-2025-0052 Rows 2 threads: "),
        "{first}"
    );
    assert!(text(seen).contains("Workers"), "{seen}");
    // The counts are those of the table.
    let row = |cell: &&Cell| cell.executor == "tokio" && cell.threads == 2 && cell.rank.is_some();
    let (leading, behind): (Vec<&Cell>, Vec<&Cell>) =
        results.cells.iter().filter(row).partition(|cell| cell.rank == Some(1));
    assert!(
        first.contains(&format!("behind {} of {} rows", behind.len(), leading.len() + behind.len())),
        "{first}"
    );
}

/// Readers look for latency, memory or cancelling, whatever the rows call it.
#[test]
fn a_row_is_found_by_other_words() {
    let page = page::render(&results(), None);
    let also = |workload: &str| {
        between(
            between(&page, &format!("<tbody id=\"workload-{workload}-rows-2\""), ">"),
            "data-also=\"",
            "\"",
        )
    };
    assert!(also("wait-timeout").contains("cancel"));
    assert!(also("blocking-squares").contains("spawn_blocking"));
    assert!(!also("blocking-squares").contains("cancel"));
}

#[test]
fn a_section_leads_back_to_its_rows() {
    let page = page::render(&results(), None);
    let links: Vec<&str> =
        page.split("class=\"back\" href=\"#").skip(1).map(|link| link.split('"').next().unwrap()).collect();
    assert!(links.len() > 6, "{links:?}");
    for link in links {
        assert_eq!(page.matches(&format!("<tbody id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn an_empty_run_has_a_page() {
    let mut results = results();
    results.cells.clear();
    results.summaries.clear();
    assert!(page::render(&results, None).contains("</html>"));
}

#[test]
fn the_page_of_the_default_grid_is_small() {
    let page = page::render(&default_grid(), None);
    assert!(page.len() < 1_800_000, "{} bytes", page.len());
}

/// The page of eighty-eight comparisons on twelve lanes has to stay below 1.8 million bytes.
#[test]
fn a_comparison_takes_few_bytes_of_the_page() {
    let grid = default_grid();
    let same = |one: &Cell, other: &Cell| {
        (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
    };
    let comparisons = grid.cells.chunk_by(same).count();
    let page = page::render(&grid, None);
    // The style and the script are there once, however many comparisons there are.
    let once = between(&page, "<style>", "</style>").len() + between(&page, "<script>", "</script>").len();
    let each = (page.len() - once) / comparisons;
    assert!(once + 88 * each < 1_800_000, "{once} bytes, and {each} for each of {comparisons}");
}

#[test]
fn a_program_stands_beside() {
    let results = results();
    let page = page::render(&results, None);
    for threads in [1, 2] {
        let table = table(&page, threads);
        let lanes: Vec<&str> =
            between(table, "<tr><th scope=\"col\">", "</tr>").split("data-lane=\"").skip(1).collect();
        assert!(lanes.last().unwrap().starts_with(&format!("{PROGRAM}\" class=\"program\"")), "{lanes:?}");
        assert!(text(&format!("<th {}", lanes.last().unwrap())).contains("program asyncio"));
        for square in table.split("<td class=\"").skip(1).filter(|square| square.contains(PROGRAM)) {
            let class = square.split('"').next().unwrap();
            assert!(["program", "none program"].contains(&class), "{square}");
            assert!(!square.split("</td>").next().unwrap().contains('×'), "{square}");
        }
        let means = row(table, "Geometric mean");
        assert_eq!(means.last().unwrap(), "beside");
    }
    let cell = results.comparison("sleep-fan-out", 100, 2).find(|cell| cell.executor == PROGRAM).unwrap();
    let figure = figures::metric(&cell.metrics["overhead"]);
    assert_eq!(square(&page, &results, cell).unwrap(), figure);
    let references = between(&page, "<select name=\"reference\">", "</select>");
    assert!(!references.contains(PROGRAM) && references.contains("value=\"tokio\""));
    assert!(text(between(&page, "<section id=\"lanes\">", "</section>")).contains("asyncio 0.1.0, program"));
}

#[test]
fn no_verdict_is_about_a_program() {
    let mut results = results();
    for race in verdict::races(&results) {
        for said in race.groups.iter().flat_map(|group| [Some(group.sentence()), group.missing.clone()]) {
            assert!(!said.unwrap_or_default().contains(PROGRAM));
        }
        for verdict in race.verdicts {
            assert!(!verdict.to_string().contains(PROGRAM), "{verdict}");
        }
    }
    // Nor is there a margin where no other lane was measured, or raced at all.
    for cell in results.cells.iter_mut().filter(|cell| cell.executor != PROGRAM) {
        (cell.status, cell.reason) = (Status::Failed, Some("hung".to_owned()));
        (cell.ratio, cell.rank) = (None, None);
        cell.metrics.clear();
    }
    let finding = |results: &Results| verdict::verdict(results, "sleep-fan-out", 2).finding;
    assert_eq!(finding(&results), "no executor was measured at every size");
    assert!(page::render(&results, None).contains("no executor was measured"));
    results.cells.retain(|cell| cell.executor == PROGRAM);
    assert_eq!(finding(&results), "no executor was measured at every size");
    assert!(page::render(&results, None).contains("</html>"));
    results.executors.retain(|lane| lane.name == PROGRAM);
    assert!(page::render(&results, None).contains("</html>"));
}

#[test]
fn what_is_known_stands_in_its_section_and_is_marked_in_the_table() {
    let results = results();
    let page = page::render(&results, None);
    let section = between(&page, "<section id=\"workload-sleep-fan-out\"", "</section>");
    let known = text(between(section, "<div class=\"known\">", "</dl>"));
    assert_eq!(known, "Known causes tokio A sleep may end late. tokio#5021 smol A waiting task is notified.");
    assert!(section.contains("<a href=\"https://github.com/tokio-rs/tokio/issues/5021\">tokio#5021</a>"));
    let table = table(&page, 2);
    let marked: Vec<&str> = table.split("<td ").filter(|square| square.contains("class=\"known\"")).collect();
    assert_eq!(marked.len(), 3, "one for each size");
    for square in marked {
        assert!(square.contains("data-lane=\"tokio\"") && square.contains("href=\"#known-1\""), "{square}");
        assert!(square.contains("Known: tokio#5021"), "{square}");
    }
    assert_eq!(page.matches("id=\"known-1\"").count(), 1);
    let mut results = results;
    results.known[0].link = "javascript:alert(1)".to_owned();
    assert!(!page::render(&results, None).contains("href=\"javascript"));
}

#[test]
fn what_is_not_time_says_what_it_is() {
    let results = results();
    let page = page::render(&results, None);
    let head = between(table(&page, 2), &format!("<tr data-workload=\"{BY_PROCESSOR}\""), "</th>");
    assert!(text(head).contains(" processor time per job floor 1."), "{head}");
    let section = between(&page, &format!("<section id=\"workload-{BY_PROCESSOR}\""), "</section>");
    let points = text(between(section, "<dl class=\"points\">", "</dl>"));
    assert!(
        points.contains("Size tasks Measured processor time per job, not the time of a whole run"),
        "{points}"
    );
    let verdict = verdict::verdict(&results, BY_PROCESSOR, 2).finding;
    assert!(verdict.contains("has a processor time per job of") && !verdict.contains("takes"), "{verdict}");
    let groups = verdict::groups(&results, 2);
    assert_eq!(groups[0].title(), "9 comparisons measured in time");
    let blocking = groups.iter().find(|group| group.group.as_deref() == Some("Blocking jobs")).unwrap();
    assert!(blocking.sentence().starts_with("time and processor time: "), "{}", blocking.sentence());
    assert!(text(&page).contains("Geometric mean of 9, measured in time"));
}

#[test]
fn a_run_without_a_clock_has_groups_and_no_mean_of_all() {
    let mut results = results();
    results.workloads.iter_mut().for_each(|workload| workload.measure = "lateness of a tick".to_owned());
    for summary in &mut results.summaries {
        (summary.comparisons, summary.reference) = (0, None);
        summary.lanes.clear();
    }
    let groups = verdict::groups(&results, 2);
    assert!(!groups.is_empty() && groups.iter().all(|group| group.group.is_some()));
    assert!(groups[0].sentence().starts_with("lateness of a tick: "), "{}", groups[0].sentence());
    assert!(!text(&page::render(&results, None)).contains("All 0 comparisons"));
}

fn results() -> Results {
    extended::run()
}

/// Makes a run with as many figures as a default run has: 45 comparisons on 12 lanes, no two figures equal, a
/// third of them with sleeps.
fn default_grid() -> Results {
    let made_up = results();
    let mut grid = made_up.clone();
    let mut state = 7_u64;
    let mut factor = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        0.7 + (state >> 40) as f64 / (1 << 24) as f64
    };
    grid.executors = (0..12).map(|place| made_up.executors[place % 9].clone()).collect();
    for (place, lane) in grid.executors.iter_mut().enumerate() {
        lane.name = format!("{}-{place}", lane.name);
    }
    (grid.workloads, grid.cells) = (Vec::new(), Vec::new());
    for place in 0..12 {
        let mut workload = made_up.workloads[place % 4].clone();
        let of_workload = |cell: &&Cell| cell.workload == workload.name;
        let cells: Vec<Cell> = made_up.cells.iter().filter(of_workload).cloned().collect();
        workload.name = format!("{}-{place}", workload.name);
        for lanes in cells.chunk_by(|one, other| (one.size, one.threads) == (other.size, other.threads)) {
            for (place, lane) in grid.executors.iter().enumerate() {
                let mut cell = lanes[place % 9].clone();
                (cell.workload, cell.executor) = (workload.name.clone(), lane.name.clone());
                for metric in cell.metrics.values_mut() {
                    if let Metric::Measured { estimate: Estimate { value, low, high }, blocks, .. } = metric {
                        [value, low, high].into_iter().chain(blocks).for_each(|figure| *figure *= factor());
                    }
                }
                if workload.group == "Timers" && cell.status == Status::Ok {
                    let histogram = (0..90).map(|step| (1_000 * step, (factor() * 90.0) as u64)).collect();
                    cell.lateness = Some(Lateness { samples: 8_000, histogram });
                }
                grid.cells.push(cell);
            }
        }
        grid.workloads.push(workload);
    }
    grid
}

/// Returns results in which every text is hostile.
fn hostile() -> Results {
    let mut value = serde_json::to_value(results()).unwrap();
    append_hostile(&mut value);
    serde_json::from_value(value).unwrap()
}

/// Makes the observations of a lane with `workers` workers, of which `threads` polled.
fn observed(workers: usize, threads: usize) -> Observed {
    Observed {
        threads,
        spawned: 10,
        finished: 10,
        cancelled: 0,
        polls: Some(20),
        jobs: 9,
        jobs_at_once: Some(3),
        at_once: Some(10),
        sleeps: 0,
        workers,
        root_on_worker: true,
        cpus: "0-1".to_owned(),
        threads_before: None,
        threads_after: None,
        driver: None,
    }
}

/// Returns the name of the colour that the card of a lane has.
fn hue<'a>(page: &'a str, lane: &str) -> &'a str {
    let (before, _) = page.split_once(&format!("\" data-lane=\"{lane}\">\n<h3>")).expect("a card");
    before.rsplit_once("<li class=\"hue-").expect("a colour").1
}

/// Returns the text of a cell's square, if its lane has a column.
fn square(page: &str, results: &Results, cell: &Cell) -> Option<String> {
    let table = table(page, cell.threads);
    let lanes = between(table, "<tr><th scope=\"col\">", "</tr>").split("<th ").skip(1);
    let column = lanes
        .map(|head| between(head, "data-lane=\"", "\""))
        .position(|lane| text(&format!("<i>{lane}")) == cell.executor)?;
    let row = between(
        table,
        &format!("<tr data-workload=\"{}\" data-size=\"{}\">", cell.workload, cell.size),
        "</tr>",
    );
    let quantity = lookup::quantity_in_short(results, &cell.workload);
    let floor = results.row(&cell.workload, cell.size, cell.threads).map(|row| figures::ratio(row.floor));
    let floor = floor.map_or(String::new(), |floor| format!(" floor {floor}"));
    let counts =
        results.workloads.iter().find(|known| known.name == cell.workload).map_or("", |known| &known.size);
    let size = format!("{} {counts}", figures::whole(cell.size));
    let head = format!("{} {} {quantity}{floor}", cell.workload, size.trim());
    assert_eq!(text(between(row, "<th scope=\"row\">", "</th>")), head);
    let square = row.split("<td ").nth(column + 1).unwrap();
    assert!(square.contains(&format!("data-lane=\"{}\"", cell.executor)), "{square}");
    // The two parts of a detail have no space between them.
    Some(text(&format!("<td {square}")).replace("× ,", "×,"))
}

fn table(page: &str, threads: usize) -> &str {
    between(page, &format!("id=\"standings-{threads}\""), "</table>")
}

/// Returns the squares of the row with this head.
fn row(table: &str, head: &str) -> Vec<String> {
    let row = between(table, &format!("<th scope=\"row\">{head}"), "</tr>");
    row.split("<td ").skip(1).map(|square| text(&format!("<td {square}"))).collect()
}

/// Hashes the text between two tags as a browser does.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// Returns the page without the block of data.
fn without_data(page: &str) -> String {
    page.replace(between(page, DATA, "</script>"), "")
}
