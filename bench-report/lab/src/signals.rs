//! Signals that end a command in order.

use std::{
    ffi::c_int,
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result};
#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Ctrl-C, a kill that asks, and a terminal that is gone.
#[cfg(unix)]
const SIGNALS: [c_int; 3] = [SIGINT, SIGTERM, SIGHUP];
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

/// Returns the set of the signals that this process ignores, a bit each; empty where the system does not say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}
