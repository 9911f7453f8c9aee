//! Takes pictures of a page: all of it, to be looked at (`scripts/pictures RESULTS.JSON FOLDER`), or those of the documents
//! (`scripts/example RESULTS.JSON`).

use std::{fs, path::Path, sync::Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use results::Results;
use serde_json::json;

use super::{
    devtools::Browser,
    tab::{LAPTOP, PHONE, Screen, Tab},
};

/// The height of one picture: Chromium paints no more at once, so a longer page is several pictures.
const HEIGHT: u32 = 8000;

/// Takes pictures of the page of some results: three widths, light and dark, from the top to the end.
pub(crate) fn take(browser: &Mutex<Browser>, arguments: &[String]) {
    let [results, folder] = arguments else { panic!("pictures RESULTS.JSON FOLDER, not {arguments:?}") };
    let folder = Path::new(folder);
    fs::create_dir_all(folder).unwrap();
    let html = folder.join("report.html");
    fs::write(&html, page::render(&Results::read(Path::new(results)).unwrap(), None)).unwrap();
    let address = format!("file://{}", html.canonicalize().unwrap().display());
    for screen in [LAPTOP, Screen { width: 1920, height: 1080, ..LAPTOP }, PHONE] {
        for scheme in ["light", "dark"] {
            let mut tab = Tab::new(browser);
            tab.show_on(screen);
            tab.prefer(scheme);
            tab.call("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
            tab.open(&address);
            tab.lay_out_everything();
            // When its files are offered a page is as high as it stays.
            tab.wait_for("document.querySelector('#downloads .unpacked').hidden");
            let height =
                tab.evaluate("document.documentElement.scrollHeight").as_u64().expect("a number") as u32;
            for (part, from) in (0..height).step_by(HEIGHT as usize).enumerate() {
                let picture = tab.picture_from(from, HEIGHT.min(height - from));
                let name = format!("{}-{scheme}-{}.png", screen.width, part + 1);
                fs::write(folder.join(&name), STANDARD.decode(picture).expect("base64")).unwrap();
            }
        }
    }
}

/// The pictures of the documents: a name, a screen, a scheme, and the element and the height that it begins with and has.
const EXAMPLES: [(&str, Screen, &str, &str, u32); 4] = [
    ("report-light.png", LAPTOP, "light", "body", 1_400),
    ("report-dark.png", LAPTOP, "dark", "body", 1_400),
    ("phone.png", PHONE, "light", "body", 844),
    ("charts.png", LAPTOP, "light", "[id^=workload-]", 2_300),
];

/// Takes the pictures of a page that the documents show.
pub(crate) fn take_examples(browser: &Mutex<Browser>, arguments: &[String]) {
    let [page, folder] = arguments else { panic!("a page and a folder, not {arguments:?}") };
    let address = format!("file://{}", Path::new(page).canonicalize().unwrap().display());
    for (name, screen, scheme, begin, height) in EXAMPLES {
        let mut tab = Tab::new(browser);
        tab.show_on(screen);
        tab.prefer(scheme);
        tab.call("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
        tab.open(&address);
        tab.lay_out_everything();
        tab.wait_for("document.querySelector('#downloads .unpacked').hidden");
        let top =
            format!("Math.floor(document.querySelector('{begin}').getBoundingClientRect().top + scrollY)");
        let top = tab.evaluate(&top).as_u64().expect("a number") as u32;
        let picture = tab.picture_from(top, height);
        fs::write(Path::new(folder).join(name), STANDARD.decode(picture).expect("base64")).unwrap();
    }
}
