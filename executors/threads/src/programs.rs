//! The programs of the race that threads can run, each as its workload has it.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Ledger, nanoseconds,
    sockets::{self, Connections},
};

/// A program of the race.
pub(crate) struct Program {
    /// The name of its workload.
    pub(crate) name: &'static str,
    /// The largest size that a machine can be expected to bear.
    pub(crate) largest: Option<u64>,
    /// Whether it is the lateness of its sleeps that is measured.
    pub(crate) tells: bool,
    /// Makes the connections that all its runs share, if it has any.
    pub(crate) connect: Option<fn(u64) -> io::Result<Connections>>,
    /// Runs it once, and gives its answer.
    pub(crate) run: fn(&mut Run<'_>) -> io::Result<Value>,
}

impl Program {
    /// Returns true if its tasks use sockets.
    pub(crate) fn has_sockets(&self) -> bool {
        ["echo", "echo-unix", "connect"].contains(&self.name)
    }

    /// Says why it came to no end.
    pub(crate) fn complaint(&self, error: &io::Error) -> String {
        let gives = if self.has_sockets() { "gives no socket or thread" } else { "starts no more threads" };
        format!("the system {gives}: {error}")
    }
}

/// How many threads an ordinary machine has room for at once.
const THREADS: Option<u64> = Some(10_000);

/// The most connections, with a thread at each end.
const PAIRS: Option<u64> = Some(1_000);

/// All of them.
pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "spawn-join", largest: THREADS, tells: false, connect: None, run: spawn_join },
    Program { name: "yield-now", largest: None, tells: false, connect: None, run: yield_now },
    Program { name: "wake-fan-out", largest: THREADS, tells: false, connect: None, run: wake_fan_out },
    Program { name: "ping-pong", largest: None, tells: false, connect: None, run: ping_pong },
    Program {
        name: "channel-1-to-1",
        largest: None,
        tells: false,
        connect: None,
        run: |run| channel(run, 1),
    },
    Program {
        name: "channel-4-to-1",
        largest: None,
        tells: false,
        connect: None,
        run: |run| channel(run, 4),
    },
    Program { name: "sleep-fan-out", largest: THREADS, tells: false, connect: None, run: sleep_fan_out },
    Program { name: "timer-accuracy", largest: None, tells: true, connect: None, run: timer_accuracy },
    Program {
        name: "timer-accuracy-crowd",
        largest: None,
        tells: true,
        connect: None,
        run: timer_accuracy_crowd,
    },
    Program {
        name: "echo",
        largest: PAIRS,
        tells: false,
        connect: Some(sockets::of_tcp),
        run: sockets::echo,
    },
    Program {
        name: "echo-unix",
        largest: PAIRS,
        tells: false,
        connect: Some(sockets::of_unix),
        run: sockets::echo,
    },
    Program { name: "connect", largest: None, tells: false, connect: None, run: sockets::connect },
    Program { name: "blocking-squares", largest: None, tells: false, connect: None, run: blocking_squares },
    Program {
        name: "blocking-squares-slow",
        largest: None,
        tells: false,
        connect: None,
        run: blocking_squares_slow,
    },
];

fn spawn_join(run: &mut Run<'_>) -> io::Result<Value> {
    let indices = run.gather((0..run.size).map(|index| move || index))?;
    Ok(json!([indices.len(), indices.iter().sum::<u64>()]))
}

fn yield_now(run: &mut Run<'_>) -> io::Result<Value> {
    let yields = run.size;
    let take_turns = |_| {
        move || {
            let mut turns = 1; // a thread is not polled: these it counts itself
            for _ in 0..yields {
                thread::yield_now();
                turns += 1;
            }
            turns
        }
    };
    Ok(json!(run.gather::<u64, _>((0..100).map(take_turns))?))
}

fn wake_fan_out(run: &mut Run<'_>) -> io::Result<Value> {
    const WAKES: u64 = 20_000;
    let (receivers, versions) = (run.size, WAKES.div_ceil(run.size));
    // The last version, and the receivers that do not wait for the next one yet.
    let watch = Arc::new((Mutex::new((0, receivers)), Condvar::new(), Condvar::new()));
    let receive = |_| {
        let watch = watch.clone();
        move || {
            let (state, published, all_wait) = &*watch;
            let mut seen = [0, 0];
            let mut state = state.lock().expect("nobody panics");
            for version in 1..=versions {
                state.1 -= 1;
                if state.1 == 0 {
                    all_wait.notify_one();
                }
                state = published.wait_while(state, |(last, _)| *last < version).expect("nobody panics");
                seen = [seen[0] + 1, seen[1] + state.0];
            }
            seen
        }
    };
    let tasks: Vec<_> = (0..receivers).map(|index| run.spawn(receive(index))).collect::<io::Result<_>>()?;
    let (state, published, all_wait) = &*watch;
    for version in 1..=versions {
        let state = state.lock().expect("nobody panics");
        let mut state = all_wait.wait_while(state, |(_, behind)| *behind > 0).expect("nobody panics");
        *state = (version, receivers);
        published.notify_all();
    }
    Ok(json!(tasks.into_iter().map(|task| run.join(task)).collect::<Vec<[u64; 2]>>()))
}

