//! From outside beside busy workers: measures the time until tasks run that an outside thread wakes or spawns while every worker
//! computes.
use executor_api::Remote;
use std::{
    future::poll_fn,
    hint,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::Poll,
    thread::{self, Thread},
    time::{Duration, Instant},
};

use async_channel::bounded;
use atomic_waker::AtomicWaker;
use workload_api::{About, Measure, Work, Workload, gather};

/// The tasks that compute, for each worker: its queue is never empty.
const BUSY_OF_EACH_WORKER: u64 = 2;

/// The time that such a task computes between two yields.
const TURN: Duration = Duration::from_micros(100);

/// The time for each task from outside after which the others no longer compute: some lanes serve nothing before, and a run has to
/// end.
const PATIENCE: Duration = Duration::from_millis(4);

/// N tasks are woken and spawned from outside, beside workers that compute.
pub struct WakeRemoteBusy {
    tasks: u64,
    busy: u64,
    served_ns: AtomicU64,
}

impl<E: Remote> Workload<E> for WakeRemoteBusy {
    const ABOUT: About = About {
        name: "wake-remote-busy",
        description: "Two tasks for each worker compute 100 µs between two yields; meanwhile a thread outside the executor \
                      wakes N/2 waiting tasks and spawns N/2 more, in turn. The time is that from the first wake-up to \
                      the last of the N tasks; after 4 ms for each of them the others no longer compute.",
        group: "From outside",
        operation: "one task",
        size: "tasks from outside",
        shows: "how long what comes from outside waits for its turn while no worker is ever out of work",
        hides: "workers that have nothing else to do (see spawn-remote and wake-remote), and how long it would have been where it \
                is 4 ms or more: such a lane serves nothing from outside while it has work. The outside thread shares the \
                processors with the workers, which is in every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[50];
    const FULL_SIZES: &'static [u64] = &[200];
    const MEASURE: Measure = Measure::Told("time until a task from outside has run");
    /// The number of tasks from outside that have run, and the sum of their indices.
    type Answer = (u64, u64);

    fn prepare(tasks: u64) -> Self {
        <Self as Workload<E>>::prepare_for(tasks, NonZeroUsize::MIN)
    }
    fn prepare_for(tasks: u64, workers: NonZeroUsize) -> Self {
        let busy = BUSY_OF_EACH_WORKER * workers.get() as u64;
        WakeRemoteBusy { tasks, busy, served_ns: AtomicU64::new(0) }
    }
    async fn run(self: Arc<Self>) -> (u64, u64) {
        let stage = Arc::new(Stage::of(self.tasks, self.busy));
        // Even indices wait to be woken, odd ones are spawned from outside.
        let waiting = (0..self.tasks).step_by(2).map(|index| E::spawn(wait(stage.clone(), index)));
        let waiting: Vec<_> = waiting.collect();
        let busy: Vec<_> = (0..self.busy).map(|_| E::spawn(compute::<E>(stage.clone()))).collect();

        let (spawner, (send, spawned)) = (E::spawner(), bounded(1));
        let outside = thread::spawn({
            let stage = stage.clone();
            move || send.try_send(serve::<E>(&stage, &spawner)).expect("there is room for the one message")
        });
        // Its place is taken by those that wait for it: the thread may have come to `park` by now or not.
        stage.outside.set(outside.thread().clone()).expect("a run has one outside thread");
        stage.arrive();

        let spawned = spawned.recv().await.expect("the thread sends its tasks");
        let mut served = gather(waiting).await;
        served.extend(gather(spawned).await);
        gather(busy).await;
        // The thread has sent its tasks: this blocks a worker no longer than a thread takes to end.
        outside.join().expect("the thread only wakes and spawns");
        self.served_ns.fetch_add(stage.served_ns.load(Acquire), AcqRel);
        (served.len() as u64, served.iter().sum())
    }
    fn expected(&self) -> (u64, u64) {
        (self.tasks, (0..self.tasks).sum())
    }
    fn operations(&self) -> u64 {
        self.tasks
    }
    fn told(&self) -> Duration {
        Duration::from_nanos(self.served_ns.swap(0, AcqRel))
    }
    fn work(&self) -> Work {
        let tasks = self.tasks + self.busy;
        // Tasks that wait have a second poll, and tasks that compute yield at least once.
        Work { polls: Some(tasks + self.tasks.div_ceil(2) + self.busy + 1), ..Work::tasks(tasks) }
    }
}

/// The meeting point of a run.
struct Stage {
    /// The tasks that wait to be woken, by half of their index.
    seats: Vec<Seat>,
    tasks: u64,
    /// The parties that have still to arrive before the outside thread may begin: tasks that wait, tasks that compute, and the
    /// root.
    absent: AtomicU64,
    outside: OnceLock<Thread>,
    /// The time of the first wake-up.
    begun: OnceLock<Instant>,
    /// The tasks from outside that have not run.
    unserved: AtomicU64,
    /// The time from the first wake-up to the last task.
    served_ns: AtomicU64,
}

/// The place of a task that waits.
#[derive(Default)]
struct Seat {
    called: AtomicBool,
    waker: AtomicWaker,
}

impl Stage {
    fn of(tasks: u64, busy: u64) -> Stage {
        let seats: Vec<Seat> = (0..tasks.div_ceil(2)).map(|_| Seat::default()).collect();
        Stage {
            absent: AtomicU64::new(seats.len() as u64 + busy + 1),
            seats,
            tasks,
            outside: OnceLock::new(),
            begun: OnceLock::new(),
            unserved: AtomicU64::new(tasks),
            served_ns: AtomicU64::new(0),
        }
    }

