//! Facts about the controls of the table: after every choice of a reader, the table agrees with the results.

use results::figures;
use serde_json::{Value, json};

use super::{
    Tests,
    model::{Choice, Sort, Table},
    pages::{DEFAULT, HOSTILE, LARGE, OLD},
    tab::Tab,
    tests,
};
use crate::extended::{EVERY_KIND, OPEN, PROGRAM};

pub(crate) const TESTS: Tests = tests![
    the_script_repeats_what_is_written,
    the_script_writes_figures_as_the_program_does,
    every_metric_of_every_cell_is_that_of_the_results,
    every_reference_has_the_ratios_of_the_results,
    hiding_changes_no_number,
    the_best_visible_depends_on_what_is_visible,
    the_words_say_what_is_in_force,
    rows_are_sorted_by_a_column_and_lanes_by_a_row,
    programs_stay_beside_whatever_is_sorted_or_hidden,
    a_mark_in_the_table_leads_to_what_is_known,
    what_has_no_figure_comes_last,
    a_search_leaves_the_rows_that_have_its_words,
    rows_are_shown_by_what_is_known_of_them,
    a_pair_leaves_two_lanes_and_their_ratio,
    an_open_square_keeps_its_words_only_beside_the_best,
    an_old_run_has_rows_that_differ_and_pairs,
    an_address_leads_to_what_it_was_taken_from,
    a_broken_address_leads_to_the_page_as_written,
    a_theme_holds_whatever_the_reader_prefers,
    hostile_names_can_be_chosen,
    a_large_run_can_be_used,
];

/// Reads the visible part of the table as a [`Table`], without the marks of known issues.
const TABLE: &str = r"(() => {
    const race = [...document.querySelectorAll('.race')].filter(race => race.checkVisibility());
    if (race.length !== 1) throw new Error(`${race.length} races are visible`);
    const table = race[0].querySelector('table.standings');
    const all = (selector, within) => [...within.querySelectorAll(selector)].filter(found => found.checkVisibility());
    const squares = row => all(':scope > td', row).map(square => square.innerText.replace('†', '').replace(/\s+/g, ' ').trim());
    const lanes = all('thead th[data-lane]', table).map(head => head.dataset.lane);
    for (const row of all('tr[data-workload], tfoot tr', table)) {
        const own = all(':scope > td', row).map(square => square.dataset.lane);
        if (own.join() !== lanes.join()) throw new Error(`the row has ${own}, the head ${lanes}`);
    }
    return {
        threads: Number(race[0].dataset.threads),
        lanes,
        rows: all('tbody > tr[data-workload]', table).map(row => ({
            workload: row.dataset.workload, size: Number(row.dataset.size ?? 0), squares: squares(row),
        })),
        means: squares(table.querySelector('tfoot tr')),
    };
})()";

/// Returns all texts of the tables, and their shades.
const WRITTEN: &str = "[...document.querySelectorAll('.standings td')].map(square =>
    [square.dataset.lane, square.className, square.textContent.replace(/\\s+/g, ' ').trim()].join())";

fn the_script_repeats_what_is_written(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &default()));
    tab.choose("[name=metric]", "cpu");
    let by_cpu = tab.evaluate(WRITTEN);
    tab.choose("[name=metric]", "overhead");
    let again = tab.evaluate(WRITTEN);
    tab.disable_scripts();
    tab.open(&DEFAULT.address);
    let written = tab.evaluate(WRITTEN);
    assert_eq!(again, written);
    assert_ne!(by_cpu, written);
}

