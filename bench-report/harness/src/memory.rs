//! Measures what a task costs in memory: what one run adds to the peak of a fresh process.
//!
//! The slope of the line through several sizes is the answer: the executor, its threads and the program itself weigh the
//! same at each size, and go into where the line begins.

use lane_protocol::MemoryUse;

use crate::{case::OpenCase, platform};

/// Runs a case once, in a process that has done nothing else, and returns its peak before and after.
///
/// # Errors
///
/// If the answer was wrong, or the system does not tell a peak.
pub(crate) fn measure(case: &OpenCase) -> Result<MemoryUse, String> {
    let peak = || platform::peak_rss().ok_or("this system does not say how much memory a process has");
    // Memory that was taken to get here, and given back, must not hide what the run takes.
    platform::forget_peak_rss();
    let before = peak()?;
    case.sample(1).map_err(|fault| fault.to_string())?;
    Ok(MemoryUse { before, after: peak()? })
}
