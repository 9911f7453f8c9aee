//! A long run of all that takes memory: tasks of changing sizes, timers that are cancelled, wakers that outlive
//! their tasks and their runtimes. The memory of the process stays level.
//!
//! `SOAK_SECONDS=180 cargo test --release -p hand-rolled --test soak -- --ignored --nocapture`

#![cfg(target_os = "linux")]

use std::{
    collections::VecDeque,
    env, fs,
    future::poll_fn,
    hint::black_box,
    num::NonZeroUsize,
    sync::mpsc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, Task, sleep, spawn, spawn_blocking, timeout, yield_now};

/// The most wakers that are kept after their tasks have ended.
const WAKERS: usize = 100;

/// A sequence of numbers that look random (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Returns the resident memory of this process in KiB.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

/// Holds some memory over a few turns.
async fn hold<const SIZE: usize>(turns: u64) {
    let array = [1_u8; SIZE];
    for _ in 0..turns {
        yield_now().await;
    }
    black_box(&array);
}

/// Spawns a task of one of many sizes.
fn spawn_any(random: &mut Random) -> Task<()> {
    let turns = random.below(4);
    match random.below(8) {
        0 => spawn(hold::<16>(turns)),
        1 => spawn(hold::<300>(turns)),
        2 => spawn(hold::<1000>(turns)),
        3 => spawn(hold::<3000>(turns)),
        4 => spawn(hold::<7000>(turns)),
        5 => spawn(hold::<15000>(turns)),
        6 => spawn(hold::<40000>(turns)),
        _ => spawn(async { sleep(Duration::from_micros(200)).await }),
    }
}

/// A burst of tasks, jobs and timers, some of which are cancelled; keeps a waker.
async fn burst(mut random: Random, wakers: mpsc::Sender<Waker>) {
    let mut tasks: Vec<_> = (0..random.below(2000)).map(|_| spawn_any(&mut random)).collect();
    for _ in 0..random.below(200) {
        tasks.push(spawn(async { sleep(Duration::from_secs(3600)).await }));
        tasks.last().unwrap().cancel();
        tasks.push(spawn(async { timeout(Duration::from_secs(3600), yield_now()).await.unwrap() }));
    }
    tasks.push(spawn(poll_fn(move |context| {
        wakers.send(context.waker().clone()).unwrap();
        Poll::Ready(())
    })));
    let job = spawn_blocking(|| black_box(vec![0_u8; 10_000]).len());
    for task in tasks {
        task.await.ok();
    }
    job.await.unwrap();
}

#[test]
#[ignore = "takes as long as it is told to"]
fn memory_stays_level() {
    let seconds = env::var("SOAK_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let (start, mut random, mut wakers) = (Instant::now(), Random(42), VecDeque::new());
    let (send, receive) = mpsc::channel();
    let mut level = Vec::new();
    while start.elapsed() < Duration::from_secs(seconds) {
        let workers = NonZeroUsize::new(random.below(5) as usize);
        let runtime = workers.map_or_else(Runtime::current_thread, Runtime::multi_thread);
        for _ in 0..random.below(50) {
            runtime.block_on(burst(Random(random.below(u64::MAX) | 1), send.clone()));
            wakers.extend(receive.try_iter());
            wakers.drain(..wakers.len().saturating_sub(WAKERS)).for_each(|waker| waker.wake());
        }
        drop(runtime);
        level.push((start.elapsed(), resident()));
    }
    // What comes first warms the allocator up.
    let most = |range: &[(Duration, u64)]| range.iter().map(|&(_, resident)| resident).max().unwrap();
    let (early, late) = level[level.len() / 5..].split_at(level.len() * 2 / 5);
    let (early, late) = (most(early), most(late));
    eprintln!("{} runtimes in {seconds} s: at most {early} KiB, later {late} KiB", level.len());
    assert!(late < early + early / 5 + 4096, "{level:?}");
}
