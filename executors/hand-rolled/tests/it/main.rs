//! The tests of the runtime through its public API: asyncio's cases, and what the runtime promises beyond
//! them and beyond the laws of the contract.

mod alone;
mod cases;
mod faults;
#[cfg(all(target_os = "linux", not(miri)))]
mod net;
mod python;
mod runtime;
mod support;

use alone::*;
use support::*;
