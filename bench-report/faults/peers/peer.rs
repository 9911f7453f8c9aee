//! A lane in plain Rust: a thread for each task, with two workloads. The protocol is in bench-report/protocol/README.md.

use std::{
    io::{self, BufRead},
    thread,
    time::{Duration, Instant},
};

const NAP: Duration = Duration::from_millis(10);

/// Spawns a thread for each task and joins them; gives the answer, and how late the sleeps of tasks ended.
fn run(workload: &str, size: u64) -> (String, Vec<u128>) {
    let naps = workload == "sleep-fan-out";
    let task = move |index: u64| {
        let start = Instant::now();
        if naps {
            thread::sleep(NAP);
        }
        (index, start.elapsed().saturating_sub(NAP).as_nanos())
    };
    let threads: Vec<_> = (0..size).map(|index| thread::spawn(move || task(index))).collect();
    let outputs: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no task panics")).collect();
    let sum: u64 = outputs.iter().map(|(index, _)| index).sum();
    let answer = format!("[{}, {sum}]", outputs.len());
    (answer, outputs.into_iter().filter(|_| naps).map(|(_, late)| late).collect())
}

/// The value of a field that holds a number or a word.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, value) = line.split_once(&format!("\"{name}\":")).expect("the cell has this field");
    value.trim_start().trim_start_matches('"').split(['"', ',', '}']).next().expect("a split has a part")
}

fn main() {
    let mut lines = io::stdin().lock().lines().map(|line| line.expect("the input is text"));
    let request = lines.next().expect("there is a request");
    if request.contains("describe") {
        let workloads = r#"{"spawn-join": 20000, "sleep-fan-out": 1000}"#;
        let lane = format!(r#""version": "Rust 1.85", "threads": [1, 64], "workloads": {workloads}"#);
        println!(r#"{{"lane": {{"protocol": 2, {lane}}}}}"#);
        return;
    }
    let (workload, size) = (field(&request, "workload"), field(&request, "size").parse().expect("a size"));
    println!(r#"{{"observed": {{"threads": {}}}}}"#, field(&request, "threads"));
    for runs in lines {
        if runs.contains("rest") {
            println!(r#"{{"rest": {{}}}}"#);
            continue;
        }
        let (start, mut last) = (Instant::now(), None);
        for _ in 0..runs.parse().expect("a number of runs") {
            last = Some(run(workload, size));
        }
        let (wall, (answer, late)) = (start.elapsed().as_nanos(), last.expect("one run or more"));
        let ledger = format!(r#"{{"spawned": {size}, "finished": {size}, "cancelled": 0, "jobs": 0}}"#);
        let results = format!(r#""answer": {answer}, "ledger": {ledger}, "lateness-ns": {late:?}"#);
        println!(r#"{{"sample": {{"iterations": {runs}, "wall-ns": {wall}, {results}}}}}"#);
    }
}
