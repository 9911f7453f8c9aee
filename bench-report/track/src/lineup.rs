//! THE list: every executor and every workload, each on one line.
//!
//! An executor goes into [`lineup`], with the names of what it has; a workload into the function of what it needs. What an
//! executor lacks reads "n/a: needs a timer" in the report, and cannot be overlooked: it would not compile.

use executor_api::{
    About, BlockOn, BlockingPool, Executor, FlavourOf, Net, Remote, Restart, Standing, Timer,
};

use lane_harness::{Suite, Tier, about_program};

/// Enters an executor, with the functions below of what it has: each contract that it implements. `X as Y` is a flavour of the
/// executor Y, for which no workload is compiled again.
#[macro_export]
macro_rules! lane {
    ($suite:ident, $executor:ty: $($has:ident),+) => {
        $crate::lane!($suite, $executor as $executor: $($has),+)
    };
    ($suite:ident, $flavour:ty as $executor:ty: $($has:ident),+) => {
        $($crate::lineup::$has::<$flavour, $executor>(&mut $suite);)+
    };
}

/// The executors of the race, in the order of the report.
// Compiled in the programs that call it: the track of another lineup does not wait for it. Of what is tested it is compiled
// once, for the track and for its benchmark.
#[cfg_attr(not(debug_assertions), inline)]
pub fn lineup() -> Suite {
    let mut suite = Suite::default();
    lane!(suite, executor_hand_rolled::HandRolled: tasks, remote, timers, blocking, blocks, restarts, sockets);
    lane!(suite, executor_hand_rolled::HandRolledCurrentThread as executor_hand_rolled::HandRolled: tasks, remote, timers, blocking, blocks, restarts, sockets);
    lane!(suite, executor_tokio::Tokio: tasks, remote, timers, blocking, blocks, restarts, sockets);
    lane!(suite, executor_tokio::TokioCurrentThread as executor_tokio::Tokio: tasks, remote, timers, blocking, blocks, restarts, sockets);
    lane!(suite, executor_async_std::AsyncStd: tasks, remote, timers, blocking, blocks, sockets);
    lane!(suite, executor_smol::Smol: tasks, remote, timers, blocking, blocks, sockets);
    lane!(suite, executor_smol::SmolLocal: tasks, timers, blocking, blocks, sockets);
    lane!(suite, executor_rayon::Rayon: tasks, remote, blocking);
    lane!(suite, executor_futures::Futures: tasks, remote, blocks);
    lane!(suite, executor_compio::Compio: tasks, timers, blocks, restarts, sockets);
    suite.program(ASYNCIO, &["python3", ASYNCIO.source]);
    suite.program(UVLOOP, &["python3", UVLOOP.source, "uvloop"]);
    suite.program(THREADS, &["threads"]);
    suite.program(EPOLL, &["epoll"]);
    suite.baseline(LOOPS, &["threads", "loops"]);
    // What the default run has no time for.
    suite.tier(Tier::ByName);
    suite.program(ASYNCIO_FREE_THREADED, &["python3.14t", ASYNCIO.source, "free-threaded"]);
    suite.program(GO, &["sh", "lanes/go/start"]);
    suite.program(JAVA, &["sh", "lanes/java/start"]);
    suite.program(NODE, &["node", NODE.source]);
    suite.program(RAYON_JOIN, &["rayon-join"]);
    suite
}

const ASYNCIO: About = About {
    limits: "One thread, and one interpreter lock for it and the blocking pool: no two tasks or jobs in Python run at \
             once. Sleeps are rounded up to whole milliseconds.",
    homepage: "https://docs.python.org/3/library/asyncio.html",
    source: "lanes/asyncio/lane.py",
    ..about_program(
        "asyncio",
        "Python's own event loop: one queue, timers in a heap, blocking jobs on a ThreadPoolExecutor.",
    )
};

const UVLOOP: About = About {
    limits: "One thread and one interpreter lock, as asyncio. Timers count whole milliseconds: shorter sleeps do not \
             wait, others may end up to one early (issue 739), so it is left out of workloads that forbid early wake-ups.",
    homepage: "https://github.com/MagicStack/uvloop",
    source: "lanes/asyncio/lane.py",
    ..about_program(
        "uvloop",
        "asyncio's tasks on the event loop of libuv, in Cython: a queue, timers in libuv's heap.",
    )
};

