//! Each size that is shown has its unit: the run of the example is drawn with sizes and units that nothing else has.

mod example;
mod unpacked;

use std::collections::BTreeMap;

use page::{export, side_by_side, terminal, verdict};
use results::{Results, figures::whole};

/// The first word of what every size of the marked run counts.
const UNIT: &str = "wombats";

/// The first of the sizes of the marked run, and how all of them begin.
const FIRST: u64 = 710_003;
const BEGINNING: &str = "710,";

/// Returns the run of the example with other sizes, and these as they are written: no figure and no count is one of them.
fn marked() -> (Results, Vec<String>) {
    let mut results = example::results();
    let mut known: BTreeMap<(String, u64), u64> = BTreeMap::new();
    let mut mark = |workload: &str, size: &mut u64| {
        let next = FIRST + 7 * known.len() as u64;
        *size = *known.entry((workload.to_owned(), *size)).or_insert(next);
    };
    results.cells.iter_mut().for_each(|cell| mark(&cell.workload, &mut cell.size));
    results.rows.iter_mut().for_each(|row| mark(&row.workload, &mut row.size));
    results
        .noise
        .iter_mut()
        .flat_map(|noise| &mut noise.pairs)
        .for_each(|pair| mark(&pair.workload, &mut pair.size));
    for curve in &mut results.grain {
        curve.work.iter_mut().for_each(|work| mark(&curve.workload, &mut work.size));
        for lane in &mut curve.lanes {
            lane.points.iter_mut().for_each(|point| mark(&curve.workload, &mut point.size));
            lane.level_from.iter_mut().for_each(|size| mark(&curve.workload, size));
        }
        curve.level_from.iter_mut().for_each(|size| mark(&curve.workload, size));
    }
    for memory in &mut results.memory {
        let name = format!("memory of {}", memory.workload);
        memory.points.iter_mut().for_each(|(tasks, _)| mark(&name, tasks));
    }
    for workload in &mut results.workloads {
        workload.size = format!("{UNIT} of a test");
    }
    (results, known.into_values().map(whole).collect())
}

/// Returns the texts among some that show a size without its unit, which a list of sizes has at its end.
fn without_units<'a>(texts: impl Iterator<Item = &'a str>, sizes: &[String]) -> Vec<String> {
    let has_unit = |mut behind: &str| loop {
        let listed = [", ", " and "].iter().find_map(|between| behind.strip_prefix(between));
        let next = listed.and_then(|listed| sizes.iter().find_map(|size| listed.strip_prefix(&**size)));
        match next {
            Some(next) => behind = next,
            None => break [UNIT, "tasks"].iter().any(|unit| behind.trim_start().starts_with(unit)),
        }
    };
    let shows_one = |text: &&str| {
        let bare = |(place, size): (usize, &str)| !has_unit(&text[place + size.len()..]);
        sizes.iter().any(|size| text.match_indices(&**size).any(bare))
    };
    texts.filter(|text| text.contains(BEGINNING)).filter(shows_one).map(str::to_owned).collect()
}

#[test]
fn every_size_of_the_page_has_its_unit() {
    let (results, sizes) = marked();
    let page = unpacked::render(&results);
    let page = without_ticks(&page);
    let found = without_units(page.split(['<', '>', '"']), &sizes);
    assert!(found.is_empty(), "{} of them: {:#?}", found.len(), &found[..found.len().min(20)]);
    let shown = sizes.iter().filter(|size| page.contains(&***size)).count();
    assert_eq!(shown, sizes.len(), "each of them is shown");
}

/// Removes the ticks of an axis, whose title has their unit.
fn without_ticks(page: &str) -> String {
    let tick = "<text class=\"x\"";
    let without = |chart: &str| {
        let shown: String = chart
            .split(tick)
            .enumerate()
            .map(|(place, part)| match place {
                0 => part,
                _ => part.split_once("</text>").expect("an end").1,
            })
            .collect();
        let titles = chart.split(tick).filter(|part| part.contains(&format!(">{UNIT}")));
        if titles.count() > 0 { shown } else { chart.to_owned() }
    };
    page.split_inclusive("</svg>").map(without).collect()
}

#[test]
fn every_size_of_the_exports_of_the_terminal_and_of_verdicts_has_its_unit() {
    let (mut results, sizes) = marked();
    let check = |shown: &str| {
        let found = without_units(shown.split(['|', '\n', '<', '>', '"']), &sizes);
        assert!(found.is_empty(), "{} of them: {:#?}", found.len(), &found[..found.len().min(20)]);
    };
    let verdicts = verdict::races(&results).into_iter().flat_map(|race| race.verdicts);
    verdicts.for_each(|verdict| check(&verdict.to_string()));
    check(&side_by_side::render(&[
        ("one".to_owned(), results.clone()),
        ("other".to_owned(), results.clone()),
    ]));
    check(&export::markdown(&results));
    // Without groups the first screen has a row for each comparison.
    results.groups.clear();
    check(&export::answers(&results));
    check(&terminal::ending(&results));
}
