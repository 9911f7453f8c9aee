//! Step 6, the timer wheel: each worker keeps the timers of its own tasks, in a wheel, and fires them itself.
//!
//! **The idea.** Most timers never fire: they are timeouts. So setting one and taking it back must be cheap, and
//! the order among those that are far away is of no interest. A wheel (`step_6_timer_wheel/wheel.rs`) sorts them
//! by how far away they are, in constant time. And a worker that has nothing to do sleeps anyway: it sleeps until its
//! first timer is due, so no thread has to watch them, and no other worker wants the lock of its wheel.
//!
//! **What it costs.** A worker looks at the clock between two tasks, now and then. Its timers are late by as much as
//! one of its polls is long, though another worker may be idle.
//!
//! **What it keeps.** All of step 5, with its slot. The loop of a worker fires timers at two places.

mod wheel;

use std::{
    cell::Cell,
    mem,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Mutex, OnceLock},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Handle, Step, lock,
    step_1_queue::{After, Entry},
    step_2_one_allocation::{Schedule, Task},
    step_3_stealing::Queues,
    step_4_rationed_wakes::Parking,
    step_5_woken_next::{poll, put_next, take_next},
};
use wheel::{Key, Wheel};

/// The number of turns after which a busy worker fires its timers.
const TURNS_BETWEEN_TIMERS: u32 = 32;

/// The executor of step 6.
#[derive(Debug)]
pub struct TimerWheel;

impl Step for TimerWheel {
    const NAME: &'static str = "step-6-timer-wheel";
    const DESCRIPTION: &'static str = "Step 5 with a timer wheel for each worker.";
    const LIMITS: &'static str = "A worker in a long poll fires no timers, and nobody else fires its.";
    const SOURCE: &'static str = file!();

    fn start(threads: NonZeroUsize) {
        let wheels = (0..threads.get()).map(|_| Mutex::default()).collect();
        let (queues, parking, start) = (Queues::new(threads), Parking::default(), Instant::now());
        SHARED.set(Shared { queues, parking, wheels, start }).ok().expect("one process starts one step once");
        (0..threads.get()).for_each(|number| drop(thread::spawn(move || work(number))));
    }

    fn spawn<F>(future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::<F, Self>::spawn(future)
    }

    fn sleep(deadline: Option<Instant>) -> impl Future<Output = ()> + Send + 'static {
        Sleep { deadline, timer: None }
    }
}

impl Schedule for TimerWheel {
    fn queue(entry: Entry) {
        put_next(entry).into_iter().for_each(append);
    }
}

/// The state that the workers share.
struct Shared {
    queues: Queues,
    parking: Parking,
    /// The timers of each worker. Others take the lock only for a task that they have stolen.
    wheels: Box<[Mutex<Wheel<Waker>>]>,
    /// The time from which wheels count.
    start: Instant,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

thread_local! {
    /// The number of this worker; `None` on other threads.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

fn shared() -> &'static Shared {
    SHARED.get().expect("the executor was started")
}

/// Queues a task where another worker can steal it.
fn append(entry: Entry) {
    let Shared { queues, parking, .. } = shared();
    queues.push(NUMBER.get(), entry);
    parking.wake_one();
}

/// Runs tasks for ever.
fn work(number: usize) {
    NUMBER.set(Some(number));
    let shared = shared();
    let Shared { queues, parking, .. } = shared;
    let mut searches = false;
    let mut next_in_a_row = 0;
    for turn in (0..u32::MAX).cycle() {
        if turn.is_multiple_of(TURNS_BETWEEN_TIMERS) {
            shared.fire(number);
        }
        let entry = take_next(&mut next_in_a_row, append).or_else(|| queues.next(number, turn));
        if searches {
            searches = false;
            parking.end_search(|| entry.is_some() && queues.has_work());
        }
        match entry.map(poll) {
            Some(After::Nothing) => {}
            Some(After::Queue(entry)) => append(entry),
            Some(After::Wake(awaiter)) => awaiter.wake(),
            None if shared.fire(number) => {}
            None => searches = parking.park(shared.time_to_timer(number), || queues.has_work()),
        }
    }
}

impl Shared {
    /// Fires the timers of a worker that are due; returns true if there was one.
    fn fire(&self, number: usize) -> bool {
        let mut wheel = lock(&self.wheels[number]);
        // The clock is read only if there is a timer.
        let Some(earliest) = wheel.earliest() else { return false };
        let now = self.time_of(Instant::now());
        if earliest > now {
            return false;
        }
        let due = wheel.expire(now);
        drop(wheel);
        let is_any = !due.is_empty();
        due.into_iter().for_each(Waker::wake);
        is_any
    }

    /// Returns the time until the first timer of a worker is due.
    fn time_to_timer(&self, number: usize) -> Option<Duration> {
        let earliest = lock(&self.wheels[number]).earliest()?;
        Some(Duration::from_nanos(earliest.saturating_sub(self.time_of(Instant::now()))))
    }

    /// Translates a time into nanoseconds since the start; five hundred years are the end of time.
    fn time_of(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A sleep, which sets its timer when it is first polled.
struct Sleep {
    /// `None` if it never ends.
    deadline: Option<Instant>,
    /// The worker in whose wheel its timer is.
    timer: Option<(usize, Key)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        let (shared, waker) = (shared(), context.waker());
        let Some((number, key)) = self.timer else {
            let number = NUMBER.get().expect("a sleep is polled in a task");
            let key = lock(&shared.wheels[number]).insert(shared.time_of(deadline), waker.clone());
            self.timer = Some((number, key));
            return Poll::Pending;
        };
        let mut wheel = lock(&shared.wheels[number]);
        match wheel.get(key) {
            // It has fired just now, by another worker's clock.
            None => Poll::Ready(()),
            Some(known) if known.will_wake(waker) => Poll::Pending,
            Some(known) => {
                let old = mem::replace(known, waker.clone());
                drop(wheel);
                drop(old);
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((number, key)) = self.timer {
            let waker = lock(&shared().wheels[number]).remove(key);
            drop(waker);
        }
    }
}

// What hand-rolled mends: each state of a task is a word there, where these tasks lock; rings need no lock either. A
// task's memory comes from a slab, and not from the allocator. A worker that fires its timers fires those of a busy
// one too, and one sleeper keeps the time for all. And it ends: with its threads, and with the tasks that are left.
