//! `gather` and `gather_all`: C067 to C071.

use std::{
    future::{Future, pending, poll_fn},
    iter,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use hand_rolled::{Task, TaskError, gather, gather_all, run, spawn, yield_now};

use crate::{CountDrop, Drops, Gate, Log, panic_of, until, watched, watched_on_each_flavour};

/// A task that passes a gate and gives a name.
fn behind(gate: &Gate, name: &'static str) -> Task<&'static str> {
    let passing = gate.clone();
    spawn(async move {
        passing.pass().await;
        name
    })
}

/// A task that never ends, and holds something that counts its drop.
fn endless<T: Send + 'static>(guard: CountDrop) -> Task<T> {
    spawn(async move {
        let _guard = guard;
        pending().await
    })
}

#[test]
fn c067_gather_order() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let [a, b, c] = [(); 3].map(|()| Gate::default());
            let tasks = [behind(&a, "a"), behind(&b, "b"), behind(&c, "c")];
            let gathering = spawn(gather(tasks));
            for gate in [&b, &a] {
                gate.open();
                for _ in 0..5 {
                    yield_now().await;
                }
                assert!(!gathering.done());
            }
            c.open();
            assert_eq!(gathering.await, Ok(Ok(vec!["a", "b", "c"])));
        });
    });
}

#[test]
fn c068_gather_empty() {
    watched(|| {
        run(async {
            let mut suspended = true;
            let empty = async {
                assert_eq!(gather(iter::empty::<Task<u8>>()).await, Ok(vec![]));
                assert_eq!(gather_all(iter::empty::<Task<u8>>()).await, vec![]);
            };
            let mut empty = std::pin::pin!(empty);
            poll_fn(|context| {
                suspended = empty.as_mut().poll(context).is_pending();
                Poll::Ready(())
            })
            .await;
            assert!(!suspended, "there is nothing to wait for");
        });
    });
}

#[test]
fn c069_gather_first_failure() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (gate, log) = (Gate::default(), Log::default());
            let (passing, trace) = (gate.clone(), log.clone());
            let slow = spawn(async move {
                passing.pass().await;
                trace.add("slow");
            });
            let fails = spawn(async { panic!("E") });
            let Err(TaskError::Panicked(panic)) = gather([slow, fails]).await else {
                panic!("the failure did not come out")
            };
            assert_eq!((panic.message(), log.text().as_str()), ("E", ""));
            gate.open();
            until(|| log.text() == "slow").await;
        });
    });
}

#[test]
fn a126_the_first_failure_in_time_comes_out() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let gates = [(); 2].map(|()| Gate::default());
            let mut tasks = Vec::new();
            for (gate, name) in gates.iter().zip(["first", "second"]) {
                let passing = gate.clone();
                tasks.push(spawn(async move {
                    passing.pass().await;
                    panic!("{name}")
                }));
            }
            let tasks: Vec<Task<()>> = tasks;
            let gathering = spawn(gather(tasks));
            yield_now().await;
            gates[1].open();
            let Ok(Err(TaskError::Panicked(panic))) = gathering.await else { panic!("it did not fail") };
            assert_eq!(panic.message(), "second");
        });
    });
}

#[test]
fn a126_an_err_is_a_value_and_a_cancelled_child_is_not() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let tasks = [spawn(async { Err("E") }), spawn(async { Ok(7) })];
            assert_eq!(gather(tasks).await, Ok(vec![Err("E"), Ok(7)]));
            let (drops, cancelled) = (Drops::default(), spawn(pending::<()>()));
            cancelled.cancel();
            let gathered = gather([endless(drops.guard()), cancelled]).await;
            assert_eq!(gathered, Err(TaskError::Cancelled));
            for _ in 0..5 {
                yield_now().await;
            }
            assert_eq!(drops.count(), 0, "the other one was cancelled");
        });
    });
}

#[test]
fn c070_gather_return_exceptions() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let cancelled = spawn(pending());
            cancelled.cancel();
            let fails = spawn(async { panic!("E") });
            let outcomes = gather_all([cancelled, fails, spawn(async { "z" })]).await;
            assert_eq!(outcomes.len(), 3);
            assert_eq!(outcomes[0], Err(TaskError::Cancelled));
            assert!(matches!(&outcomes[1], Err(TaskError::Panicked(panic)) if panic.message() == "E"));
            assert_eq!(outcomes[2], Ok("z"));
        });
    });
}

#[test]
fn c071_cancelled_gather_cancels_children() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let children = [(); 2].map(|()| endless::<()>(drops.guard()));
            let outer = spawn(gather(children));
            yield_now().await;
            assert!(outer.cancel());
            assert_eq!(outer.await, Err(TaskError::Cancelled));
            until(|| drops.count() == 2).await;

            let children = [(); 2].map(|()| endless::<()>(drops.guard()));
            let outer = spawn(gather_all(children));
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(outer.cancel());
            assert_eq!(outer.await, Err(TaskError::Cancelled));
            until(|| drops.count() == 4).await;
        });
    });
}

#[test]
fn a130_a_gather_dropped_after_a_poll_cancels_and_before_it_detaches() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            for polled in [true, false] {
                let (drops, gate) = (Drops::default(), Gate::default());
                let (guard, passing, quick) = (drops.guard(), gate.clone(), spawn(async {}));
                until(|| quick.done()).await;
                let child = spawn(async move {
                    let _guard = guard;
                    passing.pass().await;
                });
                let mut gathering = gather([quick, child]);
                if polled {
                    poll_fn(|context| {
                        assert!(Pin::new(&mut gathering).poll(context).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                }
                drop(gathering);
                for _ in 0..5 {
                    yield_now().await;
                }
                if !polled {
                    assert_eq!(drops.count(), 0);
                    gate.open();
                }
                until(|| drops.count() == 1).await;
            }
        });
    });
}

#[test]
fn a35_a_gather_that_gave_its_output_says_so_when_awaited_again() {
    watched_on_each_flavour(|runtime| {
        let message = panic_of(|| {
            runtime.block_on(async {
                let mut gathering = gather([spawn(async { 7 })]);
                assert_eq!((&mut gathering).await, Ok(vec![7]));
                gathering.await
            })
        });
        assert!(message.contains("awaited before"), "{message}");
    });
}

/// A hundred thousand children that end in many different turns: with a look at all of them a wake it would
/// not end.
#[test]
fn a125_gather_takes_time_in_proportion_to_the_tasks() {
    watched(|| {
        let sum = run(async {
            let tasks = (0..100_000_u64).map(|number| {
                spawn(async move {
                    for _ in 0..number % 10 {
                        yield_now().await;
                    }
                    number
                })
            });
            gather(tasks).await.map(|numbers| numbers.into_iter().sum::<u64>())
        });
        assert_eq!(sum, Ok(99_999 * 50_000));
    });
}

#[test]
fn a29_the_children_of_a_gather_wake_it_without_polling_it() {
    watched(|| {
        let polls = Arc::new(AtomicUsize::new(0));
        run(async {
            let gate = Gate::default();
            let mut gathering = gather([behind(&gate, "a"), behind(&gate, "b")]);
            let counter = polls.clone();
            let outer = spawn(poll_fn(move |context| {
                counter.fetch_add(1, SeqCst);
                Pin::new(&mut gathering).poll(context)
            }));
            yield_now().await;
            yield_now().await;
            assert_eq!(polls.load(SeqCst), 1);
            gate.open();
            assert_eq!(outer.await, Ok(Ok(vec!["a", "b"])));
            assert_eq!(polls.load(SeqCst), 2, "both ended before its turn came");
        });
    });
}
