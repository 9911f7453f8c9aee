//! A slot of the reactor: how ready a socket is, and who waits for it.
//!
//! A slot is lent to a socket, and to another one after that. Its state is one word:
//!
//! ```text
//!     63            32 31      16 15         0
//!    +----------------+----------+------------+
//!    |   generation   |   tick   |   flags    |        of a free slot: generation, and the next free slot
//!    +----------------+----------+------------+
//! ```
//!
//! The *generation* counts the sockets that had the slot. An event names it, and touches nothing if the slot has gone on
//! since. The *tick* counts the events. A task that finds its socket drained clears readiness only if the tick is the one
//! that it saw before it asked the socket: what came meanwhile stays.
//!
//! No event is slept over. Task and poller each write, pass the lock of the wakers, and then read what the other wrote:
//!
//! ```text
//!    task:    stores its waker, under the lock    reads the flags            suspends if they are not set
//!    poller:  sets the flags                      takes the waker, under the lock, and wakes it
//! ```
//!
//! If the task has the lock first, the poller finds the waker. If the poller has it first, the task finds the flags: the
//! lock hands on what came before. That is why all accesses to the state are `Relaxed`.

use std::task::Waker;

use crate::{
    panic::drop_quietly,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        lock,
    },
    task::ThinWaker,
};

/// The readiness of one socket, and the tasks that wait for it.
pub(crate) struct Slot {
    /// The generation, the tick and the flags.
    state: AtomicU64,
    /// The tasks that wait, under the lock.
    waiting: Mutex<Waiting>,
}

/// A direction of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// It is read from, or accepts.
    Read,
    /// It is written to, or connects.
    Write,
}

/// The flags of a state that an event sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u64);

/// The state of a slot as it was at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(u64);

/// The tasks that wait for a socket, one for each direction.
#[derive(Default)]
struct Waiting {
    /// The wakers of the tasks.
    wakers: [Option<ThinWaker>; 2],
    /// The last ticket given; see [`Slot::wait`].
    tickets: [u32; 2],
}

/// The poller has been asked for events of the socket.
const ADDED: u64 = 1 << 4;
/// The poller has been asked for writability, too.
const ASKED_TO_WRITE: u64 = 1 << 5;
/// One more event.
const TICK: u64 = 1 << 16;
/// The part of the state that counts events.
const TICKS: u64 = 0xffff << 16;
/// The bits below the generation.
const GENERATION: u32 = 32;
/// The bit of a ticket whose future has taken the place of another of its task.
const DISPLACED: u32 = 1;

// One for each socket that has waited.
#[cfg(all(target_os = "linux", not(loom)))]
const _: () = assert!(size_of::<Slot>() <= 40);

/// Returns true if the future with this ticket has taken the place of another one of its task.
pub(super) fn has_displaced(ticket: u32) -> bool {
    ticket & DISPLACED != 0
}

impl Readiness {
    /// Something can be read.
    pub(crate) const READ: Readiness = Readiness(1 << 0);
    /// Something can be written.
    pub(crate) const WRITE: Readiness = Readiness(1 << 1);
    /// Nothing will ever wait to be read any more.
    pub(crate) const READ_OVER: Readiness = Readiness(1 << 2);
    /// Nothing will ever wait to be written any more.
    pub(crate) const WRITE_OVER: Readiness = Readiness(1 << 3);

    /// A read may have ended before all that is there, because the other end has sent urgent data. This stays.
    pub(crate) const READ_STOPS: Readiness = Readiness(1 << 6);

    /// Returns what is in either.
    pub(crate) fn and(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }

    /// Returns true if a task that waits for the direction can go on.
    fn has(self, direction: Direction) -> bool {
        self.0 & direction.ready().0 != 0
    }
}

impl Direction {
    /// Returns the flag of a direction in which something is there.
    pub(super) fn flag(self) -> Readiness {
        Readiness(Readiness::READ.0 << self as u64)
    }

    /// Returns the flags each of which makes the direction ready.
    pub(super) fn ready(self) -> Readiness {
        self.flag().and(Readiness(Readiness::READ_OVER.0 << self as u64))
    }

    /// Returns the flag of a socket whose poller has been asked for the direction.
    fn asked(self) -> u64 {
        if self == Direction::Read { ADDED } else { ASKED_TO_WRITE }
    }
}

impl Seen {
    /// The state of a slot before the first event of its socket, as far as [`Slot::clear`] looks at it.
    pub(super) const BEFORE_EVENTS: Seen = Seen(0);

    /// Returns true if an operation in this direction may succeed.
    pub(crate) fn is_ready(self, direction: Direction) -> bool {
        Readiness(self.0).has(direction)
    }

    /// Returns true if the poller has been asked for the direction.
    pub(crate) fn is_asked(self, direction: Direction) -> bool {
        self.0 & direction.asked() != 0
    }

    /// Returns true if the poller has been asked for anything.
    pub(super) fn is_added(self) -> bool {
        self.0 & ADDED != 0
    }

    /// Returns true if a read that is short has taken all there was.
    pub(super) fn reads_all(self) -> bool {
        self.0 & Readiness::READ_STOPS.0 == 0
    }

    /// Returns the generation.
    pub(super) fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32
    }
}

impl Slot {
    /// Makes a slot that no socket has had.
    pub(super) fn new() -> Slot {
        Slot { state: AtomicU64::new(0), waiting: Mutex::default() }
    }

    /// Returns the state.
    #[inline]
    pub(crate) fn seen(&self) -> Seen {
        Seen(self.state.load(Relaxed))
    }

