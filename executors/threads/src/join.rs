//! Rayon as rayon is meant: `scope` and `join` on closures, in programs that fork and join and do nothing else.
//!
//! The lane `rayon` makes each poll of a task a job, which is what a pool of closures can do for futures. Here are none: what is
//! forked borrows from the stack of the one that waits for it, and whoever waits works meanwhile.

use std::io;

use rayon::ThreadPoolBuilder;
use serde_json::{Value, json};

use crate::programs::{Program, Run};

/// All programs that it has.
pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "spawn-join", largest: None, tells: false, connect: None, run: spawn_join },
    Program { name: "skynet", largest: None, tells: false, connect: None, run: skynet },
    Program { name: "fibonacci", largest: None, tells: false, connect: None, run: fibonacci },
];

/// Starts rayon's own pool with so many threads.
pub(crate) fn start(threads: usize) -> io::Result<()> {
    ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(io::Error::other)
}

fn spawn_join(run: &mut Run<'_>) -> io::Result<Value> {
    let mut indices = vec![0; run.size as usize];
    rayon::scope(|scope| {
        for (index, output) in (0..).zip(&mut indices) {
            scope.spawn(move |_| *output = index);
        }
    });
    run.note_tasks(run.size);
    Ok(json!([indices.len(), indices.iter().sum::<u64>()]))
}

fn skynet(run: &mut Run<'_>) -> io::Result<Value> {
    let leaves = run.size;
    let [sum, tasks] = rayon::scope(|_| tree(0, leaves));
    run.note_tasks(tasks);
    Ok(json!(sum))
}

/// Adds up the numbers of the leaves of a tree, and counts the jobs below its root: to share a counter would cost more.
fn tree(first: u64, leaves: u64) -> [u64; 2] {
    if leaves == 1 {
        return [first, 0];
    }
    let (mut outputs, part) = ([[0; 2]; 10], leaves / 10);
    rayon::scope(|scope| {
        for (child, output) in (0..).zip(&mut outputs) {
            scope.spawn(move |_| *output = tree(first + child * part, part));
        }
    });
    outputs.iter().fold([0, 0], |[sum, tasks], [more, below]| [sum + more, tasks + below + 1])
}

fn fibonacci(run: &mut Run<'_>) -> io::Result<Value> {
    let n = run.size;
    let [number, tasks] = rayon::scope(|_| call(n));
    run.note_tasks(tasks);
    Ok(json!(number))
}

/// Returns the Nth Fibonacci number, and the number of calls that were offered to other threads.
fn call(n: u64) -> [u64; 2] {
    if n < 2 {
        return [n, 0];
    }
    let ([number, tasks], [more, below]) = rayon::join(|| call(n - 2), || call(n - 1));
    [number + more, tasks + below + 1]
}
