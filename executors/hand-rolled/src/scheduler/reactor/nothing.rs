//! The system's part of the reactor where there is none: no socket can be registered.

use std::{io, time::Duration};

use super::{Token, slot::Readiness};

/// A socket, of which there are none.
pub(crate) type Descriptor<'a> = std::convert::Infallible;

/// An event, of which there are none.
#[derive(Clone, Copy)]
pub(super) struct Event;

/// Waits for nothing: nobody can make one.
pub(super) enum Poller {}

impl Poller {
    /// Makes none.
    pub(super) fn new() -> io::Result<Poller> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Watches no socket.
    pub(super) fn watch(&self, _: Descriptor<'_>, _: Token, _: bool, _: bool) -> io::Result<()> {
        match *self {}
    }

    /// Wakes nobody.
    pub(super) fn wake(&self) {
        match *self {}
    }

    /// Waits for nothing.
    pub(super) fn wait(&self, _: &mut [Event], _: Option<Duration>) -> usize {
        match *self {}
    }
}

/// Returns what stands for an event.
pub(super) fn blank() -> Event {
    Event
}

/// Reads nothing.
pub(super) fn read(_: &Event) -> Option<(Token, Readiness)> {
    None
}
