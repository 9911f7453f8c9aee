//! The reactor: who waits for sockets, and what happens when one is ready.
//!
//! ```text
//!     a task finds nothing to read           a worker finds no task
//!               |                                      |
//!               v                                      v
//!     stores its waker in the slot           parks: takes the seat, and waits in epoll
//!     of its socket, and suspends            in place of sleeping
//!                                                      | an event
//!                                                      v
//!                                            gets up, gives the seat back,
//!                                            sets the flags, wakes: the task comes next
//! ```
//!
//! A socket is registered *late*: when an operation would first have to wait. Until then it counts as ready, and one that
//! never waits costs the reactor nothing. The first that is registered makes the reactor.
//!
//! # One has the seat
//!
//! At most one thread at a time asks epoll for events: the one that has the *seat*. A parked worker takes it if it is free,
//! and waits as long as it would have slept; the others sleep. A busy worker takes it for a moment, to *look*, if nobody has
//! for some time; and one that is about to park, if that pays (`worker/sockets.rs`). So nobody takes an event that is meant to
//! wake the one that waits.
//!
//! While a socket is registered, and there is a worker, one of these holds:
//!
//! - A parked worker has the seat.
//! - A worker is awake. It will look, or park and take the seat, or leave; whoever leaves tells a parked worker of the seat.
//! - The first socket is just being registered, and a parked worker is about to be told.
//!
//! The last is as with timers: whoever registers counts the socket, passes a fence, and reads the list of the parked; a
//! worker enters the list, passes a fence, and reads the number of sockets (`parking.rs`).
//!
//! # The one that waits is woken
//!
//! It notes in its parker that it waits, and whoever finds that note writes to the eventfd: once, because the note of the
//! signal is found by the others. The seat is given back after that note has been removed. So a write that comes too late
//! wakes another wait in vain, and none is lost.
//!
//! # The end
//!
//! When a runtime ends its reactor does, though sockets may keep it: each wait, from then on, is an error. Whoever waits
//! stores a waker first and looks for the end after that; the end is noted first, and wakes all wakers after that. The lock
//! of a slot orders the two, as in `slot.rs`.

// Nothing waits for sockets where there is no epoll.
#![cfg_attr(any(not(target_os = "linux"), loom), allow(dead_code, reason = "only sockets use it"))]

#[cfg(all(target_os = "linux", not(loom)))]
mod epoll;
#[cfg(not(any(target_os = "linux", loom)))]
#[path = "reactor/nothing.rs"]
mod epoll;
pub(crate) mod slot;
mod slots;

use std::{
    io,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

#[cfg(loom)]
use crate::models::epoll;
use crate::{
    fork,
    panic::{contain, drop_quietly},
    scheduler::{Scheduler, timers::Time},
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::ThinWaker,
};
use epoll::{Event, Poller};
use slot::{Direction, Seen, Slot};
use slots::Slots;

pub(crate) use epoll::Descriptor;

/// The most events that are taken at once.
pub(crate) const MOST_EVENTS: usize = 128;
/// The time after which a busy worker looks for events, if nobody has.
const LOOK_INTERVAL: Duration = Duration::from_micros(50);
/// The longest wait that epoll ends in time: it may end a wait later by a thousandth, and by five for a process that is
/// nice to others.
const EXACT: Duration = Duration::from_millis(10);

/// The place of a runtime's reactor, which is there once a socket has been registered.
#[derive(Default)]
pub(crate) struct Sockets(OnceLock<Arc<Reactor>>);

/// Tells tasks of their sockets.
pub(crate) struct Reactor {
    /// The part that the system does.
    poller: Poller,
    /// A slot for each socket.
    slots: Slots,
    /// The number of sockets that are registered.
    registered: AtomicUsize,
    /// True while a thread has the seat.
    seat: AtomicBool,
    /// The time of the last look; zero if somebody has waited since.
    looked: AtomicU64,
    /// Set once the runtime has ended.
    ended: AtomicBool,
    /// The generation of the process that it was made in.
    process: usize,
}

/// The socket that an event is about: a generation, and the index of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

/// The seat of a reactor; the thread that has it alone asks for events.
pub(crate) struct Seat<'a>(&'a Arc<Reactor>);

