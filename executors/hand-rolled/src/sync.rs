//! The primitives that threads share: std's, or loom's, under which `src/models` tries every interleaving.
//!
//! Each protocol between threads takes its parts from here. Not from here are `Arc`, of which loom knows no
//! weak ones, and clocks, which no protocol may depend on.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic},
    thread_local,
};

use std::{
    hint,
    sync::PoisonError,
    time::{Duration, Instant},
};

/// Locks a mutex of the runtime, which no panic can leave half changed: no code of the user runs under it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a fence with [`SeqCst`](atomic::Ordering::SeqCst), just after the caller has exchanged the value of an
/// atomic.
///
/// (As Linux has it, `smp_mb__after_atomic`.)
#[inline]
pub(crate) fn fence_after_exchange() {
    // On these, an exchange is a locked instruction, and as such passes a fence: only the compiler has to be
    // kept from moving what comes before or after.
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(loom), not(miri)))]
    atomic::compiler_fence(atomic::Ordering::SeqCst);
    #[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), not(loom), not(miri))))]
    atomic::fence(atomic::Ordering::SeqCst);
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

/// A cell that is written once, of which loom can see who finds it written.
#[cfg(loom)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_written: atomic::AtomicBool,
}

#[cfg(loom)]
impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock { value: std::sync::OnceLock::new(), is_written: atomic::AtomicBool::new(false) }
    }
}

#[cfg(loom)]
impl<T> OnceLock<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.is_written.load(atomic::Ordering::Acquire).then(|| self.value.get())?
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        self.is_written.swap(true, atomic::Ordering::AcqRel);
        value
    }
}

/// A cell whose accesses loom can see.
#[cfg(loom)]
pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

#[cfg(loom)]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(loom::cell::UnsafeCell::new(value))
    }

    /// Counts as a write, as the making of a cell does not.
    #[expect(unsafe_code, reason = "loom tells the place of a cell's value to a reference only")]
    pub(crate) unsafe fn raw(this: *mut Self) -> *mut T {
        // SAFETY: the caller has made the cell there.
        unsafe { &*this }.0.with_mut(|place| place)
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        self.0.with(read)
    }

    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(write)
    }
}

/// A cell whose accesses loom could see.
#[cfg(not(loom))]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// Returns the place of the value in a cell, which may hold none yet.
    ///
    /// # Safety
    ///
    /// The pointer is to a cell, or to room for one.
    #[inline]
    #[expect(unsafe_code, reason = "loom's needs the cell")]
    pub(crate) unsafe fn raw(this: *mut Self) -> *mut T {
        this.cast()
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

/// The number of parts that the threads of the process are divided into, where those of each part share something.
pub(crate) const PARTS: usize = if cfg!(loom) { 1 } else { 4 };

/// Returns the part that the current thread belongs to. Threads that ask for the first time one after the other belong to
/// different parts.
pub(crate) fn part() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    std::thread_local! {
        static PART: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % PARTS;
    }
    PART.with(|part| *part)
}

/// Longer than a yield takes that runs no other thread, and shorter than one that does: two switches and what that thread does.
const A_MOMENT: Duration = Duration::from_micros(1);

/// Spins for a moment until something is over; returns true if it is.
pub(crate) fn spin_until(mut is_over: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_over() {
        // No branch of a model may depend on the clock.
        if cfg!(loom) || start.elapsed() > A_MOMENT {
            return false;
        }
        hint::spin_loop();
    }
    true
}

/// The end of [`yield_until`].
pub(crate) struct Yielded {
    /// True if what the thread waited for is over.
    pub(crate) is_over: bool,
    /// True if its last yield ran another thread on its processor.
    pub(crate) has_switched: bool,
}

/// Yields the processor some times, for some microseconds, until something is over.
///
/// It ends, too, when a yield has given the processor away for long: on a busy machine a thread that yields may not run again
/// for milliseconds, and one that sleeps runs as soon as it is woken.
pub(crate) fn yield_until(mut is_over: impl FnMut() -> bool) -> Yielded {
    const YIELDS: u32 = if cfg!(loom) { 1 } else { 16 };
    const LONGEST: Duration = Duration::from_micros(20);
    let start = Instant::now();
    let (mut before, mut has_switched) = (Duration::ZERO, false);
    for _ in 0..YIELDS {
        if is_over() {
            return Yielded { is_over: true, has_switched };
        }
        thread::yield_now();
        if cfg!(loom) {
            continue;
        }
        let now = start.elapsed();
        has_switched = now - before > A_MOMENT;
        if now > LONGEST {
            return Yielded { is_over: false, has_switched };
        }
        before = now;
    }
    Yielded { is_over: is_over(), has_switched }
}

/// Std's threads.
#[cfg(not(loom))]
pub(crate) mod thread {
    use std::io;

    pub(crate) use std::thread::{Builder, JoinHandle, ThreadId, current, yield_now};

    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        Builder::new().name(name.into()).spawn(work)
    }
}

/// Loom's threads.
#[cfg(loom)]
pub(crate) mod thread {
    use std::{cell::Cell, io};

    #[cfg(test)]
    pub(crate) use loom::thread::spawn;
    pub(crate) use loom::thread::{Builder, JoinHandle, ThreadId, current, yield_now};

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
}
