//! Things go wrong on the way: a task is cancelled while it is awaited, panics, is dropped in the middle, or is used from another
//! thread or after the end; on an event loop and on one, two and four workers. A142, A147, and others again.

use std::{
    future::{pending, ready},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use hand_rolled::{
    CallHandle, Report, ReturnWhen, Runtime, Task, TaskError, TaskGroup, TaskState, as_completed, call_later,
    call_soon, current_task, gather, gather_all, promise, run, shield, sleep, spawn, spawn_blocking,
    spawn_named, timeout, wait, wait_for, yield_now,
};

use crate::{
    Drops, Gate, LATER, Log, OnDrop, lock, ms, number, panic_of, poll_once, python::same_as_python, until,
    watched, watched_on_each_number,
};

/// Yields so often.
async fn turns(number: usize) {
    for _ in 0..number {
        yield_now().await;
    }
}

/// Panics after so many turns.
async fn fails(message: impl Into<String>, after: usize) {
    turns(after).await;
    panic!("{}", message.into());
}

/// Gives a value after so many turns.
async fn after_turns<T>(number: usize, value: T) -> T {
    turns(number).await;
    value
}

/// Groups in each other, each with a task that sleeps, whose handles go to `children`.
fn level(depth: usize, children: Arc<Mutex<Vec<Task<()>>>>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let failed = TaskGroup::run(async move |group| {
            lock(&children).push(group.spawn(sleep(LATER)));
            if depth > 0 {
                let child = group.spawn(level(depth - 1, children.clone()));
                lock(&children).push(child);
            }
            sleep(LATER).await;
        });
        failed.await.expect("nothing panics");
    })
}

async fn nested_groups(log: &Log) {
    let children = Arc::new(Mutex::new(Vec::new()));
    let mut parent = spawn(level(3, children.clone()));
    turns(10).await;
    parent.cancel();
    assert_eq!((&mut parent).await, Err(TaskError::Cancelled));
    let children = lock(&children);
    let cancelled = children.iter().filter(|child| child.cancelled()).count();
    log.add(format!("nested {} {cancelled} {}", children.len(), parent.cancelled()));
}

async fn panics_of_one_round(log: &Log) {
    let error = TaskGroup::run(async |group| {
        for number in 0..5 {
            group.spawn(fails(format!("E{number}"), 2));
        }
        sleep(LATER).await;
    });
    let error = error.await.expect_err("five panic");
    let messages: Vec<_> = error.panics().iter().map(|panic| panic.message()).collect();
    log.add(format!("one round {}", messages.join(" ")));
}

async fn nested_failure(log: &Log) {
    let mut sibling = None;
    let error = TaskGroup::run(async |outer| {
        sibling = Some(outer.spawn(sleep(LATER)));
        outer.spawn(async {
            let inner = TaskGroup::run(async |group| {
                group.spawn(fails("inner", 1));
                sleep(LATER).await;
            });
            inner.await.unwrap();
        });
        sleep(LATER).await;
    });
    let error = error.await.expect_err("one panics");
    let sibling = sibling.expect("it was started");
    log.add(format!("nested failure {} {}", error.panics().len(), sibling.cancelled()));
}

async fn shields(log: &Log) {
    let mut inner = spawn(after_turns(6, "kept"));
    {
        let mut shielded = pin!(shield(&mut inner));
        assert!(poll_once(shielded.as_mut()).await.is_pending());
        turns(2).await;
    }
    log.add(format!("shield true {}", inner.done()));
    log.add(format!("shield {}", inner.await.expect("it was shielded")));

    let mut cancelled = spawn(sleep(LATER));
    turns(1).await;
    cancelled.cancel();
    turns(1).await;
    assert_eq!(shield(&mut cancelled).await, Err(TaskError::Cancelled));
    log.add(format!("shield of a cancelled task {}", cancelled.cancelled()));
}

async fn completions(log: &Log) {
    let (done, hanging) = promise::<&str>();
    let tasks = [
        spawn(after_turns(3, "three")),
        spawn(async {
            fails("one", 1).await;
            ""
        }),
        hanging,
    ];
    call_later(ms(50), move || assert!(done.cancel()));
    let mut ended = as_completed(tasks);
    while let Some(task) = ended.next().await {
        log.add(match task.await {
            Ok(value) => format!("completed {value}"),
            Err(TaskError::Panicked(panic)) => format!("failed {}", panic.message()),
            Err(_) => "cancelled".to_string(),
        });
    }
}

