//! Lanes that are programs: two peers made of nothing but the protocol, and one that breaks it in every way.

use std::{
    env, fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::Duration,
};

use executor_api::About;
use executor_tokio::TokioCurrentThread;
use lane_harness::{Suite, about_program};
use nix::sys::signal::Signal;
use results::{Cell, Metric, Results, Status};
use serde_json::Value;
use sleep_fan_out::SleepFanOut;
use spawn_join::SpawnJoin;

use crate::{
    gate::{Scratch, said},
    interruption::{is_gone, signal, until},
    run::{Place, lab},
    tracks::CHOSEN,
};

crate::tests![
    a_peer_has_sixty_lines_at_most,
    a_peer_in_rust_races_and_is_shown_beside_the_others,
    a_peer_in_python_races_and_is_shown_beside_the_others,
    a_peer_races_against_itself_in_a_gate,
    check_lane_says_what_is_right_and_what_is_wrong,
    check_lane_tries_the_fewest_threads_and_two,
    a_run_is_specified_in_one_line,
    the_conversation_of_the_readme_is_that_of_a_peer,
    the_limits_of_the_readme_are_those_of_the_lab,
    a_program_that_is_not_there_does_not_apply,
    a_program_that_declines_does_not_apply,
    a_program_whose_description_is_nonsense_does_not_apply,
    a_program_that_names_no_protocol_does_not_apply,
    a_program_that_speaks_another_protocol_does_not_apply,
    a_program_applies_within_its_claims,
    a_program_in_lanes_is_known_by_all_files_of_its_folder,
    a_program_that_ends_early_fails,
    a_program_that_hangs_fails,
    a_program_that_writes_rubbish_fails,
    a_program_that_writes_half_a_line_fails,
    a_program_that_answers_wrong_fails,
    a_program_whose_ledger_is_wrong_fails,
    a_program_whose_sample_has_no_answer_fails,
    a_program_whose_sample_has_no_ledger_fails,
    a_program_that_ran_less_often_than_it_was_asked_fails,
    a_program_that_does_not_answer_rest_fails,
    a_program_that_answers_rest_with_something_else_fails,
    a_program_that_claims_what_it_lacks_fails,
    a_program_that_floods_its_output_fails,
    a_program_that_says_more_than_it_is_asked_fails,
    a_program_that_ignores_the_end_of_its_input_fails,
    a_program_that_tells_a_longer_time_than_passed_fails,
    a_program_that_does_not_wait_fails,
    a_program_that_heeds_nothing_goes_when_the_run_is_killed_with_all_that_it_has_started,
];

/// The name of this lineup: tokio and programs.
pub(crate) const TRACK: &str = "programs";

/// Holds the programs in the environment, in lines: a name, a tab, and a command whose parts are parted by tabs.
const PROGRAMS: &str = "FAULTS_PROGRAMS";

/// The argument that makes this program a peer that does wrong what the next argument says.
pub(crate) const PEER: &str = "--peer";

/// Names a file for the numbers of the processes that such a peer has started, and its own.
const STARTED: &str = "STARTED_BY_PEERS";

pub(crate) fn lineup() -> Suite {
    let programs = env::var(PROGRAMS).unwrap_or_default();
    let mut suite = Suite::default();
    suite.enter::<TokioCurrentThread>();
    suite.has_timer::<TokioCurrentThread>();
    suite.race::<TokioCurrentThread, SpawnJoin>("tasks");
    suite.race_and_watch::<TokioCurrentThread, SleepFanOut>("a timer");
    for line in programs.lines() {
        let line: Vec<&str> = line.split('\t').collect();
        let name: &'static str = line[0].to_owned().leak();
        let about =
            About { source: "bench-report/faults/peers/peer.rs", ..about_program(name, "Is a program.") };
        suite.program(about, &line[1..]);
    }
    suite
}

/// The lanes of a run, and where it leaves its results.
struct Race {
    place: Place,
    programs: String,
}

impl Race {
    fn new() -> Race {
        Race { place: Place::new(), programs: String::new() }
    }

    /// Adds a lane.
    fn enter(mut self, name: &str, command: &[&str]) -> Race {
        self.programs += &format!("{name}\t{}\n", command.join("\t"));
        self
    }

    /// Adds the lane of a peer of this program.
    fn peer(self, name: &str, fault: &str) -> Race {
        self.enter(name, &[&this(), PEER, fault])
    }

