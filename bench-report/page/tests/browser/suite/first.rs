//! Facts about the first screen in a browser: its buttons, its links, and that it follows what is visible.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Tests,
    pages::{DEFAULT, SERVED},
    tab::{LAPTOP, PHONE, Tab},
    tests,
};

pub(crate) const TESTS: Tests = tests![
    the_buttons_choose_lanes_and_threads,
    what_can_serve_alone_has_the_same_answers,
    the_answers_follow_what_is_visible,
    two_lanes_are_compared_in_a_sentence,
    squares_and_heads_lead_to_their_rows,
    the_rows_behind_a_square_are_those_of_its_lanes,
    without_a_script_every_answer_is_there,
];

/// Reads the visible answers: for each row its name and its squares, and then the sentences.
const ANSWERS: &str = "(() => {
    const place = document.querySelector('.first-of:not([hidden])');
    const seen = element => !element.hidden;
    const rows = [...place.querySelectorAll('tbody tr')].map(row => [row.dataset.key, [...row.cells].slice(1).filter(seen)
        .map(cell => `${cell.textContent}|${cell.className}`)]);
    const heads = [...place.querySelectorAll('thead th[data-lanes]')].filter(seen).map(head => head.firstChild.textContent.trim());
    return { heads, rows: Object.fromEntries(rows), said: [...place.querySelectorAll('.pairs-said li')].map(item => item.textContent) };
})()";

fn answers(tab: &Tab<'_>) -> Value {
    tab.evaluate(ANSWERS)
}

fn press(tab: &Tab<'_>, button: &str) {
    let pressed = "name => [...document.querySelectorAll('.presets button')].find(button => button.textContent === name).click()";
    tab.apply(pressed, button);
    tab.evaluate("photofinish.ready");
}

/// Returns the texts of the buttons that are pressed.
fn pressed(tab: &Tab<'_>) -> Vec<String> {
    tab.texts(".presets button[aria-pressed=true]")
}

fn the_buttons_choose_lanes_and_threads(tab: &mut Tab<'_>) {
    tab.open(&SERVED.address);
    assert_eq!(pressed(tab), ["all lanes", "2 threads"]);
    assert_eq!(answers(tab)["heads"], json!(["tokio", "smol", "hand-rolled", "async-std", "rayon"]));
    press(tab, "can serve");
    assert_eq!(pressed(tab), ["can serve", "2 threads"]);
    assert_eq!(answers(tab)["heads"], json!(["tokio", "smol"]));
    let columns = ".race:not([hidden]) thead th[data-lane]:not([hidden]) .name";
    assert_eq!(tab.texts(columns), ["tokio", "smol"], "the table below has the same lanes");
    press(tab, "1 thread");
    assert_eq!(pressed(tab), ["can serve", "1 thread"]);
    assert_eq!(tab.texts(columns), ["tokio", "tokio one thread", "smol", "smol-local"]);
    assert_eq!(answers(tab)["heads"], json!(["tokio", "smol"]), "flavours of one runtime have one column");
    let address = tab.evaluate("location.href");
    tab.open(address.as_str().unwrap());
    tab.evaluate("photofinish.ready");
    assert_eq!(pressed(tab), ["can serve", "1 thread"], "the address keeps it");
    press(tab, "all lanes");
    press(tab, "2 threads");
    assert_eq!(tab.evaluate("location.search"), "");
}

/// The script writes what was written: it has the same rules as `first.rs`.
fn what_can_serve_alone_has_the_same_answers(tab: &mut Tab<'_>) {
    for query in ["", "?threads=1"] {
        tab.open(&format!("{}{query}", SERVED.address));
        let written = answers(tab);
        press(tab, "can serve");
        let shown = answers(tab);
        assert_eq!(shown["said"], written["said"]);
        assert_eq!(written["said"].as_array().unwrap().len(), 1, "{written}");
        for (row, squares) in written["rows"].as_object().unwrap() {
            assert_eq!(
                shown["rows"][row].as_array().unwrap()[..],
                squares.as_array().unwrap()[..2],
                "{row} {query}"
            );
        }
        press(tab, "all lanes");
        assert_eq!(answers(tab), written);
    }
}

fn the_answers_follow_what_is_visible(tab: &mut Tab<'_>) {
    // Without those that can serve the others are choices; without tokio smol is alone.
    let cases = [
        ("hide=tokio,smol", vec!["hand-rolled", "async-std", "rayon"]),
        ("hide=tokio", vec!["smol"]),
        ("hide=smol,hand-rolled", vec!["tokio"]),
    ];
    for (query, choices) in cases {
        tab.open(&format!("{}?{query}", SERVED.address));
        tab.evaluate("photofinish.ready");
        let shown = answers(tab);
        let heads: Vec<&str> =
            shown["heads"].as_array().unwrap().iter().map(|head| head.as_str().unwrap()).collect();
        for group in SERVED.results.groups.iter().filter(|group| group.summary.threads == 2) {
            let means = group.summary.lanes.iter().filter(|lane| choices.contains(&&*lane.executor));
            let means: BTreeMap<&str, f64> =
                means.filter_map(|lane| Some((&*lane.executor, lane.geomean?.value))).collect();
            let best = means.iter().min_by(|one, other| one.1.total_cmp(other.1)).map(|(lane, _)| *lane);
            let squares = shown["rows"][format!("group:{}", group.group)].as_array().unwrap();
            let leads = |square: &Value| ["best|lead", "only one|"].contains(&square.as_str().unwrap());
            let leaders: Vec<&str> = heads
                .iter()
                .zip(squares)
                .filter(|(_, square)| leads(square))
                .map(|(head, _)| *head)
                .collect();
            assert_eq!(leaders, Vec::from_iter(best), "{query}: {squares:?}");
        }
        assert_eq!(shown["said"], json!([]), "one that can serve is no pair");
    }
}

