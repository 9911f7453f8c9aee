//! A task: its memory, its state, and the pointers by which it is queued, woken, awaited and forgotten.

pub(crate) mod callback;
pub(crate) mod cell;
pub(crate) mod outcome;
pub(crate) mod slab;
pub(crate) mod state;
mod watchers;
