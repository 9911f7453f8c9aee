//! Steps on a thread that may block, and the steps that are the same everywhere.

use std::{
    num::NonZeroUsize,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use hand_rolled::{Runtime, Spawner, Task, call_soon, promise, spawn_blocking, spawner};

use crate::{
    case::{Case, Life, LifeOf, PLANNED, Value, lock},
    language::{End, Verb},
    run::{Place, TICK, steps, task},
};

/// The runtime of a step.
#[derive(Clone)]
pub(crate) enum Ambient {
    /// That of the current thread.
    Runtime,
    /// That of a spawner, on a thread that works for none.
    Other(Spawner),
}

impl Ambient {
    fn spawner(&self) -> Spawner {
        match self {
            Ambient::Runtime => spawner(),
            Ambient::Other(spawner) => spawner.clone(),
        }
    }
}

/// Takes the steps of a body, on a thread that may block, or in a function that must not.
fn blocking_steps(case: &Arc<Case>, node: usize, ambient: &Ambient, life: &Life, may_block: bool) {
    let plan = &case.plan;
    let mut work = vec![plan.nodes[node].body.iter()];
    while let Some(body) = work.last_mut() {
        let Some(&step) = body.next() else {
            work.pop();
            continue;
        };
        case.trace(step);
        if plan.nodes[node].verb == Verb::Job {
            life.go_on();
        }
        let target = plan.nodes[step].targets.first().copied();
        match plan.nodes[step].verb {
            Verb::Timeout | Verb::Group => work.push(plan.nodes[step].body.iter()),
            Verb::Yield => thread::yield_now(),
            Verb::Sleep if may_block => thread::sleep(TICK * u32::from(plan.nodes[step].number)),
            Verb::Await if may_block => {
                // A thread that waits for what only the end of the runtime ends must not be waited for.
                let is_awaited = plan.end == End::Wait && plan.nodes[node].verb == Verb::Thread;
                let target = target.filter(|target| !is_awaited || !plan.may_hang(*target, true));
                if let Some((target, task)) = target.and_then(|target| Some((target, case.take(target)?))) {
                    case.observe_output(target, &park_on(task));
                }
            }
            Verb::Nested if may_block => run_nested(case, step, life),
            Verb::Panic if plan.nodes[node].verb != Verb::Thread => panic!("{PLANNED}"),
            _ => take_any_step(case, step, ambient.clone()),
        }
    }
}

/// Runs a body as the root of another runtime.
fn run_nested(case: &Arc<Case>, step: usize, life: &Life) {
    let workers =
        [None, NonZeroUsize::new(1), NonZeroUsize::new(2)][usize::from(case.plan.nodes[step].number) % 3];
    let runtime = workers.map_or_else(Runtime::current_thread, Runtime::multi_thread);
    let place = Place { group: None, is_root: true, has_locals: workers.is_none() };
    runtime.block_on(steps(case, step, &place, Some(life)));
}

/// Takes a step that is the same everywhere, as it waits for nothing.
pub(crate) fn take_any_step(case: &Arc<Case>, step: usize, ambient: Ambient) {
    let node = &case.plan.nodes[step];
    match (node.verb, node.targets.first().copied()) {
        (Verb::Spawn | Verb::Local, _) => {
            let place = Place { group: None, is_root: false, has_locals: false };
            case.put(step, ambient.spawner().spawn(task(case, step, place)));
        }
        (Verb::Job, _) => {
            let job = job(case, step, Ambient::Runtime);
            match ambient {
                Ambient::Runtime => case.put(step, spawn_blocking(job)),
                Ambient::Other(_) => {
                    let runtime = lock(&case.runtime).upgrade();
                    if let Some(runtime) = runtime {
                        case.put(step, runtime.spawn_blocking(job));
                    }
                }
            }
        }
        (Verb::Pool, _) => case.put(step, case.pool.submit(job(case, step, ambient))),
        (Verb::Promise, _) => {
            let (promise, task) = promise();
            case.put(step, task);
            case.keep(step, promise);
        }
        (Verb::Set, Some(target)) => {
            let Some(promise) = case.promise(target) else { return };
            if node.number % 4 == 3 {
                promise.set_panic(PLANNED).ok();
            } else {
                promise.set_result(Value::new(case, target)).ok();
            }
        }
        (Verb::Thread, _) => {
            let (all, case, spawner) = (case.clone(), case.clone(), ambient.spawner());
            let life = Life::new(&case, step, LifeOf::Part);
            let run = move || {
                life.start();
                blocking_steps(&case, step, &Ambient::Other(spawner), &life, true);
            };
            lock(&all.threads).push(thread::spawn(run));
        }
        (Verb::Drive, _) if case.workers.is_some() => {
            // Under the lock, so that whoever finds no thread and no runtime has seen the last of both.
            let all = case.clone();
            let mut threads = lock(&all.threads);
            let Some(runtime) = lock(&case.runtime).upgrade() else { return };
            let case = case.clone();
            let life = Life::new(&case, step, LifeOf::Part);
            let run = move || {
                life.start();
                let place = Place { group: None, is_root: true, has_locals: false };
                runtime.block_on(steps(&case, step, &place, Some(&life)));
            };
            threads.push(thread::spawn(run));
        }
        (Verb::Soon, _) if matches!(ambient, Ambient::Runtime) => {
            let (case, life) = (case.clone(), Life::new(case, step, LifeOf::Part));
            call_soon(move || {
                life.start();
                blocking_steps(&case, step, &Ambient::Runtime, &life, false);
            });
        }
        (Verb::Cancel, Some(target)) => _ = case.look(target, Task::cancel),
        (Verb::Detach, Some(target)) => drop(case.take(target)),
        (Verb::Peek, Some(target)) => _ = case.look(target, |task| case.peek(target, task)),
        (Verb::Watch, Some(target)) => {
            case.look(target, |task| {
                let (case, life) = (case.clone(), Life::new(case, target, LifeOf::Callback));
                task.add_done_callback(move |outcome| {
                    life.start();
                    case.observe(target, outcome);
                });
            });
        }
        (Verb::Open, _) => case.gate(node.number).open(),
        (Verb::Poke, _) => case.poke(),
        _ => {}
    }
}

/// The closure of a job.
fn job(case: &Arc<Case>, node: usize, ambient: Ambient) -> impl FnOnce() -> Value + Send + use<> {
    let (case, life) = (case.clone(), Life::new(case, node, LifeOf::Part));
    move || {
        life.start();
        blocking_steps(&case, node, &ambient, &life, true);
        life.finish()
    }
}

/// Runs a future on this thread, as the `block_on` of no runtime does.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
