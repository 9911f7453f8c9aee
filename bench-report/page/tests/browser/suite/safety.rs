//! Facts about safety: a page is one file that requests nothing, and texts are only texts.

use super::{
    Tests,
    pages::{DEFAULT, HOSTILE, Server},
    tab::{LAPTOP, PHONE, Tab, shown},
    tests,
};

pub(crate) const TESTS: Tests =
    tests![one_request_is_all_a_page_makes, hostile_texts_make_nothing, hostile_texts_stay_within_the_page];

fn one_request_is_all_a_page_makes(tab: &mut Tab<'_>) {
    let server = Server::of(&DEFAULT.html);
    tab.open(&server.address);
    tab.open_everything();
    tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
    tab.picture();
    tab.open("about:blank");
    assert_eq!(server.requests(), 1);
}

/// The check after every test finds dialogs and requests.
fn hostile_texts_make_nothing(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    let elements =
        "Object.entries(Object.groupBy(document.querySelectorAll('*'), element => element.tagName))
        .map(([tag, all]) => `${tag} ${tag === 'SCRIPT' ? all.length : ''}`).sort().join()";
    let clean = tab.evaluate(elements);
    tab.open(&HOSTILE.address);
    assert_eq!(tab.evaluate(elements), clean);
    let handlers = "[...document.querySelectorAll('*')].flatMap(element => element.getAttributeNames())
        .filter(name => name.startsWith('on') || name.includes('<') || name.includes('\"'))";
    assert_eq!(tab.evaluate(handlers), serde_json::json!([]));
    let text = shown(tab.evaluate("document.body.textContent").as_str().unwrap());
    assert!(text.contains("<script>alert('x')</script><img src=x onerror=alert(1)>"));
}

fn hostile_texts_stay_within_the_page(tab: &mut Tab<'_>) {
    for screen in [LAPTOP, PHONE] {
        tab.show_on(screen);
        tab.open(&HOSTILE.address);
        tab.open_everything();
        super::layout::assert_no_sideways_scroll(tab);
    }
    assert_eq!(tab.evaluate(TURNED_AROUND), serde_json::json!([]), "read from right to left");
}

/// Finds figures that are set from right to left, although nothing before them in their own text demands it.
const TURNED_AROUND: &str = r"(() => {
    const turned = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    const left = (node, index) => {
        range.setStart(node, index);
        range.setEnd(node, index + 1);
        const box = range.getBoundingClientRect();
        return box.width > 0 ? box : undefined;
    };
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        if (!node.parentElement.checkVisibility()) continue;
        for (const figure of node.data.matchAll(/[0-9][0-9.,]*[0-9]/g)) {
            if (node.data.lastIndexOf('\u202e', figure.index) >= 0) continue;
            const first = left(node, figure.index);
            const last = left(node, figure.index + figure[0].length - 1);
            if (first && last && first.top === last.top && first.left > last.left)
                turned.push(`${node.parentElement.outerHTML.slice(0, 80)} ${node.data.slice(0, 80)}`);
        }
    }
    return turned.slice(0, 10);
})()";
