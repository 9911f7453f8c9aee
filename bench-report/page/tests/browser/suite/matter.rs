//! Facts about a reader's own rate in a browser: the field, what it reads, and what the page then says in cores.

use serde_json::{Value, json};

use super::{
    Tests,
    layout::{CONTRASTS, assert_no_sideways_scroll},
    pages::{DEFAULT, HOSTILE, LARGE, SERVED},
    tab::{ENTER, LAPTOP, PHONE, TAB, Tab},
    tests,
};

pub(crate) const TESTS: Tests = tests![
    a_rate_is_written_as_the_page_wrote_it,
    every_row_of_the_clock_says_what_a_rate_costs,
    a_rate_is_read_as_people_write_it,
    what_is_no_rate_is_said_and_changes_nothing,
    the_address_keeps_a_rate_and_drops_what_is_none,
    costs_follow_the_reference_and_what_is_visible,
    a_rate_that_is_too_much_for_the_machine_is_said,
    the_field_is_reached_and_left_by_keys,
    a_rate_can_be_read_on_a_phone_and_in_the_dark,
    without_a_script_three_rates_are_there,
    paper_has_every_number_of_threads_and_no_field,
];

/// Reads the visible part of the section: the kinds of work with the lines of their lanes.
const SECTION: &str =
    "[...document.querySelectorAll('.matter-of:not([hidden]) tbody')].map(body => [...body.rows].map(row =>
    [...row.cells].map(cell => cell.textContent.replace(/\\s+/g, ' ').trim())))";

fn section(tab: &Tab<'_>) -> Vec<Vec<Vec<String>>> {
    serde_json::from_value(tab.evaluate(SECTION)).unwrap()
}

fn open(tab: &mut Tab<'_>, address: &str, query: &str) {
    tab.open(&format!("{address}{query}"));
    tab.evaluate("photofinish.ready");
}

fn write(tab: &Tab<'_>, rate: &str) {
    tab.write("[name=rate]", rate);
    tab.evaluate("photofinish.ready");
}

fn search(tab: &Tab<'_>) -> Value {
    tab.evaluate("location.search")
}

/// Returns the titles of the costs in the squares of a row.
fn titles(tab: &Tab<'_>, workload: &str, size: u64) -> Vec<String> {
    let row = format!(".race:not([hidden]) tr[data-workload='{workload}'][data-size='{size}'] .cores");
    let titles = tab.apply(
        "row => [...document.querySelectorAll(row)].map(cost => cost.title.replace(/\\s+/g, ' '))",
        row,
    );
    serde_json::from_value(titles).unwrap()
}

/// The script has the words and the choice of rows of `cores.rs` and `matter.rs`.
fn a_rate_is_written_as_the_page_wrote_it(tab: &mut Tab<'_>) {
    for page in [&DEFAULT, &SERVED, &LARGE, &HOSTILE] {
        for threads in [1, 2] {
            open(tab, &page.address, &format!("?threads={threads}"));
            let written = section(tab);
            assert!(written.iter().flatten().count() > 1, "{written:?}");
            for (column, rate) in ["1000", "10000", "100000"].into_iter().enumerate() {
                write(tab, rate);
                let column_of = |row: &Vec<String>| match row.len() {
                    1 => row.clone(),
                    _ => vec![row[0].clone(), row[column + 1].clone()],
                };
                let expected: Vec<Vec<Vec<String>>> =
                    written.iter().map(|kind| kind.iter().map(column_of).collect()).collect();
                assert_eq!(section(tab), expected, "{rate} a second at {threads} threads");
            }
            write(tab, "");
            assert_eq!(section(tab), written);
        }
    }
}

fn every_row_of_the_clock_says_what_a_rate_costs(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "");
    assert_eq!(tab.count(".cores"), 0);
    write(tab, "50,000");
    let rows = "[...document.querySelectorAll('.race:not([hidden]) tr[data-size]')].map(row =>
        [row.dataset.workload, row.querySelectorAll('td b').length, row.querySelectorAll('.cores').length])";
    let rows: Vec<(String, usize, usize)> = serde_json::from_value(tab.evaluate(rows)).unwrap();
    for (workload, figures, costs) in rows {
        let is_clock =
            DEFAULT.results.workloads.iter().any(|one| one.name == workload && one.measure.is_empty());
        if is_clock {
            assert!(costs > 1 && costs <= figures, "{workload}: {costs} of {figures}");
        } else {
            assert_eq!(costs, 0, "{workload} is not measured on the clock");
        }
    }
    // The table says in a title what the section says in a line.
    for kind in section(tab) {
        let row = tab.texts(".matter-of:not([hidden]) .workload a");
        for line in &kind[1..] {
            let lane = line[0].split(' ').next().unwrap();
            let all = row.iter().flat_map(|workload| {
                let sizes = DEFAULT.results.cells.iter().filter(|cell| cell.workload == *workload);
                sizes.flat_map(|cell| titles(tab, workload, cell.size)).collect::<Vec<_>>()
            });
            let beginning = format!("{lane} at 50,000 a second: ");
            let mut own = all.filter(|title| title.starts_with(&beginning));
            let cost = line[1].split(':').next().unwrap();
            assert!(own.any(|title| title.contains(cost)), "{line:?} is not in the table");
        }
    }
}

