//! What the program does: how a run goes from the command line to the page, and how it ends.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{self, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use criterion::Criterion;
use jiff::Timestamp;

use crate::{
    arguments::{
        Bench, BenchReport, CheckLaneArguments, CompareArguments, ExportArguments, ExportFormat,
        GateArguments, JudgingArguments, ReportArguments, RunArguments, SelectionArguments, Subcommands,
        Usage, parse, usage,
    },
    assemble, change,
    compare::{self, Comparison, Format, Invalid, Outcome, Side},
    counting, export,
    facts::{self, Reading},
    foreign, gate,
    page::{self, side_by_side},
    plan::{self, Alias, Plan, Twins},
    process::{Launcher, Trouble},
    protocol::{CellId, Sampling},
    race::{self, Ending, Folder},
    results::{Profile, Results, Status},
    revision::{Built, Revision, invalid},
    samples::Outcomes,
    selection::{self, Selection},
    suite::Suite,
    terminal::{self, Bar},
    worker::{self, Purpose},
};

/// The program over one lineup.
pub struct Program {
    suite: Suite,
    measures_debug_builds: bool,
    counting_program: Option<PathBuf>,
}

/// How the program ends.
mod exit {
    /// All is well.
    pub(super) const OK: u8 = 0;
    /// What was asked for could not be done.
    pub(super) const ERROR: u8 = 1;
    /// A cell failed.
    pub(super) const CELL_FAILED: u8 = 2;
    /// What was asked for makes no sense (EX_USAGE of sysexits.h).
    pub(super) const USAGE: u8 = 64;
    /// Ctrl-C, as a shell says it.
    pub(super) const INTERRUPTED: u8 = 130;
}

impl Program {
    /// Makes the program that races `suite`.
    pub fn new(suite: Suite) -> Program {
        Program { suite, measures_debug_builds: false, counting_program: None }
    }

    /// Lets a build with debug assertions measure: for tests of the program, whose figures nobody reads.
    pub fn measuring_debug_builds(self) -> Program {
        Program { measures_debug_builds: true, ..self }
    }

    /// Counts allocations with the program at `path`, which runs [`count`](Self::count) or has an allocator that
    /// counts; else with the one that cargo has built beside this.
    pub fn counting_with(self, path: PathBuf) -> Program {
        Program { counting_program: Some(path), ..self }
    }

    /// Runs `count-costs`, which only does the work of a process that counts, with the arguments of this process.
    pub fn count(self) -> ExitCode {
        self.conclude(Purpose::Count, |_, _| Err(usage(worker::ONLY_COUNTS)))
    }

    /// Runs `cargo bench`, with the arguments of this process.
    pub fn bench(self) -> ExitCode {
        // Cargo starts a benchmark in the folder of its package; whoever typed the command stands above it.
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if workspace.is_dir() {
            env::set_current_dir(workspace).ok();
        }
        self.conclude(Purpose::Measure, |program, arguments| match parse::<Bench>(arguments)? {
            Some(bench) => program.run(bench.run),
            None => Ok(exit::OK),
        })
    }

    /// Runs `bench-report`, with the arguments of this process.
    pub fn main(self) -> ExitCode {
        self.conclude(Purpose::Measure, |program, arguments| {
            let Some(BenchReport { command }) = parse(arguments)? else { return Ok(exit::OK) };
            match command {
                Subcommands::Run(arguments) => program.run(arguments),
                Subcommands::Check(arguments) => program.check(&arguments),
                Subcommands::Report(arguments) => report(arguments),
                Subcommands::Export(arguments) => export(arguments),
                Subcommands::Compare(arguments) => or_invalid(compare(arguments)),
                Subcommands::Gate(arguments) => or_invalid(program.gate(arguments)),
                Subcommands::List(arguments) => program.list(&arguments),
                Subcommands::CheckLane(arguments) => Ok(program.check_lane(&arguments)),
            }
        })
    }

    /// Does what it is asked, or the work of a cell's process, and says in one line what went wrong.
    fn conclude(self, purpose: Purpose, act: impl FnOnce(&Program, Vec<OsString>) -> Result<u8>) -> ExitCode {
        let arguments: Vec<OsString> = env::args_os().collect();
        let is_worker = arguments.get(1).is_some_and(|argument| argument == race::WORKER);
        let work = || worker::work(&self.suite, purpose).map(|()| exit::OK);
        let outcome = if is_worker { work() } else { act(&self, arguments) };
        outcome.map_or_else(
            |error| {
                eprintln!("error: {error:#}");
                ExitCode::from(if error.is::<Usage>() { exit::USAGE } else { exit::ERROR })
            },
            ExitCode::from,
        )
    }

