//! Turns: what is due runs, however busy the others are.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
};

use hand_rolled::{Runtime, spawn, yield_now};

use super::watched_on_all;
use crate::{Gate, number, until, watched};

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