    /// Lends a free slot to a socket of which nothing is known: it counts as ready. Returns the generation, and the
    /// next free slot.
    pub(super) fn lend(&self) -> (u32, u32) {
        let free = self.seen();
        let ready = Readiness::READ.and(Readiness::WRITE);
        self.state.store(u64::from(free.generation()) << GENERATION | ready.0, Relaxed);
        (free.generation(), free.0 as u32)
    }

    /// Begins the next generation: events of the one that ends are of no effect from now on. Returns the wakers of
    /// futures that were never dropped.
    pub(super) fn retire(&self) -> [Option<ThinWaker>; 2] {
        // An exchange: an event that is noted just now is before it or after it, and then of no effect.
        let next = |state| Some(u64::from(Seen(state).generation().wrapping_add(1)) << GENERATION);
        self.state.fetch_update(Relaxed, Relaxed, next).expect("there is always a next");
        self.take_wakers()
    }

    /// Notes the free slot that comes after this one.
    pub(super) fn link(&self, next: u32) {
        self.state.store(u64::from(self.seen().generation()) << GENERATION | u64::from(next), Relaxed);
    }

    /// Calls `ask` unless the poller has been asked for this direction: with true if it has been asked for nothing,
    /// and with true if it is to be asked for writability.
    ///
    /// # Errors
    ///
    /// Returns those of `ask`.
    pub(super) fn ask<E>(
        &self,
        direction: Direction,
        ask: impl FnOnce(bool, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        // Of a reader and a writer that ask at the same time, the second knows what the first has asked for.
        let _waiting = lock(&self.waiting);
        let seen = self.seen();
        if seen.is_asked(direction) {
            return Ok(());
        }
        let writes = direction == Direction::Write || seen.is_asked(Direction::Write);
        ask(!seen.is_added(), writes)?;
        self.state.fetch_or(ADDED | direction.asked(), Relaxed);
        Ok(())
    }

    /// Removes flags, unless there has been an event since the state was `seen`.
    pub(super) fn clear(&self, seen: Seen, flags: Readiness) {
        let clear = |state: u64| ((state ^ seen.0) & TICKS == 0).then_some(state & !flags.0);
        self.state.fetch_update(Relaxed, Relaxed, clear).ok();
    }

    /// Notes an event, and returns the wakers of those that waited for it; none if it is of another generation.
    pub(super) fn note(&self, generation: u32, readiness: Readiness) -> [Option<ThinWaker>; 2] {
        let note = |state: u64| {
            let tick = (state & TICKS).wrapping_add(TICK) & TICKS;
            let noted = state & !TICKS | tick | readiness.0;
            (Seen(state).generation() == generation).then_some(noted)
        };
        if self.state.fetch_update(Relaxed, Relaxed, note).is_err() {
            return [None, None];
        }
        // Should the slot go on to another socket just now, that one's tasks are woken in vain.
        let mut waiting = lock(&self.waiting);
        [Direction::Read, Direction::Write]
            .map(|direction| readiness.has(direction).then(|| waiting.wakers[direction as usize].take())?)
    }

    /// Takes the wakers of all who wait.
    pub(super) fn take_wakers(&self) -> [Option<ThinWaker>; 2] {
        let mut waiting = lock(&self.waiting);
        waiting.wakers.each_mut().map(Option::take)
    }

    /// Has `waker` woken by the next event of the direction. The caller then has to look at the state again.
    ///
    /// A future that waits has a ticket, zero at first; the one whose ticket was given last has its waker here. So a
    /// future that is polled by another task than before replaces its own waker, and no other's. Of two futures of one task
    /// the second takes the place of the first; its ticket [says so](has_displaced).
    ///
    /// Returns false if another task waits: then nothing has changed.
    pub(crate) fn wait(&self, direction: Direction, ticket: &mut u32, waker: &Waker) -> bool {
        if *ticket != 0 && self.will_wake(direction, *ticket, waker) {
            return true;
        }
        // A waker's clone and its destructor are code of the user, and run without any lock.
        let thin = ThinWaker::of(waker);
        let mut waiting = lock(&self.waiting);
        let Waiting { wakers, tickets } = &mut *waiting;
        let (stored, last) = (&mut wakers[direction as usize], &mut tickets[direction as usize]);
        let is_own = *ticket != 0 && *last == *ticket;
        let is_taken = !is_own && stored.as_ref().is_some_and(|stored| !stored.will_wake(waker));
        let unneeded = if is_taken {
            Some(thin)
        } else {
            if !is_own {
                let next = (*last | DISPLACED).wrapping_add(1).max(DISPLACED + 1);
                *last = if stored.is_some() { next | DISPLACED } else { next };
                *ticket = *last;
            }
            stored.replace(thin)
        };
        drop(waiting);
        drop_quietly(unneeded);
        !is_taken
    }

    /// Returns true if the waker of the future with this ticket is there, and wakes the same as `waker`.
    fn will_wake(&self, direction: Direction, ticket: u32, waker: &Waker) -> bool {
        let waiting = lock(&self.waiting);
        let stored = waiting.wakers[direction as usize].as_ref();
        waiting.tickets[direction as usize] == ticket && stored.is_some_and(|stored| stored.will_wake(waker))
    }

    /// Takes the waker of a future back that waits no longer; none if it was taken before.
    pub(crate) fn forget(&self, direction: Direction, ticket: u32) -> Option<ThinWaker> {
        let mut waiting = lock(&self.waiting);
        let is_own = waiting.tickets[direction as usize] == ticket;
        is_own.then(|| waiting.wakers[direction as usize].take())?
    }
}
