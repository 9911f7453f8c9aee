//! The state that the threads of a runtime share: the memory of its tasks, its queues, its parked workers,
//! its timers.
//!
//! ```text
//!                 threads that are no workers
//!                              | push
//!                              v
//!          half of a     +----------+     half of a
//!          full ring +-> | injector | <-+ full ring
//!                    |   +----------+   |
//!                    |     |      |     |
//!                    |     v      v     |       a share, each round
//!       +------------------+      +------------------+
//!       | ring of worker 0 |      | ring of worker 1 |
//!       +------------------+      +------------------+
//!                    ^    steal half    ^
//!                    +------------------+
//! ```
//!
//! Before its ring each worker has the slot `next`, from which nobody steals. An event loop has one worker,
//! and one queue in place of ring and slot, into which the whole injector is emptied.
//!
//! `worker.rs` has the loop of a worker, `home.rs` the way from a task back to its scheduler. Whatever else
//! belongs to a runtime, such as its threads for blocking jobs, is its host's: the scheduler knows it as
//! [`Host`] only.

pub(crate) mod context;
pub(crate) mod counters;
pub(crate) mod debug;
pub(crate) mod driver;
mod home;
pub(crate) mod injector;
pub(crate) mod parking;
pub(crate) mod reactor;
pub(crate) mod ring;
mod slack;
pub(crate) mod timers;
mod trimming;
pub(crate) mod wheel;
pub(crate) mod worker;

use std::{
    any::Any,
    num::NonZeroUsize,
    sync::{Arc, Weak},
};

use crate::{
    scheduler::{
        counters::{Counter, Counters, Metrics},
        debug::{Debug, Registry},
        injector::Injector,
        parking::Parking,
        reactor::Sockets,
        ring::Ring,
        timers::{Time, Timers},
        trimming::Trimming,
    },
    sync::PARTS,
    task::{
        self, Entry,
        inspect::Seen,
        slab::{Magazines, Slab},
    },
};

/// Shares the tasks of a runtime among its workers.
///
/// No lock is taken while another is held, but for a pool's own two.
pub(crate) struct Scheduler {
    /// This scheduler.
    itself: Weak<Scheduler>,
    /// The runtime or the thread pool that this scheduler is part of.
    host: Arc<dyn Host>,
    /// The threads that work for this scheduler.
    workers: Workers,
    /// The memory of the tasks, which is also the list of them.
    slab: Slab<Scheduler>,
    /// The times at which that memory goes back to the system.
    trimming: Trimming,
    /// The queue from which every worker takes tasks.
    injector: Injector,
    /// The run queue of each worker; none in an event loop, where no other worker steals.
    rings: Box<[Ring]>,
    /// The place where workers park.
    pub(crate) parking: Parking,
    /// The timers that each worker has set; one set in an event loop.
    pub(crate) timers: Box<[Arc<Timers>]>,
    /// The sockets that are waited for.
    pub(crate) sockets: Sockets,
    /// The counters of each worker.
    counters: Box<[Counters]>,
    /// The counters of threads that are no workers, which only start tasks.
    outside: [Counters; PARTS],
    /// The tasks that have names.
    pub(crate) registry: Arc<Registry>,
    /// True if all tasks are in the registry.
    pub(crate) is_debugged: bool,
}

/// The threads that work for a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// The caller of `block_on` alone.
    Loop,
    /// As many workers as this, one of which is the caller of `block_on`.
    Many(NonZeroUsize),
    /// One thread, which the host starts once there is a task.
    Lazy,
}

/// The runtime or the thread pool that a scheduler is part of.
pub(crate) trait Host: Any + Send + Sync {
    /// Counts the blocking jobs of this host; `None` while no job runs or waits.
    fn jobs(&self) -> Option<Jobs> {
        None
    }

    /// Starts the worker of a scheduler with [`Workers::Lazy`], unless it has been started.
    fn start_worker(&self, _scheduler: &Arc<Scheduler>) {}
}

/// The blocking jobs of a host, counted while some run or wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jobs {
    /// The number of jobs that have ended; it wraps around.
    pub(crate) ended: usize,
    /// The number of threads that the host starts for jobs at most.
    pub(crate) max_threads: usize,
}

impl Scheduler {
    /// Makes a scheduler without tasks.
    pub(crate) fn new(workers: Workers, host: Arc<dyn Host>) -> Arc<Scheduler> {
        Scheduler::with_debug(workers, host, None)
    }

    /// Makes a scheduler without tasks, in debug mode if there are choices for it.
    pub(crate) fn with_debug(workers: Workers, host: Arc<dyn Host>, debug: Option<Debug>) -> Arc<Scheduler> {
        let rings = if let Workers::Many(number) = workers { number.get() } else { 0 };
        Arc::new_cyclic(|itself| Scheduler {
            itself: itself.clone(),
            host,
            workers,
            slab: Slab::new(),
            trimming: Trimming::default(),
            injector: Injector::default(),
            rings: (0..rings).map(|_| Ring::new(0)).collect(),
            parking: Parking::default(),
            timers: Timers::new(rings.max(1)),
            sockets: Sockets::default(),
            counters: (0..rings.max(1)).map(|_| Counters::default()).collect(),
            outside: Default::default(),
            is_debugged: debug.is_some(),
            registry: Registry::new(debug),
        })
    }

    /// Returns the host, if it is an `H`.
    pub(crate) fn host<H: Host>(&self) -> Option<&H> {
        (&*self.host as &dyn Any).downcast_ref()
    }

