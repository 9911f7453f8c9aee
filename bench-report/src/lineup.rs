//! THE list: every executor and every workload, each on one line.
//!
//! An executor goes into [`lineup`], with what it has; a workload into the function of what it needs. What an executor
//! lacks reads "n/a: needs a timer" in the report, and cannot be overlooked: it would not compile.

use executor_api::{About, BlockingPool, Executor, Timer};

use crate::suite::{Suite, about_program};

/// The executors of the race, in the order of the report.
pub fn lineup() -> Suite {
    let mut suite = Suite::default();
    everything::<hand_rolled::HandRolled>(&mut suite);
    everything::<hand_rolled::HandRolledCurrentThread>(&mut suite);
    everything::<executor_tokio::Tokio>(&mut suite);
    everything::<executor_tokio::TokioCurrentThread>(&mut suite);
    everything::<executor_async_std::AsyncStd>(&mut suite);
    everything::<executor_smol::Smol>(&mut suite);
    everything::<executor_smol::SmolLocal>(&mut suite);
    all_but_timers::<executor_rayon::Rayon>(&mut suite);
    tasks::<executor_futures::Futures>(&mut suite);
    suite.program(ASYNCIO, &["python3", ASYNCIO.source]);
    suite.program(UVLOOP, &["python3", UVLOOP.source, "uvloop"]);
    suite.program(THREADS, &["threads"]);
    suite
}

const ASYNCIO: About = About {
    limits: "One thread, and one interpreter lock for it and the blocking pool: no two tasks or jobs in Python run at \
             once. Sleeps are rounded up to whole milliseconds.",
    homepage: "https://docs.python.org/3/library/asyncio.html",
    source: "executors/asyncio/lane.py",
    ..about_program(
        "asyncio",
        "Python's own event loop: one queue, timers in a heap, blocking jobs on a ThreadPoolExecutor.",
    )
};

const UVLOOP: About = About {
    limits: "One thread and one interpreter lock, as asyncio. Timers count whole milliseconds: shorter sleeps do not \
             wait, others may end up to one early (issue 739), so that it sits out what must not.",
    homepage: "https://github.com/MagicStack/uvloop",
    source: "executors/asyncio/lane.py",
    ..about_program(
        "uvloop",
        "asyncio's tasks on the event loop of libuv, in Cython: a queue, timers in libuv's heap.",
    )
};

const THREADS: About = About {
    limits: "A thread cannot be cancelled, and nothing gives a wait for many of them a timeout. Each has a stack, and \
             systems allow some ten thousand. They run on all processors, however many threads were asked for.",
    homepage: "https://doc.rust-lang.org/std/thread/",
    source: "executors/threads/src/programs.rs",
    ..about_program(
        "threads",
        "std::thread, no executor: a thread of the system for each task, the channels of std.",
    )
};

fn everything<E: Timer + BlockingPool>(suite: &mut Suite) {
    tasks::<E>(suite);
    timers::<E>(suite);
    blocking::<E>(suite);
}

fn all_but_timers<E: BlockingPool>(suite: &mut Suite) {
    tasks::<E>(suite);
    blocking::<E>(suite);
}

/// Workloads that need nothing but tasks, which every executor has.
fn tasks<E: Executor>(suite: &mut Suite) {
    suite.enter::<E>();
    suite.race::<E, spawn_join::SpawnJoin>("tasks");
    suite.race::<E, yield_now::YieldNow>("tasks");
    suite.race::<E, ping_pong::PingPong>("tasks");
    suite.race::<E, fork_join::Skynet>("tasks");
    suite.race::<E, fork_join::Fibonacci>("tasks");
    suite.race::<E, channels::Channel<1, 1>>("tasks");
    suite.race::<E, channels::Channel<4, 1>>("tasks");
    suite.race::<E, channels::Channel<4, 4>>("tasks");
    suite.race::<E, limited_fan_out::LimitedFanOut>("tasks");
    suite.race::<E, cancellation::Cancellation>("tasks");
    suite.race::<E, spawn_remote::SpawnRemote>("tasks");
    suite.race::<E, lifecycle::Lifecycle>("tasks");
}

fn timers<E: Timer>(suite: &mut Suite) {
    suite.race::<E, sleep_fan_out::SleepFanOut>("a timer");
    suite.race::<E, wait_timeout::WaitTimeout>("a timer");
    suite.race::<E, timer_churn::TimerChurn>("a timer");
    suite.race::<E, timer_accuracy::TimerAccuracy>("a timer");
    suite.race::<E, timer_accuracy::TimerAccuracyCrowd>("a timer");
    suite.race::<E, busy_neighbour::BusyNeighbour>("a timer");
    suite.race::<E, busy_neighbour::BusyNeighbours>("a timer");
    suite.race::<E, idle::Idle>("a timer");
    suite.race::<E, sleepers::Sleepers>("a timer");
}

fn blocking<E: BlockingPool>(suite: &mut Suite) {
    suite.race::<E, blocking_squares::BlockingSquares>("a blocking pool");
    suite.race::<E, blocking_squares_slow::BlockingSquaresSlow>("a blocking pool");
}
