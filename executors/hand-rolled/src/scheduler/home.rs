//! The way from a task to its scheduler: spawning, queueing, and the memory of tasks.

use std::sync::Arc;

use super::{Scheduler, Workers, context, worker::Worker};
use crate::task::{
    cell::{self, Entry, Handle},
    slab::{Class, Vacant},
};

impl Scheduler {
    /// Queues a future as a new task. If the runtime has ended the future is dropped, and the task cancelled.
    pub(crate) fn spawn<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, queued) = self.try_spawn(future);
        queued.unwrap_or_else(Entry::abandon);
        task
    }

    /// As [`spawn`](Self::spawn), but runs no code of the user: what a runtime that has ended gives back is to be abandoned.
    pub(crate) fn try_spawn<F>(&self, future: F) -> (Handle<F::Output>, Result<(), Entry>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (entry, handle) = cell::task(self, future);
        (handle, self.queue(entry))
    }

    /// Appends a task to a queue: the worker's own, if this is one; a runtime that has ended gives it back.
    pub(crate) fn queue(&self, entry: Entry) -> Result<(), Entry> {
        let mut entry = Some(entry);
        context::with_worker_of(self, |worker| entry.take().map(|entry| worker.queue(entry)));
        let Some(entry) = entry else { return Ok(()) };
        self.injector.push([entry]).map_err(|[entry]| entry)?;
        self.parking.wake_one();
        if self.workers == Workers::Lazy {
            self.host.start_worker(&self.arc());
        }
        Ok(())
    }

    /// Lends memory for a task.
    #[inline]
    pub(crate) fn lend(&self, class: Class) -> Vacant {
        let lend = |worker: &Worker| {
            self.slab.lend(class, &self.itself, Some(&mut worker.core.borrow_mut().magazines))
        };
        context::with_worker_of(self, lend).unwrap_or_else(|| self.slab.lend(class, &self.itself, None))
    }

    /// Takes memory back; gives this, if that was all that kept it.
    #[inline]
    pub(crate) fn restore(&self, class: Class, cell: Vacant) -> Option<Arc<Scheduler>> {
        let mut cell = Some(cell);
        let restored = context::with_worker_of(self, |worker| {
            let cell = cell.take()?;
            self.slab.restore(class, cell, Some(&mut worker.core.borrow_mut().magazines))
        });
        restored.flatten().or_else(|| self.slab.restore(class, cell?, None))
    }
}
