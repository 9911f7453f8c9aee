//! Facts about the look of a page: at a glance, on a phone, light and dark.

use serde_json::{Value, json};

use super::{
    Tests,
    pages::{DEFAULT, GROUPS, HOSTILE, LARGE, SERVED},
    tab::{LAPTOP, PHONE, Screen, Tab},
    tests,
};

/// Finds the texts whose colour is too close to their background.
pub(crate) const CONTRASTS: &str = include_str!("contrasts.js");

pub(crate) const TESTS: Tests = tests![
    the_answers_are_seen_at_once,
    the_answers_can_be_read_on_a_phone,
    no_page_scrolls_sideways,
    no_column_is_cut,
    what_is_far_below_is_laid_out_when_a_reader_comes_near,
    every_noise_floor_can_be_read,
    no_line_below_a_head_is_covered,
    on_paper_no_table_is_cut_and_every_sheet_has_its_heads,
    light_and_dark_differ_and_can_be_read,
];

fn the_answers_are_seen_at_once(tab: &mut Tab<'_>) {
    for (page, rows) in [(&DEFAULT, 4), (&GROUPS, 11), (&SERVED, 19)] {
        for query in ["", "?threads=1"] {
            tab.open(&format!("{}{query}", page.address));
            let bottoms = tab.evaluate(
                "[...document.querySelectorAll('.silent, .presets, .first-of:not([hidden]) tr, .first-of:not([hidden]) .pairs-said li')]
                    .map(found => found.getBoundingClientRect()).map(({ right, bottom }) => [right, bottom])",
            );
            let bottoms = bottoms.as_array().unwrap();
            assert!(bottoms.len() > rows, "{} of {rows}", bottoms.len());
            for edge in bottoms {
                let [right, bottom] = [0, 1].map(|place| edge[place].as_f64().unwrap());
                let is_seen = bottom <= f64::from(LAPTOP.height) && right <= f64::from(LAPTOP.width);
                assert!(is_seen, "{} {query}: they end at {bottoms:?}", page.address);
            }
        }
    }
}

/// On a phone those that can serve are in sight beside the kinds of work; the yardsticks are a swipe away.
fn the_answers_can_be_read_on_a_phone(tab: &mut Tab<'_>) {
    tab.show_on(PHONE);
    for query in ["", "?threads=1"] {
        tab.open(&format!("{}{query}", SERVED.address));
        let cut = tab.evaluate(
            "[...document.querySelectorAll('.first-of:not([hidden]) tr')].flatMap(row => [...row.cells].slice(0, 3))
                .filter(cell => cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth + 1)
                .map(cell => cell.outerHTML)",
        );
        assert_eq!(cut, json!([]));
        let size = tab.evaluate(
            "Math.min(...[...document.querySelectorAll('.first-of:not([hidden]) td')].map(cell => parseFloat(getComputedStyle(cell).fontSize)))",
        );
        assert!(size.as_f64().unwrap() >= 12.0, "{size} is small");
    }
}

fn no_page_scrolls_sideways(tab: &mut Tab<'_>) {
    for page in [&DEFAULT, &SERVED, &LARGE, &HOSTILE] {
        tab.show_on(PHONE);
        tab.open(&page.address);
        tab.open_everything();
        for screen in [PHONE, Screen { width: 768, ..LAPTOP }, LAPTOP, Screen { width: 1920, ..LAPTOP }] {
            // A reader turns his phone and drags his window: a page is not opened anew for another width.
            tab.show_on(screen);
            assert_no_sideways_scroll(tab);
        }
    }
}

/// However many lanes there are, all are seen from a laptop on, below heads that stay, and no figure leaves its square.
fn no_column_is_cut(tab: &mut Tab<'_>) {
    // Twenty lanes are too many, fourteen are not.
    let names = LARGE.results.executors.iter().map(|lane| &*lane.name);
    let others: Vec<&str> = names.filter(|name| name.ends_with("-3") || name.ends_with("-2")).collect();
    let hidden = format!("&hide={}", others.join(","));
    for (page, threads, hide) in [(&DEFAULT, 1, ""), (&DEFAULT, 2, ""), (&LARGE, 1, &*hidden)] {
        for screen in [LAPTOP, Screen { width: 1440, ..LAPTOP }, Screen { width: 1920, ..LAPTOP }] {
            tab.show_on(screen);
            tab.open(&format!("{}?threads={threads}{hide}", page.address));
            let table = "document.querySelector('.race:not([hidden]) table.standings')";
            tab.wait_for(&format!("{table}.parentElement.classList.contains('fits')"));
            assert_eq!(
                tab.evaluate(&format!("getComputedStyle({table}.tHead.rows[0].cells[1]).position")),
                "sticky"
            );
            let cut = tab.evaluate(&format!(
                "[...{table}.querySelectorAll('td[data-lane] b')].filter(figure => figure.getBoundingClientRect().left
                    < figure.parentElement.getBoundingClientRect().left).map(figure => figure.innerText)"
            ));
            assert_eq!(cut, json!([]), "at {}", screen.width);
        }
    }
}

fn what_is_far_below_is_laid_out_when_a_reader_comes_near(tab: &mut Tab<'_>) {
    tab.show_on(PHONE);
    tab.open(&SERVED.address);
    let is_there = |table: &str| {
        format!("document.querySelector('{table}').checkVisibility({{ contentVisibilityAuto: true }})")
    };
    let far = ".race:not([hidden]) table.standings tfoot";
    assert_eq!(tab.evaluate(&is_there(".first-of:not([hidden]) table")), true);
    assert_eq!(tab.evaluate(&is_there(far)), false);
    tab.evaluate(&format!("document.querySelector('{far}').scrollIntoView()"));
    tab.wait_for(&is_there(far));
}

