//! The injector: the queue that any thread may push to, and to which a worker moves half of a full ring.

use std::{collections::VecDeque, mem};

use crate::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        lock,
    },
    task::Entry,
};

/// The number of entries for which there is room in any case, once there was.
const KEPT: usize = 4096;

/// Queues tasks for all workers, first in, first out.
///
/// Other threads write to it all the time, so it shares no cache line with what workers read in each turn.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Injector {
    /// The tasks, under the lock.
    state: Mutex<Queue>,
    /// The number of entries; a hint, so that no thread takes the lock of an empty queue.
    len: AtomicUsize,
    /// True if [`trim`](Injector::trim) may find something; a hint. Changed under the lock.
    has_spare: AtomicBool,
}

/// The state that the lock of the injector protects.
#[derive(Default)]
struct Queue {
    /// The entries, in the order in which they came.
    entries: VecDeque<Entry>,
    /// The most entries that there were since there were none.
    most: usize,
    /// True if workers have pushed some since there were none.
    has_overflow: bool,
    /// The most entries that there were since the last [`trim`](Injector::trim), if they were many.
    many: usize,
    /// Set once the runtime has ended.
    closed: bool,
}

impl Injector {
    /// Appends an entry. Returns it if the runtime has ended.
    pub(crate) fn push(&self, entry: Entry) -> Result<(), Entry> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(entry);
        }
        state.entries.push_back(entry);
        self.note_len(&mut state);
        Ok(())
    }

    /// Appends entries that a worker has queued. They are taken also if the runtime has ended: its end looks
    /// for them once the worker is gone.
    pub(crate) fn push_all(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut state = lock(&self.state);
        state.entries.extend(entries);
        state.has_overflow = true;
        self.note_len(&mut state);
    }

    /// Notes that there are more entries.
    #[inline]
    fn note_len(&self, state: &mut Queue) {
        let len = state.entries.len();
        self.len.store(len, Relaxed);
        if len > KEPT {
            state.many = state.many.max(len);
            self.has_spare.store(true, Relaxed);
        }
    }

    /// Returns true if [`trim`](Self::trim) may find something.
    #[inline]
    pub(crate) fn has_spare(&self) -> bool {
        self.has_spare.load(Relaxed)
    }

    /// Gives memory back to the system that no entries have needed since the last call.
    pub(crate) fn trim(&self) {
        if self.has_spare() {
            let mut state = lock(&self.state);
            let many = mem::take(&mut state.many);
            state.entries.shrink_to(many.max(KEPT));
            self.has_spare.store(many > 0, Relaxed);
        }
    }

    /// Returns the number of entries now, or a moment ago.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Takes the oldest entries, for one of `workers`: `fit` returns the number of them, given the worker's share.
    ///
    /// A share is one of the most entries that there were, not of those that are left: after a share for each worker nothing
    /// is. `fit` is asked again with a share of those that are left, if it returns fewer.
    pub(crate) fn take_share(
        &self,
        workers: usize,
        mut fit: impl FnMut(usize) -> usize,
        mut taken: impl FnMut(Entry),
    ) {
        if self.len() == 0 {
            return;
        }
        let mut state = lock(&self.state);
        let len = state.entries.len();
        state.most = state.most.max(len);
        let mut share = state.most.div_ceil(workers).min(len);
        let mut number = fit(share);
        if number < share {
            share = len.div_ceil(workers);
            number = fit(share).min(len);
        }
        state.entries.drain(..number).for_each(&mut taken);
        if number < share {
            state.most = 0;
        }
        self.note_taken(&mut state, len - number);
    }

    /// Takes the oldest entry if all are from outside, and no more than `most`. Returns it with the number of those that are
    /// left.
    pub(crate) fn take_from_outside(&self, most: usize) -> Option<(Entry, usize)> {
        let mut state = lock(&self.state);
        if state.has_overflow || state.entries.len() > most {
            return None;
        }
        let entry = state.entries.pop_front()?;
        let left = state.entries.len();
        self.note_taken(&mut state, left);
        Some((entry, left))
    }

    /// Takes the oldest entries: `share` returns the number of them, given the number of all. Returns the
    /// number taken.
    pub(crate) fn take(&self, share: impl FnOnce(usize) -> usize, mut taken: impl FnMut(Entry)) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let mut state = lock(&self.state);
        let len = state.entries.len();
        let number = share(len).min(len);
        state.entries.drain(..number).for_each(&mut taken);
        self.note_taken(&mut state, len - number);
        number
    }

    /// Notes that so many entries are left.
    #[inline]
    fn note_taken(&self, state: &mut Queue, left: usize) {
        if left == 0 {
            state.most = 0;
            state.has_overflow = false;
        }
        self.len.store(left, Relaxed);
    }

    /// Refuses entries from now on, except from workers.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Returns true if entries are refused.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }
}
