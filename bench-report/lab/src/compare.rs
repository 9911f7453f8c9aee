//! Compares two runs that were made at different times: first checks that this makes sense at all, then pairs the cells.

use std::collections::HashMap;

use results::{
    Cell, CellId, Results, Status, Workload,
    comparison::{Change, ChangeReport, ComparedCell, Invalid, Side},
    figures::{counted, listed},
    lookup,
};
use statistics::change::{Difference, Rules};

/// The cells of two runs that are compared, and the margin.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// A difference below this is none: 0.05 for 5 %.
    pub margin: f64,
    /// Only these lanes; all if empty.
    pub lanes: Vec<String>,
    /// Only cells whose name has one of these in it; all if empty.
    pub filters: Vec<String>,
}

/// The probability that any cell at all is called regressed or improved for nothing.
const FALSE_ALARMS: f64 = 0.05;

/// The share of its memory that a kernel may keep for itself, so that the rest is still that of the same machine.
const MEMORY_KEPT: f64 = 0.05;

/// The number of names that a note lists.
const NAMES_IN_NOTE: usize = 3;

/// The most blocks of a cell of which the interval, corrected for some hundred cells, is wider than most changes.
const FEW_BLOCKS: usize = 5;

const UNKNOWN: &str = "unknown";

impl Options {
    fn selects(&self, cell: &CellId) -> bool {
        let name = cell.to_string();
        (self.lanes.is_empty() || self.lanes.contains(&cell.executor))
            && (self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(&**filter)))
    }

    /// Says which lane or filter names nothing in either run.
    ///
    /// # Errors
    ///
    /// One line that names it.
    pub fn check(&self, old: &Results, new: &Results) -> Result<(), String> {
        let cells = || old.cells.iter().chain(&new.cells).map(Cell::id);
        if let Some(lane) = self.lanes.iter().find(|lane| !cells().any(|cell| cell.executor == **lane)) {
            let executors = old.executors.iter().chain(&new.executors);
            let mut lanes: Vec<&str> = executors.map(|executor| executor.name.as_str()).collect();
            lanes.sort_unstable();
            lanes.dedup();
            return Err(format!("no lane `{lane}` in these runs; there are {}", lanes.join(", ")));
        }
        let idle = |filter: &&String| !cells().any(|cell| cell.to_string().contains(&***filter));
        match self.filters.iter().find(idle) {
            Some(filter) => Err(format!("no cell of these runs has `{filter}` in its name")),
            None => Ok(()),
        }
    }
}

/// Compares two runs under the names that the user gave them.
///
/// Their blocks have nothing to do with each other, so the ratio is not paired. What is called regressed or improved is
/// so by an interval that is corrected for the number of cells (Bonferroni).
///
/// # Errors
///
/// Every reason why the two cannot be compared.
pub fn compare(
    old: (&str, &Results),
    new: (&str, &Results),
    options: &Options,
) -> Result<ChangeReport, Invalid> {
    let sides = [Side::of(old.0, old.1), Side::of(new.0, new.1)];
    let (old, new) = (old.1, new.1);
    let mut reasons = another_machine(old, new);
    reasons.extend(other_conditions(&sides, old, new));
    for (side, results) in sides.iter().zip([old, new]) {
        if results.build.profile == "debug" {
            reasons.push(format!("{} is of a debug build", side.name));
        }
    }
    let pairs = pairs(old, new, options);
    let others = other_workloads(old, new);
    let in_common = pairs.iter().any(|(old, new)| {
        let either = [old, new].into_iter().flatten().any(|cell| cell.status == Status::Ok);
        old.is_some() && new.is_some() && either
    });
    if !in_common {
        reasons.push("they have no measured cell in common".to_owned());
    }
    if !reasons.is_empty() {
        return Err(Invalid(reasons));
    }
    let mut notes = notes(old, new, &sides);
    notes.extend(note_on_added(&pairs, &sides[1].name));
    let mut cells = judge(&pairs, options.margin, &sides, &others);
    notes.extend(note_on_few_blocks(&cells));
    if is_same_run(old, new) {
        notes.insert(0, format!("both are the run {}: nothing can have changed", new.run.id));
        cells.iter_mut().for_each(|cell| cell.change = Change::Same);
    }
    let [old, new] = sides;
    Ok(ChangeReport::new(old, new, options.margin, notes, cells))
}

