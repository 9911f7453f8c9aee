//! A nap of the thread that looks for standstills. It tells whether the thread was held: frozen, or stopped by a debugger.
//!
//! A thread that gets up late has mostly waited for a processor, which the kernel counts; what it counts nowhere is the time
//! in which the thread was held. And an undisturbed nap is one switch of the thread: most who hold a thread wake it first, to
//! have it wait elsewhere, so that a nap has more of them, however short it was held.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::platform;

/// A delay without a reason as long as this is a standstill. A virtual machine whose processors others need has shorter ones.
const NOTICED: Duration = Duration::from_millis(200);

/// The kernel's accounts of this thread.
#[derive(Clone, Copy, Debug)]
struct Accounts {
    /// The time for which it has waited for a processor; absent where the system does not say.
    waited: Option<Duration>,
    /// The number of times that it gave its processor away.
    switches: Option<u64>,
}

/// Sleeps, and returns the time for which the thread was held beyond that if it was held; as far as the system tells.
pub(crate) fn nap(length: Duration) -> Option<Duration> {
    // The time in line is read from a file, which may switch the thread itself: that is no part of the nap.
    let waited = platform::waited_for_processor();
    let before = Accounts { waited, switches: platform::voluntary_switches() };
    let start = Instant::now();
    thread::sleep(length);
    let late = start.elapsed().saturating_sub(length);
    let switches = platform::voluntary_switches();
    held(late, before, Accounts { waited: platform::waited_for_processor(), switches })
}

/// Finds out for how long a thread was held, that got up so `late`; `None` if it was not.
fn held(late: Duration, before: Accounts, after: Accounts) -> Option<Duration> {
    let waited = after.waited.zip(before.waited).map(|(after, before)| after.saturating_sub(before));
    // All of the delay may have been time in line if that is unknown.
    let held = waited.map_or(Duration::ZERO, |waited| late.saturating_sub(waited));
    let switches =
        after.switches.zip(before.switches).map_or(1, |(after, before)| after.saturating_sub(before));
    (switches > 1 || held >= NOTICED).then_some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    /// Returns what is noticed if a thread gets up so late, for so long in line, after so many switches.
    fn noticed(late: Duration, waited: Option<Duration>, switches: u64) -> Option<Duration> {
        let before = Accounts { waited: waited.map(|_| MOMENT), switches: Some(7) };
        let after = Accounts { waited: waited.map(|time| MOMENT + time), switches: Some(7 + switches) };
        held(late, before, after)
    }

    #[test]
    fn a_delay_that_nothing_explains_is_a_standstill() {
        assert_eq!(noticed(NOTICED, Some(Duration::ZERO), 1), Some(NOTICED));
        assert_eq!(noticed(NOTICED, Some(MOMENT), 1), None, "it was in line for a part of it");
        assert_eq!(noticed(20 * NOTICED, Some(20 * NOTICED), 1), None, "the machine is busy");
        assert_eq!(noticed(20 * NOTICED, None, 1), None, "nobody says that it was not in line");
    }

    #[test]
    fn a_nap_of_several_switches_is_a_standstill_however_short() {
        assert_eq!(noticed(Duration::ZERO, Some(Duration::ZERO), 2), Some(Duration::ZERO));
        assert_eq!(noticed(3 * MOMENT, Some(MOMENT), 3), Some(2 * MOMENT));
        let unknown = Accounts { waited: None, switches: None };
        assert_eq!(held(20 * NOTICED, unknown, unknown), None);
    }

    #[test]
    fn a_nap_that_nobody_disturbs_is_none() {
        let naps = thread::spawn(|| {
            platform::hear_no_signals();
            (0..20).filter_map(|_| nap(MOMENT)).count()
        });
        assert_eq!(naps.join().expect("it panics nowhere"), 0);
    }
}