/// Events that have not been delivered.
#[derive(Default)]
pub(crate) struct Batch {
    /// The events, and room for more.
    events: Box<[Event]>,
    /// The number of events.
    number: usize,
}

/// A socket that is registered, until it is dropped.
pub(crate) struct Registration {
    /// The reactor.
    reactor: Arc<Reactor>,
    /// The index of its slot.
    index: u32,
    /// The generation of the slot.
    generation: u32,
}

impl Token {
    /// Makes the token of a socket.
    fn new(generation: u32, index: u32) -> Token {
        Token(u64::from(generation) << 32 | u64::from(index))
    }

    /// Returns the generation.
    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Returns the index of the slot.
    fn index(self) -> u32 {
        self.0 as u32
    }
}

impl Sockets {
    /// Returns the reactor, if a socket is registered.
    #[inline]
    pub(crate) fn in_use(&self) -> Option<&Arc<Reactor>> {
        self.0.get().filter(|reactor| reactor.has_sockets())
    }

    /// Returns the reactor, if there is one.
    pub(crate) fn get(&self) -> Option<&Arc<Reactor>> {
        self.0.get()
    }

    /// Returns the reactor, which is made if there is none.
    fn reactor(&self) -> io::Result<&Arc<Reactor>> {
        if let Some(reactor) = self.0.get() {
            return Ok(reactor);
        }
        let made = Reactor::new()?;
        // Another thread may have been quicker.
        Ok(self.0.get_or_init(|| made))
    }

    /// Ends the reactor, if there is one: wakes whoever waits for a socket, and lets nobody wait from now on.
    pub(crate) fn end(&self) {
        if let Some(reactor) = self.0.get() {
            reactor.end();
        }
    }
}

impl Scheduler {
    /// Registers a socket, which counts as ready until it is found not to be.
    ///
    /// # Errors
    ///
    /// Returns those of the system, and an error if the runtime has ended.
    pub(crate) fn register(&self) -> io::Result<Registration> {
        let reactor = self.sockets.reactor()?;
        let (registration, is_first) = reactor.register();
        // The lock of the injector, which the end closes first: it finds the reactor, or this one finds it closed.
        if self.is_closed() {
            reactor.end();
        }
        registration.check()?;
        if is_first {
            self.parking.tell_of_seat();
        }
        Ok(registration)
    }
}

impl Reactor {
    /// Makes a reactor without sockets.
    pub(crate) fn new() -> io::Result<Arc<Reactor>> {
        Ok(Arc::new(Reactor {
            poller: Poller::new()?,
            slots: Slots::new(),
            registered: AtomicUsize::new(0),
            seat: AtomicBool::new(false),
            looked: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            process: fork::generation(),
        }))
    }

    /// Registers a socket. Returns true besides if it is the only one: the caller then tells a parked worker of the seat.
    pub(crate) fn register(self: &Arc<Self>) -> (Registration, bool) {
        let (index, generation) = self.slots.lend();
        let registration = Registration { reactor: self.clone(), index, generation };
        (registration, self.registered.fetch_add(1, Relaxed) == 0)
    }

