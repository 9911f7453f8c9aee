//! Says which verdicts hold on every machine: a table of comparisons down and runs across, with who leads in each square, and
//! beside it whether that holds on all or turns on one.
//!
//! Nothing is divided across runs: each square has the verdict of its own run. A verdict is on runtimes, of which lanes are
//! flavours: it turns where the runtime that leads elsewhere is surely behind. What is open or near is no turn.

use std::collections::BTreeSet;

use results::{
    Cell, Results,
    figures::{counted, listed, whole},
    lookup,
};

use super::{NamedRun, RunHead, union};
use crate::{answers::package, circumstances, sizes, verdict};

/// The verdicts of all complete runs.
pub(super) struct Matrix {
    pub(super) heading: &'static str,
    /// The runs that are not in it and the reasons, in a sentence; empty if all are.
    pub(super) left_out: String,
    pub(super) heads: Vec<Head>,
    /// One for each number of threads; empty if fewer than two runs are complete.
    pub(super) races: Vec<Race>,
}

/// A run at the head of its column.
pub(super) struct Head {
    pub(super) run: RunHead,
    /// The machine and the conditions that it was measured under.
    pub(super) conditions: Vec<String>,
}

/// The verdicts at one number of threads.
pub(super) struct Race {
    pub(super) id: usize,
    pub(super) threads: String,
    /// The numbers of verdicts that hold, turn or neither, in a sentence.
    pub(super) counts: String,
    pub(super) rows: Vec<Row>,
}

/// One comparison.
pub(super) struct Row {
    pub(super) workload: String,
    pub(super) size: String,
    pub(super) number: u64,
    /// The lanes that lead, in words, a text for each run.
    pub(super) leads: Vec<String>,
    pub(super) outcome: Outcome,
}

/// The outcome of a comparison over all runs.
pub(super) struct Outcome {
    /// "holds", "turns", or "open" if it is not known to do either.
    pub(super) class: &'static str,
    /// The same in words: "turns on B: tokio leads; not settled on C".
    pub(super) words: String,
}

/// The runtimes that lead in a comparison of one run.
struct Place {
    /// The runtimes of the best lane and of those that are level with it, the best first.
    leaders: Vec<String>,
    /// The others that may lead: they are near or open.
    unsure: BTreeSet<String>,
    /// The runtimes that are behind.
    behind: BTreeSet<String>,
    /// The lead in words.
    lead: String,
}

