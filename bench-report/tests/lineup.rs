//! Every workload answers right and does its work on every lane: a test for each pair, in the processes of a run.
//!
//! Of a lane that is a program, with the workloads that it has. Where it cannot run its test is ignored, and a line
//! says why.

use std::process::Command;

use bench_report::{
    foreign::{Lane, Program},
    lineup::lineup,
    suite::Suite,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let suite = lineup();
    let cases =
        suite.cases.iter().map(|case| trial(case.workload.to_owned(), case.executor, "1,2".to_owned()));
    let mut trials: Vec<Trial> = cases.collect();
    for executor in &suite.executors {
        let Some(program) = &executor.program else { continue };
        trials.extend(trials_of_program(&suite, executor.about.name, program));
    }
    trials.push(Trial::test("no lane has the name of a twin", names));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A test for each workload that a program has and that races.
fn trials_of_program(suite: &Suite, name: &'static str, program: &Program) -> Vec<Trial> {
    let Lane { threads: [least, _], workloads, .. } = match program.lane() {
        Ok(lane) => lane,
        Err(reason) => {
            eprintln!("Tests of {name} ignored: {reason}");
            return vec![trial("everything".to_owned(), name, String::new()).with_ignored_flag(true)];
        }
    };
    let races = |workload: &&String| suite.workload(workload).is_none_or(|entry| !entry.sizes.is_empty());
    workloads.keys().filter(races).map(|workload| trial(workload.clone(), name, least.to_string())).collect()
}

fn trial(workload: String, executor: &'static str, threads: String) -> Trial {
    Trial::test(format!("{workload} on {executor}"), move || check(&workload, executor, &threads))
}

fn names() -> Result<(), Failed> {
    let executors = lineup().executors;
    let twin = executors.iter().find(|executor| executor.about.name.ends_with("-twin"));
    twin.map_or(Ok(()), |twin| Err(format!("{} would be taken for a twin", twin.about.name).into()))
}

fn check(workload: &str, executor: &str, threads: &str) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-report"))
        .args(["check", "--quick", "--threads", threads, "--workloads", workload, "--executors", executor])
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let checked = printed.lines().filter(|line| line.ends_with(": ok")).count();
    if output.status.success() && checked > 0 {
        return Ok(());
    }
    Err(format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
