//! Wake from outside: measures the time until a task runs that an outside thread wakes.

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

/// The root waits N times, and an outside thread wakes it each time.
pub struct WakeRemote(u64);

impl<E: Executor> Workload<E> for WakeRemote {
    const ABOUT: About = About {
        name: "wake-remote",
        description: "A task waits N times; each time, once it waits, a thread outside the executor wakes it.",
        group: GROUP,
        operation: "one wake-up",
        size: "wake-ups",
        shows: "the time from a wake-up by a thread that is no worker to the poll of the task, when no other task is \
                ready, so that the worker may be parked",
        hides: "wake-ups of many tasks at once, and of busy executors; the system's time to wake a thread is part of \
                every figure",
        source: file!(),
    };
    const SIZES: &'static [u64] = &[10_000];
    const FULL_SIZES: &'static [u64] = &[1_000];
    /// The number of wake-ups, and the sum of their numbers.
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
        // The last ring is over: this blocks the worker no longer than a thread takes to end.
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
        // The first poll begins to wait. Each wake-up comes while the task waits, so it has its own poll.
        Work { polls: Some(self.0 + 1), ..Work::tasks(0) }
    }
}

/// Lets a thread wake a task, ring by ring.
#[derive(Default)]
struct Bell {
    /// The waker of the task.
    waker: AtomicWaker,
    /// The number of the ring that the task waits for; written last in its poll, after the waker.
    awaited: AtomicU64,
    /// The number of the last ring.
    rung: AtomicU64,
}

impl Bell {
    /// Rings once the task waits for this ring.
    fn ring(&self, number: u64) {
        /// Takes about a microsecond; after that a worker may need the processor.
        const SPINS: u32 = 50;
        let mut turns = 0;
        while self.awaited.load(Acquire) < number {
            turns += 1;
            if turns < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        self.rung.store(number, Release);
        self.waker.wake();
    }

    /// Waits for ring `awaited`, and returns its number.
    fn poll_ring(&self, awaited: u64, context: &mut Context<'_>) -> Poll<u64> {
        let rung = self.rung.load(Acquire);
        if rung >= awaited {
            return Poll::Ready(rung);
        }
        // The thread rings only after `awaited` is written, so no ring falls between the load and the waker.
        self.waker.register(context.waker());
        self.awaited.store(awaited, Release);
        Poll::Pending
    }
}

/// Waits for `rings` rings: each poll receives one and waits for the next.
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