async fn watchers(log: &Log) {
    let (done, mut gate) = promise();
    let first = log.clone();
    gate.add_done_callback(move |_| first.add("callback 1"));
    let (second, waits) = (log.clone(), log.clone());
    let waiter = spawn(async move {
        assert!(poll_once(pin!(&mut gate)).await.is_pending());
        gate.add_done_callback(move |_| second.add("callback 2"));
        gate.await.expect("it is set");
        waits.add("waiter");
    });
    turns(1).await;
    done.set_result(()).expect("it is the first");
    log.add("set");
    waiter.await.expect("it does not panic");
    turns(1).await;
}

async fn gathers(log: &Log) {
    // Gathers own their tasks, so the first error is seen by the task that is left.
    let ended = Log::default();
    let noting = |name: &'static str, turns: usize, fails: bool| {
        let ended = ended.clone();
        spawn(async move {
            after_turns(turns, ()).await;
            ended.add(name);
            assert!(!fails, "{name}");
        })
    };
    let gathered = gather([noting("slow", 10, false), noting("late", 6, true), noting("soon", 2, true)]);
    let Err(TaskError::Panicked(panic)) = gathered.await else { panic!("two panic") };
    let so_far = ended.text();
    let is_done = |name: &str| so_far.contains(name);
    log.add(format!(
        "gather {} {} {} {}",
        panic.message(),
        is_done("slow"),
        is_done("late"),
        is_done("soon")
    ));
    until(|| ended.text().contains("slow")).await;
    log.add("gather slow");
}

async fn cancels_itself(log: &Log) {
    let done = spawn(after_turns(0, "done"));
    turns(1).await;
    let own = Arc::new(OnceLock::<Task<()>>::new());
    let (task, says) = (own.clone(), log.clone());
    let selfish = spawn(async move {
        let task = task.get().expect("it is set");
        says.add(format!("asked {} {}", task.cancel(), task.cancel()));
        says.add(format!("goes on {}", done.await.expect("it is done")));
        yield_now().await;
        says.add("never");
    });
    own.set(selfish).expect("it is the first");
    turns(3).await;
    let own = own.get().expect("it is set");
    log.add(format!("cancelled {} {}", own.cancelled(), own.cancel()));
}

async fn waits(log: &Log) {
    let tasks = [3, 1, 2, 1, 5].map(|number| spawn(after_turns(number * 4, number)));
    let mut pending = Vec::from(tasks);
    while !pending.is_empty() {
        let waited = wait(pending, None, ReturnWhen::FirstCompleted).await;
        pending = waited.pending;
        let done: Vec<_> = waited.done.iter().map(|task| task.result().unwrap().to_string()).collect();
        log.add(format!("wait {} left {}", done.join(" "), pending.len()));
    }
}

async fn calls(log: &Log) {
    let handles = Arc::new(Mutex::new(Vec::<CallHandle>::new()));
    let (own, says) = (handles.clone(), log.clone());
    let first = call_later(ms(5), move || {
        let cancelled: Vec<_> = lock(&own).iter().map(CallHandle::cancel).collect();
        assert_eq!(cancelled, [false, true]);
        says.add("own");
    });
    let note = |what: &'static str| {
        let log = log.clone();
        move || log.add(what)
    };
    let second = call_later(ms(5), note("never"));
    lock(&handles).extend([first, second]);
    call_later(ms(6), note("the one after"));
    sleep(ms(30)).await;
    log.add(format!("cancelled {}", lock(&handles)[1].cancelled()));
}

#[test]
fn adversaries_as_python_has_them() {
    watched(|| {
        same_as_python("adversaries.py", |log| {
            run(async {
                nested_groups(&log).await;
                panics_of_one_round(&log).await;
                nested_failure(&log).await;
                shields(&log).await;
                completions(&log).await;
                watchers(&log).await;
                gathers(&log).await;
                cancels_itself(&log).await;
                waits(&log).await;
                calls(&log).await;
            });
        });
    });
}

/// Waits until this many tasks of the runtime are suspended.
async fn until_suspended(runtime: &Runtime, number: usize) {
    let suspended = || {
        let tasks = runtime.tasks();
        tasks.iter().filter(|task| task.state == TaskState::Suspended).count()
    };
    until(|| suspended() == number).await;
}