fn a_rate_is_read_as_people_write_it(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "");
    let cases = [
        ("50000", "50000"),
        ("50,000", "50000"),
        ("50.000", "50000"),
        ("50 000", "50000"),
        ("50'000", "50000"),
        ("50k", "50000"),
        ("50 K", "50000"),
        ("1.5k", "1500"),
        ("1,5k", "1500"),
        ("2M", "2000000"),
        ("5e4", "50000"),
        ("1,234,567", "1234567"),
        ("999999999999", "999999999999"),
        (" 7 ", "7"),
    ];
    for (written, rate) in cases {
        write(tab, "");
        assert_eq!(search(tab), "");
        write(tab, written);
        assert_eq!(search(tab), format!("?rate={rate}"), "{written}");
        assert_eq!(
            tab.evaluate("document.querySelector('[name=rate]').value"),
            written,
            "what is typed stays"
        );
        assert_eq!(tab.count("[name=rate][aria-invalid]"), 0);
        assert!(tab.count(".cores") > 0);
    }
}

fn what_is_no_rate_is_said_and_changes_nothing(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "");
    let none = [
        "many",
        "0",
        "-5",
        "1e99",
        "0.2",
        "1000000000000",
        "5,0,0",
        "50 apples",
        "∞",
        "5e4k",
        "<b>1</b>",
        "0x10",
        "NaN",
    ];
    for written in none {
        write(tab, "20k");
        assert!(tab.count(".cores") > 0);
        write(tab, written);
        assert_eq!(search(tab), "", "{written}");
        assert_eq!(tab.count(".cores"), 0, "{written} has no costs");
        assert_eq!(tab.count("[name=rate][aria-invalid=true]"), 1);
        let said = tab.texts("#rate-said").concat();
        assert!(
            said.starts_with(&format!("“{written}” is no rate: write a number from 1 to 999,999,999,999")),
            "{said}"
        );
    }
    write(tab, "");
    assert_eq!(tab.texts("#rate-said"), [""]);
    assert_eq!(tab.count("[name=rate][aria-invalid]"), 0, "an empty field is no mistake");
}

fn the_address_keeps_a_rate_and_drops_what_is_none(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "?threads=1&rate=50000");
    assert_eq!(tab.evaluate("document.querySelector('[name=rate]').value"), "50,000");
    assert!(tab.count(".race:not([hidden]) .cores") > 0);
    assert_eq!(tab.texts(".matter-of:not([hidden]) thead th"), ["Lane", "50,000 a second"]);
    tab.click("button[name=reset]");
    tab.evaluate("photofinish.ready");
    assert_eq!(search(tab), "");
    assert_eq!(tab.evaluate("document.querySelector('[name=rate]').value"), "");
    assert_eq!(tab.count(".cores"), 0);
    for broken in ["abc", "0", "-1", "1e99", "50k", "1000000000000", "%", ""] {
        open(tab, &DEFAULT.address, &format!("?rate={broken}&rows=differs"));
        assert_eq!(tab.count(".cores"), 0, "{broken}");
        assert_eq!(tab.texts("#rate-said"), [""], "{broken}");
        tab.choose("[name=rows]", "all");
        assert_eq!(search(tab), "", "{broken} is forgotten");
    }
}

