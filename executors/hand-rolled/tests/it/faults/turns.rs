//! Turns: what is due runs, however busy the others are.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use hand_rolled::{Runtime, sleep_until, spawn, yield_now};

use super::watched_on_all;
use crate::{Gate, lock, ms, number, two_workers, until, watched};

#[test]
fn a_yield_lets_run_what_came_from_outside() {
    watched(|| check(Runtime::current_thread()));
    watched(|| check(Runtime::multi_thread(number(1))));

    fn check(runtime: Runtime) {
        let runtime = Arc::new(runtime);
        for others in [0, 1, 5] {
            let outside = runtime.clone();
            runtime.block_on(async move {
                for _ in 0..others {
                    drop(spawn(async {
                        for _ in 0..50 {
                            yield_now().await;
                        }
                    }));
                }
                let task = spawn(async move {
                    for _ in 0..20 {
                        let ran = Arc::new(AtomicBool::new(false));
                        let (set, outside) = (ran.clone(), outside.clone());
                        let spawns = move || drop(outside.spawn(async move { set.store(true, SeqCst) }));
                        thread::spawn(spawns).join().unwrap();
                        yield_now().await;
                        assert!(ran.load(SeqCst), "it was due when the task yielded");
                    }
                });
                task.await.unwrap();
            });
        }
    }
}

