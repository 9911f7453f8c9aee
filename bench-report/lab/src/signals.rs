//! Signals that end a command in order.

use std::{
    ffi::c_int,
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result};
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGXCPU, SIGXFSZ};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Ctrl-C, a kill that asks, a terminal that is gone, and a batch system whose processor time is used up.
#[cfg(unix)]
const SIGNALS: [c_int; 4] = [SIGINT, SIGTERM, SIGHUP, SIGXCPU];
#[cfg(not(unix))]
const SIGNALS: [c_int; 2] = [SIGINT, SIGTERM];

/// Returns a flag that is set by any of the signals that were not ignored when this process started.
///
/// Whoever starts it decides: `nohup` ignores the end of the terminal, and a shell Ctrl-C in what a script runs beside it.
pub(crate) fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let ignored = ignored();
    for signal in SIGNALS.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0) {
        signal_hook::flag::register(signal, interrupted.clone()).context("failed to listen for signals")?;
    }
    Ok(interrupted)
}

/// Has a file that would grow beyond the limit of its size be an error, as a full disk is, and not the end of this process.
#[cfg(unix)]
pub(crate) fn bear_limit_of_files() {
    if ignored() & (1 << (SIGXFSZ - 1)) == 0 {
        // Without it nothing is worse than before.
        signal_hook::flag::register(SIGXFSZ, Arc::default()).ok();
    }
}

/// Does nothing: files have no limits here.
#[cfg(not(unix))]
pub(crate) fn bear_limit_of_files() {}

/// Returns the set of the signals that this process ignores, a bit each; empty where the system does not say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}