fn the_script_writes_figures_as_the_program_does(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let mut random = fastrand::Rng::with_seed(20_261_122);
    // The numbers are of every magnitude, and some are halves of the last digit, which round to even.
    let any = (0..4000).map(|_| 10f64.powf(random.f64() * 16.0 - 5.0)).collect::<Vec<_>>();
    let halves = (0..2000).map(|number| f64::from(number) + 0.5);
    let eighths = (1..800).map(|number| f64::from(number) / 8.0);
    let values: Vec<f64> =
        any.into_iter().chain(halves).chain(eighths).flat_map(|value| [value, -value]).collect();
    let by_script = tab.apply(
        "values => values.map(value => ['ns', 'bytes', 'ratio', 'count'].map(name => photofinish.figures[name](value)).join())",
        json!(values),
    );
    let by_program = |value: &f64| {
        [figures::ns(*value), figures::bytes(*value), figures::ratio(*value), figures::count(*value)]
            .join(",")
    };
    for (value, by_script) in values.iter().zip(by_script.as_array().unwrap()) {
        assert_eq!(*by_script, by_program(value), "{value:?}");
    }
    // The rows to download have every digit, and numbers that are far from 1 have an exponent.
    let far = (-30..30).map(|power| 10f64.powi(power) * 3.0);
    let values: Vec<f64> = values.into_iter().chain(far).chain([0.0]).collect();
    let by_script = tab.apply("values => values.map(photofinish.figures.asWritten)", json!(values));
    for (value, by_script) in values.iter().zip(by_script.as_array().unwrap()) {
        assert_eq!(*by_script, serde_json::to_string(value).unwrap());
    }
}

fn every_metric_of_every_cell_is_that_of_the_results(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let mut metrics: Vec<&str> =
        DEFAULT.results.cells.iter().flat_map(|cell| cell.metrics.keys()).map(String::as_str).collect();
    metrics.push("bytes-a-task");
    metrics.sort_unstable();
    metrics.dedup();
    let mut offered = values(tab, "[name=metric] option");
    offered.sort_unstable();
    assert_eq!(offered, metrics);
    for threads in [1, 2] {
        tab.choose("[name=threads]", &threads.to_string());
        for metric in &metrics {
            tab.choose("[name=metric]", metric);
            assert_eq!(
                shown_in(tab),
                Table::of(&DEFAULT.results, &Choice { metric, threads, ..default() }),
                "{metric}"
            );
        }
    }
}

fn every_reference_has_the_ratios_of_the_results(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let references = values(tab, "[name=reference] option");
    let lanes = DEFAULT.results.executors.iter().filter(|lane| lane.class != "program");
    let lanes = lanes.map(|lane| lane.name.as_str());
    assert_eq!(references, ["best", "visible"].into_iter().chain(lanes).collect::<Vec<_>>());
    for metric in ["overhead", "peak-rss"] {
        tab.choose("[name=metric]", metric);
        for reference in &references {
            tab.choose("[name=reference]", reference);
            assert_eq!(
                shown_in(tab),
                Table::of(&DEFAULT.results, &Choice { metric, reference, ..default() }),
                "{reference}"
            );
        }
    }
}

fn hiding_changes_no_number(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    // The hidden lanes include the best of most rows.
    let hide = vec!["hand-rolled", "smol"];
    let without = vec!["wait-timeout"];
    tick(tab, "lane", "hand-rolled");
    tick(tab, "lane", "smol");
    tick(tab, "workload", "wait-timeout");
    let choice = Choice { hide, without, ..default() };
    let shown = shown_in(tab);
    assert_eq!(shown, Table::of(&DEFAULT.results, &choice));
    let all = Table::of(&DEFAULT.results, &default());
    for row in &shown.rows {
        let before = all
            .rows
            .iter()
            .find(|before| (&before.workload, before.size) == (&row.workload, row.size))
            .unwrap();
        assert!(row.squares.iter().all(|square| before.squares.contains(square)), "{row:?} was {before:?}");
    }
    assert_eq!((shown.lanes.len(), shown.rows.len()), (all.lanes.len() - 2, all.rows.len() - 2));
    for threads in [1, 2] {
        tab.choose("[name=threads]", &threads.to_string());
        assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &Choice { threads, ..choice.clone() }));
    }
    // The same holds when everything is written anew.
    for metric in ["cpu", "overhead"] {
        tab.choose("[name=metric]", metric);
        assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &Choice { metric, ..choice.clone() }));
    }
    for (list, name) in [("lane", "hand-rolled"), ("lane", "smol"), ("workload", "wait-timeout")] {
        tick(tab, list, name);
    }
    assert_eq!(shown_in(tab), all);
}

