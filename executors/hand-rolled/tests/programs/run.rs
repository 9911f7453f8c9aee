//! Runs programs on the runtime: its start and its end, and the steps of tasks and roots.

use std::{
    future::{pending, poll_fn},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use hand_rolled::{
    Outcome, ReturnWhen, Runtime, Task, TaskGroup, WaitForError, as_completed, gather, gather_all, shield,
    sleep, spawn, spawn_local, timeout, wait, wait_for, yield_now,
};

use crate::{
    anywhere::{Ambient, take_any_step},
    case::{Case, Life, LifeOf, PLANNED, Value, lock},
    language::{End, Verb},
};

/// The unit of time of the programs.
pub(crate) const TICK: Duration = Duration::from_micros(150);

/// The surroundings of a step in a task.
#[derive(Clone)]
pub(crate) struct Place {
    /// The group whose body it is in.
    pub(crate) group: Option<TaskGroup>,
    /// True in a root, which waits for nothing that may not end.
    pub(crate) is_root: bool,
    /// True on an event loop.
    pub(crate) has_locals: bool,
}

impl Place {
    /// Returns the surroundings of a task that is spawned here.
    fn of_task(&self) -> Place {
        Place { group: None, is_root: false, has_locals: self.has_locals }
    }
}

/// Runs a program, from the start of its runtime to the end.
pub(crate) fn run(case: &Arc<Case>) {
    let builder = Runtime::builder();
    let builder = case.workers.into_iter().fold(builder, |builder, workers| builder.workers(workers));
    let threads = if case.plan.has_jobs_that_wait() { 64 } else { 1 };
    let runtime = builder.max_blocking_threads(NonZeroUsize::new(threads).expect("it is not zero")).build();
    let place = Place { group: None, is_root: true, has_locals: case.workers.is_none() };
    if case.plan.end == End::Driven {
        let driven = runtime.drive_in_background().expect("the system has threads");
        let (root, (ended, end)) = (case.clone(), mpsc::channel());
        let place = Place { has_locals: false, ..place };
        drop(driven.runtime().spawn(async move {
            steps(&root, 0, &place, None).await;
            ended.send(()).ok();
        }));
        end.recv().expect("the root ends");
        case.release();
        drop(driven);
    } else {
        let runtime = Arc::new(runtime);
        *lock(&case.runtime) = Arc::downgrade(&runtime);
        let root = async {
            steps(case, 0, &place, None).await;
            case.release();
            match case.plan.end {
                End::Wait => case.quiet().await,
                End::Panic => panic!("{PLANNED}"),
                _ => {}
            }
        };
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(root))).ok();
        if case.plan.end == End::Elsewhere {
            thread::spawn(|| drop(runtime)).join().expect("the end of a runtime does not panic");
        } else {
            drop(runtime);
        }
    }
    join_threads(case);
    case.pool.shutdown();
    // Jobs of the pool may have started some, after the end of the runtime.
    join_threads(case);
    case.end();
}

/// Waits until no thread is left that a step has started, nor the runtime, which they may have.
fn join_threads(case: &Case) {
    loop {
        let mut threads = lock(&case.threads);
        match threads.pop() {
            Some(thread) => {
                drop(threads);
                thread.join().expect("the threads of programs do not panic");
            }
            None if lock(&case.runtime).strong_count() == 0 => return,
            None => {
                drop(threads);
                thread::yield_now();
            }
        }
    }
}

/// Takes the steps of a body, in a task.
pub(crate) fn steps<'a>(
    case: &'a Arc<Case>,
    node: usize,
    place: &'a Place,
    life: Option<&'a Life>,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(async move {
        for step in &case.plan.nodes[node].body {
            case.trace(*step);
            if let Some(life) = life {
                life.go_on();
            }
            take_step(case, *step, place, life).await;
        }
    })
}

