//! The schedule of a run: when each request is due, and on which connection.

use std::time::Duration;

use fastrand::Rng;

/// The connections that requests come in on.
pub(crate) const CONNECTIONS: usize = 100;

/// The requests of a run, by when they are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) due: Vec<Due>,
}

/// A request of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time from the beginning of the run.
    pub(crate) after: Duration,
    pub(crate) connection: usize,
}

impl Schedule {
    /// Draws a schedule from a seed: `requests` in `length`, the last of them at its end, each on any connection.
    ///
    /// Times drawn evenly and put in order are those of a Poisson process of which the number is known: as many users as one
    /// likes, each on their own. So every run has as many requests as the others and takes as long.
    pub(crate) fn of(seed: u64, requests: u64, length: Duration) -> Schedule {
        let mut random = Rng::with_seed(seed);
        let whole = length.as_nanos() as u64;
        let mut times: Vec<u64> = (1..requests).map(|_| random.u64(0..whole)).collect();
        times.push(whole);
        times.sort_unstable();
        let mut due =
            |nanos| Due { after: Duration::from_nanos(nanos), connection: random.usize(0..CONNECTIONS) };
        Schedule { due: times.into_iter().map(&mut due).collect() }
    }

    /// Counts the requests on each connection.
    pub(crate) fn of_each_connection(&self) -> [usize; CONNECTIONS] {
        let mut counts = [0; CONNECTIONS];
        for due in &self.due {
            counts[due.connection] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_millis(100);

    #[test]
    fn a_schedule_is_that_of_its_seed_in_order_and_ends_on_time() {
        let schedule = Schedule::of(1, 1_000, LENGTH);
        assert_eq!(schedule.due, Schedule::of(1, 1_000, LENGTH).due);
        assert_ne!(schedule.due, Schedule::of(2, 1_000, LENGTH).due);
        assert!(schedule.due.is_sorted_by_key(|due| due.after));
        assert_eq!(schedule.due.last().map(|due| due.after), Some(LENGTH));
        assert_eq!(schedule.of_each_connection().iter().sum::<usize>(), 1_000);
    }

    #[test]
    fn gaps_are_those_of_a_poisson_process() {
        // Exponential: as many as 1/e are longer than the mean, and 1/e^3 longer than thrice that.
        let schedule = Schedule::of(3, 100_000, Duration::from_secs(10));
        let mean = Duration::from_micros(100);
        let longer = |than: Duration| {
            let gaps = schedule.due.windows(2).map(|pair| pair[1].after - pair[0].after);
            gaps.filter(|gap| *gap > than).count() as f64 / 1e5
        };
        assert!((longer(mean) - 0.3679).abs() < 0.01, "{}", longer(mean));
        assert!((longer(3 * mean) - 0.0498).abs() < 0.005, "{}", longer(3 * mean));
    }

    #[test]
    fn every_connection_has_its_share() {
        let counts = Schedule::of(4, 100_000, LENGTH).of_each_connection();
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
