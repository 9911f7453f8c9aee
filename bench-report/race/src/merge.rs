//! Puts the parts of a race together, which was cut by comparison and run on several machines of one kind.
//!
//! A race learns how much its blocks scatter and where its noise ends from the samples of all its
//! comparisons, twins included, and results keep neither. So runs are merged, their plans and journals, and results are made of
//! the whole as of any run.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use lane_protocol::Lineup;
use results::{BatchJob, CellId, Machine, Part, Period, Results};
use serde_json::Value;

use crate::{
    assemble,
    folder::Folder,
    journal::Past,
    plan::{Plan, same_comparison},
    race,
};

/// A finished part of a race.
#[derive(Debug)]
pub struct PartRun {
    /// The name that the user has for it.
    pub name: PathBuf,
    /// Its plan.
    pub plan: Plan,
    /// Its journal.
    pub past: Past,
    /// Its own results, for what happened on its machine.
    pub results: Results,
    /// The text of its journal.
    journal: String,
}

impl PartRun {
    /// Reads a run: its folder, or the newest finished one of the runs in a folder.
    ///
    /// # Errors
    ///
    /// If it is none, is not finished, or somebody else measures it.
    pub fn read(name: &Path) -> Result<PartRun> {
        let (folder, plan) = Folder::finished(name)?;
        let path = folder.samples();
        let past = Past::read_and_mend(&path)?;
        let journal =
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let results = Results::read(&folder.results())?;
        Ok(PartRun { name: name.to_owned(), plan, past, results, journal })
    }

    /// Makes a part of what a journal holds, without its text.
    pub fn of(name: &str, plan: Plan, past: Past, results: Results) -> PartRun {
        PartRun { name: name.into(), plan, past, results, journal: String::new() }
    }
}

/// The fields of a plan in which parts of one race differ.
const OF_A_PART: [&str; 8] =
    ["id", "started", "command", "machine", "cells", "not_applicable", "memory", "periods"];

/// Checks that these are all parts of one race, each once, of the same settings and programs and on machines of one kind.
///
/// # Errors
///
/// One line that names the part that is none of it, or that is missing.
pub fn check(parts: &[PartRun]) -> Result<()> {
    let [first, ..] = parts else { bail!("there is no part to merge") };
    let mut found: BTreeMap<usize, &PartRun> = BTreeMap::new();
    let (race, of) = match &first.plan.part {
        Some(Part { race, of, .. }) => (race, *of),
        None => bail!("{} is no part of a race: `run --part 1/3` makes one", first.name.display()),
    };
    for run in parts {
        let name = run.name.display();
        let Some(part) = &run.plan.part else {
            bail!("{name} is no part of a race: `run --part 1/3` makes one")
        };
        ensure!(
            part.race == *race && part.of == of,
            "{name} is part of another race than {}: of other cells, another seed, or cut otherwise",
            first.name.display()
        );
        if let Some(other) = found.insert(part.number, run) {
            bail!("{name} is {part}, and so is {}", other.name.display());
        }
        is_alike(run, first)?;
    }
    if let Some(missing) = (1..=of).find(|number| !found.contains_key(number)) {
        bail!("part {missing} of {of} is missing");
    }
    let mut cells: HashSet<&CellId> = HashSet::new();
    let cell = parts.iter().flat_map(|run| run.plan.cells.iter().map(move |cell| (run, cell)));
    for (run, cell) in cell {
        ensure!(cells.insert(cell), "{} has {cell}, which another part has too", run.name.display());
    }
    Ok(())
}

/// Checks that a part ran with the settings and the programs of another one, on a machine of its kind.
fn is_alike(run: &PartRun, first: &PartRun) -> Result<()> {
    let [name, other] = [run, first].map(|run| run.name.display());
    for (fact, of) in KIND {
        let [ours, theirs] = [run, first].map(|run| of(&run.plan.machine));
        ensure!(
            ours == theirs,
            "{name} ran on another kind of machine than {other}: its {fact} is {ours}, not {theirs}"
        );
    }
    let [ours, theirs] = [run, first].map(settings);
    for (setting, ours) in &ours {
        let theirs = theirs.get(setting).unwrap_or(&Value::Null);
        ensure!(
            ours == theirs,
            "{name} is not of the same race as {other}: its {setting} is {}, not {}",
            in_short(ours),
            in_short(theirs)
        );
    }
    Ok(())
}

/// A fact of a machine.
type Fact = (&'static str, fn(&Machine) -> &String);

/// The facts by which two machines are of one kind. The main memory of two that are differs by a few pages, and what happened
/// on them by more.
const KIND: [Fact; 12] = [
    ("processor", |machine| &machine.cpu),
    ("number of processors", |machine| &machine.cores),
    ("architecture", |machine| &machine.architecture),
    ("kernel", |machine| &machine.kernel),
    ("system", |machine| &machine.os),
    ("frequency governor", |machine| &machine.governor),
    ("turbo", |machine| &machine.turbo),
    ("hyperthreads", |machine| &machine.hyperthreads),
    ("quota of processors", |machine| &machine.quota),
    ("clock", |machine| &machine.clock),
    ("power", |machine| &machine.power),
    ("virtualisation", |machine| &machine.virtualised),
];

/// Returns what the parts of a race have in common, by name: all of a plan but what is of one part. A field that is added to
/// plans is compared until somebody says otherwise.
fn settings(run: &PartRun) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    let plan = serde_json::to_value(&run.plan).expect("a plan is plain data");
    let Value::Object(fields) = plan else { return settings };
    for (name, value) in fields {
        match value {
            _ if OF_A_PART.contains(&&*name) || name == "part" => {}
            // Which of them differs is worth the words.
            Value::Object(fields) => {
                let fields = fields.into_iter().filter(|(field, _)| field != "words_of_git");
                settings.extend(fields.map(|(field, value)| (format!("{name}.{field}"), value)));
            }
            value => drop(settings.insert(name, value)),
        }
    }
    settings
}

