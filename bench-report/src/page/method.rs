//! How the figures came about, as far as the run itself has to say it; the rest stands in the template.

use super::{
    circumstances,
    lanes::Look,
    links::{Links, Source},
};
use crate::{
    figures::{counted, listed, ratio_with_interval},
    results::{NoisePair, Results},
};

/// The chapters of METHODOLOGY.md: what each says, and where it begins.
const CHAPTERS: [(&str, &str); 6] = [
    ("how a run becomes a figure", "from-a-run-to-a-figure"),
    ("the figures, one by one", "the-figures-one-by-one"),
    ("the lanes", "the-lanes"),
    ("the objections and our answers", "the-objections-one-by-one"),
    ("what the workloads do not show", "what-the-workloads-do-not-show"),
    ("our bias", "our-bias"),
];

/// What the run says of its method.
pub(super) struct Method {
    pub(super) blocks: String,
    /// What the lanes that raced against themselves showed.
    pub(super) noise: String,
    pub(super) pairs: Vec<Pair>,
    pub(super) methodology: Source,
    pub(super) chapters: Vec<Chapter>,
    /// The command that makes the same run.
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
        let chapter = |(title, anchor): (&'static str, &str)| Chapter {
            title,
            link: links.to(&format!("METHODOLOGY.md#{anchor}")).link,
        };
        let pairs = results.noise.iter().flat_map(|noise| &noise.pairs);
        Method {
            blocks: circumstances::blocks(results),
            noise: noise(results),
            pairs: pairs.map(|pair| Pair::of(results, pair)).collect(),
            methodology: links.to("METHODOLOGY.md"),
            chapters: CHAPTERS.map(chapter).into(),
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
            different: if *different { "different" } else { "level" },
        }
    }
}

fn noise(results: &Results) -> String {
    let Some(noise) = &results.noise else {
        return "No lane raced against itself, so there is no noise floor.".to_owned();
    };
    let others =
        noise.floors.iter().map(|(measure, floor)| format!("{measure} {}", circumstances::beyond_1(*floor)));
    let others: Vec<String> = others.collect();
    let others = match &others[..] {
        [] => String::new(),
        others => format!(" What is not measured by the clock has its own: {}.", listed(others)),
    };
    format!(
        "In {} a lane raced against itself under another name; {} would be called different, which none is. All but one in twenty differed by no more than {}: that is the noise floor, and what lies below it is a tie.{others}",
        counted(noise.pairs.len(), "comparison"),
        noise.different,
        circumstances::noise_floor(results)
    )
}
