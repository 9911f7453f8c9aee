//! The section over versions: the made-up run, with a lane in other builds.

mod fixture;

use results::{Cell, Estimate, OtherBuild, Results, Row, Substitute};

/// The workload in which the middle version is slower.
const SLOWER: &str = "sleep-fan-out";

/// Returns the made-up run with tokio in two older versions, of which the newer takes twice the time in one workload.
fn over_versions() -> Results {
    let mut results = fixture::read();
    for (place, version) in [(1, "1.9.0"), (2, "1.10.0")] {
        let own = results.executors.iter().find(|executor| executor.name == "tokio").expect("it races");
        let mut other = own.clone();
        other.name = format!("tokio@{version}");
        other.other_build = Some(build(version));
        let tokio = results.executors.iter().position(|executor| executor.name == "tokio").expect("it races");
        results.executors.insert(tokio + place, other);
    }
    let own: Vec<Cell> = results
        .cells
        .iter()
        .filter(|cell| cell.executor == "tokio" && cell.rank.is_some())
        .cloned()
        .collect();
    for cell in own {
        let twice = if cell.workload == SLOWER { 2.0 } else { 1.0 };
        for (version, ratios) in [
            ("1.9.0", [("tokio", 1.0), ("tokio@1.10.0", 1.0 / twice)]),
            ("1.10.0", [("tokio", twice), ("tokio@1.9.0", twice)]),
        ] {
            let mut other = Cell { executor: format!("tokio@{version}"), ..cell.clone() };
            other.ratios.extend(ratios.map(|(lane, ratio)| (lane.to_owned(), about(ratio))));
            let is_own = |one: &Cell| one.id() == cell.id();
            let place = results.cells.iter().position(is_own).expect("it is there");
            let back = if version == "1.9.0" { 1.0 } else { 1.0 / twice };
            results.cells[place].ratios.insert(other.executor.clone(), about(back));
            results.cells.insert(place + 1, other);
        }
        let Cell { workload, size, threads, .. } = cell;
        results.rows.push(Row { workload, size, threads, blocks: 5, floor: 1.1, open: Vec::new() });
    }
    results
}

fn about(ratio: f64) -> Estimate {
    Estimate { value: ratio, low: ratio * 0.97, high: ratio * 1.03 }
}

fn build(version: &str) -> OtherBuild {
    let substitute = Substitute {
        package: "tokio".to_owned(),
        version: version.to_owned(),
        instead_of: "1.54.1".to_owned(),
        source: "crates.io".to_owned(),
        checksum: "f66bf958".to_owned(),
        features: vec!["net".to_owned(), "time".to_owned()],
        flags: "none".to_owned(),
        program: "0123456789abcdef".to_owned(),
        also: vec!["socket2 0.5.10".to_owned()],
        reason: (version == "1.10.0").then(|| "the slot <can> be stolen from".to_owned()),
    };
    OtherBuild { lane: "tokio".to_owned(), substitute }
}

fn section(page: &str) -> &str {
    let start = page.find("<section id=\"versions\">").expect("there is a section over versions");
    let length = page[start..].find("</section>").expect("it ends");
    &page[start..start + length]
}

#[test]
fn a_run_of_one_build_has_no_section_over_versions() {
    assert!(!page::render(&fixture::read(), None).contains("Over versions"));
}

#[test]
fn versions_stand_in_their_order_with_that_of_the_lock_file_among_them() {
    let page = page::render(&over_versions(), None);
    let section = section(&page);
    let heads = section.find("<thead>").map(|start| &section[start..]).expect("there is a table");
    let places = ["1.9.0", "1.10.0", "1.54.1"].map(|version| heads.find(&format!(">{version}</th>")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert!(section.contains("the slot &#60;can&#62; be stolen from."), "reasons are escaped, and shown");
}

#[test]
fn each_step_that_is_certain_has_a_sentence_and_no_other() {
    let results = over_versions();
    let page = page::render(&results, None);
    let steps: Vec<&str> =
        section(&page).lines().filter_map(|line| line.trim().strip_prefix("<li>")).collect();
    let comparisons = results.rows.iter().filter(|row| row.workload == SLOWER).count();
    assert!(comparisons > 0);
    let of =
        |words: &str| steps.iter().filter(|step| step.starts_with(SLOWER) && step.contains(words)).count();
    assert_eq!(of("1.10.0 takes longer than 1.9.0, 2.00×"), comparisons, "{steps:#?}");
    assert_eq!(of("1.54.1 takes less long than 1.10.0, 0.500×"), comparisons, "{steps:#?}");
    assert_eq!(steps.len(), 2 * comparisons, "{steps:#?}");
}

#[test]
fn the_card_of_a_lane_names_exactly_what_was_built() {
    let page = page::render(&over_versions(), None);
    for words in [
        "tokio 1.9.0 from crates.io, in the place of 1.54.1; else as tokio",
        "checksum f66bf958",
        "features net and time; compiled with the flags: none; program 0123456789abcdef",
        "needs socket2 0.5.10",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(page.matches("<dt>Built with</dt>").count(), 2, "the others are of the run's own build");
}

#[test]
fn the_end_on_a_terminal_tells_the_certain_steps() {
    let ending = page::terminal::ending(&over_versions());
    assert!(ending.contains("1.10.0 takes longer than 1.9.0"), "{ending}");
    assert!(ending.contains("1.54.1 takes less long than 1.10.0"), "{ending}");
    assert!(ending.lines().all(|line| line.chars().count() <= 80), "{ending}");
    let mut same = over_versions();
    same.cells.iter_mut().for_each(|cell| cell.ratios.values_mut().for_each(|ratio| *ratio = about(1.0)));
    let ending = page::terminal::ending(&same);
    assert!(ending.contains("Between these builds of tokio no difference is certain."), "{ending}");
}

#[test]
fn the_first_screen_tells_of_the_builds_and_leads_to_them() {
    let page = page::render(&over_versions(), None);
    let first = &page[..page.find("<section id=\"versions\">").expect("there is a section over versions")];
    assert!(first.contains("<a href=\"#versions-tokio-tokio\">Builds of tokio</a>"));
    assert!(first.contains("1.10.0 takes longer than 1.9.0"));
    assert!(!page::render(&fixture::read(), None).contains("Builds of"));
}