fn the_best_visible_depends_on_what_is_visible(tab: &mut Tab<'_>) {
    for metric in ["overhead", "cpu"] {
        tab.open(&DEFAULT.address);
        tab.choose("[name=metric]", metric);
        tab.choose("[name=reference]", "visible");
        let reference = "visible";
        let mut choice = Choice { metric, reference, ..default() };
        for lane in ["hand-rolled", "tokio", "rayon"] {
            tick(tab, "lane", lane);
            choice.hide.push(lane);
            assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &choice), "{metric} without {lane}");
        }
        assert_ne!(
            Table::of(&DEFAULT.results, &choice),
            Table::of(&DEFAULT.results, &Choice { reference: "best", ..choice.clone() })
        );
    }
}

fn the_words_say_what_is_in_force(tab: &mut Tab<'_>) {
    let words = |tab: &Tab<'_>| tab.texts("#in-force")[0].to_lowercase();
    tab.open(&DEFAULT.address);
    assert!(words(tab).contains("nothing is hidden"), "{}", words(tab));
    tab.choose("[name=metric]", "peak-rss");
    assert!(words(tab).contains("peak memory"), "{}", words(tab));
    tab.choose("[name=reference]", "smol");
    assert!(words(tab).contains("ratio to smol"), "{}", words(tab));
    tick(tab, "lane", "tokio");
    let said = words(tab);
    assert!(said.contains("1 of 6 lanes hidden") && said.contains("no number depends"), "{said}");
    tab.choose("[name=reference]", "visible");
    let said = words(tab);
    assert!(said.contains("best visible") || said.contains("least visible"), "{said}");
    assert!(said.contains("depend on which lanes are shown"), "{said}");
    tab.write("[name=search]", "wait-timeout");
    assert!(words(tab).contains("7 of 9 rows"), "{}", words(tab));
    tab.click("button[name=reset]");
    assert!(words(tab).contains("nothing is hidden"), "{}", words(tab));
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &default()));
    assert_eq!(tab.evaluate("location.search"), "");
}

fn rows_are_sorted_by_a_column_and_lanes_by_a_row(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let by_column = "#standings-2 th[data-lane=tokio] button.sort";
    let by_row = "#standings-2 tr[data-workload=sleep-fan-out][data-size='10000'] th button.sort";
    let by_mean = "#standings-2 tfoot th button.sort";
    let rows = |descending| Sort::Rows { lane: "tokio", descending };
    let lanes = |descending| Sort::Lanes { row: ("sleep-fan-out", 10_000), descending };
    let mean = |descending| Sort::LanesByMean { descending };
    let sorts: [(&str, [Sort<'_>; 2]); 3] = [
        (by_column, [false, true].map(rows)),
        (by_row, [false, true].map(lanes)),
        (by_mean, [false, true].map(mean)),
    ];
    for (button, ways) in sorts {
        for (sort, way) in ways.into_iter().zip(["ascending", "descending"]) {
            tab.click(button);
            let table = Table::of(&DEFAULT.results, &Choice { sort, ..default() });
            assert_ne!(
                table,
                Table::of(&DEFAULT.results, &default()),
                "a sort that changes nothing shows nothing"
            );
            assert_eq!(shown_in(tab), table, "{button}, {way}");
            let said =
                "[...document.querySelectorAll('#standings-2 [aria-sort]')].map(head => head.ariaSort)";
            assert_eq!(tab.evaluate(said), json!([way]));
        }
        tab.click(button);
        assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &default()), "{button}, a third time");
    }
    // Rows are sorted by the figures that are shown, not by earlier ones.
    tab.choose("[name=metric]", "cpu");
    tab.click(by_column);
    let choice = Choice { metric: "cpu", sort: rows(false), ..default() };
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &choice));
    tab.choose("[name=reference]", "smol");
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &Choice { reference: "smol", ..choice }));
}

