//! Every number of the results is on the page, with and without scripts.

use bench_report::{
    figures,
    results::{Metric, Results},
};

use crate::{
    Tests,
    pages::DEFAULT,
    tab::{Tab, shown},
    tests,
};

pub(crate) const TESTS: Tests = tests![without_scripts_every_number_and_chart_is_there];

fn without_scripts_every_number_and_chart_is_there(tab: &mut Tab<'_>) {
    tab.open(&DEFAULT.address);
    tab.open_everything();
    let charts =
        "[...document.querySelectorAll('main svg[role=img]')].filter(chart => chart.checkVisibility()
        && chart.getBoundingClientRect().height > 40).length";
    let with_scripts = tab.evaluate(charts).as_u64().unwrap();
    tab.disable_scripts();
    tab.open(&DEFAULT.address);
    tab.open_everything();
    let without = tab.evaluate(charts).as_u64().unwrap();
    assert!(without >= with_scripts.max(comparisons(&DEFAULT.results)), "{without} charts of {with_scripts}");
    let text = shown(tab.evaluate("document.body.innerText").as_str().unwrap());
    let cells = &DEFAULT.results.cells;
    for (cell, metric) in
        cells.iter().flat_map(|cell| cell.metrics.values().map(move |metric| (cell, metric)))
    {
        if let Metric::Measured { .. } = metric {
            assert!(text.contains(&figures::metric(metric)), "{}: {metric:?}", cell.id());
        }
    }
    assert_eq!(tab.count("#controls:not([hidden])"), 0, "a control that does nothing");
}

/// How many comparisons there are, each of which has a chart at least.
fn comparisons(results: &Results) -> u64 {
    results
        .cells
        .chunk_by(|one, other| {
            (&one.workload, one.size, one.threads) == (&other.workload, other.size, other.threads)
        })
        .count() as u64
}
