//! Draws the panels of costs apart from the page, which carries them packed: they draw what its tables say, and
//! would be a fifth of it. The script puts each piece into its place.

use askama::Template;

use super::{
    chart,
    sections::{Costs, Section},
};

/// The panels of the costs of a workload.
#[derive(Template)]
#[template(path = "costs.html")]
struct Panels<'a> {
    costs: &'a [Costs],
}

/// Returns the pieces of HTML that the sections leave out, in the order of their places.
pub(super) fn pieces(sections: &[Section]) -> Vec<String> {
    let with_costs = sections.iter().filter(|section| !section.costs.is_empty());
    let panels = with_costs.map(|section| Panels { costs: &section.costs });
    panels.map(|panels| panels.render().expect("strings always fit into the template")).collect()
}