/// Takes one step in a task.
async fn take_step(case: &Arc<Case>, step: usize, place: &Place, life: Option<&Life>) {
    let node = &case.plan.nodes[step];
    let (ticks, target) = (TICK * u32::from(node.number), node.targets.first().copied());
    match node.verb {
        Verb::Spawn => {
            let task = task(case, step, place.of_task());
            case.put(step, if let Some(group) = &place.group { group.spawn(task) } else { spawn(task) });
        }
        Verb::Local if place.has_locals => case.put(step, spawn_local(task(case, step, place.of_task()))),
        Verb::Local => case.put(step, spawn(task(case, step, place.of_task()))),
        Verb::Timeout => {
            // What it spawns is in no group, as in the plan.
            let place = Place { group: None, ..place.clone() };
            _ = timeout(ticks, steps(case, step, &place, life)).await;
        }
        Verb::Group => {
            let run = run_group(case, step, place, life);
            limited(place.is_root && case.plan.step_may_hang(step, false), run).await;
        }
        Verb::Yield => {
            for _ in 0..node.number {
                yield_now().await;
            }
        }
        Verb::Sleep => sleep(ticks).await,
        Verb::Await => {
            let Some(target) = target else { return };
            await_one(case, target, place).await;
        }
        Verb::WaitFor => {
            let Some((target, task)) = target.and_then(|target| Some((target, case.take(target)?))) else {
                return;
            };
            match wait_for(task, ticks).await {
                Ok(value) => case.observe_output(target, &Ok(value)),
                Err(WaitForError::TimedOut) => case.observe(target, Outcome::Cancelled),
                Err(WaitForError::Task(error)) => case.observe_output(target, &Err(error)),
            }
        }
        Verb::Shield => {
            let Some((target, task)) = target.and_then(|target| Some((target, case.take(target)?))) else {
                return;
            };
            await_for_a_tick(case, target, task).await;
        }
        Verb::Gather => {
            let (targets, tasks) = case.take_all(&node.targets);
            let may_hang = targets.iter().any(|target| case.plan.may_hang(*target, false));
            let Some(gathered) = limited(place.is_root && may_hang, gather(tasks)).await else { return };
            if let Ok(values) = gathered {
                targets
                    .iter()
                    .zip(values)
                    .for_each(|(target, value)| case.observe_output(*target, &Ok(value)));
            }
        }
        Verb::GatherAll => {
            let (targets, tasks) = case.take_all(&node.targets);
            let may_hang = targets.iter().any(|target| case.plan.may_hang(*target, false));
            let Some(gathered) = limited(place.is_root && may_hang, gather_all(tasks)).await else { return };
            targets.iter().zip(&gathered).for_each(|(target, output)| case.observe_output(*target, output));
        }
        Verb::Wait => {
            let (targets, tasks) = case.take_all(&node.targets);
            let until = [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted];
            let ids: Vec<_> = tasks.iter().map(Task::id).collect();
            let waited = wait(tasks, Some(ticks), until[usize::from(node.number) % 3]).await;
            for task in waited.done.iter().filter(|task| !task.done()) {
                case.wrong(format!("{task:?} is not done, as `wait` says"));
            }
            for task in waited.done.into_iter().chain(waited.pending) {
                let index = ids.iter().position(|id| *id == task.id()).expect("it is one of them");
                case.put(targets[index], task);
            }
        }
        Verb::AsCompleted => {
            let (targets, tasks) = case.take_all(&node.targets);
            let ids: Vec<_> = tasks.iter().map(Task::id).collect();
            let may_hang = targets.iter().any(|target| case.plan.may_hang(*target, false));
            let take = async {
                let mut ended = as_completed(tasks);
                while let Some(task) = ended.next().await {
                    let index = ids.iter().position(|id| *id == task.id()).expect("it is one of them");
                    if !task.done() {
                        case.wrong(format!("task {} came before its end", targets[index]));
                    }
                    case.observe_output(targets[index], &task.await);
                }
            };
            limited(place.is_root && may_hang, take).await;
        }
        Verb::Pass => _ = limited(place.is_root, case.gate(node.number).pass()).await,
        Verb::Leave => {
            let leave = |context: &mut Context<'_>| {
                case.leave(context.waker().clone());
                Poll::Ready(())
            };
            poll_fn(leave).await;
        }
        Verb::Panic if !place.is_root => panic!("{PLANNED}"),
        Verb::Forever if !place.is_root => pending().await,
        // Neither blocks the thread of a task, nor ends the root.
        Verb::Nested | Verb::Panic | Verb::Forever => {}
        _ => take_any_step(case, step, Ambient::Runtime),
    }
}

/// The future of a task.
pub(crate) fn task(
    case: &Arc<Case>,
    node: usize,
    place: Place,
) -> impl Future<Output = Value> + Send + use<> {
    let (case, life) = (case.clone(), Life::new(case, node, LifeOf::Part));
    async move {
        life.start();
        steps(&case, node, &place, Some(&life)).await;
        life.finish()
    }
}

/// Runs a body as a task group.
async fn run_group(case: &Arc<Case>, step: usize, place: &Place, life: Option<&Life>) {
    let result = TaskGroup::run(async |group| {
        let place = Place { group: Some(group), ..place.clone() };
        steps(case, step, &place, life).await;
    })
    .await;
    for member in &case.plan.nodes[step].body {
        if case.plan.is_member(*member) && case.look(*member, Task::done) == Some(false) {
            case.wrong(format!("task {member} outlived its group"));
        }
    }
    for panic in result.err().iter().flat_map(|error| error.panics()) {
        // A body that goes on to spawn after a task has panicked.
        if panic.message() != PLANNED && !panic.message().contains("takes no more tasks") {
            case.wrong(format!("a group panicked: {panic:?}"));
        }
    }
}

/// Awaits a task; in a root for some time only, if the task may not end.
async fn await_one(case: &Case, target: usize, place: &Place) {
    let Some(task) = case.take(target) else { return };
    if place.is_root && case.plan.may_hang(target, false) {
        await_for_a_tick(case, target, task).await;
    } else {
        case.observe_output(target, &task.await);
    }
}

/// Awaits a task for a tick, and puts it back if it is not done by then.
async fn await_for_a_tick(case: &Case, target: usize, mut task: Task<Value>) {
    match timeout(TICK, shield(&mut task)).await {
        Ok(output) => case.observe_output(target, &output),
        Err(_) => case.put(target, task),
    }
}

/// Awaits a future, for some time only if it `may_hang`.
async fn limited<F: Future>(may_hang: bool, future: F) -> Option<F::Output> {
    if may_hang { timeout(TICK * 3, future).await.ok() } else { Some(future.await) }
}
