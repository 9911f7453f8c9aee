//! The loops lane: the work of tasks without tasks, as the measure of what is left for work elsewhere.
//!
//! As many threads as a lane has workers take pieces of the work from one counter, until nothing is left. They are there before the
//! clock is read, and a sample is one stretch of work for all of its runs: nothing is started, handed over or waited for but its end.
//! So no lane that does the same work should be faster.

use std::{
    hint::{black_box, spin_loop},
    io,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use lane_protocol::{Ledger, Sample};
use serde_json::{Value, json};

use crate::{
    cpu_time, nanoseconds,
    programs::{Program, Run},
};

/// All programs that it has.
pub(crate) const PROGRAMS: &[Program] =
    &[Program { name: "grain", largest: None, tells: false, connect: None, run: by_samples }];

/// The least work in a piece, in ns: to take the next piece costs little beside it.
const PIECE_NS: u64 = 5_000;

/// Tasks that do nothing come in pieces as if they did so much.
const LEAST_NS: u64 = 16;

fn by_samples(_: &mut Run<'_>) -> io::Result<Value> {
    Err(io::Error::other("its runs are measured a sample at a time"))
}

/// Does the work of so many runs of `grain` on so many threads.
pub(crate) fn sample(work_ns: u64, threads: usize, runs: u64) -> Sample {
    let work = Work::of(work_ns, runs);
    let [arrived, begun, done] = [(); 3].map(|()| AtomicUsize::new(0));
    let (mut wall, mut cpu) = (Duration::ZERO, None);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| {
                arrived.fetch_add(1, SeqCst);
                wait_for(&begun, 1);
                work.share();
                done.fetch_add(1, SeqCst);
            });
        }
        wait_for(&arrived, threads - 1);
        // The others begin after the clock was read: on a busy machine one of them might do all of the work before.
        let (before, start) = (cpu_time(), Instant::now());
        begun.store(1, SeqCst);
        work.share();
        wait_for(&done, threads - 1);
        wall = start.elapsed();
        cpu = cpu_time().zip(before).map(|(after, before)| after - before);
    });
    let tasks = work.tasks;
    Sample {
        iterations: runs,
        wall_ns: nanoseconds(wall),
        cpu_ns: cpu.map(nanoseconds),
        answer: Some(json!([tasks, work.sum.into_inner() / runs])),
        ledger: Some(Ledger { spawned: tasks, finished: tasks, ..Ledger::default() }),
        ..Sample::default()
    }
}

/// Waits until a counter has come to a number, without leaving the processor where there is one for each thread.
fn wait_for(counter: &AtomicUsize, number: usize) {
    let mut turns = 0u32;
    while counter.load(SeqCst) < number {
        turns += 1;
        if turns.is_multiple_of(1_000) { thread::yield_now() } else { spin_loop() }
    }
}

/// The work of some runs, which several threads share.
struct Work {
    tasks: u64,
    steps: u64,
    /// The tasks of all runs, and how many of them a thread takes at once.
    all: u64,
    piece: u64,
    next: AtomicU64,
    sum: AtomicU64,
}

impl Work {
    fn of(work_ns: u64, runs: u64) -> Work {
        let tasks = (5_000_000 / work_ns.saturating_add(500)).max(100);
        Work {
            tasks,
            steps: work_ns / 2,
            all: tasks * runs,
            piece: (PIECE_NS / work_ns.max(LEAST_NS)).max(1),
            next: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    /// Does pieces of the work until all are taken.
    fn share(&self) {
        let mut sum = 0;
        loop {
            let first = self.next.fetch_add(self.piece, SeqCst);
            if first >= self.all {
                break;
            }
            for task in first..self.all.min(first + self.piece) {
                // Each run begins again with the task 0.
                sum += u64::from(chain(1 + (task % self.tasks % 8) as u32, self.steps));
            }
        }
        self.sum.fetch_add(sum, SeqCst);
    }
}

/// Computes so many steps of xorshift32, each of which needs the result of the one before.
#[inline(never)]
fn chain(seed: u32, steps: u64) -> u32 {
    let mut number = black_box(seed);
    for _ in 0..steps {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_once_however_many_threads_share_it() {
        for work_ns in [0, 300, 30_000] {
            let [alone, shared] = [1, 3].map(|threads| sample(work_ns, threads, 4));
            assert!(alone.answer.is_some() && alone.answer == shared.answer, "{work_ns} ns");
            assert_eq!((alone.ledger, alone.iterations), (shared.ledger, 4));
        }
    }
}
