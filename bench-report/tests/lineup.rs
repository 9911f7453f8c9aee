//! Every workload answers right and does its work on every lane: a test for each pair, in the processes of a run.

use std::process::Command;

use bench_report::lineup::lineup;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let cases = lineup().cases.into_iter();
    let trials = cases.map(|case| {
        let name = format!("{} on {}", case.workload, case.executor);
        Trial::test(name, move || check(case.workload, case.executor))
    });
    let names = Trial::test("no lane has the name of a twin", names);
    libtest_mimic::run(&Arguments::from_args(), trials.chain([names]).collect()).exit();
}

fn names() -> Result<(), Failed> {
    let executors = lineup().executors;
    let twin = executors.iter().find(|executor| executor.about.name.ends_with("-twin"));
    twin.map_or(Ok(()), |twin| Err(format!("{} would be taken for a twin", twin.about.name).into()))
}

fn check(workload: &str, executor: &str) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-report"))
        .args(["check", "--quick", "--threads", "1,2", "--workloads", workload, "--executors", executor])
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let checked = printed.lines().filter(|line| line.ends_with(": ok")).count();
    if output.status.success() && checked > 0 {
        return Ok(());
    }
    Err(format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