fn programs_stay_beside_whatever_is_sorted_or_hidden(tab: &mut Tab<'_>) {
    const RULE: &str = "[...document.querySelectorAll('#standings-2 tbody tr[data-size], #standings-2 tfoot tr')].map(row =>
        [...row.children].filter(cell => cell.checkVisibility() && getComputedStyle(cell).borderLeftWidth === '2px')
            .map(cell => cell.dataset.lane).join())";
    let head = "document.querySelector('#standings-2 thead .program small').innerText";
    tab.open(&DEFAULT.address);
    for descending in [false, true] {
        for button in ["tr[data-workload=sleep-fan-out][data-size='10000'] th", "tfoot th"] {
            tab.click(&format!("#standings-2 {button} button.sort"));
            if descending {
                tab.click(&format!("#standings-2 {button} button.sort"));
            }
            assert_eq!(shown_in(tab).lanes.last().unwrap(), PROGRAM);
        }
    }
    tab.click("button[name=reset]");
    let by_program = format!("#standings-2 th[data-lane={PROGRAM}] button.sort");
    tab.click(&by_program);
    let sort = Sort::Rows { lane: PROGRAM, descending: false };
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &Choice { sort, ..default() }));
    assert_eq!(tab.evaluate(head), "program");
    let ruled: Vec<String> = serde_json::from_value(tab.evaluate(RULE)).unwrap();
    assert!(ruled.len() == 10 && ruled.iter().all(|lane| lane == PROGRAM), "{ruled:?}");
    tick(tab, "lane", PROGRAM);
    assert!(!shown_in(tab).lanes.iter().any(|lane| lane == PROGRAM));
}

fn a_mark_in_the_table_leads_to_what_is_known(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let mark = "#standings-2 tr[data-size='10000'] td[data-lane=tokio] a.known";
    // The mark stays when the square is written anew.
    tab.choose("[name=metric]", "cpu");
    tab.choose("[name=metric]", "overhead");
    tab.click(mark);
    tab.wait_for("location.hash === '#known-1'");
    let top = "document.getElementById('known-1').getBoundingClientRect().top";
    tab.wait_for(&format!("{top} >= 0 && {top} < innerHeight"));
}

fn what_has_no_figure_comes_last(tab: &mut Tab<'_>) {
    for descending in [false, true] {
        tab.open(&format!("{}?sort={}lane:rayon", DEFAULT.address, if descending { "-" } else { "" }));
        let sort = Sort::Rows { lane: "rayon", descending };
        let shown = shown_in(tab);
        assert_eq!(shown, Table::of(&DEFAULT.results, &Choice { sort, ..default() }));
        let rayon = shown.lanes.iter().position(|lane| lane == "rayon").unwrap();
        assert!(
            shown.rows[0].squares[rayon].contains('×') && shown.rows[8].squares[rayon].starts_with("n/a")
        );
    }
}

fn a_search_leaves_the_rows_that_have_its_words(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    for (search, rows) in
        [("timeout", 2), ("TIMERS 10,000", 2), ("blocking jobs", 4), ("nothing of the kind", 0), ("", 9)]
    {
        tab.write("[name=search]", search);
        let table = shown_in(tab);
        assert_eq!(table, Table::of(&DEFAULT.results, &Choice { search, ..default() }), "{search}");
        assert_eq!(table.rows.len(), rows, "{search}");
    }
}

fn rows_are_shown_by_what_is_known_of_them(tab: &mut Tab<'_>) {
    let words = |tab: &Tab<'_>| tab.texts("#in-force")[0].clone();
    tab.open(&DEFAULT.address);
    // At two threads one row has no lane that is shown to be behind, and is the only one that is not settled.
    for (kind, rows, said) in [
        ("differs", 8, "Only rows in which a lane is behind. 1 of 9 rows hidden"),
        ("settled", 8, "Only rows that are settled. 1 of 9 rows hidden"),
        ("open", 1, "Only rows that are not settled. 8 of 9 rows hidden"),
        ("all", 9, "Nothing is hidden."),
    ] {
        tab.choose("[name=rows]", kind);
        let shown = shown_in(tab);
        assert_eq!(shown, Table::of(&DEFAULT.results, &Choice { kind, ..default() }), "{kind}");
        assert_eq!(shown.rows.len(), rows, "{kind}");
        assert!(words(tab).contains(said), "{}", words(tab));
    }
    // A flavour of the leader's runtime leaves its row settled.
    tab.choose("[name=threads]", "1");
    tab.choose("[name=rows]", "settled");
    let choice = Choice { threads: 1, kind: "settled", ..default() };
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &choice));
    assert_eq!(shown_in(tab).rows.len(), 9);
    // The kind goes with the other choices, and leaves the memory of tasks alone.
    tab.choose("[name=threads]", "2");
    tab.choose("[name=rows]", "open");
    tab.write("[name=search]", "10,000");
    assert_eq!(shown_in(tab).rows.len(), 0);
    tab.write("[name=search]", "");
    tab.choose("[name=metric]", "cpu");
    let choice = Choice { metric: "cpu", kind: "open", ..default() };
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &choice));
    tab.choose("[name=metric]", "bytes-a-task");
    let choice = Choice { metric: "bytes-a-task", kind: "open", ..default() };
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &choice));
    assert!(!words(tab).contains("Only rows"), "{}", words(tab));
}

