//! The work and the workers of a lane as they were seen, and the lateness of its sleeps.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The work and the workers of a lane, as seen in a run that was checked and not timed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// Threads that polled tasks.
    pub threads: usize,
    /// Tasks spawned, the root not counted.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub finished: u64,
    /// Tasks whose future was dropped before its end.
    pub cancelled: u64,
    /// Polls of tasks and root; absent for a program, which does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<u64>,
    /// Jobs given to the blocking pool.
    pub jobs: u64,
    /// The most jobs that ran at once; absent for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_at_once: Option<u64>,
    /// The most tasks that had been spawned and not ended; absent for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u64>,
    /// Sleeps that ended.
    #[serde(default)]
    pub sleeps: u64,
    /// Workers that came when all were called together.
    #[serde(default)]
    pub workers: usize,
    /// True if one of them was seen to poll the root of the run.
    #[serde(default)]
    pub root_on_worker: bool,
    /// The processors that the workers may run on, as Linux writes it ("0-3,8"), or "unknown".
    #[serde(default = "unknown")]
    pub cpus: String,
    /// Threads of the process before the first sample; absent where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_before: Option<usize>,
    /// Threads of the process after the last sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_after: Option<usize>,
    /// The mechanism by which the lane waited for sockets, such as `epoll`; absent where no task uses any, and for a program
    /// that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

/// The lateness of sleeps: the time from when each was due until its task went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lateness {
    /// The number of sleeps that ended.
    pub samples: u64,
    /// The distribution, to one significant digit: lateness in ns and how many sleeps had it, ascending.
    pub histogram: Vec<(u64, u64)>,
}

impl Lateness {
    /// Publishes a histogram of nanoseconds; `None` if it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Option<Lateness> {
        let values = histogram.iter_recorded();
        let pairs = values.map(|value| (value.value_iterated_to(), value.count_since_last_iteration()));
        (!histogram.is_empty()).then(|| Lateness { samples: histogram.len(), histogram: pairs.collect() })
    }

    /// Adds every sleep to a histogram of nanoseconds.
    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for &(value, count) in &self.histogram {
            histogram.saturating_record_n(value, count);
        }
    }
}

/// Makes an empty histogram of nanoseconds, up to an hour, to `digits` significant digits; a longer time counts as an hour.
///
/// # Panics
///
/// If `digits` is more than 5.
pub fn histogram(digits: u8) -> Histogram<u64> {
    const AN_HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_max(AN_HOUR, digits).expect("an hour in a few digits is within what the crate allows")
}

fn unknown() -> String {
    "unknown".to_owned()
}