#[test]
fn a147_the_futures_of_a_cancelled_group_are_gone_before_its_task_is_done() {
    watched_on_each_number(|runtime| {
        for _ in 0..20 {
            let (drops, seen) = (Drops::default(), Arc::new(AtomicUsize::new(usize::MAX)));
            let guards = drops.clone();
            // Groups in each other, three deep: a parent and nine children.
            let parent = runtime.spawn(async move {
                TaskGroup::run(async |outer| {
                    for _ in 0..3 {
                        let guards = guards.clone();
                        outer.spawn(TaskGroup::run(async move |inner| {
                            for _ in 0..2 {
                                let guard = guards.guard();
                                inner.spawn(async move {
                                    let _guard = guard;
                                    pending::<()>().await;
                                });
                            }
                            pending::<()>().await;
                        }));
                    }
                    pending::<()>().await;
                })
                .await
            });
            let (dropped, at_the_end) = (drops.clone(), seen.clone());
            parent.add_done_callback(move |_| at_the_end.store(dropped.count(), SeqCst));
            runtime.block_on(async {
                until_suspended(&runtime, 10).await;
                parent.cancel();
                until(|| seen.load(SeqCst) != usize::MAX).await;
                assert_eq!((drops.made(), seen.load(SeqCst)), (6, 6));
                assert!(matches!(parent.await, Err(TaskError::Cancelled)));
                until(|| runtime.tasks().is_empty()).await;
            });
        }
    });
}

#[test]
fn a147_the_future_that_a_worker_polls_goes_at_the_end_of_that_poll() {
    for workers in [2, 4] {
        watched(move || {
            let runtime = Runtime::multi_thread(number(workers));
            let (drops, (polled, poll), (release, released)) =
                (Drops::default(), mpsc::channel(), mpsc::channel::<()>());
            let guard = drops.guard();
            let is_polled = Arc::new(AtomicBool::new(false));
            let begins = is_polled.clone();
            let mut parent = runtime.spawn(TaskGroup::run(async move |group| {
                group.spawn(async move {
                    let _guard = guard;
                    begins.store(true, SeqCst);
                    polled.send(()).expect("it is heard");
                    released.recv().expect("it is released");
                    pending::<()>().await;
                });
                pending::<()>().await;
            }));
            let (ended, end) = mpsc::channel();
            let waiting = thread::spawn(move || {
                poll.recv().expect("the child is polled");
                end.recv().expect("the parent has ended");
                release.send(()).expect("the child waits for it");
            });
            runtime.block_on(async {
                // A child that is only queued goes with the group.
                until(|| is_polled.load(SeqCst)).await;
                until_suspended(&runtime, 1).await;
                parent.cancel();
                assert!(matches!((&mut parent).await, Err(TaskError::Cancelled)), "it waits for nobody");
                assert_eq!(drops.count(), 0);
                ended.send(()).expect("it is heard");
                until(|| drops.count() == 1).await;
            });
            waiting.join().expect("it does not panic");
        });
    }
}

#[test]
fn a142_the_panic_of_a_destructor_in_a_cancelled_group_is_not_lost() {
    for workers in [0, 1, 2, 4] {
        watched(move || {
            let (sender, reports) = mpsc::channel();
            let mut builder = Runtime::builder().debug(LATER).on_report(move |report| {
                sender.send(report.to_string()).expect("they are kept");
            });
            if workers > 0 {
                builder = builder.workers(number(workers));
            }
            let runtime = builder.build();
            let child = Arc::new(Mutex::new(None));
            let given = child.clone();
            let parent = runtime.spawn(TaskGroup::run(async move |group| {
                *lock(&given) = Some(group.spawn(async {
                    let _drop = OnDrop(|| panic!("destructor"));
                    pending::<()>().await;
                }));
                pending::<()>().await;
            }));
            runtime.block_on(async {
                until_suspended(&runtime, 2).await;
                parent.cancel();
                assert!(matches!(parent.await, Err(TaskError::Cancelled)));
                let mut child = lock(&child).take().expect("it was started");
                let Err(TaskError::Panicked(panic)) = (&mut child).await else { panic!("it panicked") };
                assert_eq!(panic.message(), "destructor");
            });
            assert!(reports.try_recv().is_err(), "somebody looked");

            let parent = runtime.spawn(TaskGroup::run(async move |group| {
                group.spawn(async {
                    let _drop = OnDrop(|| panic!("unseen"));
                    pending::<()>().await;
                });
                pending::<()>().await;
            }));
            runtime.block_on(async {
                until_suspended(&runtime, 2).await;
                parent.cancel();
                assert!(matches!(parent.await, Err(TaskError::Cancelled)));
                until(|| runtime.tasks().is_empty()).await;
            });
            drop(runtime);
            let report = reports.try_recv().expect("nobody looked");
            assert!(report.contains("panicked and nobody looked: unseen"), "{report}");
        });
    }
}

