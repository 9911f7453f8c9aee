//! Draws the verdict table of the terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use results::{
    Cell, Results,
    figures::{self, listed},
    lookup,
};

use crate::{circumstances::Settled, verdict};

/// Says how many comparisons are settled, and what would settle more: a sentence without its full stop. Files from
/// before there were rows do not say.
pub fn settled(results: &Results) -> Option<String> {
    Settled::of(results).map(|settled| settled.to_string())
}

/// Draws a row for each comparison, 80 columns wide at most.
pub fn verdict_table(results: &Results) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["comparison", "per op", "verdict"]);
    table.set_constraints([ColumnConstraint::ContentWidth, ColumnConstraint::ContentWidth]);
    for workload in &results.workloads {
        for threads in lookup::threads(results) {
            for size in lookup::sizes(results, &workload.name, threads) {
                let comparison = format!("{}/{size}/t{threads}", workload.name);
                let winner = verdict::winner(results.comparison(&workload.name, size, threads));
                let [overhead, verdict] = match winner {
                    Some(winner) => {
                        [figures::in_unit(winner.unit, winner.overhead.value), winner.to_string()]
                    }
                    None => [String::new(), "no lane was measured".to_owned()],
                };
                let measure = Some(&workload.measure).filter(|measure| !measure.is_empty());
                let said = [measure.cloned(), Some(verdict), beside(results, &workload.name, size, threads)];
                let verdict = said.into_iter().flatten().collect::<Vec<_>>().join("; ");
                table.add_row([comparison, overhead, verdict]);
            }
        }
    }
    table.to_string()
}

/// Writes the figures of the programs beside a comparison, if there are any.
fn beside(results: &Results, workload: &str, size: u64, threads: usize) -> Option<String> {
    let programs = results.comparison(workload, size, threads);
    let programs = programs.filter(|cell| lookup::is_program(results, &cell.executor));
    let figure = |cell: &Cell| {
        let overhead = figures::in_unit(cell.unit(), cell.overhead()?.value);
        Some(format!("{} {overhead}", cell.executor))
    };
    let figures: Vec<String> = programs.filter_map(figure).collect();
    (!figures.is_empty()).then(|| format!("beside: {}", listed(&figures)))
}

/// The width of the narrowest terminal that people use.
pub const WIDTH: u16 = 80;