impl Matrix {
    pub(super) fn of(runs: &[NamedRun<'_>]) -> Matrix {
        let (complete, others): (Vec<_>, Vec<_>) =
            runs.iter().map(|run| (run, run.results.incomplete())).partition(|(_, reason)| reason.is_none());
        let complete: Vec<&NamedRun<'_>> = complete.into_iter().map(|(run, _)| run).collect();
        let reasons = others.iter().filter_map(|(run, reason)| Some(format!("{run}: {}", reason.as_ref()?)));
        let left_out = reasons.collect::<Vec<_>>().join("; ");
        let mut threads: Vec<usize> = complete.iter().flat_map(|run| lookup::threads(run.results)).collect();
        threads.sort_unstable_by(|one, other| other.cmp(one));
        threads.dedup();
        let races = threads.into_iter().map(|threads| Race::of(&complete, threads));
        Matrix {
            heading: heading(&complete),
            left_out: if left_out.is_empty() { left_out } else { format!("Left out: {left_out}.") },
            races: if complete.len() > 1 { races.collect() } else { Vec::new() },
            heads: complete.into_iter().map(Head::of).collect(),
        }
    }
}

/// Asks whether verdicts travel to other machines or, if all runs are of one machine, which of them its conditions turn.
fn heading(runs: &[&NamedRun<'_>]) -> &'static str {
    let machine = |run: &NamedRun<'_>| {
        let machine = &run.results.machine;
        [&machine.cpu, &machine.cores, &machine.memory, &machine.architecture].map(String::clone)
    };
    match runs.windows(2).all(|pair| machine(pair[0]) == machine(pair[1])) {
        true => "Which verdicts does it turn?",
        false => "Does the verdict travel?",
    }
}

impl Head {
    fn of(run: &NamedRun<'_>) -> Head {
        Head { run: run.head.clone(), conditions: conditions(run.results) }
    }
}

/// Names the machine of a run, and what it was measured under besides.
fn conditions(results: &Results) -> Vec<String> {
    let machine = &results.machine;
    let processors = lookup::processors(results).map(|many| counted(many, "processor"));
    let conditions = Some(circumstances::conditions(results)).filter(|conditions| !conditions.is_empty());
    [Some(machine.cpu.clone()), processors, conditions].into_iter().flatten().collect()
}

impl Race {
    fn of(runs: &[&NamedRun<'_>], threads: usize) -> Race {
        let workloads = union(
            runs.iter().flat_map(|run| run.results.workloads.iter().map(|workload| workload.name.as_str())),
        );
        let mut rows = Vec::new();
        for workload in workloads {
            let sizes = runs.iter().flat_map(|run| lookup::sizes(run.results, workload, threads));
            let sizes: BTreeSet<u64> = sizes.collect();
            rows.extend(sizes.into_iter().map(|size| Row::of(runs, workload, size, threads)));
        }
        let many = |class| rows.iter().filter(|row: &&Row| row.outcome.class == class).count();
        let verdicts = |many: usize, one: &str, several: &str| {
            format!("{} {}", whole(many as u64), if many == 1 { one } else { several })
        };
        let counts = [
            verdicts(many("holds"), "holds on all", "hold on all"),
            verdicts(many("turns"), "turns", "turn"),
            verdicts(many("open"), "is not known to do either", "are not known to do either"),
        ];
        let counts = format!("Of {} {}.", counted(rows.len(), "verdict"), listed(&counts));
        Race { id: threads, threads: counted(threads, "thread"), counts, rows }
    }
}

impl Row {
    fn of(runs: &[&NamedRun<'_>], workload: &str, size: u64, threads: usize) -> Row {
        let places: Vec<Option<Place>> =
            runs.iter().map(|run| Place::of(run.results, workload, size, threads)).collect();
        let lead = |(run, place): (&&NamedRun<'_>, &Option<Place>)| match place {
            Some(place) => place.lead.clone(),
            None if run.results.comparison(workload, size, threads).next().is_none() => {
                super::NOT_IN_THIS_RUN.to_owned()
            }
            None => "no lane was measured".to_owned(),
        };
        let letters = runs.iter().map(|run| run.head.letter.as_str());
        let known: Vec<(&str, &Place)> =
            letters.zip(&places).filter_map(|(letter, place)| Some((letter, place.as_ref()?))).collect();
        Row {
            workload: workload.to_owned(),
            size: sizes::of_runs(runs.iter().map(|run| run.results), workload, size),
            number: size,
            leads: runs.iter().zip(&places).map(lead).collect(),
            outcome: Outcome::of(&known, runs.len()),
        }
    }
}

impl Place {
    /// Returns the place of each runtime in a comparison; `None` if no lane of it was measured.
    fn of(results: &Results, workload: &str, size: u64, threads: usize) -> Option<Place> {
        let winner = verdict::winner(results.comparison(workload, size, threads))?;
        let runtime = |lane: &str| {
            let executor = results.executors.iter().find(|executor| executor.name == lane);
            executor.map_or(lane, package).to_owned()
        };
        let cells: Vec<&Cell> =
            results.comparison(workload, size, threads).filter(|cell| cell.rank.is_some()).collect();
        let is_unsure = |lane: &str| {
            let own = cells.iter().find(|cell| cell.executor == lane);
            // The best is compared with itself, which says nothing.
            winner.leaders[0] != lane && own.is_some_and(|cell| cell.undecided || cell.near)
        };
        let (unsure, sure): (Vec<&str>, Vec<&str>) =
            winner.leaders.iter().copied().partition(|lane| is_unsure(lane));
        let mut leaders: Vec<String> = Vec::new();
        for lane in sure {
            if !leaders.contains(&runtime(lane)) {
                leaders.push(runtime(lane));
            }
        }
        let unsure: BTreeSet<String> =
            unsure.into_iter().map(runtime).filter(|one| !leaders.contains(one)).collect();
        let all = cells.iter().map(|cell| runtime(&cell.executor));
        let behind = all.filter(|one| !leaders.contains(one) && !unsure.contains(one)).collect();
        Some(Place { leaders, unsure, behind, lead: winner.lead_in_short() })
    }

    fn is_settled(&self) -> bool {
        self.unsure.is_empty()
    }

    fn is_led_by(&self, runtime: &str) -> bool {
        self.is_settled() && self.leaders.iter().any(|leader| leader == runtime)
    }
}

impl Outcome {
    /// Compares the places in the runs that have some, each under its letter, of so many runs.
    fn of(places: &[(&str, &Place)], runs: usize) -> Outcome {
        let open = |words: String| Outcome { class: "open", words };
        let letters = |of: &dyn Fn(&Place) -> bool| {
            let found = places.iter().filter(|(_, place)| of(place)).map(|(letter, _)| *letter);
            found.collect::<Vec<_>>()
        };
        let [_, _, ..] = places else {
            return open(match places {
                [(letter, _)] => format!("only on {letter}"),
                _ => "not measured".to_owned(),
            });
        };
        let Some(leader) = travels_best(places) else {
            return open("not settled on any".to_owned());
        };
        let turns: Vec<String> = places
            .iter()
            .filter(|(_, place)| place.behind.contains(leader))
            .map(|(letter, place)| format!("turns on {letter}: {}", place.lead))
            .collect();
        let unsettled = letters(&|place| !place.is_led_by(leader) && is_possible(place, leader));
        let without = letters(&|place| !place.behind.contains(leader) && !is_possible(place, leader));
        let mut words = turns.clone();
        if !unsettled.is_empty() {
            words.push(format!("not settled on {}", listed(&unsettled)));
        }
        if !without.is_empty() {
            words.push(format!("without {leader} on {}", listed(&without)));
        }
        match (turns.is_empty(), words.is_empty()) {
            (false, _) => Outcome { class: "turns", words: words.join("; ") },
            (true, false) => open(words.join("; ")),
            (true, true) => {
                let whole = places.len() == runs;
                let words = if whole { "holds on all" } else { "holds on all that have it" };
                Outcome { class: "holds", words: words.to_owned() }
            }
        }
    }
}

/// Tells whether a runtime leads in a place, or may do so.
fn is_possible(place: &Place, runtime: &str) -> bool {
    place.unsure.contains(runtime) || place.leaders.iter().any(|leader| leader == runtime)
}

/// Returns the runtime that leads in most settled places, and of several the one that is behind in the fewest; then the first.
fn travels_best<'a>(places: &[(&str, &'a Place)]) -> Option<&'a str> {
    let settled = places.iter().filter(|(_, place)| place.is_settled());
    let candidates = union(settled.flat_map(|(_, place)| place.leaders.iter().map(String::as_str)));
    let count = |of: &dyn Fn(&Place) -> bool| places.iter().filter(|(_, place)| of(place)).count();
    let worth = |runtime: &str| {
        let held = count(&|place| place.is_led_by(runtime));
        (held, places.len() - count(&|place| place.behind.contains(runtime)))
    };
    // Of equals `max_by_key` takes the last.
    candidates.into_iter().rev().max_by_key(|runtime| worth(runtime))
}