#[test]
fn a_failure_in_the_middle_leaves_none_of_nested_groups() {
    watched_on_each_number(|runtime| {
        for round in 0..50 {
            let drops = Drops::default();
            let guards = drops.clone();
            let error = runtime.block_on(TaskGroup::run(async |outer| {
                let all_started = Gate::default();
                for place in 0..5 {
                    let (guards, all_begin) = (guards.clone(), all_started.clone());
                    outer.spawn(async move {
                        let inner = TaskGroup::run(async |inner| {
                            let started = Gate::default();
                            for index in 0..5 {
                                let (guard, gates) = (guards.guard(), [started.clone(), all_begin.clone()]);
                                inner.spawn(async move {
                                    let _guard = guard;
                                    for gate in gates {
                                        gate.pass().await;
                                    }
                                    turns(index).await;
                                    assert_ne!((place, index), (2, round % 5), "E");
                                    pending::<()>().await;
                                });
                            }
                            started.open();
                            let _guard = guards.guard();
                            pending::<()>().await;
                        });
                        inner.await.unwrap();
                    });
                }
                all_started.open();
                pending::<()>().await;
            }));
            let error = error.expect_err("one panics");
            assert!(error.panics().len() == 1 && error.to_string().contains('E'), "{error}");
            // Another worker may be polling one of the innermost.
            runtime.block_on(until(|| drops.count() == drops.made()));
            assert!(drops.made() > 5);
        }
    });
}

#[test]
fn a_group_takes_tasks_from_blocking_jobs_and_waits_for_them() {
    watched_on_each_number(|runtime| {
        let count = Arc::new(AtomicUsize::new(0));
        let ended = count.clone();
        let done = runtime.block_on(TaskGroup::run(async |group| {
            let jobs = (0..4).map(|_| {
                let (group, ended) = (group.clone(), ended.clone());
                spawn_blocking(move || {
                    for _ in 0..50 {
                        let ended = ended.clone();
                        group.spawn(async move {
                            turns(2).await;
                            ended.fetch_add(1, SeqCst);
                        });
                    }
                })
            });
            gather(jobs.collect::<Vec<_>>()).await
        }));
        assert!(done.expect("nothing panics").is_ok());
        assert_eq!(count.load(SeqCst), 200);
    });
}

#[test]
fn every_panic_before_the_end_of_a_group_is_in_its_list() {
    watched_on_each_number(|runtime| {
        for _ in 0..50 {
            let (panicked, started) = (Arc::new(AtomicUsize::new(0)), Gate::default());
            let counted = panicked.clone();
            let error = runtime.block_on(TaskGroup::run(async |group| {
                for _ in 0..10 {
                    let (counted, begins) = (counted.clone(), started.clone());
                    group.spawn(async move {
                        begins.pass().await;
                        turns(3).await;
                        counted.fetch_add(1, SeqCst);
                        panic!("E");
                    });
                }
                started.open();
                pending::<()>().await;
            }));
            assert_eq!(error.expect_err("ten panic").panics().len(), panicked.load(SeqCst));
        }
    });
}

#[test]
fn a_call_that_another_thread_cancels_is_called_or_cancelled() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (handles, cancelling) = mpsc::channel::<(CallHandle, Arc<AtomicBool>)>();
            let canceller = thread::spawn(move || {
                let mut cancelled = Vec::new();
                for (handle, called) in cancelling {
                    cancelled.push((handle.cancel(), handle.cancelled(), called));
                }
                cancelled
            });
            for round in 0..500 {
                let called = Arc::new(AtomicBool::new(false));
                let note = called.clone();
                let call = move || note.store(true, SeqCst);
                let handle = if round % 2 == 0 { call_soon(call) } else { call_later(Duration::ZERO, call) };
                handles.send((handle, called)).expect("it is heard");
                turns(round % 3).await;
            }
            drop(handles);
            let cancelled =
                spawn_blocking(move || canceller.join().expect("it does not panic")).await.unwrap();
            turns(3).await;
            for (cancelled, reads_cancelled, called) in cancelled {
                assert_eq!(cancelled, reads_cancelled);
                until(|| called.load(SeqCst) != cancelled).await;
            }
        });
    });
}

