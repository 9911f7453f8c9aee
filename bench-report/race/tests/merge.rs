//! Facts about races that are cut and merged: made-up parts go in, the whole or a refusal comes out.

mod trees;

use std::time::Duration;

use lane_protocol::{CellId, Lineup};
use race::{
    assemble,
    journal::{Outcome, Past},
    merge::{self, PartRun},
    part::{self, Share},
    plan::{Alias, Plan},
};
use results::Results;
use serde_json::{Value, json};

const WORKLOADS: [&str; 3] = ["grow", "rot", "bud"];
const LANES: [&str; 3] = ["ash", "birch", "birch-twin"];
const NO_TIME: Duration = Duration::ZERO;

fn lineup() -> Lineup {
    trees::lineup(&LANES[..2], WORKLOADS.map(|name| trees::workload(name, "Life")).into())
}

/// Plans a race of all workloads at two sizes and two numbers of workers.
fn whole() -> Plan {
    let mut cells = Vec::new();
    for workload in WORKLOADS {
        for (size, threads) in [(10, 1), (10, 2), (20, 1), (20, 2)] {
            let cell = |lane: &&str| CellId {
                workload: workload.to_owned(),
                size,
                threads,
                executor: (*lane).to_owned(),
            };
            cells.extend(LANES.iter().map(cell));
        }
    }
    let plan = json!({
        "id": "made-up", "started": "2026-01-01T00:00:00Z", "command": "run --part 1/2 --full", "seed": 1, "blocks": 4,
        "budget": Duration::from_secs(60), "profile": "default",
        "sampling": {"warm_up": NO_TIME, "measurement": NO_TIME, "samples": 10, "most_samples": 10},
        "time_limit": NO_TIME,
        "machine": {
            "cpu": "Fast CPU", "cores": "2", "memory": "unknown", "kernel": "6.1", "os": "unknown",
            "architecture": "unknown", "governor": "unknown", "virtualised": "unknown", "load": "0.10",
        },
        "build": {
            "rustc": "unknown", "profile": "track", "flags": "unknown", "allocator": "unknown",
            "commit": "unknown", "dirty": "unknown", "packages": {},
        },
        "cells": cells, "not_applicable": [],
    });
    let mut plan: Plan = serde_json::from_value(plan).expect("a plan has such fields");
    let twin = Alias { executor: "birch".to_owned(), track: None };
    plan.aliases.insert("birch-twin".to_owned(), twin);
    plan
}

fn part_of(plan: Plan, share: &str) -> Plan {
    let mut plan = plan;
    part::cut(&mut plan, share.parse::<Share>().expect("it is a share")).expect("there are enough");
    plan
}

/// Makes up what the processes of a plan measured: the same for the same cell, wherever it ran.
fn journal(plan: &Plan) -> Past {
    let mut past = Past::default();
    for cell in &plan.cells {
        for block in 0..plan.blocks {
            let letters: usize = cell.to_string().bytes().map(usize::from).sum();
            let mood = 1.0 + 0.1 * ((block * 7 + letters) % 4) as f64;
            let lane = if cell.executor == "ash" { 1_000.0 } else { 1_300.0 };
            past.outcomes.insert((cell.clone(), block), process(lane * mood * cell.size as f64));
        }
    }
    past
}

fn process(wall_ns: f64) -> Outcome {
    let checked = json!({
        "operations": 1_000, "ideal-ns": 0,
        "observed": {
            "threads": 1, "spawned": 1, "finished": 1, "cancelled": 0, "polls": 1, "jobs": 0, "jobs-at-once": 0,
            "at-once": 1, "sleeps": 0, "workers": 1, "root-on-worker": true, "cpus": "0-1", "threads-before": 1,
            "threads-after": 1,
        },
    });
    let sample = json!({
        "iterations": 1, "wall-ns": wall_ns as u64, "cpu-ns": wall_ns as u64, "voluntary-switches": 0,
        "involuntary-switches": 0,
    });
    let sample = serde_json::from_value(sample).expect("a sample has such fields");
    let rest = json!({"peak-rss": 1_024, "threads-after": 1});
    Outcome::Measured(
        serde_json::from_value(checked).expect("a check has such fields"),
        vec![sample; 10],
        serde_json::from_value(rest).expect("the rest has such fields"),
    )
}

fn results(plan: &Plan) -> Results {
    let Past { outcomes, tallies, .. } = journal(plan);
    let mut results = assemble::results(&lineup(), plan, &outcomes, "2026-01-01T00:05:00Z".to_owned());
    assemble::add_counts(&mut results, &lineup(), plan, &tallies);
    results
}

fn run(name: &str, plan: Plan) -> PartRun {
    let results = results(&plan);
    PartRun::of(name, plan.clone(), journal(&plan), results)
}

