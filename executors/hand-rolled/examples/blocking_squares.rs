//! Six squares on three threads: functions that block, in a pool, as in `blocking_squares.py`.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    thread::{self, ThreadId},
    time::Duration,
};

use hand_rolled::{ThreadPool, gather, run};

fn square(number: u64) -> (u64, ThreadId) {
    // A function that blocks: the event loop must not run it.
    thread::sleep(Duration::from_millis(100));
    (number * number, thread::current().id())
}

fn main() {
    run(async {
        let pool = ThreadPool::new(NonZeroUsize::new(3).unwrap());
        let jobs = (1..=6).map(|number| pool.submit(move || square(number)));
        let results = gather(jobs).await.unwrap();
        pool.shutdown();
        let squares: Vec<_> = results.iter().map(|(square, _)| square.to_string()).collect();
        let threads: HashSet<_> = results.iter().map(|(_, thread)| *thread).collect();
        println!("squares: {}", squares.join(" "));
        println!("threads: {}", threads.len());
        let on_the_loop = threads.contains(&thread::current().id());
        println!("on the event loop: {}", if on_the_loop { "True" } else { "False" });
    });
}