const THREADS: About = About {
    limits: "A thread cannot be cancelled, and nothing gives a wait for many of them a timeout. Each has a stack, and \
             systems allow some ten thousand. They run on all processors, whatever number of threads was asked for.",
    homepage: "https://doc.rust-lang.org/std/thread/",
    source: "executors/threads/src/programs.rs",
    ..about_program(
        "threads",
        "std::thread, no executor: a thread of the system for each task, the channels of std.",
    )
};

const EPOLL: About = About {
    limits: "No executor: one thread waits in epoll and reads and writes what is ready, from a table. It has echo alone, as \
             what the system itself takes of a round trip.",
    homepage: "https://man7.org/linux/man-pages/man7/epoll.7.html",
    source: "executors/threads/src/epoll.rs",
    standing: Standing::Ours,
    ..about_program("epoll", "A plain loop over epoll with nothing around it: the floor of a round trip.")
};

const LOOPS: About = About {
    limits: "No executor, and no tasks: as many threads as a lane has workers share out the work of its tasks. What it takes is \
             what is left for work in the best case, so it is the baseline of workloads whose tasks compute.",
    homepage: "https://doc.rust-lang.org/std/thread/",
    source: "executors/threads/src/loops.rs",
    standing: Standing::Ours,
    ..about_program(
        "loops",
        "Plain loops over the work of all tasks, on as many threads: the measure of efficiency.",
    )
};

const ASYNCIO_FREE_THREADED: About = About {
    limits: "One thread for tasks; only jobs of the blocking pool run beside them. Sleeps are rounded up to whole \
             milliseconds. Needs a Python that was built without the interpreter lock, as python3.14t on the PATH.",
    ..About {
        homepage: "https://docs.python.org/3/howto/free-threading-python.html",
        source: ASYNCIO.source,
        ..about_program(
            "asyncio-free-threaded",
            "asyncio on a Python without the interpreter lock: jobs of the pool run at the same time.",
        )
    }
};

const GO: About = About {
    limits: "A goroutine cannot be cancelled from outside: it looks whether a channel is closed. There is no pool for jobs \
             that block; three goroutines that take turns at a channel are one. The collector of garbage has threads \
             beside those that run tasks.",
    homepage: "https://go.dev",
    source: "lanes/go/lane.go",
    ..about_program(
        "go",
        "Goroutines, a stack each: a run queue for each processor, work stealing, sockets in the runtime's own poller.",
    )
};

const JAVA: About = About {
    limits: "Warmed up for three seconds before it is measured, because the virtual machine compiles what runs often; a \
             program that has just started is slower. Its compilers and its collector of garbage have threads beside \
             those that run tasks. Sleeps may end some milliseconds late.",
    homepage: "https://openjdk.org/jeps/444",
    source: "lanes/java/Lane.java",
    ..about_program(
        "java",
        "Virtual threads, a stack each, carried by as many threads as there are workers, with work stealing.",
    )
};

const NODE: About = About {
    limits: "One thread. Warmed up for a second before it is measured, because V8 compiles what runs often; a program that \
             has just started is slower. It yields with setImmediate, which lets sockets and timers have their turn. It \
             has no channels: ours are some lines of JavaScript. Jobs go to threads of their own as messages. Timers may end up \
             to a millisecond early; the lane sleeps on.",
    homepage: "https://nodejs.org",
    source: "lanes/node/lane.js",
    ..about_program(
        "node",
        "Promises and async functions: queues of V8 and Node, timers and sockets in libuv.",
    )
};

const RAYON_JOIN: About = About {
    limits: "No executor: closures that fork and join and never wait for anything else. A job cannot yield, sleep or be \
             cancelled.",
    homepage: "https://docs.rs/rayon/latest/rayon/fn.scope.html",
    source: "executors/threads/src/join.rs",
    ..about_program(
        "rayon-join",
        "Rayon as it is meant, with join and scope on closures, where the lane rayon makes each poll of a task a job.",
    )
};