/// All figures of results, and no circumstances.
fn figures(results: &Results) -> Value {
    let mut results: Value = serde_json::from_str(&results.to_json()).expect("it is JSON");
    for circumstances in ["run", "machine", "warnings"] {
        results.as_object_mut().expect("it is an object").remove(circumstances);
    }
    results
}

fn refusal(parts: &[PartRun]) -> String {
    format!("{:#}", merge::check(parts).expect_err("it is refused"))
}

#[test]
fn parts_make_the_results_of_the_race_that_nobody_cut() {
    let shares = ["3/3", "1/3", "2/3"];
    let parts: Vec<PartRun> = shares.iter().map(|share| run(share, part_of(whole(), share))).collect();
    let sizes: Vec<usize> = parts.iter().map(|run| run.plan.cells.len()).collect();
    assert_eq!(sizes, [12, 12, 12], "two workloads at a number of workers each, at two sizes on three lanes");
    assert_eq!(parts[0].plan.budget, Duration::from_secs(20));
    assert!(parts.iter().all(|run| run.results.incomplete().is_some_and(|why| why.contains("of 3"))));
    merge::check(&parts).expect("they are one race");
    let merged = merge::merge(&lineup(), parts);
    assert!(figures(&merged.results) == figures(&results(&whole())), "the figures are those of the whole");
    let alone = results(&part_of(whole(), "1/3"));
    assert_ne!(alone.rows.len(), merged.results.rows.len(), "a part knows less");
    assert_eq!(merged.plan.cells, whole().cells);
    assert_eq!(merged.plan.budget, whole().budget);
    assert_eq!(merged.plan.command, "run --full");
    assert_eq!(merged.results.incomplete(), None);
    assert_eq!(merged.results.run.periods.len(), 3, "each part has its own");
}

#[test]
fn a_part_that_is_missing_or_there_twice_is_named() {
    let part = |name: &str, share: &str| run(name, part_of(whole(), share));
    assert_eq!(refusal(&[part("a", "1/3"), part("b", "3/3")]), "part 2 of 3 is missing");
    assert_eq!(refusal(&[part("a", "1/2"), part("b", "1/2")]), "b is part 1 of 2, and so is a");
    let whole = run("whole", whole());
    assert_eq!(refusal(&[part("a", "1/2"), whole]), "whole is no part of a race: `run --part 1/3` makes one");
    assert_eq!(refusal(&[]), "there is no part to merge");
}

#[test]
fn a_part_of_another_race_is_named() {
    let first = || run("a", part_of(whole(), "1/2"));
    let foreign = |plan: Plan| refusal(&[first(), run("b", part_of(plan, "2/2"))]);
    let of_another = "b is part of another race than a: of other cells, another seed, or cut otherwise";
    assert_eq!(foreign(Plan { seed: 2, ..whole() }), of_another);
    assert_eq!(foreign(Plan { cells: whole().cells[3..].to_vec(), ..whole() }), of_another);
    assert_eq!(refusal(&[first(), run("b", part_of(whole(), "2/3"))]), of_another);
    let blocks = foreign(Plan { blocks: 5, ..whole() });
    assert_eq!(blocks, "b is not of the same race as a: its blocks is 5, not 4");
    let mut other = whole();
    other.provenance.programs.insert("track".to_owned(), "beef".to_owned());
    assert!(foreign(other).starts_with("b is not of the same race as a: its provenance.programs is"));
    let mut other = whole();
    other.build.rustc = "rustc 1.0".to_owned();
    assert!(foreign(other).contains("its build.rustc is \"rustc 1.0\", not \"unknown\""));
    let mut other = whole();
    other.provenance.environment.insert("LD_PRELOAD".to_owned(), "fast.so".to_owned());
    assert!(foreign(other).contains("its provenance.environment is"));
}

#[test]
fn a_machine_of_another_kind_is_named() {
    let other = |change: fn(&mut Plan)| {
        let mut plan = whole();
        change(&mut plan);
        let second = run("b", part_of(plan, "2/2"));
        merge::check(&[run("a", part_of(whole(), "1/2")), second]).map_err(|error| error.to_string())
    };
    assert_eq!(
        other(|plan| plan.machine.cpu = "Slow CPU".to_owned()),
        Err("b ran on another kind of machine than a: its processor is Slow CPU, not Fast CPU".to_owned())
    );
    assert!(other(|plan| plan.machine.cores = "4".to_owned()).is_err());
    assert!(other(|plan| plan.machine.kernel = "6.2".to_owned()).is_err());
    assert_eq!(other(|plan| plan.machine.load = "3.20".to_owned()), Ok(()));
}

#[test]
fn a_race_is_not_cut_into_more_parts_than_it_has() {
    let mut plan = whole();
    assert!(part::cut(&mut plan, "7/7".parse().expect("it is a share")).is_err());
    for share in ["0/3", "4/3", "1", "1/0", "a/b"] {
        assert!(share.parse::<Share>().is_err(), "{share}");
    }
}