fn a_pair_leaves_two_lanes_and_their_ratio(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    tick(tab, "lane", "async-std");
    let hidden = shown_in(tab);
    tab.choose("[name=one]", "async-std");
    assert_eq!(shown_in(tab), hidden, "one lane is no pair");
    tab.choose("[name=other]", "smol");
    // A hidden lane that is chosen is shown.
    let choice = Choice { hide: vec!["async-std"], pair: Some(["async-std", "smol"]), ..default() };
    let shown = shown_in(tab);
    assert_eq!(shown, Table::of(&DEFAULT.results, &choice));
    assert_eq!(shown.lanes, ["async-std", "smol"]);
    let cell =
        DEFAULT.results.comparison("wait-timeout", 100, 2).find(|cell| cell.executor == "async-std").unwrap();
    let row = shown.rows.iter().find(|row| (&*row.workload, row.size) == ("wait-timeout", 100)).unwrap();
    assert!(row.squares[0].ends_with(&figures::ratio_with_interval(&cell.ratios["smol"])), "{row:?}");
    assert!(row.squares[1].ends_with("1.00×"), "{row:?}");
    let words = tab.texts("#in-force")[0].clone();
    assert!(words.contains("with its ratio to smol. 4 of 6 lanes hidden"), "{words}");
    // The controls that a pair overrules wait until it is gone.
    assert_eq!(tab.count("#controls [name=reference]:disabled, #controls [name=lane]:disabled"), 10);
    tab.choose("[name=rows]", "differs");
    let differs = Choice { kind: "differs", ..choice.clone() };
    let rows = shown_in(tab).rows.len();
    assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &differs));
    assert!(0 < rows && rows < 9, "{rows} rows show a difference of the pair");
    let address = tab.evaluate("location.search");
    assert_eq!(address, "?one=async-std&other=smol&rows=differs&hide=async-std");
    let mut fresh = tab.another();
    fresh.open(&format!("{}{}", DEFAULT.address, address.as_str().unwrap()));
    assert_eq!(shown_in(&fresh), shown_in(tab));
    tab.choose("[name=rows]", "all");
    for metric in ["cpu", "overhead"] {
        tab.choose("[name=metric]", metric);
        assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &Choice { metric, ..choice.clone() }));
    }
    // What was chosen before is in force again.
    tab.choose("[name=one]", "");
    assert_eq!(shown_in(tab), hidden);
    assert_eq!(tab.count("#controls :disabled"), 0);
}

fn an_open_square_keeps_its_words_only_beside_the_best(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let (workload, threads) = EVERY_KIND;
    let square =
        format!("#standings-{threads} tr[data-workload={workload}][data-size='{OPEN}'] td[data-lane=smol]");
    let said = |tab: &Tab<'_>| tab.texts(&square)[0].clone();
    assert!(said(tab).ends_with("1.30×, between level and 1.60×"), "{}", said(tab));
    // It is hatched, in the shade of its ratio, whatever it is compared with.
    let look = format!(
        "(square => [square.className, getComputedStyle(square).backgroundImage.split('(')[0]].join())(document.querySelector({square:?}))"
    );
    for reference in ["best", "rayon", "visible"] {
        tab.choose("[name=reference]", reference);
        assert_eq!(tab.evaluate(&look), "shade-1 open,repeating-linear-gradient", "{reference}");
    }
    tab.choose("[name=reference]", "rayon");
    assert!(said(tab).ends_with("1.30× [1.00, 1.60]"), "a chosen reference has plain ratios: {}", said(tab));
    tab.choose("[name=reference]", "visible");
    assert!(said(tab).ends_with("1.30×, between level and 1.60×"), "{}", said(tab));
}

