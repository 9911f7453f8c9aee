//! When, where and from what the run was made: the strip at the top and the full lists at the end.

use jiff::Timestamp;

use crate::{
    figures::counted,
    results::{Build, Cell, Machine, Results, Run},
};

/// What the results say when nobody knows.
pub(super) const UNKNOWN: &str = "unknown";

/// A named value.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
}

/// Facts that belong together.
pub(super) struct Facts {
    pub(super) title: &'static str,
    pub(super) facts: Vec<Fact>,
}

/// The run in one line.
pub(super) fn strip(results: &Results) -> Vec<Fact> {
    let Results { run, machine, build, .. } = results;
    vec![
        fact("date", date(&run.started)),
        fact("machine", machine_in_a_line(machine)),
        fact("commit", commit(build)),
        fact("blocks", blocks(results)),
        fact("noise floor", noise_floor(results)),
    ]
}

/// How many blocks the cells had: `5 blocks`, or `4 to 12 blocks`.
pub(super) fn blocks(results: &Results) -> String {
    let of_cell = |cell: &Cell| Some(cell.overhead_of_blocks().len()).filter(|&blocks| blocks > 0);
    let most = results.cells.iter().filter_map(of_cell).max().unwrap_or(results.run.blocks);
    let least = counted(results.run.blocks, "block");
    if most > results.run.blocks { format!("{} to {most} blocks", results.run.blocks) } else { least }
}

/// The difference that a lane showed from itself, in percent.
pub(super) fn noise_floor(results: &Results) -> String {
    match &results.noise {
        Some(noise) => format!("{:.1} %", (noise.floor - 1.0) * 100.0),
        None => "not measured".to_owned(),
    }
}

/// Run, machine and build in full.
pub(super) fn all(results: &Results) -> Vec<Facts> {
    let Results { run, machine, build, .. } = results;
    vec![
        Facts {
            title: "Run",
            facts: vec![
                fact("name", &run.id),
                fact("started", moment(&run.started)),
                fact("finished", moment(&run.finished)),
                fact("arguments", if run.command.is_empty() { "none" } else { &run.command }),
                fact("profile", run.profile.to_string()),
                fact("blocks", blocks(results)),
                fact("seed", run.seed.to_string()),
            ],
        },
        Facts {
            title: "Machine",
            facts: vec![
                fact("processor", &machine.cpu),
                fact("processors used", &machine.cores),
                fact("architecture", &machine.architecture),
                fact("memory", &machine.memory),
                fact("system", &machine.os),
                fact("kernel", &machine.kernel),
                fact("frequency governor", &machine.governor),
                fact("turbo", &machine.turbo),
                fact("hyperthreads", &machine.hyperthreads),
                fact("quota of processors", &machine.quota),
                fact("power", &machine.power),
                fact("clock", &machine.clock),
                fact("virtualised", &machine.virtualised),
                fact("load at the start", &machine.load),
                fact("stolen by other guests", &machine.steal),
                fact("busy with other programs", &machine.others),
                fact("waiting for memory", &machine.memory_pressure),
            ],
        },
        Facts {
            title: "Build",
            facts: vec![
                fact("compiler", &build.rustc),
                fact("profile", &build.profile),
                fact("flags", &build.flags),
                fact("allocator", &build.allocator),
                fact("commit", &build.commit),
                fact("uncommitted changes", &build.dirty),
            ],
        },
    ]
}

/// The packages of the program and their versions.
pub(super) fn packages(build: &Build) -> Vec<Fact> {
    build.packages.iter().map(|(name, version)| fact(name, version)).collect()
}

/// The command that makes the run again, with the order that was drawn.
pub(super) fn again(run: &Run) -> String {
    let given = run.command.split_whitespace().any(|word| word == "--seed" || word.starts_with("--seed="));
    let seed = if given { String::new() } else { format!(" --seed {}", run.seed) };
    let separator = if run.command.is_empty() { "" } else { " " };
    format!("cargo bench --{separator}{}{seed}", run.command)
}

/// The day of a moment, or the text itself if it is no moment.
pub(super) fn date(moment: &str) -> String {
    formatted(moment, "%Y-%m-%d")
}

fn moment(moment: &str) -> String {
    formatted(moment, "%Y-%m-%d %H:%M UTC")
}

fn formatted(moment: &str, format: &str) -> String {
    match moment.parse::<Timestamp>() {
        Ok(timestamp) => timestamp.strftime(format).to_string(),
        Err(_) => moment.to_owned(),
    }
}

fn machine_in_a_line(machine: &Machine) -> String {
    let cores = if machine.cores == UNKNOWN { UNKNOWN } else { &format!("{} processors", machine.cores) };
    let known = |part: &&str| *part != UNKNOWN;
    let parts = [machine.cpu.as_str(), cores, &machine.memory, &machine.os];
    let parts: Vec<&str> = parts.into_iter().filter(known).collect();
    if parts.is_empty() { UNKNOWN.to_owned() } else { parts.join(", ") }
}

fn commit(build: &Build) -> String {
    let short: String = build.commit.chars().take(10).collect();
    match build.dirty.as_str() {
        "no" => short,
        "yes" => format!("{short} with uncommitted changes"),
        _ => format!("{short}, perhaps with uncommitted changes"),
    }
}

fn fact(name: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact { name: name.into(), value: value.into() }
}
