//! Facts about numbers: every number of the results is on the page and in its downloads, with and without
//! scripts.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use page::export;
use results::{Metric, Results, figures};
use serde_json::Value;

use super::{
    Tests,
    pages::{DEFAULT, HOSTILE},
    tab::{Tab, shown},
    tests,
};

pub(crate) const TESTS: Tests = tests![
    without_scripts_every_number_is_there_and_a_sentence_for_each_packed_chart,
    without_scripts_the_tables_can_be_downloaded_and_the_rows_are_named,
    downloads_are_the_results_and_their_exports,
];

fn without_scripts_every_number_is_there_and_a_sentence_for_each_packed_chart(tab: &mut Tab<'_>) {
    let charts =
        "[...document.querySelectorAll('main svg[role=img]')].filter(chart => chart.checkVisibility()
        && !chart.closest('.workload details') && chart.getBoundingClientRect().height > 40).length";
    tab.open(&DEFAULT.address);
    tab.open_everything();
    let with_scripts = tab.evaluate(charts).as_u64().unwrap() as usize;
    tab.disable_scripts();
    tab.open(&DEFAULT.address);
    tab.open_everything();
    let without = tab.evaluate(charts).as_u64().unwrap() as usize;
    assert!(without >= with_scripts.max(comparisons(&DEFAULT.results)), "{without} charts of {with_scripts}");
    // The charts of folds draw what the tables say, and a sentence stands in their place.
    assert_eq!(tab.count(".workload details svg[role=img]"), 0);
    assert!(tab.count(".workload details:has(.note)") >= tab.count("[data-packed]"));
    assert!(tab.texts("[data-packed]").iter().all(|said| said.starts_with("A script unpacks these charts")));
    let text = shown(tab.evaluate("document.body.innerText").as_str().unwrap());
    for cell in &DEFAULT.results.cells {
        for metric in cell.metrics.values().filter(|metric| matches!(metric, Metric::Measured { .. })) {
            assert!(text.contains(&figures::metric(metric)), "{}: {metric:?}", cell.id());
        }
        if let Some(ratio) = &cell.ratio {
            assert!(text.contains(&figures::ratio(ratio.value)), "{}: {ratio:?}", cell.id());
        }
        assert!(
            text.contains(cell.reason.as_deref().unwrap_or_default()),
            "{}: {:?}",
            cell.id(),
            cell.reason
        );
    }
    for memory in &DEFAULT.results.memory {
        assert!(text.contains(&figures::metric(&memory.bytes_a_task)), "{memory:?}");
    }
    assert_eq!(tab.count("#controls:not([hidden])"), 0, "controls that do nothing");
}

fn without_scripts_the_tables_can_be_downloaded_and_the_rows_are_named(tab: &mut Tab<'_>) {
    tab.disable_scripts();
    tab.open(&DEFAULT.address);
    let link = tab.evaluate("document.querySelector('#downloads [download=\"standings.md.gz\"]').href");
    let packed = STANDARD.decode(link.as_str().unwrap().split_once(";base64,").unwrap().1).unwrap();
    let mut held = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut held).unwrap();
    assert_eq!(held, export::markdown(&DEFAULT.results));
    let [said] = &tab.texts("#downloads .unpacked")[..] else { panic!("no sentence on the rows") };
    assert!(said.contains("bench-report export --format csv"), "{said}");
    assert_eq!(tab.count("#downloads li:not([hidden])"), 1);
}

fn downloads_are_the_results_and_their_exports(tab: &mut Tab<'_>) {
    let folder = tempfile::tempdir().unwrap();
    for page in [&DEFAULT, &HOSTILE] {
        tab.open(&page.address);
        // The links are made once the page has come to rest.
        tab.wait_for("[...document.querySelectorAll('#downloads a[download]')].filter(link => link.checkVisibility()).length === 3");
        tab.wait_for("document.querySelector('#downloads [download=\"standings.md\"]') !== null");
        let file = |name: &str| {
            let bytes = tab.download(&format!("#downloads [download='{name}']"), folder.path());
            std::fs::remove_file(folder.path().join(name)).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let json: Value = serde_json::from_str(&file("results.json")).unwrap();
        // The texts are too long to be printed.
        assert!(json == serde_json::from_str::<Value>(&page.results.to_json()).unwrap(), "other results");
        assert!(file("results.csv") == export::csv(&page.results), "another CSV");
        assert!(file("standings.md") == export::markdown(&page.results), "another Markdown");
        assert_eq!(tab.count("#downloads .unpacked[hidden]"), 1, "it is for readers without scripts");
    }
}

/// Counts the comparisons, each of which has at least one chart.
fn comparisons(results: &Results) -> usize {
    let mut names: Vec<_> =
        results.cells.iter().map(|cell| (&cell.workload, cell.size, cell.threads)).collect();
    names.dedup();
    names.len()
}
