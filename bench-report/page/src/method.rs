//! Prepares the facts about the method that differ from run to run; the rest stands in the template.

use super::{
    circumstances,
    lanes::Look,
    links::{Links, Source},
};
use results::{
    NoisePair, Results,
    figures::{counted, listed, ratio, ratio_with_interval},
};

/// The chapters of METHODOLOGY.md: the name of each, and its anchor.
const CHAPTERS: [(&str, &str); 6] = [
    ("from a run to a figure", "from-a-run-to-a-figure"),
    ("the figures, one by one", "the-figures-one-by-one"),
    ("the lanes", "the-lanes"),
    ("the objections and our answers", "the-objections-one-by-one"),
    ("what the workloads do not show", "what-the-workloads-do-not-show"),
    ("our bias", "our-bias"),
];

/// The facts about the method of a run.
pub(super) struct Method {
    pub(super) blocks: String,
    /// The noise that lanes showed when they raced against themselves.
    pub(super) noise: String,
    pub(super) pairs: Vec<Pair>,
    pub(super) methodology: Source,
    pub(super) chapters: Vec<Chapter>,
    /// The command that repeats the run.
    pub(super) again: String,
}

/// A lane and its twin.
pub(super) struct Pair {
    pub(super) comparison: String,
    pub(super) lane: String,
    pub(super) look: Look,
    pub(super) ratio: String,
    pub(super) different: &'static str,
}

/// A chapter of the methodology.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) link: Option<String>,
}

impl Method {
    pub(super) fn of(results: &Results, links: &Links) -> Method {
        let pairs = results.noise.iter().flat_map(|noise| &noise.pairs);
        Method {
            blocks: circumstances::blocks(results),
            noise: noise(results),
            pairs: pairs.map(|pair| Pair::of(results, pair)).collect(),
            methodology: links.to("METHODOLOGY.md"),
            chapters: CHAPTERS
                .map(|(title, anchor)| Chapter {
                    title,
                    link: links.to(&format!("METHODOLOGY.md#{anchor}")).link,
                })
                .into(),
            again: circumstances::again(&results.run),
        }
    }
}

impl Pair {
    fn of(results: &Results, pair: &NoisePair) -> Pair {
        let NoisePair { workload, size, threads, executor, ratio, different } = pair;
        Pair {
            comparison: format!("{workload}/{size}/t{threads}"),
            lane: executor.clone(),
            look: Look::of(results, executor),
            ratio: ratio_with_interval(ratio),
            different: if *different { "yes" } else { "no" },
        }
    }
}

/// Writes the paragraph on noise floors.
fn noise(results: &Results) -> String {
    let floors = circumstances::floors(results);
    let (Some(&least), Some(&most)) = (floors.first(), floors.last()) else {
        return noise_of_measures(results);
    };
    let [least, median, most] = [least, floors[floors.len() / 2], most].map(ratio);
    let here = if least == most {
        format!("it is {most} in every row")
    } else {
        format!("it is {median} in the middle, from {least} to {most}")
    };
    let rows = format!(
        "Each row has its own floor: identical lanes differ there by so much more than their intervals say, as twins show. Where \
         intervals say it all, it is 1.00×. Here {here}."
    );
    let Some(noise) = &results.noise else {
        return format!("{rows} No lane raced against itself.");
    };
    format!(
        "{rows} In {} a lane raced against itself under another name. Measured in time, 95 % of these twins differed by no more \
         than {}; without floors, the rule of a race would call {} of them different, although none is.",
        counted(noise.pairs.len(), "comparison"),
        ratio(noise.floor),
        noise.different
    )
}

/// Writes it for results from before rows had floors of their own.
fn noise_of_measures(results: &Results) -> String {
    let Some(noise) = &results.noise else {
        return "No lane raced against itself, so there is no noise floor.".to_owned();
    };
    let others =
        noise.floors.iter().map(|(measure, floor)| format!("{measure} {}", circumstances::beyond_1(*floor)));
    let others: Vec<String> = others.collect();
    let others = match &others[..] {
        [] => String::new(),
        others => format!(" Measures other than the clock have floors of their own: {}.", listed(others)),
    };
    format!(
        "In {} a lane raced against itself under another name. The rule of a race would call {} of these pairs \
         different, although none is. At least 95 % of them differed by no more than {}: this is the noise \
         floor, and lanes that differ by less are level.{others}",
        counted(noise.pairs.len(), "comparison"),
        noise.different,
        circumstances::beyond_1(noise.floor)
    )
}