    /// Lets the outside thread begin once all have arrived.
    fn arrive(&self) {
        if self.absent.fetch_sub(1, AcqRel) == 1 {
            // The root arrives after it has set the thread.
            self.outside.get().expect("the root has arrived").unpark();
        }
    }

    /// Tells whether tasks from outside have still to run, and others are to compute meanwhile.
    fn is_waited_for(&self) -> bool {
        let patience = PATIENCE * self.tasks as u32;
        let is_over = self.begun.get().is_some_and(|begun| begun.elapsed() >= patience);
        self.unserved.load(Acquire) > 0 && !is_over
    }

    /// Notes that a task from outside has run; the last one reads the clock.
    fn served(&self, index: u64) -> u64 {
        if self.unserved.fetch_sub(1, AcqRel) == 1 {
            let begun = self.begun.get().expect("it has begun");
            self.served_ns.store(begun.elapsed().as_nanos() as u64, Release);
        }
        index
    }
}

/// Wakes the waiting tasks and spawns the others, in turn, and returns those that it has spawned.
fn serve<E: Remote>(stage: &Arc<Stage>, spawner: &E::Spawner) -> Vec<E::Task<u64>> {
    while stage.absent.load(Acquire) > 0 {
        thread::park();
    }
    let mut spawned = Vec::with_capacity(stage.tasks as usize / 2);
    stage.begun.set(Instant::now()).expect("a run begins once");
    for index in 0..stage.tasks {
        if index % 2 == 0 {
            let seat = &stage.seats[index as usize / 2];
            seat.called.store(true, Release);
            seat.waker.wake();
        } else {
            let stage = stage.clone();
            spawned.push(E::spawn_from(spawner, async move { stage.served(index) }));
        }
    }
    spawned
}

/// Waits to be called.
async fn wait(stage: Arc<Stage>, index: u64) -> u64 {
    let seat = &stage.seats[index as usize / 2];
    let mut arrived = false;
    poll_fn(|context| {
        seat.waker.register(context.waker());
        // Nobody is called before all have arrived, so no call falls between these two.
        if !arrived {
            arrived = true;
            stage.arrive();
            return Poll::Pending;
        }
        if seat.called.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    stage.served(index)
}

/// Computes and yields, again and again until all tasks from outside have run or took too long.
async fn compute<E: Remote>(stage: Arc<Stage>) {
    let mut arrived = false;
    while !arrived || stage.is_waited_for() {
        let start = Instant::now();
        while start.elapsed() < TURN {
            hint::spin_loop();
        }
        if !arrived {
            arrived = true;
            stage.arrive();
        }
        E::yield_now().await;
    }
}