/// A long quantity may be cut, the floor may not; nor may the two overlap.
fn every_noise_floor_can_be_read(tab: &mut Tab<'_>) {
    for screen in [PHONE, LAPTOP] {
        tab.show_on(screen);
        tab.open(&DEFAULT.address);
        let cut = tab.evaluate(
            "[...document.querySelectorAll('.race:not([hidden]) tr[data-size] th')].map(head => {
                const [quantity, floor] = ['.quantity', '.floor'].map(part => head.querySelector(part));
                const [left, right, all] = [quantity, floor, head].map(part => part.getBoundingClientRect());
                const apart = left.right <= right.left || left.bottom <= right.top;
                return apart && floor.scrollWidth <= floor.clientWidth && right.right <= all.right && quantity.clientWidth > 20;
            })",
        );
        let cut = cut.as_array().unwrap();
        assert!(cut.len() == 9 && cut.iter().all(|whole| *whole == true), "{cut:?} at {}", screen.width);
    }
}

/// Cells of the first column stick, so the browser moves each to whole pixels by itself, and one could cover the line above it.
fn no_line_below_a_head_is_covered(tab: &mut Tab<'_>) {
    tab.show_on(PHONE);
    tab.prefer("dark");
    tab.open(&DEFAULT.address);
    for tenths in 0..10 {
        tab.apply(
            "tenths => {
                const table = document.querySelector('.race:not([hidden]) .scroll');
                table.style.marginTop = `${10 + tenths / 10}px`;
            }",
            tenths,
        );
        // A picture may show a page that has not come to rest, or is painted in part: only what stays covered is a fault.
        let covered = (0..8).map(|_| covered_heads(tab)).find(|covered| *covered == json!([]));
        let covered = covered.unwrap_or_else(|| covered_heads(tab));
        assert_eq!(covered, json!([]), "the line below is covered, {tenths} tenths of a pixel further down");
    }
}

fn on_paper_no_table_is_cut_and_every_sheet_has_its_heads(tab: &mut Tab<'_>) {
    // A sheet between its margins: the first table stands upright, that of every comparison lies on its side.
    let [upright, lying] = [720, 980].map(|width| Screen { width, ..LAPTOP });
    for (screen, table) in [(upright, ".first"), (lying, ".standings")] {
        tab.show_on(screen);
        tab.open(&SERVED.address);
        tab.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
        let found = tab.apply(
            "table => {
                const wide = [...document.querySelectorAll(`${table} th, ${table} td`)].filter(cell =>
                    cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth + 1);
                // A head that has a position is painted on the first sheet alone.
                const placed = [...document.querySelectorAll(`${table} thead *`)].filter(part => getComputedStyle(part).position !== 'static');
                return [...wide, ...placed].slice(0, 5).map(part => part.outerHTML);
            }",
            table,
        );
        assert_eq!(found, json!([]), "{table}");
    }
}

/// Returns the heads of the first visible table below which a picture of it has no line.
fn covered_heads(tab: &Tab<'_>) -> Value {
    const BOTTOM: &str = "Math.ceil(document.querySelector('.race:not([hidden]) .scroll').getBoundingClientRect().bottom + scrollY)";
    let bottom = tab.evaluate(BOTTOM);
    let picture = tab.picture_from(0, bottom.as_u64().expect("a number") as u32);
    tab.apply(
        "async picture => {
            const file = new Blob([Uint8Array.from(atob(picture), byte => byte.charCodeAt(0))]);
            const image = await createImageBitmap(file);
            const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true });
            canvas.drawImage(image, 0, 0);
            const heads = [...document.querySelectorAll('.race:not([hidden]) thead th')];
            return heads.filter(head => head.getBoundingClientRect().left < image.width).filter(head => {
                const { left, bottom } = head.getBoundingClientRect();
                const colour = getComputedStyle(head).borderBottomColor;
                const near = canvas.getImageData(left + 2, Math.round(bottom + scrollY) - 3, 1, 4).data;
                return ![0, 4, 8, 12].some(at => colour === `rgb(${near.slice(at, at + 3).join(', ')})`);
            }).map(head => head.innerText);
        }",
        picture,
    )
}

pub(crate) fn assert_no_sideways_scroll(tab: &Tab<'_>) {
    let wide = tab.apply(
        "screen => {
            const { clientWidth, scrollWidth } = document.documentElement;
            if (innerWidth === screen && scrollWidth <= clientWidth) return [];
            const wide = [...document.body.querySelectorAll('*')].filter(element =>
                element.getBoundingClientRect().right > clientWidth + 1 && !element.closest('.scroll *, svg *'));
            return [`${scrollWidth} on ${clientWidth}`, ...wide.slice(0, 5).map(element => element.outerHTML.slice(0, 200))];
        }",
        tab.screen.width,
    );
    assert_eq!(wide, json!([]), "wider than the screen");
}

fn light_and_dark_differ_and_can_be_read(tab: &mut Tab<'_>) {
    let mut looks = Vec::new();
    for scheme in ["light", "dark"] {
        tab.prefer(scheme);
        tab.open(&SERVED.address);
        looks.push((tab.picture(), tab.evaluate("getComputedStyle(document.body).backgroundColor")));
        tab.open_everything();
        assert_eq!(tab.evaluate(CONTRASTS), json!([]), "too close to what is behind, {scheme}");
    }
    // The scroll bars of browsers differ by themselves.
    assert_ne!(looks[0].1, looks[1].1);
    assert_ne!(looks[0].0, looks[1].0);
}
