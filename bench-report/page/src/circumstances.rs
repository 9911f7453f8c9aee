//! Prepares the circumstances of a run: the strip at the top of the page, and the full lists at its end.

use std::fmt;

use jiff::Timestamp;

use results::{
    BatchJob, Build, Cell, Machine, Outlook, Part, Period, Results, Run, StoodStill, Throttled,
    figures::{counted, ratio},
};

/// The value of an unknown fact.
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

/// The number of comparisons that are settled, and the prospect of settling more.
pub(crate) struct Settled {
    /// The number, in words: "52 of 58 comparisons settled".
    pub(super) number: String,
    /// The prospect of going on; `None` if all are settled.
    pub(super) further: Option<Further>,
}

/// A command that goes on with a run, between the words around it.
pub(super) struct Further {
    pub(super) before: String,
    pub(super) command: String,
    pub(super) after: &'static str,
}

impl Settled {
    /// Counts the settled comparisons; `None` if the file is from before there were rows.
    pub(crate) fn of(results: &Results) -> Option<Settled> {
        let all = results.rows.len();
        let settled = results.rows.iter().filter(|row| row.is_settled()).count();
        let number = match all - settled {
            _ if all == 0 => return None,
            0 => format!("all {} settled", counted(all, "comparison")),
            _ => format!("{settled} of {} settled", counted(all, "comparison")),
        };
        let further = (settled < all).then(|| Further::of(&results.run, all - settled));
        Some(Settled { number, further })
    }
}

impl Further {
    fn of(run: &Run, open: usize) -> Further {
        let command = |minutes: u64| format!("{} --more {minutes}m{}", run.bench(), run.out());
        let Some(Outlook { minutes, settles }) = run.outlook else {
            return Further {
                before: String::new(),
                command: command(5),
                after: " would go on with this run",
            };
        };
        let time = counted(minutes as usize, "more minute");
        let others = if settles >= open { "the rest".to_owned() } else { format!("{settles} of the others") };
        Further {
            before: format!("about {time} would settle {others}: "),
            command: command(minutes),
            after: "",
        }
    }
}

impl fmt::Display for Settled {
    /// Writes it as a sentence without its full stop.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settled { number, further } = self;
        match further {
            Some(Further { before, command, after }) => {
                write!(formatter, "{number}; {before}`{command}`{after}")
            }
            None => formatter.write_str(number),
        }
    }
}

/// Returns the most important facts of a run, for one line.
pub(super) fn strip(results: &Results) -> Vec<Fact> {
    let Results { run, machine, build, .. } = results;
    let lineup = run.lineup.iter().map(|name| fact("lineup", name));
    let conditions = Some(conditions(results)).filter(|words| !words.is_empty());
    let conditions = conditions.map(|words| fact("conditions", words));
    let facts = [
        fact("date", date(&run.started)),
        fact("machine", machine_in_a_line(machine)),
        fact("commit", commit(build)),
        fact("blocks", blocks(results)),
        fact("noise floor", noise_floor(results)),
    ];
    lineup.chain(conditions).chain(facts).collect()
}

/// Returns the facts that tell a run from another one at first sight.
pub(super) fn at_first_sight(results: &Results) -> Vec<Fact> {
    let Results { run, machine, build, warnings, .. } = results;
    let findings: Vec<&str> = warnings.iter().map(|warning| warning.finding.as_str()).collect();
    vec![
        fact("date", moment(&run.started)),
        fact("machine", machine_in_a_line(machine)),
        fact("commit", commit(build)),
        fact("compiler", &build.rustc),
        fact("conditions", run.conditions.to_string()),
        fact("profile", run.profile.to_string()),
        fact("blocks", blocks(results)),
        fact("noise floor", noise_floor(results)),
        fact("settled", Settled::of(results).map_or(UNKNOWN.to_owned(), |settled| settled.number)),
        fact("warnings", if findings.is_empty() { "none".to_owned() } else { findings.join("; ") }),
    ]
}

/// Writes the number of blocks of the cells: `5 blocks`, or `4 to 12 blocks`.
pub(super) fn blocks(results: &Results) -> String {
    let of_cell = |cell: &Cell| Some(cell.overhead_of_blocks().len()).filter(|&blocks| blocks > 0);
    let most = results.cells.iter().filter_map(of_cell).max().unwrap_or(results.run.blocks);
    let least = counted(results.run.blocks, "block");
    if most > results.run.blocks { format!("{} to {most} blocks", results.run.blocks) } else { least }
}

/// Writes the number of comparisons that had further blocks, round by round.
fn further_blocks(run: &Run) -> String {
    let rounds = run.attention.iter().map(|comparisons| counted(comparisons.len(), "comparison"));
    let rounds: Vec<String> = rounds.collect();
    if rounds.is_empty() { "none".to_owned() } else { format!("for {}", rounds.join(", then ")) }
}

/// Writes the noise floors of the rows, or in older files that of the clock.
pub(super) fn noise_floor(results: &Results) -> String {
    match (&floors(results)[..], &results.noise) {
        ([floor], _) => ratio(*floor),
        ([least, .., most], _) if ratio(*least) == ratio(*most) => ratio(*most),
        ([least, .., most], _) => format!("{} to {} by row", ratio(*least), ratio(*most)),
        ([], Some(noise)) => beyond_1(noise.floor),
        ([], None) => "not measured".to_owned(),
    }
}

