//! The queue that everybody may push to: for threads that are no workers, and for what is too much for a worker's own.

use std::collections::VecDeque;

use crate::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
        lock,
    },
    task::Entry,
};

/// A queue, first in, first out.
#[derive(Default)]
pub(crate) struct Injector {
    /// What is queued, under the lock.
    state: Mutex<State>,
    /// How many are queued; a hint, so that nobody takes the lock of an empty queue.
    len: AtomicUsize,
}

/// What the lock of the injector protects.
#[derive(Default)]
struct State {
    /// The entries, in the order in which they came.
    entries: VecDeque<Entry>,
    /// Whether the runtime has ended.
    closed: bool,
}

impl Injector {
    /// Appends entries, or, if the runtime has ended, gives them back.
    pub(crate) fn push<I: IntoIterator<Item = Entry>>(&self, entries: I) -> Result<(), I> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(entries);
        }
        state.entries.extend(entries);
        self.len.store(state.entries.len(), Relaxed);
        Ok(())
    }

    /// How many entries there are, or were a moment ago.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Takes the oldest entries, as many as `share` says of those that are there.
    pub(crate) fn take(&self, share: impl Fn(usize) -> usize, mut taken: impl FnMut(Entry)) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let mut state = lock(&self.state);
        let len = state.entries.len();
        let number = share(len).min(len);
        state.entries.drain(..number).for_each(&mut taken);
        self.len.store(len - number, Relaxed);
        number
    }

    /// Refuses entries from now on, and forgets those that are there: the end of the runtime finds their tasks.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.entries.clear();
        self.len.store(0, Relaxed);
    }

    /// Tells whether entries are refused.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }
}