/// Workloads that need nothing but tasks, which every executor has.
pub fn tasks<F: FlavourOf<E>, E: Executor>(suite: &mut Suite) {
    suite.enter::<F>();
    suite.race_as::<F, E, spawn_join::SpawnJoin>("tasks");
    suite.race_as::<F, E, yield_now::YieldNow>("tasks");
    suite.race_as::<F, E, ping_pong::PingPong>("tasks");
    suite.race_as::<F, E, wake_fan_out::WakeFanOut>("tasks");
    suite.race_as::<F, E, fork_join::Skynet>("tasks");
    suite.race_as::<F, E, fork_join::Fibonacci>("tasks");
    suite.race_as::<F, E, channels::Channel<1, 1>>("tasks");
    suite.race_as::<F, E, channels::Channel<4, 1>>("tasks");
    suite.race_as::<F, E, channels::Channel<4, 4>>("tasks");
    suite.race_as::<F, E, limited_fan_out::LimitedFanOut>("tasks");
    suite.race_as::<F, E, fair_turns::FairTurns>("tasks");
    suite.race_as::<F, E, cancellation::Cancellation>("tasks");
    suite.race_as::<F, E, grain::Grain>("tasks");
    suite.race_as::<F, E, control_loop::ControlLoop>("tasks");
    suite.race_as::<F, E, control_loop::ControlLoopCpu>("tasks");
    suite.race_as::<F, E, spawn_remote::WakeRemote>("tasks");
}

/// Workloads whose tasks come from other threads too.
pub fn remote<F: Remote + FlavourOf<E>, E: Remote>(suite: &mut Suite) {
    suite.has_spawner::<F>();
    suite.race_as::<F, E, spawn_remote::SpawnRemote>("to take tasks from other threads");
    suite.race_as::<F, E, wake_remote_busy::WakeRemoteBusy>("to take tasks from other threads");
}

/// Workloads that need a timer.
pub fn timers<F: Timer + FlavourOf<E>, E: Timer>(suite: &mut Suite) {
    suite.has_timer::<F>();
    suite.race_and_watch_as::<F, E, sleep_fan_out::SleepFanOut>("a timer");
    suite.race_and_watch_as::<F, E, wait_timeout::WaitTimeout>("a timer");
    suite.race_as::<F, E, timer_churn::TimerChurn>("a timer");
    suite.race_and_watch_as::<F, E, timer_accuracy::TimerAccuracy>("a timer");
    suite.race_and_watch_as::<F, E, timer_accuracy::TimerAccuracyCrowd>("a timer");
    suite.race_and_watch_as::<F, E, busy_neighbour::BusyNeighbour>("a timer");
    suite.race_and_watch_as::<F, E, busy_neighbour::BusyNeighbours>("a timer");
    suite.race_as::<F, E, idle::Idle>("a timer");
    suite.race_as::<F, E, sleepers::Sleepers>("a timer");
}

/// Workloads that need a blocking pool.
pub fn blocking<F: BlockingPool + FlavourOf<E>, E: BlockingPool>(suite: &mut Suite) {
    suite.has_blocking_pool::<F>();
    suite.race_as::<F, E, blocking_squares::BlockingSquares>("a blocking pool");
    suite.race_as::<F, E, blocking_squares_slow::BlockingSquaresSlow>("a blocking pool");
}

/// Workloads of threads that block on futures. They start what they call, so each flavour is compiled by itself.
pub fn blocks<F: BlockOn, E>(suite: &mut Suite) {
    suite.has_block_on::<F>();
    suite.race::<F, block_on::BlockOn>("a block_on of its own");
}

/// Workloads that start their executor again and again, so each flavour is compiled by itself.
pub fn restarts<F: Restart, E>(suite: &mut Suite) {
    suite.has_restart::<F>();
    suite.race::<F, lifecycle::Lifecycle>("to end with all its threads when it is dropped");
}

/// Workloads whose tasks use sockets: their executors start with them.
pub fn sockets<F: Net + Timer + FlavourOf<E>, E: Net + Timer>(suite: &mut Suite) {
    suite.has_sockets::<F>();
    suite.race_as::<F, E, sockets::Echo>("sockets");
    suite.race_as::<F, E, sockets::EchoUnix>("sockets");
    suite.race_as::<F, E, sockets::EchoUnderTimeout>("sockets");
    suite.race_as::<F, E, sockets::Connect>("sockets");
    suite.race_as::<F, E, sockets::IdleConnections>("sockets");
    suite.race_as::<F, E, requests::Requests>("sockets");
    suite.race_as::<F, E, requests::RequestsAmongWork>("sockets");
}