    fn run(&self, arguments: RunArguments) -> Result<u8> {
        if arguments.list {
            return self.list(&arguments.selection);
        }
        self.refuse_debug_build()?;
        let out = arguments.out.clone().unwrap_or_else(default_out);
        if let Some(cell) = &arguments.exact {
            return self.run_in_place(cell, &out);
        }
        let (folder, plan) = if arguments.resume { resume(&out)? } else { self.prepare(&arguments, &out)? };

        let mut bar = Bar::new(plan.goes_on().then_some(plan.budget));
        let ending = race::run(&self.suite, &plan, &folder, interruption()?, &mut bar);
        bar.finish();
        match ending? {
            Ending::Finished(results) => publish(&results, &folder, &out, arguments.save.as_deref()),
            Ending::Interrupted => {
                eprintln!(
                    "interrupted; what was measured is in {}, and --resume goes on from there",
                    folder.samples().display()
                );
                Ok(exit::INTERRUPTED)
            }
        }
    }

    fn refuse_debug_build(&self) -> Result<()> {
        if cfg!(debug_assertions) && !self.measures_debug_builds {
            return Err(usage(
                "this build has debug assertions, its figures would mean nothing: \
                 use `cargo bench`, or `cargo run --release -p bench-report -- run`",
            ));
        }
        Ok(())
    }

    /// Plans a new run and makes its folder.
    fn prepare(&self, arguments: &RunArguments, out: &Path) -> Result<(Folder, Plan)> {
        let profile = profile(&arguments.selection);
        let Selection { cells, not_applicable, memory, programs } = self.select(&arguments.selection)?;
        let now = Timestamp::now();
        let seed = arguments.seed.unwrap_or_else(|| now.as_microsecond().unsigned_abs());
        let twins = match profile {
            _ if arguments.twins => Twins::All,
            Profile::Quick => Twins::Few,
            Profile::Default | Profile::Full => Twins::One,
        };
        let (cells, aliases) = plan::add_twins(&cells, &programs, twins, seed);
        let Blocks { least, most, budget } = blocks(profile, arguments);
        let plan = Plan {
            id: now.strftime("%Y%m%d-%H%M%S").to_string(),
            started: now.to_string(),
            command: command_line(),
            seed,
            blocks: least,
            most_blocks: most,
            budget,
            profile,
            sampling: sampling(profile),
            time_limit: Duration::from_secs(arguments.time_limit),
            machine: facts::machine(Path::new("/")),
            build: facts::build(),
            cells,
            not_applicable,
            aliases,
            programs,
            memory,
            counting_program: self.counting_program.clone().map_or_else(counting::program, Ok),
        };
        Ok((Folder::create(out, &plan)?, plan))
    }

    /// Races another revision against this program.
    fn gate(&self, arguments: GateArguments) -> Result<u8> {
        self.refuse_debug_build()?;
        let GateArguments { against, judging: JudgingArguments { filters, margin, format }, .. } = &arguments;
        let selection = SelectionArguments {
            filters: filters.clone(),
            executors: arguments.lanes.clone(),
            ..SelectionArguments::default()
        };
        let Selection { cells, programs, .. } = self.select(&selection)?;
        if cells.is_empty() {
            return Err(usage("no cell is left to race; `list` shows what there is"));
        }
        let out = arguments.out.clone().unwrap_or_else(default_out).join("gate");
        let interrupted = interruption()?;
        let revision = Revision::find(against, Path::new("."))?;
        eprintln!("building {against} ({})", revision.short());
        let build = facts::build();
        let flags = if build.flags == "none" { "" } else { &build.flags };
        let Built::Program(program, compiler) =
            revision.build(&out, flags, !programs.is_empty(), &interrupted)?
        else {
            return Ok(exit::INTERRUPTED);
        };
        let (cells, aliases) = gate::pair(&cells, revision.short(), &program);
        let plan =
            Plan { programs, ..self.plan_of_gate(cells, aliases, Duration::from_secs(arguments.budget)) };
        let folder = Folder::create(&out, &plan)?;
        let Some(results) = self.race_of_gate(&plan, &folder, *margin, against, interrupted)? else {
            eprintln!("interrupted: nothing is decided");
            return Ok(exit::INTERRUPTED);
        };
        eprintln!("results: {}", folder.results().display());
        let old = Side { name: against.clone(), run: plan.id.clone(), commit: revision.commit };
        let mut notes: Vec<String> = results.warnings.iter().map(|warning| warning.finding.clone()).collect();
        if compiler != build.rustc {
            notes.push(format!("compiler: {compiler}, then {}", build.rustc));
        }
        let sides = [old, Side::of("this program", &results)];
        tell(Ok(gate::comparison(&plan, &results, *margin, sides, notes)), *format)
    }

