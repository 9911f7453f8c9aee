//! The slots of a reactor, which never move and stay until its end: an event may name one at any time.
//!
//! They are in chunks, each twice as large as the one before. Those that are free are linked, under a lock.

use std::sync::OnceLock;

use super::slot::Slot;
use crate::{
    sync::{Mutex, lock},
    task::ThinWaker,
};

/// The number of slots in the first chunk.
const FIRST_CHUNK: u32 = 32;
/// The most chunks: more slots than a process may have sockets.
const MOST_CHUNKS: usize = 26;
/// Stands in the place of a free slot.
const NONE: u32 = u32::MAX;

/// All slots of a reactor.
pub(super) struct Slots {
    /// The slots.
    chunks: [OnceLock<Box<[Slot]>>; MOST_CHUNKS],
    /// The slots that no socket has, under the lock.
    free: Mutex<Free>,
}

/// The slots that no socket has.
struct Free {
    /// The first of those that sockets have had.
    first: u32,
    /// The number of slots that sockets have or have had.
    used: u32,
}

impl Slots {
    /// Makes no slot.
    pub(super) fn new() -> Slots {
        let free = Mutex::new(Free { first: NONE, used: 0 });
        Slots { chunks: [const { OnceLock::new() }; MOST_CHUNKS], free }
    }

    /// Returns a slot that has been lent before.
    pub(super) fn get(&self, index: u32) -> &Slot {
        let (chunk, place) = place_of(index);
        &self.chunks[chunk].get().expect("it has been lent")[place]
    }

    /// Lends a slot. Returns its index and its generation.
    pub(super) fn lend(&self) -> (u32, u32) {
        let mut free = lock(&self.free);
        let index = free.first;
        if index == NONE {
            let index = free.used;
            let (chunk, place) = place_of(index);
            let chunk =
                self.chunks[chunk].get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| Slot::new()).collect());
            free.used += 1;
            return (index, chunk[place].lend().0);
        }
        let (generation, next) = self.get(index).lend();
        free.first = next;
        (index, generation)
    }

    /// Takes a slot back. Returns the wakers of futures that were never dropped.
    pub(super) fn restore(&self, index: u32) -> [Option<ThinWaker>; 2] {
        let slot = self.get(index);
        let forgotten = slot.retire();
        let mut free = lock(&self.free);
        slot.link(free.first);
        free.first = index;
        forgotten
    }

    /// Returns all slots that sockets have or have had.
    pub(super) fn used(&self) -> impl Iterator<Item = &Slot> {
        let used = lock(&self.free).used;
        self.chunks.iter().map_while(OnceLock::get).flatten().take(used as usize)
    }
}

/// Returns the chunk of a slot, and the place in it.
fn place_of(index: u32) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2();
    let before = ((1 << chunk) - 1) * FIRST_CHUNK;
    (chunk as usize, (index - before) as usize)
}