fn costs_follow_the_reference_and_what_is_visible(tab: &mut Tab<'_>) {
    open(tab, &SERVED.address, "?rate=50000&reference=tokio");
    let of_tokio = tab.evaluate("[...document.querySelectorAll('.race:not([hidden]) td[data-lane=tokio] .cores')].map(cost => cost.title)");
    assert!(of_tokio.as_array().unwrap().iter().all(|title| !title.as_str().unwrap().contains(" than ")));
    let of_smol = tab.evaluate("[...document.querySelectorAll('.race:not([hidden]) td[data-lane=smol] .cores')].map(cost => cost.title)");
    let of_smol = of_smol.as_array().unwrap();
    assert!(
        !of_smol.is_empty() && of_smol.iter().all(|title| title.as_str().unwrap().ends_with(" than tokio")),
        "{of_smol:?}"
    );
    // The section has the best of the lanes that are shown.
    open(tab, &SERVED.address, "?rate=50000&hide=hand-rolled,rayon,async-std");
    let lanes: Vec<String> =
        section(tab).iter().flat_map(|kind| kind[1..].iter().map(|line| line[0].clone())).collect();
    assert!(
        !lanes.is_empty()
            && lanes.iter().all(|lane| ["tokio", "smol"].iter().any(|shown| lane.starts_with(shown))),
        "{lanes:?}"
    );
    // Each order and each metric keeps them.
    tab.choose("[name=metric]", "cpu");
    tab.evaluate("photofinish.ready");
    assert!(tab.count(".race:not([hidden]) .cores") > 0);
}

fn a_rate_that_is_too_much_for_the_machine_is_said(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "?rate=900000000");
    assert!(section(tab).iter().all(|kind| kind[1][1].ends_with("more than the 2 of this machine")));
    let costs = tab.texts(".race:not([hidden]) .cores");
    assert!(costs.iter().filter(|cost| cost.contains(", too many")).count() > costs.len() / 2, "{costs:?}");
}

fn the_field_is_reached_and_left_by_keys(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "");
    assert_eq!(
        tab.evaluate("document.querySelector('[name=rate]').labels[0].textContent.trim()"),
        "I do  of these a second"
    );
    write(tab, "50k");
    tab.press(ENTER);
    assert_eq!(search(tab), "?rate=50000", "to send the form leads nowhere");
    assert_eq!(tab.evaluate("document.activeElement.name"), "rate");
    tab.press(TAB);
    assert_ne!(tab.evaluate("document.activeElement.name"), "rate");
    assert_eq!(tab.evaluate("document.querySelector('[name=rate]').value"), "50k");
}

fn a_rate_can_be_read_on_a_phone_and_in_the_dark(tab: &mut Tab<'_>) {
    for screen in [PHONE, LAPTOP] {
        tab.show_on(screen);
        for (page, scheme) in [(&SERVED, "light"), (&LARGE, "dark"), (&DEFAULT, "dark")] {
            tab.prefer(scheme);
            for query in ["?rate=50000", "?rate=900000000&threads=1"] {
                open(tab, &page.address, query);
                tab.lay_out_everything();
                assert_no_sideways_scroll(tab);
                let cut = tab.evaluate(
                    "[...document.querySelectorAll('.race:not([hidden]) .cores, .matter-of:not([hidden]) td')]
                        .filter(cost => cost.checkVisibility() && cost.scrollWidth > cost.closest('td').clientWidth)
                        .map(cost => cost.textContent)",
                );
                assert_eq!(cut, json!([]), "{} at {} {query}", page.address, screen.width);
            }
        }
        assert_eq!(tab.evaluate(CONTRASTS), json!([]));
    }
}

fn without_a_script_three_rates_are_there(tab: &mut Tab<'_>) {
    tab.disable_scripts();
    tab.open(&SERVED.address);
    assert_eq!(tab.count("#rate:not([hidden])"), 0, "a field that does nothing is not shown");
    assert_eq!(tab.count(".matter-of:not([hidden])"), 2);
    let heads = tab.texts(".matter-of thead th");
    assert_eq!(heads[..4], ["Lane", "1,000 a second", "10,000 a second", "100,000 a second"]);
    let costs = tab.texts(".matter-of td");
    assert!(costs.iter().all(|cost| cost.contains("core")), "{costs:?}");
}

fn paper_has_every_number_of_threads_and_no_field(tab: &mut Tab<'_>) {
    open(tab, &DEFAULT.address, "?rate=50000");
    tab.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let shown = |selector: &str| {
        tab.apply(
            "selector => [...document.querySelectorAll(selector)].filter(one => one.checkVisibility()).length",
            selector,
        )
    };
    assert_eq!(shown(".matter-of table"), 2);
    assert_eq!(shown("#rate"), 0);
    assert!(tab.texts("#rate-said").concat().starts_with("50,000 a second"), "paper names the rate");
}
