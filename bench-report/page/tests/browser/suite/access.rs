//! Facts about the page for readers with a keyboard or a screen reader, and about the tips of pointer and
//! focus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Tests,
    pages::DEFAULT,
    tab::{DOWN, ENTER, ESCAPE, LAPTOP, PHONE, SPACE, TAB, Tab},
    tests,
};

pub(crate) const TESTS: Tests = tests![
    the_focus_reaches_every_control_and_is_seen,
    keys_do_what_clicks_do,
    a_lane_is_lit_wherever_it_stands,
    a_mark_has_a_tooltip_until_escape,
    every_link_leads_into_sight,
];

/// The tests that need axe-core.
pub(crate) const TESTS_WITH_AXE: Tests = tests![axe_finds_nothing_serious];

/// Returns the script of axe-core, if `scripts/install-browser` has installed it.
pub(crate) fn axe() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node_modules/axe-core/axe.min.js");
    script.is_file().then_some(script)
}

fn the_focus_reaches_every_control_and_is_seen(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    tab.evaluate(
        "window.reached = new Map();
        document.addEventListener('focusin', ({ target }) => {
            const { outlineStyle, outlineWidth } = getComputedStyle(target);
            reached.set(target, outlineStyle !== 'none' && parseFloat(outlineWidth) > 0);
        });",
    );
    // The focus goes through the top and the first table; entries of a closed list wait until that is opened.
    for _ in 0..200 {
        tab.press(TAB);
        if tab.evaluate("document.activeElement.closest('#standings ~ section') !== null") == true {
            break;
        }
    }
    let missed = tab.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]
            .filter(control => control.checkVisibility() && !control.disabled && !control.closest('#standings ~ section'))
            .filter(control => !reached.get(control))
            // A square leads where the head of its row does, which the focus reaches.
            .filter(control => control.tabIndex >= 0 || !reached.get(control.closest('tr').querySelector(`th a[href=\"${control.hash}\"]`)))
            .map(control => control.outerHTML.slice(0, 120))",
    );
    assert_eq!(missed, json!([]), "not reached, or nothing shows that");
    assert!(tab.evaluate("reached.size").as_u64().unwrap() > 30);
}

fn keys_do_what_clicks_do(tab: &mut Tab<'_>) {
    let search = |tab: &Tab<'_>| tab.evaluate("location.search");
    let focus = |tab: &Tab<'_>, selector: &str| {
        tab.apply("selector => document.querySelector(selector).focus()", selector);
    };
    tab.open(&DEFAULT.address);
    focus(tab, "#standings-2 th[data-lane=tokio] button.sort");
    tab.press(ENTER);
    assert_eq!(search(tab), "?sort=lane:tokio");
    tab.press(SPACE);
    assert_eq!(search(tab), "?sort=-lane:tokio");
    tab.press(ENTER);
    assert_eq!(search(tab), "");
    focus(tab, "#standings-2 tr[data-workload=wait-timeout] button.sort");
    tab.press(ENTER);
    assert_eq!(search(tab), "?sort=row:wait-timeout/100");
    assert_eq!(tab.evaluate("document.activeElement.className"), "sort", "a sort takes the focus away");
    focus(tab, "button[name=reset]");
    tab.press(SPACE);
    assert_eq!(search(tab), "");

    focus(tab, "#controls details:has([name=lane]) summary");
    tab.press(ENTER);
    tab.press(TAB);
    tab.press(SPACE);
    assert_eq!(search(tab), "?hide=hand-rolled");
    tab.press(SPACE);
    assert_eq!(search(tab), "");
    tab.press(ESCAPE);
    assert_eq!(tab.count("#controls details[open]"), 0);

    focus(tab, "[name=rows]");
    tab.press(DOWN);
    assert_eq!(search(tab), "?rows=differs");
    focus(tab, "[name=one]");
    tab.press(DOWN);
    tab.press(TAB);
    tab.press(DOWN);
    assert_eq!(
        search(tab),
        "?one=hand-rolled&other=hand-rolled&rows=differs",
        "a lane against itself is no pair"
    );
    tab.press(DOWN);
    tab.press(DOWN);
    assert_eq!(search(tab), "?one=hand-rolled&other=tokio&rows=differs");
    focus(tab, "button[name=reset]");
    tab.press(SPACE);
    assert_eq!(search(tab), "");

    focus(tab, "[name=threads]");
    tab.press(DOWN);
    assert_eq!(search(tab), "?threads=1");
    focus(tab, "[name=search]");
    tab.press(SPACE);
    tab.press(ENTER);
    assert_eq!(search(tab), "?threads=1", "to send the form leads nowhere");
}

