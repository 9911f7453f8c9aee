//! The timers of steps 1 to 5: a sorted map behind a lock, and a thread that sleeps until the first deadline.
//!
//! Every sleep costs two steps down a tree and two turns at one lock, and every one that ends wakes a worker
//! from another thread. Step 6 mends that.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Condvar, Mutex, Once, PoisonError},
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use crate::lock;

static TIMERS: Mutex<Timers> = Mutex::new(Timers { by_deadline: BTreeMap::new(), set: 0 });

/// Notified when a timer is set that comes before all others.
static EARLIER: Condvar = Condvar::new();

/// Starts the thread, with the first timer.
static THREAD: Once = Once::new();

/// The timers that are set.
struct Timers {
    by_deadline: BTreeMap<Key, Waker>,
    /// The number of timers that were ever set, which tells those of one deadline apart.
    set: u64,
}

/// Names a timer; keys are in the order in which timers fire.
type Key = (Instant, u64);

/// A sleep, which sets its timer when it is first polled.
pub(crate) struct Sleep {
    /// `None` if it never ends.
    deadline: Option<Instant>,
    timer: Option<Key>,
}

impl Sleep {
    /// Makes a sleep that ends after `deadline`; never, if there is none.
    pub(crate) fn until(deadline: Option<Instant>) -> Sleep {
        Sleep { deadline, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        THREAD.call_once(|| drop(thread::spawn(fire_for_ever)));
        let mut timers = lock(&TIMERS);
        let key = *self.timer.get_or_insert((deadline, timers.set));
        timers.set += 1;
        // A task that moves its sleep into another task changes the waker, and the old one is dropped after
        // the lock.
        let old = timers.by_deadline.insert(key, context.waker().clone());
        let is_first = timers.by_deadline.first_key_value().is_some_and(|(first, _)| *first == key);
        drop(timers);
        if is_first && old.is_none() {
            EARLIER.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            // It is gone already if it has fired.
            let waker = lock(&TIMERS).by_deadline.remove(&key);
            drop(waker);
        }
    }
}

/// Fires timers at their deadlines.
fn fire_for_ever() {
    let mut due = Vec::new();
    let mut timers = lock(&TIMERS);
    loop {
        let now = Instant::now();
        while let Some(first) = timers.by_deadline.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
        if !due.is_empty() {
            drop(timers);
            due.drain(..).for_each(Waker::wake);
            timers = lock(&TIMERS);
            continue;
        }
        timers = match timers.by_deadline.first_key_value() {
            Some((&(deadline, _), _)) => {
                let waited = EARLIER.wait_timeout(timers, deadline - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => EARLIER.wait(timers).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
