//! The parts of runs that are measured, where that is not the whole: reads clock and kernel at their boundaries.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use workload_api::Boundary;

use crate::platform::Usage;

/// The resources of the parts that have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// The number of parts.
    pub(crate) ended: u64,
    /// Time on the clock.
    pub(crate) wall: Duration,
    /// The resources of the process meanwhile, where the system says.
    pub(crate) usage: Option<Usage>,
}

/// Ambient, as everything a task asks of its executor is: one process runs one workload, and one run at a time.
static GATHERED: Mutex<Gathered> = Mutex::new(Gathered { begun: None, parts: NONE });

const NOTHING: Usage =
    Usage { cpu: Duration::ZERO, voluntary_switches: Some(0), involuntary_switches: Some(0) };
const NONE: Parts = Parts { ended: 0, wall: Duration::ZERO, usage: Some(NOTHING) };

struct Gathered {
    begun: Option<(Instant, Option<Usage>)>,
    parts: Parts,
}

/// Begins to gather.
pub(crate) fn watch() {
    workload_api::observe_parts(observe);
}

/// Takes what has been gathered since the last time.
pub(crate) fn take() -> Parts {
    let mut gathered = lock();
    gathered.begun = None;
    std::mem::replace(&mut gathered.parts, NONE)
}

fn observe(boundary: Boundary) {
    let usage = Usage::now();
    let now = Instant::now();
    let mut gathered = lock();
    match boundary {
        Boundary::Begin => gathered.begun = Some((now, usage)),
        Boundary::End => {
            let Some((begun, before)) = gathered.begun.take() else { return };
            let parts = &mut gathered.parts;
            parts.ended += 1;
            parts.wall += now - begun;
            let used = before.zip(usage).map(|(before, after)| after - before);
            parts.usage = parts.usage.zip(used).map(|(sum, used)| sum + used);
        }
    }
}

fn lock() -> MutexGuard<'static, Gathered> {
    GATHERED.lock().unwrap_or_else(PoisonError::into_inner)
}
