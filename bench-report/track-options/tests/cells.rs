//! Every workload answers right and does its work on every lane: the lab checks the smallest cells.
//!
//! With a command of `bench-report` this program is the lab. Else it runs the tests, which start it as that.

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("check" | "guard") => bench_report::main(),
        _ => {
            // A test for each number of threads: they mostly wait, and do that together.
            let trials = ["1", "2"].map(|threads| {
                let name = format!("every cell on {threads} threads answers right and does its work");
                Trial::test(name, move || {
                    every_cell_answers_right_and_does_its_work(threads);
                    Ok(())
                })
            });
            libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
        }
    }
}

fn every_cell_answers_right_and_does_its_work(threads: &str) {
    let mut lab = Command::new(env::current_exe().expect("a test knows its program"));
    lab.args(["check", "--quick", "--threads", threads, "--lineup", "options"]);
    lab.args(["--track", env!("CARGO_BIN_EXE_track-options")]).stdin(Stdio::null());
    let output = lab.output().expect("the program starts");
    let checked = String::from_utf8_lossy(&output.stdout);
    let complaints: Vec<&str> = checked.lines().filter(|line| !line.ends_with(": ok")).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}\n{said}", complaints.join("\n"));
    for lane in ["bevy-tasks", "smol-static", "hand-rolled"] {
        assert!(checked.contains(&format!("/t{threads}/{lane}: ok")), "{lane} was checked: {checked}");
    }
}