/// Returns the noise floors of the rows, the least first.
pub(super) fn floors(results: &Results) -> Vec<f64> {
    let mut floors: Vec<f64> = results.rows.iter().map(|row| row.floor).collect();
    floors.sort_by(f64::total_cmp);
    floors
}

/// Writes the part of a ratio beyond 1, in percent.
pub(super) fn beyond_1(ratio: f64) -> String {
    format!("{:.1} %", (ratio - 1.0) * 100.0)
}

/// Writes the time that a run took, as minutes and seconds: `5:46`; `None` if its times cannot be read.
pub(super) fn duration(run: &Run) -> Option<String> {
    let periods = match &run.periods[..] {
        [] => &[Period { started: run.started.clone(), finished: run.finished.clone() }][..],
        periods => periods,
    };
    let length = |Period { started, finished }: &Period| {
        let [started, finished] = [started, finished].map(|moment| moment.parse::<Timestamp>().ok());
        Some(finished?.as_second() - started?.as_second())
    };
    let seconds = periods.iter().map(length).sum::<Option<i64>>()?;
    Some(format!("{}:{:02}", seconds / 60, seconds % 60))
}

/// Writes the periods in which a run was measured.
fn periods(run: &Run) -> String {
    if run.periods.is_empty() {
        return "from start to finish".to_owned();
    }
    let period =
        |Period { started, finished }: &Period| format!("{} to {}", moment(started), moment(finished));
    run.periods.iter().map(period).collect::<Vec<_>>().join(", then ")
}

/// Writes the variables that changed figures.
fn environment(run: &Run) -> String {
    let variables = run.environment.iter().map(|(name, value)| format!("{name}={value}"));
    let variables: Vec<String> = variables.collect();
    if variables.is_empty() { "nothing that is known to matter".to_owned() } else { variables.join(", ") }
}

/// Writes the standstills of a race.
fn stood_still(run: &Run) -> String {
    run.stood_still.map_or("not noticed".to_owned(), |StoodStill { times, seconds }| {
        format!("{}, {seconds:.0} s in all; what ran meanwhile was measured again", counted(times, "time"))
    })
}

/// Writes the conditions of a run; nothing for the default ones.
pub(super) fn conditions(results: &Results) -> String {
    let conditions = &results.run.conditions;
    if conditions.is_default() { String::new() } else { conditions.to_string() }
}

/// Writes the effect of a quota.
fn throttled(run: &Run) -> String {
    run.throttled.map_or("there was none".to_owned(), |Throttled { periods, throttled, seconds }| {
        let all = counted(usize::try_from(periods).unwrap_or(usize::MAX), "period");
        format!("in {throttled} of {all}; processors were withheld for {seconds:.1} s in all")
    })
}

/// Returns all facts of run, machine and build.
pub(super) fn all(results: &Results) -> Vec<Facts> {
    let Results { run, machine, build, .. } = results;
    vec![
        Facts {
            title: "Run",
            facts: vec![
                fact("name", &run.id),
                fact("started", moment(&run.started)),
                fact("finished", moment(&run.finished)),
                fact("measured", periods(run)),
                fact("stood still", stood_still(run)),
                fact("conditions", run.conditions.to_string()),
                fact("stopped by the quota", throttled(run)),
                fact("environment of the lanes", environment(run)),
                fact("arguments", if run.command.is_empty() { "none" } else { &run.command }),
                fact("profile", run.profile.to_string()),
                fact("part", run.part.as_ref().map_or("the whole race".to_owned(), Part::to_string)),
                fact("blocks", blocks(results)),
                fact("further blocks", further_blocks(run)),
                fact("seed", run.seed.to_string()),
            ],
        },
        Facts {
            title: "Machine",
            facts: vec![
                fact("processor", &machine.cpu),
                fact("processors used", &machine.cores),
                fact("their numbers", &machine.mask),
                fact("of one core", &machine.siblings),
                fact("node of a cluster", batch(machine)),
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
                fact("busy with other processes", &machine.others),
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
                fact("level of optimisation", &build.opt_level),
                fact("optimisation while linking", &build.lto),
                fact("codegen units", &build.codegen_units),
                fact("target", &build.target),
                fact("program", &build.program),
                fact("commit", &build.commit),
                fact("uncommitted changes", &build.dirty),
                fact("repository", &build.repository),
            ],
        },
    ]
}

/// Returns the packages of the build and their versions.
pub(super) fn packages(build: &Build) -> Vec<Fact> {
    build.packages.iter().map(|(name, version)| fact(name, version)).collect()
}

/// Writes the command that repeats the run, with the order that was drawn.
pub(super) fn again(run: &Run) -> String {
    // `cargo bench` takes the arguments that follow `bench-report run`.
    let arguments = match run.command.split_once(' ') {
        Some(("run", arguments)) => arguments,
        None if run.command == "run" => "",
        _ => &run.command,
    };
    let given = arguments.split_whitespace().any(|word| word == "--seed" || word.starts_with("--seed="));
    let seed = if given { String::new() } else { format!(" --seed {}", run.seed) };
    let separator = if arguments.is_empty() { "" } else { " " };
    format!("cargo bench --{separator}{arguments}{seed}")
}

/// Writes the day of a moment, or the text itself if it is no moment.
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

/// Writes the node, with the partition and the job that had it.
fn batch(machine: &Machine) -> String {
    let job = machine.batch.as_ref();
    job.map_or("none".to_owned(), |BatchJob { node, partition, job }| {
        format!("{node}, partition {partition}, job {job}")
    })
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
