//! [`ThreadPool`]: threads for jobs that block, which belong to no runtime.

use std::{
    fmt, mem,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{
    blocking::pool::{self, Pool},
    crew::{self, Crew},
    fork,
    handle::Task,
    scheduler::{
        Host, Scheduler, Workers, context,
        parking::Parker,
        worker::{Core, Worker, run_queued},
    },
    sync::{
        Mutex, lock,
        thread::{self, JoinHandle},
    },
    task::{self, Job, Moving, slab::Magazines},
};

/// Runs jobs in the order in which they came, on a limited number of threads.
///
/// A job may be submitted from anywhere. A job that is submitted inside a runtime belongs to that runtime,
/// like one of [`spawn_blocking`](crate::spawn_blocking): it may spawn, and the runtime carries out its
/// cancellation and runs its callbacks. The pool does so for all other jobs.
///
/// Dropping the pool shuts it down.
pub struct ThreadPool {
    /// The parts, which another thread may have to end.
    parts: Arc<Parts>,
}

/// The parts of a [`ThreadPool`].
struct Parts {
    /// All threads that an end waits for.
    crew: Arc<Crew>,
    /// The threads of the jobs.
    jobs: Arc<Pool>,
    /// Runs the callbacks and carries out the cancellations of jobs that belong to no runtime.
    fallback: Arc<Scheduler>,
    /// The worker of the fallback scheduler.
    worker: Arc<LazyWorker>,
    /// Held by the thread that ends the pool, so that others wait as long.
    ending: Mutex<()>,
}

impl ThreadPool {
    /// Makes a pool that starts threads when they are needed, `max_workers` at most.
    pub fn new(max_workers: NonZeroUsize) -> ThreadPool {
        let crew = Arc::<Crew>::default();
        let jobs = Arc::new(Pool::new(max_workers, crew.clone()));
        let worker = Arc::new(LazyWorker::new(crew.clone(), jobs.clone()));
        let fallback = Scheduler::new(Workers::Lazy, worker.clone());
        ThreadPool { parts: Arc::new(Parts { crew, jobs, fallback, worker, ending: Mutex::new(()) }) }
    }

    /// Queues a job; await the task for its output.
    ///
    /// A job of a runtime that ends does not start any more, and its task reads
    /// [`Cancelled`](crate::TaskError::Cancelled); one that runs is not waited for.
    ///
    /// A pool that was shut down drops the job, and its task reads `Cancelled`. So does a pool that has no
    /// thread and is refused one by the system; otherwise the job waits for the threads that there are.
    pub fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let home = context::current_if_any().unwrap_or_else(|| self.parts.fallback.clone());
        // The job may spawn and set timers after the end of its runtime, in vain, as long as it lasts.
        let keeps_home = home.clone();
        let job = move || {
            let _home = keeps_home;
            job()
        };
        let mut job = Moving::new(Job::new(job));
        let (job, handle) = context::with_worker_of(&*home, |worker| task::new_job(&home, worker, &mut job));
        // After the job was made: a runtime that ends later ends the job, if that has not started.
        if home.is_closed() {
            pool::abandon(job)
        } else {
            self.parts.jobs.queue(job)
        }
        Task::new(handle)
    }

    /// Refuses jobs from now on, and waits for all that are queued or running, and for their callbacks. A
    /// second call only waits.
    ///
    /// # Panics
    ///
    /// Inside one of its own jobs or callbacks, which would wait for itself; also if those wait for the
    /// current one through the end of another pool or runtime.
    #[track_caller]
    pub fn shutdown(&self) {
        let waiting = self.parts.crew.wait();
        assert!(
            waiting.is_some(),
            "a pool was shut down inside one of its own jobs, or of one that those wait for, which would wait \
             for itself; shut it down outside of them"
        );
        self.parts.end();
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.parts.jobs.close();
        if let Some(_waiting) = self.parts.crew.wait() {
            return self.parts.end();
        }
        let parts = self.parts.clone();
        if self.parts.crew.finish_elsewhere(move || parts.end()) {
            self.parts.worker.dismiss(&self.parts.fallback);
        }
    }
}