    /// Takes the seat, if it is free.
    #[inline]
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat<'_>> {
        let is_free = !self.seat.load(Relaxed) && !self.seat.swap(true, Acquire);
        is_free.then(|| Seat(self))
    }

    /// Takes the seat for a look, if it is free and nobody has looked or waited for some time.
    pub(crate) fn sit_to_look(self: &Arc<Self>) -> Option<Seat<'_>> {
        let now = Time::now();
        let looked = Time::at(self.looked.load(Relaxed));
        if looked != Time::PAST && now < looked.after(LOOK_INTERVAL) {
            return None;
        }
        // The end of a wait was the last look, and nobody has read the clock then.
        let seat = if looked == Time::PAST { None } else { Some(self.sit()?) };
        self.looked.store(now.nanoseconds(), Relaxed);
        seat
    }

    /// Wakes the thread that waits, from [`Parker::signal`](crate::scheduler::parking::Parker).
    pub(crate) fn wake(&self) {
        self.poller.wake();
    }

    /// Returns true if a socket is registered.
    #[inline]
    pub(crate) fn has_sockets(&self) -> bool {
        self.registered.load(Relaxed) > 0
    }

    /// Returns the poller, for a model, which is the other end of its socket.
    #[cfg(loom)]
    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Returns true in a child of the process that it was made in, which shares epoll with its parent and must leave it
    /// alone.
    #[inline]
    pub(crate) fn is_the_parents(&self) -> bool {
        fork::is_child_of(self.process)
    }

    /// Returns true once it has ended.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// Ends it: wakes whoever waits, and lets nobody wait from now on.
    pub(crate) fn end(&self) {
        self.ended.store(true, Relaxed);
        for waker in self.slots.used().flat_map(|slot| slot.take_wakers()).flatten() {
            contain(|| waker.wake()).ok();
        }
    }

    /// Delivers an event: wakes the tasks that wait for it. Calls `prepare` before each waker that is no task's.
    fn deliver(&self, event: &Event, prepare: impl Fn()) {
        let Some((token, readiness)) = epoll::read(event) else { return };
        let woken = self.slots.get(token.index()).note(token.generation(), readiness);
        for waker in woken.into_iter().flatten() {
            if waker.is_foreign() {
                prepare();
            }
            // Its panic has been shown.
            contain(|| waker.wake()).ok();
        }
    }
}

impl Seat<'_> {
    /// Returns the reactor.
    pub(crate) fn reactor(&self) -> &Arc<Reactor> {
        self.0
    }

    /// Waits for `limit` events at most, or until the deadline, or for no reason. Returns true if there are some.
    pub(crate) fn wait(&self, batch: &mut Batch, limit: usize, deadline: Option<Instant>) -> bool {
        let left = deadline.map(|deadline| step(deadline.saturating_duration_since(Instant::now())));
        self.wait_for(batch, limit, left)
    }

    /// Takes the events that are there, before a wait, and in place of it if there are some. Returns true if so.
    pub(crate) fn look_before(&self, batch: &mut Batch) -> bool {
        self.wait_for(batch, MOST_EVENTS, Some(Duration::ZERO))
    }

    /// Waits for so long, and returns true if there are events.
    fn wait_for(&self, batch: &mut Batch, limit: usize, left: Option<Duration>) -> bool {
        batch.fill(&self.0.poller, limit, left);
        self.0.looked.store(Time::PAST.nanoseconds(), Relaxed);
        batch.has_events()
    }

    /// Takes the events that are there, `limit` at most.
    pub(crate) fn look(&self, batch: &mut Batch, limit: usize) {
        batch.fill(&self.0.poller, limit, Some(Duration::ZERO));
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.seat.store(false, Release);
    }
}

/// Returns the part of a wait that epoll is to make in one: the lateness of a long wait is made up for by another.
fn step(left: Duration) -> Duration {
    if left > EXACT { left - left / 128 } else { left }
}

impl Batch {
    /// Asks for events.
    fn fill(&mut self, poller: &Poller, limit: usize, timeout: Option<Duration>) {
        if self.events.is_empty() {
            self.events = vec![epoll::blank(); MOST_EVENTS].into_boxed_slice();
        }
        let number = poller.wait(&mut self.events[..limit], timeout);
        // Whoever was only woken finds a signal, or waits on: the bell may have come late.
        let is_bell = number == 1 && epoll::read(&self.events[0]).is_none();
        self.number = if is_bell { 0 } else { number };
    }

