//! What a task costs in memory: what one run adds to the peak of a fresh process.
//!
//! The slope of the line through several sizes is the answer: the executor, its threads and the program itself weigh the
//! same at each size, and go into where the line begins.

use anyhow::{Context, Result, anyhow};

use crate::{case::OpenCase, platform, protocol::MemoryUse};

/// Runs a case once, in a process that has done nothing else, and says what that added to its peak.
///
/// # Errors
///
/// If the answer was wrong, or the system does not say.
pub(crate) fn measure(case: &dyn OpenCase) -> Result<MemoryUse> {
    let peak = || platform::peak_rss().context("this system does not say how much memory a process has");
    // What it took to get here, and was given back, does not hide what the run takes.
    platform::forget_peak_rss();
    let before = peak()?;
    case.sample(1).map_err(|complaint| anyhow!(complaint))?;
    Ok(MemoryUse { before, after: peak()? })
}
