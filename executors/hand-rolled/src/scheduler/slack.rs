//! The slack of timers: the time by which Linux lets a thread oversleep, to wake several at once.
//!
//! It is 50 µs for a thread that asks for nothing else. Timers of a runtime that are due together fire together
//! anyway, so that a worker has nothing from it but sleeps that end late.
//!
//! The unsafe code relies on this: the call takes two numbers and changes nothing but the slack of the thread.

#![cfg_attr(all(target_os = "linux", not(loom), not(miri)), expect(unsafe_code, reason = "std has no slack"))]

/// Keeps the slack of the current thread at the least there is, until it is dropped.
pub(super) struct NoSlack {
    /// The slack before, in nanoseconds; `None` if the system has none, or does not say.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is nothing to restore"))]
    before: Option<u64>,
}

impl NoSlack {
    /// Takes the slack from the current thread.
    pub(super) fn on_this_thread() -> NoSlack {
        let before = slack();
        if before.is_some() {
            set_slack(1);
        }
        NoSlack { before }
    }
}

impl Drop for NoSlack {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            set_slack(before);
        }
    }
}

#[cfg(all(target_os = "linux", not(loom), not(miri)))]
unsafe extern "C" {
    fn prctl(option: std::ffi::c_int, ...) -> std::ffi::c_int;
}

/// Returns the slack of the current thread, in nanoseconds.
fn slack() -> Option<u64> {
    #[cfg(all(target_os = "linux", not(loom), not(miri)))]
    {
        const PR_GET_TIMERSLACK: std::ffi::c_int = 30;
        // SAFETY: it takes nothing else.
        let slack = unsafe { prctl(PR_GET_TIMERSLACK) };
        // One that does not fit looks like an error, and is left alone.
        u64::try_from(slack).ok()
    }
    #[cfg(not(all(target_os = "linux", not(loom), not(miri))))]
    None
}

/// Sets the slack of the current thread, in nanoseconds.
fn set_slack(nanoseconds: u64) {
    #[cfg(all(target_os = "linux", not(loom), not(miri)))]
    {
        const PR_SET_TIMERSLACK: std::ffi::c_int = 29;
        // SAFETY: it takes one more number, as large as a pointer. Zero would mean the default, and is no slack
        // that a thread can have.
        unsafe { prctl(PR_SET_TIMERSLACK, nanoseconds as std::ffi::c_ulong) };
    }
    #[cfg(not(all(target_os = "linux", not(loom), not(miri))))]
    let _ = nanoseconds;
}

#[cfg(all(test, target_os = "linux", not(loom), not(miri)))]
mod tests {
    use super::*;
    use crate::{Runtime, sleep};
    use std::time::Duration;

    #[test]
    fn a_driver_sleeps_without_slack_and_leaves_its_thread_as_it_was() {
        set_slack(70_000);
        Runtime::current_thread().block_on(async {
            sleep(Duration::from_millis(1)).await;
            assert_eq!(slack(), Some(1));
        });
        assert_eq!(slack(), Some(70_000));
    }
}
