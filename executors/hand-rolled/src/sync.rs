//! The primitives that threads share: std's, or loom's, under which `src/models` tries every interleaving.
//!
//! Each protocol between threads takes its parts from here. Not from here are `Arc`, of which loom knows no
//! weak ones, and clocks, which no protocol may depend on.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread_local,
};

use std::sync::PoisonError;

/// Locks a mutex of the runtime, which no panic can leave half changed: no code of the user runs under it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loom's own knows no `const`.
#[cfg(loom)]
macro_rules! loom_thread_local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const $init:block;) => {
        loom::thread_local! { $(#[$attribute])* static $name: $type = $init; }
    };
    ($($any:tt)*) => { loom::thread_local! { $($any)* } };
}
#[cfg(loom)]
pub(crate) use loom_thread_local as thread_local;

/// A cell whose accesses loom can see.
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

/// A cell whose accesses loom could see.
#[cfg(not(loom))]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// Makes a cell.
    pub(crate) const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Reads through a pointer that is good for the time of the call.
    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// Writes through a pointer that is good for the time of the call.
    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Std's threads.
#[cfg(not(loom))]
pub(crate) mod thread {
    use std::io;

    pub(crate) use std::thread::{
        Builder, JoinHandle, Thread, ThreadId, current, park, park_timeout, yield_now,
    };

    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        Builder::new().name(name.into()).spawn(work)
    }
}

/// Loom's threads, with a token of our own to park on: to unpark one of loom's wakes it from locks and joins,
/// too.
#[cfg(loom)]
pub(crate) mod thread {
    use std::{cell::Cell, io, sync::Arc};

    use super::{Condvar, Mutex, lock};

    pub(crate) use loom::thread::{Builder, JoinHandle, ThreadId, spawn, yield_now};

    std::thread_local! {
        /// The number of threads that a model may still start with [`start`]; all its threads are one of std's.
        pub(crate) static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// Starts a thread, unless the model has it refused.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        let left = LEFT.get().checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
        LEFT.set(left);
        Builder::new().name(name.into()).spawn(work)
    }

    loom_thread_local! {
        /// The token that this thread parks on.
        static TOKEN: Arc<Token> = Arc::default();
    }

    /// Lets a thread go on when it parks.
    #[derive(Default)]
    struct Token {
        is_there: Mutex<bool>,
        comes: Condvar,
    }

    /// A thread.
    pub(crate) struct Thread(ThreadId, Arc<Token>);

    /// The current thread.
    pub(crate) fn current() -> Thread {
        Thread(loom::thread::current().id(), TOKEN.with(Arc::clone))
    }

    /// Waits until the token of the current thread is there, and takes it.
    pub(crate) fn park() {
        let token = TOKEN.with(Arc::clone);
        let mut is_there = lock(&token.is_there);
        while !*is_there {
            is_there = token.comes.wait(is_there).expect("loom knows no poison");
        }
        *is_there = false;
    }

    impl Thread {
        /// Returns the id of the thread.
        pub(crate) fn id(&self) -> ThreadId {
            self.0
        }

        /// Puts the token there.
        pub(crate) fn unpark(&self) {
            *lock(&self.1.is_there) = true;
            self.1.comes.notify_one();
        }
    }
}