/// Tells whether two results are of one run, with nothing measured in between.
fn is_same_run(old: &Results, new: &Results) -> bool {
    old.run == new.run && old.to_json() == new.to_json()
}

/// A cell of either run, or of both.
type Pair<'a> = (Option<&'a Cell>, Option<&'a Cell>);

/// The selected cells of both, in the order of the old run; those that only the new one has follow.
fn pairs<'a>(old: &'a Results, new: &'a Results, options: &Options) -> Vec<Pair<'a>> {
    let by_id = |results: &'a Results| -> HashMap<CellId, &'a Cell> {
        results.cells.iter().map(|cell| (cell.id(), cell)).collect()
    };
    let [in_old, in_new] = [by_id(old), by_id(new)];
    let of_old = old.cells.iter().map(|cell| (Some(cell), in_new.get(&cell.id()).copied()));
    let only_new = new.cells.iter().filter(|cell| !in_old.contains_key(&cell.id()));
    let pairs = of_old.chain(only_new.map(|cell| (None, Some(cell))));
    pairs.filter(|pair| options.selects(&pair.0.or(pair.1).expect("one of them is there").id())).collect()
}

/// The answer for each cell that the old run has measured, or both have.
fn judge(
    pairs: &[Pair<'_>],
    margin: f64,
    sides: &[Side; 2],
    others: &HashMap<&str, String>,
) -> Vec<ComparedCell> {
    let difference = |old: &Cell, new: &Cell| {
        Difference::of_independent(old.overhead_of_blocks(), new.overhead_of_blocks())
    };
    let both_measured = |&&(old, new): &&Pair<'_>| {
        old.zip(new).is_some_and(|(old, new)| {
            [old, new].iter().all(|cell| cell.status == Status::Ok) && difference(old, new).is_some()
        })
    };
    let cells = pairs.iter().filter(both_measured).count();
    let rules = Rules { margin, false_alarms: FALSE_ALARMS, cells };
    let answer = |&(old, new): &Pair<'_>| {
        let another = || others.get(&*old?.workload).cloned().or_else(|| other_work(old?, new?));
        let (change, ratio, reason) = match (old.map(status), new.map(status)) {
            (Some(Status::Ok), Some(Status::Ok)) if another().is_some() => {
                (Change::Undecided, None, another().map(|reason| format!("not comparable: {reason}")))
            }
            (Some(Status::Ok), Some(Status::Ok)) => {
                match old.zip(new).and_then(|(old, new)| difference(old, new)) {
                    Some(difference) => (rules.judge(&difference), Some(difference.plain_ratio()), None),
                    None => (Change::Undecided, None, Some("takes two blocks of each".to_owned())),
                }
            }
            (Some(Status::Ok), Some(_)) if new.is_some_and(|new| new.spoiled) => {
                (Change::Undecided, None, new.map(in_words))
            }
            (Some(Status::Ok), Some(_)) => (Change::Regressed, None, new.map(in_words)),
            (Some(Status::Ok), None) => {
                (Change::Undecided, None, Some(format!("not run in {}", sides[1].name)))
            }
            (Some(Status::Failed), Some(Status::Ok)) => {
                (Change::Improved, None, old.map(|old| format!("{} before", in_words(old))))
            }
            // Nothing to compare with, or nothing to compare.
            _ => return None,
        };
        let overhead = |cell: Option<&Cell>| Some(cell?.overhead()?.value);
        Some(ComparedCell {
            cell: old.or(new)?.id(),
            change,
            ratio,
            unit: new.or(old)?.unit().to_owned(),
            old: overhead(old),
            new: overhead(new),
            blocks: [old, new].map(|cell| cell.map_or(0, |cell| cell.overhead_of_blocks().len())),
            reason,
        })
    };
    pairs.iter().filter_map(answer).collect()
}

