//! `as_completed`: C074 to C076, A135 to A137.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use hand_rolled::{Promise, Task, TaskError, as_completed, promise, run, sleep, spawn, timeout, yield_now};

use crate::{Gate, LATER, ms, poll_once, python::same_as_python, watched, watched_on_each_flavour};

#[test]
fn as_completed_as_python_has_it() {
    async fn after(milliseconds: u64) -> u64 {
        sleep(ms(milliseconds)).await;
        milliseconds
    }
    watched(|| {
        same_as_python("as_completed.py", |log| {
            run(async {
                let mut ended = as_completed([90, 30, 60].map(|milliseconds| spawn(after(milliseconds))));
                while let Some(task) = ended.next().await {
                    log.add(format!("value {}", task.await.unwrap()));
                }

                let mut ended = as_completed([spawn(after(20)), spawn(async { panic!("E") })]);
                while let Some(task) = ended.next().await {
                    log.add(match task.await {
                        Ok(value) => format!("value {value}"),
                        Err(TaskError::Panicked(panic)) => format!("raised {}", panic.message()),
                        Err(error) => panic!("{error}"),
                    });
                }

                assert!(as_completed(Vec::<Task<()>>::new()).next().await.is_none());

                let mut ended = as_completed([spawn(after(20)), spawn(after(1))]);
                log.add(format!("value {}", ended.next().await.unwrap().await.unwrap()));
                let left = ended.into_rest().pop().expect("one is left");
                log.add(format!("abandoned {} {}", left.cancelled(), left.await.unwrap()));
            });
        });
    });
}

#[test]
fn a135_tasks_come_as_they_end_whatever_the_end() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promises, tasks): (Vec<_>, Vec<_>) = (0..5).map(|_| promise()).unzip();
            // Done before the call: in the order of the tasks.
            promises[3].set_result(3).expect("it is the first");
            promises[1].set_panic("E").expect("it is the first");
            let mut ended = as_completed(tasks);
            // Done before the first `next`: in the order of the ends.
            assert!(promises[4].cancel());
            promises[0].set_result(0).expect("it is the first");
            let mut outcomes = Vec::new();
            for _ in 0..4 {
                let task = ended.next().await.expect("four have ended");
                assert!(task.done());
                outcomes.push(task.await.map_err(|error| error.to_string()));
            }
            assert!(timeout(ms(1), ended.next()).await.is_err(), "a `next` that is dropped loses nothing");
            promises[2].set_result(2).expect("it is the first");
            outcomes.push(ended.next().await.expect("the last").await.map_err(|error| error.to_string()));
            let text = |text: &str| Err(text.to_string());
            let (panicked, cancelled) = (text("the task panicked: E"), text("the task was cancelled"));
            assert_eq!(outcomes, [panicked, Ok(3), cancelled, Ok(0), Ok(2)]);
            assert!(ended.next().await.is_none());
            assert!(ended.next().await.is_none());
        });
    });
}

#[test]
fn a136_a_limit_cancels_nothing_and_loses_nothing() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let tasks = [spawn(sleep(LATER)), spawn(sleep(ms(1))), spawn(sleep(LATER))];
            let mut ended = as_completed(tasks);
            while timeout(ms(100), ended.next()).await.is_ok() {}
            let rest = ended.into_rest();
            assert_eq!(rest.len(), 2);
            assert!(rest.iter().all(|task| !task.done()));
        });
    });
}

#[test]
fn a137_what_is_abandoned_runs_on() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (told, hear) = promise();
            let abandoned = spawn(async move {
                yield_now().await;
                told.set_result(()).expect("it is the first");
            });
            drop(as_completed([abandoned]));
            assert_eq!(hear.await, Ok(()));
        });
    });
}

/// A number of tasks for which a quadratic loop would be felt.
const MANY: usize = if cfg!(miri) { 200 } else { 10_000 };

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Takes all tasks as they end, one by one from the last to the first; returns the number of polls and of
/// wakes that it took.
fn take_all(promises: &[Promise<usize>], tasks: Vec<Task<usize>>) -> (usize, usize) {
    let (wakes, mut polls) = (Arc::new(Wakes::default()), 0);
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut ended = as_completed(tasks);
    for (index, promise) in promises.iter().enumerate().rev() {
        let mut next = pin!(ended.next());
        polls += 2;
        assert!(next.as_mut().poll(&mut context).is_pending());
        promise.set_result(index).expect("it is the first");
        let Poll::Ready(Some(task)) = next.poll(&mut context) else { panic!("one has ended") };
        assert_eq!(task.result(), Ok(index));
    }
    (polls, wakes.0.load(SeqCst))
}

#[test]
fn it_takes_two_polls_and_a_wake_for_each_task_however_many_there_are() {
    watched(|| {
        for number in [1, 100, MANY] {
            let (promises, tasks): (Vec<_>, Vec<_>) = (0..number).map(|_| promise()).unzip();
            assert_eq!(take_all(&promises, tasks), (2 * number, number));
        }
    });
}

#[test]
fn many_tasks_that_end_at_once_are_taken_without_a_suspension() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promises, tasks): (Vec<_>, Vec<_>) = (0..MANY).map(|_| promise()).unzip();
            let mut ended = as_completed(tasks);
            for promise in &promises {
                promise.set_result(1).expect("it is the first");
            }
            let mut polls = 0;
            let mut sum = pin!(async {
                let mut sum = 0;
                while let Some(task) = ended.next().await {
                    sum += task.await.expect("it gave a number");
                }
                sum
            });
            let counted = poll_fn(|context| {
                polls += 1;
                sum.as_mut().poll(context)
            });
            assert_eq!(counted.await, MANY);
            assert_eq!(polls, 1);
        });
    });
}

#[test]
fn tasks_can_be_added_while_others_are_taken() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (gate, mut ended) = (Gate::default(), as_completed([]));
            assert!(ended.is_empty() && ended.next().await.is_none());
            for number in 0..3 {
                let passing = gate.clone();
                ended.push(spawn(async move {
                    passing.pass().await;
                    number
                }));
            }
            // The places of those that were given back go to others.
            for number in 3..100 {
                ended.push(spawn(async move { number }));
                assert_eq!(ended.next().await.expect("one has ended").await, Ok(number));
                assert_eq!(ended.len(), 3);
            }
            let (_, never) = promise::<u64>();
            ended.push(never);
            assert!(ended.next().await.expect("its promise is gone").cancelled());
            gate.open();
            let mut rest = Vec::new();
            for task in ended.into_rest() {
                rest.push(task.await.expect("it passes the gate"));
            }
            assert_eq!(rest, [0_u64, 1, 2], "in the order in which they were given");
        });
    });
}

#[test]
fn a_next_that_is_cancelled_leaves_the_task_to_the_one_after_it() {
    watched_on_each_flavour(|runtime| {
        runtime.block_on(async {
            let (promise, task) = promise();
            let mut ended = as_completed([task]);
            {
                let mut next = pin!(ended.next());
                assert!(poll_once(next.as_mut()).await.is_pending());
                promise.set_result(7).expect("it is the first");
                // It was woken, and is dropped before it is polled.
            }
            assert_eq!(ended.next().await.expect("it has ended").await, Ok(7));
            assert!(ended.next().await.is_none());
        });
    });
}
