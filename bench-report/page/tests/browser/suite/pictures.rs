//! Takes pictures of a page for the documentation: `scripts/pictures RESULTS.JSON FOLDER`.

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
