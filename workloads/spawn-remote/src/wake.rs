//! Wake from outside: what it costs until a task runs that a thread from outside wakes.

use std::{
    hint,
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
    task::{Context, Poll, ready},
    thread,
};

use atomic_waker::AtomicWaker;
use executor_api::Executor;
use workload_api::{About, Work, Workload};

use crate::GROUP;

/// The root waits N times, and a thread from outside wakes it each time.
pub struct WakeRemote(u64);

impl<E: Executor> Workload<E> for WakeRemote {
    const ABOUT: About = About {
        name: "wake-remote",
        description: "A task waits N times; a thread outside the executor wakes it each time, once it waits again.",
        group: GROUP,
        operation: "one wake-up",
        size: "wake-ups",
        shows: "how long it takes from a wake-up by a thread that is no worker to the poll of the task, when nothing else is \
                ready, so that the worker may have gone to sleep",
        hides: "wake-ups of many tasks at once, and of executors that are busy; what the system needs to get a thread up has \
                its share in every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    /// How many wake-ups there were, and the sum of what the task heard at them.
    type Answer = (u64, u64);

    fn prepare(wake_ups: u64) -> Self {
        WakeRemote(wake_ups)
    }
    async fn run(self: Arc<Self>) -> (u64, u64) {
        let (bell, rings) = (Arc::new(Bell::default()), self.0);
        let ringer = thread::spawn({
            let bell = bell.clone();
            move || (1..=rings).for_each(|number| bell.ring(number))
        });
        let heard = Listening { bell, rings, heard: (0, 0) }.await;
        // It has rung for the last time, so that this blocks the worker for no longer than a thread takes to end.
        ringer.join().expect("the thread only rings");
        heard
    }
    fn expected(&self) -> (u64, u64) {
        (self.0, (1..=self.0).sum())
    }
    fn operations(&self) -> u64 {
        self.0
    }
    fn work(&self) -> Work {
        // The first poll goes to wait; after it there is one for each wake-up, none of which comes before the task waits.
        Work { polls: Some(self.0 + 1), ..Work::tasks(0) }
    }
}

/// Where a thread wakes a task.
#[derive(Default)]
struct Bell {
    /// Whom to wake.
    waker: AtomicWaker,
    /// For which ring the task waits; written when its waker is there, last of all before its poll ends.
    awaited: AtomicU64,
    /// The last ring.
    rung: AtomicU64,
}

impl Bell {
    /// Rings once the task waits for this ring.
    fn ring(&self, number: u64) {
        /// About a microsecond: then a worker may need the processor.
        const SPINS: u32 = 50;
        let mut turns = 0;
        while self.awaited.load(Acquire) < number {
            turns += 1;
            if turns < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        self.rung.store(number, Release);
        self.waker.wake();
    }

    /// Waits for a ring, and tells its number.
    fn poll_ring(&self, awaited: u64, context: &mut Context<'_>) -> Poll<u64> {
        let rung = self.rung.load(Acquire);
        if rung >= awaited {
            return Poll::Ready(rung);
        }
        // Nobody rings before `awaited` says so: no ring falls between that look and the waker.
        self.waker.register(context.waker());
        self.awaited.store(awaited, Release);
        Poll::Pending
    }
}

/// Hears so many rings. Each poll hears one and goes to wait for the next.
struct Listening {
    bell: Arc<Bell>,
    rings: u64,
    heard: (u64, u64),
}

impl Future for Listening {
    type Output = (u64, u64);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<(u64, u64)> {
        while self.heard.0 < self.rings {
            let number = ready!(self.bell.poll_ring(self.heard.0 + 1, context));
            self.heard = (self.heard.0 + 1, self.heard.1 + number);
        }
        Poll::Ready(self.heard)
    }
}