#[test]
fn a_call_whose_destructor_panics_or_calls_again_is_contained() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            for delay in [Duration::ZERO, ms(1)] {
                let (called, call) = promise();
                let bomb = OnDrop(|| panic!("a destructor"));
                call_later(delay, move || drop(bomb));
                let cancelled = OnDrop(|| panic!("a destructor"));
                assert!(call_later(LATER, move || drop(cancelled)).cancel());
                let again = OnDrop(|| drop(call_soon(|| ())));
                call_later(delay, move || drop(again));
                call_later(ms(2), move || called.set_result(()).expect("it is the first"));
                assert_eq!(call.await, Ok(()));
            }
        });
        // As the runtime ends, what is left may ask for more.
        let late = Drops::default();
        let guard = late.guard();
        runtime.block_on(async {
            let mut guard = Some(guard);
            let again = OnDrop(move || {
                let guard = guard.take();
                drop(panic_or_value(|| call_later(Duration::ZERO, move || drop(guard))));
            });
            call_later(LATER, move || drop(again));
        });
        drop(runtime);
        assert_eq!(late.count(), 1);
    });
}

/// Contains a panic: outside of a runtime there is nothing to call in.
fn panic_or_value<T>(code: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).ok()
}

#[test]
fn a_shield_of_a_task_that_ends_badly_or_has_ended_tells_so() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let mut panicked = spawn(fails("E", 1));
            let Err(TaskError::Panicked(panic)) = shield(&mut panicked).await else { panic!("it panics") };
            assert_eq!(panic.message(), "E");
            let mut cancelled = spawn(pending::<()>());
            assert!(cancelled.cancel());
            assert_eq!(shield(&mut cancelled).await, Err(TaskError::Cancelled));
            let mut value = spawn(ready(1));
            until(|| value.done()).await;
            assert_eq!(shield(&mut value).await, Ok(1));
            let message = panic_of(|| {
                let mut again = pin!(shield(&mut value));
                let _ = again.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
            });
            assert!(message.contains("awaited before"), "{message}");
        });
        let mut orphan = runtime.spawn(pending::<()>());
        drop(runtime);
        assert_eq!(run(shield(&mut orphan)), Err(TaskError::Cancelled), "after the runtime has ended");
    });
}

#[test]
fn what_is_shielded_goes_on_whoever_gives_up() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (gate, mut task) = (Gate::default(), None);
            let passing = gate.clone();
            task.replace(spawn(async move {
                passing.pass().await;
                7
            }));
            let mut task = task.expect("it was started");
            for _ in 0..10 {
                assert!(timeout(Duration::ZERO, shield(&mut task)).await.is_err());
            }
            // The last awaiter is another task, which has to be woken.
            let mut elsewhere = spawn(async move { shield(&mut task).await });
            assert!(poll_once(pin!(&mut elsewhere)).await.is_pending());
            gate.open();
            assert_eq!(elsewhere.await, Ok(Ok(7)));
        });
    });
}

#[test]
fn gathers_in_gathers_cancel_down_to_the_last_task() {
    fn tree(depth: usize, drops: Drops) -> Task<()> {
        let guard = drops.guard();
        spawn(async move {
            let _guard = guard;
            if depth == 0 {
                return pending().await;
            }
            let children = [0, 1].map(|_| tree(depth - 1, drops.clone()));
            gather_all(children).await;
        })
    }
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let drops = Drops::default();
            let root = tree(4, drops.clone());
            until(|| drops.made() == 31).await;
            until_suspended(&runtime, 31).await;
            root.cancel();
            assert_eq!(root.await, Err(TaskError::Cancelled));
            until(|| drops.count() == 31).await;
        });
    });
}

#[test]
fn a_gather_that_moves_to_another_task_wakes_that() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (gate, passing) = (Gate::default(), Gate::default());
            let (one, two) = (gate.clone(), passing.clone());
            let mut gathered =
                gather([spawn(async move { one.pass().await }), spawn(async move { two.pass().await })]);
            assert!(poll_once(pin!(&mut gathered)).await.is_pending());
            gate.open();
            let elsewhere = spawn(gathered);
            turns(2).await;
            passing.open();
            assert_eq!(elsewhere.await, Ok(Ok(vec![(), ()])));
        });
    });
}

