//! What a run costs apart from the clock: allocations, instructions, system calls; counted inside a process.
//!
//! Allocations are counted by the allocator of the program that runs this, which is `count-costs`; its runs are slower for
//! that, and no clock is read around them. Instructions and system calls are counted by the kernel, where it does.

mod kernel;

use std::{hint, sync::Arc, time::Duration};

use anyhow::{Result, anyhow, ensure};
use stats_alloc::INSTRUMENTED_SYSTEM;

use self::kernel::Kernel;
use crate::{
    case::{OpenCase, Read},
    protocol::{Costs, Tally},
};

/// Runs before those that are counted: what is made once and kept is no cost of a run.
const WARM_UPS: usize = 2;
/// Runs that are counted.
const RUNS: usize = 5;
/// Of a run that waits as long as this, fewer have to do: the check was one to warm up too.
const LONG: Duration = Duration::from_millis(60);
const LONG_RUNS: usize = 2;

/// The counters of this process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    allocations: u64,
    allocated_bytes: u64,
    instructions: Option<u64>,
    system_calls: Option<u64>,
}

/// The counters of this process; open before the executor starts its threads, or those are not counted.
pub(crate) struct Counters {
    kernel: Arc<Kernel>,
}

impl Counters {
    /// Opens what the kernel allows.
    ///
    /// # Errors
    ///
    /// If the allocator of this program does not count.
    pub(crate) fn open() -> Result<Counters> {
        ensure!(allocator_counts(), "this program does not count allocations, `count-costs` does");
        Ok(Counters { kernel: Arc::new(Kernel::open()) })
    }

    /// Runs a case a few times and counts what each run costs.
    ///
    /// # Errors
    ///
    /// If an answer was wrong.
    pub(crate) fn count(&self, case: &dyn OpenCase) -> Result<Costs> {
        let kernel = self.kernel.clone();
        let read: Read = Arc::new(move || read(&kernel));
        // To read costs a little itself; what nothing costs is taken off again.
        let nothing = (0..3).map(|_| Cost::between([read(), read()])).reduce(Cost::least);
        let nothing = nothing.expect("three readings");
        let (warm_ups, runs) = if case.ideal() < LONG { (WARM_UPS, RUNS) } else { (0, LONG_RUNS) };
        let readings = case.count(warm_ups + runs, read).map_err(|complaint| anyhow!(complaint))?;
        let runs: Vec<Cost> =
            readings[warm_ups..].iter().map(|&pair| Cost::between(pair) - nothing).collect();
        let tally = |opened: &Result<&'static str, String>, figure: fn(&Cost) -> Option<u64>| match opened {
            Err(reason) => Tally::Refused(reason.clone()),
            Ok(unit) => match runs.iter().map(figure).collect() {
                Some(runs) => Tally::Counted { unit: (*unit).to_owned(), runs },
                None => Tally::Refused("the kernel's counter did not run all the time".to_owned()),
            },
        };
        Ok(Costs {
            operations: case.operations(),
            allocations: runs.iter().map(|run| run.allocations).collect(),
            allocated_bytes: runs.iter().map(|run| run.allocated_bytes).collect(),
            instructions: tally(&self.kernel.instructions_unit(), |run| run.instructions),
            system_calls: tally(&self.kernel.system_calls_unit(), |run| run.system_calls),
        })
    }
}

/// Whether the allocator of this program counts.
pub(crate) fn allocator_counts() -> bool {
    let before = INSTRUMENTED_SYSTEM.stats().allocations;
    hint::black_box(Box::new(0_u8));
    INSTRUMENTED_SYSTEM.stats().allocations > before
}

/// The counters' difference over a run.
type Cost = Reading;

impl Cost {
    fn between([before, after]: [Reading; 2]) -> Cost {
        after - before
    }

    fn least(self, other: Cost) -> Cost {
        self.pairwise(other, u64::min)
    }

    fn pairwise(self, other: Cost, combine: fn(u64, u64) -> u64) -> Cost {
        let both = |left: Option<u64>, right: Option<u64>| Some(combine(left?, right?));
        Cost {
            allocations: combine(self.allocations, other.allocations),
            allocated_bytes: combine(self.allocated_bytes, other.allocated_bytes),
            instructions: both(self.instructions, other.instructions),
            system_calls: both(self.system_calls, other.system_calls),
        }
    }
}

impl std::ops::Sub for Reading {
    type Output = Cost;

    fn sub(self, earlier: Reading) -> Cost {
        self.pairwise(earlier, u64::saturating_sub)
    }
}

fn read(kernel: &Kernel) -> Reading {
    let stats = INSTRUMENTED_SYSTEM.stats();
    Reading {
        // A reallocation may be a new place and a copy; it costs what an allocation costs.
        allocations: (stats.allocations + stats.reallocations) as u64,
        allocated_bytes: stats.bytes_allocated as u64,
        instructions: kernel.instructions(),
        system_calls: kernel.system_calls(),
    }
}