fn a_lane_is_lit_wherever_it_stands(tab: &mut Tab<'_>) {
    let lit = |lane: &str| {
        format!(
            "[...document.querySelectorAll('[data-lane]')].every(one =>
                one.classList.contains('lit') === (one.dataset.lane === '{lane}'))"
        )
    };
    tab.open(&DEFAULT.address);
    tab.hover("#standings-2 td[data-lane=smol]");
    tab.wait_for(&lit("smol"));
    let faint = "[...document.querySelectorAll('main svg [data-lane]')].some(one =>
        one.dataset.lane !== 'smol' && getComputedStyle(one).opacity < 1)";
    assert!(tab.count("main svg [data-lane]") > 0, "no chart knows its lanes");
    assert_eq!(tab.evaluate(faint), true, "nothing sets a lane off in the charts");
    tab.hover("main svg [data-lane=tokio]");
    tab.wait_for(&lit("tokio"));
    tab.hover("h1");
    tab.wait_for("document.querySelectorAll('.lit').length === 0");
    // The focus shows the tip, too. If the page scrolled, the pointer would be over something else.
    tab.evaluate(
        "document.querySelector('#standings-2 th[data-lane=rayon] button.sort').focus({ preventScroll: true })",
    );
    tab.wait_for(&lit("rayon"));
}

fn a_mark_has_a_tooltip_until_escape(tab: &mut Tab<'_>) {
    const TIP: &str = "[...document.querySelectorAll('[role=tooltip]')].filter(tip => tip.checkVisibility())";
    tab.open(&DEFAULT.address);
    // Without the script the browser itself shows the same text.
    let others = "[...document.querySelectorAll('[data-tip]')].filter(mark => {
        const title = mark.querySelector(':scope > title')?.textContent;
        return !title || (mark.dataset.tip && mark.dataset.tip !== title);
    }).map(mark => mark.outerHTML.slice(0, 200))";
    assert_eq!(tab.evaluate(others), json!([]));
    tab.open_everything();
    for figure in ["figure:first-of-type", "figure:last-of-type"] {
        let mark = format!("main > section[id^=workload] {figure} [data-tip]");
        let said = tab
            .apply("mark => document.querySelector(mark).querySelector('title').textContent", mark.as_str());
        // White space between the parts of a line is not part of it.
        let part = format!("{mark} > text");
        tab.hover(&part);
        tab.wait_for(&format!("{TIP}.length === 1"));
        assert_eq!(tab.evaluate(&format!("{TIP}[0].textContent")), said);
        let place = tab.evaluate(&format!("{TIP}[0].getBoundingClientRect().toJSON()"));
        let side = |name: &str| place[name].as_f64().unwrap();
        assert!(side("left") >= 0.0 && side("top") >= 0.0, "{place}");
        assert!(
            side("right") <= f64::from(tab.screen.width) && side("bottom") <= f64::from(tab.screen.height),
            "{place}"
        );
        tab.press(ESCAPE);
        assert_eq!(tab.evaluate(&format!("{TIP}.length")), 0);
        tab.hover("h1");
        tab.hover(&part);
        tab.wait_for(&format!("{TIP}.length === 1"));
        tab.hover("h1");
        tab.wait_for(&format!("{TIP}.length === 0"));
    }
}

fn axe_finds_nothing_serious(tab: &mut Tab<'_>) {
    let axe = fs::read_to_string(axe().expect("else the test is ignored")).unwrap();
    for scheme in ["light", "dark"] {
        tab.prefer(scheme);
        tab.open(&DEFAULT.address);
        tab.open_everything();
        tab.evaluate(&axe);
        // Preloading would request stylesheets; the page has one, and it is embedded.
        let serious = tab.evaluate(
            "axe.run(document, { preload: false, resultTypes: ['violations'] }).then(({ violations }) => violations
                .filter(({ impact }) => ['serious', 'critical'].includes(impact))
                .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')}`))",
        );
        assert_eq!(serious, json!([]), "{scheme}");
    }
}

/// The sections between a link and its target get their heights when they are first seen, so each link has a
/// tab that has seen none of them.
fn every_link_leads_into_sight(tab: &mut Tab<'_>) {
    const LINKS: &str = "(() => {
        const race = '.race:not([hidden])';
        const all = [...document.querySelectorAll('nav a, .standings tbody th a, .standings a.known')];
        const shown = all.filter(link => link.checkVisibility());
        const of = (selector) => shown.filter(link => link.matches(selector)).map(link => link.hash);
        const [workloads, causes] = [of('th a'), of('.known')];
        return [...of('nav a').map(hash => ['nav', hash]), [`${race} th`, workloads[0]], [`${race} th`, workloads.at(-1)], [`${race} td`, causes.at(-1)]];
    })()";
    for screen in [LAPTOP, PHONE] {
        tab.show_on(screen);
        tab.open(&DEFAULT.address);
        let links: Vec<[String; 2]> = serde_json::from_value(tab.evaluate(LINKS)).unwrap();
        assert!(links.len() > 8, "{links:?}");
        for [place, hash] in links {
            let mut fresh = tab.another();
            fresh.show_on(screen);
            fresh.open(&DEFAULT.address);
            let link = format!("{place} a[href='{hash}']");
            fresh.apply("link => document.querySelector(link).focus()", link);
            fresh.press(ENTER);
            fresh.wait_for(
                "new Promise(done => {
                    const before = scrollY;
                    setTimeout(() => done(scrollY === before), 100);
                })",
            );
            let top = fresh.apply(
                "hash => document.getElementById(hash.slice(1)).getBoundingClientRect().top",
                hash.as_str(),
            );
            let top = top.as_f64().unwrap();
            assert!((0.0..f64::from(screen.height)).contains(&top), "{hash} is at {top} on {}", screen.width);
        }
    }
}