impl Parts {
    /// Ends the pool: its jobs, then its callbacks. The current thread is not waited for.
    fn end(&self) {
        self.jobs.close();
        let _ending = lock(&self.ending);
        self.jobs.join();
        // What is left runs here, if there is no thread for it, and may want to shut this pool down.
        let _stand_in = self.crew.stand_in();
        // After the jobs: the last of them may have queued callbacks.
        self.worker.finish(&self.fallback);
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ThreadPool").finish_non_exhaustive()
    }
}

/// The one worker of a fallback scheduler, on a thread that starts with the first task.
///
/// Most pools never need it. If the system refuses the thread, those of the jobs stand in for it, when they
/// are free.
pub(crate) struct LazyWorker {
    /// The crew that the thread belongs to.
    crew: Arc<Crew>,
    /// The threads that stand in.
    jobs: Arc<Pool>,
    /// The generation of the process that the thread is in. It changes while there is one thread only.
    generation: AtomicUsize,
    /// The stage of its life, under the lock.
    stage: Mutex<Stage>,
}

/// The life of a lazy worker.
#[derive(Default)]
enum Stage {
    /// No task has come, or the system has refused the thread.
    #[default]
    Waiting,
    /// The thread runs tasks.
    Working(JoinHandle<()>),
    /// The thread, if there was one, was told to end.
    Finished,
}

impl Host for LazyWorker {
    fn start_worker(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        self.forget_parents_thread(&mut stage, scheduler);
        if !matches!(*stage, Stage::Waiting) {
            return;
        }
        let of_thread = scheduler.clone();
        // It enters no runtime: a callback of the pool's own has none to spawn onto.
        let work = move || {
            let worker = Worker::new(&of_thread, Parker::new(), 0, Core::default());
            while worker.turn() {}
            // Those that are there when it is dismissed.
            worker.run_queued();
            worker.end();
        };
        match self.crew.start("hand-rolled-callbacks", work) {
            Ok(thread) => *stage = Stage::Working(thread),
            // Under the lock, so that `finish` comes before or after.
            Err(_) => self.jobs.run_queued(scheduler),
        }
    }
}

impl LazyWorker {
    /// Makes a worker that has not started.
    pub(crate) fn new(crew: Arc<Crew>, jobs: Arc<Pool>) -> LazyWorker {
        let generation = AtomicUsize::new(fork::generation());
        LazyWorker { crew, jobs, generation, stage: Mutex::default() }
    }

    /// Waits until all queued tasks have run, and ends the scheduler; a second call does nothing.
    fn finish(&self, scheduler: &Arc<Scheduler>) {
        let mut stage = lock(&self.stage);
        self.forget_parents_thread(&mut stage, scheduler);
        let last = mem::replace(&mut *stage, Stage::Finished);
        drop(stage);
        match last {
            Stage::Finished => return,
            Stage::Working(thread) if thread.thread().id() != thread::current().id() => {
                // The queue is first in, first out, so this comes after all that is there.
                let last = scheduler.clone();
                drop(scheduler.call(async move { _ = last.close() }));
                crew::join([thread]);
            }
            // There is no thread, or it is this one, which has left its loop.
            Stage::Waiting | Stage::Working(_) => run_queued(scheduler),
        }
        end(scheduler);
        self.jobs.forget_queued();
    }

    /// Has the current thread, if it is the one of this worker, leave its loop, to end the pool as its last work.
    fn dismiss(&self, scheduler: &Scheduler) {
        if let Stage::Working(thread) = &*lock(&self.stage)
            && thread.thread().id() == thread::current().id()
        {
            scheduler.parking.close();
        }
    }

    /// Forgets a thread that is not there, because this is a child of the process that it was started in.
    fn forget_parents_thread(&self, stage: &mut Stage, scheduler: &Scheduler) {
        if fork::is_child_of(self.generation.load(Relaxed)) {
            self.generation.store(fork::generation(), Relaxed);
            scheduler.parking.forget_workers();
            if matches!(stage, Stage::Working(_)) {
                // Nothing may be done with the handle of a thread that is not there, not even drop it.
                mem::forget(mem::take(stage));
            }
        }
    }
}

/// Ends a scheduler whose worker is gone, or was never started.
fn end(scheduler: &Arc<Scheduler>) {
    scheduler.close();
    // Destructors may spawn and set timers, in vain.
    let _context = context::enter_aside(scheduler);
    scheduler.end_all_waits();
    scheduler.abandon_tasks();
    scheduler.end(&mut Magazines::default());
}