fn ping_pong(run: &mut Run<'_>) -> io::Result<Value> {
    const ROUNDS: u64 = 1_000;
    let play = |from: Receiver<u64>, to: SyncSender<u64>| {
        move || {
            let mut token = 0;
            for _ in 0..ROUNDS {
                token = from.recv().expect("the other thread plays as many rounds") + 1;
                to.send(token).ok(); // after the last round nobody is there to take it
            }
            token
        }
    };
    let pair = |_| {
        let ((ping, pings), (pong, pongs)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
        ping.send(0).expect("a new channel has room for one token");
        [play(pings, pong), play(pongs, ping)]
    };
    Ok(json!(run.gather((0..run.size).flat_map(pair))?))
}

fn channel(run: &mut Run<'_>, producers: u64) -> io::Result<Value> {
    const MESSAGES: u64 = 10_000;
    // One with a place for every message is as good as an unbounded one.
    let (sender, receiver) = mpsc::sync_channel(run.size as usize);
    let consume = move || receiver.iter().fold([0, 0], |[count, sum], message| [count + 1, sum + message]);
    let produce = |producer| {
        let sender = sender.clone();
        move || {
            for message in (producer..MESSAGES).step_by(producers as usize) {
                sender.send(message).expect("the consumer stays as long as there are producers");
            }
        }
    };
    let consumer = run.spawn(consume)?;
    run.gather((0..producers).map(produce))?;
    drop(sender);
    Ok(json!(run.join(consumer)))
}

fn sleep_fan_out(run: &mut Run<'_>) -> io::Result<Value> {
    let nap = |index| {
        move || {
            thread::sleep(Duration::from_millis(10));
            index
        }
    };
    let indices = run.gather::<u64, _>((0..run.size).map(nap))?;
    Ok(json!([indices.len(), indices.iter().sum::<u64>()]))
}

fn timer_accuracy(run: &mut Run<'_>) -> io::Result<Value> {
    let duration = Duration::from_micros(run.size);
    let slept: Vec<Duration> = (0..10).map(|_| sleep(duration)).collect();
    Ok(run.judge(duration, &slept))
}

fn timer_accuracy_crowd(run: &mut Run<'_>) -> io::Result<Value> {
    let duration = Duration::from_micros(run.size);
    let slept = run.gather((0..1_000).map(|_| move || sleep(duration)))?;
    Ok(run.judge(duration, &slept))
}

/// Sleeps, by the clock.
fn sleep(duration: Duration) -> Duration {
    let start = Instant::now();
    thread::sleep(duration);
    start.elapsed()
}

fn blocking_squares(run: &mut Run<'_>) -> io::Result<Value> {
    Ok(run.gather_jobs(|number| number * number))
}

fn blocking_squares_slow(run: &mut Run<'_>) -> io::Result<Value> {
    Ok(run.gather_jobs(|number| {
        thread::sleep(Duration::from_millis(1));
        number * number
    }))
}

/// One run of a program, and what is known of it.
pub(crate) struct Run<'a> {
    pub(crate) size: u64,
    pool: &'a Pool,
    /// The connections that runs share.
    pub(crate) connections: &'a mut Connections,
    ledger: Ledger,
    /// How late its sleeps ended, of programs that tell.
    pub(crate) lateness_ns: Vec<u64>,
}

impl Run<'_> {
    pub(crate) fn new<'a>(size: u64, pool: &'a Pool, connections: &'a mut Connections) -> Run<'a> {
        Run { size, pool, connections, ledger: Ledger::default(), lateness_ns: Vec::new() }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Notes tasks that it has not spawned itself, and that have ended.
    pub(crate) fn note_tasks(&mut self, tasks: u64) {
        self.ledger.spawned += tasks;
        self.ledger.finished += tasks;
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let handle = thread::Builder::new().spawn(task)?;
        self.ledger.spawned += 1;
        Ok(handle)
    }

    pub(crate) fn join<T>(&mut self, task: JoinHandle<T>) -> T {
        let output = task.join().expect("no task panics");
        self.ledger.finished += 1;
        output
    }

    /// Spawns all of `tasks`, then joins them in order.
    pub(crate) fn gather<T, F>(&mut self, tasks: impl IntoIterator<Item = F>) -> io::Result<Vec<T>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let handles: Vec<_> = tasks.into_iter().map(|task| self.spawn(task)).collect::<io::Result<_>>()?;
        Ok(handles.into_iter().map(|handle| self.join(handle)).collect())
    }

    /// Gives a job for each number to the pool, then takes the results in order.
    fn gather_jobs(&mut self, job: fn(u64) -> u64) -> Value {
        let results: Vec<_> = (0..self.size).map(|number| self.pool.run(move || job(number))).collect();
        let results = results.into_iter().map(|result| {
            let result = result.recv().expect("no job panics");
            self.ledger.jobs += 1;
            result
        });
        results.collect()
    }

    /// Notes how late sleeps ended, and counts those that ended early.
    fn judge(&mut self, duration: Duration, slept: &[Duration]) -> Value {
        self.lateness_ns.extend(slept.iter().map(|slept| nanoseconds(slept.saturating_sub(duration))));
        json!(slept.iter().filter(|&&slept| slept < duration).count())
    }
}

/// Threads that take turns at a queue of jobs.
pub(crate) struct Pool(Sender<Job>);

type Job = Box<dyn FnOnce() + Send>;

impl Pool {
    /// Starts so many threads.
    pub(crate) fn start(threads: usize) -> io::Result<Pool> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = jobs.clone();
            let next = move || jobs.lock().expect("nobody panics at the queue").recv();
            thread::Builder::new().spawn(move || {
                while let Ok(job) = next() {
                    job();
                }
            })?;
        }
        Ok(Pool(sender))
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let (sender, receiver) = mpsc::channel();
        // Who has given up on a result does not miss it.
        let job = Box::new(move || drop(sender.send(job())));
        self.0.send(job).expect("the threads run as long as there is a pool");
        receiver
    }
}