/// Writes a value in a line that stays one.
fn in_short(value: &Value) -> String {
    lane_protocol::shorten(&value.to_string(), 100)
}

/// A race whose parts are together.
#[derive(Debug)]
pub struct Merged {
    /// The plan of the whole.
    pub plan: Plan,
    /// Its results.
    pub results: Results,
    /// The journals of all parts.
    pub journal: String,
}

/// Puts parts together that are [checked](check), by their lineup.
pub fn merge(lineup: &Lineup, mut parts: Vec<PartRun>) -> Merged {
    parts.sort_by_key(|run| run.plan.part.as_ref().map(|part| part.number));
    let plan = plan_of(lineup, &parts);
    let mut whole = Past::default();
    for run in &parts {
        whole.outcomes.extend(run.past.outcomes.clone());
        whole.tallies.extend(run.past.tallies.clone());
        whole.stood_still.0 += run.past.stood_still.0;
        whole.stood_still.1 += run.past.stood_still.1;
        whole.throttled.add(run.past.throttled);
    }
    let finished = parts.iter().map(|run| &run.results.run.finished).max();
    let mut results =
        assemble::results(lineup, &plan, &whole.outcomes, finished.cloned().unwrap_or_default());
    assemble::add_counts(&mut results, lineup, &plan, &whole.tallies);
    race::tell_incidents(&mut results.run, &whole);
    results.run.attention = attention(&parts);
    results.run.periods.clone_from(&plan.periods);
    tell_of_all(&mut results.machine, &parts);
    race::warn(&mut results, &plan);
    let journal = parts.iter().map(|run| &*run.journal).collect();
    Merged { plan, results, journal }
}

/// Makes the plan of the whole race, as it would be had nobody cut it.
fn plan_of(lineup: &Lineup, parts: &[PartRun]) -> Plan {
    let mut plan = parts[0].plan.clone();
    let place = |workload: &str| lineup.workloads.iter().position(|entry| entry.name == workload);
    let plans = || parts.iter().map(|run| &run.plan);
    let mut comparisons: Vec<&[CellId]> = plans().flat_map(Plan::comparisons).collect();
    comparisons.sort_by_key(|cells| (place(&cells[0].workload), cells[0].size, cells[0].threads));
    debug_assert!(comparisons.windows(2).all(|pair| !same_comparison(&pair[0][0], &pair[1][0])));
    plan.cells = comparisons.concat();
    plan.not_applicable = plans().flat_map(|plan| plan.not_applicable.clone()).collect();
    plan.memory = plans().flat_map(|plan| plan.memory.clone()).collect();
    plan.memory.sort_by_key(|cell| place(&cell.workload));
    plan.budget = plans().map(|plan| plan.budget).sum::<Duration>();
    plan.started = plans().map(|plan| plan.started.clone()).min().unwrap_or_default();
    plan.command = without_part(&plan.command);
    plan.periods = parts.iter().flat_map(|run| periods(&run.results)).collect();
    plan.part = None;
    plan
}

fn periods(results: &Results) -> Vec<Period> {
    let run = &results.run;
    if !run.periods.is_empty() {
        return run.periods.clone();
    }
    vec![Period { started: run.started.clone(), finished: run.finished.clone() }]
}

/// Takes the wish for a part out of the arguments of a run.
fn without_part(command: &str) -> String {
    let mut words = Vec::new();
    let mut all = command.split(' ');
    while let Some(word) = all.next() {
        match word {
            "--part" => drop(all.next()),
            _ if word.starts_with("--part=") => {}
            _ => words.push(word),
        }
    }
    words.join(" ")
}

/// Returns the further blocks of all parts, round by round.
fn attention(parts: &[PartRun]) -> Vec<Vec<String>> {
    let rounds = parts.iter().map(|run| run.results.run.attention.len()).max().unwrap_or(0);
    let of_round = |round: usize| {
        let of_parts = parts.iter().filter_map(|run| run.results.run.attention.get(round));
        of_parts.flatten().cloned().collect()
    };
    (0..rounds).map(of_round).collect()
}

/// Writes into the facts of a machine what happened on all of them: the worst of each, because it is what figures suffer from.
fn tell_of_all(machine: &mut Machine, parts: &[PartRun]) {
    let worst = |fact: fn(&Machine) -> &String| {
        let number = |text: &str| text.split(' ').next()?.parse::<f64>().ok();
        let facts = parts.iter().map(|run| fact(&run.results.machine));
        let known = facts.filter_map(|fact| Some((number(fact)?, fact.clone())));
        known.max_by(|one, other| one.0.total_cmp(&other.0)).map_or("unknown".to_owned(), |(_, fact)| fact)
    };
    machine.load = worst(|machine| &machine.load);
    machine.steal = worst(|machine| &machine.steal);
    machine.others = worst(|machine| &machine.others);
    machine.memory_pressure = worst(|machine| &machine.memory_pressure);
    let jobs: Vec<&BatchJob> = parts.iter().filter_map(|run| run.plan.machine.batch.as_ref()).collect();
    let all = |of: fn(&BatchJob) -> &String| {
        let mut names: Vec<&str> = jobs.iter().map(|job| of(job).as_str()).collect();
        names.dedup();
        names.join(", ")
    };
    machine.batch = (!jobs.is_empty()).then(|| BatchJob {
        node: all(|job| &job.node),
        partition: all(|job| &job.partition),
        job: all(|job| &job.job),
    });
}
