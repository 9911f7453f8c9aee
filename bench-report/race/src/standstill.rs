//! Notices time in which the race itself stood still: Ctrl-Z, a frozen container, a batch system that suspends, a laptop
//! that sleeps.
//!
//! Most of these tell nobody, and some stop the lanes too and others do not. What they have in common is a gap: a thread
//! that looks at the clock many times a second has not looked. So a gap is time that counts for nobody. A stop of this process
//! alone ends with a signal, and so is noticed however short it was; of a freezer the thread's naps tell (`nap`).

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{nap::nap, platform};

/// The pause between two looks at the clock.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A gap as long as this is a standstill, whatever the kernel says of the thread. On a busy machine it looks much sooner.
const NOTICED: Duration = Duration::from_secs(1);

/// A look that is so late may be about to tell of a standstill.
const OVERDUE: Duration = Duration::from_millis(60);

/// The standstills of this process; clones have them in common.
#[derive(Clone, Debug)]
pub struct Standstills(Arc<Mutex<Seen>>);

/// The standstills of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stood {
    /// Their number.
    pub times: usize,
    /// Their length, the sleep of the machine included.
    pub whole: Duration,
    /// Their length on the clock that times and limits are read from, which does not go on while the machine sleeps.
    on_the_clock: Duration,
}

/// A stopwatch that does not count standstills.
#[derive(Debug)]
pub struct Stopwatch {
    standstills: Standstills,
    start: Instant,
    before: Stood,
}

#[derive(Debug)]
struct Seen {
    last: Moment,
    stood: Stood,
    /// The part of them that the journal has.
    told: Stood,
    /// The begin of the watcher's nap; absent if there is no watcher.
    nap: Option<Instant>,
    /// Set by the signal that ends a stop.
    continued: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    clock: Instant,
    /// Time since the machine was started, its sleep included; absent where the system does not say.
    since_boot: Option<Duration>,
}

impl Standstills {
    /// Begins to look, until the last clone is dropped.
    pub fn watch() -> Standstills {
        let seen = Seen::from(Moment::now());
        // Without the signal a stop of a second and more is still noticed.
        platform::set_when_continued(&seen.continued).ok();
        let standstills = Standstills(Arc::new(Mutex::new(seen)));
        let seen = Arc::downgrade(&standstills.0);
        // Without the thread a long gap is still noticed wherever the lab waits for a lane.
        thread::Builder::new().name("standstills".to_owned()).spawn(move || look_on(&seen)).ok();
        standstills
    }

