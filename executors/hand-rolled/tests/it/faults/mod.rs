//! Programs made from bug reports against other executors, each of which showed a fault of this one once.
//! One file a subject; each runs on an event loop and on 1, 2, 4 and 8 workers.

mod ends;
mod memory_of_threads;
mod timeouts;
mod turns;
mod wakes;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread,
};

use hand_rolled::Runtime;

use crate::{number, watched};

/// Runs a test's body on each flavour, by itself each time.
pub(crate) fn watched_on_all(body: fn(Runtime)) {
    watched(move || body(Runtime::current_thread()));
    for workers in [1, 2, 4, 8] {
        watched(move || body(Runtime::multi_thread(number(workers))));
    }
}

/// A `block_on` that belongs to no runtime.
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
