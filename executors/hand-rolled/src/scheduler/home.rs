//! The scheduler as the home of its tasks, which lends their memory and queues them; and how tasks are
//! spawned.

use std::sync::Arc;

use super::{Scheduler, Workers, context, debug, worker::Worker};
use crate::{
    sync::part,
    task::{self, Entry, Handle, Moving, chunk::Vacant, class::Class, home::Home, inspect::TaskId},
};

impl Home for Scheduler {
    type Worker = Worker;

    #[inline]
    fn with_worker<R>(home: *const Scheduler, use_it: impl FnOnce(Option<&Worker>) -> R) -> R {
        context::with_worker_of(home, use_it)
    }

    #[inline]
    fn with_home<R>(
        home: *const Scheduler,
        upgrade: impl FnOnce() -> Option<Arc<Scheduler>>,
        use_it: impl FnOnce(Option<&Scheduler>, Option<&Worker>) -> R,
    ) -> R {
        context::with_scheduler(home, upgrade, use_it)
    }

    #[inline]
    fn lend(&self, worker: Option<&Worker>, class: Class) -> Vacant {
        match worker {
            Some(worker) => worker.lend(class, &self.itself),
            None => self.slab.lend(class, &self.itself, None),
        }
    }

    #[inline]
    fn restore(&self, worker: Option<&Worker>, class: Class, cell: Vacant) {
        match worker {
            Some(worker) => worker.restore(class, cell),
            None => self.slab.restore(class, cell, None),
        }
    }

    #[inline]
    fn queue(&self, worker: Option<&Worker>, entry: Entry) -> Result<(), Entry> {
        if let Some(worker) = worker {
            worker.queue(entry);
            return Ok(());
        }
        self.inject(entry)
    }

    fn note_panic(task: TaskId, was_seen: bool) {
        debug::note_panic(task, was_seen);
    }

    #[inline]
    fn replace_running(worker: &Worker, id: *const ()) -> *const () {
        worker.running.replace(id)
    }
}

impl Scheduler {
    /// Queues a future as a new task. A scheduler that has ended drops the future, and the task is cancelled.
    pub(crate) fn spawn<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut future = Moving::new(future);
        let (handle, queued) = context::with_worker_of(self, |worker| self.try_spawn(worker, &mut future));
        queued.unwrap_or_else(Entry::end);
        handle
    }

    /// Queues a future as a new task, like [`spawn`](Self::spawn), but runs no code of the user: a scheduler
    /// that has ended returns the entry, to be ended.
    #[inline]
    pub(crate) fn try_spawn<F>(
        &self,
        worker: Option<&Worker>,
        future: &mut Moving<F>,
    ) -> (Handle<F::Output>, Result<(), Entry>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.count_spawn(worker);
        let (entry, handle) = task::new(self, worker, future);
        (handle, self.queue(worker, entry))
    }

    /// Counts a task that is started.
    #[inline]
    pub(crate) fn count_spawn(&self, worker: Option<&Worker>) {
        match worker {
            Some(worker) => worker.counters().spawned.add(1),
            None => self.outside[part()].spawned.add_shared(1),
        }
    }

    /// Queues a future of the runtime's own as a task, like [`spawn`](Self::spawn).
    pub(crate) fn call(&self, future: impl Future<Output = ()> + Send + 'static) -> Handle<()> {
        let mut future = Moving::new(future);
        let (handle, queued) = context::with_worker_of(self, |worker| self.try_call(worker, &mut future));
        queued.unwrap_or_else(Entry::end);
        handle
    }

    /// Queues a future of the runtime's own, like [`try_spawn`](Self::try_spawn).
    pub(crate) fn try_call<F>(
        &self,
        worker: Option<&Worker>,
        future: &mut Moving<F>,
    ) -> (Handle<()>, Result<(), Entry>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (entry, handle) = task::new_call(self, worker, future);
        (handle, self.queue(worker, entry))
    }

    /// Queues a task where every worker looks for it, and wakes one.
    fn inject(&self, entry: Entry) -> Result<(), Entry> {
        self.injector.push(entry)?;
        self.parking.wake_one();
        if self.workers == Workers::Lazy {
            self.host.start_worker(&self.arc());
        }
        Ok(())
    }
}
