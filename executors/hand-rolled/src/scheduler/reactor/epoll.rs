//! The system's part of the reactor: epoll, and an eventfd by which other threads wake whoever waits in it.
//!
//! - All is edge triggered: an event comes once, also for what was ready when epoll was asked.
//! - Nothing is taken out of epoll: the system does that when a socket is closed. A socket that lives on, as in a child of
//!   a fork, goes on making events, whose generation is over.
//! - The eventfd is never read. Each write is an event, and its counter would take centuries to be full.
//! - The wait is `epoll_pwait2`, which knows nanoseconds, and which Linux has since 5.11. A system that refuses it refuses
//!   the first socket that has to wait.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
    io::Errno,
};

use super::{Token, slot::Readiness};

/// A socket as the system knows it.
pub(crate) type Descriptor<'a> = BorrowedFd<'a>;

/// An event as the system writes it.
pub(super) use rustix::event::epoll::Event;

/// Waits for events of sockets.
pub(super) struct Poller {
    /// The sockets that it watches.
    epoll: OwnedFd,
    /// Wakes the thread that waits.
    bell: OwnedFd,
}

/// The data of the eventfd, which is no token.
const BELL: u64 = u64::MAX;

impl Poller {
    /// Makes a poller that watches no socket.
    ///
    /// # Errors
    ///
    /// Returns those of the system: no file descriptor is left, or there is no `epoll_pwait2`.
    pub(super) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        let poller = Poller { epoll, bell };
        poller.try_wait(&mut [blank()], Some(Duration::ZERO))?;
        Ok(poller)
    }

    /// Watches a socket, for writability too if `writes`. Its events have the token.
    ///
    /// # Errors
    ///
    /// Returns those of the system: the user watches too many, or there is no memory.
    pub(super) fn watch(
        &self,
        socket: Descriptor<'_>,
        token: Token,
        is_new: bool,
        writes: bool,
    ) -> io::Result<()> {
        let reads = EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | EventFlags::ET;
        let flags = if writes { reads | EventFlags::OUT } else { reads };
        let data = EventData::new_u64(token.0);
        if is_new {
            match epoll::add(&self.epoll, socket, data, flags) {
                // The same socket was one of ours before, was taken from that one, and given to us again.
                Err(Errno::EXIST) => {}
                added => return Ok(added?),
            }
        }
        Ok(epoll::modify(&self.epoll, socket, data, flags)?)
    }

    /// Wakes the thread that waits, or the next that does.
    pub(super) fn wake(&self) {
        // Only a full counter would refuse it.
        rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).ok();
    }

    /// Waits for events, but no longer than `timeout`. Returns their number, which may be zero for no reason.
    pub(super) fn wait(&self, events: &mut [Event], timeout: Option<Duration>) -> usize {
        match self.try_wait(events, timeout) {
            Ok(number) => number,
            // A signal is no event.
            Err(Errno::INTR) => 0,
            Err(error) => panic!("the system refuses to wait for sockets: {error}"),
        }
    }

    /// Waits for events.
    fn try_wait(&self, events: &mut [Event], timeout: Option<Duration>) -> Result<usize, Errno> {
        // Centuries are as good as for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        epoll::wait(&self.epoll, events, timeout.as_ref())
    }
}

/// Returns an event that the system writes over.
pub(super) fn blank() -> Event {
    Event { flags: EventFlags::empty(), data: EventData::new_u64(BELL) }
}

/// Returns the token of an event, and what it tells; `None` if it only wakes.
pub(super) fn read(event: &Event) -> Option<(Token, Readiness)> {
    let (flags, data) = (event.flags, event.data.u64());
    let told = |by: EventFlags, readiness| {
        if flags.intersects(by) { readiness } else { Readiness::default() }
    };
    // A reset, or an end in both directions: whatever is tried from now on is answered at once.
    let over = told(EventFlags::HUP | EventFlags::ERR, Readiness::READ_OVER.and(Readiness::WRITE_OVER));
    let readiness = told(EventFlags::IN, Readiness::READ)
        .and(told(EventFlags::OUT, Readiness::WRITE))
        .and(told(EventFlags::PRI, Readiness::READ_STOPS))
        .and(told(EventFlags::RDHUP, Readiness::READ_OVER))
        .and(over);
    (data != BELL).then_some((Token(data), readiness))
}
