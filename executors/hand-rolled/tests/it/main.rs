//! The tests of the runtime through its public API: asyncio's cases, and what the runtime promises beyond
//! them and beyond the laws of the contract.

mod cases;
mod python;
mod runtime;
mod support;

use support::*;
