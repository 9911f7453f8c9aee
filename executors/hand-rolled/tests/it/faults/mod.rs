//! Programs made from bug reports against other executors, each of which showed a fault of this one once.
//! One file a subject; each runs on an event loop and on 1, 2, 4 and 8 workers.

mod ends;
mod memory_of_threads;
mod timeouts;
mod turns;
mod wakes;

use hand_rolled::Runtime;

use crate::{number, park_on, watched};

/// Runs a test's body on each flavour, by itself each time.
pub(crate) fn watched_on_all(body: fn(Runtime)) {
    watched(move || body(Runtime::current_thread()));
    for workers in [1, 2, 4, 8] {
        watched(move || body(Runtime::multi_thread(number(workers))));
    }
}