    /// Races both programs until every cell is decided or the time is over; none if it was interrupted.
    fn race_of_gate(
        &self,
        plan: &Plan,
        folder: &Folder,
        margin: f64,
        against: &str,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Option<Results>> {
        let other = plan.cells.iter().find(|cell| plan.aliases.contains_key(&cell.executor));
        let other = other.context("there is no cell to race")?;
        match race::try_lane(&self.suite, plan, folder, other, interrupted.clone())? {
            Err(Trouble::Interrupted) => return Ok(None),
            Err(Trouble::Failed(reason)) if gate::is_of_protocol(&reason) => {
                return Err(invalid(format!("{against} cannot race with this program: {reason}")));
            }
            // What else is wrong with the cell is seen in the race.
            _ => {}
        }
        let before = Reading::take(Path::new("/"));
        let judge = |outcomes: &Outcomes| {
            let results = assemble::results(&self.suite, plan, outcomes, String::new());
            gate::blocks_to_go(plan, &results, margin)
        };
        let mut bar = Bar::new(Some(plan.budget));
        let raced = race::run_heats(&self.suite, plan, folder, interrupted, &mut bar, &judge);
        bar.finish();
        let Some(raced) = raced? else { return Ok(None) };
        let results = race::conclude(&self.suite, plan, raced, &before);
        race::write(&folder.results(), &results.to_json())?;
        Ok(Some(results))
    }

    /// Plans a gate: as many blocks as it takes, within the budget.
    fn plan_of_gate(&self, cells: Vec<CellId>, aliases: BTreeMap<String, Alias>, budget: Duration) -> Plan {
        let now = Timestamp::now();
        Plan {
            id: now.strftime("%Y%m%d-%H%M%S").to_string(),
            started: now.to_string(),
            command: command_line(),
            seed: now.as_microsecond().unsigned_abs(),
            blocks: change::FIRST_LOOK,
            most_blocks: gate::MOST_BLOCKS,
            budget,
            profile: Profile::Default,
            sampling: sampling(Profile::Default),
            time_limit: race::TIME_LIMIT,
            machine: facts::machine(Path::new("/")),
            build: facts::build(),
            cells,
            not_applicable: Vec::new(),
            aliases,
            programs: BTreeMap::new(),
            memory: Vec::new(),
            counting_program: Err("a gate counts no allocations".to_owned()),
        }
    }

    /// Runs one cell in this process, under Criterion as it comes, which compares it with the last time.
    fn run_in_place(&self, cell: &CellId, out: &Path) -> Result<u8> {
        let executor = selection::applicable(&self.suite, cell).map_err(usage)?;
        let environment = (executor.environment)(&worker::config(cell)?);
        if environment.iter().any(|(name, value)| env::var(name).as_ref() != Ok(value)) {
            // A global executor reads these when it starts; a profiler follows the process into the same program.
            let mut again = Command::new(env::current_exe().context("failed to find this program")?);
            again.args(env::args_os().skip(1)).envs(environment);
            return Err(crate::platform::become_program(again)).context("failed to start this program again");
        }
        let case = worker::open(&self.suite, cell)?;
        let proof = case.check().map_err(|complaint| anyhow!("{cell}: {complaint}"))?;
        // Few resamples: in a profile the work is to be seen, not the statistics.
        let mut criterion = Criterion::default().output_directory(&out.join("criterion")).nresamples(1_001);
        // Criterion's own numbers, but for a run that would take minutes so often.
        let samples = if proof.took < Duration::from_millis(100) { 100 } else { 10 };
        worker::measure(cell, &mut criterion, samples, &mut |iterations| {
            worker::take(&*case, iterations).wall
        });
        Ok(exit::OK)
    }

    fn check(&self, selection: &SelectionArguments) -> Result<u8> {
        let selection = self.select(selection)?;
        let launcher = Launcher {
            program: race::this_program()?,
            time_limit: race::TIME_LIMIT,
            interrupted: interruption()?,
        };
        let mut code = exit::OK;
        for cell in selection.cells.iter().chain(&selection.memory) {
            match race::check(&self.suite, &launcher, cell)? {
                Ok(_) => println!("{cell}: ok"),
                Err(Trouble::Failed(reason)) => {
                    println!("{cell}: failed: {reason}");
                    code = exit::CELL_FAILED;
                }
                Err(Trouble::Interrupted) => return Ok(exit::INTERRUPTED),
            }
        }
        Ok(code)
    }

    fn list(&self, selection: &SelectionArguments) -> Result<u8> {
        let Selection { cells, not_applicable, memory, .. } = self.select(selection)?;
        for cell in cells {
            println!("{cell}");
        }
        for cell in memory {
            println!("{cell} (memory)");
        }
        for (cell, reason) in not_applicable {
            println!("{cell} (n/a: {reason})");
        }
        Ok(exit::OK)
    }

    fn check_lane(&self, arguments: &CheckLaneArguments) -> u8 {
        let command: Vec<&str> = arguments.command.iter().map(String::as_str).collect();
        let limit = Duration::from_secs(arguments.time_limit);
        let is_well = foreign::check(&self.suite, &foreign::Program::new(&command), limit, &mut |line| {
            println!("{line}");
        });
        if is_well { exit::OK } else { exit::CELL_FAILED }
    }

    fn select(&self, arguments: &SelectionArguments) -> Result<Selection> {
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        selection::select(&self.suite, arguments, processors).map_err(usage)
    }
}

fn resume(out: &Path) -> Result<(Folder, Plan)> {
    let (folder, plan) = Folder::newest_unfinished(out)?;
    if plan.build != facts::build() {
        return Err(usage(format!(
            "the program has changed since {} was interrupted, and one run has one program: start a new run",
            plan.id
        )));
    }
    Ok((folder, plan))
}

/// Writes results and page, for the run and as the newest, and shows the verdict.
fn publish(results: &Results, folder: &Folder, out: &Path, save: Option<&str>) -> Result<u8> {
    let json = results.to_json();
    race::write(&folder.results(), &json)?;
    // From the file, whose numbers are rounded: who draws the page again gets the same.
    let results = &Results::read(&folder.results())?;
    race::write(&folder.report(), &page::render(results, folder.report().parent()))?;
    race::write(&out.join("results.json"), &json)?;
    race::write(&out.join("report.html"), &page::render(results, Some(out)))?;
    if let Some(name) = save {
        let saved = out.join("saved");
        fs::create_dir_all(&saved).with_context(|| format!("failed to make {}", saved.display()))?;
        race::write(&saved.join(format!("{name}.json")), &json)?;
    }
    for warning in &results.warnings {
        println!("warning: {}; {}", warning.finding, warning.remedy);
    }
    println!("{}", terminal::verdict_table(results));
    let failed: Vec<_> = results.cells.iter().filter(|cell| cell.status == Status::Failed).collect();
    for cell in &failed {
        println!("failed: {}: {}", cell.id(), cell.reason.as_deref().unwrap_or("unknown"));
    }
    println!("Report: {}", out.join("report.html").display());
    Ok(if failed.is_empty() { exit::OK } else { exit::CELL_FAILED })
}

/// Draws what stands in a results.json, or in several of them.
fn report(arguments: ReportArguments) -> Result<u8> {
    let ReportArguments { results: mut files, to } = arguments;
    if files.is_empty() {
        files.push(default_out().join("results.json"));
    }
    let runs = files.iter().map(|file| Results::read(file)).collect::<Result<Vec<_>>>()?;
    let name = if runs.len() == 1 { "report.html" } else { "side-by-side.html" };
    let to = to.unwrap_or_else(|| files[0].with_file_name(name));
    let page = match runs.as_slice() {
        [results] => page::render(results, to.parent()),
        _ => {
            let runs: Vec<_> = side_by_side::names(&files).into_iter().zip(runs).collect();
            side_by_side::render(&runs)
        }
    };
    race::write(&to, &page)?;
    println!("Report: {}", to.display());
    Ok(exit::OK)
}

fn export(arguments: ExportArguments) -> Result<u8> {
    let path = arguments.results.unwrap_or_else(|| default_out().join("results.json"));
    let results = Results::read(&path)?;
    let text = match arguments.format {
        ExportFormat::Csv => export::csv(&results),
        ExportFormat::Markdown => export::markdown(&results),
    };
    match arguments.to {
        Some(file) => race::write(&file, &text)?,
        None => say(&text)?,
    }
    Ok(exit::OK)
}

fn compare(arguments: CompareArguments) -> Result<u8> {
    let CompareArguments { old, new, judging, lanes, out } = arguments;
    let out = out.unwrap_or_else(default_out);
    let sides =
        [old, new].map(|name| read_run(&name, &out).map(|results| (name.display().to_string(), results)));
    let [old, new] = match sides {
        [Ok(old), Ok(new)] => [old, new],
        [Err(error), _] | [_, Err(error)] => {
            return tell(Err(Invalid::because(format!("{error:#}"))), judging.format);
        }
    };
    let options = compare::Options { margin: judging.margin, lanes, filters: judging.filters };
    options.check(&old.1, &new.1).map_err(usage)?;
    tell(compare::compare((&old.0, &old.1), (&new.0, &new.1), &options), judging.format)
}

/// Of two that are compared an error says that they cannot be, and not that one regressed.
fn or_invalid(outcome: Result<u8>) -> Result<u8> {
    match outcome {
        Err(error) if !error.is::<Usage>() => {
            eprintln!("error: {}", format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "));
            Ok(Outcome::Invalid.code())
        }
        other => other,
    }
}

/// Reads results by their path, or by the name under which a run was saved.
fn read_run(name: &Path, out: &Path) -> Result<Results> {
    if name.exists() {
        return Results::read(name);
    }
    let mut file = name.as_os_str().to_owned();
    file.push(".json");
    let saved = out.join("saved").join(file);
    if !saved.exists() {
        return Err(anyhow!(
            "there is neither a file {} nor a saved run {}",
            name.display(),
            saved.display()
        ));
    }
    Results::read(&saved)
}

/// Says what has changed, or why nobody can say; the exit code tells it too.
fn tell(comparison: Result<Comparison, Invalid>, format: Format) -> Result<u8> {
    match comparison {
        Ok(comparison) => {
            say(&comparison.show(format))?;
            Ok(comparison.outcome().code())
        }
        Err(invalid) => {
            say(&invalid.show(format))?;
            eprintln!("error: {invalid}");
            Ok(Outcome::Invalid.code())
        }
    }
}

/// Writes to the standard output, and does not mind if nobody reads it to its end.
fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("failed to write to the standard output")
        }
        _ => Ok(()),
    }
}