/// Says in which way workloads that both runs have are not the same, by their names.
fn other_workloads<'a>(old: &'a Results, new: &Results) -> HashMap<&'a str, String> {
    let differs = |old: &'a Workload| {
        let new = new.workloads.iter().find(|new| new.name == old.name)?;
        let facts = [
            ("an operation was", &old.operation, &new.operation),
            ("its size counted", &old.size, &new.size),
            ("it measured", &old.measure, &new.measure),
            ("its source had the hash", &old.source_hash, &new.source_hash),
        ];
        let known = facts.into_iter().filter(|(_, old, new)| *old != UNKNOWN && *new != UNKNOWN);
        let mut differing = known.filter(|(_, old, new)| old != new);
        let in_words = |fact: &str| if fact.is_empty() { "nothing else" } else { fact }.to_owned();
        let (fact, before, now) = differing.next()?;
        Some((&*old.name, format!("{fact} {}, then {}", in_words(before), in_words(now))))
    };
    old.workloads.iter().filter_map(differs).collect()
}

/// Says in which way the work of a cell is not the same.
fn other_work(old: &Cell, new: &Cell) -> Option<String> {
    let [before, now] = [old.observed.as_ref()?, new.observed.as_ref()?];
    let work = [("tasks", before.spawned, now.spawned), ("blocking jobs", before.jobs, now.jobs)];
    let (what, before, now) = work.into_iter().find(|(_, before, now)| before != now)?;
    Some(format!("a run was {before} {what}, then {now}"))
}

fn status(cell: &Cell) -> Status {
    cell.status
}

/// Returns the reason why a cell has no figures.
fn in_words(cell: &Cell) -> String {
    let reason = lookup::reason(cell);
    match cell.status {
        Status::NotApplicable => format!("n/a: {reason}"),
        Status::Ok | Status::Failed => format!("failed: {reason}"),
    }
}