fn an_old_run_has_rows_that_differ_and_pairs(tab: &mut Tab<'_>) {
    tab.open(&OLD.address);
    assert_eq!(values(tab, "[name=rows] option"), ["all", "differs"]);
    tab.choose("[name=rows]", "differs");
    let choice = Choice { kind: "differs", ..Choice::default_of(&OLD.results) };
    assert_eq!(shown_in(tab), Table::of(&OLD.results, &choice));
    tab.choose("[name=one]", "tokio");
    tab.choose("[name=other]", "hand-rolled");
    let choice = Choice { pair: Some(["tokio", "hand-rolled"]), ..choice };
    assert_eq!(shown_in(tab), Table::of(&OLD.results, &choice));
    tab.open(&format!("{}?rows=settled", OLD.address));
    assert_eq!(shown_in(tab), Table::of(&OLD.results, &Choice::default_of(&OLD.results)));
}

fn an_address_leads_to_what_it_was_taken_from(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    assert_eq!(tab.evaluate("location.search"), "");
    tab.choose("[name=metric]", "cpu");
    tab.choose("[name=threads]", "1");
    tab.choose("[name=reference]", "smol");
    tick(tab, "lane", "tokio");
    tick(tab, "lane", "rayon");
    tick(tab, "workload", "wait-timeout");
    tab.write("[name=search]", "task");
    tab.click("#standings-1 th[data-lane=smol-local] button.sort");
    tab.click("#standings-1 th[data-lane=smol-local] button.sort");
    tab.click("button[name=theme]");
    let address = tab.evaluate("location.search");
    assert_eq!(
        address,
        "?metric=cpu&threads=1&reference=smol&sort=-lane:smol-local&hide=tokio,rayon&without=wait-timeout&search=task&theme=light"
    );
    let (table, words) = (shown_in(tab), tab.texts("#in-force"));
    let choice = Choice {
        metric: "cpu",
        threads: 1,
        reference: "smol",
        hide: vec!["tokio", "rayon"],
        without: vec!["wait-timeout"],
        pair: None,
        kind: "all",
        search: "task",
        sort: Sort::Rows { lane: "smol-local", descending: true },
    };
    assert_eq!(table, Table::of(&DEFAULT.results, &choice));
    let mut fresh = tab.another();
    fresh.open(&format!("{}{}", DEFAULT.address, address.as_str().unwrap()));
    assert_eq!(shown_in(&fresh), table);
    assert_eq!(fresh.texts("#in-force"), words);
    assert_eq!(fresh.evaluate("location.search"), address);
    let form = "[...document.forms.controls.elements].map(({ name, value, checked }) => [name, value, checked].join())";
    assert_eq!(fresh.evaluate(form), tab.evaluate(form));
    assert_eq!(fresh.complaints(), [""; 0]);
}

fn a_broken_address_leads_to_the_page_as_written(tab: &mut Tab<'_>) {
    for broken in [
        "?metric=%E0%A4&threads=abc&reference=nobody&sort=lane:nobody&hide=nobody&without=,,&theme=pink",
        "?metric=__proto__&threads=-1&sort=row:sleep-fan-out/1&hide&&==&search=",
        "?one=nobody&other=tokio&rows=pink",
        "?one=tokio&other=tokio&rows=",
        "?metric=<script>alert(1)</script>&reference=%3Cimg%20src=x%20onerror=alert(1)%3E",
    ] {
        tab.open(&format!("{}{broken}", DEFAULT.address));
        assert_eq!(shown_in(tab), Table::of(&DEFAULT.results, &default()), "{broken}");
    }
    tab.open(&format!("{}?search=%3Cimg%20src=x%20onerror=alert(1)%3E", DEFAULT.address));
    assert_eq!(shown_in(tab).rows.len(), 0);
}

