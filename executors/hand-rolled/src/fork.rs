//! Forks: a child of the process has a copy of all memory, but none of the other threads.
//!
//! A pool that counts on a thread, and a runtime that counts on workers, would wait for ever in the child. So
//! each notes how many forks lead to the process it was made in, and looks whether it is still there. To ask
//! the system for the id of the process, for each job, would take longer than many a job.
//!
//! The unsafe code relies on this: the function that the system calls in the child adds to an atomic, and does
//! nothing else, because locks may be held by threads that are not there.

#![cfg_attr(all(unix, not(loom), not(miri)), expect(unsafe_code, reason = "std does not know of forks"))]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The number of forks that lead to this process, since it has been watched.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of forks that lead to this process, counted from the first call on.
pub(crate) fn generation() -> usize {
    #[cfg(all(unix, not(loom), not(miri)))]
    watch();
    FORKS.load(Relaxed)
}

/// Returns true in a process that is a child of the one which had this generation.
#[inline]
pub(crate) fn is_child_of(generation: usize) -> bool {
    FORKS.load(Relaxed) != generation
}

/// Has the system count forks from now on. Miri knows none.
#[cfg(all(unix, not(loom), not(miri)))]
fn watch() {
    use std::{ffi::c_int, sync::Once};

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }
    extern "C" fn count() {
        FORKS.fetch_add(1, Relaxed);
    }

    static WATCHED: Once = Once::new();
    // SAFETY: the function lives as long as the process, and does what a child may do; see the head of the
    // file. If it is refused, for want of memory, a child is not told from its parent.
    WATCHED.call_once(|| _ = unsafe { pthread_atfork(None, None, Some(count)) });
}
