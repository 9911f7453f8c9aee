//! Counts what a run costs besides time: allocations, instructions and system calls.
//!
//! Instructions and system calls are counted by the kernel, where it does; instructions in runs of their own, because in those of
//! the allocations the allocator's counting would be among them. No time is a figure here.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lane_protocol::{Costs, Tally};

use crate::{
    allocator::Counting,
    case::OpenCase,
    counters::{Read, Reading},
    kernel::Kernel,
};

/// Runs before those that are counted: an allocation that is made once and kept is no cost of a run.
const WARM_UPS: u64 = 2;
/// Runs that are counted.
const RUNS: u64 = 3;
/// Runs of which the first takes at least this long are warmed up once, and counted [twice](LONG_RUNS).
const LONG: Duration = Duration::from_millis(30);
const LONG_RUNS: u64 = 2;

/// The counters of this process; open before the executor starts its threads, or those are not counted.
pub(crate) struct Counters {
    kernel: Arc<Kernel>,
}

impl Counters {
    /// Opens those that the kernel allows.
    ///
    /// # Errors
    ///
    /// If the allocator of this program does not count.
    pub(crate) fn open() -> Result<Counters, String> {
        Counting::begin()?;
        Ok(Counters { kernel: Arc::new(Kernel::open()) })
    }

    /// Runs a case a few times and counts what each run costs.
    ///
    /// # Errors
    ///
    /// If an answer was wrong.
    pub(crate) fn count(&self, case: &OpenCase) -> Result<Costs, String> {
        let [instructions, system_calls] = [self.kernel.instructions_unit(), self.kernel.system_calls_unit()];
        let by_kernel = if instructions.is_ok() { self.runs(case)? } else { Vec::new() };
        let counting = Counting::begin()?;
        let by_allocator = self.runs(case)?;
        drop(counting);
        // The allocator's counting asks the system for nothing.
        let of_system = if instructions.is_ok() { &by_kernel } else { &by_allocator };
        Ok(Costs {
            operations: case.operations(),
            allocations: by_allocator.iter().map(|run| run.allocations).collect(),
            allocated_bytes: by_allocator.iter().map(|run| run.allocated_bytes).collect(),
            instructions: tally(instructions, &by_kernel, |run| run.instructions),
            system_calls: tally(system_calls, of_system, |run| run.system_calls),
        })
    }

    /// Returns what each of a few runs added to the counters, after some that warm up.
    fn runs(&self, case: &OpenCase) -> Result<Vec<Reading>, String> {
        let kernel = self.kernel.clone();
        let read: Read = Arc::new(move || Reading::take(&kernel));
        // Reading the counters costs something itself: an empty interval is measured and taken off.
        let nothing = (0..3).map(|_| Reading::between([read(), read()])).reduce(Reading::least);
        let nothing = nothing.expect("three readings");
        let begun = Instant::now();
        case.count(1, read.clone())?;
        let (warm_ups, runs) = if begun.elapsed() < LONG { (WARM_UPS - 1, RUNS) } else { (0, LONG_RUNS) };
        let readings = case.count(warm_ups + runs, read)?;
        let counted = readings.into_iter().skip(warm_ups as usize);
        Ok(counted.map(|pair| Reading::between(pair).minus(nothing)).collect())
    }
}

fn tally(
    unit: Result<&'static str, String>,
    runs: &[Reading],
    counter: fn(&Reading) -> Option<u64>,
) -> Tally {
    match (unit, runs.iter().map(counter).collect()) {
        (Err(reason), _) => Tally::Refused(reason),
        (Ok(unit), Some(runs)) => Tally::Counted { unit: unit.to_owned(), runs },
        (Ok(_), None) => Tally::Refused("the kernel's counter did not run all the time".to_owned()),
    }
}