    /// Returns true if there are events.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.number > 0
    }

    /// Delivers the events in their order, but the first one last if `first_last`. Calls `prepare` before each waker that is no
    /// task's.
    pub(crate) fn deliver(&mut self, reactor: &Reactor, first_last: bool, prepare: impl Fn()) {
        let events = &mut self.events[..self.number];
        if first_last {
            events.rotate_left(1);
        }
        events.iter().for_each(|event| reactor.deliver(event, &prepare));
        self.number = 0;
    }
}

impl Registration {
    /// Returns the token of its events.
    pub(crate) fn token(&self) -> Token {
        Token::new(self.generation, self.index)
    }

    /// Returns the slot.
    #[inline]
    fn slot(&self) -> &Slot {
        self.reactor.slots.get(self.index)
    }

    /// Returns the state of the socket.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    #[inline]
    pub(crate) fn seen(&self) -> io::Result<Seen> {
        self.check()?;
        Ok(self.slot().seen())
    }

    /// Returns an error if nobody tells of events any more.
    #[inline]
    fn check(&self) -> io::Result<()> {
        if self.reactor.has_ended() || self.reactor.is_the_parents() {
            return Err(self.error());
        }
        Ok(())
    }

    /// Returns the error of a socket of whose events nobody tells any more.
    #[cold]
    fn error(&self) -> io::Error {
        io::Error::other(if self.reactor.is_the_parents() {
            "a socket waits in the parent of this process; make a runtime and connect in the child"
        } else {
            "the runtime in which this socket has waited has ended"
        })
    }

    /// Notes that an operation had to wait, after the state was `seen`. The first time the system is asked for the
    /// direction.
    ///
    /// # Errors
    ///
    /// Returns those of the system.
    pub(crate) fn drained(&self, seen: Seen, direction: Direction, socket: Descriptor<'_>) -> io::Result<()> {
        let (slot, token) = (self.slot(), self.token());
        slot.ask(direction, |is_new, writes| self.reactor.poller.watch(socket, token, is_new, writes))?;
        // It waits, so it was not over.
        slot.clear(seen, direction.ready());
        Ok(())
    }

    /// Notes that an operation had to wait, which was tried before it was known that the socket is registered.
    ///
    /// # Errors
    ///
    /// Returns those of the system, and an error if the runtime has ended.
    pub(crate) fn drained_before(&self, direction: Direction, socket: Descriptor<'_>) -> io::Result<()> {
        self.check()?;
        // If another task has registered it, any event so far may have come after the operation.
        self.drained(Seen::BEFORE_EVENTS, direction, socket)
    }

    /// Notes that an operation has taken all there was, after the state was `seen`: the next would have to wait.
    #[inline]
    pub(crate) fn emptied(&self, seen: Seen, direction: Direction) {
        if seen.is_asked(direction) && seen.reads_all() {
            self.slot().clear(seen, direction.flag());
        }
    }

    /// Has `waker` woken when the direction is ready; see [`Slot::wait`]. The caller then has to look at the state again.
    pub(crate) fn wait(&self, direction: Direction, ticket: &mut u32, waker: &Waker) -> bool {
        self.slot().wait(direction, ticket, waker)
    }

    /// Takes the waker of a future back that waits no longer. If another future of its task still waits, which had its waker
    /// there before, the task is woken, so that it waits again.
    pub(crate) fn forget(&self, direction: Direction, ticket: u32) {
        let waker = self.slot().forget(direction, ticket);
        if slot::has_displaced(ticket) {
            contain(|| waker.map(ThinWaker::wake)).ok();
        } else {
            drop_quietly(waker);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Its events are over before its descriptor is closed, which another socket may then get.
        let forgotten = self.reactor.slots.restore(self.index);
        self.reactor.registered.fetch_sub(1, Relaxed);
        forgotten.into_iter().for_each(drop_quietly::<Option<ThinWaker>>);
    }
}