    /// Starts a stopwatch.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch { standstills: self.clone(), before: self.look(), start: Instant::now() }
    }

    /// Looks at the clock, and returns the standstills so far.
    fn look(&self) -> Stood {
        let mut seen = self.seen();
        seen.look_at(Moment::now());
        seen.stood
    }

    /// Waits for a watcher that is late: it may have been held.
    fn wait_for_watcher(&self) {
        let start = Instant::now();
        let is_late = || self.seen().nap.is_some_and(|nap| nap.elapsed() > OVERDUE);
        while is_late() && start.elapsed() < NOTICED {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the standstills that it has not returned before, so that each is told once, and none is forgotten because
    /// nothing was measured meanwhile.
    pub(crate) fn untold(&self) -> Stood {
        let stood = self.look();
        let mut seen = self.seen();
        let untold = stood.since(seen.told);
        seen.told = stood;
        untold
    }
}

impl Stopwatch {
    /// Returns the time since it was started, without standstills.
    pub fn elapsed(&self) -> Duration {
        // In this order: a standstill between the two counts in neither.
        let elapsed = self.start.elapsed();
        elapsed.saturating_sub(self.standstills.look().since(self.before).on_the_clock)
    }

    /// Returns the standstills since it was started.
    pub fn stood(&self) -> Stood {
        self.standstills.wait_for_watcher();
        self.standstills.look().since(self.before)
    }
}

impl Stood {
    /// Tells whether there were none.
    pub fn is_none(&self) -> bool {
        self.times == 0
    }

    fn since(self, before: Stood) -> Stood {
        Stood {
            times: self.times - before.times,
            whole: self.whole - before.whole,
            on_the_clock: self.on_the_clock - before.on_the_clock,
        }
    }
}

impl Seen {
    fn from(last: Moment) -> Seen {
        Seen { last, stood: Stood::default(), told: Stood::default(), nap: None, continued: Arc::default() }
    }

    /// Looks after a nap that began when there were so many standstills, in which the thread was `held`; and before the next
    /// one, for which it returns their number.
    fn look_after(&mut self, nap_with: usize, held: Option<Duration>) -> usize {
        self.look_at(Moment::now());
        // Another thread that has looked since may have noticed the same one.
        if let Some(held) = held.filter(|_| self.stood.times == nap_with) {
            self.stood.times += 1;
            self.stood.whole += held;
            self.stood.on_the_clock += held;
        }
        self.nap = Some(Instant::now());
        self.stood.times
    }

    fn look_at(&mut self, now: Moment) {
        let on_the_clock = now.clock.saturating_duration_since(self.last.clock);
        let since_boot = now.since_boot.zip(self.last.since_boot);
        let whole = since_boot.map_or(Duration::ZERO, |(now, last)| now.saturating_sub(last));
        let whole = whole.max(on_the_clock);
        if self.continued.swap(false, SeqCst) || whole >= NOTICED {
            self.stood.times += 1;
            self.stood.whole += whole.saturating_sub(BETWEEN_LOOKS);
            self.stood.on_the_clock += on_the_clock.saturating_sub(BETWEEN_LOOKS);
        }
        self.last = now;
    }
}

impl Moment {
    fn now() -> Moment {
        Moment { clock: Instant::now(), since_boot: platform::since_boot() }
    }
}

fn look_on(seen: &Weak<Mutex<Seen>>) {
    platform::hear_no_signals();
    let (mut held, mut nap_with) = (None, 0);
    while let Some(standstills) = seen.upgrade().map(Standstills) {
        nap_with = standstills.seen().look_after(nap_with, held);
        drop(standstills);
        held = nap(BETWEEN_LOOKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns what is noticed if the clock and the time since boot have gone on by so much between two looks.
    fn noticed(clock: Duration, since_boot: Option<Duration>) -> Stood {
        let last = Moment { clock: Instant::now(), since_boot: since_boot.map(|_| SECOND) };
        let mut seen = Seen::from(last);
        let now = Moment { clock: last.clock + clock, since_boot: since_boot.map(|time| SECOND + time) };
        seen.look_at(now);
        seen.look_at(now);
        seen.stood
    }

    #[test]
    fn a_gap_is_a_standstill_and_a_late_look_is_none() {
        assert!(noticed(BETWEEN_LOOKS * 3, Some(BETWEEN_LOOKS * 3)).is_none());
        let stopped = noticed(6 * SECOND, Some(6 * SECOND));
        let gone = 6 * SECOND - BETWEEN_LOOKS;
        assert_eq!(stopped, Stood { times: 1, whole: gone, on_the_clock: gone });
        assert_eq!(noticed(6 * SECOND, None), stopped);
    }

    #[test]
    fn a_stop_that_ends_with_a_signal_is_a_standstill_however_short() {
        let mut seen = Seen::from(Moment { clock: Instant::now(), since_boot: None });
        let later = |time| Moment { clock: seen.last.clock + time, since_boot: None };
        let [soon, next] = [BETWEEN_LOOKS / 2, BETWEEN_LOOKS * 2].map(later);
        seen.continued.store(true, SeqCst);
        seen.look_at(soon);
        assert_eq!(seen.stood, Stood { times: 1, ..Stood::default() });
        seen.look_at(next);
        assert_eq!(seen.stood.times, 1, "it has come once");
    }

    #[test]
    fn a_nap_in_which_the_watcher_was_held_is_a_standstill_once() {
        let mut seen = Seen::from(Moment::now());
        let before = seen.look_after(0, None);
        let held = Some(BETWEEN_LOOKS * 5);
        assert_eq!(seen.look_after(before, held), 1);
        let gone = BETWEEN_LOOKS * 5;
        assert_eq!(seen.stood, Stood { times: 1, whole: gone, on_the_clock: gone });
        assert_eq!(seen.look_after(before, held), 1, "somebody else has noticed it meanwhile");
        assert_eq!(seen.look_after(1, None), 1);
    }

    #[test]
    fn a_standstill_is_told_once_whenever_it_was() {
        let standstills = Standstills::watch();
        assert!(standstills.untold().is_none());
        let stopwatch = standstills.stopwatch();
        let later = Moment { clock: Instant::now() + 6 * SECOND, since_boot: None };
        standstills.0.lock().expect("nothing has failed").look_at(later);
        assert_eq!(stopwatch.stood().times, 1);
        assert!(standstills.stopwatch().stood().is_none(), "it was before this turn");
        assert_eq!(standstills.untold().times, 1);
        assert!(standstills.untold().is_none());
    }

    #[test]
    fn the_sleep_of_a_machine_is_a_standstill_in_which_the_clock_does_not_go_on() {
        let asleep = noticed(BETWEEN_LOOKS, Some(60 * SECOND));
        let whole = 60 * SECOND - BETWEEN_LOOKS;
        assert_eq!(asleep, Stood { times: 1, whole, on_the_clock: Duration::ZERO });
    }
}