    fn started(&self) -> PathBuf {
        self.place.out().with_extension("started")
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.place.command(arguments);
        command.env(CHOSEN, TRACK).env(PROGRAMS, &self.programs).env(STARTED, self.started());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program starts")
    }
}

fn this() -> String {
    crate::run::this().display().to_string()
}

fn cell<'a>(results: &'a Results, workload: &str, lane: &str) -> &'a Cell {
    let mut cells = results.cells.iter();
    cells.find(|cell| cell.workload == workload && cell.executor == lane).expect("the cell is in the results")
}

const SHORT: &str = "--quick --blocks 2 --threads 1 --sizes 100 --time-limit 5";

/// Races a peer with a fault beside a sound one and an executor, and expects that it comes to `status` for `reason`, while
/// all is well with the others, and that nothing that it has started is left.
fn expect(fault: &str, status: Status, reason: &str) {
    let race = Race::new().peer("sound", "nothing").peer("unsound", fault);
    let output = race.run(&format!("{SHORT} --workloads spawn-join"));
    let code = if status == Status::Failed { 2 } else { 0 };
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    let results = race.place.results();
    for lane in ["tokio-current-thread", "sound"] {
        let cell = cell(&results, "spawn-join", lane);
        assert_eq!(cell.status, Status::Ok, "{lane}: {:?}", cell.reason);
    }
    let unsound = cell(&results, "spawn-join", "unsound");
    assert_eq!(unsound.status, status, "{}", said(&output));
    let given = unsound.reason.as_deref().expect("it has its reason");
    assert!(given.contains(reason) && given.contains(&format!("last words: I do {fault}")), "{given}");
    let started = fs::read_to_string(race.started()).expect("they have said what they started");
    let started: Vec<u32> = started.lines().map(|pid| pid.parse().expect("a number")).collect();
    assert!(started.len() >= 2, "a peer, and what it has started");
    until("all that a peer has started has ended", || started.iter().all(|&pid| is_gone(pid)));
}

