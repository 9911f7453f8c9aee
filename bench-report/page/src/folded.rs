//! Draws what stands in the folds of sections apart from the page, which carries it packed: the charts draw what
//! the tables and the data say, and would be a third of the page. The script puts each piece into its place.

use askama::Template;

use super::{
    chart::{self, Chart},
    sections::{Costs, Section},
};

/// The charts of a fold.
#[derive(Template)]
#[template(path = "folded.html")]
struct Charts<'a> {
    charts: &'a [Chart],
}

/// The panels of the costs of a workload.
#[derive(Template)]
#[template(path = "costs.html")]
struct Panels<'a> {
    costs: &'a [Costs],
}

/// Returns the pieces of HTML that the sections leave out, in the order of their places.
pub(super) fn pieces(sections: &[Section]) -> Vec<String> {
    let drawn = |piece: Result<String, askama::Error>| piece.expect("strings always fit into the template");
    let of_section = |section: &Section| {
        let charts = section.folds.iter().map(|fold| drawn(Charts { charts: &fold.charts }.render()));
        let costs = (!section.costs.is_empty()).then(|| drawn(Panels { costs: &section.costs }.render()));
        charts.chain(costs).collect::<Vec<_>>()
    };
    sections.iter().flat_map(of_section).collect()
}
