//! What the threads of a runtime share, and one turn of their loop.

use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc};

use crate::{
    blocking::{Home, Pool},
    context,
    driver::Seat,
    handle::Task,
    local::Locals,
    queue::{Parker, Queue, Runnable},
    registry::Registry,
    task::TaskCell,
    timers::Timers,
};

/// How many turns a busy worker makes before it looks at the clock.
const TURNS_BETWEEN_TIMERS: u32 = 32;

/// What the threads of a runtime share.
///
/// Of two locks held at once the outer is here the one on the left: queue, timers. All others are held alone, or,
/// as a task's and its completion's, belong together.
pub(crate) struct Scheduler {
    /// What is due.
    pub(crate) queue: Queue,
    /// What will be due.
    pub(crate) timers: Timers,
    /// All tasks that have not ended.
    pub(crate) tasks: Registry,
    /// The threads for jobs that block.
    pub(crate) pool: Arc<Pool>,
    /// The place of the worker that is the caller of `block_on`.
    pub(crate) seat: Seat,
    /// The thread of the local tasks; an event loop only can have them.
    pub(crate) locals: Option<Locals>,
}

/// What a thread needs that works for a scheduler.
pub(crate) struct Worker {
    /// Where it parks.
    pub(crate) parker: Arc<Parker>,
    /// How many turns it has made.
    turns: u32,
}

impl Worker {
    /// Makes a worker of the current thread.
    pub(crate) fn new() -> Worker {
        Worker { parker: Parker::new(), turns: 0 }
    }
}

impl Scheduler {
    /// Makes a scheduler with nothing to do.
    pub(crate) fn new(max_blocking_threads: NonZeroUsize, locals: Option<Locals>) -> Arc<Scheduler> {
        Arc::new(Scheduler {
            queue: Queue::default(),
            timers: Timers::new(),
            tasks: Registry::default(),
            pool: Arc::new(Pool::new(max_blocking_threads)),
            seat: Seat::default(),
            locals,
        })
    }

    /// Queues a future as a new task. If the runtime has ended the future is dropped, and the task cancelled.
    pub(crate) fn spawn<F>(self: &Arc<Self>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::new(self.spawn_cell(future))
    }

    /// As [`spawn`](Self::spawn), but gives the task itself.
    pub(crate) fn spawn_cell<F>(self: &Arc<Self>, future: F) -> Arc<TaskCell<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = TaskCell::new(self.clone(), future);
        let slot = self.tasks.insert(task.clone());
        if let Some(slot) = slot {
            task.set_slot(slot);
        }
        if slot.is_none() || self.queue.push(task.clone()).is_err() {
            task.clone().abandon();
        }
        task
    }

    /// Queues a job for the blocking threads. If the runtime has ended it is dropped, and its task cancelled.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Task<T> {
        self.pool.start(job, Home::Runtime(self.clone()))
    }

    /// Drops all that is left, on this thread, and waits for the jobs that run.
    ///
    /// Queue and pool are closed and the workers gone. `queued_jobs` are those that the pool gave back.
    pub(crate) fn shut_down(self: &Arc<Self>, queued_jobs: VecDeque<Arc<dyn Runnable>>) {
        // Destructors may spawn and set timers, in vain, as in a runtime that runs.
        let _context = context::enter_aside(self);
        // Futures go before the wait for running jobs, which may be waiting for something that a future holds.
        for entry in self.tasks.close().into_iter().chain(queued_jobs).chain(self.queue.drain()) {
            entry.abandon();
        }
        self.timers.clear();
        self.pool.join();
    }

    /// Runs the first entry of the queue, or else waits for one; false says that the runtime has ended.
    pub(crate) fn turn(&self, worker: &mut Worker) -> bool {
        worker.turns = worker.turns.wrapping_add(1);
        // A queue that never empties must not keep the timers from firing.
        if worker.turns.is_multiple_of(TURNS_BETWEEN_TIMERS) {
            self.timers.fire();
        }
        if let Some(entry) = self.queue.pop() {
            entry.run();
            return true;
        }
        self.timers.fire() || self.queue.park(&worker.parker, || self.timers.next_deadline())
    }
}