fn two_lanes_are_compared_in_a_sentence(tab: &mut Tab<'_>) {
    tab.open(&SERVED.address);
    tab.choose("[name=one]", "rayon");
    tab.choose("[name=other]", "hand-rolled");
    tab.evaluate("photofinish.ready");
    let shown = answers(tab);
    let rows = SERVED.results.cells.iter().filter(|cell| {
        cell.threads == 2 && cell.executor == "rayon" && cell.ratios.contains_key("hand-rolled")
    });
    let said = shown["said"][0].as_str().unwrap();
    assert!(said.starts_with(&format!("Of {} rows rayon leads ", rows.count())), "{said}");
    let numbers =
        said.split(|character: char| !character.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    assert_eq!(numbers[0], numbers[1..].iter().sum::<usize>(), "each row is counted once: {said}");
    assert_eq!(shown["heads"], json!(["hand-rolled", "rayon"]));
    tab.click("button[name=reset]");
    assert_eq!(answers(tab)["heads"].as_array().unwrap().len(), 5);
}

fn squares_and_heads_lead_to_their_rows(tab: &mut Tab<'_>) {
    let rows = SERVED.results.groups.iter().filter(|group| group.summary.threads == 2).count();
    for screen in [LAPTOP, PHONE] {
        for row in [1, 2, rows + 3] {
            for part in ["th a", "td"] {
                // In a tab that has seen nothing of the page yet.
                let mut tab = tab.another();
                tab.show_on(screen);
                tab.open(&SERVED.address);
                tab.evaluate("photofinish.ready");
                tab.click(&format!(".first-of:not([hidden]) tbody tr:nth-child({row}) {part}"));
                let hash = tab.evaluate("location.hash").as_str().unwrap().to_owned();
                assert!(hash.len() > 1, "{part} of row {row} leads nowhere");
                let landed = tab.apply(
                    "async hash => {
                        const frames = async many => { for (let frame = 0; frame < many; frame++) await new Promise(requestAnimationFrame); };
                        await frames(10);
                        const { top } = document.querySelector(hash).getBoundingClientRect();
                        return [top, innerHeight];
                    }",
                    hash.clone(),
                );
                let [top, height] = [0, 1].map(|place| landed[place].as_f64().unwrap());
                assert!((0.0..height).contains(&top), "{hash} lands at {top} of {height}, {}", screen.width);
            }
        }
    }
}

/// The rows behind a mean have the ratios that it is made of, and those behind a yardstick have the yardstick.
fn the_rows_behind_a_square_are_those_of_its_lanes(tab: &mut Tab<'_>) {
    let columns = ".race:not([hidden]) thead th[data-lane]:not([hidden]) .name";
    for (square, lanes) in [("th a", 2), ("td:nth-child(3)", 2), ("td:nth-child(4)", 6)] {
        tab.open(&SERVED.address);
        tab.evaluate("photofinish.ready");
        tab.click(&format!(".first-of:not([hidden]) tbody tr.means {square}"));
        assert_eq!(tab.texts(columns).len(), lanes, "{square}");
    }
}

fn without_a_script_every_answer_is_there(tab: &mut Tab<'_>) {
    tab.disable_scripts();
    for page in [&DEFAULT, &SERVED] {
        tab.open(&page.address);
        assert_eq!(tab.count(".first-of"), 2);
        assert_eq!(tab.count(".first-of:not([hidden])"), 2, "each number of threads has its answers");
        assert_eq!(tab.count(".presets:not([hidden])"), 0, "buttons that do nothing are not shown");
        // No script can wait, so the click is the link's own; whatever part of the square is clicked on, it is on the link.
        let hit = tab.evaluate(
            "(() => {
                const square = document.querySelector('.first tbody tr:nth-child(2) td:last-child');
                square.scrollIntoView({ block: 'center' });
                const { left, right, top, bottom } = square.getBoundingClientRect();
                const corners = [[left + 3, top + 3], [right - 3, top + 3], [left + 3, bottom - 3], [right - 3, bottom - 3]];
                const hit = corners.every(([x, y]) => document.elementFromPoint(x, y) === square.firstChild);
                square.firstChild.click();
                return hit;
            })()",
        );
        assert_eq!(hit, true, "the link is the whole square");
        let asked =
            ["location.hash", "document.querySelector(':target').getBoundingClientRect().top", "innerHeight"];
        let [place, top, height] = asked.map(|asked| tab.evaluate(asked));
        assert!(place.as_str().unwrap().len() > 1, "a square is a link");
        let [top, height] = [top, height].map(|place| place.as_f64().unwrap());
        assert!((0.0..height).contains(&top), "{place} lands at {top} of {height}");
    }
}
