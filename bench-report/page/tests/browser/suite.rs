//! The list of tests, and the browsers that they share.
//!
//! All tests run in one Chromium, one after the other, each in a tab of its own: of two at a time one now and then had a picture
//! that was not painted yet. No page may raise an error, open a dialog or request anything; this is checked after every test. Without a Chromium the tests are ignored, and a line
//! says how to get one.

mod access;
mod devtools;
mod first;
mod layout;
mod matter;
mod model;
mod numbers;
mod pages;
mod pictures;
mod safety;
mod tab;
mod table;

use std::{
    env,
    process::{self, ExitCode},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use libtest_mimic::{Arguments, Trial};

use devtools::Browser;
use tab::Tab;

/// Ends the tests after this time: together they take some two minutes, and several times that where others build.
const WATCHDOG: Duration = Duration::from_secs(900);

/// Tests under their names.
type Tests = &'static [(&'static str, fn(&mut Tab<'_>))];

/// Runs the tests, or takes pictures if the first argument is `take-pictures` or `take-examples`.
pub(crate) fn run() -> ExitCode {
    let program = devtools::find();
    let take = match env::args().nth(1).as_deref() {
        Some("take-pictures") => Some(pictures::take as fn(&Mutex<Browser>, &[String])),
        Some("take-examples") => Some(pictures::take_examples as fn(&Mutex<Browser>, &[String])),
        _ => None,
    };
    if let Some(take) = take {
        let program = program.expect("there is a Chromium: scripts/install-browser installs it");
        take(&Mutex::new(Browser::start(&program)), &env::args().skip(2).collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let missing: Vec<&str> = [("a Chromium", program.is_none()), ("axe-core", access::axe().is_none())]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
        .collect();
    if !missing.is_empty() {
        eprintln!(
            "Tests ignored for want of {}: scripts/install-browser installs it.",
            missing.join(" and ")
        );
    }
    thread::spawn(|| {
        thread::sleep(WATCHDOG);
        eprintln!("The browser tests have not ended after {WATCHDOG:?}.");
        process::exit(1);
    });

    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let idle = Arc::new(Mutex::new(Vec::new()));
    let trial = |(name, test): (&'static str, fn(&mut Tab<'_>)), possible: bool| {
        let (idle, program) = (Arc::clone(&idle), program.clone());
        let run = move || {
            // The pointer and the focus of a browser are in one tab at a time.
            let found = idle.lock().expect("nothing fails while it is locked").pop();
            let start = || Mutex::new(Browser::start(&program.expect("else the test is ignored")));
            let browser = found.unwrap_or_else(start);
            let complaints = offences(&browser, test);
            // A test that panics takes its browser with it.
            idle.lock().expect("nothing fails while it is locked").push(browser);
            if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
        };
        Trial::test(name, run).with_ignored_flag(!possible)
    };
    let tests = [
        access::TESTS,
        first::TESTS,
        layout::TESTS,
        matter::TESTS,
        numbers::TESTS,
        safety::TESTS,
        table::TESTS,
    ]
    .concat();
    let mut trials: Vec<Trial> = tests.into_iter().map(|test| trial(test, program.is_some())).collect();
    let with_axe = |test| trial(test, program.is_some() && access::axe().is_some());
    trials.extend(access::TESTS_WITH_AXE.iter().copied().map(with_axe));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs a test in a new tab, and returns what its pages must not have done.
fn offences(browser: &Mutex<Browser>, test: fn(&mut Tab<'_>)) -> Vec<String> {
    let mut tab = Tab::new(browser);
    test(&mut tab);
    tab.complaints().to_vec()
}

/// Lists functions as tests.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        &[$((stringify!($test), $test)),+]
    };
}
pub(crate) use tests;