#[test]
fn tasks_of_a_runtime_that_has_ended_complete_as_cancelled() {
    watched_on_each_number(|runtime| {
        let mut ended = as_completed((0..10).map(|number| {
            runtime.spawn(async move {
                if number % 2 == 1 {
                    pending::<()>().await;
                }
            })
        }));
        runtime.block_on(async {
            for _ in 0..5 {
                assert_eq!(ended.next().await.expect("five end").await, Ok(()));
            }
            assert!(poll_once(pin!(ended.next())).await.is_pending());
        });
        drop(runtime);
        run(async {
            let mut cancelled = 0;
            while let Some(task) = ended.next().await {
                assert!(task.cancelled());
                cancelled += 1;
            }
            assert_eq!(cancelled, 5);
        });
    });
}

#[test]
fn as_completed_dropped_in_the_middle_detaches_and_wakes_nobody() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (gate, ran) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (gate, ran) = (gate.clone(), ran.clone());
                    spawn(async move {
                        gate.pass().await;
                        ran.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            let mut ended = as_completed(tasks);
            assert!(poll_once(pin!(ended.next())).await.is_pending());
            drop(ended);
            gate.open();
            until(|| ran.load(SeqCst) == 10).await;
        });
    });
}

#[test]
fn a_wait_for_in_a_wait_for_ends_with_the_shorter_limit() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            for (outer, inner) in [(LATER, ms(1)), (ms(1), LATER)] {
                let drops = Drops::default();
                let guard = drops.guard();
                let nested = spawn(wait_for(
                    spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    }),
                    inner,
                ));
                let outcome = wait_for(nested, outer).await;
                assert_eq!(outcome.is_err(), outer < inner, "{outcome:?}");
                until(|| drops.count() == 1).await;
            }
        });
    });
}

#[test]
fn the_current_task_is_right_again_after_polls_inside_polls_and_panics() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..20)
                .map(|number| {
                    spawn(async move {
                        let own = current_task().expect("it is a task");
                        for _ in 0..10 {
                            // An event loop of its own may not run here, but futures may be polled by hand.
                            assert_eq!(
                                poll_once(pin!(async { current_task() })).await,
                                Poll::Ready(Some(own))
                            );
                            let contained = panic_or_value(|| panic!("contained {number}"));
                            assert_eq!((contained, current_task()), (None::<()>, Some(own)));
                            call_soon(|| assert_eq!(current_task(), None));
                            yield_now().await;
                            assert_eq!(current_task(), Some(own));
                        }
                        own
                    })
                })
                .collect();
            for task in tasks {
                let id = task.id();
                assert_eq!(task.await, Ok(id));
            }
            assert_eq!(current_task(), None);
        });
    });
}

#[test]
fn promises_race_with_their_cancellation_and_one_of_both_wins() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            for round in 0..200 {
                let (promise, mut task) = promise();
                let setter = spawn_blocking(move || promise.set_result(round).is_ok());
                let cancelled = task.cancel();
                let outcome = (&mut task).await;
                let was_set = setter.await.expect("it does not panic");
                assert_eq!(outcome.is_ok(), was_set);
                assert_eq!(cancelled, !was_set, "{outcome:?}");
            }
        });
    });
}

#[test]
fn callbacks_that_set_promises_and_add_callbacks_run_once_each() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (first, task) = promise();
            let (second, other) = promise();
            let task = Arc::new(task);
            let again = task.clone();
            task.add_done_callback(move |_| {
                again.add_done_callback(move |_| second.set_result(2).expect("it is the first"));
            });
            first.set_result(1).expect("it is the first");
            assert_eq!(other.await, Ok(2));
            assert_eq!(task.result(), Ok(1));
        });
    });
}

