//! [`spawn`] and its like, which start tasks and jobs on the runtime of the current thread.

use std::{panic::Location, pin::Pin};

use super::Shared;
use crate::{
    handle::Task,
    scheduler::{Scheduler, context},
    task::{self, Entry, Job, Moving},
};

/// Starts a task on the runtime of the current one.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut future = Moving::new(future);
    // Without a counted reference to the scheduler: all workers would count in one place.
    let spawned = context::with_current("spawn", |scheduler, worker| {
        (!scheduler.is_debugged).then(|| scheduler.try_spawn(worker, &mut future))
    });
    let Some((handle, queued)) = spawned else {
        return labelled(&context::current("spawn"), None, Location::caller(), future.take());
    };
    queued.unwrap_or_else(Entry::end);
    Task::new(handle)
}

/// Starts a task like [`spawn`], with a name for [`Runtime::tasks`](crate::Runtime::tasks) and the reports of the
/// [debug mode](crate::Builder::debug). Names need not be unique.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn_named<F>(name: &str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    labelled(&context::current("spawn_named"), Some(name), Location::caller(), future)
}

/// Starts a task that is in the registry of its runtime.
#[cold]
pub(crate) fn labelled<F>(
    scheduler: &Scheduler,
    name: Option<&str>,
    spawned_at: &'static Location<'static>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let future: Pin<Box<dyn Future<Output = F::Output> + Send>> = Box::pin(future);
    let (watched, label) = scheduler.registry.watch(name, spawned_at, future);
    let task = Task::new(scheduler.spawn(watched));
    label.set_task(task.id());
    task
}

/// Starts a task that stays on this thread, so that its future and its output need not be `Send`.
///
/// Its future is polled and dropped on this thread only, also if it is cancelled from another. If the runtime
/// is dropped on another thread, the task ends there, and the future goes when this thread ends or next uses
/// local tasks. On a thread that ends, in the destructor of a thread-local, the task may end at once, as cancelled.
///
/// # Panics
///
/// On a thread that runs no event loop, in particular that of a multi-thread runtime or of a blocking job.
/// Once there are local tasks, `block_on` panics on any other thread.
#[track_caller]
pub fn spawn_local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let scheduler = context::current("spawn_local");
    let Some(locals) = scheduler.host::<Shared>().and_then(|shared| shared.locals.as_ref()) else {
        panic!(
            "spawn_local was called on a multi-thread runtime, whose tasks move between threads; \
             use spawn, or Runtime::current_thread"
        )
    };
    assert!(
        context::polls() || scheduler.is_closed(),
        "spawn_local was called in a blocking job, which is not on the thread of the event loop; \
         call it inside a task"
    );
    if scheduler.is_debugged {
        let future: Pin<Box<dyn Future<Output = F::Output>>> = Box::pin(future);
        let (watched, label) = scheduler.registry.watch(None, Location::caller(), future);
        let task = Task::new(locals.spawn(&scheduler, watched));
        label.set_task(task.id());
        return task;
    }
    Task::new(locals.spawn(&scheduler, future))
}

/// Runs a job on a thread of the current runtime where it may block, as [`Runtime::spawn_blocking`](crate::Runtime::spawn_blocking) does.
///
/// # Panics
///
/// On a thread that works for no runtime.
#[track_caller]
pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let mut job = Moving::new(Job::new(job));
    let (pool, job, handle) = context::with_current("spawn_blocking", |scheduler, worker| {
        let (job, handle) = task::new_job(scheduler, worker, &mut job);
        (scheduler.host().map(|shared: &Shared| shared.pool.clone()), job, handle)
    });
    match pool {
        Some(pool) => pool.queue(job),
        // Destructors at the end of a `ThreadPool`, which takes no jobs by then.
        None => job.abandon(),
    }
    Task::new(handle)
}
