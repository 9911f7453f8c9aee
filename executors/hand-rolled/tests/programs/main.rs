//! Whole programs, made up at random: they spawn, await, cancel, panic, run jobs and threads and runtimes in runtimes, and
//! end the runtime in the midst of it. Each runs on an event loop and on one, two and four workers, and must
//! leave behind what the plan of the program allows; calm ones take the very steps of a simple event loop.
//!
//! `corpus.txt` has programs that have found something, or are there to reach a corner; they run each time. The
//! long run takes as many seconds as it is told:
//! `PROGRAMS_SECONDS=3600 cargo test --release -p hand-rolled --test programs -- --ignored --nocapture`

mod anywhere;
mod case;
mod language;
mod plan;
mod reference;
mod run;

use std::{
    env,
    num::NonZeroUsize,
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use hand_rolled::Outcome;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use case::{Case, PLANNED, lock};
use language::{End, Program, Verb, any_program, calm_program};
use plan::Plan;
use reference::{Reference, is_calm};

/// The time that a program may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a program on an event loop and on one, two and four workers, and checks what it leaves behind.
fn check(program: &Program) -> Result<(), TestCaseError> {
    [0, 1, 2, 4].into_iter().try_for_each(|workers| check_on(program, NonZeroUsize::new(workers)))
}

/// Runs a program on a number of workers, or an event loop.
fn check_on(program: &Program, workers: Option<NonZeroUsize>) -> Result<(), TestCaseError> {
    keep_quiet_of_planned_panics();
    let case = Case::new(Plan::new(program), workers);
    let (ended, end) = mpsc::channel();
    let thread = {
        let case = case.clone();
        thread::spawn(move || {
            run::run(&case);
            ended.send(()).ok();
        })
    };
    static HAS_HUNG: AtomicBool = AtomicBool::new(false);
    // Less for the smaller programs that are tried once one has hung.
    let patience = if HAS_HUNG.load(SeqCst) { PATIENCE / 10 } else { PATIENCE };
    if end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
        // There is no way to end it: it stays.
        HAS_HUNG.store(true, SeqCst);
        eprintln!("{workers:?} workers hang in `{program:?}`: {}", case.open_parts());
        return Err(TestCaseError::fail(format!("hangs on {workers:?} workers")));
    }
    let has_panicked = thread.join().is_err();
    let mut wrongs = case.clear();
    if has_panicked {
        wrongs.push("the run panicked".into());
    }
    wrongs.extend((1..case.plan.nodes.len()).flat_map(|node| wrongs_of(&case, node)));
    if workers.is_none() && is_calm(&case.plan) {
        wrongs.extend(wrongs_of_order(&case));
    }
    if wrongs.is_empty() {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("on {workers:?} workers: {}", wrongs.join("; "))))
}

/// Returns what is wrong with a part of a program that has run.
fn wrongs_of(case: &Case, node: usize) -> Vec<String> {
    let (record, verb) = (&case.records[node], case.plan.nodes[node].verb);
    let [made, started, finished, dropped, watches, calls] =
        [&record.made, &record.started, &record.finished, &record.dropped, &record.watches, &record.calls]
            .map(|counter| counter.load(SeqCst));
    let mut wrongs = Vec::new();
    let mut wrong = |is_wrong: bool, what: &str| {
        if is_wrong {
            wrongs.push(format!("{verb:?} {node} {what}"));
        }
    };
    wrong(made != dropped, "was not dropped once");
    wrong(started > made, "ran though it was not made");
    wrong(calls > watches, "has called a callback twice");
    if !verb.makes_a_task() {
        return wrongs;
    }
    let allowed = case.plan.allowed(node);
    let outcome = *lock(&record.outcome);
    match outcome {
        Some(Outcome::Finished) => {
            wrong(!allowed.finished, "must not finish");
            wrong(finished == 0 && verb != Verb::Promise, "has an output before its end");
        }
        Some(Outcome::Cancelled) => wrong(!allowed.cancelled, "must not be cancelled"),
        Some(Outcome::Panicked) => wrong(!allowed.panicked, "must not panic"),
        None => {}
    }
    if case.plan.end == End::Wait && verb != Verb::Promise {
        wrong(allowed.surely_started && made == 0, "was not started");
        wrong(
            made > 0 && !allowed.cancelled && !allowed.panicked && finished == 0,
            "did not come to its end",
        );
        let is_watched_in_time = case.plan.is_watched_in_time(node);
        wrong(
            made > 0 && !allowed.cancelled && is_watched_in_time && calls < watches,
            "has not called a callback",
        );
    }
    wrongs
}

/// Returns the differences between a calm program and its reference.
fn wrongs_of_order(case: &Case) -> Vec<String> {
    let reference = Reference::run(&case.plan);
    let trace = lock(&case.trace);
    let mut wrongs = Vec::new();
    // The end cuts short what it does not wait for.
    let is_cut = |node: usize| case.plan.may_hang(node, true);
    let is_any_cut = case.plan.nodes.iter().any(|node| node.verb == Verb::Forever);
    if !reference.trace.starts_with(&trace) || !is_any_cut && trace.len() < reference.trace.len() {
        wrongs.push(format!("steps {trace:?}, and not {:?}", reference.trace));
    }
    for (node, record) in case.records.iter().enumerate() {
        let (outcome, expected) = (*lock(&record.outcome), reference.outcome(node));
        if outcome.is_some() && expected.is_some() && outcome != expected && !is_cut(node) {
            wrongs.push(format!("task {node} was {outcome:?}, and not {expected:?}"));
        }
    }
    wrongs
}

/// Leaves the panics that programs are told to have out of the output.
fn keep_quiet_of_planned_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let message = panic.payload_as_str().unwrap_or_default();
            if message != PLANNED && !message.contains("takes no more tasks") {
                print(panic);
            }
        }));
    });
}

proptest! {
    #![proptest_config(Config { cases: 256, ..Config::default() })]

    #[test]
    fn programs_do_what_their_plan_allows(program in any_program()) {
        check(&program)?;
    }

    #[test]
    fn calm_programs_take_the_steps_of_a_simple_event_loop(program in calm_program()) {
        check_on(&program, None)?;
    }
}

#[test]
fn programs_of_the_corpus_do_what_their_plan_allows() {
    for line in include_str!("corpus.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let program = Program::parse(line);
        check(&program).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    }
}

#[test]
fn the_text_of_a_program_is_read_as_it_was_written() {
    TestRunner::default()
        .run(&any_program(), |program| {
            prop_assert_eq!(&Program::parse(&format!("{program:?}")), &program);
            Ok(())
        })
        .unwrap();
}

#[test]
#[ignore = "takes as long as it is told to"]
fn programs_for_as_long_as_told() {
    let seconds = env::var("PROGRAMS_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let (begun, mut programs) = (Instant::now(), 0);
    if let Ok(text) = env::var("PROGRAM") {
        let program = Program::parse(&text);
        while begun.elapsed() < Duration::from_secs(seconds) {
            programs += 1;
            check(&program).unwrap_or_else(|error| panic!("after {programs} runs: {error}"));
        }
        return eprintln!("{programs} runs in {seconds} s");
    }
    let strategy = prop_oneof![3 => any_program().boxed(), 1 => calm_program().boxed()];
    while begun.elapsed() < Duration::from_secs(seconds) {
        let config = Config { cases: 256, ..Config::default() };
        programs += config.cases;
        if let Err(error) = TestRunner::new(config).run(&strategy, |program| check(&program)) {
            panic!("after {programs} programs: {error}");
        }
    }
    eprintln!("{programs} programs in {seconds} s");
}