#[test]
fn all_tasks_are_the_runtimes_own_while_they_come_and_go() {
    watched_on_each_number(|runtime| {
        let (runtime, stop) = (Arc::new(runtime), Arc::new(AtomicBool::new(false)));
        let (looking, stopped) = (runtime.clone(), stop.clone());
        let looks = thread::spawn(move || {
            let mut most = 0;
            while !stopped.load(SeqCst) {
                most = looking.tasks().len().max(most);
                let metrics = looking.metrics();
                assert!(metrics.workers <= 4);
            }
            most
        });
        runtime.block_on(async {
            for _ in 0..200 {
                let tasks: Vec<_> = (0..20).map(|_| spawn_named("short", turns(2))).collect();
                gather(tasks).await.expect("nothing panics");
            }
        });
        stop.store(true, SeqCst);
        // The root has no task, but one stands in its place, and is no user's.
        assert!(looks.join().expect("it does not panic") <= 20);
    });
}

#[test]
fn a_task_that_ends_with_its_runtime_unfinished_is_reported_in_debug_mode() {
    for workers in [0, 1, 2, 4] {
        watched(move || {
            let (sender, reports) = mpsc::channel();
            let mut builder = Runtime::builder().debug(LATER).on_report(move |report| {
                sender.send(report.clone()).expect("they are kept");
            });
            if workers > 0 {
                builder = builder.workers(number(workers));
            }
            let runtime = builder.build();
            runtime.block_on(async {
                let polled = Gate::default();
                let begins = polled.clone();
                drop(spawn_named("left", async move {
                    begins.open();
                    pending::<()>().await;
                }));
                polled.pass().await;
                let cancelled = spawn(pending::<()>());
                cancelled.cancel();
                assert!(cancelled.await.is_err());
                assert_eq!(spawn(ready(1)).await, Ok(1));
            });
            assert!(reports.try_recv().is_err(), "not before the end");
            drop(runtime);
            let report = reports.try_recv().expect("it was left");
            let text = report.to_string();
            let Report::LeftBehind { name, spawned_at, .. } = report else { panic!("{text}") };
            assert!(&*name == "left" && spawned_at.file().ends_with("adversaries.rs"), "{text}");
            assert!(reports.try_recv().is_err());
        });
    }
}

/// A waker that panics when it is woken.
struct PanicsInWake;

impl Wake for PanicsInWake {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

/// A waker that panics when the last of its clones is dropped.
struct PanicsInDrop;

impl Wake for PanicsInDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("the destructor of a waker");
    }
}

/// Polls a future that has to wait, and leaves it the only clone of the waker.
fn poll_with(future: Pin<&mut impl Future>, waker: Waker) {
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
}

#[test]
fn a_waker_that_panics_is_no_concern_of_whoever_wakes_it() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let (promise, task) = promise();
            let mut ended = as_completed([task]);
            poll_with(pin!(ended.next()), Waker::from(Arc::new(PanicsInWake)));
            let done = spawn(async { 1 });
            until(|| done.done()).await;
            ended.push(done);
            promise.set_result(2).unwrap();
            for value in [1, 2] {
                assert_eq!(ended.next().await.unwrap().await, Ok(value));
            }

            let go = Gate::default();
            let failing = go.clone();
            let mut group = Box::pin(TaskGroup::run(async move |group| {
                drop(group.spawn(async move {
                    failing.pass().await;
                    panic!("the last task");
                }));
                pending::<()>().await;
            }));
            poll_with(group.as_mut(), Waker::from(Arc::new(PanicsInWake)));
            go.open();
            sleep(ms(5)).await;
            assert_eq!(group.await.unwrap_err().panics().len(), 1);
        });
    });
}

#[test]
fn a_waker_whose_destructor_panics_is_no_concern_of_whoever_drops_it() {
    watched_on_each_number(|runtime| {
        runtime.block_on(async {
            let bomb = || Waker::from(Arc::new(PanicsInDrop));
            let drops = Drops::default();
            let guard = drops.guard();
            let mut group = Box::pin(TaskGroup::run(async move |group| {
                drop(group.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                }));
                pending::<()>().await;
            }));
            poll_with(group.as_mut(), bomb());
            drop(group);
            until(|| drops.count() == 1).await;

            let (_promise, task) = promise::<()>();
            let mut ended = as_completed([task]);
            poll_with(pin!(ended.next()), bomb());
            drop(ended);

            let (_promise, task) = promise::<()>();
            let mut waited = Box::pin(wait(vec![task], None, ReturnWhen::AllCompleted));
            poll_with(waited.as_mut(), bomb());
            drop(waited);

            let (promise, mut task) = promise();
            poll_with(Pin::new(&mut task), bomb());
            promise.set_result(3).unwrap();
            assert_eq!(task.await, Ok(3));
        });
    });
}