/// Returns the facts by which the runs are of two machines. A fact that either run does not know shows nothing.
fn another_machine(old: &Results, new: &Results) -> Vec<String> {
    let [old, new] = [&old.machine, &new.machine];
    let same_memory = |old: &str, new: &str| {
        let gibibytes = |memory: &str| memory.split(' ').next()?.parse::<f64>().ok();
        match (gibibytes(old), gibibytes(new)) {
            (Some(old), Some(new)) => (old - new).abs() <= MEMORY_KEPT * old.max(new),
            _ => old == new,
        }
    };
    let same = |old: &str, new: &str| old == new;
    type Same<'a> = &'a dyn Fn(&str, &str) -> bool;
    let facts: [(&str, &str, &str, Same<'_>); 4] = [
        ("processor", &old.cpu, &new.cpu, &same),
        ("processors", &old.cores, &new.cores, &same),
        ("architecture", &old.architecture, &new.architecture, &same),
        ("memory", &old.memory, &new.memory, &same_memory),
    ];
    let differs = |&(_, old, new, same): &(&str, &str, &str, Same<'_>)| {
        old != UNKNOWN && new != UNKNOWN && !same(old, new)
    };
    let facts = facts.into_iter().filter(differs);
    facts.map(|(name, old, new, _)| format!("another machine: {name} {old}, then {new}")).collect()
}

/// Says that the runs were put under other conditions, and what shows both.
fn other_conditions(sides: &[Side; 2], old: &Results, new: &Results) -> Option<String> {
    let [before, now] = [old, new].map(|results| &results.run.conditions);
    let [old, new] = sides.each_ref().map(|side| &side.name);
    (before != now).then(|| {
        format!(
            "other conditions: {before}, then {now}; only their like are compared, and \
             `target/lab/bench-report report {old} {new}` puts the two side by side"
        )
    })
}

/// Returns notes on facts that differ, and may be why the figures do.
fn notes(old: &Results, new: &Results, sides: &[Side; 2]) -> Vec<String> {
    let facts = |results: &Results| {
        let Results { machine, build, run, .. } = results;
        let facts = [
            ("kernel", &machine.kernel),
            ("system", &machine.os),
            ("frequency governor", &machine.governor),
            ("turbo", &machine.turbo),
            ("hyperthreads", &machine.hyperthreads),
            ("quota", &machine.quota),
            ("power", &machine.power),
            ("clock", &machine.clock),
            ("processors it could use", &machine.mask),
            ("compiler", &build.rustc),
            ("flags", &build.flags),
            ("allocator", &build.allocator),
            ("level of optimisation", &build.opt_level),
            ("optimisation while linking", &build.lto),
            ("codegen units", &build.codegen_units),
            ("target", &build.target),
        ];
        let profile = ("thoroughness", run.profile.to_string());
        facts.map(|(name, fact)| (name, fact.clone())).into_iter().chain([profile])
    };
    let pairs = facts(old).zip(facts(new));
    let mut notes: Vec<String> = pairs
        .filter(|((_, old), (_, new))| old != new && old != UNKNOWN && new != UNKNOWN)
        .map(|((name, old), (_, new))| format!("{name}: {old}, then {new}"))
        .collect();
    for lane in &new.executors {
        let before = old.executors.iter().find(|known| known.name == lane.name);
        if let Some(before) = before.filter(|before| before.version != lane.version) {
            notes.push(format!("{}: {}, then {}", lane.name, before.version, lane.version));
        }
    }
    let mut variables: Vec<&String> = old.run.environment.keys().chain(new.run.environment.keys()).collect();
    variables.sort();
    variables.dedup();
    for name in variables {
        let value = |of: &Results| of.run.environment.get(name).map_or("not set".to_owned(), String::clone);
        if value(old) != value(new) {
            notes.push(format!("{name} in the environment: {}, then {}", value(old), value(new)));
        }
    }
    for (side, results) in sides.iter().zip([old, new]) {
        notes.extend(results.warnings.iter().map(|warning| format!("{}: {}", side.name, warning.finding)));
    }
    notes
}

/// Says that the runs are too short to be compared, if that is why most cells are undecided, and what decides.
fn note_on_few_blocks(cells: &[ComparedCell]) -> Option<String> {
    let few = |cell: &&ComparedCell| {
        let least = cell.blocks.iter().min().is_some_and(|&blocks| blocks <= FEW_BLOCKS);
        cell.change == Change::Undecided && cell.reason.is_none() && least
    };
    let blocks = cells.iter().filter(few).flat_map(|cell| cell.blocks).min()?;
    let (open, all) = (cells.iter().filter(few).count(), cells.len());
    (2 * open > all).then(|| {
        format!(
            "{} cannot be compared, and {open} of {all} cells have no more: take longer runs, such as `cargo bench -- --blocks \
             10`, or have `target/lab/bench-report gate --against REV` race both programs in turn until it is known",
            counted(blocks, "block")
        )
    })
}

/// The cells that only the new run has measured: they are neither better nor worse.
fn note_on_added(pairs: &[Pair<'_>], new: &str) -> Option<String> {
    let added = pairs.iter().filter_map(|&(old, new)| {
        let measured = new.filter(|cell| cell.status == Status::Ok)?;
        old.is_none_or(|cell| cell.status == Status::NotApplicable).then(|| measured.id().to_string())
    });
    let names: Vec<String> = added.collect();
    let shown = &names[..names.len().min(NAMES_IN_NOTE)];
    let list = match names.len() - shown.len() {
        0 => listed(shown),
        more => format!("{} and {more} more", shown.join(", ")),
    };
    (!names.is_empty()).then(|| format!("only {new} has {list}: nothing to compare with"))
}