/// `bench-report` in the target folder that this program was built into.
fn default_out() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    // Cargo marks its target folder for backup programs.
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.unwrap_or(Path::new("target")).join("bench-report")
}

/// A flag that Ctrl-C, or a kill that asks, sets.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || flag.store(true, SeqCst)).context("failed to listen for Ctrl-C")?;
    Ok(interrupted)
}

fn profile(selection: &SelectionArguments) -> Profile {
    match (selection.quick, selection.full) {
        (true, _) => Profile::Quick,
        (_, true) => Profile::Full,
        _ => Profile::Default,
    }
}

/// How many blocks a comparison has, and how long all may take.
struct Blocks {
    least: usize,
    most: usize,
    budget: Duration,
}

fn blocks(profile: Profile, arguments: &RunArguments) -> Blocks {
    let (least, most, seconds) = match profile {
        Profile::Quick => (2, 2, 0),
        // So that a run ends within six minutes, with what is counted after the measuring.
        Profile::Default => (3, 20, 290),
        Profile::Full => (10, 40, 3_600),
    };
    let budget = Duration::from_secs(arguments.budget.unwrap_or(seconds));
    match arguments.blocks.map(|blocks| blocks as usize) {
        Some(exactly) => Blocks { least: exactly, most: exactly, budget },
        None => Blocks { least, most, budget },
    }
}

fn sampling(profile: Profile) -> Sampling {
    let ([warm_up, measurement], most_samples) = match profile {
        Profile::Quick => ([3, 10], 10),
        Profile::Default => ([20, 60], 30),
        Profile::Full => ([200, 1_000], 100),
    };
    Sampling {
        warm_up: Duration::from_millis(warm_up),
        measurement: Duration::from_millis(measurement),
        samples: 10,
        most_samples,
    }
}

/// The arguments of this process, as they would be typed.
fn command_line() -> String {
    let arguments = env::args_os().skip(1).filter(|argument| argument != "--bench");
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