#[test]
fn tasks_that_only_yield_have_as_many_turns_as_each_other() {
    watched(|| check(Runtime::current_thread()));
    watched(|| check(Runtime::multi_thread(number(1))));

    fn check(runtime: Runtime) {
        for number in [10, 300, 1_000] {
            let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..number).map(|_| AtomicUsize::new(0)).collect());
            runtime.block_on(async {
                let stop = Arc::new(AtomicBool::new(false));
                let tasks: Vec<_> = (0..number)
                    .map(|own| {
                        let (counts, stop) = (counts.clone(), stop.clone());
                        spawn(async move {
                            while !stop.load(Relaxed) {
                                counts[own].fetch_add(1, Relaxed);
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                until(|| counts[0].load(Relaxed) == 200).await;
                stop.store(true, Relaxed);
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let turns: Vec<usize> = counts.iter().map(|count| count.load(Relaxed)).collect();
            let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
            assert!(most * 10 <= least * 11, "{number} tasks: {least} to {most} turns");
        }
    }
}

/// There were 61 turns of busy tasks for each of the 200.
#[test]
fn wakes_from_outside_wait_for_one_round_of_busy_tasks() {
    watched(|| assert!(waited(Runtime::current_thread()) < 2_000));
    watched(|| assert!(waited(Runtime::multi_thread(number(1))) < 2_000));
    // On several workers the system decides how many turns go by, so they only have to come to an end.
    watched_on_all(|runtime| _ = waited(runtime));

    /// Returns the number of turns of the busy tasks.
    fn waited(runtime: Runtime) -> usize {
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        runtime.block_on(async move {
            let stop = Arc::new(AtomicBool::new(false));
            let busy: Vec<_> = (0..4)
                .map(|_| {
                    let (stop, turns) = (stop.clone(), counted.clone());
                    spawn(async move {
                        while !stop.load(Relaxed) {
                            turns.fetch_add(1, Relaxed);
                            yield_now().await;
                        }
                    })
                })
                .collect();
            let (gate, woken) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..200)
                .map(|_| {
                    let (gate, woken) = (gate.clone(), woken.clone());
                    spawn(async move {
                        gate.pass().await;
                        woken.fetch_add(1, Relaxed);
                    })
                })
                .collect();
            for _ in 0..100 {
                yield_now().await;
            }
            let opens = gate.clone();
            thread::spawn(move || opens.open()).join().unwrap();
            let before = counted.load(Relaxed);
            for task in tasks {
                task.await.unwrap();
            }
            let waited = counted.load(Relaxed) - before;
            stop.store(true, Relaxed);
            for task in busy {
                task.await.unwrap();
            }
            waited
        })
    }
}

/// Two tasks that hand work to each other keep a worker, but not from what comes from outside.
#[test]
fn tasks_that_wake_each_other_leave_a_turn_to_what_comes_from_outside() {
    watched_on_all(|runtime| {
        let runtime = Arc::new(runtime);
        let outside = runtime.clone();
        runtime.block_on(async move {
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..8 {
                respawn(stop.clone());
            }
            for _ in 0..10 {
                let outside = outside.clone();
                let task = thread::spawn(move || outside.spawn(async {})).join().unwrap();
                task.await.unwrap();
            }
            stop.store(true, SeqCst);
        });
    });

    /// Spawns a task that ends by spawning the next.
    fn respawn(stop: Arc<AtomicBool>) {
        drop(spawn(async move {
            if !stop.load(SeqCst) {
                respawn(stop);
            }
        }));
    }
}

/// Tasks that hand a token to and fro come next when they have it, but not before what a timer has woken.
#[test]
fn pairs_that_hand_over_a_token_leave_a_turn_to_what_a_timer_has_woken() {
    watched(|| {
        let log = Arc::new(Log::default());
        let turns = Runtime::multi_thread(number(1)).block_on(async {
            for _ in 0..2 {
                let token = Arc::new(Token::default());
                for side in 0..2 {
                    drop(spawn(play(token.clone(), side, log.clone())));
                }
            }
            spawn(turns_of_others_after_20_deadlines(log.clone())).await.unwrap()
        });
        // One for each, of the pair that is in the queue; it was four of each pair.
        assert!(turns <= 40, "{turns} turns");
    });

    /// Computes whenever it has the token, and hands it over.
    async fn play(token: Arc<Token>, side: usize, log: Arc<Log>) {
        loop {
            token.arrives_at(side).await;
            log.turn();
            token.hand_over(1 - side);
        }
    }

    #[derive(Default)]
    struct Token {
        /// The side that has it, and the waker of the other.
        state: Mutex<(usize, Option<Waker>)>,
    }

    impl Token {
        async fn arrives_at(&self, side: usize) {
            poll_fn(|context| {
                let mut state = lock(&self.state);
                if state.0 == side {
                    return Poll::Ready(());
                }
                state.1 = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
        }

        fn hand_over(&self, side: usize) {
            let waker = {
                let mut state = lock(&self.state);
                state.0 = side;
                state.1.take()
            };
            waker.inspect(Waker::wake_by_ref);
        }
    }
}

/// A long poll in the midst of a round has made timers late: they fire before the next one begins.
#[test]
fn a_long_poll_is_not_followed_by_another_before_the_timers_that_it_has_made_late() {
    watched(|| {
        let log = Arc::new(Log::default());
        let turns = Runtime::multi_thread(number(1)).block_on(async {
            let computes = log.clone();
            drop(spawn(async move {
                loop {
                    computes.turn();
                    yield_now().await;
                }
            }));
            for _ in 0..50 {
                drop(spawn(async {
                    loop {
                        yield_now().await;
                    }
                }));
            }
            // A worker without timers does not know that a poll was long.
            drop(spawn(sleep_until(Instant::now() + Duration::from_secs(1000))));
            spawn(turns_of_others_after_20_deadlines(log.clone())).await.unwrap()
        });
        assert!(turns <= 10, "{turns} turns");
    });
}

/// A burst from outside is shared out once: each worker that comes takes its share of the whole, and not of what is left.
#[test]
fn a_burst_from_outside_is_taken_as_often_as_there_are_workers() {
    // Ten take some 12 turns, 31 to 47 if none comes before the ring, and 63 to 70 if their shares are halved again and again.
    const BURSTS: usize = 60;
    watched(|| {
        let runtime = Arc::new(two_workers());
        let outside = runtime.clone();
        let log = Arc::new(Log::default());
        let turns = runtime.block_on(async move {
            for _ in 0..4 {
                let log = log.clone();
                drop(spawn(async move {
                    loop {
                        log.turn();
                        yield_now().await;
                    }
                }));
            }
            let burst = move || {
                (0..BURSTS)
                    .map(|_| {
                        let begun = Instant::now();
                        let tasks: Vec<_> =
                            (0..32).map(|_| outside.spawn(async { Instant::now() })).collect();
                        let ran =
                            tasks.into_iter().map(|task| Runtime::current_thread().block_on(task).unwrap());
                        let last = ran.max().expect("there are some");
                        log.turns_between(begun, last)
                    })
                    .sum::<usize>()
            };
            hand_rolled::spawn_blocking(burst).await.unwrap()
        });
        assert!(turns <= 45 * BURSTS / 10, "{turns} turns");
    });
}

/// Each burst from outside waited for a turn of each of the ten that compute.
#[test]
fn what_comes_from_outside_waits_for_one_turn_and_not_for_a_round() {
    const BUSY: usize = 10;
    watched(|| {
        let runtime = Arc::new(Runtime::multi_thread(number(1)));
        let outside = runtime.clone();
        let log = Arc::new(Log::default());
        let turns = runtime.block_on(async move {
            for _ in 0..BUSY {
                let log = log.clone();
                drop(spawn(async move {
                    loop {
                        log.turn();
                        yield_now().await;
                    }
                }));
            }
            let bursts = move || {
                (0..20)
                    .map(|_| {
                        // There are guests once a round.
                        let round = log.turns() + BUSY + 1;
                        while log.turns() < round {
                            thread::sleep(ms(1));
                        }
                        let tasks: Vec<_> = (0..8).map(|_| outside.spawn(async { Instant::now() })).collect();
                        let spawned = Instant::now();
                        let ran =
                            tasks.into_iter().map(|task| Runtime::current_thread().block_on(task).unwrap());
                        let last = ran.max().expect("there are some");
                        log.turns_between(spawned, last)
                    })
                    .sum::<usize>()
            };
            hand_rolled::spawn_blocking(bursts).await.unwrap()
        });
        // They were about 200.
        assert!(turns <= 80, "{turns} turns");
    });
}

/// The times at which turns began that take three milliseconds.
#[derive(Default)]
struct Log(Mutex<Vec<Instant>>);

impl Log {
    fn turn(&self) {
        lock(&self.0).push(Instant::now());
        thread::sleep(ms(3));
    }

    fn turns(&self) -> usize {
        lock(&self.0).len()
    }

    fn turns_between(&self, from: Instant, to: Instant) -> usize {
        lock(&self.0).iter().filter(|begun| (from..to).contains(*begun)).count()
    }
}

/// Counts the turns of others that began after a deadline and before its task had its own.
async fn turns_of_others_after_20_deadlines(log: Arc<Log>) -> usize {
    let mut turns = 0;
    for _ in 0..20 {
        let deadline = Instant::now() + ms(1);
        sleep_until(deadline).await;
        turns += log.turns_between(deadline, Instant::now());
    }
    turns
}
