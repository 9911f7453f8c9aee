//! A poller of one socket that loom knows, in place of epoll: a condition variable, and a list of events.

use std::{collections::VecDeque, io, time::Duration};

use crate::{
    scheduler::reactor::{Token, slot::Readiness},
    sync::{Condvar, Mutex, lock},
};

/// The socket of a poller; it has but one.
pub(crate) type Descriptor<'a> = ();

/// An event: a token and what it tells, or `None` if it only wakes.
pub(crate) type Event = Option<(Token, Readiness)>;

/// Waits for events of its socket.
#[derive(Default)]
pub(crate) struct Poller {
    /// The socket and the events, under the lock.
    state: Mutex<State>,
    /// Notified of an event.
    came: Condvar,
}

/// The state that the lock of a poller protects.
#[derive(Default)]
struct State {
    /// The bytes that nobody has read.
    bytes: usize,
    /// The token by which it is watched.
    token: Option<Token>,
    /// The events that nobody has taken.
    events: VecDeque<Event>,
}

impl Poller {
    /// Makes a poller that watches nothing.
    pub(crate) fn new() -> io::Result<Poller> {
        Ok(Poller::default())
    }

    /// Watches the socket, and tells at once what there is.
    pub(crate) fn watch(
        &self,
        (): Descriptor<'_>,
        token: Token,
        _is_new: bool,
        _writes: bool,
    ) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.token = Some(token);
        if state.bytes > 0 {
            state.events.push_back(Some((token, Readiness::READ)));
            self.came.notify_all();
        }
        Ok(())
    }

    /// Wakes the thread that waits.
    pub(crate) fn wake(&self) {
        lock(&self.state).events.push_back(None);
        self.came.notify_all();
    }

    /// Waits for events; a timeout is over at once, as time stands still.
    pub(crate) fn wait(&self, events: &mut [Event], timeout: Option<Duration>) -> usize {
        let mut state = lock(&self.state);
        while state.events.is_empty() && timeout.is_none() {
            state = self.came.wait(state).unwrap();
        }
        let number = state.events.len().min(events.len());
        for (place, event) in events.iter_mut().zip(state.events.drain(..number)) {
            *place = event;
        }
        number
    }

    /// Has a byte come, from the other end.
    pub(crate) fn send(&self) {
        let mut state = lock(&self.state);
        state.bytes += 1;
        if let Some(token) = state.token {
            state.events.push_back(Some((token, Readiness::READ)));
            self.came.notify_all();
        }
    }

    /// Has an event come of a socket that is gone.
    pub(crate) fn tell(&self, token: Token) {
        lock(&self.state).events.push_back(Some((token, Readiness::READ)));
        self.came.notify_all();
    }

    /// Takes a byte, as a read does; false if it would have to wait.
    pub(crate) fn receive(&self) -> bool {
        let mut state = lock(&self.state);
        let some = state.bytes > 0;
        state.bytes -= usize::from(some);
        some
    }
}

/// Returns an event that is written over.
pub(crate) fn blank() -> Event {
    None
}

/// Returns what an event tells.
pub(crate) fn read(event: &Event) -> Event {
    *event
}
