//! Draws what stands in the folds of sections apart from the page, which carries it packed: the charts draw what
//! the tables and the data say, and would be a third of the page. The script puts each piece into its place.

use askama::Template;

use super::{
    chart::{self, Chart},
    sections::{Costs, Fold, Section},
};

/// The note on how to read the charts of a fold.
#[derive(Template)]
#[template(source = "<p class=\"note words words-{{ fold.words }}\">{{ fold.note }}</p>\n", ext = "html")]
struct Note<'a> {
    fold: &'a Fold,
}

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

/// The note on how to read the costs of a workload.
const NOTE_ON_COSTS: &str = "<p class=\"note\">The panels show the largest size; the table below has the figures of every size, with their intervals.</p>\n";

/// Returns the pieces of HTML that the sections leave out, in the order of their places: first the notes of all of them, because
/// what is alike packs well if it is close together, and then the charts.
pub(super) fn pieces(sections: &[Section]) -> Vec<String> {
    let drawn = |piece: Result<String, askama::Error>| piece.expect("strings always fit into the template");
    let of_section = |section: &Section| {
        let folds = section.folds.iter();
        let folds = folds
            .map(|fold| [drawn(Note { fold }.render()), drawn(Charts { charts: &fold.charts }.render())]);
        let costs = (!section.costs.is_empty())
            .then(|| [NOTE_ON_COSTS.to_owned(), drawn(Panels { costs: &section.costs }.render())]);
        folds.chain(costs).collect::<Vec<_>>()
    };
    let (mut notes, charts): (Vec<_>, Vec<_>) =
        sections.iter().flat_map(of_section).map(|[note, charts]| (note, charts)).unzip();
    notes.extend(charts);
    notes
}