fn a_theme_holds_whatever_the_reader_prefers(tab: &mut Tab<'_>) {
    let paper = |tab: &Tab<'_>| tab.evaluate("getComputedStyle(document.body).backgroundColor");
    tab.open(&DEFAULT.address);
    let light = paper(tab);
    tab.prefer("dark");
    let dark = paper(tab);
    assert_ne!(light, dark);
    for (preferred, chosen) in [("dark", "light"), ("light", "dark")] {
        tab.prefer(preferred);
        tab.open(&format!("{}?theme={chosen}", DEFAULT.address));
        assert_eq!(paper(tab), if chosen == "light" { light.clone() } else { dark.clone() });
    }
    tab.prefer("light");
    tab.open(&DEFAULT.address);
    let mut seen: Vec<(Value, Value)> = Vec::new();
    for _ in 0..3 {
        tab.click("button[name=theme]");
        seen.push((tab.evaluate("new URLSearchParams(location.search).get('theme')"), paper(tab)));
    }
    assert_eq!(seen, [(json!("light"), light.clone()), (json!("dark"), dark), (Value::Null, light)]);
}

fn hostile_names_can_be_chosen(tab: &mut Tab<'_>) {
    let results = &HOSTILE.results;
    let (lane, workload) = (results.executors[2].name.as_str(), results.workloads[1].name.as_str());
    tab.open(&HOSTILE.address);
    tick(tab, "lane", lane);
    tick(tab, "workload", workload);
    let reference = results.executors[5].name.as_str();
    tab.choose("[name=reference]", reference);
    let choice =
        Choice { hide: vec![lane], without: vec![workload], reference, ..Choice::default_of(results) };
    let shown = shown_in(tab);
    assert_eq!(shown, Table::of(results, &choice));
    let address = tab.evaluate("location.search");
    tab.open(&format!("{}{}", HOSTILE.address, address.as_str().unwrap()));
    assert_eq!(shown_in(tab), shown);
    // The script writes reasons, too.
    for metric in ["bytes-a-task", "allocated-bytes"] {
        tab.choose("[name=metric]", metric);
        assert_eq!(shown_in(tab), Table::of(results, &Choice { metric, ..choice.clone() }));
    }
}

fn a_large_run_can_be_used(tab: &mut Tab<'_>) {
    let results = &LARGE.results;
    tab.open(&LARGE.address);
    assert_eq!(shown_in(tab), Table::of(results, &Choice::default_of(results)));
    tab.choose("[name=metric]", "wall");
    tab.click("#standings-2 th[data-lane=tokio-2] button.sort");
    tick(tab, "lane", "hand-rolled");
    let sort = Sort::Rows { lane: "tokio-2", descending: false };
    let choice = Choice { metric: "wall", sort, hide: vec!["hand-rolled"], ..Choice::default_of(results) };
    assert_eq!(shown_in(tab), Table::of(results, &choice));
}

fn shown_in(tab: &Tab<'_>) -> Table {
    serde_json::from_value(tab.evaluate(TABLE)).unwrap()
}

fn default() -> Choice<'static> {
    Choice::default_of(&DEFAULT.results)
}

fn values(tab: &Tab<'_>, selector: &str) -> Vec<String> {
    let all =
        tab.apply("selector => [...document.querySelectorAll(selector)].map(found => found.value)", selector);
    serde_json::from_value(all).unwrap()
}

/// Clears or sets the tick of a lane or a workload in its list.
fn tick(tab: &Tab<'_>, list: &str, name: &str) {
    let boxes = values(tab, &format!("input[name={list}]"));
    let place =
        boxes.iter().position(|known| known == name).unwrap_or_else(|| panic!("{name} is not in {boxes:?}"));
    let menu = format!("#controls details:has([name={list}])");
    if tab.count(&format!("{menu}:not([open])")) > 0 {
        tab.click(&format!("{menu} summary"));
    }
    tab.click(&format!("{menu} label:nth-of-type({}) input", place + 1));
}
