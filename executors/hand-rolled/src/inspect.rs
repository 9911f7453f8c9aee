//! Looks into a runtime: [`current_task`], [`Runtime::tasks`], [`Runtime::metrics`].

use std::{panic::Location, sync::Arc};

use crate::{
    runtime::{Runtime, Shared},
    scheduler::{context, counters::Metrics},
    task::inspect::{TaskId, TaskState},
};

/// Returns the task that is being polled on this thread.
///
/// `None` outside of tasks: in a callback, in a blocking job, in the future of `block_on`, which is no task,
/// and on a thread that works for no runtime.
pub fn current_task() -> Option<TaskId> {
    context::current_task()
}

/// A task of a runtime; see [`Runtime::tasks`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The id of the task.
    pub id: TaskId,
    /// The name that it was given; in debug mode each task has one, such as `Task-7`.
    pub name: Option<Arc<str>>,
    /// The place where it was spawned, if it has a name.
    pub spawned_at: Option<&'static Location<'static>>,
    /// The state of the task.
    pub state: TaskState,
}

impl Runtime {
    /// Returns the tasks that have not ended, in no order, from any thread.
    ///
    /// Tasks that start or end meanwhile may be there or not. It takes time and memory for each task.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        let (seen, labels) = (self.scheduler().seen(), self.scheduler().registry.by_task());
        let info = |(id, state)| {
            let label = labels.get(&id);
            let (name, spawned_at) = label.map(|label| (label.name.clone(), label.spawned_at)).unzip();
            TaskInfo { id, name, spawned_at, state }
        };
        seen.iter().filter_map(|seen| seen.look()).map(info).collect()
    }

    /// Counts what this runtime has done and has to do, from any thread.
    ///
    /// Each worker counts for itself, so the numbers are those of a moment ago, and not all of the same.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        self.scheduler().count(&mut metrics);
        if let Some(shared) = self.scheduler().host::<Shared>() {
            (metrics.blocking_threads, metrics.blocking_queue) = shared.count_jobs();
        }
        metrics
    }
}
