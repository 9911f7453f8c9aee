//! `slurm`: writes a script that races on nodes of a cluster, a whole race on each.
//!
//! The programs are built here, once, and kept beside the script: nobody builds on a node, and what is built here later changes
//! no race. The script submits itself, when it is asked to; nothing here talks to Slurm.

use std::{
    iter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Parser;
use jiff::Timestamp;
use race::folder::write;

use super::{complain, default_out, interruption, prepare::Prepared, say};
use crate::{
    arguments::{RunArguments, SelectionArguments, SlurmArguments, parse, usage},
    exit, programs,
};

/// The script, with names between `@` for what is written into it.
const SCRIPT: &str = include_str!("slurm.sh");

/// The arguments of a race, as `run` takes them.
#[derive(Parser)]
#[command(name = "run", no_binary_name = true)]
struct Race {
    #[command(flatten)]
    run: RunArguments,
}

/// Writes the script, and says how to submit it.
pub(crate) fn slurm(arguments: SlurmArguments) -> Result<u8> {
    let Some(Race { run }) = parse(arguments.race.iter().map(Into::into).collect())? else {
        return Ok(exit::OK);
    };
    check(&run)?;
    let now = Timestamp::now();
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| default_out().join(now.strftime("slurm-%Y%m%d-%H%M%S").to_string()));
    let out = std::path::absolute(&out).with_context(|| format!("no such path: {}", out.display()))?;
    let folder = plain(&out)?;
    let script = out.join("race.slurm");
    if script.exists() {
        return Err(usage(format!(
            "{folder} has a race of a cluster already: `bash {}` goes on with it, or choose another folder",
            quoted(plain(&script)?)
        )));
    }
    let interrupted = interruption()?;
    let Some(prepared) =
        Prepared::of(&run.selection, &run.conditions.asked(), &arguments.track, &interrupted)?
    else {
        complain("interrupted before anything was written");
        return Ok(exit::INTERRUPTED);
    };
    // Names that do not exist are said now, and not by every node tomorrow. The nodes have other numbers of processors.
    let asked = SelectionArguments { filters: Vec::new(), threads: Vec::new(), ..run.selection.clone() };
    prepared.select(&asked)?;
    let sums = programs::keep(&prepared, &out.join("programs"))?;
    let seed = now.as_microsecond().unsigned_abs();
    write(&script, &text(&arguments, folder, run.seed.is_none().then_some(seed), &sums))?;
    say(&format!("Script: {folder}/race.slurm\nSubmit it with: bash {}\n", quoted(plain(&script)?)))?;
    Ok(exit::OK)
}

/// Refuses what a node cannot do, or what the script sees to.
fn check(run: &RunArguments) -> Result<()> {
    let refused = [
        (run.out.is_some(), "--out: each node has its own folder"),
        (run.resume.is_some(), "--resume: the script resumes by itself"),
        (run.more.is_some(), "--more: go on with the run of a node by `target/lab/bench-report run --out`"),
        (run.part.is_some(), "--part: use `slurm --parts`"),
        (run.list, "--list"),
        (run.exact.is_some(), "--exact"),
        (!run.with.with.is_empty() || run.with.ladder.is_some(), "--with, --ladder: nobody builds on a node"),
        (run.track.track.is_some(), "--track: give it to `slurm`"),
    ];
    match refused.iter().find(|(is_there, _)| *is_there) {
        Some((_, argument)) => Err(usage(format!("a race on a node takes no {argument}"))),
        None => Ok(()),
    }
}

/// Returns the text of a path that a script can have in it.
fn plain(path: &Path) -> Result<&str> {
    let text = path.to_str().filter(|text| !text.contains(['\n', '\r']));
    text.ok_or_else(|| usage(format!("{path:?} has letters that a script cannot have")))
}

/// Fills the script in.
fn text(arguments: &SlurmArguments, out: &str, seed: Option<u64>, sums: &[(String, PathBuf)]) -> String {
    let SlurmArguments { partition, constraint, nodes, parts, sbatch, race, .. } = arguments;
    let partition = partition.as_deref().unwrap_or_default();
    let of_partition = (!partition.is_empty()).then(|| format!("#SBATCH --partition={partition}"));
    let options = sbatch.iter().map(|option| format!("#SBATCH {option}"));
    let directives: Vec<String> = of_partition.into_iter().chain(options).collect();
    // The parts of a race have one seed, or they are of several.
    let seed = seed.filter(|_| parts.is_some()).map(|seed| format!("--seed {seed}"));
    let race = race.iter().map(|argument| quoted(argument)).chain(seed);
    let kinds: Vec<String> = match &constraint[..] {
        [] => vec![quoted("")],
        kinds => kinds.iter().map(|kind| quoted(kind)).collect(),
    };
    let sums: Vec<String> = sums.iter().map(|(sum, file)| format!("{sum}  {}", file.display())).collect();
    let parts = parts.map_or(1, |parts| parts.get());
    let filled = [
        ("DIRECTIVES", directives.join("\n")),
        ("OUT", quoted(out)),
        ("ARGUMENTS", race.collect::<Vec<_>>().join(" ")),
        ("KINDS", kinds.join(" ")),
        ("PARTITION", quoted(partition)),
        ("NODES", nodes.get().max(parts).to_string()),
        ("PARTS", parts.to_string()),
        ("SUMS", sums.join("\n")),
    ];
    // Each name stands there once, and what is written for one is not searched for the next.
    let mut text = String::new();
    let mut rest = SCRIPT;
    while let Some((before, name, after)) = next(rest) {
        text.push_str(before);
        let value = filled.iter().find(|(known, _)| *known == name);
        text.push_str(&value.expect("a name of the script is filled in").1);
        rest = after;
    }
    text + rest
}

/// Cuts a text at the next name between `@`.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_uppercase());
    let at = text.match_indices('@').map(|(place, _)| place);
    let found = at.filter_map(|place| {
        let (name, after) = text[place + 1..].split_once('@')?;
        is_name(name).then(|| (&text[..place], name, after))
    });
    found.into_iter().next()
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    let letters =
        text.chars().map(|letter| if letter == '\'' { "'\\''".to_owned() } else { letter.to_string() });
    iter::once("'".to_owned()).chain(letters).chain(["'".to_owned()]).collect()
}