/// This program as a peer: it says what it does wrong, starts a process that would outlive it, and does it.
pub(crate) fn misbehave() -> ExitCode {
    let fault = env::args().nth(2).expect("it is said what goes wrong");
    eprintln!("I do {fault}");
    let sleeper = Command::new("sleep").arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let pids = format!("{}\n{}\n", std::process::id(), sleeper.expect("it starts").id());
    let path = env::var_os(STARTED).unwrap_or("/dev/null".into());
    let file = fs::File::options().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(pids.as_bytes())).expect("it can be written to");

    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let request = lines.next().expect("something is asked for");
    let request: Value = serde_json::from_str(&request).expect("it is JSON");
    if !request["describe"].is_null() {
        match &*fault {
            "decline" => say(r#"{"not-applicable": "needs better weather"}"#),
            "nonsense" => describe(r#""protocol": 2, "threads": [2, 1]"#, "{}"),
            "older" => describe(r#""threads": [1, 1]"#, r#"{"spawn-join": null}"#),
            "newer" => describe(r#""protocol": 3, "threads": "many""#, r#"["all"]"#),
            "chat" => say("I am a lane"),
            "little" => {
                let workloads = r#"{"spawn-join": 50, "sleep-fan-out": null, "dance": null}"#;
                describe(r#""protocol": 2, "threads": [2, 4]"#, workloads)
            }
            "double" => describe(r#""protocol": 2, "threads": [1, 4]"#, r#"{"spawn-join": null}"#),
            _ => describe(r#""protocol": 2, "threads": [1, 1]"#, r#"{"spawn-join": null}"#),
        }
        return ExitCode::SUCCESS;
    }
    let size = request["cell"]["size"].as_u64().expect("it has a size");
    match &*fault {
        "lack" => {
            say(r#"{"failed": "no such workload"}"#);
            return ExitCode::FAILURE;
        }
        "flood" => loop {
            // Not a line.
            print!("{}", "x".repeat(1 << 16));
        },
        "double" => say(&format!(r#"{{"observed": {{"threads": {}}}}}"#, request["cell"]["threads"])),
        _ => say(r#"{"observed": {"threads": 1}}"#),
    }
    let (sum, pause) = (size * (size - 1) / 2, Duration::from_millis(2));
    for line in lines {
        if line == r#"{"rest":{}}"# {
            match &*fault {
                "restless" => thread::sleep(Duration::from_secs(1_000)),
                "evade" => say(&sample(1, 1_000_000, &work([size, sum], size))),
                _ => say(r#"{"rest": {}}"#),
            }
            continue;
        }
        let runs: u64 = line.parse().expect("a number of runs");
        let of_work = |wall: u64, sum: u64, spawned: u64| sample(runs, wall, &work([size, sum], spawned));
        let right = of_work(1_000_000, sum, size);
        thread::sleep(pause);
        match &*fault {
            "end" => return ExitCode::from(3),
            "hang" => thread::sleep(Duration::from_secs(1_000)),
            "rubbish" => say("rubbish"),
            "halves" => {
                print!("{}", &right[..20]);
                return ExitCode::SUCCESS;
            }
            "lie" => say(&of_work(1_000_000, sum + 1, size)),
            "less" => say(&of_work(1_000_000, sum, size - 1)),
            "boast" => say(&of_work(1_000_000_000_000, sum, size)),
            "nothing-at-all" => say(&of_work(0, sum, size)),
            "answerless" => say(&sample(runs, 1_000_000, &ledger(size))),
            "ledgerless" => say(&sample(runs, 1_000_000, &answer([size, sum]))),
            "spare" => say(&sample(runs - 1, 1_000_000, &work([size, sum], size))),
            _ => say(&right),
        }
    }
    match &*fault {
        "stay" => thread::sleep(Duration::from_secs(1_000)),
        "talk" => say("goodbye"),
        _ => {}
    }
    ExitCode::SUCCESS
}

fn describe(abilities: &str, workloads: &str) {
    say(&format!(r#"{{"lane": {{"version": "1.0", {abilities}, "workloads": {workloads}}}}}"#));
}

fn sample(runs: u64, wall: u64, work: &str) -> String {
    format!(r#"{{"sample": {{"iterations": {runs}, "wall-ns": {wall}, {work}}}}}"#)
}

fn work(sums: [u64; 2], spawned: u64) -> String {
    format!("{}, {}", answer(sums), ledger(spawned))
}

fn answer(sums: [u64; 2]) -> String {
    format!(r#""answer": {sums:?}"#)
}

fn ledger(spawned: u64) -> String {
    let tasks = format!(r#""spawned": {spawned}, "finished": {spawned}"#);
    format!(r#""ledger": {{{tasks}, "cancelled": 0, "jobs": 0}}"#)
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).ok();
}

fn a_program_that_is_not_there_does_not_apply() {
    let race = Race::new()
        .peer("sound", "nothing")
        .enter("gone", &["no-such-program"])
        .enter("away", &["./no/such"]);
    let output = race.run(&format!("{SHORT} --workloads spawn-join"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let results = race.place.results();
    assert_eq!(cell(&results, "spawn-join", "sound").status, Status::Ok);
    for (lane, reason) in [("gone", "no-such-program is not on the PATH"), ("away", "./no/such is not there")]
    {
        let cell = cell(&results, "spawn-join", lane);
        assert_eq!((cell.status, cell.reason.as_deref()), (Status::NotApplicable, Some(reason)));
    }
}

fn a_program_that_declines_does_not_apply() {
    expect("decline", Status::NotApplicable, "needs better weather");
}

fn a_program_whose_description_is_nonsense_does_not_apply() {
    expect("nonsense", Status::NotApplicable, "has from 2 to 1 threads, which makes no sense");
    expect("chat", Status::NotApplicable, "sent an invalid reply: `I am a lane`");
}

fn a_program_that_names_no_protocol_does_not_apply() {
    expect("older", Status::NotApplicable, "speaks protocol 1, this lab speaks 2");
}

/// Of what it says nothing is read but the number.
fn a_program_that_speaks_another_protocol_does_not_apply() {
    expect("newer", Status::NotApplicable, "speaks protocol 3, this lab speaks 2");
}

fn a_program_applies_within_its_claims() {
    let race = Race::new().peer("little", "little").peer("one", "nothing");
    let output = race.run("--list --threads 1,2,8 --sizes 50,51");
    let printed = said(&output);
    for line in [
        "spawn-join/50/t2/little\n",
        "spawn-join/51/t2/little (n/a: bears at most 50)\n",
        "spawn-join/50/t1/little (n/a: has at least 2 threads)\n",
        "spawn-join/50/t8/little (n/a: has at most 4 threads)\n",
        "sleep-fan-out/51/t2/little\n",
        "spawn-join/50/t2/one (n/a: runs on one thread only)\n",
        "sleep-fan-out/50/t1/one (n/a: does not have this workload)\n",
    ] {
        assert!(printed.contains(line), "{line}{printed}");
    }
}

fn a_program_in_lanes_is_known_by_all_files_of_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join("lanes/mine").join(name), text).expect("the folder is ours");
    };
    fs::create_dir_all(folder.path().join("lanes/mine")).expect("the folder is ours");
    write("start", &format!("exec '{}' {PEER} nothing", this()));
    let bytes = || {
        let race = Race::new().enter("mine", &["sh", "lanes/mine/start"]);
        let mut command = race.command(&format!("{SHORT} --workloads spawn-join --executors mine"));
        let output = command.current_dir(folder.path()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let plan = fs::read(race.place.only_run().join("plan.json")).expect("the run has its plan");
        let plan: Value = serde_json::from_slice(&plan).expect("it is JSON");
        plan["provenance"]["programs"]["mine"].as_str().expect("it is known").to_owned()
    };
    write("programs", "one");
    let one = bytes();
    assert_eq!(bytes(), one);
    write("programs", "two");
    assert_ne!(bytes(), one);
}

fn a_program_that_ends_early_fails() {
    expect("end", Status::Failed, "ended with exit status: 3");
}

fn a_program_that_hangs_fails() {
    expect("hang", Status::Failed, "exceeded its time limit of 5s");
}

fn a_program_that_writes_rubbish_fails() {
    expect("rubbish", Status::Failed, "sent an invalid reply: `rubbish`");
}

fn a_program_that_writes_half_a_line_fails() {
    expect("halves", Status::Failed, "sent an invalid reply: `{\"sample\": {\"iterati`");
}

fn a_program_that_answers_wrong_fails() {
    expect("lie", Status::Failed, "wrong answer: [100,4951], expected [100,4950]");
}

fn a_program_whose_ledger_is_wrong_fails() {
    expect("less", Status::Failed, "spawned 99 tasks, its specification says 100");
}

fn a_program_whose_sample_has_no_answer_fails() {
    expect("answerless", Status::Failed, "its sample has no answer");
}

fn a_program_whose_sample_has_no_ledger_fails() {
    expect("ledgerless", Status::Failed, "its sample has no ledger");
}

fn a_program_that_ran_less_often_than_it_was_asked_fails() {
    expect("spare", Status::Failed, "ran 0 times and not 1");
}

fn a_program_that_does_not_answer_rest_fails() {
    expect("restless", Status::Failed, "exceeded its time limit of 5s");
}

fn a_program_that_answers_rest_with_something_else_fails() {
    expect("evade", Status::Failed, "gave no answer to what it was asked: `{\"sample\":");
}

fn a_program_that_claims_what_it_lacks_fails() {
    expect("lack", Status::Failed, "no such workload");
}

fn a_program_that_floods_its_output_fails() {
    expect("flood", Status::Failed, "sent an invalid reply: `xxxxx");
}

fn a_program_that_says_more_than_it_is_asked_fails() {
    expect("talk", Status::Failed, "said a line that nobody asked for: `goodbye`");
}

fn a_program_that_ignores_the_end_of_its_input_fails() {
    expect("stay", Status::Failed, "ignored the end of its input");
}

fn a_program_that_tells_a_longer_time_than_passed_fails() {
    expect("boast", Status::Failed, "tells of 1000s, which is longer than the ");
}

fn a_program_that_does_not_wait_fails() {
    expect("nothing-at-all", Status::Failed, "1 runs took 0ns, no more than the 0ns of waiting in them");
}

fn a_program_that_heeds_nothing_goes_when_the_run_is_killed_with_all_that_it_has_started() {
    let race = Race::new().peer("deaf", "hang");
    let mut command = race.command(&format!("{SHORT} --workloads spawn-join --executors deaf"));
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let started = || fs::read_to_string(race.started()).unwrap_or_default();
    // It was asked what it is, and ended well, before it was asked for a cell.
    until("a peer has started", || started().lines().count() >= 4);
    signal(&run, Signal::SIGKILL);
    run.wait().expect("it is our child");
    let started: Vec<u32> = started().lines().filter_map(|pid| pid.parse().ok()).collect();
    until("all that the run has started has ended", || started.iter().all(|&pid| is_gone(pid)));
}

fn check_lane_says_what_is_right_and_what_is_wrong() {
    let check = |arguments: &[&str]| {
        let mut command = lab("check-lane", this().as_ref());
        command.args(arguments).env(CHOSEN, TRACK).output().expect("the program starts")
    };
    let sound = check(&[&this(), PEER, "nothing"]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert!(said(&sound).contains("spawn-join/1000/t1: ok\n"), "{}", said(&sound));
    for (fault, line) in [
        (
            "lie",
            "spawn-join/1000/t1: failed: wrong answer: [1000,499501], expected [1000,499500]; its last words",
        ),
        ("decline", "description: failed: needs better weather; its last words: I do decline\n"),
        ("older", "description: failed: speaks protocol 1, this lab speaks 2; its last words: I do older\n"),
        ("little", "dance: failed: no such workload; there are spawn-join, sleep-fan-out\n"),
        ("little", "spawn-join/1000/t2: n/a: it bears at most 50\n"),
        ("hang", "spawn-join/1000/t1: failed: exceeded its time limit of 1s; its last words: I do hang\n"),
    ] {
        let output = check(&["--time-limit", "1", &this(), PEER, fault]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(line), "{line}{}", said(&output));
    }
    assert_eq!(check(&[]).status.code(), Some(64));
}

fn check_lane_tries_the_fewest_threads_and_two() {
    let checked = |arguments: &[&str], fault: &str| -> Vec<String> {
        let mut command = lab("check-lane", this().as_ref());
        command.args(arguments).args([&this(), PEER, fault]).env(CHOSEN, TRACK);
        let output = command.output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let lines = said(&output);
        let cells = lines.lines().filter_map(|line| line.strip_prefix("spawn-join/1000/"));
        cells.map(str::to_owned).collect()
    };
    assert_eq!(checked(&[], "nothing"), ["t1: ok"], "it has no more");
    assert_eq!(checked(&[], "double"), ["t1: ok", "t2: ok"]);
    assert_eq!(checked(&["--threads", "3"], "double"), ["t3: ok"]);
    assert_eq!(checked(&["--threads", "1,2"], "nothing"), ["t1: ok", "t2: n/a: it has at most 1 thread"]);
}

fn a_run_is_specified_in_one_line() {
    let specified = |cells: &[&str]| {
        let mut command = lab("specify", this().as_ref());
        command.args(cells).env(CHOSEN, TRACK).output().expect("the program starts")
    };
    let lines = |output: &Output| -> Vec<Value> {
        assert_eq!(output.status.code(), Some(0), "{}", said(output));
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let one = lines(&specified(&["spawn-join/3/t2"]));
    let [run] = &one[..] else { panic!("{one:?}") };
    assert_eq!(
        (&run["operations"], &run["ideal-ns"], &run["measure"]),
        (&3.into(), &0.into(), &"clock".into())
    );
    assert_eq!(
        (&run["answer"][0], &run["work"]["spawned"], &run["threads"]),
        (&3.into(), &3.into(), &2.into())
    );
    assert!(run["description"].as_str().is_some_and(|text| text.ends_with('.')), "{run}");
    assert_eq!(lines(&specified(&[])).len(), 2, "each workload");
    for (bad, complaint) in
        [("dance/1/t1", "no workload `dance`"), ("spawn-join", "a cell is WORKLOAD/SIZE/tTHREADS")]
    {
        let output = specified(&[bad]);
        assert_eq!(output.status.code(), Some(64));
        assert!(said(&output).contains(complaint), "{}", said(&output));
    }
}

/// Reads the page of the protocol.
fn protocol() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/README.md");
    fs::read_to_string(path).expect("the page is in the repository")
}

fn the_conversation_of_the_readme_is_that_of_a_peer() {
    let text = protocol();
    let (_, section) = text.split_once("## A whole conversation").expect("there is one");
    let block = section.split("```").nth(1).expect("it is a block").to_owned();
    let lines = |sign: &str| -> Vec<String> {
        block.lines().filter_map(|line| line.strip_prefix(sign)).map(str::to_owned).collect()
    };
    let mut peer = Command::new("python3");
    peer.arg(self::peer("peer.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut peer) = peer.spawn() else {
        writeln!(io::stderr(), "skipped: there is no python3").ok();
        return;
    };
    let asked = lines("> ").join("\n") + "\n";
    peer.stdin.take().expect("a pipe").write_all(asked.as_bytes()).expect("it listens");
    let output = peer.wait_with_output().expect("it ends with its input");
    let answers = String::from_utf8(output.stdout).expect("text");
    if answers.contains("not-applicable") {
        writeln!(io::stderr(), "skipped: {}", answers.trim_end()).ok();
        return;
    }
    assert_eq!(without_times(answers.lines()), without_times(lines("< ").iter().map(String::as_str)));
    assert!(output.status.success());
}

/// Parses lines, and sets what no two conversations have in common to zero.
fn without_times<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Value> {
    let parse = |line| {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        for time in ["wall-ns", "cpu-ns"] {
            if let Some(value) = line.get_mut("sample").and_then(|sample| sample.get_mut(time)) {
                *value = 0.into();
            }
        }
        line
    };
    lines.map(parse).collect()
}

fn the_limits_of_the_readme_are_those_of_the_lab() {
    let limits = bench_report::LIMITS;
    let told = format!(
        "- {} seconds for the answer to `describe`, in which a lane may build itself; {} seconds for all answers of a cell",
        limits[0].as_secs(),
        limits[1].as_secs()
    );
    assert!(protocol().contains(&told), "{told}");
}

fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// The peer in Rust, built in a folder of its own by nothing but the compiler.
fn built(folder: &Path) -> String {
    let program = folder.join("peer");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2021", "-O", "-o"]).arg(&program).arg(peer("peer.rs")).current_dir(folder);
    let output = rustc.output().expect("there is a compiler");
    assert!(output.status.success(), "{}", said(&output));
    program.display().to_string()
}

fn a_peer_has_sixty_lines_at_most() {
    for name in ["peer.rs", "peer.py"] {
        let text = fs::read_to_string(peer(name)).expect("the peer is there");
        assert!(text.lines().count() <= 60, "{name}");
    }
}

fn expect_peer(version: &str, command: &[&str]) {
    let race = Race::new().enter("peer", command);
    let output = race.run(SHORT);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let results = race.place.results();
    let lane = results.executors.iter().find(|lane| lane.name == "peer").expect("it is a lane");
    assert_eq!(lane.class, "program");
    assert!(lane.version.starts_with(version), "{}", lane.version);
    for workload in ["spawn-join", "sleep-fan-out"] {
        let cell = cell(&results, workload, "peer");
        assert_eq!((cell.status, cell.overhead_of_blocks().len()), (Status::Ok, 2), "{:?}", cell.reason);
        assert!(cell.rank.is_none() && cell.ratio.is_none() && cell.ratios.is_empty());
        assert!(
            matches!(cell.metrics["peak-rss"], Metric::Measured { .. }),
            "{:?}",
            cell.metrics["peak-rss"]
        );
        let threads = cell.observed.as_ref().and_then(|observed| observed.threads_after);
        assert!(threads >= Some(1), "the kernel tells of {threads:?} threads");
        let switches = &cell.metrics["voluntary-switches"];
        assert_eq!(*switches, Metric::Unavailable { unavailable: "the program does not tell".to_owned() });
        assert_eq!(cell.lateness.is_some(), (workload, version) == ("sleep-fan-out", "Rust"));
    }
    let noise = results.noise.as_ref().expect("the executor has its twin");
    assert!(noise.pairs.iter().all(|pair| pair.executor == "tokio-current-thread"));
    let page = fs::read_to_string(race.place.out().join("report.html")).expect("there is a page");
    for text in ["peer", &lane.version, "bench-report/faults/peers/peer.rs"] {
        assert!(page.contains(text), "the page has {text}");
    }
}

fn a_peer_in_rust_races_and_is_shown_beside_the_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    expect_peer("Rust", &[&built(folder.path())]);
}

fn a_peer_in_python_races_and_is_shown_beside_the_others() {
    let is_there = "import sys; sys.exit(sys.version_info < (3, 11))";
    let python = Command::new("python3").args(["-c", is_there]).stderr(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        println!("skipped: needs Python 3.11 or newer");
        return;
    }
    expect_peer("CPython", &["python3", &peer("peer.py").display().to_string()]);
}

fn a_peer_races_against_itself_in_a_gate() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (scratch, programs) = (Scratch::new(), format!("peer\t{}\n", built(folder.path())));
    let arguments = "--against main --margin 100% --lanes peer --format json sleep-fan-out/100/t1/";
    let output =
        scratch.command("builds", ["", ""], arguments).env(CHOSEN, TRACK).env(PROGRAMS, programs).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["counts"]["same"], 1, "{json}");
    assert!(json["cells"][0]["blocks"][0].as_u64() >= Some(5), "{json}");
}