    /// Returns a counted reference to the host, if it is an `H`.
    #[cfg(all(test, loom))]
    pub(crate) fn shared_host<H: Host>(&self) -> Option<Arc<H>> {
        let host: Arc<dyn Any + Send + Sync> = self.host.clone();
        host.downcast().ok()
    }

    /// Returns true unless this is the scheduler of a [`ThreadPool`](crate::ThreadPool), onto which no code
    /// of the user spawns.
    pub(crate) fn is_runtime(&self) -> bool {
        self.workers != Workers::Lazy
    }

    /// Returns true if one thread runs all tasks, in one line.
    pub(crate) fn is_event_loop(&self) -> bool {
        self.rings.is_empty()
    }

    /// Returns the timers with this id, if they are this scheduler's.
    #[inline]
    pub(crate) fn timers_with(&self, id: u32) -> Option<&Timers> {
        // The timers of a scheduler have consecutive ids.
        let index = id.wrapping_sub(self.timers[0].id());
        self.timers.get(index as usize).map(|timers| &**timers)
    }

    /// Takes the oldest task of the injector, for a model, which has no workers.
    #[cfg(all(test, loom))]
    pub(crate) fn take_injected(&self) -> Option<Entry> {
        let mut taken = None;
        self.injector.take(|_| 1, |entry| taken = Some(entry));
        taken
    }

    /// Returns true if the injector or a ring has a task.
    fn has_work(&self) -> bool {
        self.injector.len() > 0 || self.rings.iter().any(|ring| ring.len() > 0)
    }

    /// Returns a counted reference to this scheduler.
    pub(crate) fn arc(&self) -> Arc<Scheduler> {
        self.itself.upgrade().expect("it is used through a reference that keeps it")
    }

    /// Returns true once the runtime has ended, so that no task can be queued.
    pub(crate) fn is_closed(&self) -> bool {
        self.injector.is_closed()
    }

    /// Refuses tasks from now on, except from workers, and ends the workers. Returns the number of those that were
    /// parked, which poll nothing any more.
    pub(crate) fn close(&self) -> usize {
        self.registry.end();
        self.injector.close();
        self.parking.close()
    }

    /// Drops the futures of all tasks that no worker polls, on this thread. Their tasks end as cancelled.
    ///
    /// The scheduler must be closed. Workers may still be in a last poll, which may have to wait for one of
    /// those futures to be dropped.
    #[expect(unsafe_code, reason = "only here it is known that the cells are those of the slab")]
    pub(crate) fn abandon_tasks(&self) {
        // The queued ones first: of a task that yielded, only its entry tells that no worker polls it.
        while let Some(entry) = self.take_queued() {
            entry.end();
        }
        for cell in self.slab.cells() {
            // SAFETY: the cells are those of this slab, which has not ended.
            unsafe { task::abandon_cell(cell) };
        }
    }

    /// Returns all tasks that have not ended.
    #[expect(unsafe_code, reason = "the cells are those of the slab")]
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        // SAFETY: the memory stays while it is visited.
        self.slab.visit(|cell| seen.extend(unsafe { Seen::in_cell(cell) }));
        seen
    }

    /// Fills in the counts of the scheduler.
    pub(crate) fn count(&self, metrics: &mut Metrics) {
        let sum =
            |counter: fn(&Counters) -> &Counter| self.counters.iter().map(|all| counter(all).get()).sum();
        // The ends first: no task ends before it was counted as started.
        let ended: u64 = sum(|all| &all.ended);
        let outside: u64 = self.outside.iter().map(|all| all.spawned.get()).sum();
        let spawned: u64 = sum(|all| &all.spawned);
        metrics.alive_tasks = (spawned + outside).saturating_sub(ended);
        metrics.polls = sum(|all| &all.polls);
        metrics.steals = sum(|all| &all.steals);
        metrics.parks = sum(|all| &all.parks);
        metrics.workers = self.counters.len();
        metrics.timers = self.timers.iter().map(|timers| timers.len()).sum();
    }

    /// Takes a task out of the injector or a ring.
    fn take_queued(&self) -> Option<Entry> {
        let mut taken = None;
        if self.injector.take(|_| 1, |entry| taken = Some(entry)) > 0 {
            return taken;
        }
        for ring in &self.rings {
            while ring.len() > 0 {
                if ring.take::<1>(|_| 1, |entry| taken = Some(entry)) > 0 {
                    return taken;
                }
            }
        }
        None
    }

    /// Fires all timers, now and when they are set, and ends all waits for sockets: nobody is to wait in vain.
    pub(crate) fn end_all_waits(&self) {
        self.timers.iter().for_each(|timers| timers.fire_all());
        self.sockets.end();
    }

    /// Returns true if there may be memory to give back.
    fn has_spare(&self) -> bool {
        self.slab.has_spare()
            || self.injector.has_spare()
            || self.timers.iter().any(|timers| timers.has_spare())
    }

    /// Returns the time at which a worker is to wake up to give memory back.
    fn memory_alarm(&self) -> Time {
        if self.has_spare() { self.trimming.alarm() } else { Time::NEVER }
    }

    /// Gives back the memory of tasks, except where handles or wakers are left, after
    /// [`abandon_tasks`](Self::abandon_tasks).
    ///
    /// `magazines` are the free cells that the last caller of `block_on` left.
    pub(crate) fn end(&self, magazines: &mut Magazines) {
        self.slab.restore_all(magazines);
        self.slab.end();
    }
}
